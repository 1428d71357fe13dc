"""The pattern of a voluntary eye signal, and how well a stretch of the trace fits it.

The trace is AF7 - AF8, and the channels' mean, at 50 points a second: a horizontal movement deflects the two
channels in opposite directions and so shows in the difference; blinks, K-complexes and slow waves show in the
mean. The high-pass removes the electrodes' drift, and with it the held gaze: `gaze` restores that over the
few seconds that a signal lasts.

From the centre the eyes go to one side, to the other, back and forth, and home: the gaze is a row of plateaus
on alternating sides, joined by rapid swings. Saccades of REM differ in one or more ways: they come back to
where they started, go several times to the same side, differ in size, drift instead of being held, or follow
each other irregularly. All of that lowers one number, the share of the trace's variance that the ideal signal
with these times of movement and one height explains; it separates better than any single criterion.

The limits on pace and swings follow SLUMBER (gaps up to 1.5 s between alternating peaks of one sequence).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import FloatArray

IntArray = NDArray[np.intp]


def extremes(values: FloatArray, reversal: float) -> IntArray:
    """Find the maxima and minima, alternating, between which the trace swings by more than `reversal`.

    Parameters
    ----------
    values
        Shape ``(n,)``, n being 1 or more.
    reversal
        How far the trace must come back from an extreme for it to count, over 0, in the unit of `values`.

    Returns
    -------
    Indices in rising order. The first and the last one are the outermost points of unfinished swings.
    """
    found: list[int] = []
    high = low = 0
    rising = falling = True
    points = values.tolist()
    slopes = np.diff(values)
    turns = 1 + np.flatnonzero(slopes[:-1] * slopes[1:] <= 0.0)
    for at in (0, *turns.tolist(), len(points) - 1):
        value = points[at]
        if value >= points[high]:
            high = at
        if value <= points[low]:
            low = at
        if rising and value < points[high] - reversal:
            found.append(high)
            rising, falling, low = False, True, at
        elif falling and value > points[low] + reversal:
            found.append(low)
            rising, falling, high = True, False, at
    found.append(high if rising else low)
    return np.array(found, dtype=np.intp)


def crossing(values: FloatArray, first: int, last: int, height: float) -> float | None:
    """Find where a trace passes a height for the first time between two indices, both included.

    Returns
    -------
    Index with its fraction, by linear interpolation, or None if it never does.
    """
    above = values[first : last + 1] - height
    turns = np.flatnonzero(above[:-1] * above[1:] <= 0.0)
    if turns.size == 0:
        return None
    at = int(turns[0])
    step = float(above[at + 1] - above[at])
    return first + at + (float(-above[at]) / step if step else 0.0)


POINTS_PER_S = 50
"""Points of the trace per second."""
HIGHPASS_HZ = 0.3
"""Cutoff of the second-order Butterworth high-pass in front; `gaze` undoes it."""


def gaze(trace_uv: FloatArray) -> FloatArray:
    """Undo the high-pass over a short stretch of the trace.

    The inverse of s^2 / (s^2 + sqrt(2) w s + w^2) is 1 + sqrt(2) w / s + w^2 / s^2: the trace plus a share of
    its first and second integral. What happened before the stretch leaves an unknown straight line, and so
    the straight line that fits best is taken away.

    Parameters
    ----------
    trace_uv
        Shape ``(n,)``, `POINTS_PER_S` points a second, high-passed at `HIGHPASS_HZ`.

    Returns
    -------
    Shape ``(n,)``, uV about the mean: where the eyes pointed, up to a slow drift.
    """
    cutoff = 2.0 * math.pi * HIGHPASS_HZ
    once = _integral(trace_uv)
    return level(trace_uv + math.sqrt(2.0) * cutoff * once + cutoff**2 * _integral(once))


def level(values: FloatArray) -> FloatArray:
    """Take the straight line that fits best, in least squares, from ``(n,)`` values."""
    centred = np.arange(values.size) - 0.5 * (values.size - 1)
    slope = (values * centred).sum() / max(1e-12, float((centred * centred).sum()))
    return np.asarray(values - values.mean() - slope * centred)


def _integral(values: FloatArray) -> FloatArray:
    """Integral over time by trapezia, zero half a point before the first value."""
    return np.asarray((np.cumsum(values) - 0.5 * values) / POINTS_PER_S)


SIDES = (4, 6, 8)
"""How often the eyes may lie at a side: LRLR is four, LRLRLR six. Odd counts come from chance more often."""
BALANCE = 1.7
"""The largest swing may be this many times the smallest; the way home is half a swing and so none of them."""
REGULARITY = 1.6
"""The longest time between swings may be this many times the shortest."""
SHORTEST_GAP_S = 0.2
"""Least time between two swings (SLUMBER: at most 2 Hz, so 0.25 s)."""
OFF_CENTRE = 0.65
"""Before and after the signal the gaze lies within this share of the height from the middle."""
MEAN_SHARE = 0.4
"""The channels' mean may range over this share of the swing; blinks and slow waves range further."""
REVERSAL_SHARE = 0.7
"""A way back of this share of the least swing makes an extreme."""
RISE_S = 0.12
"""Time of a swing in the ideal signal, after the low-pass."""
MARGIN_S = 0.5
"""How much of the trace before and after the signal is compared with the ideal one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as a signal: least swing, longest time between movements, least fit."""

    least_swing_uv: float
    longest_gap_s: float
    least_fit: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A stretch that looks like a signal.

    Attributes
    ----------
    start, end
        When the eyes leave the centre and when they are back (or the last hold is over), in points.
    complete
        Points of trace from which the pattern follows; no later point has been looked at.
    swing_uv
        Mean swing from side to side.
    fit
        Share of the variance that the ideal signal explains, 0 to 1.
    positive_first
        The first side is the one where the trace is positive.
    """

    start: float
    end: float
    complete: int
    swing_uv: float
    fit: float
    positive_first: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """Times of the movements (points), and the middle and height of the plateaus (uV)."""

    leaves: float
    swings: list[float]
    returns: float | None
    middle_uv: float
    height_uv: float
    first_sign: float

    @property
    def end(self) -> float:
        pace = (self.swings[-1] - self.swings[0]) / (len(self.swings) - 1)
        return self.swings[-1] + pace if self.returns is None else self.returns


def find_patterns(difference_uv: FloatArray, mean_uv: FloatArray, limits: Limits) -> list[Pattern]:
    """Find what looks like a signal and is complete, in a trailing stretch of the trace.

    Parameters
    ----------
    difference_uv, mean_uv
        Shape ``(n,)``: difference and mean of the channels, as `trace` makes them; about 12 s.

    Returns
    -------
    Patterns that keep within `limits`, best fit first; they may overlap.
    """
    gaze_uv = gaze(difference_uv)
    turns = extremes(gaze_uv, REVERSAL_SHARE * limits.least_swing_uv)
    found = []
    for sides in _sequences(gaze_uv, turns, limits.least_swing_uv):
        course = _course(gaze_uv, sides, limits.longest_gap_s)
        pattern = None if course is None else _judge(gaze_uv, mean_uv, sides, course, limits)
        if pattern is not None:
            found.append(pattern)
    return sorted(found, key=lambda pattern: -pattern.fit)


def _sequences(gaze_uv: FloatArray, turns: IntArray, least_uv: float) -> Iterator[IntArray]:
    """Yield runs of extremes whose swings are large enough and alike."""
    sizes = np.abs(np.diff(gaze_uv[turns])).tolist()
    for count in SIDES:
        for first in range(turns.size - count + 1):
            swings = sizes[first : first + count - 1]
            if min(swings) >= least_uv and max(swings) <= BALANCE * min(swings):
                yield turns[first : first + count]


def _course(gaze_uv: FloatArray, sides: IntArray, longest_gap_s: float) -> _Course | None:
    """When the eyes moved, or None if not at the pace of a signal."""
    heights = gaze_uv[sides]
    halves = [0.5 * float(heights[i] + heights[i + 1]) for i in range(sides.size - 1)]
    middles = zip(pairwise(sides.tolist()), halves, strict=True)
    swings = [at for (a, b), half in middles if (at := crossing(gaze_uv, a, b, half)) is not None]
    gaps = [b - a for a, b in pairwise(swings)]
    longest = longest_gap_s * POINTS_PER_S
    if min(gaps) < SHORTEST_GAP_S * POINTS_PER_S or max(gaps) > min(longest, REGULARITY * min(gaps)):
        return None
    even, odd = float(np.median(heights[::2])), float(np.median(heights[1::2]))
    middle, height = 0.5 * (even + odd), 0.5 * abs(even - odd)
    first_sign = 1.0 if even > odd else -1.0
    reach = math.ceil(longest)
    begin, first, last = max(0, int(sides[0]) - reach), int(sides[0]), int(sides[-1])
    back = crossing(gaze_uv[begin : first + 1][::-1], 0, first - begin, middle + 0.5 * first_sign * height)
    if back is None:
        return None
    last_sign = first_sign * (-1.0) ** len(swings)
    stop = min(gaze_uv.size - 1, math.ceil(swings[-1]) + reach)
    home = crossing(gaze_uv, last, stop, middle + 0.5 * last_sign * height)
    if home is None and swings[-1] + reach > gaze_uv.size - 1:
        return None  # still held: the return may yet come
    return _Course(first - back, swings, home, middle, height, first_sign)


def _judge(
    gaze_uv: FloatArray, mean_uv: FloatArray, sides: IntArray, course: _Course, limits: Limits
) -> Pattern | None:
    """Compare the stretch with the ideal signal."""
    margin = round(MARGIN_S * POINTS_PER_S)
    start, stop = math.floor(course.leaves) - margin, math.ceil(course.end) + margin
    if start < 0 or stop > gaze_uv.size or not _from_centre(gaze_uv, course, start, stop):
        return None
    swing_uv = float(np.abs(np.diff(gaze_uv[sides])).mean())
    mean = mean_uv[start:stop]
    if float(mean.max() - mean.min()) > MEAN_SHARE * swing_uv:
        return None
    fit = explained(
        level(gaze_uv[start:stop]), level(_ideal(np.arange(start, stop, dtype=np.float64), course))
    )
    if fit < limits.least_fit:
        return None
    complete = max(stop, math.ceil(course.swings[-1] + limits.longest_gap_s * POINTS_PER_S))
    complete = stop if course.returns is not None else complete
    return Pattern(course.leaves, course.end, complete, swing_uv, fit, course.first_sign > 0.0)


def _from_centre(gaze_uv: FloatArray, course: _Course, start: int, stop: int) -> bool:
    """Whether the gaze lies near the middle before the signal and after the return."""
    away = round(0.1 * POINTS_PER_S)
    before = float(gaze_uv[start : math.floor(course.leaves) - away].mean()) - course.middle_uv
    limit_uv = OFF_CENTRE * course.height_uv
    if abs(before) > limit_uv:
        return False
    if course.returns is None:
        return True
    after = float(gaze_uv[math.ceil(course.returns) + away : stop].mean()) - course.middle_uv
    return abs(after) <= limit_uv


def _ideal(at: FloatArray, course: _Course) -> FloatArray:
    """Gaze of height 1 that moves at the times of `course`."""
    gaze_ = course.first_sign * _edge(at, course.leaves)
    step = -2.0 * course.first_sign
    for swing in course.swings:
        gaze_ += step * _edge(at, swing)
        step = -step
    if course.returns is not None:
        gaze_ += 0.5 * step * _edge(at, course.returns)
    return np.asarray(gaze_)


def _edge(at: FloatArray, middle: float) -> FloatArray:
    """Smooth rise from 0 to 1 about `middle`."""
    share = np.clip((at - middle) / (RISE_S * POINTS_PER_S) + 0.5, 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * share))


def explained(values: FloatArray, ideal: FloatArray) -> float:
    """Share of the sum of squares of `values` that a multiple of `ideal` explains, 0 to 1; both ``(n,)``."""
    together = float((values * ideal).sum())
    scale = float((values * values).sum()) * float((ideal * ideal).sum())
    return together * together / scale if together > 0.0 and scale > 0.0 else 0.0
