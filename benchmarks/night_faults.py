"""What headbands do at night, put into recorded samples: lost contact, pops, hum, lost samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leave_one_out import EPOCH_S
from sanctuary.signal.samples import BoolArray, FloatArray, Stage
from sanctuary.signal.scoring import StageArray

KINDS = ("lifted", "off", "pops", "mains", "losses")
HUM_HZ, HUM_UV, NOISE_UV, DRIFT_UV = 50.0, 200.0, 100.0, 300.0
POPS_PER_H = 30.0

Interval = tuple[int, int]
"""First sample, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Samples that never come, drawn at random over the whole night.

    Attributes
    ----------
    name
        For tables.
    share
        Share of all samples that are lost, 0 to 1; packets are lost independently of each other.
    packet
        Samples to a packet: 1 Cyton, 2 Ganglion, 12 Muse; 0 for bursts.
    burst_s
        Shortest and longest burst, seconds, where `packet` is 0.
    sides
        ``both`` lose the same, ``each`` loses its own (a Muse sends each electrode in packets of its own),
        ``left`` loses alone.
    """

    name: str
    share: float
    packet: int = 0
    burst_s: tuple[float, float] = (0.0, 0.0)
    sides: str = "both"

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], fs_hz: float) -> BoolArray:
        """Draw which samples of ``(2, n)`` are lost; same shape."""
        if self.sides == "each":
            return np.stack([self._side(rng, shape[1], fs_hz) for _ in range(shape[0])])
        lost = np.tile(self._side(rng, shape[1], fs_hz), (shape[0], 1))
        lost[1:] &= self.sides == "both"
        return lost

    def _side(self, rng: np.random.Generator, n: int, fs_hz: float) -> BoolArray:
        if self.packet:
            return np.repeat(rng.random(n // self.packet + 1) < self.share, self.packet)[:n]
        lost = np.zeros(n, dtype=bool)
        missing = 0
        while missing < self.share * n:
            size = round(rng.uniform(*self.burst_s) * fs_hz)
            at = int(rng.integers(n - size))
            missing += size - int(lost[at : at + size].sum())
            lost[at : at + size] = True
        return lost


BURSTS = Loss("bursts of 0.05 to 2 s, 5.0%", 0.05, burst_s=(0.05, 2.0))
LOSSES = (
    Loss("nothing", 0.0, 1),
    *(Loss(f"single samples, {share:.1%}", share, 1) for share in (0.02, 0.01, 0.005, 0.001)),
    *(Loss(f"packets of 12, {share:.1%}", share, 12) for share in (0.02, 0.01, 0.005, 0.001)),
    Loss("packets of 12, each side its own, 2.0%", 0.02, 12, sides="each"),
    BURSTS,
    *(Loss(f"bursts of {s:g} s, 2.0%", 0.02, burst_s=(s, s)) for s in (0.05, 0.1, 0.3, 0.5, 1.2)),
    Loss("packets of 12, left side alone, 2.0%", 0.02, 12, sides="left"),
    Loss("pairs of samples, 2.0%", 0.02, 2),
    *(Loss(f"single samples, {share:.1%}", share, 1) for share in (0.2, 0.1)),
    *(
        Loss(f"packets of 12, each side its own, {share:.1%}", share, 12, sides="each")
        for share in (0.2, 0.1)
    ),
)
"""What radios lose, the control first; the last four are heavy, and to be refused from some share on."""


def noise(
    rng: np.random.Generator, n: int, fs_hz: float, band_hz: tuple[float, float], *, pink: bool
) -> FloatArray:
    """Noise of unit power within a band, white or falling as 1/f."""
    frequencies = np.fft.rfftfreq(n, 1.0 / fs_hz)
    inside = (frequencies >= band_hz[0]) & (frequencies <= band_hz[1])
    weights = inside / np.sqrt(np.maximum(frequencies, band_hz[0])) if pink else inside
    found = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * weights, n)
    return np.asarray(found / found.std())


@dataclass(frozen=True, slots=True, eq=False)
class Spoiled:
    """A night with faults: samples ``(2, n)`` uV, NaN where lost, and ``(n,)`` where no side shows EEG."""

    uv: FloatArray
    nothing: BoolArray


class Spoiler:
    """Puts faults into one night, the same ones for the same seed and kind, alone or together."""

    def __init__(self, uv: FloatArray, fs_hz: float, truth: StageArray, seed: Sequence[int]) -> None:
        self._uv, self._fs_hz, self._truth, self._seed = uv.copy(), fs_hz, truth, seed
        self._n = uv.shape[1]
        self._nothing = np.zeros(self._n, dtype=bool)

    def spoil(self, kinds: Sequence[str]) -> Spoiled:
        """Apply kinds; losses come last, since nothing survives them."""
        faults = {
            "mains": self._mains,
            "pops": self._pops,
            "lifted": self._lifted,
            "off": self._off,
            "losses": self._losses,
        }
        for number, (kind, fault) in enumerate(faults.items()):
            if kind in kinds:
                fault(np.random.default_rng([*self._seed, number]))
        return Spoiled(self._uv, self._nothing)

    def _mains(self, rng: np.random.Generator) -> None:
        a, b = self._stretch(rng, 3600.0)
        hum = np.sin(2.0 * np.pi * HUM_HZ * np.arange(b - a) / self._fs_hz + rng.uniform(0.0, 6.0))
        self._uv[:, a:b] += rng.uniform(20.0, 60.0, (2, 1)) * hum

    def _pops(self, rng: np.random.Generator) -> None:
        for side in self._uv:
            for at in rng.integers(0, self._n, rng.poisson(POPS_PER_H * self._hours)):
                size_uv = rng.uniform(300.0, 2000.0) * rng.choice((-1.0, 1.0))
                if rng.random() < 0.5:
                    points = max(3, self._samples(rng.uniform(0.02, 0.1)))
                    shape = np.sin(np.pi * np.linspace(0.0, 1.0, points))
                else:
                    decay_s = rng.uniform(0.3, 3.0)
                    shape = np.exp(-np.arange(self._samples(5.0 * decay_s)) / (decay_s * self._fs_hz))
                side[at : at + shape.size] += size_uv * shape[: self._n - at]

    def _lifted(self, rng: np.random.Generator) -> None:
        for _ in range(3):
            self._lift(rng, [int(rng.integers(2))], self._stretch(rng, rng.uniform(120.0, 480.0)))

    def _off(self, rng: np.random.Generator) -> None:
        rem = np.flatnonzero(self._truth == Stage.R)
        starts_s = [*(EPOCH_S * (rng.choice(rem, 2) + rng.random(2))), rng.uniform(0.0, 3600.0 * self._hours)]
        for start_s in starts_s:
            a = self._samples(start_s)
            span = a, min(self._n, a + self._samples(rng.uniform(180.0, 360.0)))
            self._lift(rng, [0, 1], span)
            self._nothing[slice(*span)] = True

    def _losses(self, rng: np.random.Generator) -> None:
        lost = BURSTS.draw(rng, (2, self._n), self._fs_hz)
        self._uv[lost] = np.nan
        self._nothing |= lost[0]

    def _lift(self, rng: np.random.Generator, sides: Sequence[int], span: Interval) -> None:
        """Replace EEG by what a free electrode picks up."""
        n = span[1] - span[0]
        t_s = np.arange(n) / self._fs_hz
        phase = rng.uniform(0.0, 2.0 * np.pi)
        for side in sides:
            hum = HUM_UV * np.sin(2.0 * np.pi * HUM_HZ * t_s + phase + 0.3 * rng.standard_normal())
            broad = NOISE_UV * noise(rng, n, self._fs_hz, (0.3, 0.5 * self._fs_hz), pink=True)
            drift = DRIFT_UV * noise(rng, n, self._fs_hz, (1.0 / 60.0, 0.2), pink=True)
            self._uv[side, slice(*span)] = hum + broad + drift

    def _stretch(self, rng: np.random.Generator, length_s: float) -> Interval:
        size = min(self._n, self._samples(length_s))
        a = int(rng.integers(self._n - size + 1))
        return a, a + size

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._fs_hz)

    @property
    def _hours(self) -> float:
        return float(self._n / self._fs_hz / 3600.0)
