"""Features made by hand, for tests of staging and training."""

from __future__ import annotations

import numpy as np

from sanctuary.signal.emission import default_emission
from sanctuary.signal.features import EYE_FEATURES, Features

QUIET = np.full(len(EYE_FEATURES), 0.5)
"""Eye features of thirty seconds without eye movements: the largest second is little above the middle."""


def rapid_eyes() -> np.ndarray:
    """Eye features of a burst of saccades: the difference far above its middle, the mean not."""
    values = QUIET.copy()
    for index, name in enumerate(EYE_FEATURES):
        if name.startswith("difference") and "largest/middle" in name:
            values[index] = 3.0
        if name.startswith("difference") and "high/middle" in name:
            values[index] = 1.5
        if "difference/mean" in name:
            values[index] = 2.0
    return values


def blinks() -> np.ndarray:
    """Eye features of repeated blinks: the mean far above its middle, the difference not."""
    values = QUIET.copy()
    for index, name in enumerate(EYE_FEATURES):
        if name.startswith("mean") and "largest/middle" in name:
            values[index] = 2.5
        if name.startswith("mean") and "high/middle" in name:
            values[index] = 1.5
        if "difference/mean" in name:
            values[index] = -1.0
    return values


def features(shift_db=(0.0,) * 5, eyes=QUIET, quality=1.0, sleepers=1) -> Features:
    """Features of sleepers who all show the same, their bands shifted from the population's."""
    bands = default_emission().population_db + np.array(shift_db)
    rows = np.full(sleepers, quality)
    seen = np.full(len(EYE_FEATURES), np.nan) if eyes is None else eyes
    return Features(
        np.repeat(bands[np.newaxis], sleepers, axis=0),
        np.repeat(seen[np.newaxis], sleepers, axis=0),
        rows,
        np.repeat(rows[:, np.newaxis], 2, axis=1),
        np.zeros(sleepers),
    )
