"""Saccades, blinks and slow rolls told apart by polarity and speed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.signal import eyes
from sanctuary.signal.eyes import STRENGTHS, EyeMovementDetector
from sanctuary.signal.filters import CausalFilter, highpass, lowpass
from signals import bump, pair

FS_HZ = 256.0
SECONDS = 40


@dataclass(frozen=True)
class Counted:
    saccades: int
    blinks: int
    slow: int


def traces_of(uv):
    """Difference and mean at 50 points a second, shape ``(1, 2, n)``."""
    smooth = CausalFilter(lowpass(FS_HZ, 6.0), 2)(CausalFilter(highpass(FS_HZ, 0.3), 2)(uv))
    points = smooth[:, np.rint(np.arange(SECONDS * 50) * FS_HZ / 50).astype(int)]
    return np.stack((points[0] - points[1], 0.5 * (points[0] + points[1])))[np.newaxis]


def watch(uv, usable=True):
    seen = EyeMovementDetector(1).push(traces_of(uv), np.full((1, SECONDS), usable))
    return Counted(int(seen.saccades.sum()), int(seen.blinks.sum()), int(seen.slow.sum()))


def with_movements(width_s, left_uv, right_uv, count=6, **kwargs):
    uv = pair(SECONDS, FS_HZ, seed=4, rms_uv=8.0)
    for k in range(count):
        at_s = 6.3 + 5.1 * k
        uv[0] += bump(FS_HZ, uv.shape[1], at_s, width_s, left_uv)
        uv[1] += bump(FS_HZ, uv.shape[1], at_s, width_s, right_uv)
    return watch(uv, **kwargs)


def test_background_eeg_has_no_eye_movements():
    assert with_movements(0.5, 0.0, 0.0) == Counted(0, 0, 0)


@pytest.mark.parametrize("height_uv", [60.0, -60.0, 120.0])
def test_opposite_deflections_are_saccades_counted_once(height_uv):
    seen = with_movements(0.5, height_uv, -0.8 * height_uv)
    assert seen.saccades == 6
    assert seen.blinks == 0


def test_same_sign_deflections_are_blinks():
    seen = with_movements(0.3, 120.0, 110.0)
    assert seen.blinks == 6
    assert seen.saccades == 0


def test_slow_opposite_deflections_are_rolls_not_saccades():
    seen = with_movements(3.0, 60.0, -50.0, count=5)
    assert seen.saccades == 0
    assert seen.slow >= 5


def test_unusable_seconds_count_nothing():
    assert with_movements(0.5, 100.0, -100.0, usable=False) == Counted(0, 0, 0)


def test_large_slow_rolls_are_not_saccades_however_steep():
    assert with_movements(2.5, 160.0, -150.0, count=5).saccades == 0


def test_coarse_eeg_raises_the_limit(monkeypatch):
    coarse = pair(SECONDS, FS_HZ, seed=9, exponent=2.0, rms_uv=60.0)
    adapted = watch(coarse).saccades
    monkeypatch.setattr(eyes, "NOISE_FACTOR", 0.0)
    assert adapted < watch(coarse).saccades


def moving():
    uv = pair(SECONDS, FS_HZ, seed=4, rms_uv=8.0)
    for k in range(12):
        uv[0] += bump(FS_HZ, uv.shape[1], 4.0 + 2.9 * k, 0.5, 90.0)
        uv[1] -= bump(FS_HZ, uv.shape[1], 4.0 + 2.9 * k, 0.5, 80.0)
    return traces_of(uv)


@given(st.lists(st.integers(1, SECONDS - 1), max_size=6))
@settings(max_examples=25)
def test_seconds_may_come_in_any_portions(cuts):
    traces, usable = moving(), np.ones((1, SECONDS), dtype=bool)
    usable[0, 20:23] = False
    whole = EyeMovementDetector(1).push(traces, usable)
    watcher, edges = EyeMovementDetector(1), sorted({0, *cuts, SECONDS})
    parts = [
        watcher.push(np.ascontiguousarray(traces[:, :, a * 50 : b * 50]), usable[:, a:b])
        for a, b in pairwise(edges)
    ]
    for name in ("strengths", "saccades", "blinks", "slow"):
        joined = np.concatenate([getattr(part, name) for part in parts], axis=-1)
        assert np.array_equal(joined, getattr(whole, name), equal_nan=True), name


def test_strengths_of_a_saccade_lie_in_the_difference_and_of_a_blink_in_the_mean():
    horizontal, vertical = pair(SECONDS, FS_HZ, seed=4, rms_uv=2.0), pair(SECONDS, FS_HZ, seed=4, rms_uv=2.0)
    for k in range(10):
        shape = bump(FS_HZ, horizontal.shape[1], 4.0 + 3.0 * k, 0.5, 100.0)
        horizontal += np.stack((shape, -shape))
        vertical += np.stack((shape, shape))
    swing = [STRENGTHS.index(f"{trace}-swing-0.2s") for trace in ("difference", "mean")]
    usable = np.ones((1, SECONDS), dtype=bool)
    for uv, louder in ((horizontal, 0), (vertical, 1)):
        found = EyeMovementDetector(1).push(traces_of(uv), usable).strengths[0, swing].max(axis=-1)
        assert found[louder] > found[1 - louder] + 1.0


def test_strengths_of_unusable_seconds_are_not_numbers():
    usable = np.ones((1, SECONDS), dtype=bool)
    usable[0, 7] = False
    found = EyeMovementDetector(1).push(moving(), usable).strengths
    assert np.isnan(found[0, :, 7]).all()
    assert np.isfinite(np.delete(found[0], 7, axis=1)).all()
