"""Sleepers for tests: the usual one, and stretches of a night in one stage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import DisturbanceSettings, SleeperSettings, VariationSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.traits import Traits

ALIKE = VariationSettings(
    exponent_spread=0.0,
    amplitude_least=1.0,
    amplitude_most=1.0,
    spindles_least=1.0,
    spindles_most=1.0,
    rem_density_least=1.0,
    rem_density_most=1.0,
    side_share_least=0.15,
    side_share_most=0.15,
    muscle_spread_db=0.0,
    pulse_least_uv=0.0,
    pulse_most_uv=0.0,
)
"""No sleeper departs from the usual one in what can be set."""

CLEAN = DisturbanceSettings(mains_uv=0.0, drift_uv=0.0)
USUAL_SLEEPER = SleeperSettings(variation=ALIKE, disturbances=CLEAN)

USUAL_TRAITS = Traits(
    exponent_shift=0.0,
    amplitude=1.0,
    alpha_hz=10.0,
    alpha_db=0.0,
    slow_spindle_hz=12.0,
    fast_spindle_hz=14.0,
    spindles=1.0,
    rem_density=1.0,
    eye_gain=1.0,
    blinks_per_min=12.0,
    muscle_db=0.0,
    side_share=0.15,
    side_gains=(1.0, 1.0),
    pulse_uv=0.0,
    pulse_hz=1.0,
    pulse_lean=0.0,
)


def one_stage(stage: Stage, seconds: int) -> NDArray[np.int8]:
    """A night of nothing but `stage`."""
    return np.full(seconds, stage, dtype=np.int8)
