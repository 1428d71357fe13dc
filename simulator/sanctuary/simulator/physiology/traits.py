"""A sleeper's constants, in which their signals differ from another's; drawn once for the whole night."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sanctuary.config.sleeper_settings import VariationSettings

_DEEP_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Traits:
    """One sleeper's constants.

    Attributes
    ----------
    exponent_shift
        Added to the exponent of the aperiodic spectrum.
    amplitude
        Factor on all EEG amplitudes.
    alpha_hz, alpha_db
        Frequency of the waking alpha rhythm, and its strength against the usual.
    slow_spindle_hz, fast_spindle_hz, spindles
        Frequencies of the two kinds of spindles, and the factor on their rate.
    rem_density
        Factor on the number of rapid eye movements.
    eye_gain
        Factor on the deflections that eye movements cause.
    blinks_per_min
        With eyes open.
    muscle_db
        Muscle tone against the usual.
    side_share
        Share of the EEG's power that belongs to one side only.
    side_gains
        Factor on everything at AF7 and at AF8.
    pulse_uv, pulse_hz, pulse_lean
        Height of the heartbeat's artefact, beats per second in N2, and how much more of it one side has.
    """

    exponent_shift: float
    amplitude: float
    alpha_hz: float
    alpha_db: float
    slow_spindle_hz: float
    fast_spindle_hz: float
    spindles: float
    rem_density: float
    eye_gain: float
    blinks_per_min: float
    muscle_db: float
    side_share: float
    side_gains: tuple[float, float]
    pulse_uv: float
    pulse_hz: float
    pulse_lean: float

    @property
    def deep_amplitude(self) -> float:
        """Factor on the EEG of deep sleep.

        Scorers call N3 what reaches 75 uV, so the deep sleep of a sleeper with a weak EEG is not as weak as
        the rest: between real nights N3 differs less downwards than N2 does.
        """
        return math.pow(min(self.amplitude, 1.0), _DEEP_SHARE) * max(self.amplitude, 1.0)


def draw_traits(variation: VariationSettings, rng: np.random.Generator) -> Traits:
    """Draw a sleeper from the ranges allowed."""
    imbalance = rng.uniform(-0.1, 0.1)
    return Traits(
        exponent_shift=rng.uniform(-1.0, 1.0) * variation.exponent_spread,
        amplitude=_factor(variation.amplitude_least, variation.amplitude_most, rng),
        alpha_hz=float(np.clip(rng.normal(9.8, 0.7), 8.2, 11.8)),
        alpha_db=float(np.clip(rng.normal(0.0, 2.5), -6.0, 6.0)),
        slow_spindle_hz=rng.uniform(11.5, 12.6),
        fast_spindle_hz=rng.uniform(13.2, 14.6),
        spindles=_factor(variation.spindles_least, variation.spindles_most, rng),
        rem_density=_factor(variation.rem_density_least, variation.rem_density_most, rng),
        eye_gain=rng.uniform(0.75, 1.3),
        blinks_per_min=rng.uniform(6.0, 20.0),
        muscle_db=float(np.clip(rng.standard_normal(), -2.0, 2.0)) * variation.muscle_spread_db,
        side_share=rng.uniform(variation.side_share_least, variation.side_share_most),
        side_gains=(1.0 + imbalance, 1.0 - imbalance),
        pulse_uv=rng.uniform(variation.pulse_least_uv, variation.pulse_most_uv),
        pulse_hz=float(np.clip(rng.normal(0.95, 0.1), 0.7, 1.25)),
        pulse_lean=rng.uniform(-0.6, 0.6),
    )


def _factor(least: float, most: float, rng: np.random.Generator) -> float:
    """Log-uniform, so that halves and doubles are equally likely; a range that reaches 0 is uniform."""
    if least <= 0.0:
        return rng.uniform(least, most)
    return math.exp(rng.uniform(math.log(least), math.log(most)))
