"""The value that passes from a pod's limiter to an output: one cue, already limited."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

AMBER = (255, 191, 0)
"""Neither blue, which wakes, nor saturated red, which is the worst for photosensitive people.

Two thirds of its light are red; four fifths would be saturated red."""


class Modality(StrEnum):
    """How a cue reaches the sleeper."""

    SOUND = "sound"
    LIGHT = "light"
    HAPTIC = "haptic"


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue as an output is to render it.

    Attributes
    ----------
    level
        Sound: dBA Lmax at the pillow. Light and haptic: share of the device's full output, 0 to 1.
    duration_s, fade_s
        Whole length, and the length of the fade at each end.
    tones_hz
        Sound only: partials of the tone.
    flash_hz
        Light only: flashes per second; 0 is a steady glow.
    rgb
        Light only: colour, each part 0 to 255.
    """

    modality: Modality
    level: float
    duration_s: float
    fade_s: float
    tones_hz: tuple[float, ...] = ()
    flash_hz: float = 0.0
    rgb: tuple[int, int, int] = AMBER
