"""Epochs as the JSON results want them, each judged with samples up to its end only."""

from __future__ import annotations

from typing import Any

from sanctuary.signal.samples import STAGES, Stage, StageEstimate

EPOCH_S = 30.0
NOTHING = StageEstimate(0.0, (0.2, 0.2, 0.2, 0.2, 0.2), Stage.UNKNOWN, False, False, 0.0, "no-signal")
"""Stands for an epoch at whose end nobody could say anything."""


class EpochLog:
    """Collects the estimates at the ends of epochs.

    Attributes
    ----------
    rows
        Epochs as in ``sanctuary.replay.v1`` and ``sanctuary.demo.v1``.
    stages
        The same, as values of `Stage`.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.stages: list[int] = []
        self._next_s = EPOCH_S

    def estimate(self, estimate: StageEstimate) -> None:
        """Take the next estimate; one a second, in order of time."""
        if estimate.t_s < self._next_s:
            return
        while estimate.t_s >= self._next_s + EPOCH_S:
            self._add(NOTHING)
        self._add(estimate)

    def _add(self, estimate: StageEstimate) -> None:
        self.rows.append(_row(self._next_s - EPOCH_S, estimate))
        self.stages.append(int(estimate.stage))
        self._next_s += EPOCH_S


def _row(onset_s: float, estimate: StageEstimate) -> dict[str, Any]:
    return {
        "onset_s": onset_s,
        "stage": "unknown" if estimate.stage is Stage.UNKNOWN else estimate.stage.name,
        "p": {stage.name: round(p, 4) for stage, p in zip(STAGES, estimate.p, strict=True)},
        "quality": round(estimate.quality, 3),
        "rem_density": round(estimate.rem_density, 2),
    }
