"""Nights of a circle made by hand: what a chain says, and what an expert scored, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sanctuary.config.loading import load_settings
from sanctuary.gateway.results.replay_result import ReplayResult, Timing
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.signal.scoring import GateOpening
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
    result = ReplayResult(
        schema="sanctuary.replay.v1",
        version="0.1.0",
        file=name,
        started_at=None,
        duration_s=length_s,
        channels=("AF7", "AF8"),
        fs_hz=256.0,
        epoch_s=30.0,
        warnings=(),
        epochs=(),
        gate=tuple(GateOpening(float(a), float(b), "rem-ended") for a, b in gate),
        eye_signals=(),
        timing=Timing(wall_s=1.0, times_real_time=float(length_s)),
    )
    return HeardNight(result, log, None if rem is None else stages)


def together(
    nights: Sequence[HeardNight],
    offsets_s: Sequence[int] | None = None,
    *,
    quorum: int = 2,
    design: str | None = None,
) -> dict[str, Any]:
    """The result of a circle with the usual settings, as it is written."""
    settings = circle_settings(load_settings(None, {}, []).settings, len(nights), quorum, design)
    return circle_night(settings, nights, offsets_s or [0] * len(nights)).to_json()
