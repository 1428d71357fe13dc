"""Single waves, laid over the background wherever they begin, across the borders of segments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """One wave: its onset (seconds since the recording began) and its course at AF7 and AF8, uV."""

    onset_s: float
    left: NDArray[np.float64]
    right: NDArray[np.float64]


class Overlay:
    """Adds waves up, segment after segment, and keeps what reaches beyond.

    Parameters
    ----------
    fs_hz, segment_s
        Whole samples per second; seconds per segment.
    """

    def __init__(self, fs_hz: int, segment_s: int) -> None:
        self._fs_hz = fs_hz
        self._n = fs_hz * segment_s
        self._pending = np.zeros((2, self._n))

    def segment(self, index: int, waves: Iterable[Wave]) -> NDArray[np.float64]:
        """Sum of all waves in segment `index`, ``(2, n)`` uV; `waves` are those that begin in it."""
        self._pending = self._pending.copy()  # a copy of this object keeps what was pending before
        for wave in waves:
            start = int(wave.onset_s * self._fs_hz) - index * self._n
            stop = start + wave.left.size
            self._reach(stop)
            self._pending[0, start:stop] += wave.left
            self._pending[1, start:stop] += wave.right
        done, self._pending = self._pending[:, : self._n], self._pending[:, self._n :]
        self._reach(self._n)
        return done

    def _reach(self, stop: int) -> None:
        missing = stop - self._pending.shape[1]
        if missing > 0:
            self._pending = np.concatenate([self._pending, np.zeros((2, missing))], axis=1)
