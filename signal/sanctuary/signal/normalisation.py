"""Running normalisation: tonight's level of each log band power, learned as the night goes.

A sleeper, a headband and a reference electrode shift log powers by constants; subtracting a running level
removes them without ever looking ahead. The level starts at the population's, or at the sleeper's own of
earlier nights, and leaves it as clean epochs come in. It is robust: an epoch far away moves it no more than
one at `clip_db`. It may be re-centred on N2 once enough of that was recognised (per-sleeper calibration on N2
removes the bias of the reference electrode).
"""

from __future__ import annotations

import numpy as np

from sanctuary.config.chain import NormalisationSettings
from sanctuary.signal.samples import BoolArray, FloatArray

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
        """Subtract the level known before this epoch, then learn from the epoch; NaN rows teach nothing."""
        level_db = self._level(rows).copy()
        clip_db = self._settings.clip_db
        known = np.isfinite(band_db).all(axis=1, keepdims=True)
        step = np.where(known, np.clip(band_db - self.level_db[rows], -clip_db, clip_db), 0.0)
        weight = self._weight[rows]
        weight = np.where(known, weight * self._keep + 1.0, weight)
        self._weight[rows] = weight
        self.level_db[rows] += step / weight
        return np.asarray(band_db - level_db)

    def recognised(self, band_db: FloatArray, n2: BoolArray, rows: slice = slice(None)) -> None:
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
