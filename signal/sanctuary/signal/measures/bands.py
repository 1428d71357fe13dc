"""Powers of the sleep bands against each other, from a power spectral density.

Every function takes ``density`` of shape ``(..., n_freqs)``, uV^2/Hz, and ``freq_hz`` of shape
``(n_freqs,)``, evenly spaced and reaching to 30 Hz; it returns shape ``(...)`` in dB. A band holds the bins
with ``low <= f < high``. Gain cancels out. A spectrum of zeros gives what white noise gives: shares and
ratios of the bands' widths. All raise ``ValueError`` if the frequencies do not resolve the bands.

Bands and ratios: the feature set of YASA (Vallat and Walker 2021, eLife 10:e70092), except where noted.
"""

from __future__ import annotations

import numpy as np

from sanctuary.signal.measures.rows import band, floored
from sanctuary.signal.samples import FloatArray

Edges = tuple[float, float]

DELTA_HZ: Edges = (0.4, 4.0)
THETA_HZ: Edges = (4.0, 8.0)
ALPHA_HZ: Edges = (8.0, 12.0)
SIGMA_HZ: Edges = (12.0, 16.0)
BETA_HZ: Edges = (16.0, 30.0)
UPPER_BETA_HZ: Edges = (18.0, 22.0)
WHOLE_HZ: Edges = (0.4, 30.0)


def _ratio_db(
    density: FloatArray, freq_hz: FloatArray, over: tuple[Edges, ...], under: tuple[Edges, ...]
) -> FloatArray:
    """Power of the bands `over` against that of the bands `under`, dB."""
    whole = band(density, freq_hz, *WHOLE_HZ)
    power, inside_hz = floored(density[..., whole]), freq_hz[whole]

    def total(edges: tuple[Edges, ...]) -> FloatArray:
        parts = [power[..., band(power, inside_hz, *pair)].sum(axis=-1) for pair in edges]
        return np.asarray(sum(parts[1:], start=parts[0]))

    return np.asarray(10.0 * np.log10(total(over) / total(under)))


def relative_delta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Share of 0.4-4 Hz in 0.4-30 Hz, dB, at most 0; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (DELTA_HZ,), (WHOLE_HZ,))


def relative_theta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Share of 4-8 Hz in 0.4-30 Hz, dB, at most 0; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (THETA_HZ,), (WHOLE_HZ,))


def relative_alpha(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Share of 8-12 Hz in 0.4-30 Hz, dB, at most 0; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (ALPHA_HZ,), (WHOLE_HZ,))


def relative_sigma(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Share of 12-16 Hz in 0.4-30 Hz, dB, at most 0; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (SIGMA_HZ,), (WHOLE_HZ,))


def relative_beta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Share of 16-30 Hz in 0.4-30 Hz, dB, at most 0; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (BETA_HZ,), (WHOLE_HZ,))


def relative_upper_beta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Share of 18-22 Hz in 0.4-30 Hz, dB, at most 0; shape ``(...)``.

    Source: Aeschbach, who found more power here in REM than in NREM sleep, and less in 0.25-16 Hz.
    """
    return _ratio_db(density, freq_hz, (UPPER_BETA_HZ,), (WHOLE_HZ,))


def theta_to_delta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Power of 4-8 Hz over that of 0.4-4 Hz, dB; shape ``(...)``. Source: YASA (as delta/theta)."""
    return _ratio_db(density, freq_hz, (THETA_HZ,), (DELTA_HZ,))


def sigma_to_theta_alpha(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Power of 12-16 Hz over that of 4-12 Hz, dB; shape ``(...)``.

    Source: bands of YASA; spindles stand out of theta and alpha in N2 but not in REM or N1.
    """
    return _ratio_db(density, freq_hz, (SIGMA_HZ,), (THETA_HZ, ALPHA_HZ))


def delta_to_beta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Power of 0.4-4 Hz over that of 16-30 Hz, dB; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (DELTA_HZ,), (BETA_HZ,))


def alpha_to_theta(density: FloatArray, freq_hz: FloatArray) -> FloatArray:
    """Power of 8-12 Hz over that of 4-8 Hz, dB; shape ``(...)``. Source: YASA."""
    return _ratio_db(density, freq_hz, (ALPHA_HZ,), (THETA_HZ,))
