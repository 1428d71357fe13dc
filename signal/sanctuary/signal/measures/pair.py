"""Left against right, and the muscle between them.

Functions of the pair take ``pair_uv`` of shape ``(..., 2, n)``, microvolts, left and right, and ``fs_hz``;
they return shape ``(...)`` and raise ``ValueError`` for another number of channels or too short a stretch.
The stretch is finished, so it is band-passed as a whole (`rows.bandpass`).
"""

from __future__ import annotations

import numpy as np

from sanctuary.signal.filters import decibel
from sanctuary.signal.measures.rows import TINY, band, bandpass, contiguous, stretch
from sanctuary.signal.samples import FloatArray

SLOW_HZ = (0.25, 0.5, 4.0, 5.0)
"""Corners of the band of saccades and slow waves."""
ROLL_HZ = (0.1, 0.2, 0.6, 0.8)
"""Corners of the band of slow rolling eye movements."""
ROLL_S = 5.0
"""One period of the slowest roll."""
MUSCLE_HZ = (25.0, 45.0)


def slow_correlation(pair_uv: FloatArray, fs_hz: float) -> FloatArray:
    """Correlation of left and right in 0.5-4 Hz, -1 to 1; shape ``(...)``.

    Negative in horizontal saccades, which deflect the two sides oppositely, positive in slow waves,
    K-complexes and blinks. 0 if either side is flat. Source: the polarity rule behind YASA's eye-movement
    detector (negative product of the two sides).
    """
    slow = bandpass(_two(stretch(pair_uv, fs_hz)), fs_hz, SLOW_HZ)
    largest = np.abs(slow).max(axis=-1, keepdims=True)
    # Scaled first, so that the squares of the faintest signals do not vanish.
    unit = slow / np.maximum(largest, TINY)
    left, right = contiguous(unit[..., 0, :]), contiguous(unit[..., 1, :])
    shared = (left * right).sum(axis=-1)
    powers = (left * left).sum(axis=-1) * (right * right).sum(axis=-1)
    return np.asarray(np.clip(shared / np.sqrt(np.maximum(powers, TINY)), -1.0, 1.0))


def slow_roll_power(pair_uv: FloatArray, fs_hz: float) -> FloatArray:
    """Mean square of left less right in 0.2-0.6 Hz, dB re 1 uV^2; shape ``(...)``.

    High with the slow rolling eye movements of N1. Nothing: -40 dB (`spectra.decibel`). Needs 5 s. A
    high-pass before it, 0.3 Hz in this chain, weakens the lower end of the band. Source: the AASM manual's
    slow eye movements (initial deflection over 500 ms); the band is this project's.
    """
    two = _two(stretch(pair_uv, fs_hz, ROLL_S))
    roll = bandpass(contiguous(two[..., 0, :] - two[..., 1, :]), fs_hz, ROLL_HZ)
    return decibel((roll * roll).mean(axis=-1))


def muscle_power(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Log RMS of 25-45 Hz, 20 log10(RMS / 1 uV), dB; shape ``(...)``.

    Takes a density ``(..., n_freqs)``, uV^2/Hz, up to 45 Hz, clear of 50 Hz mains.
    Nothing: -40 dB (`spectra.decibel`). Source: this project's stand-in for the
    chin EMG of the AASM rules, read from the forehead.
    """
    inside = band(density, freq_hz, *MUSCLE_HZ)
    return decibel(contiguous(density[..., inside]).sum(axis=-1) * (freq_hz[1] - freq_hz[0]))


def _two(pair_uv: FloatArray) -> FloatArray:
    if pair_uv.ndim < 2 or pair_uv.shape[-2] != 2:
        raise ValueError(f"samples of shape {pair_uv.shape}; (..., 2, n) is needed")
    return pair_uv
