"""Background EEG and muscle tone: noise in short frames, shaped in frequency by stage, overlapped and added.

The aperiodic part is ``level / (1 + (f / knee)^exponent)`` with the exponents that sleep studies report
between 1 and 35 Hz (flattest awake, steepest in N3); Gaussian bumps stand for theta, sleeping alpha, sigma
and beta. Levels, knees and bumps were set so that whole nights agree with the band powers of real ones at
Fpz-Cz (Sleep-EDF Expanded; the table that the tests hold them against). Single waves are added elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.physiology.traits import Traits

_CENTRES_HZ = (6.0, 10.0, 13.0, 21.0)
_WIDTHS_HZ = (1.5, 1.5, 1.2, 6.0)
"""Theta, alpha, sigma, beta: centre and standard deviation of each bump."""


@dataclass(frozen=True, slots=True)
class _Background:
    """Density (dB re 1 uV^2/Hz) well below the knee, knee, exponent, and height (dB) of each bump."""

    level_db: float
    knee_hz: float
    exponent: float
    bumps_db: tuple[float, float, float, float]


_BACKGROUND = {
    Stage.W: _Background(15.0, 2.2, 1.6, (-1.6, -2.8, 0.0, -0.8)),
    Stage.N1: _Background(9.8, 2.7, 1.9, (0.0, -3.2, 0.0, 0.4)),
    Stage.N2: _Background(14.4, 2.8, 2.55, (0.5, 0.4, 1.0, 4.0)),
    Stage.N3: _Background(18.8, 2.6, 2.8, (0.4, 1.4, 0.2, 2.3)),
    Stage.R: _Background(11.3, 2.8, 1.95, (0.5, -2.0, -1.0, -2.3)),
}
_MUSCLE_DB = {Stage.W: -7.0, Stage.N1: -14.0, Stage.N2: -21.5, Stage.N3: -23.0, Stage.R: -25.5}
"""Density (dB re 1 uV^2/Hz) of muscle at 45 to 90 Hz."""

_HIGH_PASS_HZ = 0.3
_STEEPER_HZ, _STEEPER_ORDER = 44.0, 8.0
"""Above this the EEG falls faster still; what is left there is muscle."""
_PIVOT_HZ = 8.0
"""Density at this frequency does not depend on a sleeper's own exponent."""
_MUSCLE_LOW_HZ, _MUSCLE_HIGH_HZ = 28.0, 100.0
_SILENCE_DB = -60.0


