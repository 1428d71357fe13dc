"""What is filled in where a few samples are missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.signal.repair import REACH, STRAIGHT, bridged, error_filter, expected
from signals import pink

FS_HZ = 256
PAST = 2 * FS_HZ
SINGLE = np.array([60])
PACKET = np.arange(60, 72)
AT_THE_END = np.arange(FS_HZ - 12, FS_HZ)


def mains(hz):
    return 40.0 * np.sin(2 * np.pi * hz * np.arange(PAST + FS_HZ) / FS_HZ)


def fill(x, gaps):
    """Fill the gaps of the third second from what is around them."""
    spoilt = x[PAST:].copy()
    spoilt[gaps] = 0.0
    return bridged(x[:PAST], spoilt, gaps)


@pytest.mark.parametrize("hz", [49.8, 50.0, 60.0, 60.3])
@pytest.mark.parametrize("gaps", [SINGLE, PACKET, AT_THE_END], ids=["one", "a packet", "at the end"])
def test_mains_hum_goes_on_through_a_gap(hz, gaps):
    x = mains(hz) + pink(3, FS_HZ, seed=1) + np.random.default_rng(2).standard_normal(PAST + FS_HZ)
    error_uv = fill(x, gaps) - x[PAST + gaps]
    assert np.sqrt(np.mean(error_uv**2)) < 0.4 * np.std(mains(hz))


def test_slow_waves_are_bridged_far_better_than_by_holding():
    x = 75.0 * np.sin(2 * np.pi * 1.0 * np.arange(PAST + FS_HZ) / FS_HZ) + pink(3, FS_HZ, seed=4, rms_uv=5.0)
    slope = PACKET + 62
    held_uv = np.abs(x[PAST + slope] - x[PAST + slope[0] - 1]).max()
    assert np.abs(fill(x, slope) - x[PAST + slope]).max() < 0.2 * held_uv


def test_without_a_past_a_straight_line_is_drawn_and_the_end_held():
    ramp = np.arange(FS_HZ, dtype=float)
    assert bridged(np.zeros(PAST), ramp, PACKET) == pytest.approx(ramp[PACKET])
    assert bridged(np.zeros(PAST), ramp, AT_THE_END) == pytest.approx(ramp[AT_THE_END[0] - 1])
    assert expected(np.zeros(REACH), ramp, np.array([0, 1]), STRAIGHT) == pytest.approx([2 / 3, 4 / 3])


def test_most_of_a_second_is_a_straight_line_whatever_went_before():
    x = mains(50.0)
    gaps = np.arange(20, 240)
    ends = x[PAST + 19], x[PAST + 240]
    assert fill(x, gaps) == pytest.approx(np.interp(gaps, (19, 240), ends))


def test_nothing_at_all_holds_the_last_value():
    assert bridged(np.arange(PAST, dtype=float), np.zeros(FS_HZ), np.arange(FS_HZ)) == pytest.approx(PAST - 1)


@pytest.mark.parametrize("past", [np.zeros(PAST), np.full(PAST, -40_000.0), np.full(PAST, 1e300)])
def test_a_past_in_which_nothing_moves_teaches_nothing(past):
    assert np.array_equal(error_filter(past), STRAIGHT)


@pytest.mark.parametrize("size_uv", [1e-9, 1.0, 1e9, 1e200])
def test_the_model_knows_no_unit(size_uv):
    x = pink(3, FS_HZ, seed=3)
    assert error_filter(size_uv * x) == pytest.approx(error_filter(x), rel=1e-6)


gap_sets = st.sets(st.integers(0, FS_HZ - 1), min_size=1, max_size=FS_HZ - 1)


@given(gap_sets, st.integers(0, 5), st.floats(-1e5, 1e5))
@settings(max_examples=60)
def test_an_offset_of_the_electrode_is_passed_through_and_all_is_finite(gaps, seed, offset_uv):
    x, gaps = pink(3, FS_HZ, seed=seed), np.array(sorted(gaps))
    plain = fill(x, gaps)
    assert np.abs(plain).max() < 10.0 * np.abs(x).max()
    assert fill(x + offset_uv, gaps) == pytest.approx(plain + offset_uv, abs=1e-4)


@given(gap_sets.filter(lambda gaps: len(gaps) <= FS_HZ // 2), st.integers(0, 5))
@settings(max_examples=40)
def test_no_other_filling_leaves_less_that_is_new(gaps, seed):
    x, gaps = pink(3, FS_HZ, seed=seed), np.array(sorted(gaps))
    errors = error_filter(x[:PAST])

    def new(values):
        whole = x.copy()
        whole[PAST + gaps] = values
        return np.convolve(whole, errors)[PAST : PAST + FS_HZ]

    best = fill(x, gaps)
    worse = best + np.random.default_rng(seed).standard_normal(gaps.size) * 0.1
    assert (new(best) ** 2).sum() < (new(worse) ** 2).sum()
