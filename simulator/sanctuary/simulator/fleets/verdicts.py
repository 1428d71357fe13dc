"""What a chain says of a sleeper all night, second by second, and when it says something new.

The verdicts come from a chain that has seen the whole night (`sanctuary.gateway.fleet.chains`), or are drawn
without any signal (`sanctuary.simulator.fleets.drawing`).
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage, StageEstimate

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
