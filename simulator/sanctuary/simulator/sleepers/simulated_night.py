"""Draws the whole truth of a night: its stages, then arousals and turns of the body on top of them.

Draws the stage changes of people who sleep side by side towards each other.

Couples who share a bed change stage within 5 min of each other more often than chance has it (Drews et al.
2020). Here, changes into the same stage that lie that close are moved towards their mean, by an adjustable
part of the way; what lies between them is stretched along. Nobody's order of stages changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology.primitives import Concern, Episode, onsets_s, stream
from sanctuary.simulator.sleepers.architecture import Outline, Plan, cut_outline, draw_outline
from sanctuary.simulator.sleepers.habits import arousal_factor
from sanctuary.simulator.sleepers.truth import TruthNight

REACH_S = 300.0
"""Changes that lie farther apart have nothing to do with each other."""
SETTLED_S = 180.0
"""Only changes into bouts that last at least this long count; short ones move with what is around them."""
_LEAST_STRETCH = 0.5
"""No stretch between two changes becomes shorter than this part of itself."""

FloatArray = NDArray[np.float64]


def couple(nights: Sequence[Outline], strength: float) -> list[Outline]:
    """Draw the settled changes of stage of several nights towards each other.

    Parameters
    ----------
    nights
        Nights of those who sleep side by side, on one clock.
    strength
        0 leaves them as they are, 1 lets changes meet, as far as the order of changes allows.
    """
    if strength <= 0.0 or len(nights) < 2:
        return list(nights)
    changes = [_settled_changes(night) for night in nights]
    shifts = [
        strength * _towards_mean(own, [other for other in changes if other is not own]) for own in changes
    ]
    return [_warped(night, own[0], shift) for night, own, shift in zip(nights, changes, shifts, strict=True)]


Changes = tuple[FloatArray, NDArray[np.int8]]
"""Times (seconds) of changes, in order, and the stages they lead into."""


def _settled_changes(night: Outline) -> Changes:
    ends_s = np.cumsum([duration_s for _, duration_s in night.pieces])
    found = [
        (float(start_s), stage)
        for start_s, (stage, duration_s) in zip(ends_s[:-1], night.pieces[1:], strict=True)
        if duration_s >= SETTLED_S
    ]
    return np.array([t for t, _ in found]), np.array([stage for _, stage in found], dtype=np.int8)


def _towards_mean(own: Changes, others: Sequence[Changes]) -> FloatArray:
    """Way (seconds) from each change to the mean of itself and its partners in the other nights."""
    total, partners = np.zeros(own[0].size), np.ones(own[0].size)
    for other in others:
        for stage in STAGES:
            mine, theirs = np.flatnonzero(own[1] == stage), np.flatnonzero(other[1] == stage)
            for i, j in _mutual(own[0][mine], other[0][theirs]):
                total[mine[i]] += other[0][theirs[j]] - own[0][mine[i]]
                partners[mine[i]] += 1.0
    return total / partners


def _mutual(a_s: FloatArray, b_s: FloatArray) -> list[tuple[int, int]]:
    """Pairs within reach that are each other's nearest."""
    if a_s.size == 0 or b_s.size == 0:
        return []
    apart = np.abs(a_s[:, None] - b_s[None, :])
    to_b, to_a = apart.argmin(axis=1), apart.argmin(axis=0)
    return [(i, int(j)) for i, j in enumerate(to_b) if to_a[j] == i and apart[i, j] <= REACH_S]


def _warped(night: Outline, changes_s: FloatArray, shifts_s: FloatArray) -> Outline:
    """Move the changes as far as they keep their order, and everything between them along."""
    old, new = [0.0, night.lights_out_s], [0.0, night.lights_out_s]
    for change_s, shift_s in zip(changes_s.tolist(), shifts_s.tolist(), strict=True):
        new.append(max(new[-1] + _LEAST_STRETCH * (change_s - old[-1]), change_s + shift_s))
        old.append(change_s)
    beyond_s = old[-1] + 1e6
    knots = (np.array([*old, beyond_s]), np.array([*new, beyond_s + new[-1] - old[-1]]))
    ends_s = np.cumsum([duration_s for _, duration_s in night.pieces])
    lengths_s = np.diff(np.interp(ends_s, *knots), prepend=0.0).tolist()
    stages: list[Stage] = [stage for stage, _ in night.pieces]
    periods = [np.interp([p.onset_s, p.end_s], *knots).tolist() for p in night.rem_periods]
    return Outline(
        tuple(zip(stages, lengths_s, strict=True)),
        night.lights_out_s,
        tuple(Episode(start_s, end_s - start_s) for start_s, end_s in periods),
    )


