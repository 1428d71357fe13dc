"""Calibration of eye signals: the routine of prompts, its measurement, and the numbers that are kept.

The routine ("eyes left, eyes right", before the night) gives the swing of AF7 - AF8 per full shift of gaze
and the sign of a movement to the left. It is refused unless most prompts were followed, in one direction and
by both sides alike: a wrong calibration would be worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from sanctuary.signal.eye_signal_pattern import POINTS_PER_S, gaze
from sanctuary.signal.samples import FloatArray

LEAST_FOLLOWED = 4
"""Prompts that must have been followed."""
_MOST_UV = 1e5
_MOST_PROMPTS = 1000


@dataclass(frozen=True, slots=True)
class EyeCalibration:
    """A sleeper's own gaze in numbers.

    Attributes
    ----------
    gain_uv
        Change of AF7 - AF8 with a full shift from one side to the other, 0 if no prompt was followed.
    polarity
        +1 if AF7 - AF8 rises when the eyes go left, -1 if it falls, 0 if that is unknown.
    noise_uv
        Median change within 0.3 s while the eyes rest.
    prompts, followed
        Prompts that asked for a movement, and how many were followed in the common direction.
    reason
        Why it must not be used; empty if it may.
    """

    gain_uv: float
    polarity: int
    noise_uv: float
    prompts: int
    followed: int
    reason: str = ""

    @property
    def usable(self) -> bool:
        return not self.reason

    def to_dict(self) -> dict[str, float | int | str]:
        """Plain values, for a file; see `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> EyeCalibration:
        """Make a calibration from what `to_dict` gave.

        Raises
        ------
        ValueError
            A value is missing, unknown, of another type, out of range, or does not fit the others.
        """
        names = {"gain_uv", "polarity", "noise_uv", "prompts", "followed", "reason"}
        if set(values) != names:
            odd = ", ".join(sorted(set(values) ^ names))
            raise ValueError(f"an eye calibration has the values {', '.join(sorted(names))}; not so: {odd}")
        made = cls(
            gain_uv=_number(values, "gain_uv"),
            polarity=_whole(values, "polarity", -1, 1),
            noise_uv=_number(values, "noise_uv"),
            prompts=_whole(values, "prompts", 0, _MOST_PROMPTS),
            followed=_whole(values, "followed", 0, _MOST_PROMPTS),
            reason=_text(values, "reason"),
        )
        if made.followed > made.prompts:
            raise ValueError(f"followed: {made.followed} of {made.prompts} prompts")
        if made.usable and not (made.polarity and made.gain_uv > 0.0 and made.followed >= LEAST_FOLLOWED):
            raise ValueError(
                "an eye calibration with no reason against it needs a gain, a polarity and prompts"
            )
        return made


def _number(values: Mapping[str, object], name: str) -> float:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= _MOST_UV:
        raise ValueError(f"{name}: must be a number from 0 to {_MOST_UV:g}, not {value!r}")
    return float(value)


def _whole(values: Mapping[str, object], name: str, least: int, most: int) -> int:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name}: must be a whole number from {least} to {most}, not {value!r}")
    return value


def _text(values: Mapping[str, object], name: str) -> str:
    value = values[name]
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError(f"{name}: must be a text of at most 200 characters")
    return value


Side = Literal["left", "right", "centre"]
PLACES: dict[str, float] = {"left": 1.0, "centre": 0.0, "right": -1.0}
"""Where each prompt sends the gaze; left to right is a full shift of two."""

STEP_S = 0.3
"""Time over which a movement is measured: longer than a saccade, shorter than a look."""
DELAY_S = 0.1
"""Shortest reaction time (seconds) to a prompt."""
PATIENCE_S = 1.5
"""A movement later than this does not belong to the prompt."""
REST_AFTER_S = 2.0
"""From here on after a prompt the eyes rest, and the trace shows noise."""
LEAST_MOVE_UV = 40.0
"""Least step that counts as a movement."""
NOISE_FACTOR = 4.0
"""A step must also exceed this many times the noise."""
LEAST_SHARE = 0.7
"""Share of the prompts that must have been followed."""
SIDES_ALIKE = 2.0
"""The usual movement on one side may be this many times that on the other."""


@dataclass(frozen=True, slots=True)
class _Move:
    """What followed a prompt, as a full shift: signed as if towards the left; and the side it concerned."""

    full_uv: float
    left: bool


def calibrate(difference_uv: FloatArray, prompts: Sequence[tuple[float, Side]]) -> EyeCalibration:
    """Measure a routine of prompts.

    Parameters
    ----------
    difference_uv
        Shape ``(n,)``: AF7 - AF8 as `EyeTracer` makes it, from time 0 of the prompts, finite.
    prompts
        Times (s, rising) and where the sleeper was told to look; the gaze begins at the centre.

    Returns
    -------
    The calibration, `usable` or with the reason why it is not.

    Raises
    ------
    ValueError
        Times do not rise, or a prompt names no known place.
    """
    lag = round(STEP_S * POINTS_PER_S)
    gaze_uv = gaze(difference_uv) if difference_uv.size > lag else np.zeros(lag + 1)
    steps_uv = gaze_uv[lag:] - gaze_uv[:-lag]
    moves = _moves(steps_uv, prompts)
    noise_uv = _noise_uv(np.abs(steps_uv), prompts)
    least_uv = max(LEAST_MOVE_UV, NOISE_FACTOR * noise_uv)
    seen = [move for move in moves if abs(move.full_uv) >= least_uv]
    votes = sum(1 if move.full_uv > 0.0 else -1 for move in seen)
    polarity = (votes > 0) - (votes < 0)
    followed = [move for move in seen if move.full_uv * polarity > 0.0]
    return EyeCalibration(
        gain_uv=_usual_uv(followed),
        polarity=polarity,
        noise_uv=noise_uv,
        prompts=len(moves),
        followed=len(followed),
        reason=_refusal(len(moves), followed),
    )


def _moves(steps_uv: FloatArray, prompts: Sequence[tuple[float, Side]]) -> list[_Move]:
    """Largest step after each prompt that asked for a movement."""
    times = [t_s for t_s, _ in prompts]
    if any(b <= a for a, b in pairwise(times)) or (times and times[0] < 0.0):
        raise ValueError("the times of prompts must rise from 0 on")
    if unknown := {place for _, place in prompts} - set(PLACES):
        raise ValueError(f"a prompt says left, right or centre, not {', '.join(sorted(unknown))}")
    lag, found, place = round(STEP_S * POINTS_PER_S), [], 0.0
    for (t_s, name), next_s in zip(prompts, [*times[1:], math.inf], strict=True):
        shift, side, place = PLACES[name] - place, PLACES[name] or place, PLACES[name]
        stop_s = min(t_s + PATIENCE_S, next_s)
        after = steps_uv[round((t_s + DELAY_S) * POINTS_PER_S) : max(0, round(stop_s * POINTS_PER_S) - lag)]
        if shift:
            step_uv = float(after[np.argmax(np.abs(after))]) if after.size else 0.0
            found.append(_Move(2.0 * step_uv / shift, side > 0.0))
    return found


def _noise_uv(sizes_uv: FloatArray, prompts: Sequence[tuple[float, Side]]) -> float:
    """Median step while nothing was asked for lately; over everything if that leaves nothing."""
    at_s = np.arange(sizes_uv.size) / POINTS_PER_S
    rests = np.ones(sizes_uv.size, dtype=np.bool_)
    for t_s, _ in prompts:
        rests &= (at_s + STEP_S < t_s) | (at_s >= t_s + REST_AFTER_S)
    return float(np.median(sizes_uv[rests] if rests.any() else sizes_uv))


def _usual_uv(moves: Sequence[_Move]) -> float:
    return float(np.median([abs(move.full_uv) for move in moves])) if moves else 0.0


def _refusal(prompts: int, followed: list[_Move]) -> str:
    """Say why a routine cannot be used; empty if it can."""
    needed = max(LEAST_FOLLOWED, math.ceil(LEAST_SHARE * prompts))
    if len(followed) < needed:
        return f"{len(followed)} of {prompts} prompts were followed in one direction; {needed} are needed"
    left, right = ([move for move in followed if move.left is left] for left in (True, False))
    if not left or not right:
        return "only movements to one side were seen"
    least_uv, most_uv = sorted((_usual_uv(left), _usual_uv(right)))
    if most_uv > SIDES_ALIKE * least_uv:
        return f"the sides disagree: {least_uv:.0f} uV on one, {most_uv:.0f} uV on the other"
    return ""


SPACING_S = 3.0
"""Seconds between prompts: time to move, and to rest."""
FIRST_S = 5.0
"""Seconds before the first prompt."""
ORDER: tuple[Side, ...] = ("left", "centre", "right", "centre") * 4
"""Four rounds: enough to distinguish a sleeper who follows from one who does not."""
ROUTINE: tuple[tuple[float, Side], ...] = tuple(
    (FIRST_S + SPACING_S * number, side) for number, side in enumerate(ORDER)
)
"""Times in seconds from the start of the routine, and where to look."""
DURATION_S = FIRST_S + SPACING_S * (len(ORDER) + 1)
"""Seconds that the routine takes, the last rest included."""
