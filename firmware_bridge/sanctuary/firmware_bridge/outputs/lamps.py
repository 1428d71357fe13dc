"""What lamps understand: a cue as messages with their times, and how to be dark at once; pure.

Both kinds run unmodified firmware, named by topic. Brightness is capped here, as the last thing done to it.
Whatever makes a lamp shine also tells it when to go dark by itself, should nobody be there to say so: WLED by
its nightlight, in whole minutes; ESPHome by a flash, in whole seconds.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Protocol

from sanctuary.firmware_bridge.outputs.cue import AMBER, Cue

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
class Timed:
    """A message, and when it is due after the cue's beginning."""

    offset_s: float
    topic: str
    payload: bytes


class Lamp(Protocol):
    """A kind of lamp."""

    @property
    def availability(self) -> str:
        """Topic on which it says whether it is there: ``online`` or ``offline``."""

    def messages(self, cue: Cue) -> list[Timed]:
        """Give what to send for a cue, in order; dark again at its end."""

    def off(self) -> Timed:
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
        """Topic of its will."""
        return f"{self._topic}/status"

    def messages(self, cue: Cue) -> list[Timed]:
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

    def off(self) -> Timed:
        """Dark without a transition."""
        return self._turn(0.0, 0, 0.0)

    def _turn(self, at_s: float, level: int, fade_s: float, rgb: Rgb = AMBER, lit_s: float = 0.0) -> Timed:
        """Turn it on for `lit_s`, or off."""
        state: dict[str, object] = {"on": level > 0, "transition": round(fade_s * 10.0)}
        if level > 0:
            minutes = min(MOST_MINUTES, math.ceil((lit_s + GRACE_S) / 60.0))
            nightlight = {"on": True, "dur": minutes, "mode": NIGHTLIGHT_INSTANT, "tbri": 0}
            state |= {"bri": level, "seg": [{"col": [list(rgb)], "fx": 0}], "nl": nightlight}
        else:
            state["nl"] = {"on": False}
        return Timed(at_s, f"{self._topic}/api", json.dumps(state, separators=(",", ":")).encode())


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
        """Topic of its will."""
        return f"{self._prefix}/status"

    def messages(self, cue: Cue) -> list[Timed]:
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

    def off(self) -> Timed:
        """Dark without a transition."""
        return self._turn(0.0, 0)

    def _turn(self, at_s: float, level: int, rgb: Rgb = AMBER, lit_s: float = 0.0) -> Timed:
        """Turn it on for `lit_s`, or off; a flash that follows another goes back to what was before both."""
        state: dict[str, object] = {"state": "OFF", "transition": 0}
        if level > 0:
            color = dict(zip("rgb", rgb, strict=True))
            state = {"state": "ON", "brightness": level, "color": color, "flash": math.ceil(lit_s + GRACE_S)}
        return Timed(at_s, self._topic, json.dumps(state, separators=(",", ":")).encode())


def _eased(level: int, share: float) -> int:
    return math.floor(level * (0.5 - 0.5 * math.cos(math.pi * share)))
