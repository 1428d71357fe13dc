"""How far each stage's physiology has set in: stages change smoothly, muscles ahead of the eyes.

Scorers put sharp borders where sleep has none. The EEG therefore wanders around its stage, towards the next
lighter or deeper one, over a minute or two; without that, simulated stages would be separated far more
easily than real ones.
"""

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
_WAKING_S, _DOZING_S = 3.0, 20
"""How long a cue's awakening takes, and how long sleep takes to return."""
_DEPTH_S, _DEPTH_SD, _DEPTH_MOST = 40.0, 0.28, 0.8
"""Wandering of depth: standard deviation of its smoothing, of itself, and the furthest it goes."""
_DEEPER = {Stage.W: Stage.N1, Stage.N1: Stage.N2, Stage.N2: Stage.N3, Stage.N3: Stage.N3, Stage.R: Stage.N2}
_LIGHTER = {Stage.W: Stage.W, Stage.N1: Stage.W, Stage.N2: Stage.N1, Stage.N3: Stage.N2, Stage.R: Stage.N1}


class Course:
    """The state behind the signals, second by second; awake after the end of the night.

    Parameters
    ----------
    stages
        Shape ``(n_seconds,)``: true stages.
    rng
        Draws how depth wanders.
    """

    def __init__(self, stages: NDArray[np.int8], rng: np.random.Generator) -> None:
        self._n_s = int(stages.size)
        scored = _one_hot(stages)
        self._stage = _smooth(scored, _SETTLING_S)
        self._eeg = _smooth(_wandering(scored, _depth(self._n_s, rng)), _SETTLING_S)
        self._tone = _smooth(_one_hot(_early_atonia(stages)), _MUSCLE_SETTLING_S)
        self._pressure = np.exp(-np.cumsum(stages != Stage.W) / _DISSIPATION_S)

    def wake(self, start_s: float, end_s: float) -> None:
        """Wake the sleeper from `start_s` to `end_s`; nothing before `start_s` changes.

        Waking up takes a few seconds; falling asleep again, some longer.
        """
        first, stop = int(np.ceil(start_s)), min(self._n_s, int(np.ceil(end_s)) + _DOZING_S)
        if first >= stop:
            return
        second = np.arange(first, stop, dtype=np.float64)
        awake = np.clip(
            np.minimum((second - start_s + 1.0) / _WAKING_S, (end_s + _DOZING_S - second) / _DOZING_S),
            0.0,
            1.0,
        )[:, None]
        waking = np.eye(len(STAGES))[Stage.W]
        for weights in (self._stage, self._eeg, self._tone):
            weights[first:stop] += awake * (waking - weights[first:stop])

    def stage_weights(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far each stage has set in: ``(n, 5)`` for times ``(n,)``, rows summing to 1."""
        return self._at(self._stage, t_s)

    def eeg_weights(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Like `stage_weights`, for the EEG, which wanders around its stage."""
        return self._at(self._eeg, t_s)

    def tone_weights(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Like `stage_weights`, for muscle tone, which falls before REM begins."""
        return self._at(self._tone, t_s)

    def pressure(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sleep pressure, 1 at the start of the night, falling with the time asleep."""
        return np.asarray(self._pressure[np.clip(_whole(t_s), 0, self._n_s - 1)])

    def sigma_phase(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Readiness for spindles, 0 to 1, in the rhythm of about 50 s."""
        return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * t_s / _SIGMA_PERIOD_S))

    def _at(self, weights: NDArray[np.float64], t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        seconds = _whole(t_s)
        found = weights[np.clip(seconds, 0, self._n_s - 1)]
        found[seconds >= self._n_s] = _one_hot(np.array([Stage.W], dtype=np.int8))
        return found


def _whole(t_s: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(t_s).astype(np.int64)


def _one_hot(stages: NDArray[np.int8]) -> NDArray[np.float64]:
    return np.eye(len(STAGES))[stages]


def _smooth(weights: NDArray[np.float64], settling_s: float) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter1d(weights, settling_s, axis=0, mode="nearest", truncate=3.0))


def _depth(n_s: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where the EEG stands between its stage (0) and the next deeper (1) or lighter one (-1)."""
    smooth = gaussian_filter1d(rng.standard_normal(n_s), _DEPTH_S, mode="wrap", truncate=3.0)
    scale = np.sqrt(2.0 * np.sqrt(np.pi) * _DEPTH_S)
    return np.asarray(np.clip(_DEPTH_SD * scale * smooth, -_DEPTH_MOST, _DEPTH_MOST))


def _wandering(scored: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    deeper, lighter = (np.eye(len(STAGES))[[to[s] for s in STAGES]] for to in (_DEEPER, _LIGHTER))
    down, up = np.maximum(depth, 0.0)[:, None], np.maximum(-depth, 0.0)[:, None]
    return np.asarray((1.0 - down - up) * scored + down * (scored @ deeper) + up * (scored @ lighter))


def _early_atonia(stages: NDArray[np.int8]) -> NDArray[np.int8]:
    """Stages as the muscles follow them: REM begins early, where sleep leads into it."""
    early = stages.copy()
    starts = np.flatnonzero((stages[1:] == Stage.R) & (stages[:-1] != Stage.R)) + 1
    for start in starts:
        ahead = early[max(0, start - _ATONIA_LEAD_S) : start]
        ahead[ahead != Stage.W] = Stage.R
    return early