_AROUSAL_S = (3.0, 15.0)
_QUIET_S = 20.0
"""Least sleep around an arousal; the AASM asks for 10 s before it."""
_PRONE = np.array([0.0, 1.6, 1.0, 0.4, 1.2])
"""How prone each of `STAGES` is to arousals."""
_RESTLESS = np.array([2.0, 1.5, 1.0, 0.5, 0.05])
"""How prone each of `STAGES` is to turns of the body."""
_TURN_S = (3.0, 9.0)
_TURN_AFTER_REM = 0.7
"""Share of REM periods that end with a turn."""


def draw_night(seed: int, hours: float, settings: NightSettings, beside: Sequence[int] = ()) -> TruthNight:
    """Draw the truth of a night.

    Parameters
    ----------
    seed
        Chooses the night.
    hours
        Length of the night, over 0 to 24 h; rounded up to whole seconds. A short night is the beginning of
        a long one.
    beside
        Seeds of those who sleep next to this one; they matter only where the settings couple them.
    """
    n_seconds = math.ceil(hours * 3600.0 - 1e-6)
    plan = cut_outline(_outline(seed, settings, beside), n_seconds)
    return TruthNight(
        stages=plan.stages,
        lights_out_s=plan.lights_out_s,
        sleep_onset_s=plan.sleep_onset_s,
        rem_periods=plan.rem_periods,
        arousals=_arousals(plan.stages, settings, stream(seed, Concern.AROUSALS)),
        turns=_turns(plan, settings, stream(seed, Concern.TURNS)),
    )


def _outline(seed: int, settings: NightSettings, beside: Sequence[int]) -> Outline:
    everybody = sorted({seed, *beside}) if settings.coupling > 0.0 else [seed]
    nights = [draw_outline(settings, stream(each, Concern.NIGHT)) for each in everybody]
    return couple(nights, settings.coupling)[everybody.index(seed)]


def _arousals(
    stages: NDArray[np.int8], settings: NightSettings, rng: np.random.Generator
) -> tuple[Episode, ...]:
    seconds = np.arange(stages.size, dtype=np.float64)
    per_s = settings.arousals_per_hour * arousal_factor(settings) / 3600.0
    found: list[Episode] = []
    free_s = 0.0
    for onset_s in onsets_s(seconds, _PRONE[stages] * per_s, rng):
        duration_s = rng.uniform(*_AROUSAL_S)
        around = stages[int(max(0.0, onset_s - _QUIET_S)) : math.ceil(onset_s + duration_s + 1.0)]
        if onset_s >= free_s and not (around == Stage.W).any() and onset_s + duration_s <= stages.size:
            found.append(Episode(onset_s, duration_s))
            free_s = onset_s + duration_s + _QUIET_S
    return tuple(found)


def _turns(plan: Plan, settings: NightSettings, rng: np.random.Generator) -> tuple[Episode, ...]:
    n_seconds = plan.stages.size
    per_s = _RESTLESS[plan.stages] * settings.turns_per_hour / 3600.0
    starts_s = onsets_s(np.arange(n_seconds, dtype=np.float64), per_s, rng)
    for period in plan.rem_periods:
        if rng.random() < _TURN_AFTER_REM and settings.turns_per_hour > 0.0:
            starts_s.append(period.end_s + rng.uniform(0.0, 5.0))
    found: list[Episode] = []
    for onset_s in sorted(starts_s):
        duration_s = rng.uniform(*_TURN_S)
        if onset_s + duration_s <= n_seconds and (not found or onset_s > found[-1].end_s + _QUIET_S):
            found.append(Episode(onset_s, duration_s))
    return tuple(found)
