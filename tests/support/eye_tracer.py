"""The trace that eye signals are sought in, made from raw samples without the rest of the front end."""

from __future__ import annotations

import numpy as np

from sanctuary.signal.eye_signal_pattern import HIGHPASS_HZ, POINTS_PER_S
from sanctuary.signal.eyes import EyeSignalDetector
from sanctuary.signal.filters import CausalFilter, highpass, lowpass
from sanctuary.signal.samples import BoolArray, EyeSignal, FloatArray

LOWPASS_HZ = 6.0
"""Cutoff of the fourth-order Butterworth low-pass; the rise of a saccade still fits below it."""


def points(second_uv: FloatArray) -> FloatArray:
    """Reduce one second to `POINTS_PER_S` points, by linear interpolation.

    Parameters
    ----------
    second_uv
        Shape ``(..., n)``: one second of a low-passed signal at n Hz, n being 50 or more.

    Returns
    -------
    Shape ``(..., 50)``. The last point is the last sample, so each point follows from this second alone.
    """
    n = second_uv.shape[-1]
    places = np.arange(1, POINTS_PER_S + 1) * (n / POINTS_PER_S) - 1.0
    left = np.minimum(places.astype(np.intp), n - 1)
    right = np.minimum(left + 1, n - 1)
    share = places - left
    return np.ascontiguousarray(second_uv[..., left] * (1.0 - share) + second_uv[..., right] * share)


class EyeTracer:
    """Makes the trace of several sleepers from their two channels, second by second.

    Parameters
    ----------
    fs_hz
        Sampling rate, a whole number of 50 Hz or more.
    n_sleepers
        Number of sleepers.
    """

    def __init__(self, fs_hz: float, n_sleepers: int) -> None:
        if fs_hz < POINTS_PER_S or fs_hz != int(fs_hz):
            raise ValueError(f"{fs_hz} Hz: must be a whole number of at least {POINTS_PER_S} Hz")
        self._high = CausalFilter(highpass(fs_hz, HIGHPASS_HZ), 2 * n_sleepers)
        self._low = CausalFilter(lowpass(fs_hz, LOWPASS_HZ), 2 * n_sleepers)

    def second(self, uv: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Take the next second, ``(n_sleepers, 2, fs_hz)`` finite uV, left channel first.

        Returns
        -------
        Difference left minus right, and mean: each of shape ``(n_sleepers, 50)``, uV.
        """
        n_sleepers, _, n = uv.shape
        smooth = points(self._low(self._high(uv.reshape(2 * n_sleepers, n)))).reshape(n_sleepers, 2, -1)
        left, right = smooth[:, 0], smooth[:, 1]
        return left - right, 0.5 * (left + right)


def push_second(
    detector: EyeSignalDetector, t_s: float, difference_uv: FloatArray, mean_uv: FloatArray, usable: BoolArray
) -> list[EyeSignal | None]:
    """Push one second that ends at `t_s`; returns per sleeper the signal that it completes, or None."""
    found: list[EyeSignal | None] = [None] * usable.size
    for _, row, signal in detector.push(t_s, difference_uv, mean_uv, usable[:, np.newaxis]):
        found[row] = signal
    return found
