"""Lamps over MQTT: a cue as messages with their times, how to be dark, and the output that sends them.

Both kinds run unmodified firmware, named by topic. Brightness is capped here, as the last thing done to it.
Whatever makes a lamp shine also tells it when to go dark by itself, should nobody be there to say so: WLED by
its nightlight, in whole minutes; ESPHome by a flash, in whole seconds.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.cues import AMBER, Cue, Modality, OnOnset, Onset

Rgb = tuple[int, int, int]
FULL = 255
NIGHTLIGHT_INSTANT = 0
"""WLED's nightlight that leaves the light alone until its time is over, and then sets it to ``tbri``."""
MOST_MINUTES = 255
FADE_STEPS_HZ = 10.0
"""Steps a second of a fade that the lamp cannot make itself."""
HIGHEST_FLASH_HZ = 2.0
"""No lamp flashes faster, whatever is asked: below the three flashes a second of WCAG 2.3.1, with margin."""
SHORTEST_EDGE_S = 0.1
"""Flashes have no harder edges than this."""
GRACE_S = 2.0
"""A lamp that goes dark by itself does so this much after it would have been told to, or later."""
MAX_TOPIC = 32
"""Longest topic that WLED keeps."""


@dataclass(frozen=True, slots=True)
class TimedMessage:
    """A message, and when it is due after the cue's beginning."""

    offset_s: float
    topic: str
    payload: bytes


class Lamp(Protocol):
    """A kind of lamp."""

    @property
    def availability(self) -> str:
        """Topic on which it says whether it is there: ``online`` or ``offline``."""

    def messages(self, cue: Cue) -> list[TimedMessage]:
        """Give what to send for a cue, in order; dark again at its end."""

    def off(self) -> TimedMessage:
        """Give what makes it dark at once."""


def brightness(level: float, max_share: float) -> int:
    """Give the steps of 255 for a share of full output, never above the cap; NaN is dark."""
    share = min(level, max_share, 1.0) if level > 0.0 else 0.0
    return math.floor(share * FULL)


def check_topic(topic: str, longest: int) -> None:
    """Refuse a topic that is none.

    Raises
    ------
    ValueError
        Empty, too long, or with a wildcard.
    """
    if not topic or len(topic) > longest or any(sign in topic for sign in "+#\0") or topic.startswith("/"):
        raise ValueError(f'topic "{topic}": 1 to {longest} characters, no + or #, no / in front')


@dataclass(frozen=True, slots=True)
class Swell:
    """One rise and fall of the light: its beginning after the cue's, its length, its fade at each end."""

    at_s: float
    length_s: float
    fade_s: float


def swells(cue: Cue) -> list[Swell]:
    """Give a steady cue as one swell, a flashing one as many of half a period each, none cut short."""
    flash_hz = min(cue.flash_hz, HIGHEST_FLASH_HZ)
    if not flash_hz > 0.0:
        return [Swell(0.0, cue.duration_s, min(cue.fade_s, cue.duration_s / 2.0))]
    length_s = min(0.5 / flash_hz, cue.duration_s)
    fade_s = min(max(cue.fade_s, SHORTEST_EDGE_S), length_s / 2.0)
    n = max(1, math.floor((cue.duration_s - length_s) * flash_hz + 1e-9) + 1)
    return [Swell(k / flash_hz, length_s, fade_s) for k in range(n)]


class Wled:
    """A lamp with WLED, which fades by itself in steps of 0.1 s.

    Parameters
    ----------
    topic
        Its device topic.
    max_share
        Highest share of full output.

    Raises
    ------
    ValueError
        No such topic.
    """

    def __init__(self, topic: str, max_share: float) -> None:
        check_topic(topic, MAX_TOPIC)
        self._topic, self._max_share = topic, max_share

    @property
    def availability(self) -> str:
        return f"{self._topic}/status"

    def messages(self, cue: Cue) -> list[TimedMessage]:
        """On with a fade, off with a fade, for each swell; off at the end in any case."""
        level = brightness(cue.level, self._max_share)
        told = []
        for swell in swells(cue):
            end_s = swell.at_s + swell.length_s
            told += [
                self._turn(swell.at_s, level, swell.fade_s, cue.rgb, swell.length_s),
                self._turn(end_s - swell.fade_s, 0, swell.fade_s),
                self._turn(end_s, 0, 0.0),
            ]
        return told

    def off(self) -> TimedMessage:
        return self._turn(0.0, 0, 0.0)

    def _turn(
        self, at_s: float, level: int, fade_s: float, rgb: Rgb = AMBER, lit_s: float = 0.0
    ) -> TimedMessage:
        """Turn it on for `lit_s`, or off."""
        state: dict[str, object] = {"on": level > 0, "transition": round(fade_s * 10.0)}
        if level > 0:
            minutes = min(MOST_MINUTES, math.ceil((lit_s + GRACE_S) / 60.0))
            nightlight = {"on": True, "dur": minutes, "mode": NIGHTLIGHT_INSTANT, "tbri": 0}
            state |= {"bri": level, "seg": [{"col": [list(rgb)], "fx": 0}], "nl": nightlight}
        else:
            state["nl"] = {"on": False}
        return TimedMessage(at_s, f"{self._topic}/api", json.dumps(state, separators=(",", ":")).encode())


