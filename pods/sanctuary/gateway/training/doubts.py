"""What is doubtful of a scored night, from its stages alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.signal.training import IntArray

LEAST_SCORED_MIN = 20.0
EPOCH_MIN = 0.5


def hours_by_stage(stages: IntArray) -> Mapping[Stage, float]:
    """Hours of each of the five stages among 30 s epochs."""
    return {stage: int((stages == stage).sum()) * EPOCH_MIN / 60.0 for stage in STAGES}


def doubts(stages: IntArray) -> list[str]:
    """Say what is unusual of a night's stages.

    Parameters
    ----------
    stages
        Shape ``(n,)``, one of each 30 s epoch; `Stage.UNKNOWN` where nothing is scored.
    """
    scored_min = int((stages != Stage.UNKNOWN).sum()) * EPOCH_MIN
    found = []
    if scored_min < LEAST_SCORED_MIN:
        found.append(f"only {scored_min:g} min are scored")
    if not (stages == Stage.R).any():
        found.append("no REM is scored")
    shown = [stage for stage in STAGES if (stages == stage).any()]
    if len(shown) == 1 and np.size(stages) > 1:
        found.append(f"all of it is scored {shown[0].name}")
    return found
