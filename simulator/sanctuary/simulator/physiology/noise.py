"""Noise whose spectrum follows the sleeper: short frames, shaped in frequency, overlapped and added."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.randomness import Concern, stream
from sanctuary.simulator.physiology.spectra import Background, muscle_db, muscle_shape
from sanctuary.simulator.physiology.traits import Traits

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
