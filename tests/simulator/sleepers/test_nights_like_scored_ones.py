"""Simulated nights lie where scored nights lie, and differ from one another as much as those do."""

from itertools import combinations

import numpy as np
import pytest

from night_measures import measure
from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.simulated_night import draw_night
from scored_nights import REAL_HOURS, REAL_QUARTERS, REAL_SHARED_REM_MIN

N_NIGHTS = 160
USUAL = NightSettings(bedtime_jitter_min=0.0)
OUTER, MIDDLE = (0.08, 0.45), (0.30, 0.80)
"""Shares of simulated nights below, between and above the quartiles of the real ones, which hold 0.25, 0.5
and 0.25 of those. Quartiles of 25 nights are uncertain themselves: two standard errors are 0.17 and 0.2."""


def scored(settings: NightSettings, n: int = N_NIGHTS) -> list[np.ndarray]:
    return [draw_night(seed, REAL_HOURS, settings).epochs() for seed in range(n)]


@pytest.fixture(scope="module")
def nights() -> list[np.ndarray]:
    return scored(USUAL)


@pytest.fixture(scope="module")
def figures(nights: list[np.ndarray]) -> list[dict[str, float]]:
    return [measure(night) for night in nights]


def shares_by_quartiles(figures: list[dict[str, float]], name: str) -> np.ndarray:
    values = [each[name] for each in figures if name in each]
    low, _, high = REAL_QUARTERS[name]
    return np.histogram(values, [-np.inf, low, high, np.inf])[0] / len(values)


def spread_like_real(shares: np.ndarray) -> bool:
    bounds = (OUTER, MIDDLE, OUTER)
    return all(low <= share <= high for share, (low, high) in zip(shares, bounds, strict=True))


@pytest.mark.parametrize("name", REAL_QUARTERS)
def test_the_usual_night_lies_in_the_middle_half_of_real_ones(
    figures: list[dict[str, float]], name: str
) -> None:
    middle = np.median([each[name] for each in figures if name in each])
    low, _, high = REAL_QUARTERS[name]
    assert low <= middle <= high


@pytest.mark.parametrize("name", REAL_QUARTERS)
def test_nights_differ_as_real_ones_do(figures: list[dict[str, float]], name: str) -> None:
    shares = shares_by_quartiles(figures, name)
    assert spread_like_real(shares), shares.round(2)


@pytest.mark.parametrize("name", ["REM latency min", "cycle 2 min", "N3 share %", "REM period 2 min"])
def test_nights_without_variety_would_be_found_too_much_alike(name: str) -> None:
    alike = NightSettings(bedtime_jitter_min=0.0, variety=0.0, rem_bout_spread=0.0)
    shares = shares_by_quartiles([measure(night) for night in scored(alike, 60)], name)
    assert not spread_like_real(shares), shares.round(2)


def test_strangers_share_as_much_rem_as_real_strangers(nights: list[np.ndarray]) -> None:
    """Nights with cycles of one length would be in step and share twice as much."""
    groups = [nights[start : start + 25] for start in range(0, 150, 25)]
    means_min = [
        np.mean([((a == Stage.R) & (b == Stage.R)).sum() / 2.0 for a, b in combinations(group, 2)])
        for group in groups
    ]
    assert min(means_min) - 3.0 <= REAL_SHARED_REM_MIN <= max(means_min)
    assert np.mean(means_min) == pytest.approx(REAL_SHARED_REM_MIN, abs=5.0)


def test_rem_periods_lengthen_towards_morning(figures: list[dict[str, float]]) -> None:
    medians_min = [
        np.median([each[f"REM period {k} min"] for each in figures if f"REM period {k} min" in each])
        for k in (1, 2, 3, 4)
    ]
    assert (np.diff(medians_min) > 0.0).all()


def test_deep_sleep_lies_in_the_first_half_of_the_night(nights: list[np.ndarray]) -> None:
    """77 % of it in the real nights, on average."""
    early = [
        (night[: night.size // 2] == Stage.N3).sum() / (night == Stage.N3).sum()
        for night in nights
        if Stage.N3 in night
    ]
    assert np.mean(early) == pytest.approx(0.77, abs=0.1)


def test_four_in_ten_first_rem_periods_are_late(figures: list[dict[str, float]]) -> None:
    """In 11 of the 25 real nights the first REM came later than 130 min after sleep."""
    late = np.mean([each["REM latency min"] > 130.0 for each in figures if "REM latency min" in each])
    assert 0.2 <= late <= 0.5


def test_every_ten_years_break_the_night_more() -> None:
    """A decade: 9.7 min more waking, 1.1 min later sleep, 2.1 % less efficiency (Boulos et al. 2019)."""
    young, old = (
        [draw_night(seed, 8.0, NightSettings(age_years=age, bedtime_jitter_min=0.0)) for seed in range(200)]
        for age in (30.0, 60.0)
    )
    change = {
        name: np.mean([measure(n.epochs())[name] for n in old])
        - np.mean([measure(n.epochs())[name] for n in young])
        for name in ("WASO min", "sleep latency min", "sleep efficiency %", "N1 share %")
    }
    assert change["WASO min"] / 3.0 == pytest.approx(9.7, abs=3.0)
    assert change["sleep latency min"] / 3.0 == pytest.approx(1.1, abs=0.4)
    assert change["sleep efficiency %"] / 3.0 == pytest.approx(-2.1, abs=0.8)
    assert change["N1 share %"] / 3.0 == pytest.approx(0.5, abs=0.25)
    per_hour = [
        np.mean([len(n.arousals) / ((n.stages != Stage.W).sum() / 3600.0) for n in nights])
        for nights in (young, old)
    ]
    assert (per_hour[1] - per_hour[0]) / 3.0 == pytest.approx(2.1, abs=0.7)
