"""Verdicts of a night drawn from the truth, without any signal.

The gate opens some time after REM has begun, closes for a while when in doubt, at once at an arousal, and
soon after REM has ended; now and then it opens where no REM is. Stages are named with the confusions of the
chain. How often and how fast are figures of the chain on twins of recorded nights (docs/sensing.md), which
the settings hold. Nothing here knows how a chain works, so that fleets can be had by the hundred.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.scenario import VerdictSettings
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.fleets.verdicts import Verdicts
from sanctuary.simulator.sleepers.truth import EPOCH_S, TruthNight

MINIMUM_SLEEP_S = 90 * 60.0
"""Nobody's gate opens earlier; the floor of the chain's own setting."""
ONE_BOUT_S = 60.0
"""REM interrupted for less is one bout."""
FALSE_OPENING_S = (30.0, 90.0)
NAMING_LAG_S = 15
"""Stages are named after the half of an epoch that has shown them."""
NIGHT_S = 8 * 3600.0
Z90 = 1.2816
"""90th centile of the standard normal distribution."""
LEAST_DOUBT_S = 20.0
"""The gate stays shut for at least so long."""

CONFUSION: NDArray[np.float64] = np.array(
    [
        [1725, 106, 39, 4, 3],
        [77, 796, 124, 13, 22],
        [23, 154, 4465, 331, 68],
        [9, 2, 295, 1236, 0],
        [21, 96, 134, 0, 1821],
    ],
    dtype=np.float64,
)
"""Epochs of eleven twin nights: true stage (rows) against the stage named (docs/sensing.md)."""


def draw_verdicts(truth: TruthNight, settings: VerdictSettings, rng: np.random.Generator) -> Verdicts:
    """Draw the verdicts of a night.

    Parameters
    ----------
    truth
        The sleeper's night.
    settings
        How the chain does.
    rng
        Draws everything.
    """
    n = truth.stages.size
    verdicts = Verdicts(
        _named(truth.stages, rng),
        _openings(truth, settings, rng),
        np.zeros(n, dtype=np.bool_),
        _lifts(n, settings, rng),
        np.cumsum(truth.stages != Stage.W) / 60.0,
    )
    for episode in truth.arousals:
        verdicts.arouse(episode.onset_s, episode.duration_s)
    return verdicts


def _named(stages: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
    """Name the stages: late, and confused epoch by epoch."""
    late = np.concatenate([np.full(NAMING_LAG_S, stages[0]), stages])[: stages.size]
    chances = np.cumsum(CONFUSION / CONFUSION.sum(axis=1, keepdims=True), axis=1)
    epochs = rng.random(math.ceil(stages.size / EPOCH_S))
    drawn = np.repeat(epochs, int(EPOCH_S))[: stages.size]
    named = (drawn[:, None] > chances[late]).sum(axis=1)
    return np.asarray(np.minimum(named, len(STAGES) - 1), dtype=np.int8)


def _openings(truth: TruthNight, settings: VerdictSettings, rng: np.random.Generator) -> NDArray[np.bool_]:
    stable = np.zeros(truth.stages.size, dtype=np.bool_)
    asleep_s = np.cumsum(truth.stages != Stage.W)
    ready = int(np.searchsorted(asleep_s, MINIMUM_SLEEP_S))
    spread = math.log(settings.latency_p90_s / settings.latency_median_s) / Z90
    for begin, end in _bouts(truth.stages):
        latency_s = settings.latency_median_s * math.exp(spread * rng.standard_normal())
        found = rng.random() < settings.found
        late_s = rng.uniform(0.0, settings.lag_s)
        if found:
            _open_and_doubt(stable, max(begin, ready) + latency_s, end + late_s, settings, rng)
    n_false = rng.poisson(settings.false_per_night * truth.stages.size / NIGHT_S)
    sleeping = np.flatnonzero((truth.stages == Stage.N1) | (truth.stages == Stage.N2))
    sleeping = sleeping[sleeping >= ready]
    for _ in range(n_false if sleeping.size else 0):
        begin = int(rng.choice(sleeping))
        stable[begin : begin + round(rng.uniform(*FALSE_OPENING_S))] = True
    return stable


def _open_and_doubt(
    stable: NDArray[np.bool_],
    begin_s: float,
    end_s: float,
    settings: VerdictSettings,
    rng: np.random.Generator,
) -> None:
    """Open and close in turn up to the end of a bout."""
    while begin_s < end_s:
        close_s = min(end_s, begin_s + rng.exponential(settings.opening_mean_s))
        stable[round(begin_s) : round(close_s)] = True
        begin_s = close_s + LEAST_DOUBT_S + rng.exponential(settings.doubt_mean_s - LEAST_DOUBT_S)


def _bouts(stages: NDArray[np.int8]) -> list[tuple[int, int]]:
    """Beginning and end of every bout of REM, short interruptions included."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stages == Stage.R, [False]])))
    bouts: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        if bouts and begin - bouts[-1][1] < ONE_BOUT_S:
            bouts[-1] = (bouts[-1][0], end)
        else:
            bouts.append((begin, end))
    return bouts


def _lifts(n: int, settings: VerdictSettings, rng: np.random.Generator) -> NDArray[np.bool_]:
    poor = np.zeros(n, dtype=np.bool_)
    for begin in rng.integers(0, n, rng.poisson(settings.lifts_per_hour * n / 3600.0)).tolist():
        poor[begin : begin + round(rng.uniform(5.0, settings.lift_longest_s))] = True
    return poor
