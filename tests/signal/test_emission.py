"""The emission: model files, and which head judges whom."""

from __future__ import annotations

import json

import numpy as np
import pytest

from feature_rows import features, rapid_eyes
from sanctuary.config.errors import InputError
from sanctuary.signal.emission import PAIR, SINGLE, default_emission, design, parse_emission
from sanctuary.signal.samples import Stage


def test_design_vector_has_powers_products_others_and_a_one():
    z = design(np.array([[5.0, 0.0, 0.0, 0.0, 10.0]]), np.array([[7.0]]))
    assert z.shape == (1, 22)
    assert z[0, [0, 4, -2, -1]].tolist() == [1.0, 2.0, 7.0, 1.0]


def test_the_shipped_emission_says_where_it_comes_from():
    provenance = default_emission().provenance
    assert "Sleep-EDF" in provenance["note"]
    assert "ODC-BY" in provenance["note"]
    assert provenance["made_by"].startswith("sanctuary train")
    assert provenance["persons"] >= 6
    assert all(len(row["sha256"]) == 64 for row in provenance["data"])
    assert provenance["scores"][PAIR]["rem_f1"] > 0.85
    assert "leave one person out" in provenance["split"]


def test_a_model_file_survives_a_round_trip():
    model = default_emission()
    again = parse_emission(model.to_json(), "x")
    for name, head in model.heads.items():
        assert np.array_equal(again.heads[name].weights, head.weights)
    assert again.provenance == model.provenance


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other"}, "schema"),
        ({"bands": ["delta"]}, "bands"),
        ({"eye_features": []}, "eye_features"),
        ({"heads": {}}, "heads"),
        ({"heads": {"single": {"calibration": 0.6, "weights": [[1.0]]}}}, "weights of single"),
        ({"heads": {"single": {"calibration": 60.0, "weights": [[1.0]]}}}, "calibration"),
        ({"heads": {"single": {"weights": [[1.0]]}}}, "'calibration' is missing"),
        ({"measures": ["hjorth_mobility"]}, r"no longer computed \(hjorth_mobility\)"),
        ({"prior": [0.0, 0.25, 0.25, 0.25, 0.25]}, "positive"),
        ({"population_db": ["x"] * 5}, "could not convert"),
        ({"n2_db": [1.0]}, "n2_db"),
    ],
)
def test_a_model_file_that_does_not_fit_is_refused_by_name(change, said):
    body = json.loads(default_emission().to_json()) | change
    with pytest.raises(InputError, match=f"my.json.*{said}"):
        parse_emission(json.dumps(body), "my.json")


@pytest.mark.parametrize("text", ["nonsense", "[]", "3", "{}", '{"schema": "sanctuary.emission.v2"}'])
def test_what_is_no_model_file_is_refused(text):
    with pytest.raises(InputError, match=r"my\.json"):
        parse_emission(text, "my.json")


def test_rows_with_eyes_go_to_the_pair_and_rows_without_to_the_single_head():
    model, both = default_emission(), features((2.0, 0.0, 0.0, 0.0, 0.0), rapid_eyes(), sleepers=3)
    both.eyes[1] = np.nan
    both.band_db[2] = np.nan
    centred = both.band_db - model.population_db
    found = model.log_likelihood(centred, both)
    assert model.sees_eyes(both).tolist() == [True, False, True]
    seen, blind = (
        model.heads[name].log_posterior(design(centred[:1], *eyes)) - np.log(model.prior)
        for name, eyes in ((PAIR, (both.eyes[:1],)), (SINGLE, ()))
    )
    assert np.array_equal(found[0], seen[0])
    assert np.array_equal(found[1], blind[0])
    assert (found[2] == 0.0).all()


def test_rapid_eyes_speak_for_rem_and_not_for_deep_sleep():
    model = default_emission()
    shown = [features((-4.0, -1.0, -2.0, -1.0, -2.0), eyes) for eyes in (rapid_eyes(), None)]
    seen, blind = (model.log_likelihood(each.band_db - model.population_db, each)[0] for each in shown)
    assert seen[Stage.R] - seen[Stage.N3] > blind[Stage.R] - blind[Stage.N3]


def test_calibration_keeps_the_order_and_sums_to_one():
    p = np.array([[0.5, 0.3, 0.1, 0.07, 0.03], [0.0, 0.0, 0.0, 0.0, 1.0]])
    found = default_emission().calibrated(p, features(sleepers=2))
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (np.diff(found[0]) < 0.0).all()
    assert found[0, 0] < 0.5
