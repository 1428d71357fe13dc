"""Single waves of the sleeping cortex, and the artefact of the pulse.

Spindles and K-complexes (N2), slow waves (N3) and sawtooth waves (REM) come from the middle of the head, so
both sides carry them with the same sign. Rates and sizes: 3 to 6 s between spindles of a train, 0.5 to 2 s
long, slow frontal ones near 12 Hz and fast ones near 14; one or two K-complexes a minute; slow waves of 75 uV
and more in over 20 % of N3; sawtooth trains of 2 to 5 s, 2.5 to 3 Hz, with the eyes.

The pulse (of the skin below the electrodes, and the recoil of the head) recurs about once a second: small,
stronger on one side than on the other; slower in deep sleep, faster in REM and awake, modulated by breathing
(respiratory sinus arrhythmia).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology import waveforms as shapes
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.eye_movements import RemPlan
from sanctuary.simulator.physiology.random_streams import Concern, Events, stream
from sanctuary.simulator.physiology.traits import Traits
from sanctuary.simulator.physiology.waveforms import Wave

_SPINDLES_PER_S = 0.22
_SPINDLE_GAP_S = 2.5
_SPINDLES_IN_N3 = 0.35
_SLOW_SPINDLES = 0.55
_SPINDLE_UV, _SPINDLE_SPREAD = 11.0, 0.35
_K_PER_S = 1.4 / 60.0
_K_UV = (60.0, 130.0)
_SLOW_PER_S, _SLOW_PER_S_N2 = 0.55, 0.03
_SLOW_UV, _SLOW_SPREAD = 44.0, 0.35
_SAW_PER_S, _SAW_PER_S_TONIC = 0.012, 0.002
_SAW_UV = (12.0, 28.0)


class _WaveKind(IntEnum):
    SPINDLE = 0
    K_COMPLEX = 1
    SLOW_WAVE = 2
    SAWTOOTH = 3


class SleepWaves:
    """All single waves of one sleeper's cortex."""

    def __init__(
        self, seed: int, fs_hz: int, segment_s: int, course: Course, rem: RemPlan, traits: Traits
    ) -> None:
        self._seed, self._fs_hz, self._segment_s = seed, fs_hz, segment_s
        self._course, self._rem, self._traits = course, rem, traits

    def segment(self, index: int) -> Iterator[Wave]:
        """Waves that begin in segment `index`."""
        t_s = index * self._segment_s + np.arange(self._segment_s, dtype=np.float64)
        weights = self._course.eeg_weights(t_s)
        pressure = self._course.pressure(t_s)
        events = Events(self._seed, Concern.SLEEP_WAVES, t_s)
        yield from self._spindles(t_s, weights, events)
        for onset_s, rng in events.of(_WaveKind.K_COMPLEX, _K_PER_S * weights[:, Stage.N2]):
            height_uv = rng.uniform(*_K_UV) * self._traits.amplitude
            yield self._both(onset_s, height_uv * shapes.k_complex(self._fs_hz, rng.uniform(0.7, 1.2)), rng)
        slow_per_s = _SLOW_PER_S * weights[:, Stage.N3] + _SLOW_PER_S_N2 * weights[:, Stage.N2]
        for onset_s, rng in events.of(_WaveKind.SLOW_WAVE, slow_per_s * (0.8 + 0.5 * pressure)):
            yield self._slow_wave(onset_s, float(pressure[int(onset_s - t_s[0])]), rng)
        phasic = self._rem.phasic(t_s)
        saw_per_s = weights[:, Stage.R] * np.where(phasic, _SAW_PER_S, _SAW_PER_S_TONIC)
        for onset_s, rng in events.of(_WaveKind.SAWTOOTH, saw_per_s):
            shape = shapes.sawtooth(self._fs_hz, rng.uniform(2.0, 5.0), rng.uniform(2.4, 3.0))
            yield self._both(onset_s, rng.uniform(*_SAW_UV) * self._traits.amplitude * shape, rng)

    def _spindles(
        self, t_s: NDArray[np.float64], weights: NDArray[np.float64], events: Events
    ) -> Iterator[Wave]:
        ready = weights[:, Stage.N2] + _SPINDLES_IN_N3 * weights[:, Stage.N3]
        rate = _SPINDLES_PER_S * self._traits.spindles * ready * 2.0 * self._course.sigma_phase(t_s)
        free_s = 0.0
        for onset_s, rng in events.of(_WaveKind.SPINDLE, rate):
            if onset_s < free_s:
                continue
            free_s = onset_s + _SPINDLE_GAP_S
            slow = rng.random() < _SLOW_SPINDLES
            usual_hz = self._traits.slow_spindle_hz if slow else self._traits.fast_spindle_hz
            shape = shapes.spindle(
                self._fs_hz, rng.uniform(0.6, 1.6), usual_hz + rng.normal(0.0, 0.3), rng.uniform(-1.0, 0.2)
            )
            height_uv = _SPINDLE_UV * self._traits.amplitude * rng.lognormal(0.0, _SPINDLE_SPREAD)
            yield self._both(onset_s, height_uv * shape, rng)

    def _slow_wave(self, onset_s: float, pressure: float, rng: np.random.Generator) -> Wave:
        shape = shapes.slow_wave(self._fs_hz, rng.uniform(0.7, 1.8), rng.uniform(0.4, 0.9))
        height_uv = _SLOW_UV * (0.8 + 0.4 * pressure) * rng.lognormal(0.0, _SLOW_SPREAD)
        return self._both(onset_s, height_uv * self._traits.deep_amplitude * shape, rng)

    def _both(self, onset_s: float, wave: NDArray[np.float64], rng: np.random.Generator) -> Wave:
        balance = rng.uniform(-0.12, 0.12)
        return Wave(onset_s, (1.0 + balance) * wave, (1.0 - balance) * wave)


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
