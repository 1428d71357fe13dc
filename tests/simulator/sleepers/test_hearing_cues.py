"""A sleeper that hears cues: what changes in the signal and the truth, and what does not."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt

from sanctuary.config.sleeper_settings import ResponseSettings, SleeperSettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.cue_responses import Outcome
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sleeper_samples import ALIKE, CLEAN

FS_HZ = 100
HOURS = 3.0
SEED = 2


def _sleeper(**responses: float) -> Sleeper:
    chosen = SleeperSettings(variation=ALIKE, disturbances=CLEAN, responses=ResponseSettings(**responses))
    return Sleeper(SEED, HOURS, float(FS_HZ), chosen)


def _rem_s(minutes_in: float = 2.0) -> float:
    """A moment in the first REM period."""
    period = next(p for p in Sleeper(SEED, HOURS).truth.rem_periods if p.duration_s > 300.0)
    return period.onset_s + 60.0 * minutes_in


def _render_from(sleeper: Sleeper, start_s: float, seconds: float) -> np.ndarray:
    sleeper.render(int(start_s * FS_HZ))
    return sleeper.render(int(seconds * FS_HZ))


@pytest.fixture(scope="module")
def undisturbed() -> np.ndarray:
    return _sleeper().render(int((_rem_s() + 600.0) * FS_HZ))


SURE = {"signal_share": 1.0, "incorporation_share": 1.0}


@pytest.mark.parametrize("offset_s", [0.0, 7.37, 14.991, 29.99])
@pytest.mark.parametrize("level", [35.0, 95.0])
def test_nothing_before_a_cue_changes_and_something_after_it_does(
    level: float, offset_s: float, undisturbed: np.ndarray
) -> None:
    sleeper = _sleeper(**SURE, awakening_share=1.0)
    at_s = _rem_s() + offset_s
    before = sleeper.render(int(at_s * FS_HZ))
    response = sleeper.stimulate(level, Modality.SOUND, at_s)
    after = sleeper.render(int(120.0 * FS_HZ))
    n = before.shape[1]
    assert np.array_equal(before, undisturbed[:, :n])
    changed = np.flatnonzero((after != undisturbed[:, n : n + after.shape[1]]).any(axis=0))
    assert changed.size > 20
    assert response.outcome is (Outcome.AWAKENING if level > 90.0 else Outcome.SLEEPS_ON)


@given(ahead_s=st.floats(0.0, 200.0), size=st.integers(700, 20000))
@settings(max_examples=15)
def test_a_cue_that_lies_ahead_is_the_same_as_one_that_is_heard_in_time(ahead_s: float, size: int) -> None:
    at_s = 300.0 + ahead_s
    early, late = _sleeper(awakening_share=1.0), _sleeper(awakening_share=1.0)
    told = early.stimulate(110.0, Modality.SOUND, at_s)
    n, total = int(at_s * FS_HZ), 700 * FS_HZ
    parts = [late.render(n)]
    assert late.stimulate(110.0, Modality.SOUND, at_s) == told
    parts.append(late.render(total - n))
    whole = []
    while (missing := total - sum(part.shape[1] for part in whole)) > 0:
        whole.append(early.render(min(size, missing)))
    assert np.array_equal(np.concatenate(parts, axis=1), np.concatenate(whole, axis=1))


def test_the_same_seed_and_cues_give_the_same_signal_and_truth() -> None:
    def told() -> tuple[Sleeper, np.ndarray]:
        sleeper = _sleeper(awakening_share=0.5)
        parts = []
        for _ in range(8):
            parts.append(sleeper.render(int(_rem_s() * FS_HZ) // 8))
            sleeper.stimulate(55.0, Modality.SOUND, len(parts) * _rem_s() / 8.0)
        return sleeper, np.concatenate(parts, axis=1)

    (one, x), (other, y) = told(), told()
    assert one.responses == other.responses
    assert len(one.responses) == 8
    assert np.array_equal(one.truth.stages, other.truth.stages)
    assert np.array_equal(x, y)


def test_an_arousal_raises_alpha_beta_and_muscle(undisturbed: np.ndarray) -> None:
    sleeper = _sleeper(awakening_share=0.0)
    at_s = _rem_s()
    sleeper.render(int(at_s * FS_HZ))
    response = sleeper.stimulate(95.0, Modality.SOUND, at_s)
    assert response.outcome is Outcome.AROUSAL
    assert response.arousal is not None
    first = int(response.arousal.onset_s * FS_HZ) + FS_HZ // 2
    n = int((response.arousal.duration_s - 1.0) * FS_HZ)
    aroused = np.concatenate([undisturbed[:, : int(at_s * FS_HZ)], sleeper.render(60 * FS_HZ)], axis=1)
    for low_hz, high_hz, factor in ((8.0, 12.0, 1.5), (16.0, 30.0, 1.3), (30.0, 49.0, 3.0)):
        sos = butter(4, (low_hz, high_hz), "bandpass", fs=FS_HZ, output="sos")
        loud, quiet = (
            sosfiltfilt(sos, x[:, : first + 2 * n])[:, first : first + n].std()
            for x in (aroused, undisturbed)
        )
        assert loud > factor * quiet
    assert np.array_equal(sleeper.truth.stages, _sleeper().truth.stages)


def test_an_awakening_is_in_the_truth_and_ends() -> None:
    sleeper = _sleeper(awakening_share=1.0)
    at_s = _rem_s()
    sleeper.render(int(at_s * FS_HZ))
    response = sleeper.stimulate(95.0, Modality.SOUND, at_s)
    assert response.awake is not None
    plain = _sleeper().truth
    changed = np.flatnonzero(sleeper.truth.stages != plain.stages)
    assert changed[0] >= at_s
    assert changed[-1] < response.awake.end_s + 1.0
    assert (sleeper.truth.stages[changed] == Stage.W).all()
    assert 28.0 < response.awake.duration_s < 242.0


def test_an_answer_swings_both_eyes_four_times() -> None:
    sleeper = _sleeper(**SURE, threshold_sd_db=0.0)
    response = sleeper.stimulate(40.0, Modality.SOUND, _rem_s())
    assert response.signal_at_s is not None
    x = _render_from(sleeper, response.signal_at_s - 1.0, 6.0)
    sos = butter(2, (0.3, 5.0), "bandpass", fs=FS_HZ, output="sos")
    left, right = sosfiltfilt(sos, x)
    swings = np.sign(left - right)[np.abs(left - right) > 150.0]
    assert np.count_nonzero(np.diff(swings)) >= 3
    assert np.corrcoef(left, right)[0, 1] < -0.7


def test_eyes_move_less_for_a_while_after_a_cue() -> None:
    def saccades(cued: bool) -> int:
        total = 0
        for seed in range(12):
            sleeper = Sleeper(seed, 5.0, float(FS_HZ), SleeperSettings(variation=ALIKE))
            for period in sleeper.truth.rem_periods:
                for at_s in np.arange(period.onset_s + 60.0, period.end_s - 120.0, 120.0):
                    if cued:
                        sleeper.stimulate(5.0, Modality.SOUND, float(at_s))
                    total += sleeper._rem.onsets_s(at_s, at_s + 60.0).size
        return total

    plain, thinned = saccades(False), saccades(True)
    assert plain > 150
    assert 0.35 * plain < thinned < 0.65 * plain


def test_a_cue_from_before_what_was_handed_out_is_heard_now() -> None:
    sleeper, plain = _sleeper(awakening_share=1.0), _sleeper()
    sleeper.render(4000)
    response = sleeper.stimulate(110.0, Modality.SOUND, 12.0)
    assert response.at_s == 40.0
    plain.render(4000)
    assert sleeper.render(50).shape == plain.render(50).shape


@pytest.mark.parametrize(
    ("cue", "message"),
    [
        (lambda sleeper: sleeper.stimulate(40.0, Modality.SOUND, -1.0), "cue at -1.0 s"),
        (lambda sleeper: sleeper.stimulate(40.0, Modality.SOUND, float("nan")), "cue at nan s"),
        (lambda sleeper: sleeper.stimulate(40.0, Modality.SOUND, float("inf")), "cue at inf s"),
        (lambda sleeper: sleeper.stimulate(2.0, Modality.LIGHT, 1.0), "light cue of level 2"),
    ],
)
def test_impossible_cues_are_refused_and_change_nothing(
    cue: Callable[[Sleeper], object], message: str
) -> None:
    sleeper, plain = _sleeper(), _sleeper()
    with pytest.raises(ValueError, match=message):
        cue(sleeper)
    assert sleeper.responses == ()
    assert np.array_equal(sleeper.render(9000), plain.render(9000))


def test_cues_come_in_order() -> None:
    sleeper = _sleeper()
    sleeper.stimulate(40.0, Modality.SOUND, 100.0)
    with pytest.raises(ValueError, match="must not lie before 100 s"):
        sleeper.stimulate(40.0, Modality.SOUND, 99.0)


def test_cues_after_the_night_find_somebody_awake() -> None:
    sleeper = _sleeper()
    response = sleeper.stimulate(80.0, Modality.SOUND, HOURS * 3600.0 + 50.0)
    assert response.outcome is Outcome.AWAKE
