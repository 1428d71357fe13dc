"""What the electrodes add to the signal: faults drawn at random, and single disturbances from the settings.

Random ones (`Electrodes`): drift, mains hum, pops, lifted electrodes, poor contact. Listed ones
(`Disturbances`): `Disturbance` settings, each with a time and random numbers of its own, so that one more in
the list leaves the others as they were. Faults of the link between headband and program are in
`sanctuary.simulator.devices.fault_registry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from sanctuary.config.sleeper_settings import REPEATING, Disturbance, DisturbanceSettings
from sanctuary.signal.samples import FloatArray
from sanctuary.simulator.physiology import waveforms as shapes
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.physiology.waveforms import Episode, Wave

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


_USUAL_UV = {
    "pop": 200.0,
    "lift": 90.0,
    "poor_contact": 40.0,
    "mains": 20.0,
    "sweat": 60.0,
    "breath": 15.0,
    "snore": 8.0,
}
_SIDES = {"left": (1.0, 0.0), "right": (0.0, 1.0), "both": (1.0, 1.0)}
_HARMONICS = ((1, 1.0), (2, 0.15), (3, 0.35))
"""Mains: multiple of the frequency, and height against the first."""
_BREATH_HZ = (0.2, 0.3)
_SNORE_HZ = (30.0, 95.0)
_SWEAT_HZ = (0.02, 0.28)
_TURN_S = (3.0, 9.0)
_FADE_S = 1.0
_PIECE_S = {"poor_contact": 30, "sweat": 120}
"""Noise is made in pieces that overlap by half."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A disturbance, its number in the list, and its end."""

    what: Disturbance
    number: int
    end_s: float

    @property
    def uv(self) -> float:
        return _USUAL_UV[self.what.kind] if self.what.uv is None else self.what.uv

    def envelope(self, t_s: FloatArray, ramp_s: float) -> FloatArray:
        """0 outside, 1 inside, with ramps at both ends inside."""
        inside = np.minimum(t_s - self.what.from_s, self.end_s - t_s)
        return np.asarray(np.clip(inside / ramp_s, 0.0, 1.0))


