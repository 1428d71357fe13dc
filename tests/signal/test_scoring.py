"""Scores against hand-worked examples."""

from __future__ import annotations

import numpy as np
import pytest

from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import Stage
from sanctuary.signal.scoring import (
    GateOpening,
    confusion,
    gate_scores,
    kappa,
    rem_periods,
    scores,
    stage_scores,
)

W, N1, N2, N3, R, U = 0, 1, 2, 3, 4, -1


def array(*stages):
    return np.array(stages, dtype=np.int8)


def test_unscored_epochs_are_left_out_and_refused_ones_are_errors():
    table = confusion(array(W, R, U, R), array(W, U, R, R))
    assert table.sum() == 3
    assert table[R, 5] == 1
    assert stage_scores(table, Stage.R) == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "specificity": 1.0,
        "support": 2,
    }


def test_kappa_of_agreement_chance_and_nothing():
    same = confusion(array(W, N2, R, R), array(W, N2, R, R))
    assert kappa(same) == pytest.approx(1.0)
    chance = confusion(array(W, W, R, R), array(W, R, W, R))
    assert kappa(chance) == pytest.approx(0.0)
    assert kappa(confusion(array(U), array(W))) is None


def test_kappa_by_hand():
    table = confusion(array(*([W] * 6 + [R] * 4)), array(*([W] * 5 + [R] * 1 + [R] * 3 + [W] * 1)))
    observed, chance = 0.8, 0.6 * 0.6 + 0.4 * 0.4
    assert kappa(table) == pytest.approx((observed - chance) / (1 - chance))


def test_rem_periods_bridge_short_pauses():
    truth = array(*([N2] * 4 + [R] * 4 + [W] * 2 + [R] * 4 + [N2] * 20 + [R] * 2))
    assert rem_periods(truth, 30.0) == [(120.0, 420.0), (1020.0, 1080.0)]


def test_gate_scores_by_hand():
    truth = array(*([N2] * 10 + [R] * 20 + [N2] * 20 + [R] * 10))
    openings = [
        GateOpening(360.0, 900.0, "x"),
        GateOpening(1000.0, 1100.0, "x"),
        GateOpening(1500.0, 1530.0, "x"),
    ]
    got = gate_scores(openings, truth, 30.0)
    assert got["rem_share"] == pytest.approx((540 + 30) / 900)
    assert got["precision"] == pytest.approx(570 / 670)
    assert got["false_windows"] == 1
    assert got["latency_s"] == {"median": pytest.approx(30.0), "p90": pytest.approx(54.0)}
    assert got["missed_periods"] == 0


def test_a_night_without_rem_has_undefined_scores_not_crashes():
    got = scores(array(W, N2), array(W, N2), [], 30.0)
    assert got["per_stage"]["R"]["recall"] is None
    assert got["gate"]["rem_share"] is None
    assert got["gate"]["latency_s"] == {"median": None, "p90": None}


def test_an_empty_night_has_undefined_scores():
    got = scores(array(), array(), OpeningLog().openings, 30.0)
    assert got["accuracy"] is None
    assert got["kappa"] is None
