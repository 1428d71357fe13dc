"""Extremes of a trace: the turning points between which it swings, small wiggles left out."""

from __future__ import annotations

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
