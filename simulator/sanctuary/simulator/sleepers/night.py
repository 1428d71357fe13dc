"""Draws the whole truth of a night: its stages, then arousals and turns of the body on top of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleepers import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.episodes import Episode
from sanctuary.simulator.physiology.randomness import Concern, onsets_s, stream
from sanctuary.simulator.sleepers.architecture import draw_outline
from sanctuary.simulator.sleepers.coupling import couple
from sanctuary.simulator.sleepers.habits import arousal_factor
from sanctuary.simulator.sleepers.outline import Outline, Plan, cut_outline
from sanctuary.simulator.sleepers.truth import TruthNight

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
