"""Fitting the emission to scored nights, and choosing the exponents that calibrate it.

The very normalisation, features and filter that run live are used, epoch by epoch. Sleepers who appear in the
training data must not appear in the test data: split by person, never by night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sanctuary.config.chain_settings import ChainSettings, NormalisationSettings
from sanctuary.signal.emission import PAIR, SINGLE, Emission, Head, design, softmax
from sanctuary.signal.features import EYE_FEATURES, Features
from sanctuary.signal.samples import STAGES, FloatArray, Stage
from sanctuary.signal.staging import EpochStager, RunningLevel

RIDGE = 30.0
"""Penalty on the weights of standardised features; chosen by leaving one person out."""
CALIBRATIONS = tuple(round(0.05 * k, 2) for k in range(4, 31))
"""Exponents tried by `best_calibration`."""

IntArray = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredNight:
    """One night's features, epoch by epoch, beside the expert's stages.

    Attributes
    ----------
    name, person
        What the night is called and whose it is: nights of one person are never split.
    band_db
        Shape ``(n, 5)``, dB; NaN where nothing was usable.
    eyes
        Shape ``(n, 48)``; NaN where eye movements could not be seen, everywhere for band-power data.
    stages
        Shape ``(n,)``: 0 to 4, or `Stage.UNKNOWN`.
    """

    name: str
    person: str
    band_db: FloatArray
    eyes: FloatArray
    stages: IntArray

    @property
    def has_eyes(self) -> bool:
        """Whether eye movements are known in any epoch."""
        return bool(np.isfinite(self.eyes).all(axis=1).any())

    def features(self, epoch: int, *, eyes: bool = True) -> Features:
        """One epoch as `EpochStager.step` takes it, with or without the eyes."""
        there = float(np.isfinite(self.band_db[epoch]).all())
        seen = self.eyes[epoch : epoch + 1] if eyes else np.full((1, len(EYE_FEATURES)), np.nan)
        quality = np.array([there])
        return Features(
            self.band_db[epoch : epoch + 1],
            seen,
            quality,
            quality[:, np.newaxis],
            np.zeros(1),
        )


def bands_only(name: str, person: str, band_db: FloatArray, stages: IntArray) -> ScoredNight:
    """Make a night of which only band powers are known."""
    n = len(band_db)
    return ScoredNight(name, person, band_db, np.full((n, len(EYE_FEATURES)), np.nan), stages)


def fit_emission(
    nights: Sequence[ScoredNight],
    settings: NormalisationSettings,
    provenance: Mapping[str, Any],
    calibrations: Mapping[str, float] | None = None,
) -> Emission:
    """Fit all heads that the nights allow: `SINGLE`, and `PAIR` where eye movements are known."""
    population_db = np.median(np.concatenate([_known(night) for night in nights]), axis=0)
    centred = [_centred(night, population_db, settings) for night in nights]
    z, stages = np.concatenate(centred), np.concatenate([night.stages for night in nights])
    eyes = np.concatenate([night.eyes for night in nights])
    usable = (stages != Stage.UNKNOWN) & np.isfinite(z).all(axis=1)
    seen = usable & np.isfinite(eyes).all(axis=1)
    truth = stages.astype(np.int64)
    calibration = {PAIR: 1.0, SINGLE: 1.0, **(calibrations or {})}
    weights = fit_softmax(design(z[usable]), truth[usable], RIDGE)
    heads = {SINGLE: Head(weights, calibration[SINGLE])}
    if seen.any():
        weights = fit_softmax(design(z[seen], eyes[seen]), truth[seen], RIDGE)
        heads[PAIR] = Head(weights, calibration[PAIR])
    counts = np.bincount(truth[usable], minlength=len(STAGES)) + 1.0
    n2_db = np.median(z[usable & (truth == Stage.N2)], axis=0)
    return Emission(population_db, n2_db, counts / counts.sum(), heads, provenance)


def _known(night: ScoredNight) -> FloatArray:
    return night.band_db[np.isfinite(night.band_db).all(axis=1)]


def _centred(night: ScoredNight, population_db: FloatArray, settings: NormalisationSettings) -> FloatArray:
    """Band powers as the chain would centre them live."""
    start_min = np.array([settings.prior_min])
    level = RunningLevel(settings, population_db[np.newaxis], start_min, np.zeros_like(population_db))
    return np.concatenate([level.centre(epoch[np.newaxis]) for epoch in night.band_db])


def fit_softmax(vectors: FloatArray, stages: NDArray[np.int64], ridge: float) -> FloatArray:
    """Multinomial logistic regression, shape ``(5, n_design)``.

    The penalty is on standardised features; the last (constant) one of the design is not penalised.
    """
    mean, spread = vectors[:, :-1].mean(axis=0), vectors[:, :-1].std(axis=0) + 1e-9
    z = np.concatenate(((vectors[:, :-1] - mean) / spread, vectors[:, -1:]), axis=1)
    n, k = z.shape
    rows, truth = np.arange(n), np.eye(len(STAGES))[stages]

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(k, len(STAGES))
        p = softmax(z @ weights)
        gradient = z.T @ (p - truth)
        gradient[:-1] += ridge * weights[:-1]
        penalty = 0.5 * ridge * float(np.sum(weights[:-1] ** 2))
        return penalty - float(np.log(np.maximum(p[rows, stages], 1e-12)).sum()), gradient.ravel()

    start = np.zeros(k * len(STAGES))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    weights = np.asarray(found.x, dtype=np.float64).reshape(k, len(STAGES))
    weights[-1] -= (weights[:-1] * (mean / spread)[:, np.newaxis]).sum(axis=0)
    weights[:-1] /= spread[:, np.newaxis]
    return np.ascontiguousarray(weights.T)


def filtered(night: ScoredNight, emission: Emission, settings: ChainSettings, *, eyes: bool) -> FloatArray:
    """Stage probabilities ``(n, 5)`` of a night's epochs, each from itself and the epochs before it."""
    start_min = np.array([settings.normalisation.prior_min])
    stager = EpochStager(settings, emission, emission.population_db[np.newaxis], start_min)
    return np.concatenate(
        [stager.step(night.features(epoch, eyes=eyes)).p for epoch in range(len(night.stages))]
    )


def log_loss(p: FloatArray, stages: IntArray) -> float:
    """Mean negative log probability (nats) given to the expert's stages; unknown ones are left out."""
    known = stages != Stage.UNKNOWN
    given = p[known, stages[known].astype(np.int64)]
    return float(-np.log(np.maximum(given, 1e-6)).mean())


def best_calibration(held_out: Sequence[tuple[FloatArray, IntArray]]) -> float:
    """Exponent that makes the filter's probabilities truest.

    `held_out` pairs uncalibrated probabilities ``(n, 5)``, by models that have not seen the sleeper, with the
    expert's stages ``(n,)``.
    """
    losses = [
        np.mean([log_loss(sharpened(p, power), stages) for p, stages in held_out]) for power in CALIBRATIONS
    ]
    return CALIBRATIONS[int(np.argmin(losses))]


def sharpened(p: FloatArray, exponent: float) -> FloatArray:
    """Probabilities ``(n, 5)`` raised to an exponent and normalised."""
    flat = np.maximum(p, 1e-12) ** exponent
    return np.asarray(flat / flat.sum(axis=1, keepdims=True))
