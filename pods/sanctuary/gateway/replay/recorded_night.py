"""A recorded night, replayed: the chain of live operation over the samples of a file.

The result follows the schema ``sanctuary.replay.v1``.

Traces of a replayed night for its report: collected as the seconds pass, a few thousand numbers in all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import NO_OPTIONS, Hypnogram, HypnogramOptions
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.capture import SUFFIX
from sanctuary.firmware_bridge.recordings.capture_night import CapturedNight, open_capture
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording import Recording
from sanctuary.firmware_bridge.recordings.recording_source import NO_READING_OPTIONS, ReadingOptions
from sanctuary.gateway.reports.curves import ReplayTraces
from sanctuary.gateway.results.replay_result import (
    EpochLog,
    EyeSignalFound,
    HypnogramRead,
    ReplayResult,
    Scores,
    Timing,
)
from sanctuary.signal.chain import LOWEST_FS_HZ, Chain
from sanctuary.signal.emission import Emission
from sanctuary.signal.filters import decibel
from sanctuary.signal.frontend import Seconds
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import EPOCH_S, EyeSignal, FloatArray, Stage, StageEstimate
from sanctuary.signal.scoring import GateOpening, scores
from sanctuary.signal.sleeper_memory import SleeperMemory

STEP_S = 10
HIGHEST_HZ = 30.0


class TraceCollector:
    """Averages spectra, muscle tone and quality over `STEP_S` seconds, and keeps P(R) at the same times.

    Parameters
    ----------
    frequencies_hz
        Frequencies of the spectra to come.
    """

    def __init__(self, frequencies_hz: FloatArray) -> None:
        self._keep = (frequencies_hz > 0.0) & (frequencies_hz <= HIGHEST_HZ)
        self._freq_hz = frequencies_hz[self._keep]
        self._density: list[FloatArray] = []
        self._emg: list[float] = []
        self._spectra: list[FloatArray] = []
        self._rows: list[tuple[float, float, float]] = []
        self._p_rem: list[float] = []
        self._quality: list[FloatArray] = []
        self._usable: list[FloatArray] = []
        self._saccades: list[float] = []

    def seconds(self, seconds: Seconds) -> None:
        """Add the next seconds of a chain of one sleeper."""
        for k in range(seconds.count):
            usable = seconds.problems[0, :, k] == 0
            self._usable.append(usable * seconds.present[0, :, k])
            if usable.any():
                self._density.append(seconds.density[0, k, self._keep])
                self._emg.append(float(seconds.emg_power[0, k]))
            if seconds.eyes is not None and seconds.paired[0, k]:
                self._saccades.append(float(seconds.eyes.saccades[0, k]))
            if (seconds.first_s + k) % STEP_S == 0:
                self._close(float(seconds.first_s + k))

    def estimate(self, estimate: StageEstimate) -> None:
        """Keep P(R) of the step that this estimate ends, if it ends one."""
        if estimate.t_s % STEP_S == 0:
            self._p_rem.append(estimate.p[Stage.R])

    def traces(self) -> ReplayTraces:
        """Give what was collected, times at the middle of the steps."""
        if not self._rows:
            return ReplayTraces()
        t_s, saccades, emg_db = np.array(self._rows).T
        middle_s = t_s - STEP_S / 2.0
        return ReplayTraces(
            spectrogram_db=np.stack(self._spectra, axis=1),
            spectrogram_freq_hz=self._freq_hz,
            spectrogram_t_s=middle_s,
            p_rem_t_s=t_s,
            p_rem=np.array(self._p_rem),
            quality_t_s=middle_s,
            quality=np.stack(self._quality, axis=1),
            eye_t_s=middle_s,
            saccades_per_min=saccades if np.isfinite(saccades).any() else np.empty(0),
            emg_db=emg_db,
        )

    def _close(self, t_s: float) -> None:
        missing = np.full(self._freq_hz.shape, np.nan)
        self._spectra.append(decibel(np.mean(self._density, axis=0)) if self._density else missing)
        emg_db = float(decibel(np.array(np.mean(self._emg)))) if self._emg else np.nan
        per_min = 60.0 * float(np.mean(self._saccades)) if self._saccades else np.nan
        self._rows.append((t_s, per_min, emg_db))
        self._quality.append(np.mean(self._usable, axis=0))
        self._density, self._emg, self._usable, self._saccades = [], [], [], []


BLOCK_S = 600.0

Progress = Callable[[float], None]
"""Called with the seconds of the night done so far."""
OnEstimate = Callable[[StageEstimate], None]


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """A replayed night: its result, the traces that its report draws, and the sleeper's memory after it."""

    result: ReplayResult
    traces: ReplayTraces
    memory: SleeperMemory


@dataclass(frozen=True, slots=True, eq=False)
class OpenedNight:
    """A recording and, if one was given, its hypnogram; both found usable before any work is done."""

    recording: Recording | CapturedNight
    hypnogram: Hypnogram | None

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return self.recording.info.duration_s


