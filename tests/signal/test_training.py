"""Training finds what is there, and the trained model is used as it was trained."""

from __future__ import annotations

import numpy as np
import pytest

from sanctuary.config.chain import NormalisationSettings
from sanctuary.signal.emission import EYE_CELLS, eye_cell, parse_emission
from sanctuary.signal.features import EyeCounts
from sanctuary.signal.samples import Stage
from sanctuary.signal.training import ScoredBands, ScoredEyes, fit_emission, fit_eye_table, fit_softmax

MEANS_DB = np.array(
    [[10, 6, 8, 4, 0], [13, 8, 3, 1, -6], [18, 9, 2, -1, -9], [28, 12, 2, -4, -12], [12, 7, 0, -1, -12]],
    dtype=float,
)


def night(seed, epochs=600):
    rng = np.random.default_rng(seed)
    stages = np.repeat(rng.integers(0, 5, epochs // 10), 10).astype(np.int8)
    return ScoredBands(MEANS_DB[stages] + rng.normal(0, 1.5, (epochs, 5)), stages)


def eyes_of(stages):
    rapid, none = eye_cell(EyeCounts(9.0, 0.0, 0.0)), eye_cell(EyeCounts(0.0, 0.0, 0.0))
    return ScoredEyes(np.where(stages == Stage.R, rapid, none), stages)


@pytest.fixture(scope="module")
def model():
    nights = [night(seed) for seed in range(4)]
    return fit_emission(nights, [eyes_of(n.stages) for n in nights], NormalisationSettings(), {"why": "test"})


def test_a_new_night_of_the_same_kind_is_staged(model):
    fresh = night(99)
    centred = fresh.band_db - model.population_db
    named = [int(model.log_likelihood(row, None).argmax()) for row in centred]
    assert np.mean(np.array(named) == fresh.stages) > 0.85


def test_eye_evidence_favours_the_stage_that_showed_it(model):
    rapid = model.eye_log_ratio[eye_cell(EyeCounts(9.0, 0.0, 0.0))]
    assert int(rapid.argmax()) == Stage.R


def test_unseen_eye_cells_say_little():
    table = fit_eye_table([eyes_of(np.full(400, Stage.N2, dtype=np.int8))])
    assert table.shape == (EYE_CELLS, 5)
    assert np.isfinite(table).all()


def test_a_trained_model_can_be_saved_and_read(model):
    assert parse_emission(model.to_json(), "x").provenance == {"why": "test"}


def test_ridge_shrinks_the_weights():
    n = night(5)
    design, stages = np.c_[n.band_db / 10.0, np.ones(len(n.stages))], n.stages.astype(np.int64)
    loose, tight = (np.abs(fit_softmax(design, stages, ridge)[:-1]).sum() for ridge in (0.1, 1000.0))
    assert tight < 0.2 * loose
