"""How long sleepers stay in a stage, and where they go from it.

Transitions per 30 s: the counts published with YASA's hypnogram simulator (after Metzner et al. 2021).
Bouts: those of sleep are near exponential and fit Weibull laws, those of waking follow a power law (Wang et
al. 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage

TRANSITIONS: NDArray[np.float64] = np.array(
    [
        [11737, 571, 84, 2, 2],
        [281, 6697, 1661, 11, 59],
        [253, 1070, 26259, 505, 272],
        [49, 176, 279, 9630, 12],
        [57, 189, 84, 2, 10071],
    ],
    dtype=np.float64,
)
"""Counts of epochs, from `STAGES` (rows) to `STAGES` (columns), 30 s apart."""

_EPOCH_S = 30.0
_WEIBULL_SHAPE = 0.9
_WEIBULL_MEAN = math.gamma(1.0 + 1.0 / _WEIBULL_SHAPE)
"""Sleep bouts: a little more short ones than an exponential law has, and their mean at scale 1."""
_LEAST_S = {Stage.N1: 20.0, Stage.N2: 60.0, Stage.N3: 60.0, Stage.R: 60.0}
_WAKE_LEAST_S, _WAKE_MOST_S, _WAKE_POWER = 20.0, 600.0, 1.1

Favour = Mapping[Stage, float]
"""Factor on the rate at which each stage is entered in some part of the night; those not named never are."""


def draw_bout_s(stage: Stage, favour: Favour, rng: np.random.Generator) -> float:
    """Length of one uninterrupted bout (seconds).

    Ways out that `favour` closes or opens lengthen or shorten the bout. Waking here is waking in the middle
    of a night's sleep.
    """
    if stage is Stage.W:
        return float(min(_WAKE_MOST_S, _WAKE_LEAST_S * (1.0 + rng.pareto(_WAKE_POWER))))
    mean_s = _EPOCH_S * TRANSITIONS[stage].sum() / _exits(stage, favour).sum()
    beyond_s = max(0.0, mean_s - _LEAST_S[stage]) / _WEIBULL_MEAN * rng.weibull(_WEIBULL_SHAPE)
    return float(_LEAST_S[stage] + beyond_s)


def draw_next(stage: Stage, favour: Favour, rng: np.random.Generator) -> Stage:
    """Stage after a bout of `stage`."""
    exits = _exits(stage, favour)
    return STAGES[int(rng.choice(len(STAGES), p=exits / exits.sum()))]


def _exits(stage: Stage, favour: Favour) -> NDArray[np.float64]:
    return np.array(
        [TRANSITIONS[stage, to] * favour.get(to, 0.0) if to is not stage else 0.0 for to in STAGES]
    )
