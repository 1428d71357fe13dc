"""Light: what unmodified lamps make of our messages: soft, capped, as often as asked, dark in time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_lamps import EsphomeLamp, WledLamp
from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import STOP_S, Cue, Modality, Onset
from sanctuary.firmware_bridge.outputs.lamps import Esphome, Lamp, LightOutput, Wled, brightness
from virtual_boards import HandClock

MAX_SHARE = 0.2
STEP_S = 0.02
KINDS = ["wled", "esphome"]


class Room:
    """A lamp, our output, and the time that passes."""

    def __init__(self, kind: str) -> None:
        self.clock, self.onsets, self.sent, self.told = HandClock(), [], [], []
        self.lamp: WledLamp | EsphomeLamp
        if kind == "wled":
            self.lamp, ours = WledLamp("bed1"), Wled("bed1", MAX_SHARE)
        else:
            self.lamp, ours = EsphomeLamp("bed1", "glow"), Esphome("bed1", "glow", MAX_SHARE)
        self.ours: Lamp = ours
        self.output = LightOutput(ours, self._send, self.onsets.append, clock=self.clock)

    def _send(self, topic: str, payload: bytes, qos: int) -> None:
        self.told.append((qos, payload))
        self.sent.append(self.clock.now_s)
        self.lamp.message(self.clock.now_s, topic, payload)

    def watch(self, duration_s: float) -> np.ndarray:
        """Brightness, fifty times a second."""
        seen = []
        for _ in range(round(duration_s / STEP_S)):
            self.output.tick(self.clock.now_s)
            seen.append(self.lamp.at(self.clock.now_s))
            self.clock.now_s += STEP_S
        return np.array(seen)


def glow(level: float = 0.1, duration_s: float = 6.0, fade_s: float = 2.0, flash_hz: float = 0.0) -> Cue:
    return Cue(Modality.LIGHT, level, duration_s, fade_s, flash_hz=flash_hz)


@pytest.mark.parametrize("kind", KINDS)
def test_a_glow_rises_stays_and_falls_softly(kind: str) -> None:
    room = Room(kind)
    room.output.play(glow(), 0.0)
    seen = room.watch(7.0)
    full = int(0.1 * 255)
    assert seen.max() == full
    assert (np.diff(seen[: round(2.0 / STEP_S)]) >= 0).all()
    assert (seen[round(2.2 / STEP_S) : round(3.9 / STEP_S)] == full).all()
    assert (np.diff(seen[round(4.0 / STEP_S) :]) <= 0).all()
    assert np.abs(np.diff(seen)).max() <= full / 4
    assert seen[-1] == 0
    assert not room.output.busy
    assert room.lamp.refused == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_flashes_as_often_as_asked(kind: str) -> None:
    room = Room(kind)
    room.output.play(glow(0.15, 5.0, 0.1, flash_hz=1.0), 0.0)
    seen = room.watch(6.0) > 0.15 * 255 / 2
    assert int((np.diff(seen.astype(int)) == 1).sum() + seen[0]) == 5
    assert not seen[-1]


@pytest.mark.parametrize("kind", KINDS)
@given(
    level=st.floats(-1.0, 10.0),
    duration_s=st.floats(0.2, 10.0),
    fade_s=st.floats(0.0, 10.0),
    flash_hz=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)
@settings(max_examples=40)
def test_the_cap_holds_and_it_is_dark_in_the_end(
    kind: str, level: float, duration_s: float, fade_s: float, flash_hz: float
) -> None:
    room = Room(kind)
    room.output.play(glow(level, duration_s, fade_s, flash_hz), 0.0)
    seen = room.watch(duration_s + 0.2)
    assert seen.max() <= MAX_SHARE * 255
    assert seen[-1] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_is_dark_at_once_and_stays_so(kind: str) -> None:
    room = Room(kind)
    room.output.play(glow(), 0.0)
    assert room.watch(3.0)[-1] > 0
    room.output.stop(room.clock.now_s)
    seen = room.watch(5.0)
    assert not seen[round(STOP_S / STEP_S) :].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_onset_is_when_the_first_message_went_out(kind: str) -> None:
    room = Room(kind)
    room.clock.now_s = 10.03
    room.output.play(glow(), 10.0)
    assert room.onsets == [Onset(glow(), 10.0, 10.03)]
    assert room.sent == [10.03]


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_tick_sends_only_what_holds_now(kind: str) -> None:
    room = Room(kind)
    room.output.play(glow(), 0.0)
    room.clock.now_s = 5.99
    room.output.tick(5.99)
    assert len(room.sent) == 2


def test_a_lamp_that_says_offline_is_told_once_and_works_again_when_it_is_back() -> None:
    room = Room("wled")
    assert room.output.subscriptions == ("bed1/status",)
    room.output.heard("bed1/status", b"online")
    room.output.play(glow(), 0.0)
    room.output.heard("bed1/status", b"offline")
    with pytest.raises(DeviceError, match=r"bed1/status: the lamp says that it is offline; check its power"):
        room.output.tick(1.0)
    room.output.tick(2.0)
    assert not room.output.busy
    with pytest.raises(DeviceError):
        room.output.play(glow(), 3.0)
    room.output.heard("bed1/status", b"online")
    room.output.play(glow(), 4.0)
    assert room.output.busy


@pytest.mark.parametrize("topic", ["", "a/+", "a#", "/a", "x" * 33])
def test_topics_that_are_none_are_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        Wled(topic, 0.1)


def test_a_sound_is_no_light() -> None:
    with pytest.raises(ValueError, match="cannot render sound"):
        Room("wled").output.play(Cue(Modality.SOUND, 30.0, 1.0, 0.1, (440.0,)), 0.0)


@pytest.mark.parametrize(("level", "steps"), [(0.0, 0), (-1.0, 0), (float("nan"), 0), (0.1, 25), (9.0, 51)])
def test_brightness_is_capped_last(level: float, steps: int) -> None:
    assert brightness(level, MAX_SHARE) == steps


@pytest.mark.parametrize("kind", KINDS)
def test_dark_is_told_at_least_once_and_light_at_most_once(kind: str) -> None:
    room = Room(kind)
    room.output.play(glow(), 0.0)
    room.watch(3.0)
    assert {qos for qos, _ in room.told} == {0}
    room.output.stop(room.clock.now_s)
    assert room.told[-1] == (1, room.ours.off().payload)


@pytest.mark.parametrize("kind", KINDS)
def test_when_the_link_is_back_an_idle_lamp_is_told_to_be_dark_and_a_busy_one_goes_on(kind: str) -> None:
    room = Room(kind)
    room.output.linked()
    assert room.told == [(1, room.ours.off().payload)]
    room.output.play(glow(), 0.0)
    before = len(room.told)
    room.output.linked()
    assert len(room.told) == before


@pytest.mark.parametrize(("kind", "longest_s"), [("wled", 60.0), ("esphome", 4.0)])
@given(
    duration_s=st.floats(0.2, 100.0),
    fade_s=st.floats(0.1, 10.0),
    flash_hz=st.sampled_from([0.0, 0.5, 2.0]),
    share=st.floats(0.0, 1.0),
)
@settings(max_examples=40)
def test_a_lamp_whose_gateway_dies_in_a_cue_goes_dark_by_itself_and_never_before(
    kind: str, longest_s: float, duration_s: float, fade_s: float, flash_hz: float, share: float
) -> None:
    room = Room(kind)
    cue = glow(0.15, duration_s, fade_s, flash_hz)
    lamp, died_s = room.lamp, share * duration_s
    for told in room.ours.messages(cue):
        if told.offset_s > died_s:
            break
        lamp.message(told.offset_s, told.topic, told.payload)
        assert lamp.dark_s > duration_s or lamp.target == 0.0 or flash_hz
    assert lamp.refused == []
    assert lamp.at(duration_s + longest_s + 2.1) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_lamp_that_was_told_to_be_dark_does_not_go_dark_once_more_under_a_person_who_reads(
    kind: str,
) -> None:
    room = Room(kind)
    room.output.play(glow(), 0.0)
    room.watch(7.0)
    room.output.stop(room.clock.now_s)
    assert room.lamp.dark_s == float("inf")