class Background:
    """Log spectra of one sleeper's background as a linear function of the state.

    Parameters
    ----------
    freq_hz
        Shape ``(n_freqs,)``, first 0.
    traits
        The sleeper.
    """

    STATES = len(STAGES) + 3
    """Columns of the state: a weight for every stage, then departures (dB) of level, tilt and alpha."""

    def __init__(self, freq_hz: NDArray[np.float64], traits: Traits) -> None:
        own_db = -10.0 * traits.exponent_shift * _decades(freq_hz)
        amplitudes = dict.fromkeys(STAGES, traits.amplitude) | {Stage.N3: traits.deep_amplitude}
        stages_db = [
            _stage_db(freq_hz, _BACKGROUND[stage]) + own_db + 20.0 * np.log10(amplitudes[stage])
            for stage in STAGES
        ]
        alpha = np.exp(-0.5 * ((freq_hz - traits.alpha_hz) / 0.9) ** 2)
        tilt = -_decades(freq_hz)
        self._basis_db = np.stack([*stages_db, np.ones_like(freq_hz), tilt, alpha])

    def density(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """One-sided power density, uV^2/Hz: ``(n, STATES)`` to ``(n, n_freqs)``."""
        return np.asarray(np.exp(np.log(10.0) / 10.0 * (states @ self._basis_db)))


def muscle_db(tone_weights: NDArray[np.float64], traits: Traits) -> NDArray[np.float64]:
    """Muscle tone (dB re 1 uV^2/Hz at 45 to 90 Hz) for stage weights ``(n, 5)``."""
    return np.asarray(tone_weights @ np.array([_MUSCLE_DB[stage] for stage in STAGES]) + traits.muscle_db)


def muscle_shape(freq_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power spectrum of surface muscle activity, largest value near 1."""
    low = 1.0 / (1.0 + (_MUSCLE_LOW_HZ / np.maximum(freq_hz, 1e-3)) ** 6)
    return np.asarray(low / (1.0 + (freq_hz / _MUSCLE_HIGH_HZ) ** 8))


def _stage_db(freq_hz: NDArray[np.float64], background: _Background) -> NDArray[np.float64]:
    f = np.maximum(freq_hz, 1e-3)
    db = background.level_db - 10.0 * np.log10(1.0 + (f / background.knee_hz) ** background.exponent)
    for centre_hz, width_hz, height_db in zip(_CENTRES_HZ, _WIDTHS_HZ, background.bumps_db, strict=True):
        db = db + height_db * np.exp(-0.5 * ((f - centre_hz) / width_hz) ** 2)
    db = db - 10.0 * np.log10(1.0 + (f / _STEEPER_HZ) ** _STEEPER_ORDER)
    return np.asarray(np.maximum(db - 10.0 * np.log10(1.0 + (_HIGH_PASS_HZ / f) ** 4), _SILENCE_DB))


def _decades(freq_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decades above the pivot, held constant outside 0.5 to 50 Hz."""
    return np.asarray(np.log10(np.clip(freq_hz, 0.5, 50.0) / _PIVOT_HZ))


HOP_S = 2
"""Frames are twice as long; their sine windows add up to constant power."""

_MUSCLE_COMMON = 0.2
"""Share of muscle power that both sides have in common."""
_LEVEL_SD_DB, _TILT_SD_DB, _MUSCLE_SD_DB = 1.3, 1.8, 2.2
_MEMORY = 0.85
"""Slow wandering of level, tilt (per decade) and muscle tone, and how much of it a segment hands on."""
_ALPHA_DB = np.array([7.0, 5.0, 0.0, 0.0, 2.0])
_ALPHA_ENTER = np.array([0.25, 0.08, 0.0, 0.0, 0.03])
_ALPHA_STAY = 0.7
"""Alpha bursts by stage: height (dB), chance per frame to begin one, and to go on with one."""


class ShapedNoise(ABC):
    """Noise at both sides whose spectrum changes from frame to frame, segment after segment.

    Parameters
    ----------
    seed, fs_hz, segment_s
        The sleeper's seed; whole samples per second; seconds per segment, a multiple of `HOP_S`.
    side_share
        Share of the EEG's power that belongs to one side only.

    Attributes
    ----------
    freq_hz
        Shape ``(n_freqs,)``: frequencies of the spectra, first 0.
    """

    def __init__(self, seed: int, fs_hz: int, segment_s: int, side_share: float) -> None:
        self._seed, self._fs_hz, self._segment_s = seed, fs_hz, segment_s
        self._side_share = side_share
        self._size = 2 * HOP_S * fs_hz
        self.freq_hz = np.arange(self._size // 2 + 1, dtype=np.float64) * (fs_hz / self._size)
        self._window = np.sin(np.pi * (np.arange(self._size) + 0.5) / self._size)
        self._scale = np.sqrt(fs_hz * self._size / 4.0)
        self._before: NDArray[np.float64] | None = None

    def segment(self, index: int) -> NDArray[np.float64]:
        """Make the next segment, ``(2, n)`` uV; `index` counts from 0, in order."""
        before = self._frames(-1)[:, -1:] if self._before is None else self._before
        frames = np.concatenate([before, self._frames(index)], axis=1)
        self._before = frames[:, -1:]
        half = self._size // 2
        added = frames[:, :-1, half:] + frames[:, 1:, :half]
        return np.asarray(added.reshape(2, -1))

    def _frames(self, index: int) -> NDArray[np.float64]:
        """Windowed frames ``(2, n_frames, size)`` that begin in this segment."""
        rng = stream(self._seed, Concern.BACKGROUND, index + 1)
        n_frames = self._segment_s // HOP_S
        t_s = index * self._segment_s + HOP_S * (np.arange(n_frames) + 1.0)
        eeg, muscle = self._densities(np.maximum(t_s, 0.0), rng)
        common, left, right = (self._draw(n_frames, rng) for _ in range(3))
        share, muscle_common = self._side_share, _MUSCLE_COMMON
        shared = np.sqrt((1.0 - share) * eeg + muscle_common * muscle) * common
        own = np.sqrt(share * eeg + (1.0 - muscle_common) * muscle)
        both = np.stack([shared + own * left, shared + own * right])
        both[:, :, 0] = 0.0
        return np.asarray(fft.irfft(both * self._scale, self._size, axis=-1) * self._window)

    def _draw(self, n_frames: int, rng: np.random.Generator) -> NDArray[np.complex128]:
        drawn = rng.standard_normal((n_frames, self._size // 2 + 1, 2))
        return np.asarray(drawn.view(np.complex128)[..., 0])

    @abstractmethod
    def _densities(
        self, t_s: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Densities (uV^2/Hz) of EEG and muscle, ``(n, n_freqs)``, in frames around ``(n,)`` s."""


class BackgroundNoise(ShapedNoise):
    """Background EEG and muscle tone of a simulated sleeper.

    Parameters
    ----------
    seed, fs_hz, segment_s
        As for `ShapedNoise`.
    course, traits
        What the spectrum follows.
    """

    def __init__(self, seed: int, fs_hz: int, segment_s: int, course: Course, traits: Traits) -> None:
        super().__init__(seed, fs_hz, segment_s, traits.side_share)
        self._course, self._traits = course, traits
        self._eeg = Background(self.freq_hz, traits)
        self._muscle_shape = muscle_shape(self.freq_hz)
        self._wander = np.zeros(3)
        self._in_burst = False

    def _densities(
        self, t_s: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        before = self._wander
        self._wander = _MEMORY * before + np.sqrt(1.0 - _MEMORY**2) * rng.standard_normal(3)
        ramp = (np.arange(t_s.size)[:, None] + 1.0) / t_s.size
        wander = before + ramp * (self._wander - before)
        weights = self._course.eeg_weights(t_s)
        alpha_db = self._alpha(weights, rng)
        state = np.column_stack([weights, _LEVEL_SD_DB * wander[:, 0], _TILT_SD_DB * wander[:, 1], alpha_db])
        tone_db = muscle_db(self._course.tone_weights(t_s), self._traits) + _MUSCLE_SD_DB * wander[:, 2]
        muscle = 10.0 ** (tone_db[:, None] / 10.0) * self._muscle_shape
        return self._eeg.density(state), muscle

    def _alpha(self, weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Height of the alpha rhythm (dB) in each frame: bursts that come and go."""
        heights = weights @ _ALPHA_DB + self._traits.alpha_db
        enter = weights @ _ALPHA_ENTER
        awake = enter / _ALPHA_ENTER.max()
        drawn = rng.random(enter.size)
        bursts = np.zeros(enter.size)
        for i in range(enter.size):
            chance = min(1.0, _ALPHA_STAY * min(1.0, 3.0 * awake[i])) if self._in_burst else enter[i]
            self._in_burst = bool(drawn[i] < chance)
            bursts[i] = self._in_burst
        return np.asarray(bursts * np.maximum(heights, 0.0))
