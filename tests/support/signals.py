"""Signals for tests of the chain: noise that looks like EEG, and eye movements placed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import SampleBlock, StageEstimate

FloatArray = NDArray[np.float64]
PAIR = ("AF7", "AF8")


def pink(
    seconds: float, fs_hz: float, *, seed: int = 0, exponent: float = 2.0, rms_uv: float = 15.0
) -> FloatArray:
    """Noise whose power falls as f to the minus `exponent` from 0.5 Hz on; shape ``(n,)``, uV."""
    n = round(seconds * fs_hz)
    freq = np.fft.rfftfreq(n, 1.0 / fs_hz)
    shape = np.where(freq >= 0.5, np.maximum(freq, 0.5) ** (-exponent / 2.0), 0.0)
    rng = np.random.default_rng(seed)
    x = np.fft.irfft(shape * (rng.standard_normal(freq.size) + 1j * rng.standard_normal(freq.size)), n)
    return np.asarray(x * (rms_uv / x.std()))


def pair(
    seconds: float, fs_hz: float, *, seed: int = 0, exponent: float = 2.0, rms_uv: float = 15.0
) -> FloatArray:
    """Two channels that share most of their signal, shape ``(2, n)``, uV."""
    common = pink(seconds, fs_hz, seed=seed, exponent=exponent, rms_uv=rms_uv)
    own = [pink(seconds, fs_hz, seed=seed + k, exponent=exponent, rms_uv=0.3 * rms_uv) for k in (1001, 2002)]
    return np.stack([common + side for side in own])


def bump(fs_hz: float, n: int, at_s: float, width_s: float, height_uv: float) -> FloatArray:
    """One deflection of `height_uv` beginning at `at_s`; shape ``(n,)``."""
    out, k = np.zeros(n), round(width_s * fs_hz)
    begin = round(at_s * fs_hz)
    out[begin : begin + k] = height_uv * np.hanning(k)
    return out


def push(chain: Chain, uv: FloatArray, sizes: Sequence[int], fs_hz: float) -> list[StageEstimate]:
    """Feed `uv` in blocks of the given sizes, over and over; returns all estimates."""
    estimates: list[StageEstimate] = []
    start, turn = 0, 0
    names = PAIR[: len(uv)]
    while start < uv.shape[1]:
        size = max(1, sizes[turn % len(sizes)])
        estimates += chain.push(SampleBlock(start, fs_hz, names, uv[:, start : start + size]))
        start, turn = start + size, turn + 1
    return estimates
