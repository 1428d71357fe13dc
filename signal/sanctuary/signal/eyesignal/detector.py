"""Watches the traces of all sleepers for the voluntary eye signal, second by second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sanctuary.config.chain_settings import EyeSignalSettings
from sanctuary.signal.eyesignal.eye_calibration import EyeCalibration
from sanctuary.signal.eyesignal.pattern import POINTS_PER_S, Limits, Pattern, find_patterns
from sanctuary.signal.samples import BoolArray, FloatArray

WINDOW_S = 12
"""Length of the trailing trace that is searched: the slowest signal with its surroundings."""
SHORTEST_S = 3
"""A signal is sought once so many usable seconds follow each other."""
RECENT_S = 4
"""A signal that has just become complete had its last movement within this time."""
STIR_SHARE = 0.4
"""A trace that stays within this share of the least swing in each recent second holds no signal."""
LEAST_SWING_UV = 80.0
"""No calibration puts the least swing below this: sleep's own waves swing as far."""


@dataclass(frozen=True, slots=True)
class EyeSignal:
    """One voluntary signal.

    Attributes
    ----------
    start_s, end_s
        When the eyes left the centre and when they were back, on the clock of the calls, as the filtered
        trace shows it (some 0.1 s late).
    found_s
        End of the second in which it was complete.
    amplitude_uv
        Mean swing of AF7 - AF8 from one side to the other.
    confidence
        0 to 1: how far the fit to the ideal signal lies from the least one allowed (0) to a perfect one (1).
        Not a probability.
    leftward_first
        Whether the first movement went left; None without calibration.
    """

    start_s: float
    end_s: float
    found_s: float
    amplitude_uv: float
    confidence: float
    leftward_first: bool | None


class EyeSignalWatcher:
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
        self._difference_uv = np.zeros((n_sleepers, (WINDOW_S - 1) * POINTS_PER_S))
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

    def forget(self, row: int) -> None:
        """Give a row to another sleeper: no calibration, no past."""
        self.calibrate(row, None)
        self._unusable_s[row] = -1
        self._reported_s[row] = -np.inf

    def second(
        self, t_s: float, difference_uv: FloatArray, mean_uv: FloatArray, usable: BoolArray
    ) -> list[EyeSignal | None]:
        """Take one second that ends at `t_s`; returns per sleeper the signal that it completes, or None."""
        found: list[EyeSignal | None] = [None] * usable.size
        for _, row, signal in self.seconds(t_s, difference_uv, mean_uv, usable[:, np.newaxis]):
            found[row] = signal
        return found

    def seconds(
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
        usable_s = np.minimum(index - unusable, WINDOW_S)
        recent = sliding_window_view(ranges, RECENT_S, axis=1).max(axis=-1)
        stirred = (recent >= STIR_SHARE * self._least_uv[:, np.newaxis]) & (usable_s >= SHORTEST_S)
        found: list[tuple[int, int, EyeSignal]] = []
        for k, row in np.argwhere(stirred.T).tolist():
            end = (WINDOW_S + k) * POINTS_PER_S
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
