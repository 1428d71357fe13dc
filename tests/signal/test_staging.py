"""Normalisation, emission and the forward filter."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sanctuary.config.chain import ChainSettings, NormalisationSettings, StagingSettings
from sanctuary.config.errors import InputError
from sanctuary.signal.emission import EYE_CELLS, default_emission, expand, eye_cell, parse_emission
from sanctuary.signal.features import EyeCounts, Features
from sanctuary.signal.normalisation import RunningLevel
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.signal.staging import EpochStager, Stager, name_stage, rem_entry_factor, transitions

SETTINGS = ChainSettings()
RAPID, NONE, BLINKS = EyeCounts(9.0, 0.0, 3.0), EyeCounts(0.0, 0.0, 0.0), EyeCounts(4.0, 6.0, 3.0)


def features(shift_db=(0.0, 0.0, 0.0, 0.0, 0.0), eyes=NONE, quality=1.0):
    level = default_emission().population_db
    return Features(level + np.array(shift_db), eyes, quality, np.array([quality, quality]))


DEEP = features((10.0, 3.0, -1.0, -3.0, -4.0))
LIGHT = features((3.0, 2.0, 0.0, -1.0, -3.0))
AWAKE = features((-3.0, -2.0, 3.0, 6.0, 8.0), BLINKS)
REM = features((-4.0, -1.0, -2.0, -1.0, -2.0), RAPID)


def test_the_level_starts_at_the_population_and_moves_to_the_sleeper():
    level = RunningLevel(NormalisationSettings(), np.zeros(2))
    assert level.centre(np.array([10.0, -4.0])).tolist() == [10.0, -4.0]
    for _ in range(600):
        level.centre(np.array([10.0, -4.0]))
    np.testing.assert_allclose(level.level_db, [10.0, -4.0], atol=0.6)


def test_an_epoch_is_centred_before_it_is_learned():
    a, b = (RunningLevel(NormalisationSettings(), np.zeros(1)) for _ in range(2))
    a.centre(np.array([1.0]))
    b.centre(np.array([99.0]))
    assert a.centre(np.array([5.0])) != b.centre(np.array([5.0]))
    assert RunningLevel(NormalisationSettings(), np.zeros(1)).centre(np.array([99.0])) == 99.0


def test_design_vector_has_powers_products_and_a_one():
    z = expand(np.array([5.0, 0.0, 0.0, 0.0, 10.0]))
    assert z.shape == (21,)
    assert z[0] == 1.0
    assert z[4] == 2.0
    assert z[-1] == 1.0
    assert expand(np.zeros((3, 5))).shape == (3, 21)


def test_eye_cells_are_all_reached_and_distinct():
    cells = {
        eye_cell(EyeCounts(s, b, r))
        for s in (0.0, 3.0, 6.0, 20.0)
        for b in (0.0, 3.0, 9.0)
        for r in (0.0, 5.0, 15.0)
    }
    assert cells == set(range(EYE_CELLS))


def test_the_shipped_emission_says_where_it_comes_from():
    provenance = default_emission().provenance
    assert "Sleep-EDF" in provenance["spectral"]
    assert "ODC-BY" in provenance["spectral"]
    assert provenance["persons"] >= 6
    assert len(provenance["bands_sha256"]) == 64


def test_a_model_file_survives_a_round_trip():
    model = default_emission()
    again = parse_emission(model.to_json(), "x")
    np.testing.assert_allclose(again.weights, model.weights)
    assert again.provenance == model.provenance


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other"}, "schema"),
        ({"weights": [[1.0]]}, "weights"),
        ({"prior": [0.0, 0.25, 0.25, 0.25, 0.25]}, "positive"),
        ({"population_db": ["x"] * 5}, "could not convert"),
        ({"spectral_temper": None}, "float"),
    ],
)
def test_a_model_file_that_does_not_fit_is_refused_by_name(change, said):
    body = json.loads(default_emission().to_json()) | change
    with pytest.raises(InputError, match=f"my.json.*{said}"):
        parse_emission(json.dumps(body), "my.json")


def test_a_model_file_that_is_not_json_is_refused():
    with pytest.raises(InputError, match=r"my\.json"):
        parse_emission("nonsense", "my.json")


@pytest.mark.parametrize("factor", [0.0, 0.05, 1.0, 2.0])
def test_transition_rows_sum_to_one(factor):
    np.testing.assert_allclose(transitions(factor).sum(axis=1), 1.0)


def test_rem_entry_is_rare_early_and_frequent_late():
    staging = StagingSettings()
    assert rem_entry_factor(200.0, 0.0, staging) == 0.0
    early, ordinary, late = (rem_entry_factor(m, 60.0, staging) for m in (30.0, 90.0, 400.0))
    assert early == pytest.approx(0.05)
    assert ordinary == pytest.approx(1.0)
    assert late == pytest.approx(2.0)


def test_rem_before_the_first_n2_is_not_named():
    stager = EpochStager(SETTINGS, default_emission())
    assert all(stager.step(REM).stage is not Stage.R for _ in range(12))


def asleep(stager, epochs=240):
    for _ in range(epochs):
        stager.step(LIGHT)
    return stager


def test_rem_is_found_after_ninety_minutes_of_sleep():
    stager = asleep(EpochStager(SETTINGS, default_emission()))
    stages = [stager.step(REM).stage for _ in range(20)]
    assert stages[-1] is Stage.R


@pytest.mark.parametrize(("shown", "stage"), [(DEEP, Stage.N3), (AWAKE, Stage.W)])
def test_plain_cases_are_named(shown, stage):
    stager = asleep(EpochStager(SETTINGS, default_emission()), 30)
    assert [stager.step(shown).stage for _ in range(8)][-1] is stage


def test_without_features_the_stage_is_unknown_and_the_filter_only_predicts():
    stager = asleep(EpochStager(SETTINGS, default_emission()), 30)
    before = stager.step(DEEP)
    nothing = stager.step(Features(None, None, 0.0, np.zeros(2)))
    assert nothing.stage is Stage.UNKNOWN
    assert nothing.asleep_min == before.asleep_min
    for _ in range(500):
        nothing = stager.step(Features(None, None, 0.0, np.zeros(2)))
    assert max(nothing.p) < 0.6


def test_low_quality_is_unknown_even_if_a_spectrum_is_there():
    stager = EpochStager(SETTINGS, default_emission())
    assert stager.step(features(quality=0.49)).stage is Stage.UNKNOWN


def test_missing_eyes_leave_the_spectrum_to_decide():
    stager = asleep(EpochStager(SETTINGS, default_emission()), 30)
    blind = Features(DEEP.band_db, None, 1.0, np.ones(1))
    assert [stager.step(blind).stage for _ in range(8)][-1] is Stage.N3


def test_hops_take_turns_so_that_no_epoch_counts_twice():
    stager = Stager(SETTINGS, default_emission())
    single = EpochStager(SETTINGS, default_emission())
    hops = [features((float(k % 7), 0.0, 0.0, 0.0, 0.0)) for k in range(60)]
    every = [stager.step(f).p for f in hops]
    assert every[0::6] == [single.step(f).p for f in hops[0::6]]


def test_rem_is_named_only_above_its_limit():
    assert name_stage(np.array([0.0, 0.1, 0.1, 0.0, 0.8]), 0.88) is not Stage.R
    assert name_stage(np.array([0.0, 0.1, 0.0, 0.0, 0.9]), 0.88) is Stage.R


def test_eye_evidence_is_never_decisive_alone():
    table = default_emission().eye_log_ratio
    assert table.shape == (EYE_CELLS, len(STAGES))
    assert np.abs(table).max() < 3.0
