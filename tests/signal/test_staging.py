"""The forward filter: what it names, and when it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from feature_rows import blinks, features, rapid_eyes
from sanctuary.config.chain_settings import ChainSettings, StagingSettings
from sanctuary.signal.emission import default_emission
from sanctuary.signal.samples import Stage
from sanctuary.signal.staging import EpochStager, Stager, name_stages, rem_entry_factor, transitions

SETTINGS = ChainSettings()
DEEP = features((10.0, 3.0, -1.0, -3.0, -4.0))
LIGHT = features((3.0, 2.0, 0.0, -1.0, -3.0))
AWAKE = features((-3.0, -2.0, 3.0, 6.0, 8.0), blinks())
REM = features((-4.0, -1.0, -2.0, -1.0, -2.0), rapid_eyes())
NOTHING = features((np.nan,) * 5, None, 0.0)


def start(sleepers=1):
    level = np.repeat(default_emission().population_db[np.newaxis], sleepers, axis=0)
    return level, np.full(sleepers, SETTINGS.normalisation.prior_min)


def fresh():
    return EpochStager(SETTINGS, default_emission(), *start())


def asleep(stager, epochs=240):
    for _ in range(epochs):
        stager.step(LIGHT)
    return stager


def last_stage(stager, shown, epochs):
    return [stager.step(shown).stage[0] for _ in range(epochs)][-1]


@pytest.mark.parametrize("factor", [0.0, 0.05, 1.0, 2.0])
def test_transitions_from_each_stage_sum_to_one(factor):
    np.testing.assert_allclose(transitions(np.array([factor])).sum(axis=1), 1.0)


def test_no_entry_into_rem_at_factor_zero():
    assert (transitions(np.zeros(1))[0, Stage.R, : Stage.R] == 0.0).all()


def test_rem_entry_is_rare_early_and_frequent_late():
    staging, minutes = StagingSettings(), np.array([30.0, 90.0, 400.0])
    assert rem_entry_factor(np.array([200.0]), np.zeros(1), staging) == 0.0
    factors = rem_entry_factor(minutes, np.full(3, 60.0), staging)
    assert factors.tolist() == pytest.approx([0.05, 1.0, 2.0])


def test_rem_before_the_first_n2_is_not_named():
    stager = fresh()
    assert all(stager.step(REM).stage[0] != Stage.R for _ in range(12))


def test_rem_is_found_after_ninety_minutes_of_sleep():
    assert last_stage(asleep(fresh()), REM, 20) == Stage.R


@pytest.mark.parametrize(("shown", "stage"), [(DEEP, Stage.N3), (AWAKE, Stage.W)])
def test_plain_cases_are_named(shown, stage):
    assert last_stage(asleep(fresh(), 30), shown, 8) == stage


def test_without_features_the_stage_is_unknown_and_the_filter_only_predicts():
    stager = asleep(fresh(), 30)
    before = stager.step(DEEP)
    nothing = stager.step(NOTHING)
    assert nothing.stage[0] == Stage.UNKNOWN
    assert nothing.evidence[0] == 0.0
    assert nothing.asleep_min[0] == before.asleep_min[0]
    for _ in range(500):
        nothing = stager.step(NOTHING)
    assert nothing.p.max() < 0.6


def test_low_quality_is_unknown_even_if_a_spectrum_is_there():
    assert fresh().step(features(quality=0.29)).stage[0] == Stage.UNKNOWN


def test_missing_eyes_leave_the_spectrum_to_decide():
    blind = features((10.0, 3.0, -1.0, -3.0, -4.0), None)
    assert last_stage(asleep(fresh(), 30), blind, 8) == Stage.N3


def test_evidence_is_of_the_epoch_alone_and_probability_remembers():
    stager = asleep(fresh())
    for _ in range(20):
        in_rem = stager.step(REM)
    after = stager.step(DEEP)
    assert in_rem.evidence[0] > 2.0
    assert after.evidence[0] < -2.0
    assert after.p[0, Stage.R] > 0.01


def test_hops_take_turns_so_that_no_epoch_counts_twice():
    stager, single = Stager(SETTINGS, default_emission(), *start()), fresh()
    hops = [features((float(k % 7), 0.0, 0.0, 0.0, 0.0)) for k in range(60)]
    every = [stager.step(f).p.tolist() for f in hops]
    assert every[0::6] == [single.step(f).p.tolist() for f in hops[0::6]]


def test_rem_is_named_only_above_its_limit():
    p = np.array([[0.0, 0.1, 0.1, 0.0, 0.8], [0.0, 0.1, 0.0, 0.0, 0.9]])
    assert name_stages(p, 0.88).tolist() == [Stage.N1, Stage.R]
    assert name_stages(p, np.array([0.7, 0.95])).tolist() == [Stage.R, Stage.N1]


def test_probabilities_sum_to_one_and_are_softer_than_the_filter_believes():
    stager = asleep(fresh())
    staged = [stager.step(REM) for _ in range(20)][-1]
    assert staged.p.sum() == pytest.approx(1.0)
    assert 0.9 < staged.p[0, Stage.R] < 1.0


def test_rows_do_not_see_each_other():
    alone, beside = fresh(), EpochStager(SETTINGS, default_emission(), *start(3))
    shown = [LIGHT] * 10 + [DEEP] * 5 + [NOTHING] + [REM] * 5
    for each in shown:
        expected = alone.step(each)
        stacked = features(sleepers=3)
        for name in ("band_db", "eyes", "quality", "saccades"):
            getattr(stacked, name)[1] = getattr(each, name)[0]
        found = beside.step(stacked)
        assert np.array_equal(found.p[1], expected.p[0])
        assert found.stage[1] == expected.stage[0]
        assert found.evidence[1] == expected.evidence[0]
