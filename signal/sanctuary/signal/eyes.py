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
from numpy.lib.stride_tricks import sliding_window_view

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
REACH_S = 1.0
"""A swing is compared with the range of half this time before it and after it, so it is judged late."""
RAPID_SHARE = 0.5
"""A saccade covers at least this share of that range within `SWING_S`; a slow roll, however large, less."""
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
    reach_uv
        Shape ``(n,)``: range of the difference around each swing.
    mean_uv
        Mean of the difference.
    """

    size_uv: FloatArray
    reach_uv: FloatArray
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
        self._delay = round(0.5 * REACH_S * rate_hz)
        self._reach = self._delay + max(self._lag, self._delay)
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
            self._tail = np.repeat(combined[:, :1], self._reach, axis=1)
        joined = np.concatenate((self._tail, combined), axis=1)
        late = joined[:, self._reach - self._delay : joined.shape[1] - self._delay]
        before = self._reach - self._delay - self._lag
        size = np.abs(late - joined[:, before : before + combined.shape[1]])
        recent = sliding_window_view(joined[0], self._reach + 1)[: combined.shape[1]]
        reach = recent.max(axis=1) - recent.min(axis=1)
        self._tail = joined[:, joined.shape[1] - self._reach :]
        return [Swings(size[:, a:b], reach[a:b], float(combined[0, a:b].mean())) for a, b in pairwise(places)]

    def second(self, swings: Swings, usable: bool) -> EyeSecond:
        """Count the movements of one second; one that is not usable only keeps the state in step."""
        previous_uv, self._mean_uv = self._mean_uv, swings.mean_uv
        if not usable:
            self._pass(0, swings.size_uv.shape[1])
            self._pass(1, swings.size_uv.shape[1])
            return NO_EYES
        saccades, blinks = self._rapid(swings)
        self._adapt(swings.size_uv)
        drift_uv = abs(swings.mean_uv - previous_uv)
        return EyeSecond(saccades, blinks, int(drift_uv > SLOW_UV and not saccades))

    def _rapid(self, swings: Swings) -> tuple[int, int]:
        difference, mean = swings.size_uv
        peaks_uv = swings.size_uv.max(axis=1).tolist()
        saccades_uv = max(SACCADE_UV, NOISE_FACTOR * self._noise_uv[0])
        blinks_uv = max(BLINK_UV, NOISE_FACTOR * self._noise_uv[1])
        found = [0, 0]
        if peaks_uv[0] > saccades_uv:
            alone = (difference > saccades_uv) & (mean < OTHER_SHARE * difference)
            found[0] = self._onsets(alone & (difference >= RAPID_SHARE * swings.reach_uv), 0)
        else:
            self._pass(0, difference.size)
        if peaks_uv[1] > blinks_uv:
            found[1] = self._onsets((mean > blinks_uv) & (difference < OTHER_SHARE * mean), 1)
        else:
            self._pass(1, mean.size)
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
