"""What UTC may be at a moment: between the earliest and the latest that any clock at hand says."""

from __future__ import annotations

from typing import NamedTuple


class UtcRange(NamedTuple):
    """UTC lies in here, ends included, as far as is known.

    Attributes
    ----------
    earliest_s, latest_s
        UTC seconds.
    """

    earliest_s: float
    latest_s: float


def utc_range(utc: float | UtcRange) -> UtcRange:
    """Take a UTC that is known exactly as the range that it is."""
    return utc if isinstance(utc, UtcRange) else UtcRange(utc, utc)
