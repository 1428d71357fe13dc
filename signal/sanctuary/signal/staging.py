"""Staging: running normalisation, then a forward filter over five stages.

Normalisation. A sleeper, a headband and a reference electrode shift log powers by constants; subtracting a
running level removes them without looking ahead. The level starts at the population's, or at the sleeper's
own of earlier nights, and moves as clean epochs come in. It is robust: an epoch far away moves it no more
than one at `clip_db`. It may be re-centred on N2 once enough of that was recognised (per-sleeper calibration
on N2 removes the bias of the reference electrode).

Filter. It steps from one 30 s epoch to the next; REM entry depends on the time asleep. To answer more often
than every 30 s, several filters run side by side, each on its own lattice of non-overlapping 30 s epochs, and
the one whose epoch ends now answers. No epoch is counted twice, so likelihoods need no correction for
overlapping windows, and each answer is what a scorer who had only the past would say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.chain_settings import ChainSettings, NormalisationSettings, StagingSettings
from sanctuary.signal.emission import Emission
from sanctuary.signal.features import Features
from sanctuary.signal.samples import EPOCH_S, BoolArray, FloatArray, Stage

EPOCHS_PER_MIN = 2.0
SURE_OF_N2 = 0.9
"""P(N2) from which an epoch counts for re-centring."""


class RunningLevel:
    """Exponentially forgetting, clipped mean with a prior; one row per sleeper.

    Parameters
    ----------
    settings
        Weight of the prior, forgetting time, clip, and re-centring on N2.
    start_db, start_min
        Shapes ``(S, n_features)`` and ``(S,)``: the level to begin with, dB, and the minutes of data that
        it counts for.
    n2_db
        Shape ``(n_features,)``: where N2 usually lies against the level, dB.
    """

    def __init__(
        self,
        settings: NormalisationSettings,
        start_db: FloatArray,
        start_min: FloatArray,
        n2_db: FloatArray,
    ) -> None:
        self._settings = settings
        self.level_db = start_db.copy()
        self._weight = np.maximum(start_min * EPOCHS_PER_MIN, 1e-6)[:, np.newaxis]
        self._keep = 1.0 - 1.0 / (settings.memory_min * EPOCHS_PER_MIN)
        self._n2_db = n2_db
        self._n2_sum = np.zeros_like(start_db)
        self._n2_count = np.zeros((len(start_db), 1))

    @property
    def weight_min(self) -> FloatArray:
        """Shape ``(S,)``: minutes of data that the level stands for."""
        return np.asarray(self._weight[:, 0] / EPOCHS_PER_MIN)

    def centre(self, band_db: FloatArray, rows: slice = slice(None)) -> FloatArray:
        """Subtract the level known before this epoch, then learn from the epoch, but not from NaN rows."""
        level_db = self._level(rows).copy()
        clip_db = self._settings.clip_db
        known = np.isfinite(band_db).all(axis=1, keepdims=True)
        step = np.where(known, np.clip(band_db - self.level_db[rows], -clip_db, clip_db), 0.0)
        weight = self._weight[rows]
        weight = np.where(known, weight * self._keep + 1.0, weight)
        self._weight[rows] = weight
        self.level_db[rows] += step / weight
        return np.asarray(band_db - level_db)

    def learn_n2(self, band_db: FloatArray, n2: BoolArray, rows: slice = slice(None)) -> None:
        """Learn where N2 lies tonight, from the rows of this epoch that surely are N2, ``(S,)``."""
        sure = n2[:, np.newaxis] & np.isfinite(band_db).all(axis=1, keepdims=True)
        self._n2_sum[rows] += np.where(sure, band_db, 0.0)
        self._n2_count[rows] += sure

    def _level(self, rows: slice) -> FloatArray:
        if not self._settings.n2_weight:
            return self.level_db[rows]
        least = self._settings.n2_min * EPOCHS_PER_MIN
        by_n2 = self._n2_sum[rows] / np.maximum(self._n2_count[rows], 1.0) - self._n2_db
        share = np.where(self._n2_count[rows] >= least, self._settings.n2_weight, 0.0)
        return (1.0 - share) * self.level_db[rows] + share * by_n2


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
_RATES = TRANSITION_COUNTS / TRANSITION_COUNTS.sum(axis=1, keepdims=True)
_INTO_REM = np.array([WAKE_REM_FACTOR, 1.0, 1.0, 1.0])


def rem_entry_factor(asleep_min: FloatArray, nrem_min: FloatArray, settings: StagingSettings) -> FloatArray:
    """Factor on the rates of entering REM, after `asleep_min` of sleep of which `nrem_min` were N2 or N3.

    Zero before the first N2, small until `rem_entry_start_min`, one at `rem_entry_full_min`, rising to two
    in the last third of the night (Bianchi; Kemp 1986). Shapes ``(S,)``.
    """
    start, full = settings.rem_entry_start_min, settings.rem_entry_full_min
    late = max(LATE_REM_MIN, full + 1.0)
    factor = np.interp(asleep_min, (start, full, late), (EARLY_REM_FACTOR, 1.0, LATE_REM_FACTOR))
    return np.where(nrem_min < NREM_BEFORE_REM_MIN, 0.0, factor)


def transitions(factor: FloatArray) -> FloatArray:
    """Transition matrices of one epoch, shape ``(S, 5, 5)``, to by from; each column sums to 1."""
    into_rem = _RATES[: Stage.R, Stage.R] * _INTO_REM * factor[:, np.newaxis]
    scale = 1.0 / (1.0 - _RATES[: Stage.R, Stage.R] + into_rem)
    matrix = np.repeat(_RATES.T[np.newaxis], len(factor), axis=0)
    matrix[:, : Stage.R, : Stage.R] *= scale[:, np.newaxis]
    matrix[:, Stage.R, : Stage.R] = into_rem * scale
    return matrix


@dataclass(frozen=True, slots=True, eq=False)
class StagingResult:
    """Staging decisions of `S` sleepers.

    Attributes
    ----------
    p
        Shape ``(S, 5)``: probabilities of `STAGES`, calibrated.
    stage
        Shape ``(S,)``: the stages named, values of `Stage`.
    evidence
        Shape ``(S,)``: how much better REM explains this epoch alone than the next best stage does, log
        likelihood ratio in nats; 0 where nothing was usable.
    asleep_min
        Shape ``(S,)``: minutes asleep so far.
    """

    p: FloatArray
    stage: NDArray[np.int8]
    evidence: FloatArray
    asleep_min: FloatArray


def name_stages(p: FloatArray, rem_p: FloatArray | float) -> NDArray[np.int8]:
    """Name the most probable stages of ``(S, 5)``, but REM only from `rem_p` ``(S,)`` on.

    A false REM costs a sleeper more than a missed one.
    """
    other = np.argmax(p[:, : Stage.R], axis=1)
    return np.where(p[:, Stage.R] >= rem_p, Stage.R, other).astype(np.int8)


class EpochStager:
    """The forward filter on one lattice of epochs.

    Parameters
    ----------
    settings, emission
        Settings and model.
    start_db, start_min
        Shapes ``(S, 5)`` and ``(S,)``: where the running level begins, and its weight in minutes.
    """

    def __init__(
        self, settings: ChainSettings, emission: Emission, start_db: FloatArray, start_min: FloatArray
    ) -> None:
        self._settings = settings
        self._emission = emission
        self.level = RunningLevel(settings.normalisation, start_db, start_min, emission.n2_db)
        self._p = np.repeat(np.array([[1.0, 0.0, 0.0, 0.0, 0.0]]), len(start_db), axis=0)
        self._asleep_min = np.zeros(len(start_db))
        self._nrem_min = np.zeros(len(start_db))

    def step(self, features: Features, rows: slice = slice(None)) -> StagingResult:
        """Take one epoch of these rows; without usable features a filter only predicts, stage `UNKNOWN`."""
        staging = self._settings.staging
        matrix = transitions(rem_entry_factor(self._asleep_min[rows], self._nrem_min[rows], staging))
        p = (matrix * self._p[rows, np.newaxis, :]).sum(axis=-1)
        usable = features.quality >= self._settings.quality.usable
        usable = usable & np.isfinite(features.band_db).all(axis=1)
        band_db = np.where(usable[:, np.newaxis], features.band_db, np.nan)
        found = self._emission.log_likelihood(self.level.centre(band_db, rows), features)
        p = p * np.exp(found - found.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        self._p[rows] = p
        self._asleep_min[rows] += np.where(usable, 0.5 * (1.0 - p[:, Stage.W]), 0.0)
        self._nrem_min[rows] += np.where(usable, 0.5 * (p[:, Stage.N2] + p[:, Stage.N3]), 0.0)
        self.level.learn_n2(band_db, p[:, Stage.N2] > SURE_OF_N2, rows)
        true_p = self._emission.calibrated(p, features)
        rem_p = np.where(self._emission.sees_eyes(features), staging.rem_p, staging.rem_p_without_eyes)
        stage = np.where(usable, name_stages(true_p, rem_p), Stage.UNKNOWN).astype(np.int8)
        evidence = found[:, Stage.R] - found[:, : Stage.R].max(axis=1)
        return StagingResult(true_p, stage, evidence, self._asleep_min[rows].copy())


class Stager:
    """One `EpochStager` whose rows are as many lattices as there are hops in an epoch; they take turns."""

    def __init__(
        self, settings: ChainSettings, emission: Emission, start_db: FloatArray, start_min: FloatArray
    ) -> None:
        self.hop_s = settings.staging.hop_s
        self.n_turns = EPOCH_S // self.hop_s
        self._n = len(start_db)
        start_db, start_min = np.tile(start_db, (self.n_turns, 1)), np.tile(start_min, self.n_turns)
        self._lattices = EpochStager(settings, emission, start_db, start_min)
        self._turn = 0

    @property
    def together(self) -> int:
        """Hops that may be taken in one step now: up to the last lattice."""
        return self.n_turns - self._turn

    @property
    def level_db(self) -> FloatArray:
        """Shape ``(S, 5)``: the running level of the lattice that answered last."""
        last = (self._turn - 1) % self.n_turns
        return self._lattices.level.level_db[last * self._n : (last + 1) * self._n]

    def step(self, features: Features) -> StagingResult:
        """Take the features at successive hops, at most `together`, rows hop by hop."""
        hops = len(features.quality) // self._n
        rows = slice(self._turn * self._n, (self._turn + hops) * self._n)
        self._turn = (self._turn + hops) % self.n_turns
        return self._lattices.step(features, rows)
