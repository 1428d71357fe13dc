"""Faults between skin and amplifier: drift, mains hum, pops, lifted electrodes, poor contact."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from sanctuary.config.sleeper_settings import DisturbanceSettings
from sanctuary.simulator.physiology import primitives as shapes
from sanctuary.simulator.physiology.primitives import Concern, Episode, Wave, stream

_KNOT_S = 5
"""Distance of the knots of drift: nothing above 0.1 Hz worth mentioning."""
_SPLINE_RMS = math.sqrt(151.0 / 315.0)
"""RMS of a cubic B-spline curve whose coefficients are independent and of variance 1."""
_POP_UV, _POP_DECAY_S = (80.0, 400.0), (0.15, 1.0)
_LIFT_HUM_UV, _LIFT_NOISE_UV = (40.0, 150.0), 6.0
_LIFT_RAMP_S = 0.05
_SHORTEST_S = 5.0
_GRINDING_S = (3.0, 10.0)


@dataclass(frozen=True, slots=True)
class SideEpisode(Episode):
    """A fault of one side: 0 for AF7, 1 for AF8."""

    side: int


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """When faults happen in one night."""

    pops: tuple[SideEpisode, ...]
    lifts: tuple[SideEpisode, ...]
    poor_contacts: tuple[SideEpisode, ...]
    grinding: tuple[SideEpisode, ...]


def draw_faults(night_s: float, settings: DisturbanceSettings, rng: np.random.Generator) -> FaultPlan:
    """Draw the faults of a night of `night_s` seconds."""
    kinds = (
        (settings.pops_per_hour, 0.0, 0.0),
        (settings.lifts_per_hour, min(_SHORTEST_S, settings.lift_longest_s), settings.lift_longest_s),
        (
            settings.poor_contacts_per_hour,
            min(_SHORTEST_S, settings.poor_contact_longest_s),
            settings.poor_contact_longest_s,
        ),
        (settings.bruxism_per_hour, *_GRINDING_S),
    )
    streams = rng.spawn(len(kinds))
    return FaultPlan(*(_episodes(night_s, *kind, own) for kind, own in zip(kinds, streams, strict=True)))


def _episodes(
    night_s: float, per_hour: float, shortest_s: float, longest_s: float, rng: np.random.Generator
) -> tuple[SideEpisode, ...]:
    onsets = np.sort(rng.uniform(0.0, night_s, rng.poisson(per_hour * night_s / 3600.0)))
    return tuple(
        SideEpisode(float(onset), float(rng.uniform(shortest_s, longest_s)), int(rng.integers(2)))
        for onset in onsets
    )


class Electrodes:
    """What two electrodes make of the sleeper's signal."""

    def __init__(
        self, seed: int, fs_hz: int, segment_s: int, plan: FaultPlan, settings: DisturbanceSettings
    ) -> None:
        self._seed, self._fs_hz, self._segment_s = seed, fs_hz, segment_s
        self._plan, self._settings = plan, settings
        n_knots = segment_s // _KNOT_S
        x = np.arange(fs_hz * segment_s) / (fs_hz * _KNOT_S)
        self._splines = BSpline.design_matrix(x, np.arange(-3.0, n_knots + 4.0), 3)
        self._knots = np.zeros((0, 3))

    def segment(self, index: int) -> Iterator[Wave]:
        """Pops and stretches of poor contact that begin in segment `index`."""
        rng = stream(self._seed, Concern.FAULTS, index + 1)
        for pop in self._begin(self._plan.pops, index):
            height_uv = rng.uniform(*_POP_UV) * (1.0 if rng.random() < 0.5 else -1.0)
            yield _one_side(pop, height_uv * shapes.pop(self._fs_hz, rng.uniform(*_POP_DECAY_S)))
        for contact in self._begin(self._plan.poor_contacts, index):
            noise = shapes.pink_noise(self._fs_hz, contact.duration_s, rng)
            yield _one_side(contact, self._settings.poor_contact_uv * shapes.faded(noise, self._fs_hz, 1.0))

    def received(self, index: int, uv: NDArray[np.float64]) -> NDArray[np.float64]:
        """Segment `index` as it reaches the amplifier: ``(2, n)`` uV in and out; segments come in order."""
        n = uv.shape[1]
        t_s = (index * n + np.arange(n)) / self._fs_hz
        mains = np.sin(2.0 * np.pi * self._settings.mains_hz * t_s)
        rng = stream(self._seed, Concern.FAULT_NOISE, index)
        out = uv + self._drift(index) + self._settings.mains_uv * mains
        for lift in self._plan.lifts:
            if lift.onset_s >= t_s[-1] or lift.end_s <= t_s[0]:
                continue
            off = np.clip(np.minimum(t_s - lift.onset_s, lift.end_s - t_s) / _LIFT_RAMP_S, 0.0, 1.0)
            hum_uv = _LIFT_HUM_UV[0] + (_LIFT_HUM_UV[1] - _LIFT_HUM_UV[0]) * (lift.onset_s % 1.0)
            loose = hum_uv * mains + _LIFT_NOISE_UV * rng.standard_normal(n)
            out[lift.side] = (1.0 - off) * out[lift.side] + off * loose
        return np.asarray(out)

    def _drift(self, index: int) -> NDArray[np.float64]:
        """Draw the slow drift of each side, half of it common."""
        n_knots = self._segment_s // _KNOT_S
        rng = stream(self._seed, Concern.DRIFT, index)
        first = self._knots if self._knots.size else rng.standard_normal((3, 3))
        knots = np.concatenate([first, rng.standard_normal((n_knots, 3))])
        self._knots = knots[-3:]
        common, left, right = (self._splines @ knots).T / _SPLINE_RMS * np.sqrt(0.5)
        return self._settings.drift_uv * np.stack([common + left, common + right])

    def _begin(self, episodes: tuple[SideEpisode, ...], index: int) -> Iterator[SideEpisode]:
        start_s = index * self._segment_s
        yield from (each for each in episodes if start_s <= each.onset_s < start_s + self._segment_s)


def _one_side(episode: SideEpisode, shape: NDArray[np.float64]) -> Wave:
    nothing = np.zeros_like(shape)
    return Wave(episode.onset_s, *((shape, nothing) if episode.side == 0 else (nothing, shape)))
