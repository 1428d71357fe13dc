"""Clocks that are wrong: they begin somewhere, run too fast or too slow, and are set at times."""

from __future__ import annotations


class SkewedClock:
    """One machine's own clock.

    Parameters
    ----------
    offset_s
        What it shows at true second 0.
    drift
        How much too fast it runs (seconds per second).
    """

    def __init__(self, offset_s: float = 0.0, drift: float = 0.0) -> None:
        self._offset_s, self._rate = offset_s, 1.0 + drift

    def at(self, true_s: float) -> float:
        """Read it."""
        return self._offset_s + self._rate * true_s

    def step(self, by_s: float) -> None:
        """Set it forward, or back."""
        self._offset_s += by_s
