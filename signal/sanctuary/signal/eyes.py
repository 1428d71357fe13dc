"""Eye movements from the trace of the difference and of the mean of two frontal channels, second by second.

A horizontal eye movement deflects AF7 and AF8 in opposite directions; a blink, a vertical movement, a
K-complex or a slow wave deflects them in the same direction (the same idea as the negative product in
YASA's REM detector). So the difference of the channels carries saccades and slow rolls, their mean carries
blinks. A movement is rapid if it swings within 0.2 s (AASM: initial deflection shorter than 500 ms) and
slow if it drifts over whole seconds.

Two things come out. Counts of movements are for people: reports, REM density. The classifier gets the
strengths of both traces in four bands and over two swing times, which lose nothing to a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sanctuary.signal.filters import CausalFilter, bandpass
from sanctuary.signal.repair import hold_last
from sanctuary.signal.samples import BoolArray, FloatArray

POINTS_PER_S = 50
"""Points of the traces per second; they hold nothing above 6 Hz."""
BANDS_HZ = ((0.3, 0.7), (0.7, 1.5), (1.5, 3.0), (3.0, 6.0))
"""Slow rolls, wide saccades, saccades, fast saccades and blinks."""
LAGS = (10, 25)
"""Swings are measured over these numbers of points: 0.2 s and 0.5 s."""
STRENGTHS = tuple(
    f"{trace}-{what}"
    for trace in ("difference", "mean")
    for what in (*(f"{low:g}-{high:g}Hz" for low, high in BANDS_HZ), "swing-0.2s", "swing-0.5s")
)
"""Names of the strengths of one second."""
FLOOR = 0.5
"""Added to powers (uV^2) and swings (uV) before the logarithm."""

SACCADE_UV = 35.0
"""Least swing of AF7 - AF8; a 50 uV saccade of half a second swings this much within 0.2 s."""
BLINK_UV = 45.0
"""Least swing of the channels' mean."""
OTHER_SHARE = 0.5
"""The other combination (mean for saccades, difference for blinks) may swing at most this share."""
NOISE_FACTOR = 5.0
"""A swing must also exceed this many running medians of swings, so that coarse EEG does not count."""
NOISE_S = 60
"""Seconds over which the running median of swings is taken."""
SLOW_UV = 18.0
"""Least change of AF7 - AF8 between two successive seconds' means that counts as a slow roll."""
RAPID_SHARE = 0.5
"""A saccade covers at least this share of the range within half a second around it; a slow roll less."""
DELAY = 25
"""Points by which a swing is judged late, so that the half second after it is known."""
REFRACTORY = 20
"""Points within which a movement and its return count once."""

_REACH = 2 * DELAY
CountArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EyeSeconds:
    """Eye movements of `m` seconds of `S` sleepers.

    Attributes
    ----------
    strengths
        Shape ``(S, 12, m)``: natural logs of `STRENGTHS`; NaN unless both channels of a pair were usable.
    saccades, blinks, slow
        Shape ``(S, m)``: rapid horizontal movements, same-sign ones, and whether it rolled slowly; zero
        where nothing was usable.
    """

    strengths: FloatArray
    saccades: CountArray
    blinks: CountArray
    slow: CountArray


