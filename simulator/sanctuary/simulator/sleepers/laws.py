"""Random laws of lengths: log-normal, cut off at both ends.

One random number each, whatever the limits, so that a limit never shifts the numbers behind it. The means of
the standard library are used: the same numbers on every Python.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()
_TAIL = 1e-9


def draw_normal(rng: np.random.Generator, low: float = -math.inf, high: float = math.inf) -> float:
    """Draw from the standard normal law between `low` and `high`."""
    below, upto = (_NORMAL.cdf(low), _NORMAL.cdf(high))
    chance = below + float(rng.random()) * (upto - below)
    drawn = _NORMAL.inv_cdf(min(1.0 - _TAIL, max(_TAIL, chance)))
    return min(high, max(low, drawn))


def draw_length(
    median: float, spread: float, rng: np.random.Generator, low: float = 0.0, high: float = math.inf
) -> float:
    """Draw a length from the log-normal law between `low` and `high`.

    Parameters
    ----------
    median, spread
        Of the law before it is cut off: its median, and the standard deviation of the logarithm; 0 or less
        always gives the median, or the limit next to it.
    low, high
        Limits, in the unit of `median`; `low` where they are the wrong way round.
    """
    if high <= low or spread <= 0.0:
        rng.random()
        return max(low, min(high, median))
    least = (math.log(low) - math.log(median)) / spread if low > 0.0 else -math.inf
    most = (math.log(high) - math.log(median)) / spread if high < math.inf else math.inf
    return min(high, max(low, median * math.exp(spread * draw_normal(rng, least, most))))
