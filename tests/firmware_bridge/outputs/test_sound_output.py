"""Sound on a named device: onset as the converter tells it, faults told and mended, silence in time."""

import builtins
from collections.abc import Iterator

import numpy as np
import pytest

from fake_sound_card import BLOCK, FS_HZ, Flags, SoundCard
from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.cues import STOP_S, Cue, Modality, Onset
from sanctuary.firmware_bridge.outputs.sound_output import (
    FIRST_PAUSE_S,
    LONGEST_DELAY_S,
    STALL_S,
    SoundOutput,
    output_devices,
    sound_library,
)
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundFile, SoundLibrary, lmax_db
from sound_files import sine
from virtual_boards import HandClock

TONE = Cue(Modality.SOUND, 40.0, 2.0, 0.1, (440.0,))


class Bench:
    """One output on a card, its clock and its onsets."""

    def __init__(self) -> None:
        self.card, self.clock, self.onsets = SoundCard(["HDMI", "pillow"]), HandClock(), []
        self.output = self.on("pillow")

    def on(self, device: str) -> SoundOutput:
        return SoundOutput(device, 80.0, 45.0, self.onsets.append, clock=self.clock, library=self.card)

    def fault(self) -> DeviceError:
        with pytest.raises(DeviceError) as caught:
            self.output.play(TONE, self.clock.now_s)
        return caught.value


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.output.close()


def test_a_sound_file_plays_at_the_level_of_its_cue() -> None:
    card = SoundCard(["pillow"])
    sounds = SoundLibrary({"a": SoundFile(16_000, sine(1000.0, 1.0, fs_hz=16_000))})
    output = SoundOutput("pillow", 80.0, 45.0, library=card, sounds=sounds)
    output.play(Cue(Modality.SOUND, 40.0, 1.0, 0.05, file_sha256="a"), 0.0)
    (stream,) = card.streams
    pulled = stream.pull(FS_HZ // BLOCK + 2)
    assert 80.0 + lmax_db(pulled.astype(float).ravel(), FS_HZ) == pytest.approx(40.0, abs=0.1)
    with pytest.raises(DeviceError, match="not on board"):
        output.play(Cue(Modality.SOUND, 40.0, 1.0, 0.05, file_sha256="b"), 0.0)
    output.close()


def test_the_device_is_opened_with_the_first_cue_and_kept(bench: Bench) -> None:
    assert bench.card.streams == []
    bench.output.play(TONE, 0.0)
    bench.output.play(TONE, 0.0)
    (stream,) = bench.card.streams
    assert bench.card.device_of(stream) == "pillow"
    assert stream.options["latency"] < LONGEST_DELAY_S
    assert np.abs(stream.pull(100)).max() > 0.0
    bench.output.close()
    assert not stream.running
    assert not bench.output.busy


def test_the_onset_is_when_the_converter_plays_the_first_sample(bench: Bench) -> None:
    bench.clock.now_s = 100.0
    bench.output.play(TONE, 99.98)
    bench.clock.now_s = 100.004
    bench.card.streams[0].pull(3)
    assert bench.onsets == [Onset(TONE, 99.98, pytest.approx(100.004 + bench.card.delay_s))]


def test_a_device_that_tells_no_times_has_the_delay_that_it_was_opened_with(bench: Bench) -> None:
    bench.card.tells_times = False
    bench.output.play(TONE, 0.0)
    bench.card.streams[0].pull()
    assert bench.onsets == [Onset(TONE, 0.0, pytest.approx(bench.card.delay_s))]


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


def test_a_device_too_slow_to_be_silent_in_time_is_closed_at_a_stop_and_opened_for_the_next_cue(
    bench: Bench,
) -> None:
    bench.card.delay_s = 0.25
    bench.output.play(TONE, 0.0)
    bench.card.streams[0].pull(50)
    bench.output.stop(0.5)
    assert not bench.card.streams[0].running  # what it had in its buffers is lost with it
    assert not bench.output.busy
    bench.output.tick(0.6)
    bench.output.play(TONE, 1.0)
    assert np.abs(bench.card.streams[1].pull(50)).max() > 0.0


def test_a_missing_device_is_a_fault_that_names_those_there_are(bench: Bench) -> None:
    bench.card.known = bench.card.names = ["HDMI", "headphones"]
    error = bench.fault()
    assert error.cause is Cause.NOT_FOUND
    assert str(error) == 'no sound device "pillow"; there are: "HDMI", "headphones"'


def test_a_device_plugged_in_later_is_found(bench: Bench) -> None:
    bench.card.known = bench.card.names = ["HDMI"]
    bench.fault()
    bench.card.names = ["pillow", "HDMI"]
    bench.clock.now_s = FIRST_PAUSE_S + 0.1
    bench.output.play(TONE, bench.clock.now_s)
    assert bench.card.device_of(bench.card.streams[-1]) == "pillow"


def test_looking_for_a_device_never_ends_the_sound_of_another(bench: Bench) -> None:
    bench.output.play(TONE, 0.0)
    with pytest.raises(DeviceError, match='no sound device "headphones"'):
        bench.on("headphones").play(TONE, 0.0)
    assert bench.card.streams[0].running


def test_a_library_that_fails_is_a_fault_and_not_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(bench.card, "query_devices", lambda: 1 / 0)
        assert "cannot be listed (division by zero)" in str(bench.fault())
    bench.clock.now_s = FIRST_PAUSE_S + 0.1
    bench.output.play(TONE, bench.clock.now_s)


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
    assert not bench.output.busy
    bench.clock.now_s = FIRST_PAUSE_S + 0.1
    bench.output.play(TONE, bench.clock.now_s)
    assert len(bench.card.streams) == 2


def test_a_device_that_asks_for_nothing_any_more_has_gone_away(bench: Bench) -> None:
    bench.output.play(TONE, 0.0)
    bench.clock.now_s = 0.5
    bench.card.streams[0].pull(5)
    bench.output.tick(0.5 + STALL_S)
    bench.clock.now_s = 0.6 + STALL_S
    with pytest.raises(DeviceError, match="the sound device went away"):
        bench.output.tick(bench.clock.now_s)
    assert not bench.output.busy
    bench.output.tick(9.0)


def test_gaps_in_cues_are_counted_and_told_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.output.play(TONE, 0.0)
    bench.card.streams[0].pull(1, Flags(priming_output=True))
    bench.card.streams[0].pull(2, Flags(output_underflow=True))
    assert bench.output.underruns == 2
    bench.output.stop(0.1)
    bench.card.streams[0].pull(10)
    bench.card.streams[0].pull(2, Flags(output_underflow=True))  # a gap in silence
    assert bench.output.underruns == 2
    bench.output.tick(0.2)
    bench.output.tick(0.3)
    assert [record.getMessage() for record in caplog.records] == [
        "pillow: gaps in the sound; this machine is too slow for its pods"
    ]


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
