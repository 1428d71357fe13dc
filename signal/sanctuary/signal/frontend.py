"""From raw samples to one summary a second: the fast part of the chain.

Samples are cut at whole seconds of the sample clock before anything is computed, so block sizes cannot
change a bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sanctuary.config.chain import ChainSettings
from sanctuary.signal.eyes import EyeSecond, EyeWatcher, Swings
from sanctuary.signal.filters import CausalFilter, bandpass, highpass
from sanctuary.signal.quality import Settling, good_seconds
from sanctuary.signal.repair import GapRepair
from sanctuary.signal.samples import FloatArray, SampleBlock
from sanctuary.signal.spectra import WINDOW_S, Spectrum

HIGHPASS_HZ = 0.3
EMG_HZ = (25.0, 45.0)


@dataclass(frozen=True, slots=True, eq=False)
class Second:
    """What one second of one sleeper's signal amounts to.

    Attributes
    ----------
    t_s
        End of the second on the sample clock.
    usable
        For each channel: whether the present second and the 4 s window are good.
    density
        Shape ``(n_freqs,)``, uV^2/Hz, of the mean of the usable channels over the last 4 s; None if there
        is none.
    band_power
        Shape ``(5,)``, uV^2/Hz, of the same; None if there is none.
    emg_power
        Mean square of the present second in 25-45 Hz over the usable channels, uV^2; None if there is none.
    eyes
        Eye movements, or None unless both channels of a pair are usable.
    """

    t_s: float
    usable: tuple[bool, ...]
    density: FloatArray | None
    band_power: FloatArray | None
    emg_power: float | None
    eyes: EyeSecond | None


class FrontEnd:
    """Filters, spectrum, quality and eye movements of one sleeper.

    Parameters
    ----------
    fs_hz
        Sampling rate, at least 100 Hz; need not be whole.
    n_channels
        One, or two with the left one first (two give the eye channel).
    settings
        The chain's settings.
    rail_uv
        Magnitude (uV) at which each channel rails; infinity where unknown.
    """

    def __init__(self, fs_hz: float, n_channels: int, settings: ChainSettings, rail_uv: FloatArray) -> None:
        self.fs_hz = fs_hz
        self.spectrum = Spectrum(fs_hz)
        self._n = n_channels
        self._repair = GapRepair(n_channels, round(fs_hz), rail_uv)
        self._highpass = CausalFilter(highpass(fs_hz, HIGHPASS_HZ), n_channels)
        self._emg = CausalFilter(bandpass(fs_hz, *EMG_HZ), n_channels)
        self._quality = settings.quality
        self._settling = Settling(settings.quality, n_channels, WINDOW_S)
        self._eyes = EyeWatcher(fs_hz) if n_channels == 2 else None
        self._window = np.zeros((n_channels, self.spectrum.size))
        self._pending = np.empty((n_channels, 0))
        self._position = 0
        self._seconds = 0

    def push(self, block: SampleBlock) -> Iterator[Second]:
        """Take the next block; yields a `Second` for each whole second that it completes.

        A block that starts after the last one ended is preceded by lost samples; one that overlaps it is cut.
        """
        uv = block.uv
        if block.start > self._position:
            gap = np.full((self._n, block.start - self._position), np.nan)
            uv = np.concatenate((gap, uv), axis=1)
        elif block.start < self._position:
            uv = uv[:, self._position - block.start :]
        self._position += uv.shape[1]
        if self._pending.shape[1]:
            uv = np.concatenate((self._pending, uv), axis=1)
        begin = round(self._seconds * self.fs_hz)
        count = int((self._position + 0.5) / self.fs_hz) - self._seconds + 1
        cuts = [round((self._seconds + k) * self.fs_hz) - begin for k in range(count + 1)]
        cuts = [cut for cut in cuts if cut <= uv.shape[1]]
        self._pending = uv[:, cuts[-1] :].copy()
        if len(cuts) > 1:
            yield from self._stretch(uv[:, : cuts[-1]], cuts)

    def _stretch(self, uv: FloatArray, cuts: list[int]) -> Iterator[Second]:
        """Whole seconds: together where every sample is real and seconds are alike, else one by one.

        Filters are recursions over samples and all else is computed for each second by itself, so both ways
        give the same bits.
        """
        for a, b in pairwise(cuts):
            tail = [cut - a for cut in cuts if cut >= a]
            if self._repair.untouched(uv[:, a:]) and len(set(np.diff(tail))) == 1:
                yield from self._seconds_of(uv[:, a:], tail)
                return
            yield from self._seconds_of(uv[:, a:b], [0, b - a])

    def _seconds_of(self, uv: FloatArray, cuts: list[int]) -> Iterator[Second]:
        """Seconds of one length, ``(n_channels, m * length)``."""
        count, length = len(cuts) - 1, cuts[1]
        shape = (self._n, count, length)
        repaired = self._repair(uv)
        if repaired.restart.any():
            self._highpass.settle(repaired.resume_uv, repaired.restart)
            self._emg.settle(np.zeros(self._n), repaired.restart)
        eeg = self._highpass(repaired.uv)
        emg = np.square(self._emg(eeg)).reshape(shape).mean(axis=2)
        transform = self.spectrum.transform(self._windows(eeg, length))
        density = self.spectrum.density(transform)
        mains = self.spectrum.mains_share(density)
        good = good_seconds(self._quality, repaired.uv.reshape(shape), eeg.reshape(shape), mains)
        real = np.asarray(repaired.real.reshape(shape).all(axis=2))
        if self._n == 2:
            both = self.spectrum.density(0.5 * (transform[:1] + transform[1:]))
            density = np.concatenate((density, both), axis=0)
        bands = self.spectrum.band_power(density)
        swings = self._eyes.stretch(eeg, cuts) if self._eyes is not None else [None] * count
        for k in range(count):
            usable = self._settling.second(real[:, k].tolist(), good[:, k].tolist())
            yield self._second(usable, density[:, k], bands[:, k], emg[:, k], swings[k])

    def _windows(self, eeg: FloatArray, length: int) -> FloatArray:
        """Spectral windows ending with each of the seconds, ``(n_channels, m, size)``."""
        joined = np.concatenate((self._window, eeg), axis=1)
        self._window = joined[:, -self.spectrum.size :].copy()
        return sliding_window_view(joined, self.spectrum.size, axis=1)[:, length::length]

    def _second(
        self,
        usable: list[bool],
        density: FloatArray,
        bands: FloatArray,
        emg: FloatArray,
        swings: Swings | None,
    ) -> Second:
        self._seconds += 1
        t_s, every = float(self._seconds), all(usable)
        eyes = None if self._eyes is None or swings is None else self._eyes.second(swings, every)
        if not any(usable):
            return Second(t_s, tuple(usable), None, None, None, None)
        row = len(density) - 1 if every else usable.index(True)
        power = float(sum(emg)) / self._n if every else float(emg[row])
        return Second(t_s, tuple(usable), density[row], bands[row], power, eyes if every else None)
