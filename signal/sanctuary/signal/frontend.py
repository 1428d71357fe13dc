"""From raw samples to one summary a second: the fast part of the chain, for a stack of sleepers.

Samples are cut at whole seconds of the sample clock before anything is computed, so block sizes cannot
change a bit; and nothing is summed across sleepers or along an axis whose order depends on their number, so
a sleeper's numbers are the same alone and in a stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.signal.eye_signal_pattern import POINTS_PER_S
from sanctuary.signal.eyes import EyeMovementDetector, EyeSeconds
from sanctuary.signal.filters import WINDOW_S, CausalFilter, Spectrum, bandpass, highpass, lowpass, notches
from sanctuary.signal.quality import (
    FlagArray,
    LostWithin,
    QualityFlag,
    Settling,
    judge,
    lifted,
    missing,
    moved,
    thinned,
)
from sanctuary.signal.repair import GapRepair
from sanctuary.signal.samples import BoolArray, FloatArray, Montage

HIGHPASS_HZ = 0.3
EYES_HZ = 6.0
EMG_HZ = (25.0, 45.0)
MAINS_HZ = (50.0, 60.0)
STRETCH_SAMPLES = 1 << 20
LEAST_PRESENT = 0.5
"""Muscle power is made up for lost samples down to this share; a second with fewer is not used."""
BATCH_SAMPLES = 1 << 15
"""Samples of spectral windows transformed together: a megabyte stays in a processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Seconds:
    """What `m` whole seconds of `S` sleepers with `C` channels amount to.

    Attributes
    ----------
    first_s
        End of the first of them on the sample clock; the others follow one second apart.
    problems
        Shape ``(S, C, m)``: flags of `quality.Problem`; 0 is usable.
    density
        Shape ``(S, m, n_freqs)``, uV^2/Hz, of the sleep EEG over the last 4 s; NaN without a usable channel.
    band_power
        Shape ``(S, 5, m)``, uV^2/Hz, of the same.
    emg_power
        Shape ``(S, m)``: mean square in 25-45 Hz of the present second, uV^2; NaN likewise.
    motion
        Shape ``(S, m)``: whether the headband moved.
    paired
        Shape ``(S, m)``: whether eye movements can be seen.
    traces_uv
        Shape ``(S, 2, m * 50)``: difference and mean for eye movements, uV; None without a pair.
    eyes
        Eye movements; None without a pair.
    present
        Shape ``(S, C, m)``: share of the samples that were not lost, 0 to 1.
    """

    first_s: int
    problems: FlagArray
    density: FloatArray
    band_power: FloatArray
    emg_power: FloatArray
    motion: BoolArray
    paired: BoolArray
    traces_uv: FloatArray | None
    eyes: EyeSeconds | None
    present: FloatArray

    @property
    def count(self) -> int:
        return int(self.emg_power.shape[1])


