"""Eye movements and voluntary eye signals, from the difference and the mean of two frontal channels.

A horizontal eye movement deflects AF7 and AF8 in opposite directions; a blink, a vertical movement, a
K-complex or a slow wave deflects them in the same direction (the same idea as the negative product in
YASA's REM detector). So the difference of the channels carries saccades and slow rolls, their mean carries
blinks. A movement is rapid if it swings within 0.2 s (AASM: initial deflection shorter than 500 ms) and
slow if it drifts over whole seconds.

`EyeMovementDetector` counts movements, for reports and REM density, and gives the classifier the strengths of
both traces in four bands and over two swing times, which lose nothing to a threshold. `EyeSignalDetector`
searches the last seconds for the voluntary signal (left, right, left, right; `eye_signal_pattern`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sanctuary.config.chain_settings import EyeSignalSettings
from sanctuary.signal.eye_calibration import EyeCalibration
from sanctuary.signal.eye_signal_pattern import POINTS_PER_S, Limits, Pattern, find_patterns
from sanctuary.signal.filters import CausalFilter, bandpass
from sanctuary.signal.repair import hold_last
from sanctuary.signal.samples import BoolArray, EyeSignal, FloatArray

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


class EyeMovementDetector:
    """Carries the filters and the last points of several sleepers' traces."""

    def __init__(self, n_sleepers: int) -> None:
        self._n = n_sleepers
        self._bands = [CausalFilter(bandpass(POINTS_PER_S, *band), 2 * n_sleepers) for band in BANDS_HZ]
        self._tail: FloatArray | None = None
        self._noise: FloatArray | None = None
        self._since = np.full((2, n_sleepers, 1), -1 - REFRACTORY)
        self._mean_uv: FloatArray | None = None

    def push(self, traces_uv: FloatArray, usable: BoolArray) -> EyeSeconds:
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


SEARCH_S = 12
"""Length of the trailing trace that is searched: the slowest signal with its surroundings."""
SHORTEST_S = 3
"""A signal is sought once so many usable seconds follow each other."""
RECENT_S = 4
"""A signal that has just become complete had its last movement within this time."""
STIR_SHARE = 0.4
"""A trace that stays within this share of the least swing in each recent second holds no signal."""
LEAST_SWING_UV = 80.0
"""No calibration puts the least swing below this: sleep's own waves swing as far."""


class EyeSignalDetector:
    """Keeps the last seconds of each sleeper's trace and reports each signal once.

    What one row yields does not depend on the other rows. A second that is not usable ends whatever was
    under way. The amplitude of a signal is no fault: `usable` must not be false for its size alone.

    Parameters
    ----------
    n_sleepers
        Number of rows.
    settings
        What counts as a signal.
    """

    def __init__(self, n_sleepers: int, settings: EyeSignalSettings) -> None:
        self._settings = settings
        self._difference_uv = np.zeros((n_sleepers, (SEARCH_S - 1) * POINTS_PER_S))
        self._mean_uv = np.zeros_like(self._difference_uv)
        self._range_uv = np.zeros((n_sleepers, RECENT_S - 1))
        self._unusable_s = np.full((n_sleepers, 1), -1)
        self._least_uv = np.full(n_sleepers, settings.least_swing_uv)
        self._calibrations: list[EyeCalibration | None] = [None] * n_sleepers
        self._reported_s = [-np.inf] * n_sleepers

    def calibrate(self, row: int, calibration: EyeCalibration | None) -> None:
        """Judge a sleeper by their own shift of gaze, or by the settings alone (None).

        Raises
        ------
        ValueError
            The calibration is not usable.
        """
        if calibration is not None and not calibration.usable:
            raise ValueError(f"this eye calibration is not usable: {calibration.reason}")
        self._calibrations[row] = calibration
        self._least_uv[row] = (
            self._settings.least_swing_uv
            if calibration is None
            else max(LEAST_SWING_UV, self._settings.swing_share * calibration.gain_uv)
        )

    def push(
        self, first_s: float, difference_uv: FloatArray, mean_uv: FloatArray, usable: BoolArray
    ) -> list[tuple[int, int, EyeSignal]]:
        """Take the next `m` seconds.

        Parameters
        ----------
        first_s
            End of the first of them: the time of its last point.
        difference_uv, mean_uv
            Shape ``(n_sleepers, m * 50)``, as `EyeTracer` makes them.
        usable
            Shape ``(n_sleepers, m)``: both channels can be trusted. Elsewhere may be anything, even NaN.

        Returns
        -------
        What these seconds complete: second (0 to m - 1), sleeper and signal.
        """
        rows, count = usable.shape
        fresh = np.repeat(usable, POINTS_PER_S, axis=1)
        difference = np.concatenate((self._difference_uv, np.where(fresh, difference_uv, 0.0)), axis=1)
        mean = np.concatenate((self._mean_uv, np.where(fresh, mean_uv, 0.0)), axis=1)
        newest = difference[:, self._difference_uv.shape[1] :].reshape(rows, count, POINTS_PER_S)
        ranges = np.concatenate((self._range_uv, newest.max(axis=-1) - newest.min(axis=-1)), axis=1)
        index = np.arange(count)
        unusable = np.maximum.accumulate(np.where(usable, self._unusable_s, index), axis=1)
        usable_s = np.minimum(index - unusable, SEARCH_S)
        recent = sliding_window_view(ranges, RECENT_S, axis=1).max(axis=-1)
        stirred = (recent >= STIR_SHARE * self._least_uv[:, np.newaxis]) & (usable_s >= SHORTEST_S)
        found: list[tuple[int, int, EyeSignal]] = []
        for k, row in np.argwhere(stirred.T).tolist():
            end = (SEARCH_S + k) * POINTS_PER_S
            span = slice(end - int(usable_s[row, k]) * POINTS_PER_S, end)
            signal = self._search(row, first_s + k, difference[row, span], mean[row, span])
            if signal is not None:
                found.append((k, row, signal))
        self._difference_uv = difference[:, count * POINTS_PER_S :].copy()
        self._mean_uv = mean[:, count * POINTS_PER_S :].copy()
        self._range_uv = ranges[:, count:].copy()
        self._unusable_s = unusable[:, -1:] - count
        return found

    def _search(
        self, row: int, t_s: float, difference_uv: FloatArray, mean_uv: FloatArray
    ) -> EyeSignal | None:
        limits = Limits(float(self._least_uv[row]), self._settings.longest_gap_s, self._settings.least_fit)
        begin_s = t_s - (difference_uv.size - 1) / POINTS_PER_S
        for pattern in find_patterns(difference_uv, mean_uv, limits):
            signal = self._signal(row, pattern, begin_s, t_s)
            if signal.start_s > self._reported_s[row]:
                self._reported_s[row] = signal.end_s
                return signal
        return None

    def _signal(self, row: int, pattern: Pattern, begin_s: float, t_s: float) -> EyeSignal:
        calibration, least_fit = self._calibrations[row], self._settings.least_fit
        return EyeSignal(
            start_s=begin_s + pattern.start / POINTS_PER_S,
            end_s=begin_s + pattern.end / POINTS_PER_S,
            found_s=t_s,
            amplitude_uv=pattern.swing_uv,
            confidence=(pattern.fit - least_fit) / (1.0 - least_fit),
            leftward_first=None
            if calibration is None
            else pattern.positive_first == (calibration.polarity > 0),
        )
