"""How far each stage's physiology has set in at any second: stages change smoothly, muscles ahead of the eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from sanctuary.signal.samples import STAGES, Stage

_SETTLING_S = 4.0
"""Standard deviation of the smooth passage from one stage's EEG to the next's."""
_MUSCLE_SETTLING_S = 6.0
_ATONIA_LEAD_S = 25
"""Muscle tone drops this long before REM begins (the drop precedes the first eye movements)."""
_DISSIPATION_S = 3.0 * 3600.0
"""Time constant with which slow-wave activity falls over the hours of sleep."""
_SIGMA_PERIOD_S = 50.0
"""Spindles come and go with a period of about 50 s (Lecci et al. 2017)."""


class Course:
    """The state behind the signals, second by second; awake after the end of the night.

    Parameters
    ----------
    stages
        Shape ``(n_seconds,)``: true stages.
    """

    def __init__(self, stages: NDArray[np.int8]) -> None:
        self._n_s = int(stages.size)
        self._weights = _smooth(_one_hot(stages), _SETTLING_S)
        self._tone = _smooth(_one_hot(_early_atonia(stages)), _MUSCLE_SETTLING_S)
        asleep_s = np.cumsum(stages != Stage.W)
        self._pressure = np.exp(-asleep_s / _DISSIPATION_S)

    def stage_weights(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the EEG of each stage has set in: ``(n, 5)`` for times `t_s` ``(n,)``, rows summing to 1."""
        return self._at(self._weights, t_s)

    def tone_weights(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Like `stage_weights`, for muscle tone."""
        return self._at(self._tone, t_s)

    def pressure(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sleep pressure, 1 at the start of the night, falling with the time asleep."""
        seconds = np.clip(np.floor(t_s).astype(np.int64), 0, self._n_s - 1)
        return np.asarray(self._pressure[seconds])

    def sigma_phase(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Readiness for spindles, 0 to 1, in the rhythm of about 50 s."""
        return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * t_s / _SIGMA_PERIOD_S))

    def _at(self, weights: NDArray[np.float64], t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        seconds = np.floor(t_s).astype(np.int64)
        found = weights[np.clip(seconds, 0, self._n_s - 1)]
        found[seconds >= self._n_s] = np.eye(len(STAGES))[Stage.W]
        return found


def _one_hot(stages: NDArray[np.int8]) -> NDArray[np.float64]:
    return np.eye(len(STAGES))[stages]


def _smooth(weights: NDArray[np.float64], settling_s: float) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter1d(weights, settling_s, axis=0, mode="nearest", truncate=3.0))


def _early_atonia(stages: NDArray[np.int8]) -> NDArray[np.int8]:
    """Stages as the muscles follow them: REM begins early, where sleep leads into it."""
    early = stages.copy()
    starts = np.flatnonzero((stages[1:] == Stage.R) & (stages[:-1] != Stage.R)) + 1
    for start in starts:
        ahead = early[max(0, start - _ATONIA_LEAD_S) : start]
        ahead[ahead != Stage.W] = Stage.R
    return early
