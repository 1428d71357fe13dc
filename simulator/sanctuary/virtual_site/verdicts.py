"""What a chain says of a sleeper all night, second by second, and when it says something new.

The verdicts come from a chain that has seen the whole night (`sanctuary.virtual_site.fleet`), or are drawn
without any signal (`sanctuary.virtual_site.verdicts`).

Verdicts of a night drawn from the truth, without any signal.

The gate opens some time after REM has begun, closes for a while when in doubt, at once at an arousal, and
soon after REM has ended; now and then it opens where no REM is. Stages are named with the confusions of the
chain. How often and how fast are figures of the chain on twins of recorded nights (docs/sensing.md), which
the settings hold. Nothing here knows how a chain works, so that fleets can be had by the hundred.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.scenario_settings import VerdictSettings
from sanctuary.signal.samples import STAGES, Stage, StageEstimate
from sanctuary.simulator.sleepers.simulated_night import EPOCH_S, TruthNight

AROUSAL_LAG_S = 2
"""Seconds until an arousal is seen."""
REFRACTORY_S = 60
"""Calm that the gate waits for after an arousal."""
GOOD, POOR = 0.95, 0.2
STAGE_BITS, STABLE_BIT, AROUSAL_BIT, POOR_BIT = 7, 8, 16, 32
"""A second in one byte: its stage, and whether REM is stable, an arousal is seen, the signal is poor."""

BoolArray = NDArray[np.bool_]


class Verdicts:
    """All verdicts of one night.

    Parameters
    ----------
    stage
        Shape ``(n_seconds,)``: the `Stage` named at the end of each second.
    stable, arousal, poor
        Same shape: whether REM is stable, an arousal is seen, the signal is too poor to say.
    asleep_min
        Same shape: minutes asleep so far.
    """

    def __init__(
        self,
        stage: NDArray[np.int8],
        stable: BoolArray,
        arousal: BoolArray,
        poor: BoolArray,
        asleep_min: NDArray[np.float64],
    ) -> None:
        self._stage, self._stable, self._arousal = stage.copy(), stable.copy(), arousal.copy()
        self._poor = poor
        self._asleep_min: list[float] = asleep_min.tolist()
        self._note()

    @property
    def stable_s(self) -> int:
        """Seconds for which the gate is open in all."""
        return int((self._stable & ~self._poor).sum())

    def arouse(self, at_s: float, duration_s: float) -> None:
        """Let an arousal come in between; what lies before it stays as it is."""
        seen = min(self._stage.size, math.ceil(at_s) + AROUSAL_LAG_S)
        over = min(self._stage.size, seen + math.ceil(duration_s))
        self._arousal[seen:over] = True
        self._stable[seen : over + REFRACTORY_S] = False
        self._note()

    def wake(self, at_s: float, for_s: float) -> None:
        """Let the sleeper lie awake for a while; what lies before it stays as it is."""
        begin, end = math.ceil(at_s), math.ceil(at_s + for_s)
        self._stage[begin:end] = Stage.W
        self._stable[begin : end + REFRACTORY_S] = False
        self._note()

    def at(self, t_s: float) -> StageEstimate:
        """Give the estimate of the last whole second up to `t_s`; its time is that second's end."""
        second = min(max(0, math.floor(t_s) - 1), len(self._code) - 1)
        code = self._code[second]
        poor = code >= POOR_BIT
        stage = Stage.UNKNOWN if poor else STAGES[code & STAGE_BITS]
        stable = bool(code & STABLE_BIT) and not poor
        return StageEstimate(
            t_s=float(math.floor(t_s)),
            p=_P[stage],
            stage=stage,
            stable_rem=stable,
            arousal=bool(code & AROUSAL_BIT),
            quality=POOR if poor else GOOD,
            reason="open" if stable else "closed",
            asleep_min=self._asleep_min[second],
        )

    def next_change_s(self, t_s: float) -> float:
        """Give the first moment after `t_s` at which an estimate says something else; infinite for none."""
        place = bisect_right(self._changes, t_s)
        return self._changes[place] if place < len(self._changes) else math.inf

    def _note(self) -> None:
        """Put each second into one byte, and find the ends of those that differ from the one before."""
        code = self._stage.astype(np.uint8) + STABLE_BIT * self._stable
        code += AROUSAL_BIT * self._arousal + POOR_BIT * self._poor
        self._code = code.astype(np.uint8).tobytes()
        self._changes: list[float] = (np.flatnonzero(np.diff(code)) + 2.0).tolist()


def _probabilities(stage: Stage) -> tuple[float, float, float, float, float]:
    p = [0.2] * 5 if stage is Stage.UNKNOWN else [0.84 if other is stage else 0.04 for other in STAGES]
    return (p[0], p[1], p[2], p[3], p[4])


_P = {stage: _probabilities(stage) for stage in Stage}


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
