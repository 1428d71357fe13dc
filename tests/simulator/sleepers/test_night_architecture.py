"""What holds for every simulated night; how like real ones they are is another matter."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.simulated_night import TruthNight, draw_night

USUAL = NightSettings()


@pytest.fixture(scope="module")
def nights() -> list[TruthNight]:
    return [draw_night(seed, 8.0, USUAL) for seed in range(40)]


def test_about_ten_arousals_an_hour_each_3_to_15_s_and_none_awake(nights: list[TruthNight]) -> None:
    per_hour = [len(n.arousals) / ((n.stages != Stage.W).sum() / 3600.0) for n in nights]
    assert 7.0 <= np.mean(per_hour) <= 13.0
    for night in nights:
        for arousal in night.arousals:
            assert 3.0 <= arousal.duration_s <= 15.0
            during = night.stages[int(arousal.onset_s) : int(arousal.end_s) + 1]
            assert (during != Stage.W).all()


def test_rem_is_interrupted_now_and_then_and_goes_on(nights: list[TruthNight]) -> None:
    times, rem_s = 0, 0.0
    for night in nights:
        for period in night.rem_periods:
            stages = night.stages[int(period.onset_s) : int(period.end_s)]
            whole = period.end_s < night.duration_s
            rem_s += float((stages == Stage.R).sum())
            times += int((np.diff((stages == Stage.R).astype(int)) == -1).sum())
            assert stages[0] == Stage.R
            assert stages[-1] == Stage.R or not whole
            assert Stage.N3 not in stages
    assert 1.0 <= times / (rem_s / 3600.0) <= 3.0


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


def _bounds(name: str) -> tuple[float, float]:
    metadata = NightSettings.model_fields[name].metadata
    return (
        next(m.ge for m in metadata if hasattr(m, "ge")),
        next(m.le for m in metadata if hasattr(m, "le")),
    )


def _ordered(values: dict[str, float]) -> dict[str, float]:
    for name in ("latency", "rem_latency", "cycle"):
        low, high = f"{name}_shortest_min", f"{name}_longest_min"
        values[low] = min(values[low], values[high])
    return values | {"most_cycles": int(values["most_cycles"])}


ANY_SETTINGS = st.fixed_dictionaries(
    {name: st.floats(*_bounds(name)) for name in NightSettings.model_fields}
).map(lambda values: NightSettings(**_ordered(values)))


@given(seed=st.integers(0, 2**32), settings=ANY_SETTINGS)
@example(seed=1, settings=NightSettings(variety=0.0, coupling=1.0, rem_bout_spread=0.0))
def test_any_settings_give_a_night(seed: int, settings: NightSettings) -> None:
    night = draw_night(seed, 10.0, settings, (seed + 1,))
    assert sum(s.duration_s for s in night.stretches) == night.duration_s == 36000.0
    assert len(night.rem_periods) <= settings.most_cycles
    for episodes in (night.rem_periods, night.arousals, night.turns):
        assert all(e.duration_s >= 0.0 and e.end_s <= night.duration_s for e in episodes)


@given(seed=st.integers(0, 2**32), hours=st.floats(0.1, 7.9))
def test_a_short_night_is_the_beginning_of_a_long_one(seed: int, hours: float) -> None:
    short, long = draw_night(seed, hours, USUAL), draw_night(seed, 8.0, USUAL)
    assert (short.stages == long.stages[: short.stages.size]).all()


def test_nobody_sleeps_for_a_day() -> None:
    for seed in range(30):
        night = draw_night(seed, 24.0, USUAL)
        assert len(night.rem_periods) <= USUAL.most_cycles
        assert (night.stages != Stage.W).sum() <= 10.0 * 3600.0 + 60.0, "seconds are rounded up"
        assert (night.stages[15 * 3600 :] == Stage.W).all()


def test_settings_of_the_night_are_obeyed() -> None:
    calm = NightSettings(
        bedtime_jitter_min=0.0,
        rem_interruptions_per_hour=0.0,
        arousals_per_hour=0.0,
        turns_per_hour=0.0,
        most_cycles=2,
    )
    counts = []
    for seed in range(20):
        night = draw_night(seed, 16.0, calm)
        assert (night.lights_out_s, night.arousals, night.turns) == (0.0, (), ())
        counts.append(len(night.rem_periods))
        for period in night.rem_periods:
            assert (night.stages[int(period.onset_s) : int(period.end_s)] == Stage.R).all()
    assert max(counts) == 2
    assert np.mean(counts) > 1.7


def test_limits_hold_for_the_time_asleep() -> None:
    narrow = NightSettings(
        latency_shortest_min=5.0,
        latency_longest_min=6.0,
        rem_latency_shortest_min=85.0,
        rem_latency_longest_min=90.0,
        cycle_shortest_min=90.0,
        cycle_longest_min=92.0,
    )
    for seed in range(20):
        night = draw_night(seed, 24.0, narrow)
        assert 299.0 <= night.sleep_onset_s - night.lights_out_s <= 361.0
        asleep = np.cumsum(night.stages != Stage.W) / 60.0
        first_min = asleep[int(night.rem_periods[0].onset_s) - 1]
        assert 84.9 <= first_min <= 90.1
        ends_min = np.array([asleep[int(period.end_s) - 1] for period in night.rem_periods])
        assert ((np.diff(ends_min) >= 89.9) | (np.arange(1, ends_min.size) == ends_min.size - 1)).all()


def test_sleepers_without_variety_have_the_same_amounts_of_sleep() -> None:
    alike = NightSettings(variety=0.0, rem_bout_spread=0.0, bedtime_jitter_min=0.0)
    amounts = []
    for seed in range(8):
        night = draw_night(seed, 24.0, alike)
        amounts.append((night.sleep_onset_s, (night.stages == Stage.R).sum()))
    onsets_s, rem_s = np.array(amounts).T
    assert np.ptp(onsets_s) == 0.0
    assert np.ptp(rem_s) <= 2.0 * USUAL.most_cycles + 60.0


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
