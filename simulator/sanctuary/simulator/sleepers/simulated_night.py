"""The truth of a simulated night: its stages second by second, arousals and turns of the body.

Where settings couple sleepers side by side, their stage changes are drawn towards each other: couples who
share a bed change stage within 5 min of each other more often than chance has it (Drews et al. 2020). Changes
into the same stage that lie that close are moved towards their mean, by an adjustable part of the way; what
lies between them is stretched along. The order of stages of each sleeper stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import STAGES, FloatArray, Stage
from sanctuary.simulator.physiology.random_streams import Concern, onsets_s, stream
from sanctuary.simulator.physiology.waveforms import Episode
from sanctuary.simulator.sleepers.architecture import (
    NightStages,
    SleepArchitecture,
    cut_to_seconds,
    draw_architecture,
)
from sanctuary.simulator.sleepers.bout_model import arousal_factor

EPOCH_S = 30.0
"""Length of an epoch in the AASM manual."""


@dataclass(frozen=True, slots=True)
class Stretch(Episode):
    """A stretch of one stage."""

    stage: Stage


@dataclass(frozen=True, slots=True, eq=False)
class TruthNight:
    """What really happens in one night.

    Attributes
    ----------
    stages
        Shape ``(n_seconds,)``: the `Stage` of every second since the recording began.
    lights_out_s, sleep_onset_s
        Second in which the eyes close, and the first one asleep (the end of the night if sleep never comes).
    rem_periods
        REM periods, one per cycle, short interruptions included.
    arousals
        Arousals of 3 to 15 s; the stage goes on below them.
    turns
        Turns of the body.
    """

    stages: NDArray[np.int8]
    lights_out_s: float
    sleep_onset_s: float
    rem_periods: tuple[Episode, ...]
    arousals: tuple[Episode, ...]
    turns: tuple[Episode, ...]

    @property
    def duration_s(self) -> float:
        """Length of the night; after it the sleeper is awake."""
        return float(self.stages.size)

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Stages in order, as stretches that fill the night."""
        changes = np.flatnonzero(np.diff(self.stages)) + 1
        starts = np.concatenate([[0], changes])
        ends = np.concatenate([changes, [self.stages.size]])
        return tuple(
            Stretch(float(start), float(end - start), Stage(int(self.stages[start])))
            for start, end in zip(starts, ends, strict=True)
        )

    def stage_at(self, t_s: float) -> Stage:
        """Stage in the second that holds `t_s`; awake after the end of the night.

        Raises
        ------
        ValueError
            `t_s` lies before the night.
        """
        if not t_s >= 0.0:
            raise ValueError(f"{t_s} s lies before the night")
        return Stage(int(self.stages[int(t_s)])) if t_s < self.stages.size else Stage.W

    def epochs(self, epoch_s: float = EPOCH_S) -> NDArray[np.int8]:
        """Score the night in epochs, as a scorer does: the stage that fills most of each.

        Parameters
        ----------
        epoch_s
            Length of an epoch, a whole number of seconds.

        Returns
        -------
        Shape ``(n_epochs,)``, values of `Stage`. Of stages with equal shares the lighter wins, R last; an
        unfinished epoch at the end is left out.

        Raises
        ------
        ValueError
            `epoch_s` is not a whole number of seconds, or below 1.
        """
        if not (epoch_s >= 1.0 and math.isfinite(epoch_s) and float(epoch_s).is_integer()):
            raise ValueError(f"epochs of {epoch_s} s: must be a whole number of seconds, 1 or more")
        n_epochs = int(self.stages.size // epoch_s)
        seconds = self.stages[: n_epochs * int(epoch_s)].reshape(n_epochs, int(epoch_s))
        shares = np.stack([(seconds == stage).sum(axis=1) for stage in STAGES])
        return np.asarray(shares.argmax(axis=0), dtype=np.int8)


REACH_S = 300.0
"""Changes that lie farther apart have nothing to do with each other."""
SETTLED_S = 180.0
"""Only changes into bouts that last at least this long count; short ones move with what is around them."""
_LEAST_STRETCH = 0.5
"""No stretch between two changes becomes shorter than this part of itself."""


def couple(nights: Sequence[SleepArchitecture], strength: float) -> list[SleepArchitecture]:
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


def _settled_changes(night: SleepArchitecture) -> Changes:
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


def _warped(night: SleepArchitecture, changes_s: FloatArray, shifts_s: FloatArray) -> SleepArchitecture:
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
    return SleepArchitecture(
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
    plan = cut_to_seconds(_outline(seed, settings, beside), n_seconds)
    return TruthNight(
        stages=plan.stages,
        lights_out_s=plan.lights_out_s,
        sleep_onset_s=plan.sleep_onset_s,
        rem_periods=plan.rem_periods,
        arousals=_arousals(plan.stages, settings, stream(seed, Concern.AROUSALS)),
        turns=_turns(plan, settings, stream(seed, Concern.TURNS)),
    )


def _outline(seed: int, settings: NightSettings, beside: Sequence[int]) -> SleepArchitecture:
    everybody = sorted({seed, *beside}) if settings.coupling > 0.0 else [seed]
    nights = [draw_architecture(settings, stream(each, Concern.NIGHT)) for each in everybody]
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


def _turns(plan: NightStages, settings: NightSettings, rng: np.random.Generator) -> tuple[Episode, ...]:
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
