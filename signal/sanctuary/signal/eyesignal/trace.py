"""The trace that eye signals are sought in: AF7 - AF8 and the channels' mean at 50 points a second.

A horizontal movement deflects the two channels in opposite directions and so shows in the difference; blinks,
K-complexes and slow waves show in the mean. The high-pass takes away the electrodes' drift, and with it the
held gaze: `gaze` gives that back over the few seconds that a signal lasts.
"""

from __future__ import annotations

import math

import numpy as np

from sanctuary.signal.filters import CausalFilter, highpass, lowpass
from sanctuary.signal.samples import FloatArray

POINTS_PER_S = 50
"""Points of the trace per second."""
HIGHPASS_HZ = 0.3
"""Cutoff of the second-order Butterworth high-pass in front; `gaze` undoes it."""
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


def gaze(trace_uv: FloatArray) -> FloatArray:
    """Undo the high-pass over a short stretch of the trace.

    The inverse of s^2 / (s^2 + sqrt(2) w s + w^2) is 1 + sqrt(2) w / s + w^2 / s^2: the trace plus a share of
    its first and second integral. What happened before the stretch leaves an unknown straight line, and so
    the straight line that fits best is taken away.

    Parameters
    ----------
    trace_uv
        Shape ``(n,)``, `POINTS_PER_S` points a second, high-passed at `HIGHPASS_HZ`.

    Returns
    -------
    Shape ``(n,)``, uV about the mean: where the eyes pointed, up to a slow drift.
    """
    cutoff = 2.0 * math.pi * HIGHPASS_HZ
    once = _integral(trace_uv)
    return level(trace_uv + math.sqrt(2.0) * cutoff * once + cutoff**2 * _integral(once))


def level(values: FloatArray) -> FloatArray:
    """Take the straight line that fits best, in least squares, from ``(n,)`` values."""
    centred = np.arange(values.size) - 0.5 * (values.size - 1)
    slope = (values * centred).sum() / max(1e-12, float((centred * centred).sum()))
    return np.asarray(values - values.mean() - slope * centred)


def _integral(values: FloatArray) -> FloatArray:
    """Integral over time by trapezia, zero half a point before the first value."""
    return np.asarray((np.cumsum(values) - 0.5 * values) / POINTS_PER_S)


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
