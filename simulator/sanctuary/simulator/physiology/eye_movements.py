"""Eye movements as AF7 and AF8 record them, and the plan of saccades in REM.

A horizontal movement turns one cornea towards its electrode and the other away: opposite signs. Blinks and
vertical movements have the same sign on both sides.

In REM, saccades come in bursts in phasic stretches, none in tonic ones. Bursts lie more than 8 s apart.
Activity peaks 5 to 10 min into a REM period, falls after another 10 min, and follows a rhythm of about 20
min; later in the night bursts grow longer and richer, not more frequent.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology import waveforms as shapes
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.random_streams import Concern, Events, stream
from sanctuary.simulator.physiology.traits import Traits
from sanctuary.simulator.physiology.waveforms import Wave

_GAP_LEAST_S, _GAP_MEAN_S = 8.0, 12.0
_PEAK_S, _RHYTHM_S = 450.0, 1200.0
_LATE_S = 6.0 * 3600.0
_SETTLE_S = 20.0
"""The first movements wait at least this long for atonia."""
_SPACING_LEAST_S, _SPACING_MEAN_S = 0.35, 0.55
_PHASIC_MARGIN_S = 5


class RemPlan:
    """Onsets of all saccades in REM of one night.

    Parameters
    ----------
    stages
        Shape ``(n_seconds,)``: true stages.
    density
        Factor on the number of eye movements.
    """

    def __init__(self, stages: NDArray[np.int8], density: float, rng: np.random.Generator) -> None:
        onsets = [onset for bout in _bouts(stages) for onset in _bout(*bout, density, rng)]
        self._onsets_s = np.array(onsets, dtype=np.float64)
        self._held_back = np.zeros(len(onsets), dtype=np.bool_)
        self._phasic = np.zeros(stages.size, dtype=np.bool_)
        for onset_s in onsets:
            second = int(onset_s)
            self._phasic[max(0, second - _PHASIC_MARGIN_S) : second + _PHASIC_MARGIN_S + 1] = True

    def onsets_s(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        """Onsets of saccades from `start_s` up to but not including `end_s`."""
        return np.array([onset_s for _, onset_s in self.saccades(start_s, end_s)], dtype=np.float64)

    def saccades(self, start_s: float, end_s: float) -> Iterator[tuple[int, float]]:
        """Like `onsets_s`, each with its number in the night, which no cue changes."""
        first, stop = np.searchsorted(self._onsets_s, [start_s, end_s])
        for number in range(int(first), int(stop)):
            if not self._held_back[number]:
                yield number, float(self._onsets_s[number])

    def thin(self, start_s: float, end_s: float, left: float, rng: np.random.Generator) -> None:
        """Hold saccades back from `start_s` to `end_s`, so that a share `left` of them is left.

        Stretches stay phasic or tonic as they were.
        """
        first, stop = np.searchsorted(self._onsets_s, [start_s, end_s])
        self._held_back[first:stop] |= rng.random(int(stop - first)) >= left

    def phasic(self, t_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each time lies in a phasic stretch of REM."""
        seconds = np.floor(t_s).astype(np.int64)
        inside = seconds < self._phasic.size
        return np.asarray(inside & self._phasic[np.where(inside, seconds, 0)])


def activity(since_s: float) -> float:
    """Readiness of the eyes, 0.1 to 1, so many seconds into a REM period."""
    return 0.55 + 0.45 * float(np.cos(2.0 * np.pi * (since_s - _PEAK_S) / _RHYTHM_S))


def _bouts(stages: NDArray[np.int8]) -> Iterator[tuple[float, float]]:
    """Start and end of every bout of REM."""
    rem = np.concatenate([[False], stages == Stage.R, [False]])
    edges = np.flatnonzero(rem[1:] != rem[:-1])
    yield from ((float(start), float(end)) for start, end in edges.reshape(-1, 2))


def _bout(start_s: float, end_s: float, density: float, rng: np.random.Generator) -> Iterator[float]:
    t_s = start_s + _SETTLE_S + rng.exponential(_GAP_MEAN_S)
    while t_s < end_s - 2.0:
        active = activity(t_s - start_s)
        if rng.random() < min(1.0, 0.25 + 0.75 * active):
            richness = 10.0 * density * active * (0.7 + 0.6 * min(1.0, t_s / _LATE_S))
            for _ in range(1 + int(rng.poisson(richness))):
                if t_s >= end_s - 2.0:
                    return
                yield t_s
                t_s += _SPACING_LEAST_S + rng.exponential(_SPACING_MEAN_S)
        t_s += _GAP_LEAST_S + rng.exponential(_GAP_MEAN_S)


_REM_UV, _REM_SPREAD, _REM_MOST_UV = 85.0, 0.45, 325.0
_VERTICAL = 0.15
"""Share of rapid eye movements that are vertical; these deflect half as far."""
_WAKE_UV, _WAKE_SPREAD = 70.0, 0.5
_WAKE_SACCADES_PER_S = 0.22
_CLOSED_SACCADES_PER_S = 0.02
_BLINK_UV = (70.0, 190.0)
_OPEN_STAY_S, _OPEN_SHARE_IN_BED = 90.0, 0.3
_ROLLS_PER_S = 1.0 / 18.0
_ROLL_UV = (20.0, 60.0)
_SIGNAL_UV, _SIGNAL_PACE_S, _SIGNAL_RISE_S = (140.0, 240.0), (0.5, 0.8), (0.1, 0.2)
"""A voluntary signal: full deflections to either side, as wide as the eyes go."""


