"""What electrodes, amplifiers and files do to a night, and what the chain says of it."""

from __future__ import annotations

import numpy as np
import pytest

from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import Stage
from signals import PAIR, pair, push

FS_HZ = 128.0
MINUTES = 3


@pytest.fixture
def uv():
    return pair(60 * MINUTES, FS_HZ, seed=5)


def at(estimates, t_s):
    return next(e for e in estimates if e.t_s == t_s)


def run(uv, **kwargs):
    return push(Chain(FS_HZ, PAIR[: len(uv)], **kwargs), uv, [500], FS_HZ)


def s(seconds):
    return round(seconds * FS_HZ)


def test_a_clean_signal_is_of_full_quality_and_staged(uv):
    last = run(uv)[-1]
    assert last.quality == 1.0
    assert last.stage is not Stage.UNKNOWN


def test_the_first_half_minute_is_unknown(uv):
    assert at(run(uv), 5.0).stage is Stage.UNKNOWN


@pytest.mark.parametrize("value", [np.nan, 0.0, 12_345.0], ids=["nan", "flat at zero", "flat at an offset"])
def test_both_channels_gone_means_unknown_and_then_recovery(uv, value):
    uv[:, s(60) : s(110)] = value
    estimates = run(uv)
    assert at(estimates, 110.0).stage is Stage.UNKNOWN
    assert at(estimates, 110.0).quality < 0.1
    assert at(estimates, 180.0).stage is not Stage.UNKNOWN
    assert at(estimates, 180.0).quality == 1.0


def test_a_railed_channel_is_missing_not_a_voltage(uv):
    uv[:, s(60) : s(110)] = 187_500.0
    estimates = run(uv, rail_uv=(187_500.0, 187_500.0))
    assert at(estimates, 110.0).stage is Stage.UNKNOWN
    assert at(estimates, 150.0).stage is not Stage.UNKNOWN


def test_one_side_lifted_carries_on_with_the_other(uv):
    uv[0, s(60) :] = 187_500.0
    estimates = run(uv, rail_uv=(187_500.0, 187_500.0))
    assert at(estimates, 180.0).quality == 1.0
    assert at(estimates, 180.0).stage is not Stage.UNKNOWN


def test_the_good_side_alone_gives_what_it_gives_beside_a_dead_one(uv):
    alone = run(uv[1:2])
    beside = run(np.stack((np.full(uv.shape[1], np.nan), uv[1])))
    np.testing.assert_allclose([e.p for e in beside], [e.p for e in alone], atol=1e-9)


def test_a_short_gap_costs_little(uv):
    uv[:, s(100) : s(100.1)] = np.nan
    estimates = run(uv)
    assert 0.7 < at(estimates, 120.0).quality < 1.0
    assert at(estimates, 120.0).stage is not Stage.UNKNOWN


def test_mains_hum_is_not_taken_for_eeg(uv):
    t = np.arange(uv.shape[1]) / FS_HZ
    uv[:, s(60) :] += 80.0 * np.sin(2 * np.pi * 50.0 * t[s(60) :])
    assert run(uv)[-1].stage is Stage.UNKNOWN


def test_volts_taken_for_microvolts_are_unknown_not_nonsense(uv):
    estimates = run(uv * 1e-6)
    assert {e.stage for e in estimates} == {Stage.UNKNOWN}


def test_microvolts_taken_for_millivolts_are_unknown_not_nonsense(uv):
    estimates = run(uv * 1e3)
    assert {e.stage for e in estimates} == {Stage.UNKNOWN}


def test_an_electrode_offset_does_not_ring(uv):
    assert at(run(uv + 40_000.0), 40.0).quality == 1.0


def test_every_number_stays_finite_whatever_comes(uv):
    rng = np.random.default_rng(0)
    uv[rng.random(uv.shape) < 0.01] = np.nan
    uv[:, s(30) : s(31)] = 1e30
    uv[:, s(90) : s(91)] = np.inf
    estimates = run(uv)
    assert np.isfinite([e.p for e in estimates]).all()
    assert all(0.0 <= e.quality <= 1.0 for e in estimates)


def test_no_gate_opens_on_an_unusable_signal(uv):
    assert not any(e.stable_rem for e in run(np.full_like(uv, np.nan)))
