"""Waveforms of single events, and their sum over a background that is made in segments.

Waveforms are pure functions of the sampling rate, of unit height unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from sanctuary.signal.samples import FloatArray


def bump(n: int) -> FloatArray:
    """Draw a raised cosine of `n` samples, 0 at both ends, 1 in the middle."""
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / max(1, n - 1)))


def n_samples(duration_s: float, fs_hz: int) -> int:
    """Count the samples in `duration_s`, two at least."""
    return max(2, round(duration_s * fs_hz))


def spindle(fs_hz: int, duration_s: float, frequency_hz: float, chirp_hz_per_s: float) -> FloatArray:
    """Waxing and waning train whose frequency passes through `frequency_hz` in the middle."""
    n = n_samples(duration_s, fs_hz)
    t_s = (np.arange(n) - n / 2) / fs_hz
    return np.asarray(bump(n) * np.cos(2.0 * np.pi * (frequency_hz + 0.5 * chirp_hz_per_s * t_s) * t_s))


def slow_wave(fs_hz: int, duration_s: float, positive: float) -> FloatArray:
    """Negative half wave of height 1, then a positive one of height `positive`, joined smoothly."""
    n = n_samples(duration_s, fs_hz)
    down = n_samples(0.45 * duration_s, fs_hz)
    phase = np.concatenate([np.linspace(0.0, np.pi, down), np.linspace(np.pi, 2.0 * np.pi, n - down)])
    wave = -np.sin(phase)
    wave[down:] *= positive
    return np.asarray(wave * np.minimum(1.0, 4.0 * bump(n)))


def k_complex(fs_hz: int, duration_s: float) -> FloatArray:
    """Sharp negative wave of height 1 and a slower, lower positive one."""
    n = n_samples(duration_s, fs_hz)
    sharp = n_samples(0.35 * duration_s, fs_hz)
    wave = np.zeros(n)
    wave[:sharp] -= bump(sharp)
    rest = n - sharp // 2
    wave[n - rest :] += 0.55 * bump(rest)
    return wave


def sawtooth(fs_hz: int, duration_s: float, frequency_hz: float) -> FloatArray:
    """Train of notched waves with a slow rise and a steep fall, fading in and out."""
    n = n_samples(duration_s, fs_hz)
    phase = np.arange(n) / fs_hz * frequency_hz % 1.0
    wave = np.where(phase < 0.7, phase / 0.35 - 1.0, 1.0 - (phase - 0.7) / 0.15)
    return np.asarray(wave * np.minimum(1.0, 3.0 * bump(n)))


def saccade(fs_hz: int, duration_s: float, rise_s: float) -> FloatArray:
    """Fast deflection that the amplifier's high-pass and the next fixation bring back slowly."""
    n = n_samples(duration_s, fs_hz)
    rise = min(n - 1, n_samples(rise_s, fs_hz))
    up = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    down = 0.5 + 0.5 * np.cos(np.pi * np.arange(n - rise) / (n - rise))
    return np.concatenate([up, down])


def blink(fs_hz: int, duration_s: float) -> FloatArray:
    """Lid closes fast and opens a little more slowly."""
    return saccade(fs_hz, duration_s, 0.4 * duration_s)


def slow_roll(fs_hz: int, duration_s: float, frequency_hz: float) -> FloatArray:
    """Eyes that swing like a pendulum, fading in and out."""
    n = n_samples(duration_s, fs_hz)
    return np.asarray(
        np.sin(2.0 * np.pi * frequency_hz * np.arange(n) / fs_hz) * np.minimum(1.0, 2.0 * bump(n))
    )


def eye_signal(fs_hz: int, pace_s: float, rise_s: float) -> FloatArray:
    """Gaze to one side, the other, and both once more, `pace_s` each; then back to the middle."""
    t_s = np.arange(n_samples(4.0 * pace_s + rise_s, fs_hz)) / fs_hz
    shape = np.zeros(t_s.size)
    for number, step in enumerate((1.0, -2.0, 2.0, -2.0, 1.0)):
        done = np.clip((t_s - number * pace_s) / rise_s, 0.0, 1.0)
        shape += step * (0.5 - 0.5 * np.cos(np.pi * done))
    return shape


