"""What sets one sleeper's night apart from another's, drawn once for the whole night.

Spreads were fitted to the differences between the 25 nights of DOD-H (Guillot et al. 2020, MIT); effects of
age are those of Boulos et al. (2019), per decade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sanctuary.config.sleepers import NightSettings
from sanctuary.simulator.sleepers.laws import draw_normal

FITTED_AGE_YEARS = 35.0
"""Age at which the fitted numbers are taken to hold; single ages do not come with the fitted nights."""

_LATENCY_PER_DECADE_MIN = 1.1
_WAKING_PER_DECADE = 0.30
_AROUSALS_PER_DECADE = 0.25
"""Chosen so that nights change by what Boulos et al. report: 9.7 min of waking after sleep onset, 0.5 points
of N1 (which comes with the awakenings) and 2.1 arousals an hour."""
_LEAST_FACTOR = 0.2

_WAKE_RATE_SPREAD, _WAKE_LENGTH_SPREAD, _N1_RATE_SPREAD = 0.35, 0.4, 0.55
_LONG_WAKES, _LONG_WAKES_SPREAD, _LONG_WAKES_MOST = 0.010, 1.7, 0.2
_WAKE_N1_SHARED = 0.4
"""Correlation of how often sleepers wake and how often they drift into N1."""
_DEEP_SPREAD, _REM_SPREAD, _CYCLE_SPREAD = 0.42, 0.12, 0.1
_N1_HOLD_SPREAD, _HOLD_SPREAD, _HOLD_IN_LIGHT = 0.3, 0.65, 0.35
"""Of the length of bouts of N1 and of N3, and the power by which the latter carries over to those of N2."""
_MOST_SDS = 2.5
_REM_INTERRUPTIONS_PER_HOUR = 1.9
"""Ways out of REM per hour of REM that do not end its period, in the fitted nights."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Factors on the usual night, 1 each for the usual sleeper.

    Attributes
    ----------
    wake_rate, wake_length, n1_rate
        How often the sleeper wakes up and for how long, and how often sleep flattens to N1.
    long_wakes
        Chance (not a factor) that an awakening is a long one.
    n1_hold, n2_hold, n3_hold
        How long bouts of these stages hold.
    deep, rem, cycle
        Amount of deep sleep, of REM in each cycle, and of non-REM sleep in each cycle.
    rem_interruption
        How often REM is interrupted.
    later_onset_min
        Minutes that sleep comes later than in the fitted sleepers, by age.
    """

    wake_rate: float = 1.0
    wake_length: float = 1.0
    n1_rate: float = 1.0
    long_wakes: float = 0.01
    n1_hold: float = 1.0
    n2_hold: float = 1.0
    n3_hold: float = 1.0
    deep: float = 1.0
    rem: float = 1.0
    cycle: float = 1.0
    rem_interruption: float = 1.0
    later_onset_min: float = 0.0


def draw_habits(settings: NightSettings, rng: np.random.Generator) -> Habits:
    """Draw the habits of one sleeper in one night."""
    decades = (settings.age_years - FITTED_AGE_YEARS) / 10.0
    waking = _by_age(_WAKING_PER_DECADE, decades)
    z = [settings.variety * draw_normal(rng, -_MOST_SDS, _MOST_SDS) for _ in range(9)]
    drift = _WAKE_N1_SHARED * z[0] + math.sqrt(1.0 - _WAKE_N1_SHARED**2) * z[2]
    return Habits(
        wake_rate=waking * math.exp(_WAKE_RATE_SPREAD * z[0]),
        wake_length=math.sqrt(waking) * math.exp(_WAKE_LENGTH_SPREAD * z[1]),
        n1_rate=math.exp(_N1_RATE_SPREAD * drift),
        long_wakes=min(_LONG_WAKES_MOST, waking * _LONG_WAKES * math.exp(_LONG_WAKES_SPREAD * z[6])),
        n1_hold=math.exp(_N1_HOLD_SPREAD * z[8]),
        n2_hold=math.exp(_HOLD_IN_LIGHT * _HOLD_SPREAD * z[7]),
        n3_hold=math.exp(_HOLD_SPREAD * z[7]),
        deep=max(0.0, 1.0 + _DEEP_SPREAD * z[3]),
        rem=math.exp(_REM_SPREAD * z[4]),
        cycle=math.exp(_CYCLE_SPREAD * z[5]),
        rem_interruption=settings.rem_interruptions_per_hour / _REM_INTERRUPTIONS_PER_HOUR,
        later_onset_min=_LATENCY_PER_DECADE_MIN * decades,
    )


def arousal_factor(settings: NightSettings) -> float:
    """Factor by which age changes the number of arousals."""
    return _by_age(_AROUSALS_PER_DECADE, (settings.age_years - FITTED_AGE_YEARS) / 10.0)


def _by_age(per_decade: float, decades: float) -> float:
    return max(_LEAST_FACTOR, 1.0 + per_decade * decades)
