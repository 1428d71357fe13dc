"""The true night of a simulated sleeper: what a perfect scorer would write down."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology.primitives import Episode

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
