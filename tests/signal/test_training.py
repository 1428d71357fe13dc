"""Training finds what is there, and the trained model is used as it was trained."""

from __future__ import annotations

import numpy as np
import pytest

from feature_rows import QUIET, rapid_eyes
from sanctuary.config.chain_settings import ChainSettings, NormalisationSettings
from sanctuary.signal.emission import PAIR, SINGLE, design, parse_emission
from sanctuary.signal.emission_training import (
    ScoredNight,
    bands_only,
    best_calibration,
    filtered,
    fit_emission,
    fit_softmax,
    log_loss,
    sharpened,
)
from sanctuary.signal.samples import Stage

MEANS_DB = np.array(
    [[10, 6, 8, 4, 0], [13, 8, 3, 1, -6], [18, 9, 2, -1, -9], [28, 12, 2, -4, -12], [12, 7, 0, -1, -12]],
    dtype=float,
)


def night(seed, epochs=600, eyes=True):
    rng = np.random.default_rng(seed)
    stages = np.repeat(rng.integers(0, 5, epochs // 10), 10).astype(np.int8)
    bands = MEANS_DB[stages] + rng.normal(0, 1.5, (epochs, 5))
    if not eyes:
        return bands_only(f"N{seed}", f"P{seed}", bands, stages)
    shown = np.where((stages == Stage.R)[:, np.newaxis], rapid_eyes(), QUIET)
    shown = shown + rng.normal(0, 0.3, shown.shape)
    return ScoredNight(f"N{seed}", f"P{seed}", bands, shown, stages)


@pytest.fixture(scope="module")
def model():
    return fit_emission([night(seed) for seed in range(4)], NormalisationSettings(), {"why": "test"})


def agreement(model, fresh, eyes):
    p = filtered(fresh, model, ChainSettings(), eyes=eyes)
    return np.mean(p.argmax(axis=1)[100:] == fresh.stages[100:])


def test_a_new_night_of_the_same_kind_is_staged(model):
    fresh = night(99)
    with_eyes = model.heads[PAIR].log_posterior(design(fresh.band_db - model.population_db, fresh.eyes))
    assert np.mean(with_eyes.argmax(axis=1) == fresh.stages) > 0.85


def test_eye_evidence_favours_the_stage_that_showed_it(model):
    same = np.zeros((2, 5))
    vectors = design(same, np.stack((rapid_eyes(), QUIET)))
    seen, blind = model.heads[PAIR].log_posterior(vectors)[:, Stage.R]
    assert seen > blind + 1.0


def test_nights_of_bands_alone_make_a_model_without_a_pair_head():
    model = fit_emission([night(s, eyes=False) for s in range(3)], NormalisationSettings(), {})
    assert set(model.heads) == {SINGLE}


def test_unknown_and_unusable_epochs_are_left_out():
    whole = night(3)
    spoilt = night(3)
    spoilt.band_db[50:60] = np.nan
    spoilt.stages[200:220] = Stage.UNKNOWN
    fits = [fit_emission([n, night(4)], NormalisationSettings(), {}) for n in (whole, spoilt)]
    assert all(np.isfinite(head.weights).all() for fit in fits for head in fit.heads.values())
    assert not np.array_equal(fits[0].prior, fits[1].prior)


def test_a_trained_model_can_be_saved_and_read(model):
    assert parse_emission(model.to_json(), "x").provenance == {"why": "test"}


def test_ridge_shrinks_the_weights():
    n = night(5)
    vectors, stages = np.c_[n.band_db / 10.0, np.ones(len(n.stages))], n.stages.astype(np.int64)
    loose, tight = (np.abs(fit_softmax(vectors, stages, ridge)[:, :-1]).sum() for ridge in (0.1, 1000.0))
    assert tight < 0.5 * loose


def test_weights_are_for_features_as_they_come():
    n = night(5)
    stages, one = n.stages.astype(np.int64), np.ones(len(n.stages))
    small, large = (fit_softmax(np.c_[n.band_db * scale, one], stages, 3.0) for scale in (1.0, 100.0))
    np.testing.assert_allclose(small[:, :-1], large[:, :-1] * 100.0, atol=1e-3)


def test_calibration_finds_the_exponent_that_was_applied():
    rng = np.random.default_rng(1)
    true = rng.dirichlet(np.full(5, 0.7), 20_000)
    stages = np.array([rng.choice(5, p=row) for row in true], dtype=np.int8)
    assert best_calibration([(sharpened(true, 2.0), stages)]) == pytest.approx(0.5, abs=0.051)
    assert best_calibration([(true, stages)]) == pytest.approx(1.0, abs=0.051)


def test_log_loss_leaves_unknown_epochs_out():
    p = np.array([[0.5, 0.5, 0, 0, 0], [0.2] * 5])
    assert log_loss(p, np.array([0, Stage.UNKNOWN], dtype=np.int8)) == pytest.approx(np.log(2.0))
