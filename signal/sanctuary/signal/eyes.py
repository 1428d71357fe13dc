"""Eye movements from two frontal channels, second by second.

A horizontal eye movement deflects AF7 and AF8 in opposite directions; a blink, a vertical movement, a
K-complex or a slow wave deflects them in the same direction (the same idea as the negative product in
YASA's REM detector). So the difference of the channels carries saccades and slow rolls, their mean carries
blinks. A movement is rapid if it swings within 0.2 s (AASM: initial deflection shorter than 500 ms) and
slow if it drifts over whole seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sanctuary.signal.filters import CausalFilter, lowpass
from sanctuary.signal.samples import BoolArray, FloatArray

SWING_S = 0.2
"""Time over which a rapid deflection is measured."""
SACCADE_UV = 35.0
"""Least swing of AF7 - AF8; a 50 uV saccade of half a second swings this much within `SWING_S`."""
BLINK_UV = 45.0
"""Least swing of the channels' mean."""
OTHER_SHARE = 0.5
"""The other combination (mean for saccades, difference for blinks) may swing at most this share."""
NOISE_FACTOR = 5.0
"""A swing must also exceed this many running median absolute swings, so that coarse EEG does not count."""
SLOW_UV = 18.0
"""Least change of AF7 - AF8 between two successive seconds' means that counts as a slow roll."""
REFRACTORY_S = 0.4
"""A movement and its return count once."""


@dataclass(frozen=True, slots=True)
class EyeSecond:
    """Eye movements that began in one second: rapid horizontal, same-sign (blinks), and slow rolling."""

    saccades: int
    blinks: int
    slow: int


NO_EYES = EyeSecond(0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Swings:
    """One second as the counter sees it.

    Attributes
    ----------
    size_uv
        Shape ``(2, n)``: absolute swings within `SWING_S` of the channels' difference and of their mean.
    mean_uv
        Mean of the difference.
    """

    size_uv: FloatArray
    mean_uv: float


def _median(rows: FloatArray) -> FloatArray:
    """Upper median of each row: `numpy.median` spends ten times longer on an array this small."""
    middle = rows.shape[1] // 2
    return np.asarray(np.partition(rows, middle, axis=1)[:, middle])


class EyeWatcher:
    """Carries the filter, the last swings and the running noise level of one pair of channels."""

    def __init__(self, fs_hz: float) -> None:
        self._step = max(1, int(fs_hz // 50))
        self._filter = CausalFilter(lowpass(fs_hz, 6.0), 2)
        rate_hz = fs_hz / self._step
        self._lag = max(1, round(SWING_S * rate_hz))
        self._refractory = round(REFRACTORY_S * rate_hz)
        self._tail: FloatArray | None = None
        self._phase = 0
        self._since = [self._refractory, self._refractory]
        self._noise_uv = [6.0, 12.0]
        self._mean_uv = 0.0

    def stretch(self, filtered_uv: FloatArray, cuts: Sequence[int]) -> list[Swings]:
        """Measure the swings of the next whole seconds.

        Parameters
        ----------
        filtered_uv
            Shape ``(2, n)``, uV, left and right after the high-pass.
        cuts
            Where the seconds begin and end: from 0 to n.
        """
        smooth = self._filter(filtered_uv)[:, self._phase :: self._step]
        places = [-(-(cut - self._phase) // self._step) for cut in cuts]
        self._phase = (self._phase - filtered_uv.shape[1]) % self._step
        combined = np.empty_like(smooth)
        np.subtract(smooth[0], smooth[1], out=combined[0])
        np.multiply(smooth[0] + smooth[1], 0.5, out=combined[1])
        if self._tail is None:
            self._tail = np.repeat(combined[:, :1], self._lag, axis=1)
        joined = np.concatenate((self._tail, combined), axis=1)
        size = np.abs(combined - joined[:, : combined.shape[1]])
        self._tail = joined[:, -self._lag :]
        return [Swings(size[:, a:b], float(combined[0, a:b].mean())) for a, b in pairwise(places)]

    def second(self, swings: Swings, usable: bool) -> EyeSecond:
        """Count the movements of one second; one that is not usable only keeps the state in step."""
        previous_uv, self._mean_uv = self._mean_uv, swings.mean_uv
        if not usable:
            self._pass(0, swings.size_uv.shape[1])
            self._pass(1, swings.size_uv.shape[1])
            return NO_EYES
        saccades, blinks = self._rapid(swings.size_uv)
        self._adapt(swings.size_uv)
        drift_uv = abs(swings.mean_uv - previous_uv)
        return EyeSecond(saccades, blinks, int(drift_uv > SLOW_UV and not saccades))

    def _rapid(self, size: FloatArray) -> tuple[int, int]:
        difference, mean = size
        peaks_uv = size.max(axis=1).tolist()
        limits_uv = [
            max(a, NOISE_FACTOR * b) for a, b in zip((SACCADE_UV, BLINK_UV), self._noise_uv, strict=True)
        ]
        found = []
        for kind, (own, other) in enumerate(((difference, mean), (mean, difference))):
            if peaks_uv[kind] > limits_uv[kind]:
                found.append(self._onsets((own > limits_uv[kind]) & (other < OTHER_SHARE * own), kind))
            else:
                self._pass(kind, own.size)
                found.append(0)
        return found[0], found[1]

    def _adapt(self, size: FloatArray) -> None:
        """Follow the median swing over 50 s; a burst counts at most four times the noise."""
        for kind, median_uv in enumerate(_median(size).tolist()):
            noise_uv = self._noise_uv[kind]
            self._noise_uv[kind] = noise_uv + 0.02 * (min(median_uv, 4.0 * noise_uv) - noise_uv)

    def _pass(self, kind: int, samples: int) -> None:
        self._since[kind] += samples

    def _onsets(self, active: BoolArray, kind: int) -> int:
        """Count runs of `active` that begin at least the refractory time after the last active sample."""
        where = np.flatnonzero(active)
        if where.size == 0:
            self._pass(kind, active.size)
            return 0
        gaps = np.diff(where, prepend=where[0] - 1 - self._since[kind])
        self._since[kind] = active.size - 1 - int(where[-1])
        return int(np.count_nonzero(gaps > self._refractory))
