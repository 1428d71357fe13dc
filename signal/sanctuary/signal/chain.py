"""The chain: blocks of samples in, one estimate a second out, for one sleeper or a stack of many.

Replay, live nights and simulation all use this one; `Chain` is a `SleeperStack` of one. Causal by
construction: cutting off or zeroing everything after t changes nothing before t, and cutting the stream into
other block sizes changes no output bit.

Arrays of a stack have a leading sleeper axis, so that the cost per sleeper falls, and rows never meet: each
sleeper's results are those of running alone, bit for bit. Tables and decisions per sleeper and second (the
gate) are plain Python, which costs a few microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.signal.emission import Emission, default_emission
from sanctuary.signal.eyes import EyeSignalDetector
from sanctuary.signal.features import Features, TrailingFeatures
from sanctuary.signal.frontend import FrontEnd, Seconds
from sanctuary.signal.gate import ArousalDetector, Gate, Judgement
from sanctuary.signal.quality import QualityFlag
from sanctuary.signal.samples import EyeSignal, FloatArray, SampleBlock, Stage, StageEstimate, montage_of
from sanctuary.signal.sleeper_memory import LEAST_MIN, SleeperMemory
from sanctuary.signal.staging import Stager

LOWEST_FS_HZ = 100.0

Observer = Callable[[Seconds], None]
"""Called with what each stretch of seconds amounts to, for reports."""

_AWAKE = Judgement((1.0, 0.0, 0.0, 0.0, 0.0), Stage.UNKNOWN, 0.0, 0.0)
"""Before the first decision: a sleeper who just put on a headband is awake."""

_NO_EYES = np.uint8(~np.uint8(QualityFlag.AMPLITUDE | QualityFlag.SETTLING | QualityFlag.LIFTED))
"""Problems that hide an eye signal; its own size is none."""


_STAGES = {int(stage): stage for stage in Stage}


class SleeperStack:
    """Everything between the samples of `S` sleepers and their gates' verdicts.

    Parameters
    ----------
    n_sleepers
        How many; all have the same montage and share a sample clock.
    fs_hz
        Sampling rate, at least 100 Hz.
    channels
        One channel, or two: left and right, or EEG and EOG (see `montage`).
    settings, emission
        Settings, and the model; the package's own by default.
    rail_uv
        Shape ``(n_sleepers, n_channels)``: magnitude at which each rails, uV; None where unknown.
    memories
        What is remembered of each sleeper; None for who is not remembered.
    observer
        Sees each stretch of seconds as it passes.
    """

    def __init__(
        self,
        n_sleepers: int,
        fs_hz: float,
        channels: Sequence[str],
        settings: ChainSettings | None = None,
        *,
        emission: Emission | None = None,
        rail_uv: FloatArray | None = None,
        memories: Sequence[SleeperMemory | None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        if fs_hz < LOWEST_FS_HZ:
            raise ValueError(f"the chain needs at least {LOWEST_FS_HZ:g} Hz, not {fs_hz:g}")
        montage = montage_of(channels)
        settings, emission = settings or ChainSettings(), emission or default_emission()
        if rail_uv is None:
            rail_uv = np.full((n_sleepers, montage.n_channels), np.inf)
        self._memories = list(memories) if memories is not None else [None] * n_sleepers
        self.front_end = FrontEnd(fs_hz, montage, settings, rail_uv)
        self._features = TrailingFeatures()
        self._stager = Stager(settings, emission, *self._start(settings, emission))
        self._arousal = ArousalDetector(settings.arousal, n_sleepers)
        self._gates = [Gate(settings.gate) for _ in range(n_sleepers)]
        self._signals = EyeSignalDetector(n_sleepers, settings.eye_signal)
        for row, memory in enumerate(self._memories):
            if memory is not None and memory.calibration is not None:
                self._signals.calibrate(row, memory.calibration)
        self._observer = observer
        self._judged = [_AWAKE] * n_sleepers
        self._quality = [0.0] * n_sleepers
        self._density = [0.0] * n_sleepers
        self._usable_min = np.zeros(n_sleepers)

    def _start(self, settings: ChainSettings, emission: Emission) -> tuple[FloatArray, FloatArray]:
        """Level to begin with and its weight in minutes: the sleeper's own where it is remembered."""
        own = [m.level_db if m is not None else None for m in self._memories]
        start_db = np.stack([emission.population_db if each is None else each for each in own])
        norm = settings.normalisation
        return start_db, np.array([norm.prior_min if each is None else norm.own_min for each in own])

    def push(
        self, start: int, uv: FloatArray, motion_g: FloatArray | None = None
    ) -> list[tuple[StageEstimate, ...]]:
        """Take the next samples ``(S, C, n)``, uV, NaN where lost, the first with index `start`.

        Returns, for each whole second that they complete, one estimate per sleeper.
        """
        return [row for seconds in self.front_end.push(start, uv, motion_g) for row in self._judge(seconds)]

    def remember(self) -> list[SleeperMemory]:
        """Give each sleeper's memory with this night in it; a night below `LEAST_MIN` is not learned from."""
        level_db = self._stager.level_db
        memories = []
        for row, before in enumerate(self._memories):
            known = before or SleeperMemory()
            if self._usable_min[row] >= LEAST_MIN:
                known = SleeperMemory(level_db[row].copy(), known.nights + 1, known.calibration)
            memories.append(known)
        return memories

    def _judge(self, seconds: Seconds) -> list[tuple[StageEstimate, ...]]:
        self._features.push(seconds)
        if self._observer is not None:
            self._observer(seconds)
        usable = (seconds.problems == 0).any(axis=1).T.tolist()
        arousal = self._arousal.push(seconds.emg_power, seconds.band_power, seconds.motion).T.tolist()
        signals = self._eye_signals(seconds)
        hops = self._hops(seconds)
        found = []
        for k in range(seconds.count):
            if k in hops:
                self._judged, self._quality, self._density = hops[k]
            t_s = float(seconds.first_s + k)
            found.append(
                tuple(
                    self._estimate(row, t_s, aroused, there, signals.get((k, row)))
                    for row, (aroused, there) in enumerate(zip(arousal[k], usable[k], strict=True))
                )
            )
        return found

    def _hops(self, seconds: Seconds) -> dict[int, tuple[list[Judgement], list[float], list[float]]]:
        """Decisions at each second that ends a hop, with quality and REM density."""
        hop_s = self._stager.hop_s
        moments = [k for k in range(seconds.count) if (seconds.first_s + k) % hop_s == 0]
        found: dict[int, tuple[list[Judgement], list[float], list[float]]] = {}
        while moments:
            some, moments = moments[: self._stager.together], moments[self._stager.together :]
            found |= dict(zip(some, self._stage(self._features.all_at(some)), strict=True))
        return found

    def _stage(self, features: Features) -> list[tuple[list[Judgement], list[float], list[float]]]:
        staged = self._stager.step(features)
        rows = zip(
            staged.p.tolist(),
            staged.stage.tolist(),
            staged.evidence.tolist(),
            staged.asleep_min.tolist(),
            strict=True,
        )
        judged = [
            Judgement((p[0], p[1], p[2], p[3], p[4]), _STAGES[stage], evidence, asleep_min)
            for p, stage, evidence, asleep_min in rows
        ]
        quality, density = features.quality.tolist(), (2.0 * features.saccades).tolist()
        n = len(self._gates)
        for a in range(0, len(judged), n):
            self._usable_min += np.where(staged.stage[a : a + n] >= 0, self._stager.hop_s / 60.0, 0.0)
        return [(judged[a : a + n], quality[a : a + n], density[a : a + n]) for a in range(0, len(judged), n)]

    def _eye_signals(self, seconds: Seconds) -> dict[tuple[int, int], EyeSignal]:
        """Signals by second and row."""
        if seconds.traces_uv is None:
            return {}
        there = (seconds.problems & _NO_EYES == 0).all(axis=1)
        difference, mean = seconds.traces_uv[:, 0], seconds.traces_uv[:, 1]
        found = self._signals.push(float(seconds.first_s), difference, mean, there)
        return {(k, row): signal for k, row, signal in found}

    def _estimate(
        self, row: int, t_s: float, arousal: bool, usable: bool, signal: EyeSignal | None
    ) -> StageEstimate:
        judged = self._judged[row]
        verdict = self._gates[row].push(t_s, judged, arousal, usable)
        return StageEstimate(
            t_s,
            judged.p,
            judged.stage,
            verdict.stable_rem,
            arousal,
            self._quality[row],
            verdict.reason,
            self._density[row],
            signal,
            judged.asleep_min,
        )


