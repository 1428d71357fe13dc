"""How much sleep of which kind a cycle holds, before it is filled with bouts.

Fitted to the consensus hypnograms of the 25 healthy sleepers of DOD-H (Guillot et al. 2020, MIT), in minutes
asleep: waking comes on top. In about a third of the nights the first REM period is passed over, and sleep
goes down to deep sleep once more instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sanctuary.config.sleepers import NightSettings
from sanctuary.simulator.sleepers.habits import Habits
from sanctuary.simulator.sleepers.laws import draw_length

_FIRST_MIN, _FIRST_SPREAD = 80.0, 0.20
_PASSED_OVER = (0.36, 0.3)
"""Chance that the first REM period is passed over, and once so, that the next one is as well."""
_AGAIN_MIN, _AGAIN_SPREAD = 68.0, 0.25
_QUIET_MIN = (75.0, 69.0, 57.0, 50.0)
"""Non-REM sleep of the cycles after the first; later ones are like the last."""
_QUIET_SPREAD = 0.20
_REM_MIN = (14.0, 22.0, 25.5, 32.0, 38.0)
_DEEP_SHARE = (0.56, 0.35, 0.19, 0.13, 0.10)
"""Share of deep sleep in non-REM sleep, by descent, where there is any."""
_DEEP_SPREAD = 0.5
_NO_DEEP = (0.0, 0.10, 0.27, 0.50, 0.60)
_DEEP_MOST = 0.8
_DESCENT_MIN = (17.0, 23.0, 29.0, 32.0)
"""Sleep before the first deep sleep, by descent."""
_DESCENT_SPREAD = 0.35
_DESCENT_MOST = 0.7
_AFTER_MIN, _AFTER_SPREAD = 9.0, 0.5


@dataclass(frozen=True, slots=True)
class Descent:
    """Seconds asleep in non-REM sleep.

    `sleep_s` in all, `before_s` until deep sleep, `deep_s` of N3 at most, `after_s` at least behind it.
    """

    sleep_s: float
    before_s: float
    deep_s: float
    after_s: float


@dataclass(frozen=True, slots=True)
class Cycle:
    """Descents, more than one where REM is passed over, and the REM after them (seconds)."""

    descents: tuple[Descent, ...]
    rem_s: float


def draw_cycles(settings: NightSettings, habits: Habits, rng: np.random.Generator) -> list[Cycle]:
    """Draw all cycles of a night, however much of it is slept."""
    cycles: list[Cycle] = []
    gone = 0
    for number in range(settings.most_cycles):
        rem_min = draw_length(_at(_REM_MIN, number) * habits.rem, settings.rem_bout_spread, rng, 2.0, 90.0)
        lengths_min = (
            _first_min(settings, habits, rng)
            if number == 0
            else [_quiet_min(number, rem_min, settings, habits, rng)]
        )
        descents = tuple(
            _descent(length_min, gone + i, settings, habits, rng) for i, length_min in enumerate(lengths_min)
        )
        gone += len(descents)
        cycles.append(Cycle(descents, 60.0 * rem_min))
    return cycles


def _first_min(settings: NightSettings, habits: Habits, rng: np.random.Generator) -> list[float]:
    most_min = settings.rem_latency_longest_min
    spread = settings.variety * _FIRST_SPREAD
    lengths_min = [
        draw_length(_FIRST_MIN * habits.cycle, spread, rng, settings.rem_latency_shortest_min, most_min)
    ]
    again = True
    for chance in _PASSED_OVER:
        more_min = draw_length(_AGAIN_MIN * habits.cycle, settings.variety * _AGAIN_SPREAD, rng)
        again = rng.random() < chance * settings.variety and again and sum(lengths_min) + more_min <= most_min
        lengths_min += [more_min] if again else []
    return lengths_min


def _quiet_min(
    number: int, rem_min: float, settings: NightSettings, habits: Habits, rng: np.random.Generator
) -> float:
    usual_min = _at(_QUIET_MIN, number - 1) * habits.cycle
    low_min = max(5.0, settings.cycle_shortest_min - rem_min)
    high_min = max(5.0, settings.cycle_longest_min - rem_min)
    return draw_length(usual_min, settings.variety * _QUIET_SPREAD, rng, low_min, high_min)


def _descent(
    sleep_min: float, number: int, settings: NightSettings, habits: Habits, rng: np.random.Generator
) -> Descent:
    share = _at(_DEEP_SHARE, number) * habits.deep
    deep = draw_length(max(share, 1e-3), settings.variety * _DEEP_SPREAD, rng, 0.0, _DEEP_MOST)
    none = rng.random() < _at(_NO_DEEP, number)
    deep_min = 0.0 if none else deep * sleep_min
    most_min = _DESCENT_MOST * (sleep_min - deep_min)
    before_min = draw_length(
        _at(_DESCENT_MIN, number), settings.variety * _DESCENT_SPREAD, rng, 0.0, most_min
    )
    spare_min = sleep_min - deep_min - before_min
    after_min = draw_length(_AFTER_MIN, settings.variety * _AFTER_SPREAD, rng, 0.0, max(0.1, 0.6 * spare_min))
    return Descent(60.0 * sleep_min, 60.0 * before_min, 60.0 * deep_min, 60.0 * after_min)


def _at(values: tuple[float, ...], number: int) -> float:
    return values[min(number, len(values) - 1)]
