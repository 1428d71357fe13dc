"""The heartbeat as electrodes on the forehead see it: the pulse of the skin below, and the head's recoil.

About once a second, small, stronger on one side than the other; slower in deep sleep, quicker in REM and
awake, and breathing in step with the lungs (respiratory sinus arrhythmia).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.randomness import Concern, stream
from sanctuary.simulator.physiology.traits import Traits

_BY_STAGE = {Stage.W: 1.12, Stage.N1: 1.03, Stage.N2: 1.0, Stage.N3: 0.97, Stage.R: 1.04}
"""Rate against that of N2."""
_WANDER = 0.04
_BREATH_HZ, _BREATH_SHARE = 0.25, 0.03
_POINTS = 256


class Pulse:
    """The pulse artefact of one sleeper.

    Parameters
    ----------
    seed, fs_hz, segment_s
        The sleeper's seed; whole samples per second; seconds per segment.
    course, traits
        What the rate follows; frequency, size and side of the artefact.
    """

    def __init__(self, seed: int, fs_hz: int, segment_s: int, course: Course, traits: Traits) -> None:
        self._seed, self._fs_hz, self._segment_s = seed, fs_hz, segment_s
        self._course, self._traits = course, traits
        self._beats, self._wander = 0.0, 0.0
        phase = np.arange(_POINTS + 1) / _POINTS
        self._phase, self._shape = phase, _beat(phase)

    def segment(self, index: int) -> NDArray[np.float64]:
        """Make the next segment, ``(2, n)`` uV; segments come in order."""
        seconds = index * self._segment_s + np.arange(self._segment_s + 1, dtype=np.float64)
        rng = stream(self._seed, Concern.PULSE, index)
        rates_hz = self._rates_hz(seconds[:-1], rng)
        beats = self._beats + np.concatenate([[0.0], np.cumsum(rates_hz)])
        self._beats = float(beats[-1] % 1.0)
        at_s = np.arange(self._segment_s * self._fs_hz) / self._fs_hz
        wave = np.interp(np.interp(at_s, seconds - seconds[0], beats) % 1.0, self._phase, self._shape)
        sides = self._traits.pulse_uv * np.array(
            [1.0 + self._traits.pulse_lean, 1.0 - self._traits.pulse_lean]
        )
        return np.asarray(sides[:, None] * wave)

    def _rates_hz(self, t_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        by_stage = self._course.stage_weights(t_s) @ np.array([_BY_STAGE[stage] for stage in STAGES])
        before, self._wander = self._wander, float(np.clip(rng.standard_normal(), -2.0, 2.0))
        wander = before + (self._wander - before) * (t_s - t_s[0] + 1.0) / t_s.size
        breath = np.sin(2.0 * np.pi * _BREATH_HZ * t_s)
        return np.asarray(
            self._traits.pulse_hz * by_stage * (1.0 + _WANDER * wander + _BREATH_SHARE * breath)
        )


def _beat(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """One beat over phases 0 to 1: the recoil (sharp, both ways), then the pulse wave; mean 0, height 1."""
    wave = np.zeros_like(phase)
    for centre, width, height in (
        (0.22, 0.035, 0.5),
        (0.29, 0.04, -0.6),
        (0.42, 0.09, 1.0),
        (0.62, 0.06, 0.25),
    ):
        wave += height * np.exp(-0.5 * ((phase - centre) / width) ** 2)
    wave -= wave.mean()
    return np.asarray(wave / np.abs(wave).max())
