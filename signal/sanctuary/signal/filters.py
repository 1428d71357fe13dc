"""Causal filters with kept state: the same bits whatever the block sizes, and whatever else is in the stack.

Second-order sections only (a fourth-order high-pass at 0.3 Hz of 256 Hz is unstable as one polynomial).
Design (pure) is apart from application (the class that carries the state).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, iirnotch, sosfilt, sosfilt_zi, tf2sos

from sanctuary.signal.samples import BoolArray, FloatArray

NOTCH_QUALITY = 8.0
"""Centre over width of a mains notch: about 6 Hz wide at 50 Hz."""


def highpass(fs_hz: float, cutoff_hz: float, order: int = 2) -> FloatArray:
    """Butterworth high-pass as second-order sections, shape ``(n_sections, 6)``."""
    return np.asarray(butter(order, cutoff_hz, "highpass", fs=fs_hz, output="sos"), dtype=np.float64)


def lowpass(fs_hz: float, cutoff_hz: float, order: int = 4) -> FloatArray:
    """Butterworth low-pass as second-order sections, shape ``(n_sections, 6)``."""
    return np.asarray(butter(order, cutoff_hz, "lowpass", fs=fs_hz, output="sos"), dtype=np.float64)


def bandpass(fs_hz: float, low_hz: float, high_hz: float, order: int = 2) -> FloatArray:
    """Butterworth band-pass as second-order sections; `high_hz` is kept below 0.48 of the sampling rate."""
    band = (low_hz, min(high_hz, 0.48 * fs_hz))
    return np.asarray(butter(order, band, "bandpass", fs=fs_hz, output="sos"), dtype=np.float64)


def notches(fs_hz: float, *mains_hz: float) -> FloatArray:
    """Notches at mains frequencies as second-order sections; those above 0.48 of the rate are left out."""
    sections = [
        tf2sos(*iirnotch(each_hz, NOTCH_QUALITY, fs=fs_hz)) for each_hz in mains_hz if each_hz < 0.48 * fs_hz
    ]
    return np.concatenate(sections).astype(np.float64) if sections else np.empty((0, 6))


class CausalFilter:
    """Second-order sections with state, one row per channel.

    The state starts as if each channel had always held its first value, so that an electrode's offset
    (tens of millivolts on a DC-coupled board) does not ring through the first minute.

    Parameters
    ----------
    sos
        Shape ``(n_sections, 6)``.
    n_rows
        Rows of the blocks to come.
    """

    def __init__(self, sos: FloatArray, n_rows: int) -> None:
        self._sos = sos
        unit_zi = np.asarray(sosfilt_zi(sos), dtype=np.float64)
        self._unit_zi = np.repeat(unit_zi[:, np.newaxis, :], n_rows, axis=1)
        self._zi: FloatArray | None = None

    def settle(self, values: FloatArray, rows: BoolArray | None = None) -> FloatArray:
        """Take and return the steady state for constant `values` ``(n_rows,)`` in `rows`."""
        fresh = np.asarray(self._unit_zi * values[:, np.newaxis])
        if rows is None or self._zi is None:
            self._zi = fresh
        else:
            self._zi = np.where(rows[:, np.newaxis], fresh, self._zi)
        return self._zi

    def __call__(self, block: FloatArray) -> FloatArray:
        """Filter the next block, ``(n_rows, n)`` finite values; returns the same shape."""
        if block.shape[1] == 0:
            return block.copy()
        state = self._zi if self._zi is not None else self.settle(block[:, 0])
        found, self._zi = sosfilt(self._sos, block, axis=1, zi=state)
        return np.asarray(found)
