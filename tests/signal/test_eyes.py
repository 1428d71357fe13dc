"""Saccades, blinks and slow rolls told apart by polarity and speed."""

from __future__ import annotations

import pytest

from sanctuary.signal import eyes
from sanctuary.signal.eyes import EyeSecond, EyeWatcher
from sanctuary.signal.filters import CausalFilter, highpass
from signals import bump, pair

FS_HZ = 256.0
SECONDS = 40


def watch(uv, usable=True):
    high, watcher = CausalFilter(highpass(FS_HZ, 0.3), 2), EyeWatcher(FS_HZ)
    swings = watcher.stretch(high(uv), [round(k * FS_HZ) for k in range(SECONDS + 1)])
    seconds = [watcher.second(each, usable) for each in swings]
    return EyeSecond(*(sum(getattr(e, name) for e in seconds) for name in ("saccades", "blinks", "slow")))


def with_movements(width_s, left_uv, right_uv, count=6, **kwargs):
    uv = pair(SECONDS, FS_HZ, seed=4, rms_uv=8.0)
    for k in range(count):
        at_s = 6.3 + 5.1 * k
        uv[0] += bump(FS_HZ, uv.shape[1], at_s, width_s, left_uv)
        uv[1] += bump(FS_HZ, uv.shape[1], at_s, width_s, right_uv)
    return watch(uv, **kwargs)


def test_background_eeg_has_no_eye_movements():
    assert with_movements(0.5, 0.0, 0.0) == EyeSecond(0, 0, 0)


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
    assert with_movements(0.5, 100.0, -100.0, usable=False) == EyeSecond(0, 0, 0)


def test_large_slow_rolls_are_not_saccades_however_steep():
    assert with_movements(2.5, 160.0, -150.0, count=5).saccades == 0


def test_coarse_eeg_raises_the_limit(monkeypatch):
    coarse = pair(SECONDS, FS_HZ, seed=9, exponent=2.0, rms_uv=60.0)
    adapted = watch(coarse).saccades
    monkeypatch.setattr(eyes, "NOISE_FACTOR", 0.0)
    assert adapted < watch(coarse).saccades
