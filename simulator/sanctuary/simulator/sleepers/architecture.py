"""Draws the stages of a night: cycles of non-REM sleep and REM that lengthen until morning.

Cycles of 90 to 120 min, first REM 70 to 120 min after sleep onset, REM periods of about 8, 16, 23, 30 and
36 min, deep sleep mostly in the first two cycles. Inside a cycle the stages follow
`sanctuary.simulator.sleepers.bouts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleepers import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.episodes import Episode
from sanctuary.simulator.sleepers.bouts import Favour, draw_bout_s, draw_next

_REM_MIN = (8.0, 16.0, 23.0, 30.0, 36.0)
_DEEP_SHARE = (0.55, 0.44, 0.22, 0.08, 0.0)
"""REM period (minutes) and share of deep sleep in non-REM sleep, by cycle; later cycles are like the last."""

_LIGHT: Favour = {Stage.W: 1.8, Stage.N1: 1.0, Stage.N2: 1.0}
_DEEP: Favour = {Stage.W: 0.3, Stage.N1: 0.3, Stage.N2: 1.0, Stage.N3: 20.0}
_INTERRUPTION_S = (10.0, 60.0)
_WAKING_SHARE = 0.25
"""Share of REM interruptions that are W, not N1: 57 of 57 + 189 transitions."""
_REM_LATENCY_MEAN_MIN, _REM_LATENCY_SD_MIN = 88.0, 10.0
_CYCLE_EXCESS_MIN = 4.0
"""Mean of the exponential law by which cycles exceed the shortest."""
_LATENCY_SDS = 4.0
"""Standard deviations (of the logarithm) between the shortest and the longest sleep latency."""
_JITTER_LIMIT = 2.5
_DESCENT_MIN = (8.0, 16.0)
"""Light sleep before deep sleep, and N1 at its start."""
_DROWSY_S = (60.0, 240.0)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Stages of a night, second by second, and the marks that structure it."""

    stages: NDArray[np.int8]
    lights_out_s: float
    sleep_onset_s: float
    rem_periods: tuple[Episode, ...]


def draw_plan(n_seconds: int, settings: NightSettings, rng: np.random.Generator) -> Plan:
    """Draw the stages of a night.

    Parameters
    ----------
    n_seconds
        Length of the night; a short one is the beginning of a long one with the same random numbers.
    """
    lights_out_s = _lights_out_s(settings, rng)
    pieces: list[tuple[Stage, float]] = [(Stage.W, lights_out_s + _latency_s(settings, rng))]
    end_s = pieces[0][1]
    onset_s = float(min(n_seconds, math.ceil(end_s)))
    periods: list[Episode] = []
    for cycle in range(settings.most_cycles):
        if end_s >= n_seconds:
            break
        rem_s = _rem_s(cycle, settings, rng)
        quiet_s = _non_rem_s(cycle, rem_s, settings, rng)
        pieces += _non_rem(quiet_s, cycle, rng)
        periods.append(Episode(end_s + quiet_s, rem_s))
        pieces += _rem(rem_s, settings, rng)
        end_s += quiet_s + rem_s
    return Plan(
        _seconds(pieces, n_seconds), min(lights_out_s, n_seconds), onset_s, _cut(periods, float(n_seconds))
    )


def _lights_out_s(settings: NightSettings, rng: np.random.Generator) -> float:
    return 60.0 * settings.bedtime_jitter_min * min(_JITTER_LIMIT, abs(rng.standard_normal()))


def _latency_s(settings: NightSettings, rng: np.random.Generator) -> float:
    low, high = math.log(settings.latency_shortest_min), math.log(settings.latency_longest_min)
    drawn = rng.normal((low + high) / 2.0, (high - low) / _LATENCY_SDS)
    return 60.0 * math.exp(min(high, max(low, drawn)))