class _EyeEvent(IntEnum):
    REM = 0
    SACCADE = 1
    BLINK = 2
    ROLL = 3
    OPEN = 4
    SIGNAL = 5


class EyeMovements:
    """All eye movements of one sleeper.

    Parameters
    ----------
    lights_out_s
        Until then, and after `night_s`, the eyes are mostly open; awake in between, mostly shut.
    """

    def __init__(
        self,
        seed: int,
        fs_hz: int,
        segment_s: int,
        course: Course,
        rem: RemPlan,
        traits: Traits,
        lights_out_s: float,
        night_s: float,
    ) -> None:
        self._seed, self._fs_hz, self._segment_s = seed, fs_hz, segment_s
        self._course, self._rem, self._traits = course, rem, traits
        self._lights_out_s, self._night_s = lights_out_s, night_s
        self._open = True
        self._signals_s: list[float] = []

    def signal(self, onset_s: float) -> None:
        """Add a voluntary signal that lies ahead: left, right, left, right."""
        self._signals_s.append(onset_s)

    def segment(self, index: int) -> Iterator[Wave]:
        """Movements that begin in segment `index`; segments come in order."""
        t_s = index * self._segment_s + np.arange(self._segment_s, dtype=np.float64)
        for number, onset_s in self._rem.saccades(t_s[0], t_s[0] + self._segment_s):
            rng = stream(self._seed, Concern.EYES, _EyeEvent.REM, number, 1)
            yield self._saccade(onset_s, _REM_UV, _REM_SPREAD, rng)
        weights = self._course.stage_weights(t_s)
        awake, drowsy = weights[:, Stage.W], weights[:, Stage.N1]
        events = Events(self._seed, Concern.EYES, t_s)
        yield from self._waking(t_s, awake, events)
        for onset_s, rng in events.of(_EyeEvent.ROLL, _ROLLS_PER_S * (drowsy + 0.15 * awake)):
            yield self._roll(onset_s, rng)
        for number, onset_s in enumerate(self._signals_s):
            if t_s[0] <= onset_s < t_s[0] + self._segment_s:
                yield self._signal(onset_s, stream(self._seed, Concern.EYES, _EyeEvent.SIGNAL, number, 1))

    def _waking(self, t_s: NDArray[np.float64], awake: NDArray[np.float64], events: Events) -> Iterator[Wave]:
        eyes_open = self._eyes_open(t_s, stream(self._seed, Concern.EYES, _EyeEvent.OPEN, int(t_s[0])))
        saccades_per_s = np.where(eyes_open, _WAKE_SACCADES_PER_S, _CLOSED_SACCADES_PER_S) * awake
        for onset_s, rng in events.of(_EyeEvent.SACCADE, saccades_per_s):
            yield self._saccade(onset_s, _WAKE_UV, _WAKE_SPREAD, rng)
        blinks_per_s = self._traits.blinks_per_min / 60.0 * awake * eyes_open
        for onset_s, rng in events.of(_EyeEvent.BLINK, blinks_per_s):
            shape = shapes.blink(self._fs_hz, rng.uniform(0.25, 0.45))
            height_uv = rng.uniform(*_BLINK_UV) * self._traits.eye_gain
            yield Wave(onset_s, height_uv * shape, height_uv * rng.uniform(0.85, 1.1) * shape)

    def _eyes_open(self, t_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Whether the eyes of someone awake are open, second by second."""
        up = (t_s < self._lights_out_s) | (t_s >= self._night_s)
        share = np.where(up, 0.92, _OPEN_SHARE_IN_BED)
        looks = rng.random((t_s.size, 2))
        states = np.empty(t_s.size, dtype=np.bool_)
        for i in range(t_s.size):
            if looks[i, 0] < 1.0 / _OPEN_STAY_S or (i and share[i] != share[i - 1]):
                self._open = bool(looks[i, 1] < share[i])
            states[i] = self._open
        return states

    def _saccade(self, onset_s: float, usual_uv: float, spread: float, rng: np.random.Generator) -> Wave:
        shape = shapes.saccade(self._fs_hz, rng.uniform(0.3, 0.9), rng.uniform(0.05, 0.2))
        height_uv = min(_REM_MOST_UV, usual_uv * self._traits.eye_gain * rng.lognormal(0.0, spread))
        height_uv *= 1.0 if rng.random() < 0.5 else -1.0
        other = rng.uniform(0.65, 1.0)
        if rng.random() < _VERTICAL:
            return Wave(onset_s, 0.5 * height_uv * shape, 0.5 * height_uv * other * shape)
        return Wave(onset_s, height_uv * shape, -height_uv * other * shape)

    def _roll(self, onset_s: float, rng: np.random.Generator) -> Wave:
        frequency_hz = rng.uniform(0.2, 0.6)
        shape = shapes.slow_roll(self._fs_hz, rng.uniform(1.0, 3.0) / frequency_hz, frequency_hz)
        height_uv = rng.uniform(*_ROLL_UV) * self._traits.eye_gain
        return Wave(onset_s, height_uv * shape, -height_uv * rng.uniform(0.65, 1.0) * shape)

    def _signal(self, onset_s: float, rng: np.random.Generator) -> Wave:
        shape = shapes.eye_signal(self._fs_hz, rng.uniform(*_SIGNAL_PACE_S), rng.uniform(*_SIGNAL_RISE_S))
        height_uv = rng.uniform(*_SIGNAL_UV) * self._traits.eye_gain
        return Wave(onset_s, height_uv * shape, -height_uv * rng.uniform(0.7, 1.0) * shape)
