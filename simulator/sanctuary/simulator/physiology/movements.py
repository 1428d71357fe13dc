"""Bursts of muscle activity: arousals, turns of the body, twitches in REM, stirring awake, teeth grinding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology import waveforms as shapes
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.eye_movements import RemPlan
from sanctuary.simulator.physiology.random_streams import Concern, Events, stream
from sanctuary.simulator.physiology.traits import Traits
from sanctuary.simulator.physiology.waveforms import Episode, Wave

_MUSCLE_HZ = (30.0, 95.0)
_SLOW_HZ = (0.25, 1.8)
_AROUSAL_MUSCLE_UV, _AROUSAL_ALPHA_UV, _AROUSAL_BETA_UV = (4.0, 10.0), (4.0, 9.0), (2.0, 4.0)
_TURN_MUSCLE_UV, _TURN_SLOW_UV = (12.0, 35.0), (60.0, 180.0)
_STIR_PER_S, _STIR_S, _STIR_UV = 1.5 / 60.0, (0.5, 3.0), (4.0, 10.0)
_TWITCH_PER_S, _TWITCH_S, _TWITCH_UV = 1.0 / 40.0, (0.05, 0.25), (5.0, 12.0)
_GRIND_S, _GRIND_UV = (0.3, 0.6), (25.0, 60.0)
"""RMS of the bursts (uV), how often and how long."""


class _BurstKind(IntEnum):
    AROUSAL = 0
    TURN = 1
    GRINDING = 2
    STIR = 3
    TWITCH = 4


_Draw = Callable[[Episode, np.random.Generator], Iterator[Wave]]


class Movements:
    """All bursts of muscle activity of one sleeper, and what they shake.

    Parameters
    ----------
    arousals, turns, grinding
        Episodes in order.
    """

    def __init__(
        self,
        seed: int,
        fs_hz: int,
        segment_s: int,
        course: Course,
        rem: RemPlan,
        traits: Traits,
        arousals: Sequence[Episode],
        turns: Sequence[Episode],
        grinding: Sequence[Episode],
    ) -> None:
        self._seed, self._fs_hz, self._segment_s = seed, fs_hz, segment_s
        self._course, self._rem, self._traits = course, rem, traits
        self._tone = 10.0 ** (traits.muscle_db / 20.0)
        self._episodes: dict[_BurstKind, tuple[_Draw, list[Episode]]] = {
            _BurstKind.AROUSAL: (self._arousal, list(arousals)),
            _BurstKind.TURN: (self._turn, list(turns)),
            _BurstKind.GRINDING: (self._grind, list(grinding)),
        }

    def arouse(self, arousal: Episode) -> None:
        """Add an arousal that lies ahead."""
        self._episodes[_BurstKind.AROUSAL][1].append(arousal)

    def segment(self, index: int) -> Iterator[Wave]:
        """Bursts that begin in segment `index`."""
        t_s = index * self._segment_s + np.arange(self._segment_s, dtype=np.float64)
        for kind, (draw, episodes) in self._episodes.items():
            for episode in episodes:
                if t_s[0] <= episode.onset_s < t_s[0] + self._segment_s:
                    own = stream(self._seed, Concern.MUSCLE, kind, int(1000.0 * episode.onset_s), 1)
                    yield from draw(episode, own)
        events = Events(self._seed, Concern.MUSCLE, t_s)
        weights = self._course.stage_weights(t_s)
        for onset_s, rng in events.of(_BurstKind.STIR, _STIR_PER_S * weights[:, Stage.W]):
            yield self._burst(onset_s, rng.uniform(*_STIR_S), rng.uniform(*_STIR_UV), rng)
        twitching = _TWITCH_PER_S * weights[:, Stage.R] * self._rem.phasic(t_s)
        for onset_s, rng in events.of(_BurstKind.TWITCH, twitching):
            yield self._burst(onset_s, rng.uniform(*_TWITCH_S), rng.uniform(*_TWITCH_UV), rng)

    def _arousal(self, episode: Episode, rng: np.random.Generator) -> Iterator[Wave]:
        """Alpha and beta on both sides, and muscle that comes with them."""
        alpha_hz = self._traits.alpha_hz
        for low_hz, high_hz, uv in (
            (alpha_hz - 1.5, alpha_hz + 1.5, _AROUSAL_ALPHA_UV),
            (16.0, 30.0, _AROUSAL_BETA_UV),
        ):
            noise = shapes.band_noise(self._fs_hz, episode.duration_s, low_hz, high_hz, rng)
            wave = rng.uniform(*uv) * self._traits.amplitude * shapes.faded(noise, self._fs_hz, 0.3)
            yield Wave(episode.onset_s, wave, wave)
        yield self._burst(episode.onset_s, episode.duration_s, rng.uniform(*_AROUSAL_MUSCLE_UV), rng)

    def _turn(self, episode: Episode, rng: np.random.Generator) -> Iterator[Wave]:
        """Strong muscle activity; electrodes and cables shift, each in its own way."""
        yield self._burst(episode.onset_s, episode.duration_s, rng.uniform(*_TURN_MUSCLE_UV), rng)
        common, left, right = (
            shapes.band_noise(self._fs_hz, episode.duration_s, *_SLOW_HZ, rng) for _ in range(3)
        )
        height_uv = rng.uniform(*_TURN_SLOW_UV) * shapes.bump(common.size)
        yield Wave(episode.onset_s, height_uv * (0.7 * common + left), height_uv * (0.7 * common + right))

    def _grind(self, episode: Episode, rng: np.random.Generator) -> Iterator[Wave]:
        """Bursts about once a second."""
        t_s = episode.onset_s
        while t_s < episode.end_s:
            yield self._burst(t_s, rng.uniform(*_GRIND_S), rng.uniform(*_GRIND_UV), rng)
            t_s += rng.uniform(0.8, 1.3)

    def _burst(self, onset_s: float, duration_s: float, uv: float, rng: np.random.Generator) -> Wave:
        left, right = (self._muscle(duration_s, uv * rng.uniform(0.8, 1.25), rng) for _ in range(2))
        return Wave(onset_s, left, right)

    def _muscle(self, duration_s: float, uv: float, rng: np.random.Generator) -> NDArray[np.float64]:
        noise = shapes.band_noise(self._fs_hz, duration_s, *_MUSCLE_HZ, rng)
        return np.asarray(uv * self._tone * shapes.faded(noise, self._fs_hz, 0.15))