def open_night(
    path: Path | Sequence[Path],
    hypnogram: Path | None = None,
    channels: Sequence[str] | None = None,
    options: HypnogramOptions = NO_OPTIONS,
    reading: ReadingOptions = NO_READING_OPTIONS,
) -> OpenedNight:
    """Open a night and its hypnogram.

    Parameters
    ----------
    path, channels, reading
        The recording (several files are those of one night, with a channel each), which of its channels, and
        what it does not say of itself.
    hypnogram, options
        The expert's stages, and what the user says of them.

    Raises
    ------
    RecordingError
        One of the files cannot be used, they do not belong together, or the sampling rate is below
        `LOWEST_FS_HZ`.
    """
    paths = [path] if isinstance(path, Path) else list(path)
    recording: Recording | CapturedNight
    if len(paths) == 1 and paths[0].suffix == SUFFIX:
        recording = open_capture(paths[0], channels)
    else:
        recording = open_recording(paths, channels, reading)
    where = paths[0]
    if recording.info.fs_hz < LOWEST_FS_HZ:
        raise RecordingError(
            f"{where}: sampled at {recording.info.fs_hz:g} Hz; at least {LOWEST_FS_HZ:g} Hz are needed "
            "to see sleep spindles and muscle tone"
        )
    if hypnogram is None:
        if options != NO_OPTIONS:
            raise RecordingError(
                f"{where}: --epoch-s, --hypnogram-offset and --stages go with a hypnogram; give --hypnogram"
            )
        return OpenedNight(recording, None)
    return OpenedNight(recording, read_hypnogram(hypnogram, recording.info, options))


def replay_night(
    night: OpenedNight,
    settings: ChainSettings,
    progress: Progress = lambda _: None,
    *,
    emission: Emission | None = None,
    memory: SleeperMemory | None = None,
    traced: bool = True,
    on_estimate: OnEstimate = lambda _: None,
) -> Replayed:
    """Push the whole night through the chain, with the package's own emission unless another is given.

    Without `traced` the traces that only a report needs are left out. `on_estimate` is called with each
    estimate.
    """
    began_s = time.perf_counter()
    info = night.recording.info
    judged, log = EpochLog(), OpeningLog()
    ready_s, signals = 0.0, []
    chain = Chain(
        info.fs_hz,
        info.channels,
        settings,
        emission=emission,
        memory=memory,
        rail_uv=info.rail_uv,
        observer=(lambda seconds: traces.seconds(seconds)) if traced else None,
    )
    traces = TraceCollector(chain.frequencies_hz)
    for block in night.recording.blocks(BLOCK_S):
        for estimate in chain.push(block):
            log.push(estimate.t_s, estimate.stable_rem, estimate.reason)
            if traced:
                traces.estimate(estimate)
            judged.push(estimate)
            on_estimate(estimate)
            if estimate.asleep_min < settings.gate.minimum_sleep_min:
                ready_s = estimate.t_s
            if estimate.eye_signal is not None:
                signals.append(_eye_signal(estimate.eye_signal))
        progress(block.end / info.fs_hz)
    log.end(info.duration_s)
    wall_s = time.perf_counter() - began_s
    timing = Timing(wall_s=round(wall_s, 3), times_real_time=round(info.duration_s / wall_s, 1))
    told = () if night.hypnogram is None else night.hypnogram.warnings
    result = ReplayResult(
        schema="sanctuary.replay.v1",
        version=version("dream-sanctuary"),
        file=info.path.name,
        started_at=info.start,
        duration_s=info.duration_s,
        channels=tuple(info.channels),
        fs_hz=info.fs_hz,
        epoch_s=EPOCH_S,
        warnings=(*night.recording.warnings, *told),
        epochs=tuple(judged.rows),
        gate=tuple(log.openings),
        eye_signals=tuple(signals),
        timing=timing,
    )
    if night.hypnogram is not None:
        scored = _scored(night.hypnogram, judged, log.openings, ready_s)
        result = result.model_copy(update=scored)
    return Replayed(result, traces.traces(), chain.remember())


def _scored(
    hypnogram: Hypnogram, judged: EpochLog, openings: Sequence[GateOpening], ready_s: float
) -> dict[str, Any]:
    """Compute the fields of a result that need the expert's stages."""
    truth = hypnogram.epochs(len(judged.rows))
    detected = np.array(judged.stages, dtype=np.int8)
    return {
        "scores": Scores.model_validate(scores(truth, detected, openings, EPOCH_S, ready_s)),
        "hypnogram": HypnogramRead(
            file=hypnogram.path.name, kind=hypnogram.kind, offset_s=hypnogram.offset_s
        ),
        "truth": tuple(None if stage == Stage.UNKNOWN else Stage(stage).name for stage in truth),
    }


def _eye_signal(signal: EyeSignal) -> EyeSignalFound:
    return EyeSignalFound(
        start_s=round(signal.start_s, 2),
        end_s=round(signal.end_s, 2),
        amplitude_uv=round(signal.amplitude_uv, 1),
        confidence=round(signal.confidence, 3),
        leftward_first=signal.leftward_first,
    )