class EyeWatcher:
    """Carries the filters and the last points of several sleepers' traces."""

    def __init__(self, n_sleepers: int) -> None:
        self._n = n_sleepers
        self._bands = [CausalFilter(bandpass(POINTS_PER_S, *band), 2 * n_sleepers) for band in BANDS_HZ]
        self._tail: FloatArray | None = None
        self._noise: FloatArray | None = None
        self._since = np.full((2, n_sleepers, 1), -1 - REFRACTORY)
        self._mean_uv: FloatArray | None = None

    def seconds(self, traces_uv: FloatArray, usable: BoolArray) -> EyeSeconds:
        """Take the next seconds.

        Parameters
        ----------
        traces_uv
            Shape ``(S, 2, m * 50)``: the difference (left minus right) and the mean, high-passed at 0.3 Hz
            and low-passed at 6 Hz, uV.
        usable
            Shape ``(S, m)``: whether both channels of the pair were.
        """
        if self._tail is None:
            self._tail = np.repeat(traces_uv[:, :, :1], _REACH, axis=2)
        joined = np.concatenate((self._tail, traces_uv), axis=2)
        self._tail = joined[:, :, -_REACH:].copy()
        swings = [np.abs(joined[:, :, _REACH:] - joined[:, :, _REACH - lag : -lag]) for lag in LAGS]
        strengths = self._strengths(traces_uv, swings, usable)
        late = np.abs(joined[:, :, DELAY:-DELAY] - joined[:, :, DELAY - LAGS[0] : -DELAY - LAGS[0]])
        saccades, blinks = self._rapid(joined[:, 0], late, usable)
        return EyeSeconds(strengths, saccades, blinks, self._slow(traces_uv[:, 0], saccades, usable))

    def _strengths(self, traces_uv: FloatArray, swings: list[FloatArray], usable: BoolArray) -> FloatArray:
        seconds = (self._n, 2, usable.shape[1], POINTS_PER_S)
        rows = traces_uv.reshape(2 * self._n, -1)
        powers = [np.square(band(rows)).reshape(seconds).mean(axis=-1) for band in self._bands]
        peaks = [swing.reshape(seconds).max(axis=-1) for swing in swings]
        stacked = np.stack(powers + peaks, axis=2).reshape(self._n, len(STRENGTHS), -1)
        return np.where(usable[:, np.newaxis], np.log(stacked + FLOOR), np.nan)

    def _rapid(
        self, joined: FloatArray, swing: FloatArray, usable: BoolArray
    ) -> tuple[CountArray, CountArray]:
        """Count saccades and blinks from swings ``(S, 2, n)`` over 0.2 s, judged `DELAY` points late."""
        limit = self._limits(swing, usable)
        difference, mean = swing[:, 0], swing[:, 1]
        active = np.repeat(usable, POINTS_PER_S, axis=1)
        large = (difference > limit[0]) & active, (mean > limit[1]) & active
        window = sliding_window_view(joined, _REACH + 1, axis=1)
        reach = np.zeros_like(difference)
        sleepers, points = np.nonzero(large[0])
        near = window[sleepers, points]
        reach[sleepers, points] = near.max(axis=-1) - near.min(axis=-1)
        saccade = large[0] & (mean < OTHER_SHARE * difference) & (difference >= RAPID_SHARE * reach)
        blink = large[1] & (difference < OTHER_SHARE * mean)
        return self._onsets(0, saccade), self._onsets(1, blink)

    def _limits(self, swing: FloatArray, usable: BoolArray) -> FloatArray:
        """Least swings that count, ``(2, S, n)`` points: fixed, or many times the last minute's median."""
        by_second = swing.reshape(self._n, 2, -1, POINTS_PER_S)
        median = np.partition(by_second, POINTS_PER_S // 2, axis=-1)[..., POINTS_PER_S // 2]
        if self._noise is None:
            self._noise = np.tile(np.array([[6.0], [12.0]]), (self._n, 1, NOISE_S))
        held = hold_last(np.where(usable[:, np.newaxis], median, np.nan), self._noise[..., -1:])
        known = np.concatenate((self._noise, held), axis=2)
        self._noise = known[..., -NOISE_S:].copy()
        windows = np.ascontiguousarray(sliding_window_view(known, NOISE_S, axis=2)[:, :, :-1])
        noise = np.partition(windows, NOISE_S // 2, axis=-1)[..., NOISE_S // 2]
        least = np.array([SACCADE_UV, BLINK_UV])[:, np.newaxis]
        limit = np.maximum(least, NOISE_FACTOR * noise)
        return np.repeat(limit.transpose(1, 0, 2), POINTS_PER_S, axis=2)

    def _onsets(self, kind: int, active: BoolArray) -> CountArray:
        """Count, for each second, active points that follow none within `REFRACTORY` points."""
        count = active.shape[1]
        places = np.arange(count)
        last = np.maximum.accumulate(np.where(active, places, self._since[kind]), axis=1)
        before = np.concatenate((self._since[kind], last[:, :-1]), axis=1)
        self._since[kind] = last[:, -1:] - count
        onset = active & (places - before > REFRACTORY)
        return np.asarray(onset.reshape(self._n, -1, POINTS_PER_S).sum(axis=-1))

    def _slow(self, difference_uv: FloatArray, saccades: CountArray, usable: BoolArray) -> CountArray:
        means = difference_uv.reshape(self._n, -1, POINTS_PER_S).mean(axis=-1)
        first = means[:, :1] if self._mean_uv is None else self._mean_uv
        self._mean_uv = means[:, -1:]
        drift_uv = np.abs(np.diff(np.concatenate((first, means), axis=1), axis=1))
        return np.asarray(((drift_uv > SLOW_UV) & (saccades == 0) & usable).astype(np.int64))