class Disturbances:
    """All listed disturbances of one sleeper.

    Parameters
    ----------
    seed, fs_hz, segment_s
        The sleeper's seed; whole samples per second; seconds per segment.
    listed
        The disturbances.
    night_s, mains_hz
        When those without an end are over; frequency of the hum.
    """

    def __init__(
        self,
        seed: int,
        fs_hz: int,
        segment_s: int,
        listed: Sequence[Disturbance],
        night_s: float,
        mains_hz: float,
    ) -> None:
        self._seed, self._fs_hz, self._segment_s, self._mains_hz = seed, fs_hz, segment_s, mains_hz
        self._listed = [
            _Listed(what, number, night_s if what.to_s is None else what.to_s)
            for number, what in enumerate(listed)
        ]
        self._strikes = {each.number: self._struck(each) for each in self._listed}
        self._waves: Mapping[str, Callable[[_Listed, float], Iterator[Wave]]] = {
            "pop": self._pops, "poor_contact": self._pieces, "sweat": self._pieces
        }  # fmt: skip
        self._courses: Mapping[str, Callable[[_Listed, FloatArray, int], FloatArray]] = {
            "mains": self._hum, "breath": self._sway, "snore": self._rattle
        }  # fmt: skip

    def episodes(self, kind: str) -> list[Episode]:
        """List the turns or the grinding (``bruxism``), in order."""
        found = [
            strike for each in self._listed if each.what.kind == kind for strike in self._strikes[each.number]
        ]
        return sorted(found, key=lambda episode: episode.onset_s)

    def segment(self, index: int) -> Iterator[Wave]:
        """Waves that begin in segment `index`."""
        for each in self._listed:
            if each.what.kind in self._waves:
                yield from self._waves[each.what.kind](each, index * self._segment_s)

    def received(self, index: int, uv: FloatArray) -> FloatArray:
        """Add what lasts to segment `index`: hum, breathing, noise of a lifted electrode instead of EEG."""
        n = uv.shape[1]
        t_s = (index * n + np.arange(n)) / self._fs_hz
        out = uv
        for each in self._listed:
            if each.end_s <= t_s[0] or each.what.from_s > t_s[-1]:
                continue
            sides = np.array(_SIDES[each.what.side])[:, None]
            if each.what.kind in self._courses:
                course = self._courses[each.what.kind](each, t_s, index)
                out = out + sides * each.envelope(t_s, _FADE_S) * course
            elif each.what.kind == "lift":
                noise = self._stream(each, index).standard_normal(n)
                off = sides * each.envelope(t_s, _LIFT_RAMP_S)
                out = (1.0 - off) * out + off * (self._hum(each, t_s, index) + _LIFT_NOISE_UV * noise)
        return out

    def _stream(self, each: _Listed, *parts: int) -> np.random.Generator:
        return stream(self._seed, Concern.DISTURBANCES, each.number, *parts)

    def _struck(self, each: _Listed) -> list[Episode]:
        what, rng = each.what, self._stream(each)
        if what.kind not in REPEATING:
            return []
        onsets_s = np.array([what.from_s])
        if what.per_hour is not None:
            length_s = max(0.0, each.end_s - what.from_s)
            count = rng.poisson(what.per_hour * length_s / 3600.0)
            onsets_s = np.sort(what.from_s + length_s * rng.random(count))
        low_s, high_s = _TURN_S if what.kind == "turn" else _GRINDING_S
        return [Episode(float(onset_s), float(rng.uniform(low_s, high_s))) for onset_s in onsets_s]

    def _pops(self, each: _Listed, start_s: float) -> Iterator[Wave]:
        for number, pop in enumerate(self._strikes[each.number]):
            if start_s <= pop.onset_s < start_s + self._segment_s:
                rng = self._stream(each, number, 1)
                height_uv = each.uv * rng.uniform(0.5, 1.5) * (1.0 if rng.random() < 0.5 else -1.0)
                yield self._wave(
                    each,
                    pop.onset_s,
                    height_uv * shapes.pop(self._fs_hz, rng.uniform(*_POP_DECAY_S)),
                )

    def _pieces(self, each: _Listed, start_s: float) -> Iterator[Wave]:
        """Noise in overlapping pieces, whose windows add up to constant power."""
        piece_s = _PIECE_S[each.what.kind]
        hop_s = piece_s // 2
        n = piece_s * self._fs_hz
        for number in range(int(-(-start_s // hop_s)), int(-(-(start_s + self._segment_s) // hop_s))):
            at_s = float(number * hop_s)
            if at_s >= each.end_s or at_s + piece_s <= each.what.from_s:
                continue
            rng = self._stream(each, number, 1)
            if each.what.kind == "sweat":
                noise = shapes.band_noise(self._fs_hz, float(piece_s), *_SWEAT_HZ, rng)
            else:
                noise = shapes.pink_noise(self._fs_hz, float(piece_s), rng)
            window = np.sin(np.pi * (np.arange(n) + 0.5) / n)
            envelope = each.envelope(at_s + np.arange(n) / self._fs_hz, _FADE_S)
            yield self._wave(each, at_s, each.uv * window * envelope * noise)

    def _wave(self, each: _Listed, onset_s: float, shape: FloatArray) -> Wave:
        left, right = _SIDES[each.what.side]
        return Wave(onset_s, left * shape, right * shape)

    def _hum(self, each: _Listed, t_s: FloatArray, _index: int) -> FloatArray:
        audible = [(k, height) for k, height in _HARMONICS if k * self._mains_hz <= 0.5 * self._fs_hz]
        phase = 2.0 * np.pi * self._mains_hz * t_s
        return np.asarray(each.uv * sum(height * np.sin(k * phase) for k, height in audible))

    def _breath(self, each: _Listed, t_s: FloatArray) -> FloatArray:
        """Breathing, -1 to 1, its rate wandering a little."""
        rng = self._stream(each)
        rate_hz, swing_s = rng.uniform(*_BREATH_HZ), rng.uniform(40.0, 90.0)
        wander = 0.5 * np.sin(2.0 * np.pi * t_s / swing_s)
        return np.asarray(np.sin(2.0 * np.pi * rate_hz * t_s + wander))

    def _sway(self, each: _Listed, t_s: FloatArray, _index: int) -> FloatArray:
        return each.uv * self._breath(each, t_s)

    def _rattle(self, each: _Listed, t_s: FloatArray, index: int) -> FloatArray:
        """Bursts while breathing in."""
        noise = shapes.band_noise(
            self._fs_hz, float(self._segment_s), *_SNORE_HZ, self._stream(each, index, 2)
        )
        return np.asarray(each.uv * np.maximum(self._breath(each, t_s), 0.0) * noise)
