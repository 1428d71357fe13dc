"""Moments, Hjorth's parameters, entropy and fractal dimensions on signals of known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.signal.measures import waveform
from signals import pink

RATES_HZ = [200.0, 250.0, 256.0]
SCALE_FREE = [
    waveform.skewness,
    waveform.kurtosis,
    waveform.zero_crossing_rate,
    waveform.hjorth_mobility,
    waveform.hjorth_complexity,
    waveform.permutation_entropy,
    waveform.petrosian_dimension,
    waveform.higuchi_dimension,
]
FLAT = {
    waveform.standard_deviation: 0.0,
    waveform.interquartile_range: 0.0,
    waveform.skewness: 0.0,
    waveform.kurtosis: 0.0,
    waveform.zero_crossing_rate: 0.0,
    waveform.hjorth_mobility: 0.0,
    waveform.hjorth_complexity: 0.0,
    waveform.permutation_entropy: 0.0,
    waveform.petrosian_dimension: 1.0,
    waveform.higuchi_dimension: 1.0,
}


def time_s(fs_hz, seconds=30):
    return np.arange(round(seconds * fs_hz)) / fs_hz


def sine(freq_hz, fs_hz, amp_uv=20.0):
    return amp_uv * np.sin(2.0 * np.pi * freq_hz * time_s(fs_hz))


def white(fs_hz, seed=0):
    return 10.0 * np.random.default_rng(seed).standard_normal(time_s(fs_hz).size)


@pytest.mark.parametrize("level_uv", [0.0, 0.1, -312.7])
@pytest.mark.parametrize(
    ("function", "expected"), FLAT.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_flat_stretch_gives_what_the_docstring_says(function, expected, level_uv):
    assert function(np.full((2, 7680), level_uv), 256.0).tolist() == [expected, expected]


def test_the_spread_of_a_sine():
    uv = sine(5.0, 256.0) + 40.0
    assert waveform.standard_deviation(uv, 256.0) == pytest.approx(20.0 / math.sqrt(2.0))
    assert waveform.interquartile_range(uv, 256.0) == pytest.approx(20.0 * math.sqrt(2.0), rel=1e-2)


def test_spread_and_moments_agree_with_scipy():
    uv = np.random.default_rng(1).gamma(2.0, 5.0, 7680)
    assert waveform.standard_deviation(uv, 256.0) == pytest.approx(np.std(uv))
    assert waveform.interquartile_range(uv, 256.0) == pytest.approx(scipy.stats.iqr(uv))
    assert waveform.skewness(uv, 256.0) == pytest.approx(scipy.stats.skew(uv))
    assert waveform.kurtosis(uv, 256.0) == pytest.approx(scipy.stats.kurtosis(uv))


@given(st.lists(st.integers(-500, 500), min_size=100, max_size=130))
def test_moments_agree_with_scipy_whatever_the_samples(values):
    uv = np.array(values, dtype=np.float64)
    if np.ptp(uv) > 0.0:
        assert waveform.skewness(uv, 100.0) == pytest.approx(scipy.stats.skew(uv), abs=1e-9)
        assert waveform.kurtosis(uv, 100.0) == pytest.approx(scipy.stats.kurtosis(uv), abs=1e-9)


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize("freq_hz", [1.0, 4.0, 10.0])
def test_a_sine_crosses_its_mean_twice_a_period(freq_hz, fs_hz):
    rate = waveform.zero_crossing_rate(sine(freq_hz, fs_hz) + 13.0, fs_hz)
    assert rate == pytest.approx(2.0 * freq_hz, abs=0.1)


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize("freq_hz", [1.0, 4.0, 10.0])
def test_hjorth_finds_the_frequency_of_a_sine_at_any_rate(freq_hz, fs_hz):
    uv = sine(freq_hz, fs_hz)
    assert waveform.hjorth_mobility(uv, fs_hz) == pytest.approx(freq_hz, rel=0.01)
    assert waveform.hjorth_complexity(uv, fs_hz) == pytest.approx(1.0, rel=0.01)


def test_hjorth_of_two_sines_is_that_of_their_mixed_powers():
    uv = sine(2.0, 256.0) + sine(10.0, 256.0)
    mobility = math.sqrt((2.0**2 + 10.0**2) / 2.0)
    slope = math.sqrt((2.0**4 + 10.0**4) / (2.0**2 + 10.0**2))
    assert waveform.hjorth_mobility(uv, 256.0) == pytest.approx(mobility, rel=0.01)
    assert waveform.hjorth_complexity(uv, 256.0) == pytest.approx(slope / mobility, rel=0.01)


def test_a_straight_line_has_no_complexity():
    assert waveform.hjorth_complexity(0.37 * time_s(256.0), 256.0) == 0.0


def test_permutation_entropy_of_order_and_disorder():
    assert waveform.permutation_entropy(time_s(256.0), 256.0) == 0.0
    assert waveform.permutation_entropy(-time_s(256.0), 256.0) == 0.0
    assert waveform.permutation_entropy(white(256.0), 256.0) == pytest.approx(1.0, abs=2e-3)


def test_permutation_entropy_of_a_pattern_counted_by_hand():
    # 0 2 1 0 2 1 ...: the orders 0-2-1, 2-1-0 and 1-0-2, a third each.
    uv = np.tile([0.0, 2.0, 1.0], 100)[:299]
    expected = math.log(3.0) / math.log(6.0)
    assert waveform.permutation_entropy(uv, 100.0) == pytest.approx(expected, abs=1e-9)


def test_entropy_and_dimensions_fall_as_the_spectrum_steepens():
    stack = np.stack([pink(30.0, 256.0, seed=4, exponent=exponent) for exponent in (0.0, 1.0, 2.0, 3.0)])
    for measure in (waveform.permutation_entropy, waveform.petrosian_dimension, waveform.higuchi_dimension):
        assert np.all(np.diff(measure(stack, 256.0)) < 0.0)


def test_petrosian_counts_turns():
    # Up, up, down, down: a turn at every second of 999 steps.
    uv = np.tile([0.0, 1.0, 2.0, 1.0], 250)
    expected = math.log10(1000) / (math.log10(1000) + math.log10(1000 / (1000 + 0.4 * 499)))
    assert waveform.petrosian_dimension(uv, 100.0) == pytest.approx(expected)
    assert waveform.petrosian_dimension(time_s(100.0), 100.0) == 1.0


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_higuchi_of_a_line_is_1_and_of_white_noise_2(fs_hz):
    assert waveform.higuchi_dimension(-3.0 * time_s(fs_hz), fs_hz) == pytest.approx(1.0, abs=1e-9)
    assert waveform.higuchi_dimension(white(fs_hz), fs_hz) == pytest.approx(2.0, abs=0.02)


def test_higuchi_of_a_random_walk_is_one_and_a_half():
    steps = np.random.default_rng(8).standard_normal(100 * 600)
    assert waveform.higuchi_dimension(np.cumsum(steps), 100.0) == pytest.approx(1.5, abs=0.03)


def test_higuchi_stays_finite_where_a_lag_meets_the_period():
    assert np.isfinite(waveform.higuchi_dimension(np.tile([1.0, -1.0], 500), 100.0))


@pytest.mark.parametrize(
    "function", [waveform.permutation_entropy, waveform.petrosian_dimension, waveform.higuchi_dimension]
)
def test_rate_dependent_measures_look_at_about_100_hz(function):
    uv = pink(30.0, 256.0, seed=6)
    assert function(uv, 256.0) == function(uv[::2], 128.0)
    assert function(uv, 512.0) == function(uv[::5], 102.4)


@pytest.mark.parametrize("function", SCALE_FREE)
@given(gain=st.floats(1e-3, 1e3))
def test_shapes_do_not_depend_on_gain(function, gain):
    uv = pink(5.0, 256.0, seed=9)
    assert function(gain * uv, 256.0) == pytest.approx(function(uv, 256.0), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("function", [waveform.standard_deviation, waveform.interquartile_range])
def test_spreads_scale_with_gain_and_ignore_an_offset(function):
    uv = pink(5.0, 256.0, seed=9)
    assert function(-3.0 * uv + 100.0, 256.0) == pytest.approx(3.0 * function(uv, 256.0))


@pytest.mark.parametrize("function", FLAT)
def test_too_short_a_stretch_or_no_rate_is_refused(function):
    with pytest.raises(ValueError, match="at least 1 s"):
        function(np.zeros(255), 256.0)
    with pytest.raises(ValueError, match="sampling rate of 0"):
        function(np.zeros(255), 0.0)
