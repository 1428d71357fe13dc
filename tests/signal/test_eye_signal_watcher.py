"""The left-right-left-right signal is found once, in its own row, from the past alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eye_gestures import FS_HZ, SECONDS, blinks, gaze_path, left_right, looked, traces, watch_traces, watched
from sanctuary.config.chain_settings import EyeSignalSettings
from sanctuary.signal.eye_calibration import EyeCalibration
from sanctuary.signal.eyes import EyeSignalDetector
from signals import bump, pair

STANDARD = gaze_path(left_right(12.3, 0.6))


@settings(max_examples=40)
@given(
    amp_uv=st.floats(110.0, 250.0),
    other=st.floats(0.6, 1.0),
    pace_s=st.floats(0.35, 0.95),
    rise_s=st.floats(0.08, 0.2),
    first=st.sampled_from([-1.0, 1.0]),
    start_s=st.floats(11.0, 14.0),
)
def test_a_signal_in_quiet_rem_is_found_once(amp_uv, other, pace_s, rise_s, first, start_s):
    gaze = gaze_path(left_right(start_s, pace_s, first=first), rise_s)
    (signal,) = watched(looked(gaze, amp_uv, other))
    assert signal.start_s == pytest.approx(start_s, abs=0.3)
    assert signal.end_s == pytest.approx(start_s + 4 * pace_s, abs=0.4)
    assert 0.0 < signal.found_s - signal.end_s <= 2.0
    assert signal.amplitude_uv == pytest.approx(2.0 * amp_uv * (1.0 + other), rel=0.2)
    assert 0.0 <= signal.confidence <= 1.0
    assert signal.leftward_first is None


@settings(max_examples=25)
@given(
    gaps=st.lists(st.floats(0.5, 0.7), min_size=4, max_size=4),
    heights=st.lists(st.floats(0.8, 1.0), min_size=4, max_size=4),
)
def test_an_uneven_signal_is_found(gaps, heights):
    at_s = 12.0 + np.concatenate([[0.0], np.cumsum(gaps)])
    places = [*(height * (-1.0) ** k for k, height in enumerate(heights)), 0.0]
    assert len(watched(looked(gaze_path(list(zip(at_s, places, strict=True))), 180.0))) == 1


@pytest.mark.parametrize("sides", [4, 6, 8])
def test_longer_signals_count_once(sides):
    assert len(watched(looked(gaze_path(left_right(10.0, 0.6, sides)), 170.0))) == 1


def test_two_signals_are_two():
    gaze = gaze_path([*left_right(8.0, 0.5), *left_right(16.0, 0.5)])
    first, second = watched(looked(gaze, 170.0))
    assert first.end_s < second.start_s


def test_a_signal_without_return_is_found_after_the_longest_gap():
    gaze = gaze_path(left_right(12.0, 0.6)[:-1])
    (signal,) = watched(looked(gaze, 200.0))
    assert signal.found_s >= 12.0 + 3 * 0.6 + 1.5


@pytest.mark.parametrize("sides", [1, 2, 3])
def test_fewer_movements_are_no_signal(sides):
    assert watched(looked(gaze_path(left_right(12.0, 0.6, sides)), 200.0)) == []


def test_going_four_times_to_the_same_side_is_no_signal():
    places = [(12.0 + 0.6 * k, float(k % 2 == 0)) for k in range(8)]
    assert watched(looked(gaze_path(places), 200.0)) == []


def test_movements_too_far_apart_are_no_signal():
    assert watched(looked(gaze_path(left_right(8.0, 1.8)), 200.0)) == []


def test_small_movements_are_no_signal():
    assert watched(looked(gaze_path(left_right(12.0, 0.6)), 45.0)) == []


def test_slow_rolls_are_no_signal():
    at_s = np.arange(SECONDS * FS_HZ) / FS_HZ
    for frequency_hz in (0.25, 0.4, 0.6):
        assert watched(looked(np.sin(2.0 * np.pi * frequency_hz * at_s), 150.0)) == []


@pytest.mark.parametrize("second", [0.8, 1.0, 1.2])
def test_blinks_are_no_signal(second):
    assert watched(blinks([8.0, 8.6, 9.2, 9.8, 15.0, 15.5, 16.0, 16.5], 250.0, second=second)) == []


def test_blinks_alternating_in_sign_are_no_signal_even_if_one_side_sees_twice_as_much():
    uv = pair(SECONDS, FS_HZ, seed=5, rms_uv=10.0)
    shape = gaze_path(left_right(12.0, 0.6))
    assert watched(uv + 400.0 * np.stack([shape, 0.4 * shape])) == []


def test_slow_waves_and_k_complexes_are_no_signal():
    n = SECONDS * FS_HZ
    uv = pair(SECONDS, FS_HZ, seed=8, exponent=2.5, rms_uv=60.0)
    for at_s in (6.0, 12.0, 18.0, 24.0):
        wave = bump(FS_HZ, n, at_s, 0.4, -180.0) + bump(FS_HZ, n, at_s + 0.4, 0.6, 130.0)
        uv += np.stack([wave, 0.8 * wave])
    assert watched(uv) == []


@pytest.mark.parametrize("seed", range(12))
def test_bursts_of_rem_are_no_signal(seed):
    rng = np.random.default_rng(seed)
    n, t = SECONDS * FS_HZ, 2.0
    gaze = np.zeros(n)
    while t < SECONDS - 3.0:
        for _ in range(rng.integers(2, 7)):
            gaze += bump(FS_HZ, n, t, rng.uniform(0.3, 0.8), rng.choice((-1, 1)) * rng.uniform(30.0, 160.0))
            t += rng.uniform(0.3, 0.9)
        t += rng.uniform(1.0, 4.0)
    assert watched(looked(gaze, 1.0)) == []


def test_a_lifted_electrode_ends_what_was_under_way():
    uv = looked(STANDARD, 180.0)
    assert len(watched(uv)) == 1
    assert watched(uv, lifted_s=[13]) == []
    assert watched(uv, lifted_s=range(SECONDS)) == []


def test_nan_in_unusable_seconds_does_not_stay():
    difference, mean = traces(looked(STANDARD, 180.0)[np.newaxis])
    difference[:, 100:250] = np.nan
    mean[:, 100:250] = np.nan
    assert len(watch_traces(difference, mean, lifted_s=range(2, 5))) == 1


def test_a_row_does_not_depend_on_the_others():
    uv = np.stack(
        [
            looked(gaze_path(left_right(8.0 + 0.3 * k, 0.4 + 0.02 * k)), 100.0 + 8.0 * k, seed=k)
            for k in range(17)
        ]
    )
    difference, mean = traces(uv)
    for row in range(len(uv)):
        alone = traces(uv[row : row + 1])
        assert np.array_equal(alone[0][0], difference[row])
        assert np.array_equal(alone[1][0], mean[row])
        found = watch_traces(difference, mean, row=row)
        assert found == watch_traces(*alone)
        assert len(found) == 1


def test_what_follows_does_not_change_what_was_found():
    difference, mean = traces(looked(STANDARD, 180.0)[np.newaxis])
    (signal,) = watch_traces(difference, mean)
    n = round(signal.found_s * 50)
    assert watch_traces(difference[:, :n], mean[:, :n]) == [signal]
    assert watch_traces(difference[:, : n - 50], mean[:, : n - 50]) == []
    rng = np.random.default_rng(1)
    difference[:, n:] = 300.0 * rng.standard_normal(difference[:, n:].shape)
    assert watch_traces(difference, mean)[0] == signal


def calibrated(gain_uv, polarity=1):
    return EyeCalibration(gain_uv, polarity, noise_uv=5.0, prompts=8, followed=8)


@pytest.mark.parametrize("polarity", [-1, 1])
@pytest.mark.parametrize("first", [-1.0, 1.0])
def test_with_a_calibration_the_first_side_is_known(polarity, first):
    watcher = EyeSignalDetector(1, EyeSignalSettings())
    watcher.calibrate(0, calibrated(650.0, polarity))
    (signal,) = watched(looked(gaze_path(left_right(12.3, 0.6, first=first)), 180.0), watcher)
    assert signal.leftward_first is (polarity * first > 0)


def test_a_calibration_moves_the_least_swing_both_ways():
    small, large = looked(STANDARD, 45.0, rms_uv=5.0), looked(STANDARD, 150.0)
    for uv, gain_uv, before, after in ((small, 160.0, 0, 1), (large, 1200.0, 1, 0)):
        watcher = EyeSignalDetector(1, EyeSignalSettings())
        assert len(watched(uv)) == before
        watcher.calibrate(0, calibrated(gain_uv))
        assert len(watched(uv, watcher)) == after


def test_a_refused_calibration_is_not_taken():
    watcher = EyeSignalDetector(1, EyeSignalSettings())
    with pytest.raises(ValueError, match="nobody looked"):
        watcher.calibrate(0, EyeCalibration(0.0, 0, 5.0, 8, 0, "nobody looked"))
