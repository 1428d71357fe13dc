"""A semi-Markov model of sleep stages: lengths of bouts, transitions between them, and how sleepers differ.

Lengths are log-normal, cut off at both ends, not geometric as in a Markov chain; those of waking have a heavy
tail (Wang et al. 2013). Distributions and transition probabilities were fitted, part by part of a cycle, to
the consensus hypnograms of the 25 healthy sleepers of DOD-H (Guillot et al. 2020, MIT), the spread of
`SleepProfile` to the differences between them. Effects of age are those of Boulos et al. (2019), per decade.

Each draw takes one random number, whatever the limits, so that a limit never shifts the numbers behind it.
The normal distribution is the standard library's: the same numbers on every Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist

import numpy as np

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import Stage

_NORMAL = NormalDist()
_TAIL = 1e-9


def draw_normal(rng: np.random.Generator, low: float = -math.inf, high: float = math.inf) -> float:
    """Draw from the standard normal law between `low` and `high`."""
    below, upto = (_NORMAL.cdf(low), _NORMAL.cdf(high))
    chance = below + float(rng.random()) * (upto - below)
    drawn = _NORMAL.inv_cdf(min(1.0 - _TAIL, max(_TAIL, chance)))
    return min(high, max(low, drawn))


def draw_length(
    median: float, spread: float, rng: np.random.Generator, low: float = 0.0, high: float = math.inf
) -> float:
    """Draw a length from the log-normal law between `low` and `high`.

    Parameters
    ----------
    median, spread
        Of the law before it is cut off: its median, and the standard deviation of the logarithm; 0 or less
        always gives the median, or the limit next to it.
    low, high
        Limits, in the unit of `median`; `low` where they are the wrong way round.
    """
    if high <= low or spread <= 0.0:
        rng.random()
        return max(low, min(high, median))
    least = (math.log(low) - math.log(median)) / spread if low > 0.0 else -math.inf
    most = (math.log(high) - math.log(median)) / spread if high < math.inf else math.inf
    return min(high, max(low, median * math.exp(spread * draw_normal(rng, least, most))))


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
class SleepProfile:
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


def draw_profile(settings: NightSettings, rng: np.random.Generator) -> SleepProfile:
    """Draw the profile of one sleeper in one night."""
    decades = (settings.age_years - FITTED_AGE_YEARS) / 10.0
    waking = _by_age(_WAKING_PER_DECADE, decades)
    z = [settings.variety * draw_normal(rng, -_MOST_SDS, _MOST_SDS) for _ in range(9)]
    drift = _WAKE_N1_SHARED * z[0] + math.sqrt(1.0 - _WAKE_N1_SHARED**2) * z[2]
    return SleepProfile(
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


class CyclePart(Enum):
    """Part of a cycle; each has laws of its own."""

    FIRST = "first descent of the night"
    LIGHT = "light sleep"
    DEEP = "deep sleep and what interrupts it"
    REM = "REM and what interrupts it"


@dataclass(frozen=True, slots=True)
class BoutLaw:
    """Length of a bout: `median_s` and `spread` of the log-normal law, cut off at both ends (seconds)."""

    median_s: float
    spread: float
    longest_s: float
    shortest_s: float = 15.0


_WAKE = BoutLaw(14.0, 1.25, 900.0)
LONG_WAKE = BoutLaw(780.0, 0.8, 5400.0, 240.0)
"""Awakenings from which sleep does not come back soon; how many, is a habit."""
_WAKE_IN_REM = BoutLaw(16.0, 1.1, 600.0)
_RAREST = 1e-6
_N1 = BoutLaw(27.0, 0.8, 600.0, 18.0)

LAWS: Mapping[CyclePart, Mapping[Stage, BoutLaw]] = {
    CyclePart.FIRST: {
        Stage.W: BoutLaw(16.0, 1.5, 900.0),
        Stage.N1: BoutLaw(58.0, 0.7, 600.0),
        Stage.N2: BoutLaw(250.0, 1.8, 3600.0),
    },
    CyclePart.LIGHT: {Stage.W: _WAKE, Stage.N1: _N1, Stage.N2: BoutLaw(520.0, 1.85, 3600.0)},
    CyclePart.DEEP: {
        Stage.W: _WAKE,
        Stage.N1: BoutLaw(29.0, 0.66, 300.0, 18.0),
        Stage.N2: BoutLaw(95.0, 1.2, 1200.0),
        Stage.N3: BoutLaw(620.0, 2.0, 4200.0),
    },
    CyclePart.REM: {
        Stage.W: _WAKE_IN_REM,
        Stage.N1: BoutLaw(31.0, 0.87, 300.0),
        Stage.N2: BoutLaw(100.0, 0.97, 840.0),
        Stage.R: BoutLaw(1500.0, 1.3, 7200.0, 30.0),
    },
}
"""Length of bouts that end by themselves; those that end with their part are cut short."""

CHANCES: Mapping[CyclePart, Mapping[Stage, Mapping[Stage, float]]] = {
    CyclePart.FIRST: {
        Stage.W: {Stage.N1: 0.95, Stage.N2: 0.05},
        Stage.N1: {Stage.W: 0.23, Stage.N2: 0.77},
        Stage.N2: {Stage.W: 0.60, Stage.N1: 0.40},
    },
    CyclePart.LIGHT: {
        Stage.W: {Stage.N1: 1.0},
        Stage.N1: {Stage.W: 0.22, Stage.N2: 0.78},
        Stage.N2: {Stage.W: 0.55, Stage.N1: 0.45},
    },
    CyclePart.DEEP: {
        Stage.W: {Stage.N1: 0.98, Stage.N2: 0.02},
        Stage.N1: {Stage.W: 0.16, Stage.N2: 0.84},
        Stage.N2: {Stage.W: 0.19, Stage.N1: 0.135, Stage.N3: 0.675},
        Stage.N3: {Stage.W: 0.27, Stage.N1: 0.04, Stage.N2: 0.69},
    },
    CyclePart.REM: {
        Stage.W: {Stage.N1: 0.67, Stage.R: 0.33},
        Stage.N1: {Stage.W: 0.06, Stage.N2: 0.22, Stage.R: 0.72},
        Stage.N2: {Stage.N1: 0.11, Stage.R: 0.89},
        Stage.R: {Stage.W: 0.51, Stage.N1: 0.28, Stage.N2: 0.21},
    },
}
"""Chance of each stage after a bout of a stage, in each part."""


def draw_bout_s(part: CyclePart, stage: Stage, profile: SleepProfile, rng: np.random.Generator) -> float:
    """Length of one uninterrupted bout (seconds).

    Sleep that is left more often than usual, for waking or for N1, lasts less long.
    """
    law = LAWS[part][stage]
    if stage is Stage.W and part is not CyclePart.REM and rng.random() < profile.long_wakes:
        law = LONG_WAKE
    stretch = _stretch(part, stage, profile)
    longest_s = law.longest_s * max(1.0, stretch)
    return draw_length(law.median_s * stretch, law.spread, rng, law.shortest_s, longest_s)


def _stretch(part: CyclePart, stage: Stage, profile: SleepProfile) -> float:
    """Habitual length of a bout over the usual one."""
    if stage is Stage.W:
        return profile.wake_length
    if stage is Stage.R:
        return 1.0 / max(profile.rem_interruption, _RAREST)
    hold = {
        Stage.N1: profile.n1_hold,
        Stage.N2: profile.n2_hold,
        Stage.N3: profile.n3_hold * max(profile.deep, _RAREST),
    }
    return hold[stage] / sum(_weights(part, stage, profile).values())


def draw_next(part: CyclePart, stage: Stage, profile: SleepProfile, rng: np.random.Generator) -> Stage:
    """Stage after a bout of `stage`."""
    weights = _weights(part, stage, profile)
    left = float(rng.random()) * sum(weights.values())
    for to, weight in weights.items():
        left -= weight
        if left < 0.0:
            return to
    return to


def _weights(part: CyclePart, stage: Stage, profile: SleepProfile) -> dict[Stage, float]:
    """Rates of the ways out, 1 in sum for the usual sleeper."""
    factors = {Stage.W: profile.wake_rate, Stage.N1: profile.n1_rate}
    sound = stage in (Stage.N2, Stage.N3)
    return {
        to: chance * (factors.get(to, 1.0) if sound else 1.0) for to, chance in CHANCES[part][stage].items()
    }