class Chain:
    """Everything between one sleeper's samples and the gate's verdict.

    Parameters
    ----------
    fs_hz
        Sampling rate, at least 100 Hz.
    channels
        One EEG channel; or two, left and right, or EEG and EOG.
    settings, emission
        Settings, and the model; the package's own by default.
    rail_uv
        Magnitude at which each channel rails, uV; None where unknown.
    memory
        What is remembered of this sleeper.
    observer
        Sees each stretch of seconds as it passes.
    """

    def __init__(
        self,
        fs_hz: float,
        channels: Sequence[str],
        settings: ChainSettings | None = None,
        *,
        emission: Emission | None = None,
        rail_uv: Sequence[float] | None = None,
        memory: SleeperMemory | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._channels = tuple(channels)
        self._stack = SleeperStack(
            1,
            fs_hz,
            channels,
            settings,
            emission=emission,
            rail_uv=None if rail_uv is None else np.array([rail_uv], dtype=np.float64),
            memories=[memory],
            observer=observer,
        )

    @property
    def frequencies_hz(self) -> FloatArray:
        """Frequencies of the observer's spectra."""
        return np.asarray(self._stack.front_end.spectrum.freq_hz)

    def push(self, block: SampleBlock) -> list[StageEstimate]:
        """Take the next block; returns one estimate for each whole second that it completes.

        Raises
        ------
        ValueError
            The block lacks one of the chain's channels; any others are of no interest.
        """
        uv = block.uv if block.channels == self._channels else block.uv[self._rows(block.channels)]
        motion_g = None if block.motion_g is None else block.motion_g[np.newaxis]
        return [row[0] for row in self._stack.push(block.start, uv[np.newaxis], motion_g)]

    def remember(self) -> SleeperMemory:
        """Give the sleeper's memory with this night in it."""
        return self._stack.remember()[0]

    def _rows(self, channels: tuple[str, ...]) -> list[int]:
        """Rows of a block that hold the chain's channels, in their order."""
        if missing := [name for name in self._channels if name not in channels]:
            raise ValueError(f"no channel {missing[0]} among {', '.join(channels)}")
        return [channels.index(name) for name in self._channels]
