"""Features of the trailing 30 s: what an epoch ending now would show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from sanctuary.signal.frontend import Second
from sanctuary.signal.samples import FloatArray
from sanctuary.signal.spectra import WINDOW_S, decibel

EPOCH_S = 30
LEAST_WINDOWS = 9
"""A third of the 27 spectra that fit into 30 s; fewer say too little."""
LEAST_EYE_S = 15
"""Seconds of two usable channels needed to speak of eye movements."""


@dataclass(frozen=True, slots=True)
class EyeCounts:
    """Eye movements per 30 s: rapid horizontal, same-sign, and seconds of slow rolling."""

    saccades: float
    blinks: float
    slow: float


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The trailing 30 s in numbers.

    Attributes
    ----------
    band_db
        Shape ``(5,)``: log band powers (dB re 1 uV^2/Hz, `spectra.BAND_NAMES`); None if too little was
        usable.
    eyes
        Eye movements; None if two usable channels were there too rarely.
    quality
        Share of seconds in which the best channel was usable, 0 to 1.
    channel_quality
        Shape ``(n_channels,)``: the same for each channel.
    """

    band_db: FloatArray | None
    eyes: EyeCounts | None
    quality: float
    channel_quality: FloatArray


class TrailingFeatures:
    """Keeps the last 30 seconds' summaries.

    Only spectra whose whole 4 s window lies within the last 30 s count, so that an epoch's features
    never contain samples of the epoch before.
    """

    def __init__(self, n_channels: int) -> None:
        self._n = n_channels
        self._seconds: deque[Second] = deque(maxlen=EPOCH_S)

    def push(self, second: Second) -> None:
        """Take the next second."""
        self._seconds.append(second)

    def now(self) -> Features:
        """Features of the trailing 30 s (of what there is so far, at the start of a night)."""
        usable = np.array([second.usable for second in self._seconds], dtype=np.float64)
        channel_quality = usable.sum(axis=0) / EPOCH_S
        any_usable = float(usable.max(axis=1).sum()) / EPOCH_S
        return Features(self._band_db(), self._eyes(), any_usable, channel_quality)

    def _band_db(self) -> FloatArray | None:
        inside = list(self._seconds)[WINDOW_S - 1 :]
        powers = [second.band_power for second in inside if second.band_power is not None]
        if len(powers) < LEAST_WINDOWS:
            return None
        return decibel(np.mean(powers, axis=0))

    def _eyes(self) -> EyeCounts | None:
        seen = [second.eyes for second in self._seconds if second.eyes is not None]
        if len(seen) < LEAST_EYE_S:
            return None
        scale = EPOCH_S / len(seen)
        return EyeCounts(
            scale * sum(eye.saccades for eye in seen),
            scale * sum(eye.blinks for eye in seen),
            scale * sum(eye.slow for eye in seen),
        )