def _rem_s(cycle: int, settings: NightSettings, rng: np.random.Generator) -> float:
    usual_min = _REM_MIN[min(cycle, len(_REM_MIN) - 1)]
    return 60.0 * usual_min * (1.0 + settings.rem_bout_spread * rng.uniform(-1.0, 1.0))


def _non_rem_s(cycle: int, rem_s: float, settings: NightSettings, rng: np.random.Generator) -> float:
    if cycle == 0:
        latency_min = rng.normal(_REM_LATENCY_MEAN_MIN, _REM_LATENCY_SD_MIN)
        return 60.0 * float(
            np.clip(latency_min, settings.rem_latency_shortest_min, settings.rem_latency_longest_min)
        )
    drawn_min = settings.cycle_shortest_min + rng.exponential(_CYCLE_EXCESS_MIN)
    return 60.0 * min(settings.cycle_longest_min, drawn_min) - rem_s


def _non_rem(duration_s: float, cycle: int, rng: np.random.Generator) -> list[tuple[Stage, float]]:
    """Descent through light sleep, deep sleep, and light sleep up to REM, exactly `duration_s` long."""
    deep_s = _DEEP_SHARE[min(cycle, len(_DEEP_SHARE) - 1)] * duration_s * rng.uniform(0.8, 1.2)
    descent_s = 60.0 * rng.uniform(*_DESCENT_MIN)
    drowsy_s = rng.uniform(*_DROWSY_S) * (1.0 if cycle == 0 else 0.4)
    pieces = [(Stage.N1, drowsy_s), *_wander(Stage.N2, descent_s - drowsy_s, _LIGHT, rng)]
    pieces += _wander(Stage.N3, deep_s, _DEEP, rng)
    return pieces + list(_wander(Stage.N2, duration_s - descent_s - deep_s, _LIGHT, rng))


def _rem(duration_s: float, settings: NightSettings, rng: np.random.Generator) -> list[tuple[Stage, float]]:
    """REM with short interruptions, exactly `duration_s` long, REM at both ends."""
    per_s = settings.rem_interruptions_per_hour / 3600.0
    pieces: list[tuple[Stage, float]] = []
    left_s = duration_s
    while per_s > 0.0:
        asleep_s = 60.0 + rng.exponential(1.0 / per_s)
        away_s = rng.uniform(*_INTERRUPTION_S)
        if asleep_s + away_s + 60.0 > left_s:
            break
        stage = Stage.W if rng.random() < _WAKING_SHARE else Stage.N1
        pieces += [(Stage.R, asleep_s), (stage, away_s)]
        left_s -= asleep_s + away_s
    return [*pieces, (Stage.R, left_s)]


def _wander(
    stage: Stage, duration_s: float, favour: Favour, rng: np.random.Generator
) -> Iterator[tuple[Stage, float]]:
    """Bouts from `stage` on, until `duration_s` is filled."""
    left_s = duration_s
    while left_s > 0.0:
        bout_s = min(left_s, draw_bout_s(stage, favour, rng))
        yield stage, bout_s
        left_s -= bout_s
        stage = draw_next(stage, favour, rng)


def _seconds(pieces: list[tuple[Stage, float]], n_seconds: int) -> NDArray[np.int8]:
    """Stages of every second; awake after the last piece."""
    stages = np.full(n_seconds, Stage.W, dtype=np.int8)
    start_s = 0.0
    for stage, duration_s in pieces:
        stages[math.ceil(start_s) : math.ceil(start_s + duration_s)] = stage
        start_s += duration_s
    return stages


def _cut(periods: list[Episode], end_s: float) -> tuple[Episode, ...]:
    """Only what lies inside the night, on whole seconds like the stages."""
    whole = [(float(math.ceil(period.onset_s)), float(math.ceil(period.end_s))) for period in periods]
    return tuple(
        Episode(start_s, min(stop_s, end_s) - start_s) for start_s, stop_s in whole if start_s < end_s
    )
