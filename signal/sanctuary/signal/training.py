"""Fitting the emission: spectra from scored nights, eye movements from scored counts.

Both fits use the very normalisation and cells that the chain uses live. Sleepers who appear in the training
data must not appear in the test data: split by person, never by night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sanctuary.config.chain import NormalisationSettings
from sanctuary.signal.emission import EYE_CELLS, Emission, expand, softmax
from sanctuary.signal.normalisation import RunningLevel
from sanctuary.signal.samples import STAGES, FloatArray

RIDGE = 3.0
"""Penalty on the softmax weights; chosen by leaving one person out."""
SPECTRAL_TEMPER = 0.7
EYE_PSEUDO_COUNT = 100.0
"""Counts added to each stage's eye table, spread as in all stages together."""
EYE_FLATTENING = 0.1
"""Share of the all-stage distribution mixed into each stage's, so that no cell is ever decisive alone."""

IntArray = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredBands:
    """One night's log band powers ``(n, 5)``, dB, and expert stages ``(n,)``, 0 to 4, epoch by epoch."""

    band_db: FloatArray
    stages: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ScoredEyes:
    """Eye cells ``(n,)`` of `emission.eye_cell` and stages ``(n,)``, 0 to 4."""

    cells: NDArray[np.int64]
    stages: IntArray


def fit_emission(
    bands: Sequence[ScoredBands],
    eyes: Sequence[ScoredEyes],
    settings: NormalisationSettings,
    provenance: dict[str, Any],
) -> Emission:
    """Fit both parts; `bands` and `eyes` may come from different nights."""
    population_db = np.median(np.concatenate([night.band_db for night in bands]), axis=0)
    design = np.concatenate([_design(night.band_db, population_db, settings) for night in bands])
    stages = np.concatenate([night.stages for night in bands]).astype(np.int64)
    prior = np.bincount(stages, minlength=len(STAGES)) / stages.size
    return Emission(
        population_db,
        fit_softmax(design, stages, RIDGE),
        prior,
        SPECTRAL_TEMPER,
        fit_eye_table(eyes),
        provenance,
    )


def _design(band_db: FloatArray, population_db: FloatArray, settings: NormalisationSettings) -> FloatArray:
    level = RunningLevel(settings, population_db)
    return expand(np.stack([level.centre(epoch) for epoch in band_db]))


def fit_softmax(design: FloatArray, stages: NDArray[np.int64], ridge: float) -> FloatArray:
    """Multinomial logistic regression, shape ``(n_design, 5)``; the last (constant) row is not penalised."""
    n, k = design.shape
    rows, truth = np.arange(n), np.eye(len(STAGES))[stages]

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(k, len(STAGES))
        p = softmax(design @ weights)
        gradient = design.T @ (p - truth)
        gradient[:-1] += ridge * weights[:-1]
        penalty = 0.5 * ridge * float(np.sum(weights[:-1] ** 2))
        return penalty - float(np.log(np.maximum(p[rows, stages], 1e-12)).sum()), gradient.ravel()

    start = np.zeros(k * len(STAGES))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x, dtype=np.float64).reshape(k, len(STAGES))


def fit_eye_table(nights: Sequence[ScoredEyes]) -> FloatArray:
    """Log of P(cell | stage) / P(cell), shape ``(EYE_CELLS, 5)``, smoothed and flattened."""
    counts = np.zeros((EYE_CELLS, len(STAGES)))
    for night in nights:
        np.add.at(counts, (night.cells, night.stages.astype(np.int64)), 1.0)
    everywhere = (counts.sum(axis=1, keepdims=True) + 0.5) / (counts.sum() + 0.5 * EYE_CELLS)
    given = (counts + EYE_PSEUDO_COUNT * everywhere) / (counts.sum(axis=0) + EYE_PSEUDO_COUNT)
    given = (1.0 - EYE_FLATTENING) * given + EYE_FLATTENING * everywhere
    return np.asarray(np.log(given / everywhere))
