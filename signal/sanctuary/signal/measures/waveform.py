"""Measures of a finished stretch of one EEG channel in the time domain.

Every function takes ``uv`` of shape ``(..., n)``, microvolts, high-passed, and ``fs_hz``; it returns shape
``(...)``. All raise ``ValueError`` for a stretch shorter than 1 s. What a flat stretch gives is said in each.

The set is that of YASA (Vallat and Walker 2021, eLife 10:e70092). Where a measure depends on the sampling
rate, every so many samples are taken to come close to YASA's 100 Hz from above (128 Hz from 256, 125 from
250); the chain's low-pass at 35 Hz has been run before.
"""

from __future__ import annotations

import math

import numpy as np

from sanctuary.signal.measures.rows import TINY, centred, contiguous, least_squares_slope, stretch
from sanctuary.signal.samples import BoolArray, FloatArray

COMMON_HZ = 100.0
"""Sampling rate that the rate-dependent measures come close to."""
HIGUCHI_LAGS = 10
"""Longest lag of the Higuchi dimension, samples at about `COMMON_HZ` (YASA's)."""
LEAST_STEEPNESS = 1e-12
"""Variance of the differences, as a share of the signal's, below which the stretch counts as straight."""


def standard_deviation(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Root mean square about the mean (population standard deviation), uV; shape ``(...)``.

    Flat: 0. Source: YASA.
    """
    return np.asarray(np.sqrt(_mean_square(centred(stretch(uv, fs_hz)))))


def interquartile_range(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Upper less lower quartile (linear interpolation), uV; shape ``(...)``. Flat: 0. Source: YASA."""
    low, high = np.quantile(stretch(uv, fs_hz), (0.25, 0.75), axis=-1)
    return np.asarray(high - low)


def skewness(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Third standardised moment (biased), unitless; shape ``(...)``. Flat: 0. Source: YASA."""
    unit = _unit(stretch(uv, fs_hz))
    variance = _mean_square(unit)
    cubes = contiguous(unit * unit * unit).mean(axis=-1)
    return np.asarray(cubes / np.maximum(variance * np.sqrt(variance), TINY))


def kurtosis(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Excess of the fourth standardised moment over the normal's 3 (biased), unitless; shape ``(...)``.

    Flat: 0. Source: YASA.
    """
    squares = _unit(stretch(uv, fs_hz)) ** 2
    variance = squares.mean(axis=-1)
    excess = _mean_square(squares) / np.maximum(variance * variance, TINY) - 3.0
    return np.asarray(np.where(variance > 0.0, excess, 0.0))


def zero_crossing_rate(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Crossings of the stretch's mean per second, 1/s; shape ``(...)``. Flat: 0.

    A sine of f Hz gives 2 f. Source: YASA, which counts crossings of zero and per epoch.
    """
    above = centred(stretch(uv, fs_hz)) >= 0.0
    return np.asarray(_changes(above) * (fs_hz / (above.shape[-1] - 1)))


def hjorth_mobility(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Hjorth's mobility as a frequency: RMS of the derivative over RMS, over 2 pi, Hz; shape ``(...)``.

    A slow sine of f Hz gives f. Flat: 0. Source: Hjorth 1970; YASA leaves it per sample.
    """
    activity, slope, _ = _hjorth(stretch(uv, fs_hz))
    return np.asarray(np.sqrt(slope / np.maximum(activity, TINY)) * (fs_hz / (2.0 * math.pi)))


def hjorth_complexity(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Mobility of the derivative over mobility, unitless; shape ``(...)``.

    1 for a sine, more for a mixture. Flat or straight: 0. Source: Hjorth 1970; YASA.
    """
    activity, slope, bend = _hjorth(stretch(uv, fs_hz))
    straight = np.maximum(LEAST_STEEPNESS * activity, TINY)
    return np.asarray(np.where(slope > straight, np.sqrt(bend * activity) / np.maximum(slope, straight), 0.0))


def permutation_entropy(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Entropy of the orders of three successive samples over its maximum, 0 to 1; shape ``(...)``.

    Order 3, delay 1, at about 100 Hz; of equal samples the earlier counts as lower. 0 for a monotone or flat
    stretch, near 1 for white noise. Source: Bandt and Pompe 2002; YASA.
    """
    x = _at_common_rate(stretch(uv, fs_hz), fs_hz)
    first, second, third = x[..., :-2], x[..., 1:-1], x[..., 2:]
    order = 4 * (first <= second) + 2 * (second <= third) + (first <= third)
    counts = np.stack([np.count_nonzero(order == code, axis=-1) for code in range(8)], axis=-1)
    shares = counts / order.shape[-1]
    entropy = (shares * np.log2(1.0 / np.maximum(shares, TINY))).sum(axis=-1)
    return np.asarray(entropy / math.log2(math.factorial(3)))


def petrosian_dimension(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Fractal dimension from the number of turns, unitless, 1 and a little; shape ``(...)``.

    At about 100 Hz. Flat or monotone: 1. Source: Petrosian 1995; YASA.
    """
    x = _at_common_rate(stretch(uv, fs_hz), fs_hz)
    n = x.shape[-1]
    turns = _changes(np.diff(x, axis=-1) >= 0.0)
    return np.asarray(math.log10(n) / (math.log10(n) + np.log10(n / (n + 0.4 * turns))))


def higuchi_dimension(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Fractal dimension from the length of the curve at lags of 1 to 10 samples, unitless; shape ``(...)``.

    1 for a line, 2 for white noise, at about 100 Hz. Flat: 1. All differences of one lag are averaged at
    once; Higuchi averages them by starting point first, which differs by the lag's share of the stretch.
    Source: Higuchi 1988; YASA.
    """
    x = _unit(_at_common_rate(stretch(uv, fs_hz), fs_hz))
    lags = np.arange(1, HIGUCHI_LAGS + 1)
    steps = [contiguous(np.abs(x[..., lag:] - x[..., :-lag])).mean(axis=-1) for lag in lags]
    length = np.stack(steps, axis=-1) / (lags * lags)
    longest = length.max(axis=-1, keepdims=True)
    slope = least_squares_slope(np.log(lags), np.log(np.maximum(length, np.maximum(1e-12 * longest, TINY))))
    return np.asarray(np.where(longest[..., 0] > 0.0, -slope, 1.0))


def _at_common_rate(uv: FloatArray, fs_hz: float) -> FloatArray:
    return contiguous(uv[..., :: max(1, int(fs_hz // COMMON_HZ))])


def _unit(uv: FloatArray) -> FloatArray:
    """Centred rows scaled to a greatest absolute value of 1; a flat row becomes zeros."""
    rows = centred(uv)
    return np.asarray(rows / np.maximum(np.abs(rows).max(axis=-1, keepdims=True), TINY))


def _mean_square(rows: FloatArray) -> FloatArray:
    return np.asarray(contiguous(rows * rows).mean(axis=-1))


def _changes(state: BoolArray) -> FloatArray:
    """How often each row of truth values ``(..., n)`` changes."""
    return np.asarray(np.count_nonzero(state[..., 1:] != state[..., :-1], axis=-1), dtype=np.float64)


def _hjorth(uv: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Variances of the scaled signal, of its first and of its second differences."""
    x = _unit(uv)
    first = np.diff(x, axis=-1)
    second = np.diff(first, axis=-1)
    return _mean_square(x), _mean_square(centred(first)), _mean_square(centred(second))
