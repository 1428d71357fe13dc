"""How long sleepers stay in a stage, and where they go from it, in each part of a night.

A semi-Markov model: lengths of bouts follow laws of their own (log-normal, cut off), not the geometric one of
a Markov chain; those of waking have a heavy tail (Wang et al. 2013). Laws and chances were fitted, part by
part, to the consensus hypnograms of the 25 healthy sleepers of DOD-H (Guillot et al. 2020, MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.habits import Habits
from sanctuary.simulator.sleepers.laws import draw_length


class Part(Enum):
    """Part of a cycle; each has laws of its own."""

    FIRST = "first descent of the night"
    LIGHT = "light sleep"
    DEEP = "deep sleep and what interrupts it"
    REM = "REM and what interrupts it"


@dataclass(frozen=True, slots=True)
class BoutLaw:
    """Length of a bout: `median_s` and `spread` of the log-normal law, cut off at both ends (seconds)."""

    median_s: float
    spread: float
    longest_s: float
    shortest_s: float = 15.0


_WAKE = BoutLaw(14.0, 1.25, 900.0)
LONG_WAKE = BoutLaw(780.0, 0.8, 5400.0, 240.0)
"""Awakenings from which sleep does not come back soon; how many, is a habit."""
_WAKE_IN_REM = BoutLaw(16.0, 1.1, 600.0)
_RAREST = 1e-6
_N1 = BoutLaw(27.0, 0.8, 600.0, 18.0)

LAWS: Mapping[Part, Mapping[Stage, BoutLaw]] = {
    Part.FIRST: {
        Stage.W: BoutLaw(16.0, 1.5, 900.0),
        Stage.N1: BoutLaw(58.0, 0.7, 600.0),
        Stage.N2: BoutLaw(250.0, 1.8, 3600.0),
    },
    Part.LIGHT: {Stage.W: _WAKE, Stage.N1: _N1, Stage.N2: BoutLaw(520.0, 1.85, 3600.0)},
    Part.DEEP: {
        Stage.W: _WAKE,
        Stage.N1: BoutLaw(29.0, 0.66, 300.0, 18.0),
        Stage.N2: BoutLaw(95.0, 1.2, 1200.0),
        Stage.N3: BoutLaw(620.0, 2.0, 4200.0),
    },
    Part.REM: {
        Stage.W: _WAKE_IN_REM,
        Stage.N1: BoutLaw(31.0, 0.87, 300.0),
        Stage.N2: BoutLaw(100.0, 0.97, 840.0),
        Stage.R: BoutLaw(1500.0, 1.3, 7200.0, 30.0),
    },
}
"""Length of bouts that end by themselves; those that end with their part are cut short."""

CHANCES: Mapping[Part, Mapping[Stage, Mapping[Stage, float]]] = {
    Part.FIRST: {
        Stage.W: {Stage.N1: 0.95, Stage.N2: 0.05},
        Stage.N1: {Stage.W: 0.23, Stage.N2: 0.77},
        Stage.N2: {Stage.W: 0.60, Stage.N1: 0.40},
    },
    Part.LIGHT: {
        Stage.W: {Stage.N1: 1.0},
        Stage.N1: {Stage.W: 0.22, Stage.N2: 0.78},
        Stage.N2: {Stage.W: 0.55, Stage.N1: 0.45},
    },
    Part.DEEP: {
        Stage.W: {Stage.N1: 0.98, Stage.N2: 0.02},
        Stage.N1: {Stage.W: 0.16, Stage.N2: 0.84},
        Stage.N2: {Stage.W: 0.19, Stage.N1: 0.135, Stage.N3: 0.675},
        Stage.N3: {Stage.W: 0.27, Stage.N1: 0.04, Stage.N2: 0.69},
    },
    Part.REM: {
        Stage.W: {Stage.N1: 0.67, Stage.R: 0.33},
        Stage.N1: {Stage.W: 0.06, Stage.N2: 0.22, Stage.R: 0.72},
        Stage.N2: {Stage.N1: 0.11, Stage.R: 0.89},
        Stage.R: {Stage.W: 0.51, Stage.N1: 0.28, Stage.N2: 0.21},
    },
}
"""Chance of each stage after a bout of a stage, in each part."""


def draw_bout_s(part: Part, stage: Stage, habits: Habits, rng: np.random.Generator) -> float:
    """Length of one uninterrupted bout (seconds).

    Sleep that is left more often than usual, for waking or for N1, lasts less long.
    """
    law = LAWS[part][stage]
    if stage is Stage.W and part is not Part.REM and rng.random() < habits.long_wakes:
        law = LONG_WAKE
    stretch = _stretch(part, stage, habits)
    longest_s = law.longest_s * max(1.0, stretch)
    return draw_length(law.median_s * stretch, law.spread, rng, law.shortest_s, longest_s)


def _stretch(part: Part, stage: Stage, habits: Habits) -> float:
    """Habitual length of a bout over the usual one."""
    if stage is Stage.W:
        return habits.wake_length
    if stage is Stage.R:
        return 1.0 / max(habits.rem_interruption, _RAREST)
    hold = {
        Stage.N1: habits.n1_hold,
        Stage.N2: habits.n2_hold,
        Stage.N3: habits.n3_hold * max(habits.deep, _RAREST),
    }
    return hold[stage] / sum(_weights(part, stage, habits).values())


def draw_next(part: Part, stage: Stage, habits: Habits, rng: np.random.Generator) -> Stage:
    """Stage after a bout of `stage`."""
    weights = _weights(part, stage, habits)
    left = float(rng.random()) * sum(weights.values())
    for to, weight in weights.items():
        left -= weight
        if left < 0.0:
            return to
    return to


def _weights(part: Part, stage: Stage, habits: Habits) -> dict[Stage, float]:
    """Rates of the ways out, 1 in sum for the usual sleeper."""
    factors = {Stage.W: habits.wake_rate, Stage.N1: habits.n1_rate}
    sound = stage in (Stage.N2, Stage.N3)
    return {
        to: chance * (factors.get(to, 1.0) if sound else 1.0) for to, chance in CHANCES[part][stage].items()
    }
