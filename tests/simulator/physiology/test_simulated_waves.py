"""Single waves of sleep: where they occur, their sizes, and how they are laid over the background."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology import waveforms as shapes
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.eye_movements import RemPlan
from sanctuary.simulator.physiology.movements import Movements
from sanctuary.simulator.physiology.waveforms import Episode, OverlapAdd, Wave
from sanctuary.simulator.physiology.waves import SleepWaves
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sleeper_samples import USUAL_SLEEPER, USUAL_TRAITS, one_stage

FS_HZ = 200
SEGMENT_S = 30


def _waves(stage: Stage, minutes: int = 60) -> list[Wave]:
    stages = one_stage(stage, 60 * minutes)
    course = Course(stages, np.random.default_rng(0))
    rem = RemPlan(stages, 1.0, np.random.default_rng(1))
    source = SleepWaves(5, FS_HZ, SEGMENT_S, course, rem, USUAL_TRAITS)
    return [wave for index in range(2 * minutes) for wave in source.segment(index)]


def _dominant_hz(wave: Wave) -> float:
    padded = np.fft.rfft(wave.left, 8 * FS_HZ)
    return float(np.abs(padded).argmax() / 8.0)


def _spindles(waves: list[Wave]) -> list[Wave]:
    return [wave for wave in waves if 10.0 < _dominant_hz(wave) < 16.5]


def _height(wave: Wave) -> float:
    return float(np.abs(wave.left).max())


def test_n2_has_spindles_of_both_kinds_and_n3_fewer() -> None:
    n2, n3 = _spindles(_waves(Stage.N2)), _spindles(_waves(Stage.N3))
    assert 4.0 < len(n2) / 60.0 < 12.0
    assert len(n3) < 0.8 * len(n2)
    frequencies_hz = np.array([_dominant_hz(wave) for wave in n2])
    assert np.mean(frequencies_hz < 13.0) == pytest.approx(0.55, abs=0.12)
    for wave in n2:
        assert 0.5 <= wave.left.size / FS_HZ <= 2.0
        assert 2.0 < _height(wave) < 45.0


def test_spindles_come_in_trains() -> None:
    onsets = np.sort([wave.onset_s for wave in _spindles(_waves(Stage.N2))])
    phase = np.exp(2j * np.pi * onsets / 50.0)
    assert abs(phase.mean()) > 0.3


def test_k_complexes_strike_once_or_twice_a_minute_in_n2() -> None:
    large = [w for w in _waves(Stage.N2) if _height(w) > 60.0 and 0.65 < w.left.size / FS_HZ < 1.25]
    assert 0.5 < len(large) / 60.0 < 4.0


def test_slow_waves_fill_deep_sleep_and_wane_over_the_night() -> None:
    waves = [wave for wave in _waves(Stage.N3, 180) if _dominant_hz(wave) < 3.0]
    assert sum(wave.left.size for wave in waves) / FS_HZ / (180 * 60.0) > 0.2
    early = [_height(w) for w in waves if w.onset_s < 3600.0]
    late = [_height(w) for w in waves if w.onset_s > 7200.0]
    assert np.mean(early) > 1.05 * np.mean(late)
    assert len(early) > 1.05 * len(late)


def test_sleep_waves_have_the_same_sign_on_both_sides() -> None:
    for stage in (Stage.N2, Stage.N3, Stage.R):
        assert all(np.corrcoef(w.left, w.right)[0, 1] > 0.99 for w in _waves(stage, 10))


def test_rem_has_sawtooth_trains_and_hardly_any_spindles() -> None:
    waves = _waves(Stage.R)
    saw = [w for w in waves if 2.2 <= _dominant_hz(w) <= 3.2 and w.left.size >= 2 * FS_HZ]
    assert 3 <= len(saw) <= 90
    assert max(_height(w) for w in saw) < 50.0
    assert len(_spindles(waves)) < 0.15 * len(_spindles(_waves(Stage.N2)))


def test_nothing_of_sleep_while_awake() -> None:
    stages = one_stage(Stage.W, 60)
    course = Course(stages, np.random.default_rng(0))
    rem = RemPlan(stages, 1.0, np.random.default_rng(1))
    source = SleepWaves(5, FS_HZ, SEGMENT_S, course, rem, USUAL_TRAITS)
    assert [wave for index in range(10, 20) for wave in source.segment(index)] == []


def test_rendered_deep_sleep_meets_the_aasm_criterion() -> None:
    """Slow waves of 75 uV and more, peak to peak, in over a fifth of the epoch."""
    sleeper = Sleeper(2, 1.2, float(FS_HZ), USUAL_SLEEPER)
    x = sleeper.render(FS_HZ * 4320).mean(axis=0).reshape(-1, 2 * FS_HZ)
    large = np.ptp(x, axis=1) >= 75.0
    share = large[: large.size // 15 * 15].reshape(-1, 15).mean(axis=1)
    stages = sleeper.truth.epochs()
    assert np.median(share[stages == Stage.N3]) > 0.4
    assert np.median(share[stages == Stage.N1]) < 0.3


def test_waves_are_added_across_the_borders_of_segments() -> None:
    overlay = OverlapAdd(FS_HZ, SEGMENT_S)
    n = FS_HZ * SEGMENT_S
    long = Wave(29.5, np.ones(3 * n), 2.0 * np.ones(3 * n))
    parts = [overlay.segment(0, [long]), *(overlay.segment(i, []) for i in range(1, 5))]
    whole = np.concatenate(parts, axis=1)
    start = round(29.5 * FS_HZ)
    assert whole.shape == (2, 5 * n)
    assert np.array_equal(np.flatnonzero(whole[0]), np.arange(start, start + 3 * n))
    assert np.array_equal(whole[1], 2.0 * whole[0])


@given(onsets=st.lists(st.floats(0.0, 29.99), max_size=6), size=st.integers(1, 9000))
def test_overlay_loses_nothing(onsets: list[float], size: int) -> None:
    overlay = OverlapAdd(FS_HZ, SEGMENT_S)
    waves = [Wave(onset, np.ones(size), -np.ones(size)) for onset in onsets]
    total = sum(overlay.segment(i, waves if i == 0 else []).sum(axis=1) for i in range(4))
    assert np.array_equal(total, [len(onsets) * size, -len(onsets) * size])


def _movements(stage: Stage, arousals: list[Episode], turns: list[Episode], minutes: int = 20) -> list[Wave]:
    stages = one_stage(stage, 60 * minutes)
    course = Course(stages, np.random.default_rng(0))
    rem = RemPlan(stages, 1.0, np.random.default_rng(1))
    source = Movements(5, FS_HZ, SEGMENT_S, course, rem, USUAL_TRAITS, arousals, turns, [Episode(31.0, 6.0)])
    return [wave for index in range(2 * minutes) for wave in source.segment(index)]


def test_arousals_bring_alpha_beta_and_muscle_for_as_long_as_they_last() -> None:
    waves = [w for w in _movements(Stage.N3, [Episode(100.0, 8.0)], []) if w.onset_s == 100.0]
    assert [wave.left.size for wave in waves] == [8 * FS_HZ] * 3
    alpha, beta, muscle = waves
    assert 8.0 < _dominant_hz(alpha) < 12.0
    assert 16.0 <= _dominant_hz(beta) <= 30.0
    assert _dominant_hz(muscle) > 29.0
    assert abs(np.corrcoef(muscle.left, muscle.right)[0, 1]) < 0.5


def test_turns_shake_the_electrodes() -> None:
    waves = [w for w in _movements(Stage.N2, [], [Episode(200.0, 6.0)]) if w.onset_s == 200.0]
    muscle, shake = waves
    assert np.ptp(shake.left) > 60.0
    assert _dominant_hz(shake) < 2.5
    assert muscle.left.std() > 5.0


def test_grinding_comes_in_bursts_about_once_a_second() -> None:
    waves = [w for w in _movements(Stage.N2, [], []) if 31.0 <= w.onset_s < 37.0]
    assert 4 <= len(waves) <= 8
    assert all(wave.left.std() > 10.0 for wave in waves)


def test_twitches_of_rem_are_short() -> None:
    waves = [wave for wave in _movements(Stage.R, [], [], 60) if not 31.0 <= wave.onset_s < 37.0]
    assert len(waves) > 5
    assert all(0.04 <= wave.left.size / FS_HZ <= 0.26 for wave in waves)


def test_muscles_stir_awake_and_rest_in_deep_sleep() -> None:
    assert len(_movements(Stage.W, [], [])) > len(_movements(Stage.N3, [], [])) + 10


def test_tone_falls_before_rem_begins() -> None:
    stages = np.concatenate([one_stage(Stage.N2, 300), one_stage(Stage.R, 300)])
    course = Course(stages, np.random.default_rng(0))
    before = np.array([285.0])
    assert course.tone_weights(before)[0, Stage.R] > 0.8
    assert course.stage_weights(before)[0, Stage.R] < 0.05


def test_weights_of_stages_sum_to_one_and_end_awake() -> None:
    rng = np.random.default_rng(4)
    course = Course(np.repeat(rng.integers(0, 5, 40), 30).astype(np.int8), rng)
    t_s = np.arange(0.0, 1400.0, 0.5)
    for weights in (course.stage_weights(t_s), course.eeg_weights(t_s), course.tone_weights(t_s)):
        assert weights.shape == (t_s.size, len(STAGES))
        assert weights.min() >= 0.0
        assert np.allclose(weights.sum(axis=1), 1.0)
        assert (weights[t_s >= 1200.0, Stage.W] == 1.0).all()


def test_noises_have_the_rms_and_band_they_promise() -> None:
    rng = np.random.default_rng(6)
    noise = shapes.band_noise(FS_HZ, 60.0, 30.0, 60.0, rng)
    density = np.abs(np.fft.rfft(noise)) ** 2
    freq_hz = np.fft.rfftfreq(noise.size, 1.0 / FS_HZ)
    assert noise.std() == pytest.approx(1.0, rel=0.1)
    assert density[(freq_hz >= 30.0) & (freq_hz <= 60.0)].sum() / density.sum() > 0.999
    assert shapes.pink_noise(FS_HZ, 30.0, rng).std() == pytest.approx(1.0, rel=0.01)


@given(duration_s=st.floats(0.01, 3.0), seed=st.integers(0, 99))
def test_shapes_of_any_length_are_finite(duration_s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = [
        shapes.spindle(FS_HZ, duration_s, 12.0, -0.5),
        shapes.slow_wave(FS_HZ, duration_s, 0.6),
        shapes.k_complex(FS_HZ, duration_s),
        shapes.sawtooth(FS_HZ, duration_s, 2.7),
        shapes.saccade(FS_HZ, duration_s, 0.1),
        shapes.blink(FS_HZ, duration_s),
        shapes.slow_roll(FS_HZ, duration_s, 0.4),
        shapes.pop(FS_HZ, duration_s),
        shapes.band_noise(FS_HZ, duration_s, 30.0, 90.0, rng),
        shapes.pink_noise(FS_HZ, duration_s, rng),
        shapes.faded(np.ones(shapes.n_samples(duration_s, FS_HZ)), FS_HZ, 0.3),
    ]
    for shape in made:
        assert shape.size >= 2
        assert np.isfinite(shape).all()
    assert all(np.abs(shape).max() <= 1.01 for shape in (*made[:8], made[-1]))
