"""Keeps what a chain says of a night, some bytes a second, as the verdicts that a site goes by."""

from __future__ import annotations

from array import array

import numpy as np

from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.fleets.verdicts import Verdicts

POOR, STABLE, AROUSAL = 1, 2, 4


class VerdictLog:
    """Collects the estimates of one sleeper.

    Parameters
    ----------
    min_quality
        Signal quality below which a pod takes an estimate for proof of nothing.
    """

    def __init__(self, min_quality: float) -> None:
        self._min_quality = min_quality
        self._stages, self._flags, self._asleep_min = bytearray(), bytearray(), array("d")

    def estimate(self, estimate: StageEstimate) -> None:
        """Take the next estimate, in order of time; seconds without one count as too poor to say."""
        while len(self._flags) + 1 < round(estimate.t_s):
            self._add(Stage.W, POOR, self._asleep_min[-1] if self._asleep_min else 0.0)
        poor = estimate.quality < self._min_quality or estimate.stage is Stage.UNKNOWN
        flags = POOR * poor | STABLE * estimate.stable_rem | AROUSAL * estimate.arousal
        self._add(Stage(max(Stage.W, estimate.stage)), flags, estimate.asleep_min)

    def verdicts(self, offset_s: int = 0, length_s: int | None = None) -> Verdicts:
        """Give all verdicts on a clock on which the night begins at `offset_s`.

        Parameters
        ----------
        length_s
            Seconds in all; before and after the night there is no signal. By default the night ends it.
        """
        known = len(self._flags)
        if length_s is None:
            length_s = offset_s + known
        pad = (offset_s, max(0, length_s - offset_s - known))
        flags = np.pad(np.frombuffer(bytes(self._flags), np.uint8), pad, constant_values=POOR)[:length_s]
        stages = np.pad(np.frombuffer(bytes(self._stages), np.int8), pad, constant_values=Stage.W)
        asleep_min = np.pad(np.array(self._asleep_min), pad, mode="edge" if known else "constant")
        asleep_min[:offset_s] = 0.0
        return Verdicts(
            stages[:length_s],
            (flags & STABLE) > 0,
            (flags & AROUSAL) > 0,
            (flags & POOR) > 0,
            asleep_min[:length_s],
        )

    def _add(self, stage: Stage, flags: int, asleep_min: float) -> None:
        self._stages.append(stage)
        self._flags.append(flags)
        self._asleep_min.append(asleep_min)
