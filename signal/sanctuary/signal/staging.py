"""Staging: a forward filter over five stages, with REM entry that depends on the time asleep.

The filter steps from one 30 s epoch to the next. To speak more often than every 30 s, several filters run
side by side, each on its own lattice of non-overlapping 30 s epochs, and the one whose epoch ends now
answers. No epoch is counted twice, so likelihoods need no correction for overlapping windows, and each
answer is what a scorer who had only the past would say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sanctuary.config.chain import ChainSettings, StagingSettings
from sanctuary.signal.emission import Emission
from sanctuary.signal.features import EPOCH_S, Features
from sanctuary.signal.normalisation import RunningLevel
from sanctuary.signal.samples import STAGES, FloatArray, Stage

TRANSITION_COUNTS = np.array(
    [
        [11737, 571, 84, 2, 2],
        [281, 6697, 1661, 11, 59],
        [253, 1070, 26259, 505, 272],
        [49, 176, 279, 9630, 12],
        [57, 189, 84, 2, 10071],
    ],
    dtype=np.float64,
)
"""Transitions between 30 s epochs, rows from, columns to (Metzner's counts as used by YASA)."""
EARLY_REM_FACTOR = 0.05
LATE_REM_FACTOR = 2.0
LATE_REM_MIN = 320.0
"""Two thirds of eight hours asleep: from here REM entry is about twice as frequent."""
WAKE_REM_FACTOR = 0.3
NREM_BEFORE_REM_MIN = 3.0
"""No REM before this much N2 and N3 (a sleep-onset REM period is an exclusion, not a cue)."""


def rem_entry_factor(asleep_min: float, nrem_min: float, settings: StagingSettings) -> float:
    """Factor on the rates of entering REM, after `asleep_min` of sleep of which `nrem_min` were N2 or N3.

    Near zero before the first N2, small until `rem_entry_start_min`, one at `rem_entry_full_min`,
    rising to two in the last third of the night (Bianchi; Kemp 1986).
    """
    if nrem_min < NREM_BEFORE_REM_MIN:
        return 0.0
    start, full = settings.rem_entry_start_min, settings.rem_entry_full_min
    late = max(LATE_REM_MIN, full + 1.0)
    return float(np.interp(asleep_min, (start, full, late), (EARLY_REM_FACTOR, 1.0, LATE_REM_FACTOR)))


def transitions(factor: float) -> FloatArray:
    """Transition matrix of one epoch, shape ``(5, 5)``, rows summing to 1."""
    matrix = TRANSITION_COUNTS / TRANSITION_COUNTS.sum(axis=1, keepdims=True)
    matrix[[Stage.N1, Stage.N2, Stage.N3], Stage.R] *= factor
    matrix[Stage.W, Stage.R] *= WAKE_REM_FACTOR * factor
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Staged:
    """One staging decision: probabilities of `STAGES`, the stage named, and minutes asleep so far."""

    p: tuple[float, float, float, float, float]
    stage: Stage
    asleep_min: float


def name_stage(p: FloatArray, rem_p: float) -> Stage:
    """Name the most probable stage, but REM only from `rem_p` on.

    A false REM costs a sleeper more than a missed one.
    """
    if p[Stage.R] >= rem_p:
        return Stage.R
    return STAGES[int(np.argmax(p[: Stage.R]))]


class EpochStager:
    """The forward filter on one lattice of epochs."""

    def __init__(self, settings: ChainSettings, emission: Emission) -> None:
        self._settings = settings
        self._emission = emission
        self._level = RunningLevel(settings.normalisation, emission.population_db)
        self._p = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
        self._asleep_min = 0.0
        self._nrem_min = 0.0

    def step(self, features: Features) -> Staged:
        """Take one epoch; without usable features the filter only predicts, and the stage is `UNKNOWN`."""
        staging = self._settings.staging
        p = self._p @ transitions(rem_entry_factor(self._asleep_min, self._nrem_min, staging))
        usable = features.band_db is not None and features.quality >= self._settings.quality.usable
        if usable and features.band_db is not None:
            log_likelihood = self._emission.log_likelihood(
                self._level.centre(features.band_db), features.eyes
            )
            p = p * np.exp(log_likelihood - log_likelihood.max())
            p = p / p.sum()
            self._asleep_min += 0.5 * float(1.0 - p[Stage.W])
            self._nrem_min += 0.5 * float(p[Stage.N2] + p[Stage.N3])
        self._p = p
        stage = name_stage(p, staging.rem_p) if usable else Stage.UNKNOWN
        w, n1, n2, n3, r = p.tolist()
        return Staged((w, n1, n2, n3, r), stage, self._asleep_min)


class Stager:
    """As many epoch stagers as there are hops in an epoch, taking turns."""

    def __init__(self, settings: ChainSettings, emission: Emission) -> None:
        self.hop_s = settings.staging.hop_s
        self._turns = [EpochStager(settings, emission) for _ in range(EPOCH_S // self.hop_s)]
        self._hop = 0

    def step(self, features: Features) -> Staged:
        """Take the features of the 30 s that end at this hop."""
        stager = self._turns[self._hop % len(self._turns)]
        self._hop += 1
        return stager.step(features)
