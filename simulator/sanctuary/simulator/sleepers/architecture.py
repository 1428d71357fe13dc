"""Sleep architecture: the stages of a night, drawn cycle by cycle, and cut to whole seconds.

The amounts of non-REM sleep, deep sleep and REM of each cycle are drawn first, in minutes asleep, for a
sleeper with a profile of their own; bouts (`bout_model`) fill them, and waking comes on top, so no two nights
keep step. In about a third of the nights the first REM period is skipped, and sleep goes down to deep sleep
once more instead. Fitted to the consensus hypnograms of the 25 healthy sleepers of DOD-H (Guillot et al.
2020, MIT).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.waveforms import Episode
from sanctuary.simulator.sleepers.bout_model import (
    CyclePart,
    SleepProfile,
    draw_bout_s,
    draw_length,
    draw_next,
    draw_profile,
)

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
class SleepCycle:
    """Descents, more than one where REM is passed over, and the REM after them (seconds)."""

    descents: tuple[Descent, ...]
    rem_s: float


def draw_cycles(settings: NightSettings, profile: SleepProfile, rng: np.random.Generator) -> list[SleepCycle]:
    """Draw all cycles of a night, however much of it is slept."""
    cycles: list[SleepCycle] = []
    gone = 0
    for number in range(settings.most_cycles):
        rem_min = draw_length(_at(_REM_MIN, number) * profile.rem, settings.rem_bout_spread, rng, 2.0, 90.0)
        lengths_min = (
            _first_min(settings, profile, rng)
            if number == 0
            else [_quiet_min(number, rem_min, settings, profile, rng)]
        )
        descents = tuple(
            _descent(length_min, gone + i, settings, profile, rng) for i, length_min in enumerate(lengths_min)
        )
        gone += len(descents)
        cycles.append(SleepCycle(descents, 60.0 * rem_min))
    return cycles


def _first_min(settings: NightSettings, profile: SleepProfile, rng: np.random.Generator) -> list[float]:
    most_min = settings.rem_latency_longest_min
    spread = settings.variety * _FIRST_SPREAD
    lengths_min = [
        draw_length(_FIRST_MIN * profile.cycle, spread, rng, settings.rem_latency_shortest_min, most_min)
    ]
    again = True
    for chance in _PASSED_OVER:
        more_min = draw_length(_AGAIN_MIN * profile.cycle, settings.variety * _AGAIN_SPREAD, rng)
        again = rng.random() < chance * settings.variety and again and sum(lengths_min) + more_min <= most_min
        lengths_min += [more_min] if again else []
    return lengths_min


def _quiet_min(
    number: int, rem_min: float, settings: NightSettings, profile: SleepProfile, rng: np.random.Generator
) -> float:
    usual_min = _at(_QUIET_MIN, number - 1) * profile.cycle
    low_min = max(5.0, settings.cycle_shortest_min - rem_min)
    high_min = max(5.0, settings.cycle_longest_min - rem_min)
    return draw_length(usual_min, settings.variety * _QUIET_SPREAD, rng, low_min, high_min)


def _descent(
    sleep_min: float, number: int, settings: NightSettings, profile: SleepProfile, rng: np.random.Generator
) -> Descent:
    share = _at(_DEEP_SHARE, number) * profile.deep
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


Piece = tuple[Stage, float]
"""A stage and how long it lasts (seconds)."""


@dataclass(frozen=True, slots=True)
class SleepArchitecture:
    """A night until the sleeper wakes up for good.

    Attributes
    ----------
    pieces
        Stages and how long they last, from the start of the recording; the first is waking until sleep comes.
    lights_out_s
        When the eyes close.
    rem_periods
        REM periods, one per cycle, with what interrupts them.
    """

    pieces: tuple[Piece, ...]
    lights_out_s: float
    rem_periods: tuple[Episode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NightStages:
    """Stages of a night, second by second, and the marks that structure it."""

    stages: NDArray[np.int8]
    lights_out_s: float
    sleep_onset_s: float
    rem_periods: tuple[Episode, ...]


def end_after(sleep_s: float, night: SleepArchitecture) -> SleepArchitecture:
    """End a night when `sleep_s` have been slept."""
    pieces: list[Piece] = []
    left_s, end_s = sleep_s, 0.0
    for stage, duration_s in night.pieces:
        lasts_s = duration_s if stage is Stage.W else min(left_s, duration_s)
        left_s -= 0.0 if stage is Stage.W else lasts_s
        pieces.append((stage, lasts_s))
        end_s += lasts_s
        if left_s <= 0.0:
            break
    periods = [
        Episode(period.onset_s, min(period.end_s, end_s) - period.onset_s)
        for period in night.rem_periods
        if period.onset_s < end_s
    ]
    return SleepArchitecture(tuple(pieces), night.lights_out_s, tuple(periods))


def cut_to_seconds(outline: SleepArchitecture, n_seconds: int) -> NightStages:
    """Take the first `n_seconds` of a night, on whole seconds; awake after its last piece."""
    stages = np.full(n_seconds, Stage.W, dtype=np.int8)
    start_s = 0.0
    for stage, duration_s in outline.pieces:
        stages[math.ceil(start_s) : math.ceil(start_s + duration_s)] = stage
        start_s += duration_s
    onset_s = float(min(n_seconds, math.ceil(outline.pieces[0][1])))
    return NightStages(
        stages, min(outline.lights_out_s, n_seconds), onset_s, _cut(outline.rem_periods, float(n_seconds))
    )


def _cut(periods: tuple[Episode, ...], end_s: float) -> tuple[Episode, ...]:
    """Only what lies inside the night, on whole seconds like the stages."""
    whole = [(float(math.ceil(period.onset_s)), float(math.ceil(period.end_s))) for period in periods]
    return tuple(
        Episode(start_s, min(stop_s, end_s) - start_s) for start_s, stop_s in whole if start_s < end_s
    )


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


def draw_architecture(settings: NightSettings, rng: np.random.Generator) -> SleepArchitecture:
    """Draw a night until the sleeper wakes up for good."""
    profile = draw_profile(settings, rng)
    lights_out_s = _lights_out_s(settings, rng)
    enough_s = _enough_s(settings, rng)
    pieces: list[Piece] = [(Stage.W, lights_out_s + _latency_s(settings, profile, rng))]
    end_s = pieces[0][1]
    periods: list[Episode] = []
    for number, cycle in enumerate(draw_cycles(settings, profile, rng)):
        quiet = list(_non_rem(cycle, number == 0, profile, rng))
        rem = list(_wander(CyclePart.REM, Stage.R, cycle.rem_s, Stage.R, profile, rng))
        start_s = end_s + sum(duration_s for _, duration_s in quiet)
        end_s = start_s + sum(duration_s for _, duration_s in rem)
        periods.append(Episode(start_s, end_s - start_s))
        pieces += quiet + rem
    return end_after(enough_s, SleepArchitecture(tuple(pieces), lights_out_s, tuple(periods)))


def _lights_out_s(settings: NightSettings, rng: np.random.Generator) -> float:
    return 60.0 * settings.bedtime_jitter_min * min(_JITTER_LIMIT, abs(float(rng.standard_normal())))


def _enough_s(settings: NightSettings, rng: np.random.Generator) -> float:
    drawn_min = draw_length(_ENOUGH_MIN, settings.variety * _ENOUGH_SPREAD, rng, _ENOUGH_LEAST_MIN)
    return 60.0 * min(_ENOUGH_MOST_MIN, drawn_min)


def _latency_s(settings: NightSettings, profile: SleepProfile, rng: np.random.Generator) -> float:
    low_min, high_min = settings.latency_shortest_min, settings.latency_longest_min
    drawn_min = draw_length(_LATENCY_MIN, settings.variety * _LATENCY_SPREAD, rng, low_min, high_min)
    return 60.0 * min(high_min, max(low_min, drawn_min + profile.later_onset_min))


def _non_rem(
    cycle: SleepCycle, first: bool, profile: SleepProfile, rng: np.random.Generator
) -> Iterator[Piece]:
    stage = Stage.N1 if first else _leave_rem(rng)
    for number, descent in enumerate(cycle.descents):
        part = CyclePart.FIRST if first and number == 0 else CyclePart.LIGHT
        yield from _descend(descent, part, stage if number == 0 else Stage.N2, profile, rng)


def _leave_rem(rng: np.random.Generator) -> Stage:
    left = float(rng.random())
    for stage, chance in _FROM_REM:
        left -= chance
        if left < 0.0:
            return stage
    return stage


def _descend(
    descent: Descent, part: CyclePart, stage: Stage, profile: SleepProfile, rng: np.random.Generator
) -> Iterator[Piece]:
    """Light sleep, deep sleep, light sleep: the amounts of `descent`."""
    if descent.deep_s < _DEEP_LEAST_S:
        yield from _wander(part, stage, descent.sleep_s, None, profile, rng)
        return
    for piece in _wander(part, stage, descent.before_s, None, profile, rng):
        stage = piece[0]
        yield piece
    begin = Stage.N3 if stage is Stage.N2 else Stage.N2
    left_s = descent.sleep_s - descent.before_s
    for deep, bout_s in _wander(CyclePart.DEEP, begin, descent.deep_s, Stage.N3, profile, rng):
        spare_s = left_s - descent.after_s
        yield deep, bout_s if deep is Stage.W else min(bout_s, spare_s)
        left_s -= 0.0 if deep is Stage.W else min(bout_s, spare_s)
        if left_s <= descent.after_s:
            break
    yield from _wander(CyclePart.LIGHT, Stage.N2, left_s, None, profile, rng)


def _wander(
    part: CyclePart,
    stage: Stage,
    amount_s: float,
    counted: Stage | None,
    profile: SleepProfile,
    rng: np.random.Generator,
) -> Iterator[Piece]:
    """Bouts from `stage` on, until `amount_s` of the stage `counted` (None: of any sleep) are slept."""
    left_s = amount_s
    while left_s > 0.0:
        bout_s = draw_bout_s(part, stage, profile, rng)
        if stage is counted or (counted is None and stage is not Stage.W):
            bout_s = min(left_s, bout_s)
            left_s -= bout_s
        yield stage, bout_s
        stage = draw_next(part, stage, profile, rng)
