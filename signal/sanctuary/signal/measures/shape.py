"""The shape of a power spectral density: how steeply it falls and where its power lies.

Every function takes ``density`` of shape ``(..., n_freqs)``, uV^2/Hz, and ``freq_hz`` of shape
``(n_freqs,)``, evenly spaced; it returns shape ``(...)``. Gain cancels out. A spectrum of zeros gives what
white noise gives. All raise ``ValueError`` if the frequencies do not resolve the range.
"""

from __future__ import annotations

import numpy as np

from sanctuary.signal.measures.rows import band, contiguous, floored, least_squares_slope
from sanctuary.signal.samples import FloatArray

BROAD_HZ = (4.0, 35.0)
RHYTHMS_HZ = (10.0, 16.0)
"""Left out of the broad slope: alpha and spindles rise above the aperiodic line here."""
GAMMA_HZ = (30.0, 45.0)
EDGE_HZ = (8.0, 16.0)
"""Range of the spectral edges (Imtiaz and Rodriguez-Villegas 2014)."""


def broad_slope(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Slope of log power over log frequency in 4-35 Hz without 10-16 Hz; shape ``(...)``.

    Unitless (decades per decade): -2 for power that falls as 1/f^2; more negative in deeper sleep. Least
    squares over the bins as they are, so high frequencies, of which a decade holds more bins, weigh more.
    Zeros give 0. Source: the aperiodic exponent of the sleep literature (Lendner 2020, eLife 9:e55092,
    Schneider 2022).
    """
    below = band(density, freq_hz, BROAD_HZ[0], RHYTHMS_HZ[0])
    above = band(density, freq_hz, RHYTHMS_HZ[1], BROAD_HZ[1])
    kept = np.r_[below, above]
    return _log_log_slope(np.take(density, kept, axis=-1), freq_hz[kept])


def gamma_slope(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Slope of log power over log frequency in 30-45 Hz; shape ``(...)``.

    Unitless, as `broad_slope`; steepens from waking to NREM to REM, flattened by muscle. Needs densities
    up to 45 Hz that no low-pass has touched. Zeros give 0. Source: Lendner 2020; Kozhemiako
    (10 255 recordings).
    """
    inside = band(density, freq_hz, *GAMMA_HZ)
    return _log_log_slope(density[..., inside], freq_hz[inside])


def _log_log_slope(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    return least_squares_slope(np.log10(freq_hz), np.log10(floored(density)))


def spectral_edge_50(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Frequency below which half of the power of 8-16 Hz lies, Hz, 8 to 16; shape ``(...)``.

    Zeros give 12. Source: SEF50 of Imtiaz and Rodriguez-Villegas 2014.
    """
    return _edge(density, freq_hz, 0.50)


def spectral_edge_95(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Frequency below which 95 % of the power of 8-16 Hz lies, Hz, 8 to 16; shape ``(...)``.

    Zeros give 15.6. Source: SEF95 of Imtiaz and Rodriguez-Villegas 2014.
    """
    return _edge(density, freq_hz, 0.95)


def spectral_edge_difference(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """SEF95 less SEF50 in 8-16 Hz, Hz, 0 to 8; shape ``(...)``.

    Large in REM (power spread over the range), smaller with spindles (gathered near their frequency). Zeros
    give 3.6. Source: SEFd of Imtiaz and Rodriguez-Villegas 2014.
    """
    return np.asarray(spectral_edge_95(density, freq_hz) - spectral_edge_50(density, freq_hz))


def _edge(density: FloatArray, freq_hz: FloatArray, share: float) -> FloatArray:
    """Where the running integral (trapezoids) reaches `share`, linear between bins."""
    half_open = band(density, freq_hz, *EDGE_HZ)
    inside = slice(half_open.start, half_open.stop + 1)
    power, inside_hz = floored(density[..., inside]), freq_hz[inside]
    areas = contiguous(0.5 * (power[..., 1:] + power[..., :-1]) * np.diff(inside_hz))
    # Running sums that all end at the last one: the target is then reached within the range for certain.
    reached = np.cumsum(areas, axis=-1)
    target = share * reached[..., -1:]
    at = np.argmax(reached >= target, axis=-1)[..., np.newaxis]
    area = np.take_along_axis(areas, at, axis=-1)
    missing = target - (np.take_along_axis(reached, at, axis=-1) - area)
    place_hz = inside_hz[at] + np.diff(inside_hz)[at] * np.clip(missing / area, 0.0, 1.0)
    return np.asarray(place_hz[..., 0])
