"""Nights of a circle made by hand: what a chain says, and what an expert scored, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sanctuary.config.loading import load_settings
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.virtual_site.recorded_circle import HeardNight, circle_night, circle_settings
from sanctuary.virtual_site.simulated_guests import VerdictLog

Stretches = Sequence[tuple[int, int]]
SURE = (0.04, 0.04, 0.04, 0.04, 0.84)
ASLEEP = (0.04, 0.04, 0.84, 0.04, 0.04)


def estimate(t_s: float, *, rem: bool, quality: float = 0.9, arousal: bool = False) -> StageEstimate:
    """What a chain says of one second."""
    stage, p = (Stage.R, SURE) if rem else (Stage.N2, ASLEEP)
    reason = "stable-rem" if rem else "rem-not-sure"
    return StageEstimate(t_s, p, stage, rem, arousal, quality, reason, asleep_min=t_s / 60.0)


def heard(
    length_s: int, gate: Stretches = (), rem: Stretches | None = (), name: str = "night.edf"
) -> HeardNight:
    """A night whose gate is open, and whose expert saw REM, in these stretches; all else is N2."""
    log = VerdictLog(0.5)
    for second in range(1, length_s + 1):
        log.estimate(estimate(float(second), rem=any(a <= second < b for a, b in gate)))
    stages = np.full(length_s, Stage.N2, dtype=np.int8)
    for a, b in rem or ():
        stages[a:b] = Stage.R
    result: dict[str, Any] = {
        "file": name,
        "duration_s": float(length_s),
        "gate": [{"open_s": float(a), "close_s": float(b), "reason": "rem-ended"} for a, b in gate],
        "epochs": [],
        "warnings": [],
    }
    return HeardNight(result, log, None if rem is None else stages)


def together(
    nights: Sequence[HeardNight],
    offsets_s: Sequence[int] | None = None,
    *,
    quorum: int = 2,
    design: str | None = None,
) -> dict[str, Any]:
    """The result of a circle with the usual settings."""
    settings = circle_settings(load_settings(None, {}, []).settings, len(nights), quorum, design)
    return circle_night(settings, nights, offsets_s or [0] * len(nights))