class Esphome:
    """A lamp with ESPHome, whose own transitions have whole seconds: fades are sent step by step.

    Parameters
    ----------
    prefix, object_id
        Its topic prefix, and the light's name in it.
    max_share
        Highest share of full output.

    Raises
    ------
    ValueError
        No such topic.
    """

    def __init__(self, prefix: str, object_id: str, max_share: float) -> None:
        check_topic(f"{prefix}/{object_id}", 200)
        self._prefix, self._max_share = prefix, max_share
        self._topic = f"{prefix}/light/{object_id}/command"

    @property
    def availability(self) -> str:
        return f"{self._prefix}/status"

    def messages(self, cue: Cue) -> list[TimedMessage]:
        """Give the steps of a raised cosine up, and down again, for each swell."""
        level = brightness(cue.level, self._max_share)
        told = []
        for swell in swells(cue):
            n = max(1, math.ceil(swell.fade_s * FADE_STEPS_HZ - 1e-9))
            step_s = swell.fade_s / n
            end_s = swell.at_s + swell.length_s
            steps = [(swell.at_s + k * step_s, (k + 1) / n) for k in range(n)]
            steps += [(end_s - (n - k) * step_s, 1.0 - k / n) for k in range(1, n)]
            told += [self._turn(at_s, _eased(level, share), cue.rgb, end_s - at_s) for at_s, share in steps]
            told.append(self._turn(end_s, 0))
        return told

    def off(self) -> TimedMessage:
        return self._turn(0.0, 0)

    def _turn(self, at_s: float, level: int, rgb: Rgb = AMBER, lit_s: float = 0.0) -> TimedMessage:
        """Turn it on for `lit_s`, or off; a flash that follows another goes back to what was before both."""
        state: dict[str, object] = {"state": "OFF", "transition": 0}
        if level > 0:
            color = dict(zip("rgb", rgb, strict=True))
            state = {"state": "ON", "brightness": level, "color": color, "flash": math.ceil(lit_s + GRACE_S)}
        return TimedMessage(at_s, self._topic, json.dumps(state, separators=(",", ":")).encode())


def _eased(level: int, share: float) -> int:
    return math.floor(level * (0.5 - 0.5 * math.cos(math.pi * share)))


_LOG = logging.getLogger(__name__)

Publish = Callable[[str, bytes, int], None]
"""Sends a payload to a topic at a QoS. Dark is told at least once, also after the link was away; light at
most once, for late it would be out of place."""


class LightOutput:
    """One lamp; a new cue takes the place of one that goes on.

    Parameters
    ----------
    lamp
        What kind, and where.
    publish
        Sends a message, never waiting.
    on_onset
        Hears of each cue when its first message has been sent.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        lamp: Lamp,
        publish: Publish,
        on_onset: OnOnset = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lamp, self._publish, self._on_onset, self._clock = lamp, publish, on_onset, clock
        self._due: deque[tuple[float, str, bytes]] = deque()
        self._online: bool | None = None
        self._told = True

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics whose messages `heard` wants."""
        return (self._lamp.availability,)

    @property
    def busy(self) -> bool:
        return bool(self._due)

    def heard(self, topic: str, payload: bytes) -> None:
        """Hear from the lamp whether it is there; a lamp that never says so is taken to be.

        A lamp that comes back is made dark: many light up when they get power. One that says again that it is
        there (WLED does at every change) is left alone, for a person may have switched it on to read.
        """
        if topic != self._lamp.availability:
            return
        online, before = payload.strip() != b"offline", self._online
        if online == before:
            return
        self._online, self._told = online, online
        if online and (before is False or not self.busy):
            self.stop(self._clock())

    def linked(self) -> None:
        """Hear that the link to the broker is there (again): what was sent meanwhile may be lost."""
        if not self.busy:
            self.stop(self._clock())

    def play(self, cue: Cue, at_s: float) -> None:
        if cue.modality is not Modality.LIGHT:
            raise ValueError(f"a lamp cannot render {cue.modality}")
        if self._online is False:
            self._told = True
            raise self._gone()
        now_s = self._clock()
        self._due = deque(
            (now_s + each.offset_s, each.topic, each.payload) for each in self._lamp.messages(cue)
        )
        self._send(now_s)
        self._on_onset(Onset(cue, at_s, now_s))

    def tick(self, now_s: float) -> None:
        self._send(now_s)
        if not self._told:
            self._told = True
            self._due.clear()
            raise self._gone()

    def stop(self, _now_s: float) -> None:
        """Go dark at once, and forget the rest."""
        self._due.clear()
        off = self._lamp.off()
        try:
            self._publish(off.topic, off.payload, 1)
        except Exception:
            _LOG.exception("%s: the lamp could not be told to be dark", off.topic)

    def close(self) -> None:
        self.stop(self._clock())

    def _send(self, now_s: float) -> None:
        latest: tuple[float, str, bytes] | None = None
        while self._due and self._due[0][0] <= now_s:
            latest = self._due.popleft()
        if latest is not None:  # what was due before it would only make the lamp flicker
            self._publish(latest[1], latest[2], 0)

    def _gone(self) -> DeviceError:
        return DeviceError(
            f"{self._lamp.availability}: the lamp says that it is offline; check its power and its Wi-Fi",
            Cause.DROPPED,
        )
