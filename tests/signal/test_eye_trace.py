"""The trace: 50 points a second from any rate, and the gaze behind the high-pass; extremes and crossings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eye_gestures import FS_HZ, gaze_path
from eye_tracer import EyeTracer, points
from sanctuary.signal.eye_signal_pattern import crossing, explained, extremes, gaze, level


@pytest.mark.parametrize("n", [50, 128, 200, 250, 256, 1000])
def test_points_lie_on_the_signal_and_end_with_its_last_sample(n):
    straight = np.arange(n, dtype=np.float64)
    found = points(np.stack([straight, 2.0 * straight]))
    assert found.shape == (2, 50)
    assert found[0, -1] == n - 1
    np.testing.assert_allclose(np.diff(found[0]), n / 50)
    np.testing.assert_allclose(found[1], 2.0 * found[0])


@pytest.mark.parametrize("fs_hz", [49.0, 100.5])
def test_a_rate_that_cannot_be_reduced_is_refused(fs_hz):
    with pytest.raises(ValueError, match="whole number"):
        EyeTracer(fs_hz, 1)


def test_the_gaze_comes_back_from_behind_the_high_pass():
    path = gaze_path([(6.0, 1.0), (7.5, -1.0), (8.7, 0.0)], seconds=12)
    tracer, parts = EyeTracer(float(FS_HZ), 1), []
    for k in range(12):
        second = 100.0 * path[k * FS_HZ : (k + 1) * FS_HZ]
        parts.append(tracer.second(np.stack([second, -second])[np.newaxis])[0][0])
    trace = np.concatenate(parts)
    wanted = level(200.0 * points(path.reshape(12, FS_HZ)).ravel())
    late = range(10)  # points by which the low-pass delays
    assert max(explained(np.roll(gaze(trace), -k), wanted) for k in late) > 0.97
    assert max(explained(np.roll(level(trace), -k), wanted) for k in late) < 0.85


def test_a_straight_line_is_level():
    np.testing.assert_allclose(level(3.0 + 0.5 * np.arange(100.0)), 0.0, atol=1e-9)


@given(st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=80), st.floats(1.0, 50.0))
def test_extremes_alternate_and_lie_far_apart(values, reversal):
    turns = extremes(np.array(values), reversal)
    heights = np.array(values)[turns]
    assert (np.diff(turns) > 0).all()
    steps = np.diff(heights)
    assert (np.abs(steps) > reversal * (1.0 - 1e-9)).all()
    assert (steps[:-1] * steps[1:] < 0.0).all()


def test_extremes_of_a_wave_are_its_peaks():
    wave = np.sin(2.0 * np.pi * np.arange(200) / 50.0)
    turns = extremes(wave, 0.5)
    assert np.abs(wave[turns[1:-1]]).min() == pytest.approx(1.0, abs=0.01)
    assert turns.size == 10


def test_a_crossing_is_found_between_points():
    values = np.array([0.0, 1.0, 3.0, 3.0])
    assert crossing(values, 0, 3, 2.0) == pytest.approx(1.5)
    assert crossing(values, 0, 1, 2.0) is None


def test_an_ideal_upside_down_explains_nothing():
    values = np.array([1.0, -1.0, 1.0])
    assert explained(values, values) == pytest.approx(1.0)
    assert explained(values, -values) == 0.0
    assert explained(values, np.zeros(3)) == 0.0
