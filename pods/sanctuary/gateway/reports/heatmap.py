"""A spectrogram averaged onto an even grid, small enough to carry inside a page."""

from __future__ import annotations

import numpy as np

from sanctuary.gateway.reports.traces import ReplayTraces, thinned
from sanctuary.signal.samples import FloatArray

N_COLUMNS, N_ROWS = 900, 88
HIGHEST_HZ = 40.0
_SHADES = (2.0, 99.5)
"""Percentiles of power that span the scale: single artefacts must not bleach the night."""


def even_grid(traces: ReplayTraces) -> tuple[FloatArray, tuple[float, float, float, float]] | None:
    """Average over time and interpolate over frequency.

    Returns
    -------
    dB of shape ``(rows, columns)``, lowest frequency first, and its extent (start_s, end_s, lowest_hz,
    highest_hz); None where nothing finite was given.
    """
    db, freq_hz, t_s = traces.spectrogram_db, traces.spectrogram_freq_hz, traces.spectrogram_t_s
    if db.ndim != 2 or min(db.shape) < 2 or not np.isfinite(db).any():
        return None
    rows_hz = np.linspace(freq_hz[0], min(float(freq_hz[-1]), HIGHEST_HZ), min(N_ROWS, 2 * freq_hz.size))
    n_columns = min(N_COLUMNS, t_s.size)
    columns = np.array([thinned(t_s, row, n_columns)[1] for row in db])
    grid = np.array([np.interp(rows_hz, freq_hz, column) for column in columns.T]).T
    half_s, half_hz = (t_s[-1] - t_s[0]) / (n_columns - 1) / 2.0, (rows_hz[1] - rows_hz[0]) / 2.0
    extent = (
        float(t_s[0] - half_s),
        float(t_s[-1] + half_s),
        float(rows_hz[0] - half_hz),
        float(rows_hz[-1] + half_hz),
    )
    return grid, extent


def shade_limits(grid: FloatArray) -> tuple[float, float]:
    """Lowest and highest dB of the colour scale."""
    low, high = np.nanpercentile(grid, _SHADES)
    return float(low), float(max(high, low + 1.0))
