"""Causal filters with kept state, and power spectra of the last four seconds.

Filters give the same bits whatever the block sizes, and whatever else is in the stack. Second-order sections
only: a fourth-order high-pass at 0.3 Hz of 256 Hz is unstable as one polynomial. Design (pure) is apart from
application (the class that carries the state).

Spectra are taken every second, and averaged over AASM bands. Band edges follow the data that the emission was
trained on (Sleep-EDF band powers, `emission.json`); the uppermost band ends at 45 Hz to stay clear of 50 Hz
mains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
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


ComplexArray = NDArray[np.complex128]

WINDOW_S = 4
BANDS_HZ: tuple[tuple[float, float], ...] = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))
BAND_NAMES: tuple[str, ...] = ("delta", "theta", "alpha", "beta", "gamma")
MAINS_HZ: tuple[tuple[float, float], ...] = ((48.0, 52.0), (58.0, 62.0))
FLOOR_UV2_PER_HZ = 1e-4
"""Powers are clipped here before the logarithm; far below any amplifier's noise."""


def decibel(power: FloatArray) -> FloatArray:
    """Ten times the decimal logarithm, clipped at `FLOOR_UV2_PER_HZ`; any shape."""
    return np.asarray(10.0 * np.log10(np.maximum(power, FLOOR_UV2_PER_HZ)))


class Spectrum:
    """Hann-windowed one-sided power spectral density of a 4 s window (Welch 1967, one segment).

    Attributes
    ----------
    freq_hz
        Shape ``(n_freqs,)``, 0.25 Hz apart.
    second_weights
        Shape ``(WINDOW_S,)``, summing to 1: share of each second of the window in the power.
    """

    def __init__(self, fs_hz: float) -> None:
        self.size = round(WINDOW_S * fs_hz)
        self._window = np.hanning(self.size + 1)[:-1]
        self.second_weights = _shares(self._window**2, WINDOW_S)
        self._scale = 2.0 / (fs_hz * float(np.sum(self._window**2)))
        self.freq_hz: FloatArray = np.asarray(np.fft.rfftfreq(self.size, 1.0 / fs_hz), dtype=np.float64)
        self._bands = [self._bins(lo, hi) for lo, hi in BANDS_HZ]
        self._mains = [self._bins(lo, hi) for lo, hi in MAINS_HZ]
        self._broad = self._bins(1.0, 45.0)
        self._whole = self._bins(0.5, 0.5 * fs_hz)

    def _bins(self, low_hz: float, high_hz: float) -> slice:
        inside = np.flatnonzero((self.freq_hz >= low_hz) & (self.freq_hz <= high_hz))
        return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)

    def transform(self, window_uv: FloatArray) -> ComplexArray:
        """Transform Hann-windowed rows ``(..., size)``; linear, so channel means may be taken of it."""
        # numpy goes row by row; scipy bundles rows for the vector unit, so bits could depend on their number.
        return np.asarray(np.fft.rfft(window_uv * self._window, axis=-1))

    def density(self, transform: ComplexArray) -> FloatArray:
        """Power spectral density, uV^2/Hz, of a `transform`."""
        return np.asarray((transform.real**2 + transform.imag**2) * self._scale)

    def band_power(self, density: FloatArray) -> FloatArray:
        """Mean density in `BANDS_HZ`, uV^2/Hz, shape ``(..., 5)``."""
        return np.stack([density[..., bins].mean(axis=-1) for bins in self._bands], axis=-1)

    def broadband_power(self, density: FloatArray) -> FloatArray:
        """Power from 1 to 45 Hz, uV^2, shape ``(...,)``."""
        return np.asarray(density[..., self._broad].sum(axis=-1) * self.freq_hz[1])

    def mains_share(self, density: FloatArray) -> FloatArray:
        """Share of mains power in all power from 0.5 Hz up, 0 to 1, shape ``(...,)``."""
        mains = sum(density[..., bins].sum(axis=-1) for bins in self._mains)
        return np.asarray(mains / np.maximum(density[..., self._whole].sum(axis=-1), 1e-12))


def _shares(values: FloatArray, parts: int) -> FloatArray:
    """Share of each of so many equal parts, but for rounding, in the sum of ``(n,)`` values."""
    edges = np.rint(np.arange(parts) * (values.size / parts)).astype(np.intp)
    return np.asarray(np.add.reduceat(values, edges) / values.sum())
