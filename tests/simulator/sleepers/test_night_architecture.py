"""Forty simulated nights of eight hours, held against what sleep studies report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.sleepers import NightSettings
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.bouts import TRANSITIONS, draw_bout_s, draw_next
from sanctuary.simulator.sleepers.night import draw_night
from sanctuary.simulator.sleepers.truth import TruthNight

USUAL = NightSettings()


@pytest.fixture(scope="module")
def nights() -> list[TruthNight]:
    return [draw_night(seed, 8.0, USUAL) for seed in range(40)]


def _shares(nights: list[TruthNight], stage: Stage) -> np.ndarray:
    return np.array([(n.stages == stage).sum() / (n.stages != Stage.W).sum() for n in nights])


def test_rem_takes_20_to_25_percent_of_sleep(nights: list[TruthNight]) -> None:
    shares = _shares(nights, Stage.R)
    assert 0.20 <= shares.mean() <= 0.25
    assert shares.min() > 0.12
    assert shares.max() < 0.33


def test_other_stages_have_their_usual_shares(nights: list[TruthNight]) -> None:
    assert 0.05 <= _shares(nights, Stage.N1).mean() <= 0.16
    assert 0.40 <= _shares(nights, Stage.N2).mean() <= 0.58
    assert 0.14 <= _shares(nights, Stage.N3).mean() <= 0.25


def test_first_rem_comes_70_to_120_min_after_sleep_onset(nights: list[TruthNight]) -> None:
    latencies_min = [(n.rem_periods[0].onset_s - n.sleep_onset_s) / 60.0 for n in nights]
    assert min(latencies_min) >= 69.9
    assert max(latencies_min) <= 120.1
    assert 80.0 <= np.mean(latencies_min) <= 95.0


def test_cycles_last_90_to_120_min_and_number_4_to_6(nights: list[TruthNight]) -> None:
    for night in nights:
        assert 4 <= len(night.rem_periods) <= 6
        ends_s = [period.end_s for period in night.rem_periods if period.end_s < night.duration_s]
        assert all(5395.0 <= gap_s <= 7205.0 for gap_s in np.diff(ends_s))


def test_rem_periods_lengthen_towards_morning(nights: list[TruthNight]) -> None:
    lengths_min = np.array([[p.duration_s / 60.0 for p in n.rem_periods[:4]] for n in nights])
    assert (np.diff(lengths_min.mean(axis=0)) > 4.0).all()
    assert ((lengths_min > np.array([8, 16, 23, 30]) * 0.74 - 0.1)[:, :3]).all()
    assert (lengths_min < np.array([8, 16, 23, 30]) * 1.26 + 0.1).all()


def test_deep_sleep_lies_mostly_in_the_first_two_cycles(nights: list[TruthNight]) -> None:
    early = [
        (n.stages[: int(n.rem_periods[1].onset_s)] == Stage.N3).sum() / (n.stages == Stage.N3).sum()
        for n in nights
    ]
    assert np.mean(early) > 0.65


def test_sleep_comes_5_to_25_min_after_lights_out(nights: list[TruthNight]) -> None:
    latencies_min = [(n.sleep_onset_s - n.lights_out_s) / 60.0 for n in nights]
    assert min(latencies_min) >= 4.9
    assert max(latencies_min) <= 25.1
    assert min(n.lights_out_s for n in nights) >= 0.0
    assert np.std([n.lights_out_s for n in nights]) > 60.0


def test_about_ten_arousals_an_hour_each_3_to_15_s_and_none_awake(nights: list[TruthNight]) -> None:
    per_hour = [len(n.arousals) / ((n.stages != Stage.W).sum() / 3600.0) for n in nights]
    assert 7.0 <= np.mean(per_hour) <= 13.0
    for night in nights:
        for arousal in night.arousals:
            assert 3.0 <= arousal.duration_s <= 15.0
            during = night.stages[int(arousal.onset_s) : int(arousal.end_s) + 1]
            assert (during != Stage.W).all()


def test_rem_is_interrupted_now_and_then_for_less_than_a_minute(nights: list[TruthNight]) -> None:
    lengths_s, rem_s = [], 0.0
    for night in nights:
        for period in night.rem_periods:
            stages = night.stages[int(period.onset_s) : int(period.end_s)]
            rem_s += float((stages == Stage.R).sum())
            edges = np.flatnonzero(np.diff(np.concatenate([[0], stages != Stage.R, [0]])))
            lengths_s += list(edges[1::2] - edges[::2])
            assert stages[0] == Stage.R
            assert set(stages.tolist()) <= {Stage.R, Stage.W, Stage.N1}
    assert max(lengths_s) <= 61
    assert min(lengths_s) >= 9
    assert 1.0 <= len(lengths_s) / (rem_s / 3600.0) <= 4.0


def test_turns_follow_rem_periods_and_are_rare_inside(nights: list[TruthNight]) -> None:
    after = [
        any(0.0 <= turn.onset_s - period.end_s <= 5.0 for turn in n.turns)
        for n in nights
        for period in n.rem_periods[:-1]
    ]
    assert 0.5 <= np.mean(after) <= 0.9
    inside = sum(n.stage_at(turn.onset_s) is Stage.R for n in nights for turn in n.turns)
    assert inside / sum(len(n.turns) for n in nights) < 0.1


def test_sleepers_differ(nights: list[TruthNight]) -> None:
    assert len({n.stages.tobytes() for n in nights}) == len(nights)


@given(seed=st.integers(0, 2**32), hours=st.sampled_from([0.1, 0.5, 2.0, 7.3, 24.0]))
def test_any_night_is_consistent(seed: int, hours: float) -> None:
    night = draw_night(seed, hours, USUAL)
    assert night.stages.size == round(hours * 3600)
    assert set(night.stages.tolist()) <= set(STAGES)
    assert 0.0 <= night.lights_out_s <= night.sleep_onset_s <= night.duration_s
    assert sum(s.duration_s for s in night.stretches) == night.duration_s
    for episodes in (night.rem_periods, night.arousals, night.turns, night.stretches):
        ends_s = [0.0, *(e.end_s for e in episodes)]
        assert all(e.duration_s > 0.0 and e.onset_s >= end for e, end in zip(episodes, ends_s, strict=False))
        assert ends_s[-1] <= night.duration_s


@given(seed=st.integers(0, 2**32), hours=st.floats(0.1, 7.9))
def test_a_short_night_is_the_beginning_of_a_long_one(seed: int, hours: float) -> None:
    short, long = draw_night(seed, hours, USUAL), draw_night(seed, 8.0, USUAL)
    assert (short.stages == long.stages[: short.stages.size]).all()


def test_nobody_sleeps_for_a_day() -> None:
    night = draw_night(1, 24.0, USUAL)
    assert len(night.rem_periods) == USUAL.most_cycles
    assert (night.stages[12 * 3600 :] == Stage.W).all()


def test_settings_of_the_night_are_obeyed() -> None:
    calm = NightSettings(
        bedtime_jitter_min=0.0,
        rem_interruptions_per_hour=0.0,
        arousals_per_hour=0.0,
        turns_per_hour=0.0,
        rem_bout_spread=0.0,
        most_cycles=2,
    )
    night = draw_night(5, 8.0, calm)
    assert (night.lights_out_s, night.arousals, night.turns) == (0.0, (), ())
    assert [round(p.duration_s / 60.0, 1) for p in night.rem_periods] == pytest.approx([8.0, 16.0], abs=0.1)
    for period in night.rem_periods:
        assert (night.stages[int(period.onset_s) : int(period.end_s)] == Stage.R).all()


def test_scoring_takes_the_stage_that_fills_most_of_an_epoch() -> None:
    stages = np.array([Stage.W] * 14 + [Stage.R] * 46 + [Stage.N2] * 15 + [Stage.N1] * 15, dtype=np.int8)
    night = TruthNight(np.concatenate([stages, stages[:7]]), 0.0, 14.0, (), (), ())
    assert night.epochs().tolist() == [Stage.R, Stage.R, Stage.N1]
    assert night.epochs(1.0).tolist() == night.stages.tolist()
    assert [s.duration_s for s in night.stretches] == [14.0, 46.0, 15.0, 15.0, 7.0]
    for bad in (0.0, 0.5, 2.5, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="whole number of seconds"):
            night.epochs(bad)


def test_stage_at_reaches_past_the_end_but_not_before_the_night() -> None:
    night = TruthNight(np.array([Stage.W, Stage.N2, Stage.R], dtype=np.int8), 0.0, 1.0, (), (), ())
    assert [night.stage_at(t) for t in (0.0, 0.99, 1.0, 2.999, 3.0, 1e6)] == [
        Stage.W, Stage.W, Stage.N2, Stage.R, Stage.W, Stage.W
    ]  # fmt: skip
    for bad in (-0.001, float("nan")):
        with pytest.raises(ValueError, match="before the night"):
            night.stage_at(bad)


def test_bouts_last_as_long_as_the_published_transitions_say() -> None:
    rng = np.random.default_rng(2)
    for stage in (Stage.N1, Stage.N2, Stage.N3, Stage.R):
        free = dict.fromkeys(STAGES, 1.0)
        drawn = np.mean([draw_bout_s(stage, free, rng) for _ in range(4000)])
        stay = TRANSITIONS[stage, stage] / TRANSITIONS[stage].sum()
        assert drawn == pytest.approx(30.0 / (1.0 - stay), rel=0.08)


def test_only_favoured_stages_are_entered() -> None:
    rng = np.random.default_rng(3)
    entered = {draw_next(Stage.N2, {Stage.N1: 1.0, Stage.W: 1.0, Stage.N2: 9.0}, rng) for _ in range(300)}
    assert entered == {Stage.N1, Stage.W}


def test_waking_bouts_have_a_heavy_tail() -> None:
    rng = np.random.default_rng(4)
    bouts_s = np.array([draw_bout_s(Stage.W, {}, rng) for _ in range(4000)])
    assert bouts_s.min() >= 20.0
    assert bouts_s.max() == 600.0
    assert bouts_s.mean() > 1.5 * np.median(bouts_s)
