"""Bouts of a stage, and the laws they are drawn from."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.bout_model import (
    CHANCES,
    LAWS,
    CyclePart,
    SleepProfile,
    draw_bout_s,
    draw_length,
    draw_next,
    draw_profile,
)

USUAL = SleepProfile(long_wakes=0.0)
STATES = [(part, stage) for part in CyclePart for stage in LAWS[part]]


@pytest.mark.parametrize(("part", "stage"), STATES)
def test_chances_add_up_and_lead_only_to_stages_of_the_part(part: CyclePart, stage: Stage) -> None:
    assert sum(CHANCES[part][stage].values()) == pytest.approx(1.0)
    assert set(CHANCES[part][stage]) <= set(LAWS[part]) - {stage}


@pytest.mark.parametrize(("part", "stage"), STATES)
def test_bouts_follow_their_law(part: CyclePart, stage: Stage) -> None:
    rng, law = np.random.default_rng(2), LAWS[part][stage]
    drawn_s = np.array([draw_bout_s(part, stage, USUAL, rng) for _ in range(3000)])
    assert drawn_s.min() >= law.shortest_s
    assert drawn_s.max() <= law.longest_s
    free_s = law.median_s * np.exp(law.spread * rng.standard_normal(200_000))
    kept_s = free_s[(free_s >= law.shortest_s) & (free_s <= law.longest_s)]
    for percent in (25, 50, 75):
        assert np.percentile(drawn_s, percent) == pytest.approx(np.percentile(kept_s, percent), rel=0.15)


def test_waking_has_a_heavier_tail_than_an_exponential_law() -> None:
    rng = np.random.default_rng(4)
    bouts_s = np.array([draw_bout_s(CyclePart.LIGHT, Stage.W, SleepProfile(), rng) for _ in range(6000)])
    assert bouts_s.mean() > 1.5 * np.median(bouts_s), "exponential: 1.44"
    assert np.percentile(bouts_s, 99.5) > 8.0 * bouts_s.mean(), "exponential: 5.3"


def test_next_stages_come_as_often_as_their_chances_say() -> None:
    rng = np.random.default_rng(3)
    drawn = [draw_next(CyclePart.DEEP, Stage.N2, USUAL, rng) for _ in range(4000)]
    for stage, chance in CHANCES[CyclePart.DEEP][Stage.N2].items():
        assert drawn.count(stage) / len(drawn) == pytest.approx(chance, abs=0.03)


def test_who_wakes_more_often_sleeps_in_shorter_bouts_and_leaves_them_for_waking() -> None:
    rng, restless = np.random.default_rng(5), SleepProfile(wake_rate=3.0, long_wakes=0.0)
    calm_s, torn_s = (
        np.mean([draw_bout_s(CyclePart.LIGHT, Stage.N2, habits, rng) for _ in range(2000)])
        for habits in (USUAL, restless)
    )
    assert torn_s < 0.8 * calm_s
    woken = [draw_next(CyclePart.LIGHT, Stage.N2, restless, rng) is Stage.W for _ in range(2000)]
    assert np.mean(woken) > CHANCES[CyclePart.LIGHT][Stage.N2][Stage.W] + 0.15


def test_without_variety_everybody_is_the_usual_sleeper() -> None:
    alike = NightSettings(variety=0.0)
    drawn = {draw_profile(alike, np.random.default_rng(seed)) for seed in range(5)}
    assert drawn == {SleepProfile()}
    assert len({draw_profile(NightSettings(), np.random.default_rng(seed)) for seed in range(5)}) == 5


@given(
    median=st.floats(0.1, 1e4),
    spread=st.floats(0.0, 3.0),
    low=st.floats(0.0, 1e3),
    high=st.floats(0.0, 1e5),
    seed=st.integers(0, 2**32),
)
def test_a_length_keeps_its_limits_and_costs_one_random_number(
    median: float, spread: float, low: float, high: float, seed: int
) -> None:
    rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
    drawn = draw_length(median, spread, rng, low, high)
    same.random()
    assert rng.random() == same.random()
    assert math.isfinite(drawn)
    assert drawn >= low
    assert drawn <= max(low, high)
