"""A cue, already limited, and what renders one: the words that pods, outputs and virtual sleepers share.

It lies at the top of the room, not among the outputs: those who decide on cues import it without any output.
An output gets cues that the pod's limiter has passed, and has a hard cap of its own as its very last stage.
It renders what it is given and decides nothing; it reports how a cue began, and cuts everything at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

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
    file_sha256
        Sound only: the file that sounds instead of tones, by the SHA-256 of its bytes; empty for tones.
    """

    modality: Modality
    level: float
    duration_s: float
    fade_s: float
    tones_hz: tuple[float, ...] = ()
    flash_hz: float = 0.0
    rgb: tuple[int, int, int] = AMBER
    file_sha256: str = ""


STOP_S = 0.1
"""How soon after `stop` an output must be silent or dark."""


@dataclass(frozen=True, slots=True)
class Onset:
    """How a cue began.

    Attributes
    ----------
    wanted_s
        When it was to begin, monotonic seconds.
    happened_s
        When it did, as far as the device tells.
    """

    cue: Cue
    wanted_s: float
    happened_s: float


OnOnset = Callable[[Onset], None]
"""Hears of each cue that began; called from the output's own thread, so it must be quick."""


class CueOutput(Protocol):
    """One device that renders cues; all times are monotonic seconds."""

    @property
    def busy(self) -> bool:
        """Whether a cue is being rendered, so that `tick` is wanted often."""

    def play(self, cue: Cue, at_s: float) -> None:
        """Begin a cue now, which was wanted at `at_s`.

        Raises
        ------
        DeviceError
            The device is not there or broken: this cue is not rendered; a later one may be.
        """

    def tick(self, now_s: float) -> None:
        """Let time pass: whatever is due in a cue is done; at least every 50 ms while `busy`.

        Raises
        ------
        DeviceError
            The device went away; told once, however often it is asked.
        """

    def stop(self, now_s: float) -> None:
        """Be silent or dark within `STOP_S`; never raises."""

    def close(self) -> None:
        """Stop, and let the device go; never raises."""


SATURATED = 0.8
"""Share of red in the light of a colour from which WCAG 2.2 calls it saturated red."""


def red_share(rgb: tuple[int, int, int]) -> float:
    """Give R / (R + G + B) in linear light of a colour in sRGB, each part 0 to 255; 0 for black.

    References
    ----------
    WCAG 2.2, "general flash and red flash thresholds"; IEC 61966-2-1 (the sRGB transfer curve).
    """
    red, green, blue = (_linear(part) for part in rgb)
    total = red + green + blue
    return red / total if total > 0.0 else 0.0


def is_saturated_red(rgb: tuple[int, int, int]) -> bool:
    """Tell whether a colour is the red that is worst for photosensitive people."""
    return red_share(rgb) >= SATURATED


def _linear(part: int) -> float:
    share = part / 255.0
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