def pop(fs_hz: int, decay_s: float) -> FloatArray:
    """Jump that decays exponentially."""
    return np.asarray(np.exp(-np.arange(n_samples(6.0 * decay_s, fs_hz)) / (decay_s * fs_hz)))


def band_noise(
    fs_hz: int, duration_s: float, low_hz: float, high_hz: float, rng: np.random.Generator
) -> FloatArray:
    """Gaussian noise between two frequencies, RMS 1 up to chance; edges as steep as its length allows."""
    n = n_samples(duration_s, fs_hz)
    freq_hz = np.fft.rfftfreq(n, 1.0 / fs_hz)
    inside = (freq_hz >= low_hz) & (freq_hz <= high_hz) & (freq_hz > 0.0)
    inside[int(np.abs(freq_hz - 0.5 * (low_hz + high_hz)).argmin())] |= freq_hz.size > 1
    drawn = rng.standard_normal((freq_hz.size, 2)).view(np.complex128)[:, 0] * inside
    return np.asarray(fft.irfft(drawn, n) * n / (2.0 * np.sqrt(inside.sum())))


def pink_noise(fs_hz: int, duration_s: float, rng: np.random.Generator) -> FloatArray:
    """Noise whose power falls as 1/f from 0.3 Hz up, RMS 1."""
    n = n_samples(duration_s, fs_hz)
    freq_hz = np.fft.rfftfreq(n, 1.0 / fs_hz)
    gain = np.where(freq_hz < 0.3, 0.0, 1.0 / np.sqrt(np.maximum(freq_hz, 0.3)))
    if not gain.any():
        gain[-1] = 1.0
    drawn = rng.standard_normal((freq_hz.size, 2)).view(np.complex128)[:, 0] * gain
    noise = fft.irfft(drawn, n)
    return np.asarray(noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12))


def faded(shape: FloatArray, fs_hz: int, fade_s: float) -> FloatArray:
    """`shape` with a raised-cosine fade at both ends, at most half of its length each."""
    n = min(shape.size // 2, n_samples(fade_s, fs_hz))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    out = shape.copy()
    out[:n] *= ramp
    out[shape.size - n :] *= ramp[::-1]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """One wave: its onset (seconds since the recording began) and its course at AF7 and AF8, uV."""

    onset_s: float
    left: NDArray[np.float64]
    right: NDArray[np.float64]


class OverlapAdd:
    """Adds waves up, segment after segment, and keeps what reaches beyond.

    Parameters
    ----------
    fs_hz, segment_s
        Whole samples per second; seconds per segment.
    """

    def __init__(self, fs_hz: int, segment_s: int) -> None:
        self._fs_hz = fs_hz
        self._n = fs_hz * segment_s
        self._pending = np.zeros((2, self._n))

    def segment(self, index: int, waves: Iterable[Wave]) -> NDArray[np.float64]:
        """Sum of all waves in segment `index`, ``(2, n)`` uV; `waves` are those that begin in it."""
        self._pending = self._pending.copy()  # a copy of this object keeps what was pending before
        for wave in waves:
            start = int(wave.onset_s * self._fs_hz) - index * self._n
            stop = start + wave.left.size
            self._reach(stop)
            self._pending[0, start:stop] += wave.left
            self._pending[1, start:stop] += wave.right
        done, self._pending = self._pending[:, : self._n], self._pending[:, self._n :]
        self._reach(self._n)
        return done

    def _reach(self, stop: int) -> None:
        missing = stop - self._pending.shape[1]
        if missing > 0:
            self._pending = np.concatenate([self._pending, np.zeros((2, missing))], axis=1)


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that lasts from `onset_s` on for `duration_s` seconds."""

    onset_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        """Second in which it is over."""
        return self.onset_s + self.duration_s
