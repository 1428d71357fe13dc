"""Left against right: polarity and slow rolling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.signal.measures import pair
from signals import bump, pink

FS_HZ = 256.0
N = round(30 * FS_HZ)
TIME_S = np.arange(N) / FS_HZ


def sine(freq_hz, amp_uv=1.0, phase=0.0):
    return amp_uv * np.sin(2.0 * np.pi * freq_hz * TIME_S + phase)


def noise(seed):
    return pink(30.0, FS_HZ, seed=seed, rms_uv=5.0)


@pytest.mark.parametrize(
    ("phase", "expected"), [(0.0, 1.0), (math.pi / 3.0, 0.5), (math.pi / 2.0, 0.0), (math.pi, -1.0)]
)
def test_correlation_of_two_sines_is_the_cosine_of_their_phase(phase, expected):
    both = np.stack([sine(2.0), sine(2.0, 30.0, phase)])
    assert pair.slow_correlation(both, FS_HZ) == pytest.approx(expected, abs=0.01)


def test_saccades_are_negative_and_slow_waves_positive():
    deflections = sum(bump(FS_HZ, N, 2.0 + 3.0 * k, 0.6, 120.0) for k in range(9))
    left, right = noise(1), noise(2)
    assert pair.slow_correlation(np.stack([left + deflections, right - deflections]), FS_HZ) < -0.7
    assert pair.slow_correlation(np.stack([left + deflections, right + deflections]), FS_HZ) > 0.7


def test_correlation_sees_half_to_four_hertz_only():
    # Opposite outside of the band, alike within it.
    outside = sine(0.2, 30.0) + sine(10.0, 30.0)
    both = np.stack([sine(2.0, 10.0) + outside, sine(2.0, 10.0) - outside])
    assert pair.slow_correlation(both, FS_HZ) == pytest.approx(1.0, abs=0.05)


@given(left=st.floats(1e-3, 1e3), right=st.floats(1e-3, 1e3))
def test_correlation_does_not_depend_on_either_gain(left, right):
    both = np.stack([noise(3), noise(4)])
    expected = pair.slow_correlation(both, FS_HZ)
    assert pair.slow_correlation(both * np.array([[left], [-right]]), FS_HZ) == pytest.approx(-expected)


@pytest.mark.parametrize("flat", [[0], [1], [0, 1]])
def test_a_flat_side_correlates_with_nothing(flat):
    both = np.stack([noise(5), noise(6)])
    both[flat] = 17.3
    assert pair.slow_correlation(both, FS_HZ) == 0.0


@pytest.mark.parametrize("freq_hz", [0.2, 0.4, 0.6])
def test_slow_rolling_is_the_mean_square_of_the_difference(freq_hz):
    both = np.stack([sine(freq_hz, 20.0), sine(freq_hz, -20.0)])
    expected = 10.0 * math.log10(40.0**2 / 2.0)
    assert pair.slow_roll_power(both, FS_HZ) == pytest.approx(expected, abs=0.2)


def test_same_sign_waves_and_other_frequencies_do_not_roll():
    wave = sine(0.4, 50.0)
    assert pair.slow_roll_power(np.stack([wave, wave]), FS_HZ) == pytest.approx(-40.0)
    assert pair.slow_roll_power(np.stack([sine(2.0, 50.0), sine(2.0, -50.0)]), FS_HZ) < 0.0


def test_a_steady_drift_does_not_roll():
    drift = 10.0 * TIME_S
    assert pair.slow_roll_power(np.stack([drift, -drift]), FS_HZ) == pytest.approx(-40.0)


def test_rolls_stand_out_of_noise():
    roll = sine(0.3, 40.0)
    still = np.stack([noise(7), noise(8)])
    rolling = still + np.stack([roll, -roll])
    assert pair.slow_roll_power(rolling, FS_HZ) > pair.slow_roll_power(still, FS_HZ) + 10.0


@pytest.mark.parametrize("function", [pair.slow_correlation, pair.slow_roll_power])
@pytest.mark.parametrize("shape", [(N,), (1, N), (3, N)])
def test_anything_but_two_channels_is_refused(function, shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., 2, n\) is needed"):
        function(np.zeros(shape), FS_HZ)


def test_rolling_needs_five_seconds():
    with pytest.raises(ValueError, match="at least 5 s"):
        pair.slow_roll_power(np.zeros((2, 1279)), FS_HZ)
