"""Emission: how well each stage explains one epoch's features.

Softmax heads: ``pair`` sees band powers and eye movements, ``single`` band powers alone, for a sleeper whose
eyes cannot be seen (one channel, or one side lifted). Each was trained for its own montage, so that what is
missing degrades instead of misleading. The parameters live in ``emission.json`` with their provenance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from sanctuary.config.errors import InputError
from sanctuary.signal.features import EYE_FEATURES, Features
from sanctuary.signal.filters import BAND_NAMES
from sanctuary.signal.samples import STAGES, BoolArray, FloatArray

SCHEMA = "sanctuary.emission.v2"
SCALE_DB = 5.0
"""Centred powers are divided by this, so that weights are of order one."""
PAIR, SINGLE = "pair", "single"
_UPPER = np.triu_indices(len(BAND_NAMES))
N_BANDS, N_EYES, N_STAGES = len(BAND_NAMES), len(EYE_FEATURES), len(STAGES)


def design(centred_db: FloatArray, *others: FloatArray) -> FloatArray:
    """Design vectors of a head: scaled powers, their pairwise products, other features, and a one.

    `centred_db` has shape ``(n, 5)``, others ``(n, k)``; returns ``(n, 21 + sum of k)``.
    """
    z = centred_db / SCALE_DB
    products = z[:, _UPPER[0]] * z[:, _UPPER[1]]
    return np.concatenate((z, products, *others, np.ones((len(z), 1))), axis=1)


def softmax(scores: FloatArray) -> FloatArray:
    """Normalised exponentials along the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """One softmax.

    Attributes
    ----------
    weights
        Shape ``(5, n_design)``: stages by design vector.
    calibration
        Exponent that makes the filter's probabilities true: epochs in a row are not independent, so the
        filter is surer than it has reason to be.
    """

    weights: FloatArray
    calibration: float

    def log_posterior(self, vectors: FloatArray) -> FloatArray:
        """Log probabilities ``(n, 5)`` of design vectors ``(n, n_design)``, under the training's prior."""
        # Not a matrix product: its order of summation depends on the number of rows.
        scores = (vectors[:, np.newaxis, :] * self.weights).sum(axis=-1)
        return np.log(np.maximum(softmax(scores), 1e-9))


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """Parameters of all heads.

    Attributes
    ----------
    population_db
        Shape ``(5,)``: usual level of each band, dB re 1 uV^2/Hz, where the running level starts.
    n2_db
        Shape ``(5,)``: where N2 lies against a sleeper's running level, dB.
    prior
        Shape ``(5,)``: shares of the stages in the training data, divided out of the posterior.
    heads
        `PAIR` (may be missing) and `SINGLE`.
    provenance
        Where the parameters come from.
    """

    population_db: FloatArray
    n2_db: FloatArray
    prior: FloatArray
    heads: Mapping[str, Head]
    provenance: Mapping[str, Any]

    def log_likelihood(self, centred_db: FloatArray, features: Features) -> FloatArray:
        """Log likelihood ``(S, 5)`` of each stage up to a constant; zero where nothing is known.

        `centred_db` has shape ``(S, 5)``.
        """
        found = np.zeros((len(centred_db), N_STAGES))
        for name, rows in self._rows(centred_db, features):
            eyes = (features.eyes[rows],) if name == PAIR else ()
            vectors = design(centred_db[rows], *eyes)
            found[rows] = self.heads[name].log_posterior(vectors) - np.log(self.prior)
        return found

    def calibrated(self, p: FloatArray, features: Features) -> FloatArray:
        """Make the filter's probabilities ``(S, 5)`` true, by the head that saw these features."""
        exponent = np.full((len(p), 1), self.heads[SINGLE].calibration)
        if PAIR in self.heads:
            exponent[self.sees_eyes(features)] = self.heads[PAIR].calibration
        flat = np.maximum(p, 1e-12) ** exponent
        return np.asarray(flat / flat.sum(axis=1, keepdims=True))

    def sees_eyes(self, features: Features) -> BoolArray:
        """Shape ``(S,)``: whose eye movements are known, and to this model of use."""
        return np.asarray(np.isfinite(features.eyes).all(axis=1) & (PAIR in self.heads))

    def _rows(self, centred_db: FloatArray, features: Features) -> list[tuple[str, BoolArray]]:
        """Which head judges which rows; rows of which nothing is known are left to none."""
        usable = np.isfinite(centred_db).all(axis=1)
        seen = usable & self.sees_eyes(features)
        return [(name, rows) for name, rows in ((PAIR, seen), (SINGLE, usable & ~seen)) if rows.any()]

    def to_json(self) -> str:
        """Text of a model file."""
        body = {
            "schema": SCHEMA,
            "stages": [stage.name for stage in STAGES],
            "bands": list(BAND_NAMES),
            "eye_features": list(EYE_FEATURES),
            "measures": [],  # part of the format; heads of earlier versions could ask for further features
            "provenance": dict(self.provenance),
            "population_db": _rounded(self.population_db),
            "n2_db": _rounded(self.n2_db),
            "prior": _rounded(self.prior),
            "heads": {
                name: {"calibration": round(head.calibration, 4), "weights": _rounded(head.weights)}
                for name, head in self.heads.items()
            },
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
        if not isinstance(body, dict) or body.get("schema") != SCHEMA:
            found = body.get("schema") if isinstance(body, dict) else None
            raise ValueError(f"it is of schema {found!r}, {SCHEMA!r} is wanted")
        for key, wanted in (("bands", BAND_NAMES), ("eye_features", EYE_FEATURES)):
            if body[key] != list(wanted):
                raise ValueError(f"its {key} are not those of this version")
        if body["measures"]:
            names = ", ".join(map(str, body["measures"]))
            raise ValueError(f"it uses measures that are no longer computed ({names}); train it anew")
        model = Emission(
            np.array(body["population_db"], dtype=np.float64),
            np.array(body["n2_db"], dtype=np.float64),
            np.array(body["prior"], dtype=np.float64),
            {
                str(name): Head(np.array(head["weights"], dtype=np.float64), float(head["calibration"]))
                for name, head in body["heads"].items()
            },
            dict(body["provenance"]),
        )
        _check(model)
    except KeyError as error:
        raise InputError(f"{origin}: not a usable emission model: {error} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{origin}: not a usable emission model: {error}") from error
    return model


def _check(model: Emission) -> None:
    if SINGLE not in model.heads or set(model.heads) - {PAIR, SINGLE}:
        raise ValueError(f"heads must be {SINGLE!r} and perhaps {PAIR!r}, not {sorted(model.heads)}")
    n_design = N_BANDS + len(_UPPER[0]) + 1
    wanted: dict[str, tuple[FloatArray, tuple[int, ...]]] = {
        "population_db": (model.population_db, (N_BANDS,)),
        "n2_db": (model.n2_db, (N_BANDS,)),
        "prior": (model.prior, (N_STAGES,)),
    }
    for name, head in model.heads.items():
        wanted[f"weights of {name}"] = (head.weights, (N_STAGES, n_design + (N_EYES if name == PAIR else 0)))
        if not 0.05 <= head.calibration <= 5.0:
            raise ValueError(f"calibration of {name} must lie between 0.05 and 5, is {head.calibration:g}")
    for what, (values, shape) in wanted.items():
        if values.shape != shape or not np.isfinite(values).all():
            raise ValueError(f"{what} must hold finite numbers of shape {shape}, has shape {values.shape}")
    if (model.prior <= 0).any():
        raise ValueError("prior must be positive")


@cache
def default_emission() -> Emission:
    """Read the emission that ships with the package."""
    source = resources.files("sanctuary.signal") / "emission.json"
    return parse_emission(source.read_text(encoding="utf-8"), "emission.json")
