"""Draws the stages of a night: waking, then cycles of non-REM sleep and REM, bout by bout.

How much sleep of which kind each cycle holds is drawn first (`sanctuary.simulator.sleepers.cycles`), for a
sleeper with habits of their own (`sanctuary.simulator.sleepers.habits`); bouts fill it
(`sanctuary.simulator.sleepers.bouts`). Waking comes on top, so no two nights keep step.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sanctuary.config.sleepers import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.episodes import Episode
from sanctuary.simulator.sleepers.bouts import Part, draw_bout_s, draw_next
from sanctuary.simulator.sleepers.cycles import Cycle, Descent, draw_cycles
from sanctuary.simulator.sleepers.habits import Habits, draw_habits
from sanctuary.simulator.sleepers.laws import draw_length
from sanctuary.simulator.sleepers.outline import Outline, Piece, end_after

_JITTER_LIMIT = 2.5
_LATENCY_MIN, _LATENCY_SPREAD = 13.0, 1.1
"""Time from lights out to sleep in the fitted nights."""
_ENOUGH_MIN, _ENOUGH_SPREAD = 745.0, 0.5
_ENOUGH_LEAST_MIN, _ENOUGH_MOST_MIN = 180.0, 600.0
"""Sleep after which the sleeper wakes up for good: 4 of the 25 fitted nights were over before their recording
was, none held more than 9.5 h of sleep."""
_FROM_REM = ((Stage.W, 0.50), (Stage.N1, 0.12), (Stage.N2, 0.38))
"""First stage after a REM period, and its chance."""
_DEEP_LEAST_S = 30.0


def draw_outline(settings: NightSettings, rng: np.random.Generator) -> Outline:
    """Draw a night until the sleeper wakes up for good."""
    habits = draw_habits(settings, rng)
    lights_out_s = _lights_out_s(settings, rng)
    enough_s = _enough_s(settings, rng)
    pieces: list[Piece] = [(Stage.W, lights_out_s + _latency_s(settings, habits, rng))]
    end_s = pieces[0][1]
    periods: list[Episode] = []
    for number, cycle in enumerate(draw_cycles(settings, habits, rng)):
        quiet = list(_non_rem(cycle, number == 0, habits, rng))
        rem = list(_wander(Part.REM, Stage.R, cycle.rem_s, Stage.R, habits, rng))
        start_s = end_s + sum(duration_s for _, duration_s in quiet)
        end_s = start_s + sum(duration_s for _, duration_s in rem)
        periods.append(Episode(start_s, end_s - start_s))
        pieces += quiet + rem
    return end_after(enough_s, Outline(tuple(pieces), lights_out_s, tuple(periods)))


def _lights_out_s(settings: NightSettings, rng: np.random.Generator) -> float:
    return 60.0 * settings.bedtime_jitter_min * min(_JITTER_LIMIT, abs(float(rng.standard_normal())))


def _enough_s(settings: NightSettings, rng: np.random.Generator) -> float:
    drawn_min = draw_length(_ENOUGH_MIN, settings.variety * _ENOUGH_SPREAD, rng, _ENOUGH_LEAST_MIN)
    return 60.0 * min(_ENOUGH_MOST_MIN, drawn_min)


def _latency_s(settings: NightSettings, habits: Habits, rng: np.random.Generator) -> float:
    low_min, high_min = settings.latency_shortest_min, settings.latency_longest_min
    drawn_min = draw_length(_LATENCY_MIN, settings.variety * _LATENCY_SPREAD, rng, low_min, high_min)
    return 60.0 * min(high_min, max(low_min, drawn_min + habits.later_onset_min))


def _non_rem(cycle: Cycle, first: bool, habits: Habits, rng: np.random.Generator) -> Iterator[Piece]:
    stage = Stage.N1 if first else _leave_rem(rng)
    for number, descent in enumerate(cycle.descents):
        part = Part.FIRST if first and number == 0 else Part.LIGHT
        yield from _descend(descent, part, stage if number == 0 else Stage.N2, habits, rng)


def _leave_rem(rng: np.random.Generator) -> Stage:
    left = float(rng.random())
    for stage, chance in _FROM_REM:
        left -= chance
        if left < 0.0:
            return stage
    return stage


def _descend(
    descent: Descent, part: Part, stage: Stage, habits: Habits, rng: np.random.Generator
) -> Iterator[Piece]:
    """Light sleep, deep sleep, light sleep: as much of each as `descent` says."""
    if descent.deep_s < _DEEP_LEAST_S:
        yield from _wander(part, stage, descent.sleep_s, None, habits, rng)
        return
    for piece in _wander(part, stage, descent.before_s, None, habits, rng):
        stage = piece[0]
        yield piece
    begin = Stage.N3 if stage is Stage.N2 else Stage.N2
    left_s = descent.sleep_s - descent.before_s
    for deep, bout_s in _wander(Part.DEEP, begin, descent.deep_s, Stage.N3, habits, rng):
        spare_s = left_s - descent.after_s
        yield deep, bout_s if deep is Stage.W else min(bout_s, spare_s)
        left_s -= 0.0 if deep is Stage.W else min(bout_s, spare_s)
        if left_s <= descent.after_s:
            break
    yield from _wander(Part.LIGHT, Stage.N2, left_s, None, habits, rng)


def _wander(
    part: Part, stage: Stage, amount_s: float, counted: Stage | None, habits: Habits, rng: np.random.Generator
) -> Iterator[Piece]:
    """Bouts from `stage` on, until `amount_s` of the stage `counted` (None: of any sleep) are slept."""
    left_s = amount_s
    while left_s > 0.0:
        bout_s = draw_bout_s(part, stage, habits, rng)
        if stage is counted or (counted is None and stage is not Stage.W):
            bout_s = min(left_s, bout_s)
            left_s -= bout_s
        yield stage, bout_s
        stage = draw_next(part, stage, habits, rng)
