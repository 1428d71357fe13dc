"""Disturbances by name, each with its time: the skin's side of the family of faults.

What goes wrong on the way from the headband to the program is `sanctuary.simulator.devices.fault_registry`.
Here a list of `Disturbance` settings becomes what they add to the signal; each has random numbers of its
own, so that one more in the list leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import REPEATING, Disturbance
from sanctuary.simulator.physiology import primitives as shapes
from sanctuary.simulator.physiology.primitives import Concern, Episode, Wave, stream

FloatArray = NDArray[np.float64]

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
_POP_DECAY_S = (0.15, 1.0)
_GRINDING_S, _TURN_S = (3.0, 10.0), (3.0, 9.0)
_LIFT_NOISE_UV, _LIFT_RAMP_S, _FADE_S = 6.0, 0.05, 1.0
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
        """Segment `index` with what lasts: hum, breath, and what a lifted electrode hears instead of EEG."""
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
                    each, pop.onset_s, height_uv * shapes.pop(self._fs_hz, rng.uniform(*_POP_DECAY_S))
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
