"""Eye movements of simulated sleepers: opposite signs, same-sign blinks, timing in REM."""

from collections.abc import Iterable

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology import waveforms as shapes
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.eye_movements import EyeMovements, RemPlan, activity
from sanctuary.simulator.physiology.waveforms import Wave
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sleeper_samples import USUAL_SLEEPER, USUAL_TRAITS, one_stage

FS_HZ = 200
SEGMENT_S = 30


def _waves(stage: Stage, minutes: int = 40, lights_out_s: float = 0.0) -> list[Wave]:
    stages = one_stage(stage, 60 * minutes)
    course = Course(stages, np.random.default_rng(0))
    rem = RemPlan(stages, 1.0, np.random.default_rng(1))
    eyes = EyeMovements(5, FS_HZ, SEGMENT_S, course, rem, USUAL_TRAITS, lights_out_s, stages.size)
    return [wave for index in range(2 * minutes) for wave in eyes.segment(index)]


def _peaks(waves: Iterable[Wave]) -> np.ndarray:
    """Signed extreme of each wave at either side: ``(n, 2)``."""
    return np.array([[side[np.abs(side).argmax()] for side in (w.left, w.right)] for w in waves])


def test_rapid_eye_movements_have_opposite_signs_but_for_a_few_vertical_ones() -> None:
    peaks = _peaks(_waves(Stage.R))
    opposite = peaks[:, 0] * peaks[:, 1] < 0.0
    assert opposite.mean() == pytest.approx(0.85, abs=0.06)
    assert (np.abs(peaks[~opposite]).mean()) < 0.7 * np.abs(peaks[opposite]).mean()


def test_rapid_eye_movements_are_rapid_and_of_usual_size() -> None:
    waves = _waves(Stage.R)
    peaks = np.abs(_peaks(waves)[:, 0])
    assert 40.0 < np.median(peaks) < 150.0
    assert peaks.max() <= 325.0
    for wave in waves:
        assert 0.3 <= wave.left.size / FS_HZ <= 1.2
        assert np.abs(wave.left).argmax() / FS_HZ < 0.5
    assert len({peak > 0 for peak in _peaks(waves)[:, 0]}) == 2


def test_blinks_have_the_same_sign_on_both_sides() -> None:
    waves = [w for w in _waves(Stage.W, 80, lights_out_s=4800.0) if w.left.size < 0.295 * FS_HZ]
    peaks = _peaks(waves)
    blinks = peaks[(peaks > 0.0).all(axis=1)]
    assert len(blinks) > 100
    assert 60.0 < blinks.min() < blinks.max() < 210.0
    correlated = [np.corrcoef(w.left, w.right)[0, 1] for w in waves if (_peaks([w]) > 60.0).all()]
    assert min(correlated) > 0.99


def test_eyes_are_open_until_lights_out_then_mostly_shut() -> None:
    assert len(_waves(Stage.W, lights_out_s=2400.0)) > 1.6 * len(_waves(Stage.W, lights_out_s=0.0))


def test_eyes_roll_slowly_in_n1_with_opposite_signs() -> None:
    waves = _waves(Stage.N1)
    assert len(waves) > 60
    for wave in waves:
        assert wave.left.size / FS_HZ > 1.6
        assert np.corrcoef(wave.left, wave.right)[0, 1] < -0.99
        assert np.diff(wave.left).max() * FS_HZ < 0.7 * 2.0 * np.pi * 80.0


@pytest.mark.parametrize("stage", [Stage.N2, Stage.N3])
def test_eyes_rest_in_deeper_sleep(stage: Stage) -> None:
    assert _waves(stage) == []


def test_bursts_lie_more_than_eight_seconds_apart_after_the_first_twenty() -> None:
    onsets = RemPlan(one_stage(Stage.R, 3600), 1.0, np.random.default_rng(2)).onsets_s(0.0, 3600.0)
    assert onsets[0] > 20.0
    gaps = np.diff(onsets)
    assert gaps.min() >= 0.35
    assert np.mean(gaps > 8.0) > 0.1
    assert not ((gaps > 6.0) & (gaps < 8.0)).any()


def test_activity_peaks_five_to_ten_minutes_in_and_falls_after() -> None:
    counts = np.zeros(20)
    for seed in range(60):
        plan = RemPlan(one_stage(Stage.R, 1200), 1.0, np.random.default_rng(seed))
        counts += np.histogram(plan.onsets_s(0.0, 1200.0), bins=20, range=(0.0, 1200.0))[0]
    assert counts[5:10].mean() > 2.0 * counts[:2].mean()
    assert counts[5:10].mean() > 2.0 * counts[16:].mean()
    assert activity(450.0) == pytest.approx(1.0)
    assert activity(1050.0) == pytest.approx(0.1)


def test_late_bursts_are_richer_and_density_scales_them() -> None:
    night = np.concatenate(
        [
            one_stage(Stage.N2, 60),
            one_stage(Stage.R, 1200),
            one_stage(Stage.N2, 20000),
            one_stage(Stage.R, 1200),
        ]
    )

    def counts(density: float) -> np.ndarray:
        plans = [RemPlan(night, density, np.random.default_rng(seed)) for seed in range(20)]
        return np.array(
            [sum(p.onsets_s(a, b).size for p in plans) for a, b in ((0.0, 2000.0), (2000.0, 3e4))]
        )

    early, late = counts(1.0)
    assert late > 1.2 * early
    assert counts(0.3).sum() < 0.7 * counts(1.0).sum() < 0.7 * counts(2.0).sum()


def test_eyes_move_in_rem_only_and_mark_it_phasic() -> None:
    night = np.concatenate([one_stage(Stage.N2, 300), one_stage(Stage.R, 900), one_stage(Stage.N1, 300)])
    plan = RemPlan(night, 2.0, np.random.default_rng(3))
    onsets = plan.onsets_s(0.0, 1e9)
    assert (night[onsets.astype(int)] == Stage.R).all()
    assert plan.phasic(onsets).all()
    assert 0.1 < plan.phasic(np.arange(320.0, 1200.0)).mean() < 0.9
    assert not plan.phasic(np.array([10.0, 1490.0, 1e7])).any()


def test_no_rem_no_plan() -> None:
    plan = RemPlan(one_stage(Stage.N2, 100), 1.0, np.random.default_rng(0))
    assert plan.onsets_s(0.0, 100.0).size == 0
    assert not plan.phasic(np.arange(100.0)).any()


def test_rendered_sides_move_apart_in_rem_and_together_in_deep_sleep() -> None:
    sleeper = Sleeper(2, 3.5, float(FS_HZ), USUAL_SLEEPER)
    x = sosfilt(butter(2, [0.5, 5.0], "bandpass", fs=FS_HZ, output="sos"), sleeper.render(FS_HZ * 12600))
    epochs, stages = x.reshape(2, -1, 30 * FS_HZ), sleeper.truth.epochs()
    together = np.array([np.corrcoef(*epochs[:, i])[0, 1] for i in range(stages.size)])
    assert np.percentile(together[stages == Stage.R], 25) < -0.2
    assert np.median(together[stages == Stage.N3]) > 0.8
    assert np.median(together[stages == Stage.N2]) > 0.6


def test_saccades_rise_fast_and_return_slowly() -> None:
    shape = shapes.saccade(FS_HZ, 1.0, 0.1)
    assert shape.size == FS_HZ
    assert shape.argmax() == pytest.approx(0.1 * FS_HZ, abs=1)
    assert (shape[0], shape.max()) == (0.0, 1.0)
    assert shape[-1] < 0.01
