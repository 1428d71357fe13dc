"""Signals for virtual headbands: noise, a recorded night, and an electrode that comes off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording import RecordingInfo, ratio_of, resampled
from sanctuary.firmware_bridge.recordings.recording_source import NO_READING_OPTIONS, ReadingOptions
from sanctuary.signal.samples import FloatArray


class SignalSource(Protocol):
    """Anything that goes on rendering its channels for ever: two, or as many as a headband has inputs."""

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(n_channels, n_samples)``, uV; NaN is an electrode in the air."""


class NoiseSource:
    """Seeded white noise, for trials of the way that bytes take.

    Parameters
    ----------
    seed, rms_uv
        The noise's seed and amplitude.
    n_channels
        Rows, each with noise of its own.
    """

    def __init__(self, seed: int, rms_uv: float = 20.0, n_channels: int = 2) -> None:
        self._rng = np.random.default_rng(seed)
        self._rms_uv = rms_uv
        self._n_channels = n_channels

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(n_channels, n_samples)``, uV; the same whatever the call sizes."""
        noise = self._rng.standard_normal((n_samples, self._n_channels))
        return np.ascontiguousarray(noise.T * self._rms_uv)


class ElectrodeOff:
    """A source one of whose electrodes is off the skin for a while.

    Parameters
    ----------
    source, fs_hz
        The signal, and its rate.
    channel
        Which row loses contact, from 0; a row that the source does not have changes nothing.
    from_s, to_s
        When, in seconds of signal; for good by default.
    """

    def __init__(
        self,
        source: SignalSource,
        fs_hz: float,
        channel: int,
        from_s: float = 0.0,
        to_s: float = math.inf,
    ) -> None:
        self._source = source
        self._channel = channel
        self._begin = round(from_s * fs_hz)
        self._end = math.inf if math.isinf(to_s) else round(to_s * fs_hz)
        self._rendered = 0

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, NaN in the channel that is off."""
        uv = np.array(self._source.render(n_samples))
        begin = max(0, self._begin - self._rendered)
        end = min(n_samples, self._end - self._rendered)
        if self._channel < len(uv) and begin < end:
            uv[self._channel, begin : int(end)] = np.nan
        self._rendered += n_samples
        return uv


PIECE_S = 30.0
"""Signal that is resampled at a time."""
FS_HZ = (1.0, 20_000.0)


class RecordedSource:
    """A night in an EDF or BDF file as the signal of two electrodes.

    A recording of one channel gives the same row twice. Pauses and lost samples of the recording stay NaN,
    and after its end all is NaN, as if the headband had been taken off.

    Parameters
    ----------
    path, channels, options
        As for `sanctuary.firmware_bridge.recordings.readers.open_recording`.
    fs_hz
        Rate of the headband.

    Attributes
    ----------
    info
        What is known of the recording.
    warnings
        One sentence each: what is missing or doubtful.
    n_samples
        Samples at `fs_hz` until the end.

    Raises
    ------
    RecordingError
        The file cannot be used.
    ValueError
        No rate of a headband.
    """

    def __init__(
        self,
        path: Path,
        fs_hz: float,
        channels: Sequence[str] | None = None,
        options: ReadingOptions = NO_READING_OPTIONS,
    ) -> None:
        if not FS_HZ[0] <= fs_hz <= FS_HZ[1]:
            raise ValueError(f"a rate of {fs_hz:g} Hz: must be {FS_HZ[0]:g} to {FS_HZ[1]:g}")
        recording = open_recording(path, channels, options)
        self.info: RecordingInfo = recording.info
        self.warnings = recording.warnings
        ratio = ratio_of(fs_hz, self.info.fs_hz)
        self.n_samples = int((self.info.n_samples - 1) * ratio) + 1
        blocks = (block.uv for block in recording.blocks(PIECE_S))
        self._pieces = blocks if ratio == 1 else resampled(blocks, ratio)
        self._ready: FloatArray = np.empty((len(self.info.channels), 0))
        self._left = self.n_samples

    def render(self, n_samples: int) -> FloatArray:
        """Give the next samples, shape ``(2, n_samples)``, uV; the same whatever the call sizes."""
        parts, missing = [], min(n_samples, self._left)
        beyond = np.full((len(self._ready), n_samples - missing), np.nan)
        self._left -= missing
        while missing > 0:
            if not self._ready.shape[1]:
                self._ready = next(self._pieces)
            part, self._ready = self._ready[:, :missing], self._ready[:, missing:]
            parts.append(part)
            missing -= part.shape[1]
        uv = np.concatenate((*parts, beyond), axis=1)
        return np.repeat(uv, 2, axis=0) if len(uv) == 1 else uv
