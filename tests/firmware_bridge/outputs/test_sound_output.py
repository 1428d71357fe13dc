"""Sound on a named device: onset as the converter tells it, faults told and mended, silence in time."""

import builtins

import numpy as np
import pytest

from fake_sound_card import BLOCK, FS_HZ, SoundCard
from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.outputs.base import STOP_S, Onset
from sanctuary.firmware_bridge.outputs.cue import Cue, Modality
from sanctuary.firmware_bridge.outputs.sound import FIRST_PAUSE_S, SoundOutput, output_devices, sound_library
from virtual_boards import HandClock

TONE = Cue(Modality.SOUND, 40.0, 2.0, 0.1, (440.0,))


class Bench:
    """One output on a card, its clock and its onsets."""

    def __init__(self) -> None:
        self.card, self.clock, self.onsets = SoundCard(), HandClock(), []
        self.output = SoundOutput(
            "pillow", 80.0, 45.0, self.onsets.append, clock=self.clock, library=self.card
        )

    def fault(self) -> DeviceError:
        with pytest.raises(DeviceError) as caught:
            self.output.play(TONE, self.clock.now_s)
        return caught.value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_device_is_opened_with_the_first_cue_and_kept(bench: Bench) -> None:
    assert bench.card.streams == []
    bench.output.play(TONE, 0.0)
    bench.output.play(TONE, 0.0)
    (stream,) = bench.card.streams
    assert (stream.options["device"], stream.options["latency"]) == ("pillow", "low")
    assert np.abs(stream.pull(100)).max() > 0.0
    bench.output.close()
    assert not stream.running


def test_the_onset_is_when_the_converter_plays_the_first_sample(bench: Bench) -> None:
    bench.clock.now_s = 100.0
    bench.output.play(TONE, 99.98)
    bench.clock.now_s = 100.004
    bench.card.streams[0].pull(3)
    assert bench.onsets == [Onset(TONE, 99.98, pytest.approx(100.004 + bench.card.delay_s))]


def test_a_stop_is_silence_in_time_with_the_delay_of_the_device(bench: Bench) -> None:
    bench.output.play(TONE, 0.0)
    stream = bench.card.streams[0]
    stream.pull(50)
    assert bench.output.busy
    bench.output.stop(0.5)
    played = stream.pull(20)
    silent_s = (np.flatnonzero(played)[-1] + 1 + BLOCK) / FS_HZ + bench.card.delay_s
    assert silent_s <= STOP_S
    assert not bench.output.busy


def test_a_missing_device_is_a_fault_that_names_those_there_are(bench: Bench) -> None:
    bench.card.names = ["HDMI", "headphones"]
    error = bench.fault()
    assert error.cause is Cause.NOT_FOUND
    assert str(error) == 'no sound device "pillow"; there are: "HDMI", "headphones"'


def test_a_broken_device_is_tried_again_after_pauses_that_grow_and_mends(bench: Bench) -> None:
    bench.card.broken = True
    assert "cannot be opened" in str(bench.fault())
    bench.clock.now_s = 0.5
    bench.fault()
    assert len(bench.card.streams) == 1  # too soon to try again
    bench.clock.now_s = FIRST_PAUSE_S + 0.1
    bench.fault()
    assert len(bench.card.streams) == 2
    bench.card.broken = False
    bench.clock.now_s += FIRST_PAUSE_S + 0.1
    bench.fault()  # the pause has doubled
    bench.clock.now_s += FIRST_PAUSE_S
    bench.output.play(TONE, bench.clock.now_s)
    assert np.abs(bench.card.streams[-1].pull(50)).max() > 0.0


def test_a_device_that_dies_is_told_once_and_opened_for_the_next_cue(bench: Bench) -> None:
    bench.output.play(TONE, 0.0)
    bench.card.streams[0].pull(5)
    bench.card.streams[0].die()
    with pytest.raises(DeviceError, match="the sound device went away"):
        bench.output.tick(0.1)
    bench.output.tick(0.2)
    bench.clock.now_s = FIRST_PAUSE_S + 0.1
    bench.output.play(TONE, bench.clock.now_s)
    assert len(bench.card.streams) == 2


def test_underruns_are_counted(bench: Bench) -> None:
    bench.output.play(TONE, 0.0)
    bench.card.streams[0].pull(2, status="output underflow")
    assert bench.output.underruns == 2


def test_only_devices_that_play_are_listed() -> None:
    assert output_devices(SoundCard(["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize(("error", "told"), [(ImportError(), "pip install"), (OSError(), "libportaudio2")])
def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    true_import = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "sounddevice":
            raise error
        return true_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DeviceError, match=told):
        sound_library()
