"""The heartbeat in the signal: its rate, its size, and how it differs between sleepers and stages."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import find_peaks

from sanctuary.config.sleeper_settings import VariationSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.traits import draw_traits
from sanctuary.simulator.physiology.waves import Pulse
from sleeper_samples import USUAL_TRAITS, one_stage

FS_HZ = 200
TRAITS = replace(USUAL_TRAITS, pulse_uv=2.0, pulse_hz=1.0, pulse_lean=0.5)


def _pulse(stage: Stage, minutes: int = 5) -> np.ndarray:
    course = Course(one_stage(stage, 60 * minutes), np.random.default_rng(0))
    source = Pulse(5, FS_HZ, 30, course, TRAITS)
    return np.concatenate([source.segment(index) for index in range(2 * minutes)], axis=1)


def _beats_per_min(uv: np.ndarray) -> float:
    peaks, _ = find_peaks(uv[0], height=0.7 * uv[0].max(), distance=FS_HZ // 2)
    return peaks.size / (uv.shape[1] / FS_HZ / 60.0)


def test_it_beats_at_its_own_rate_and_faster_awake() -> None:
    assert _beats_per_min(_pulse(Stage.N2)) == pytest.approx(60.0, rel=0.05)
    assert _beats_per_min(_pulse(Stage.W)) > _beats_per_min(_pulse(Stage.N3)) + 4.0


def test_intervals_vary_as_hearts_do() -> None:
    uv = _pulse(Stage.N2)
    peaks, _ = find_peaks(uv[0], height=0.7 * uv[0].max(), distance=FS_HZ // 2)
    assert 0.01 < np.diff(peaks).std() / np.diff(peaks).mean() < 0.1


def test_it_is_small_leans_to_one_side_and_has_no_seams() -> None:
    left, right = uv = _pulse(Stage.N2)
    assert np.abs(uv).max() == pytest.approx(3.0, rel=0.01)
    assert left == pytest.approx(3.0 * right)
    assert abs(left.mean()) < 0.1
    steps = np.abs(np.diff(left))
    seams = steps[30 * FS_HZ - 1 :: 30 * FS_HZ]
    assert seams.max() <= steps.max()


def test_sleepers_differ() -> None:
    drawn = [draw_traits(VariationSettings(), np.random.default_rng(seed)) for seed in range(100)]
    assert min(t.pulse_uv for t in drawn) < 0.7 < 2.5 < max(t.pulse_uv for t in drawn) <= 3.0
    assert all(0.7 <= t.pulse_hz <= 1.25 for t in drawn)