class FrontEnd:
    """Filters, spectra, quality and eye movements of a stack of sleepers on one sample clock.

    Parameters
    ----------
    fs_hz
        Sampling rate, at least 100 Hz; need not be whole.
    montage
        What the channels are.
    settings
        The chain's settings.
    rail_uv
        Shape ``(n_sleepers, n_channels)``: magnitude (uV) at which each rails; infinity where unknown.
    """

    def __init__(self, fs_hz: float, montage: Montage, settings: ChainSettings, rail_uv: FloatArray) -> None:
        self.fs_hz = fs_hz
        self.spectrum = Spectrum(fs_hz)
        self._montage = montage
        self._s, self._c = rail_uv.shape
        rows = self._s * self._c
        self._repair = GapRepair(rows, round(fs_hz), rail_uv.reshape(-1))
        self._highpass = CausalFilter(highpass(fs_hz, HIGHPASS_HZ), rows)
        emg = np.concatenate((bandpass(fs_hz, *EMG_HZ), notches(fs_hz, *MAINS_HZ)))
        self._emg = CausalFilter(emg, rows)
        self._smooth = CausalFilter(lowpass(fs_hz, EYES_HZ), rows)
        self._quality = settings.quality
        self._settling = Settling(settings.quality, self._s, self._c, WINDOW_S)
        self._lost = LostWithin(self._s, self._c, self.spectrum.second_weights)
        self._eyes = EyeMovementDetector(self._s) if montage is not Montage.SINGLE else None
        self._window = np.zeros((self._s, self._c, self.spectrum.size))
        self._pending = np.empty((self._s, self._c, 0))
        self._pending_g = np.empty((self._s, 0, 0))
        self._position = 0
        self._seconds = 0

    def push(self, start: int, uv: FloatArray, motion_g: FloatArray | None = None) -> Iterator[Seconds]:
        """Take the next samples ``(S, C, n)``, uV, NaN where lost; yields the whole seconds they complete.

        What starts after the last samples ended is preceded by lost ones; what overlaps them is cut.
        `motion_g` is acceleration, ``(S, 3, n)``, NaN where it was not measured.
        """
        motion_g = self._axes(motion_g, uv.shape[2])
        uv, motion_g = self._joined(start, uv, self._pending), self._joined(start, motion_g, self._pending_g)
        self._position += uv.shape[2] - self._pending.shape[2]
        begin = round(self._seconds * self.fs_hz)
        count = int((self._position + 0.5) / self.fs_hz) - self._seconds + 1
        cuts = [round((self._seconds + k) * self.fs_hz) - begin for k in range(count + 1)]
        cuts = [cut for cut in cuts if cut <= uv.shape[2]]
        self._pending, self._pending_g = uv[:, :, cuts[-1] :].copy(), motion_g[:, :, cuts[-1] :].copy()
        if len(cuts) > 1:
            yield from self._stretch(uv, motion_g, cuts)

    def _axes(self, motion_g: FloatArray | None, n: int) -> FloatArray:
        """Accelerations of the next samples; without axes, at no cost, as long as none was ever measured."""
        if motion_g is None:
            return np.full((self._s, self._pending_g.shape[1], n), np.nan)
        if self._pending_g.shape[1] != motion_g.shape[1]:
            self._pending_g = np.full((*motion_g.shape[:2], self._pending_g.shape[2]), np.nan)
        return motion_g

    def _joined(self, start: int, block: FloatArray, pending: FloatArray) -> FloatArray:
        if start > self._position:
            gap = np.full((*block.shape[:2], start - self._position), np.nan)
            return np.concatenate((pending, gap, block), axis=2)
        return np.concatenate((pending, block[:, :, self._position - start :]), axis=2)

    def _stretch(self, uv: FloatArray, motion_g: FloatArray, cuts: list[int]) -> Iterator[Seconds]:
        """Whole seconds: many together where they are alike and no filter must start afresh, else one by one.

        Filters are recursions over samples and all else is computed for each second by itself, so both ways
        give the same bits.
        """
        most = max(1, STRETCH_SAMPLES // (self._s * self._c * self.spectrum.size))
        k = 0
        while k + 1 < len(cuts):
            end = min(len(cuts) - 1, k + most)
            lengths = {b - a for a, b in pairwise(cuts[k : end + 1])}
            rows = uv[:, :, cuts[k] : cuts[end]].reshape(self._s * self._c, -1)
            if len(lengths) > 1 or self._repair.restarts_within(rows):
                end = k + 1
            a, b = cuts[k], cuts[end]
            yield self._seconds_of(uv[:, :, a:b], motion_g[:, :, a:b], end - k)
            k = end

    def _seconds_of(self, uv: FloatArray, motion_g: FloatArray, count: int) -> Seconds:
        """Seconds of one length, ``(S, C, count * length)``."""
        shape = (self._s, self._c, count, uv.shape[2] // count)
        repaired = self._repair(uv.reshape(self._s * self._c, -1), count)
        present = repaired.present.reshape(shape).mean(axis=3)
        if repaired.restart.any():
            self._highpass.settle(repaired.resume_uv, repaired.restart)
            for other in (self._emg, self._smooth):
                other.settle(np.zeros(self._s * self._c), repaired.restart)
        eeg = self._highpass(repaired.uv)
        # What is filled in holds no muscle to speak of, so the mean is of the samples that were there.
        emg = np.square(self._emg(eeg)).reshape(shape).mean(axis=3) / np.maximum(present, LEAST_PRESENT)
        own, both = self._spectra(eeg.reshape(self._s, self._c, -1), count)
        mains = self.spectrum.mains_share(own)
        problems = judge(self._quality, repaired.uv.reshape(shape), eeg.reshape(shape), mains)
        problems |= missing(
            self._quality, present, repaired.present.reshape(shape), repaired.real.reshape(shape)
        )
        by_second = motion_g.reshape(self._s, motion_g.shape[1], count, shape[3])
        motion = moved(self._quality, by_second.transpose(0, 2, 1, 3))
        problems |= motion[:, np.newaxis] * np.uint8(QualityFlag.MOTION)
        problems, settled = self._settling.push(problems)
        thin = thinned(self._quality, 1.0 - present, self._lost.push(1.0 - present))
        problems, settled = problems | thin, settled & (thin & QualityFlag.LOST == 0)
        if self._montage is Montage.PAIR:
            off = lifted(self._quality, self.spectrum.broadband_power(own), problems)
            problems, settled = problems | off, settled & (off == 0)
        first_s, self._seconds = self._seconds + 1, self._seconds + count
        density, emg_power = self._of_usable(problems == 0, own, both, emg)
        paired = settled.all(axis=1) & (self._c == 2)
        traces = self._traces(eeg, shape, first_s) if self._eyes is not None else None
        eyes = self._eyes.push(traces, paired) if self._eyes is not None and traces is not None else None
        band_power = np.ascontiguousarray(self.spectrum.band_power(density).transpose(0, 2, 1))
        return Seconds(
            first_s, problems, density, band_power, emg_power, motion, paired, traces, eyes, present
        )

    def _spectra(self, eeg: FloatArray, count: int) -> tuple[FloatArray, FloatArray | None]:
        """Densities of each channel ``(S, C, m, n_freqs)``, and of the mean of a pair ``(S, m, n_freqs)``."""
        length = eeg.shape[2] // count
        joined = np.concatenate((self._window, eeg), axis=2)
        self._window = joined[:, :, -self.spectrum.size :].copy()
        windows = sliding_window_view(joined, self.spectrum.size, axis=2)[:, :, length::length]
        n_freqs = self.spectrum.freq_hz.size
        own = np.empty((self._s, self._c, count, n_freqs))
        both = np.empty((self._s, count, n_freqs)) if self._montage is Montage.PAIR else None
        most = max(1, BATCH_SAMPLES // (self._c * self.spectrum.size))
        rows, seconds = max(1, most // count), min(count, most)
        for a, k in product(range(0, self._s, rows), range(0, count, seconds)):
            some, those = slice(a, a + rows), slice(k, k + seconds)
            transform = self.spectrum.transform(windows[some, :, those])
            own[some, :, those] = self.spectrum.density(transform)
            if both is not None:
                both[some, those] = self.spectrum.density(0.5 * (transform[:, 0] + transform[:, 1]))
        return own, both

    def _of_usable(
        self, usable: BoolArray, own: FloatArray, both: FloatArray | None, emg: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Density ``(S, m, n_freqs)`` and EMG power ``(S, m)`` of what is usable, NaN where nothing is."""
        first = usable[:, 0]
        if both is None:
            eeg = first[..., np.newaxis]
            return np.where(eeg, own[:, 0], np.nan), np.where(first, emg[:, 0], np.nan)
        second = usable[:, 1]
        pair = first & second
        if pair.all():
            return both, 0.5 * (emg[:, 0] + emg[:, 1])
        one = np.where(first[..., np.newaxis], own[:, 0], own[:, 1])
        density = np.where(pair[..., np.newaxis], both, one)
        power = np.where(pair, 0.5 * (emg[:, 0] + emg[:, 1]), np.where(first, emg[:, 0], emg[:, 1]))
        none = ~(first | second)
        density[none] = np.nan
        return density, np.where(none, np.nan, power)

    def _traces(self, eeg: FloatArray, shape: tuple[int, int, int, int], first_s: int) -> FloatArray:
        """Difference and mean ``(S, 2, m * 50)``, uV, below 6 Hz."""
        smooth = self._smooth(eeg).reshape(self._s, self._c, -1)
        seconds = first_s - 1 + np.arange(shape[2] * POINTS_PER_S) / POINTS_PER_S
        places = np.rint(seconds * self.fs_hz).astype(np.int64) - round((first_s - 1) * self.fs_hz)
        points = smooth[:, :, np.minimum(places, smooth.shape[2] - 1)]
        if self._montage is Montage.EEG_EOG:
            return np.ascontiguousarray(points[:, ::-1])
        left, right = points[:, 0], points[:, 1]
        return np.stack((left - right, 0.5 * (left + right)), axis=1)
