"""Arithmetic along the last axis only, so that a row's bits never depend on the rows beside it.

Sums run over the last axis of C-contiguous arrays, transforms are numpy's (row by row), and nothing here
calls BLAS, whose blocking follows the shape of the whole array.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sanctuary.signal.samples import BoolArray, FloatArray

IntArray = NDArray[np.intp]

LEAST_SHARE = 1e-12
"""Densities are raised to this share of the row's greatest, 120 dB below it."""
LEAST_UV2_PER_HZ = 1e-30
"""And to at least this, so that a spectrum of zeros counts as very faint white noise."""
EASE_S = 0.5
"""How long a stretch fades in and out before it is band-passed."""
TINY = float(np.finfo(np.float64).tiny)
"""Keeps a division by zero finite where the dividend is zero too."""


def contiguous(values: FloatArray) -> FloatArray:
    """Return the same numbers, C-contiguous; any shape with at least one axis."""
    return np.ascontiguousarray(values, dtype=np.float64)


def stretch(uv: FloatArray, fs_hz: float, least_s: float = 1.0) -> FloatArray:
    """Return the samples ``(..., n)`` contiguously.

    Raises
    ------
    ValueError
        If the sampling rate is not above 0 or the stretch is shorter than `least_s` seconds.
    """
    if not fs_hz > 0.0:
        raise ValueError(f"a sampling rate of {fs_hz} Hz")
    if uv.ndim == 0 or uv.shape[-1] < least_s * fs_hz:
        raise ValueError(f"samples of shape {uv.shape} at {fs_hz:g} Hz; at least {least_s:g} s are needed")
    return contiguous(uv)


def band(density: FloatArray, freq_hz: FloatArray, low_hz: float, high_hz: float) -> slice:
    """Bins with ``low_hz <= f < high_hz``, so that neighbouring bands share none.

    Parameters
    ----------
    density
        Shape ``(..., n_freqs)``; only its shape is looked at.
    freq_hz
        Shape ``(n_freqs,)``, rising.
    low_hz, high_hz
        The edges.

    Raises
    ------
    ValueError
        If density and frequencies do not fit each other, or hold fewer than two bins of the band, or end
        before it does.
    """
    if freq_hz.ndim != 1 or density.ndim == 0 or density.shape[-1] != freq_hz.size or freq_hz.size < 2:
        raise ValueError(f"a density of shape {density.shape} for frequencies of shape {freq_hz.shape}")
    step_hz = float(freq_hz[1] - freq_hz[0])
    # A frequency that rounding left just below an edge counts as being on it.
    edges_hz = np.array((low_hz, high_hz)) - 1e-6 * step_hz
    first, end = (int(place) for place in np.searchsorted(freq_hz, edges_hz))
    if end - first < 2 or freq_hz[0] - low_hz > step_hz or freq_hz[-1] + step_hz < edges_hz[1]:
        raise ValueError(
            f"frequencies from {freq_hz[0]:g} to {freq_hz[-1]:g} Hz do not resolve {low_hz:g}-{high_hz:g} Hz"
        )
    return slice(first, end)


def floored(density: FloatArray) -> FloatArray:
    """Raise bins of no power, so that logarithms and ratios stay finite whatever the gain; same shape.

    See `LEAST_SHARE` and `LEAST_UV2_PER_HZ`: a row of zeros comes back as white noise.
    """
    rows = contiguous(density)
    least = np.maximum(LEAST_SHARE * rows.max(axis=-1, keepdims=True), LEAST_UV2_PER_HZ)
    return np.asarray(np.maximum(rows, least))


def least_squares_slope(x: FloatArray, y: FloatArray) -> FloatArray:
    """Slope of the straight line fitted to `y` ``(..., n)`` over `x` ``(n,)``; shape ``(...)``."""
    centred_x = x - x.mean()
    return np.asarray((contiguous(y) * centred_x).sum(axis=-1) / (centred_x * centred_x).sum())


def centred(uv: FloatArray) -> FloatArray:
    """Take each row's mean away; a constant row becomes zero exactly. Same shape."""
    # The first sample goes first: the mean of equal numbers need not equal them to the last bit.
    rows = contiguous(uv - uv[..., :1])
    return np.asarray(rows - rows.mean(axis=-1, keepdims=True))


def bandpass(uv: FloatArray, fs_hz: float, corners_hz: tuple[float, float, float, float]) -> FloatArray:
    """Band-pass a finished stretch without delay, by weighting its Fourier transform.

    The whole stretch is there already, so nothing later than its end is used. The transform would see a jump
    where the end meets the beginning, so the straight trend is taken away and `EASE_S` at either end fade
    out: what happens there is seen smaller.

    Parameters
    ----------
    uv
        Shape ``(..., n)``, microvolts.
    fs_hz
        Sampling rate.
    corners_hz
        Where the gain leaves 0, reaches 1, leaves 1 and reaches 0; linear between.

    Returns
    -------
    FloatArray
        Shape ``(..., n)``, microvolts.

    Raises
    ------
    ValueError
        If the pass band does not end below half the sampling rate.
    """
    if corners_hz[2] >= 0.5 * fs_hz:
        raise ValueError(f"{fs_hz:g} Hz is too slow for a pass band up to {corners_hz[2]:g} Hz")
    n = uv.shape[-1]
    place = np.arange(n) - 0.5 * (n - 1)
    level = centred(uv)
    level -= least_squares_slope(place, level)[..., np.newaxis] * place
    transform = np.fft.rfft(level * _fade(n, round(EASE_S * fs_hz)), axis=-1)
    gain = np.interp(np.fft.rfftfreq(n, 1.0 / fs_hz), corners_hz, (0.0, 1.0, 1.0, 0.0))
    return np.asarray(np.fft.irfft(transform * gain, n, axis=-1))


def _fade(n: int, ends: int) -> FloatArray:
    """One, but for half a cosine over `ends` samples at either end; shape ``(n,)``."""
    to_end = np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(to_end / ends, 1.0)))


def block_sums(values: FloatArray, size: int) -> FloatArray:
    """Add up successive blocks of `size` samples; ``(..., n)`` becomes ``(..., n // size)``."""
    count = values.shape[-1] // size
    blocks = values[..., : count * size].reshape(*values.shape[:-1], count, size)
    return np.asarray(contiguous(blocks).sum(axis=-1))


def moving_sum(values: FloatArray, width: int) -> FloatArray:
    """Add up `width` neighbours around each place, zeros beyond the ends; same shape."""
    beyond = [(0, 0)] * (values.ndim - 1) + [((width - 1) // 2, width // 2)]
    return np.asarray(contiguous(sliding_window_view(np.pad(values, beyond), width, axis=-1)).sum(axis=-1))


def runs(active: BoolArray) -> tuple[IntArray, IntArray]:
    """First places of the runs of true in one row ``(n,)``, and the places just after them."""
    steps = np.diff(active.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def each_row(function: Callable[..., float], *arrays: NDArray[np.generic]) -> FloatArray:
    """Call `function` with the last axes of arrays of one leading shape ``(...)``; shape ``(...)``."""
    out = np.empty(arrays[0].shape[:-1])
    for place in np.ndindex(out.shape):
        out[place] = function(*(array[place] for array in arrays))
    return out
