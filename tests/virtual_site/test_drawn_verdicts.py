"""Verdicts drawn from the truth: as often right as the chain, and consistent from second to second."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.scenario_settings import VerdictSettings
from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.simulated_night import TruthNight, draw_night
from sanctuary.virtual_site.verdicts import MINIMUM_SLEEP_S, REFRACTORY_S, Verdicts, draw_verdicts

HOURS = 8.0
CLEAR = VerdictSettings(lifts_per_hour=0.0)


def drawn(seed: int, verdicts: VerdictSettings = CLEAR) -> tuple[TruthNight, Verdicts]:
    truth = draw_night(seed, HOURS, NightSettings())
    return truth, draw_verdicts(truth, verdicts, np.random.default_rng(seed))


def stable(verdicts: Verdicts, n: int) -> np.ndarray:
    return np.array([verdicts.at(t_s).stable_rem for t_s in range(1, n + 1)])


@pytest.fixture(scope="module")
def nights() -> list[tuple[TruthNight, np.ndarray]]:
    found = []
    for seed in range(20):
        truth, verdicts = drawn(seed)
        found.append((truth, stable(verdicts, truth.stages.size)))
    return found


def test_most_of_what_is_called_stable_rem_is_rem(nights: list[tuple[TruthNight, np.ndarray]]) -> None:
    right = sum(int((stages.stages[open_s] == Stage.R).sum()) for stages, open_s in nights)
    assert 0.90 <= right / sum(int(open_s.sum()) for _, open_s in nights) <= 0.995


def test_a_good_part_of_rem_is_found(nights: list[tuple[TruthNight, np.ndarray]]) -> None:
    late = [
        (truth.stages == Stage.R) & (np.cumsum(truth.stages != Stage.W) > MINIMUM_SLEEP_S)
        for truth, _ in nights
    ]
    found = sum(int(open_s[rem].sum()) for rem, (_, open_s) in zip(late, nights, strict=True))
    assert 0.40 <= found / sum(int(rem.sum()) for rem in late) <= 0.85


def test_nobody_is_in_stable_rem_in_the_first_ninety_minutes_of_sleep(
    nights: list[tuple[TruthNight, np.ndarray]],
) -> None:
    for truth, open_s in nights:
        assert not open_s[np.cumsum(truth.stages != Stage.W) < MINIMUM_SLEEP_S].any()


def test_every_change_is_announced(nights: list[tuple[TruthNight, np.ndarray]]) -> None:
    truth, verdicts = drawn(3)
    said = [verdicts.at(t_s) for t_s in range(1, truth.stages.size + 1)]
    told = [(each.stage, each.stable_rem, each.arousal, each.quality) for each in said]
    changes = [n + 2.0 for n in range(len(told) - 1) if told[n] != told[n + 1]]
    t_s, announced = 0.0, []
    while (t_s := verdicts.next_change_s(t_s)) < math.inf:
        announced.append(t_s)
    assert set(changes) <= set(announced)
    assert len(announced) <= len(changes) + 20  # some cannot be told from outside


@given(st.integers(0, 28_000), st.floats(1.0, 30.0))
@settings(max_examples=20)
def test_an_arousal_shuts_the_gate_and_leaves_the_past_alone(at_s: int, for_s: float) -> None:
    (truth, verdicts), (_, before) = drawn(5), drawn(5)
    verdicts.arouse(float(at_s), for_s)
    n = truth.stages.size
    assert [verdicts.at(t_s) for t_s in range(1, at_s + 1, 97)] == [
        before.at(t_s) for t_s in range(1, at_s + 1, 97)
    ]
    shut = range(at_s + 4, min(n, at_s + 2 + math.ceil(for_s) + REFRACTORY_S - 1))
    assert not any(verdicts.at(t_s).stable_rem for t_s in shut)
    assert all(verdicts.at(t_s).arousal for t_s in range(at_s + 4, min(n, at_s + 2 + int(for_s))))


def test_a_poor_signal_says_nothing() -> None:
    _, verdicts = drawn(2, VerdictSettings(lifts_per_hour=10.0, lift_longest_s=600.0))
    said = [verdicts.at(t_s) for t_s in range(1, 28_800, 5)]
    poor = [each for each in said if each.quality < 0.5]
    assert len(poor) > 100
    assert all(each.stage is Stage.UNKNOWN and not each.stable_rem for each in poor)


def test_one_seed_gives_one_night_and_settings_change_it() -> None:
    first, again, other = drawn(7)[1], drawn(7)[1], drawn(7, VerdictSettings(opening_mean_s=30.0))[1]
    at = range(1, 28_800, 11)
    assert [first.at(t_s) for t_s in at] == [again.at(t_s) for t_s in at]
    assert other.stable_s < first.stable_s
