"""Emission: how well each stage explains one epoch's features.

Two independent kinds of evidence are multiplied. Spectral: a softmax on centred log band powers and their
products, trained on band powers of real scored nights. Eyes: a table of how often each stage shows how many
rapid, same-sign and slow movements. The parameters live in ``emission.json`` with their provenance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from sanctuary.config.errors import InputError
from sanctuary.signal.features import EyeCounts
from sanctuary.signal.samples import STAGES, FloatArray
from sanctuary.signal.spectra import BAND_NAMES

SCHEMA = "sanctuary.emission.v1"
SCALE_DB = 5.0
"""Centred powers are divided by this, so that weights are of order one."""
SACCADE_EDGES = (1.5, 4.5, 8.5)
BLINK_EDGES = (1.5, 4.5)
SLOW_EDGES = (2.5, 8.5)
EYE_CELLS = (len(SACCADE_EDGES) + 1) * (len(BLINK_EDGES) + 1) * (len(SLOW_EDGES) + 1)
_UPPER = np.triu_indices(len(BAND_NAMES))


def expand(centred_db: FloatArray) -> FloatArray:
    """Design vector of the softmax: scaled powers, their pairwise products, and a one.

    `centred_db` has shape ``(5,)`` or ``(n, 5)``; returns ``(21,)`` or ``(n, 21)``.
    """
    z = centred_db / SCALE_DB
    products = z[..., _UPPER[0]] * z[..., _UPPER[1]]
    return np.concatenate((z, products, np.ones((*z.shape[:-1], 1))), axis=-1)


def eye_cell(eyes: EyeCounts) -> int:
    """Row of the eye table, 0 to `EYE_CELLS` - 1."""
    saccades = int(np.searchsorted(SACCADE_EDGES, eyes.saccades))
    blinks = int(np.searchsorted(BLINK_EDGES, eyes.blinks))
    slow = int(np.searchsorted(SLOW_EDGES, eyes.slow))
    return (saccades * (len(BLINK_EDGES) + 1) + blinks) * (len(SLOW_EDGES) + 1) + slow


def softmax(scores: FloatArray) -> FloatArray:
    """Normalised exponentials along the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """Parameters of both parts.

    Attributes
    ----------
    population_db
        Shape ``(5,)``: usual level of each band, dB re 1 uV^2/Hz, where the running level starts.
    weights
        Shape ``(21, 5)``: softmax weights, design vector by stage.
    prior
        Shape ``(5,)``: shares of the stages in the training data, divided out of the posterior.
    spectral_temper
        Exponent of the spectral likelihood (epochs in a row are not independent).
    eye_log_ratio
        Shape ``(EYE_CELLS, 5)``: log of P(cell | stage) / P(cell).
    provenance
        Where the parameters come from.
    """

    population_db: FloatArray
    weights: FloatArray
    prior: FloatArray
    spectral_temper: float
    eye_log_ratio: FloatArray
    provenance: dict[str, Any]

    def log_likelihood(self, centred_db: FloatArray, eyes: EyeCounts | None) -> FloatArray:
        """Shape ``(5,)``: log likelihood of each stage, up to a constant; eyes are left out where unknown."""
        posterior = softmax(expand(centred_db) @ self.weights)
        log_likelihood = self.spectral_temper * np.log(np.maximum(posterior, 1e-9) / self.prior)
        if eyes is not None:
            log_likelihood = log_likelihood + self.eye_log_ratio[eye_cell(eyes)]
        return np.asarray(log_likelihood)

    def to_json(self) -> str:
        """Text of a model file."""
        body = {
            "schema": SCHEMA,
            "stages": [stage.name for stage in STAGES],
            "bands": list(BAND_NAMES),
            "provenance": self.provenance,
            "spectral_temper": self.spectral_temper,
            "population_db": _rounded(self.population_db),
            "prior": _rounded(self.prior),
            "weights": _rounded(self.weights),
            "eye_log_ratio": _rounded(self.eye_log_ratio),
        }
        return json.dumps(body, indent=1) + "\n"


def _rounded(values: FloatArray) -> Any:
    return np.round(values, 5).tolist()


def parse_emission(text: str, origin: str) -> Emission:
    """Read a model file's text.

    Raises
    ------
    InputError
        Naming `origin` and what does not fit.
    """
    try:
        body = json.loads(text)
        if body["schema"] != SCHEMA or body["bands"] != list(BAND_NAMES):
            raise ValueError(f"it is of schema {body['schema']!r}, {SCHEMA!r} is wanted")
        model = Emission(
            np.array(body["population_db"], dtype=np.float64),
            np.array(body["weights"], dtype=np.float64),
            np.array(body["prior"], dtype=np.float64),
            float(body["spectral_temper"]),
            np.array(body["eye_log_ratio"], dtype=np.float64),
            dict(body["provenance"]),
        )
        _check_shapes(model)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{origin}: not a usable emission model: {error}") from error
    return model


def _check_shapes(model: Emission) -> None:
    n_bands, n_stages = len(BAND_NAMES), len(STAGES)
    n_design = n_bands + len(_UPPER[0]) + 1
    wanted = {
        "population_db": (model.population_db, (n_bands,)),
        "weights": (model.weights, (n_design, n_stages)),
        "prior": (model.prior, (n_stages,)),
        "eye_log_ratio": (model.eye_log_ratio, (EYE_CELLS, n_stages)),
    }
    for name, (values, shape) in wanted.items():
        if values.shape != shape or not np.isfinite(values).all():
            raise ValueError(f"{name} must hold finite numbers of shape {shape}, has shape {values.shape}")
    if (model.prior <= 0).any():
        raise ValueError("prior must be positive")


@cache
def default_emission() -> Emission:
    """Read the emission that ships with the package."""
    source = resources.files("sanctuary.signal") / "emission.json"
    return parse_emission(source.read_text(encoding="utf-8"), "emission.json")
