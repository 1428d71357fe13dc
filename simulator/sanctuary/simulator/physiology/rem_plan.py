"""When the eyes move in REM: bursts of saccades in phasic stretches, none in tonic ones.

Bursts lie more than 8 s apart. Activity peaks 5 to 10 min into a REM period, falls after another 10 min,
and follows a rhythm of about 20 min; later in the night bursts grow longer and richer, not more frequent.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import Stage

_GAP_LEAST_S, _GAP_MEAN_S = 8.0, 12.0
_PEAK_S, _RHYTHM_S = 450.0, 1200.0
_LATE_S = 6.0 * 3600.0
_SETTLE_S = 20.0
"""The first movements wait at least this long for atonia."""
_SPACING_LEAST_S, _SPACING_MEAN_S = 0.35, 0.55
_PHASIC_MARGIN_S = 5


class RemPlan:
    """Onsets of all saccades in REM of one night.

    Parameters
    ----------
    stages
        Shape ``(n_seconds,)``: true stages.
    density
        Factor on the number of eye movements.
    """

    def __init__(self, stages: NDArray[np.int8], density: float, rng: np.random.Generator) -> None:
        onsets = [onset for bout in _bouts(stages) for onset in _bout(*bout, density, rng)]
        self._onsets_s = np.array(onsets, dtype=np.float64)
        self._held_back = np.zeros(len(onsets), dtype=np.bool_)
        self._phasic = np.zeros(stages.size, dtype=np.bool_)
        for onset_s in onsets:
            second = int(onset_s)
            self._phasic[max(0, second - _PHASIC_MARGIN_S) : second + _PHASIC_MARGIN_S + 1] = True

    def onsets_s(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        """Onsets of saccades from `start_s` up to but not including `end_s`."""
        return np.array([onset_s for _, onset_s in self.saccades(start_s, end_s)], dtype=np.float64)

    def saccades(self, start_s: float, end_s: float) -> Iterator[tuple[int, float]]:
        """Like `onsets_s`, each with its number in the night, which no cue changes."""
        first, stop = np.searchsorted(self._onsets_s, [start_s, end_s])
        for number in range(int(first), int(stop)):
            if not self._held_back[number]:
                yield number, float(self._onsets_s[number])

    def thin(self, start_s: float, end_s: float, left: float, rng: np.random.Generator) -> None:
        """Hold saccades back from `start_s` to `end_s`, so that a share `left` of them is left.

        Stretches stay phasic or tonic as they were.
        """
        first, stop = np.searchsorted(self._onsets_s, [start_s, end_s])
        self._held_back[first:stop] |= rng.random(int(stop - first)) >= left

    def phasic(self, t_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each time lies in a phasic stretch of REM."""
        seconds = np.floor(t_s).astype(np.int64)
        inside = seconds < self._phasic.size
        return np.asarray(inside & self._phasic[np.where(inside, seconds, 0)])


def activity(since_s: float) -> float:
    """Readiness of the eyes, 0.1 to 1, so many seconds into a REM period."""
    return 0.55 + 0.45 * float(np.cos(2.0 * np.pi * (since_s - _PEAK_S) / _RHYTHM_S))


def _bouts(stages: NDArray[np.int8]) -> Iterator[tuple[float, float]]:
    """Start and end of every bout of REM."""
    rem = np.concatenate([[False], stages == Stage.R, [False]])
    edges = np.flatnonzero(rem[1:] != rem[:-1])
    yield from ((float(start), float(end)) for start, end in edges.reshape(-1, 2))


def _bout(start_s: float, end_s: float, density: float, rng: np.random.Generator) -> Iterator[float]:
    t_s = start_s + _SETTLE_S + rng.exponential(_GAP_MEAN_S)
    while t_s < end_s - 2.0:
        active = activity(t_s - start_s)
        if rng.random() < min(1.0, 0.25 + 0.75 * active):
            richness = 10.0 * density * active * (0.7 + 0.6 * min(1.0, t_s / _LATE_S))
            for _ in range(1 + int(rng.poisson(richness))):
                if t_s >= end_s - 2.0:
                    return
                yield t_s
                t_s += _SPACING_LEAST_S + rng.exponential(_SPACING_MEAN_S)
        t_s += _GAP_LEAST_S + rng.exponential(_GAP_MEAN_S)
