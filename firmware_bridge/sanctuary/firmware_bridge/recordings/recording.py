"""A recorded night of any format: one or two chosen channels, in microvolts, as a headband's blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from sanctuary.firmware_bridge.recordings.channels import choose_channels, short_name
from sanctuary.firmware_bridge.recordings.checks import doubtful_units, rail_uv, rates, too_slow, unit_scale
from sanctuary.firmware_bridge.recordings.edf_layout import Annotation
from sanctuary.firmware_bridge.recordings.resampling import ratio_of, resampled
from sanctuary.firmware_bridge.recordings.source import Source, dense
from sanctuary.signal.samples import FloatArray, SampleBlock

_PIECE_S = 30.0
"""Signal that is resampled at a time."""


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What is known of a recording before its samples are read.

    Attributes
    ----------
    fs_hz
        Sampling rate: that of the first channel.
    channels, labels
        Short names (``"AF7"``) and the labels in the file (``"EEG AF7-Ref"``), left channel first.
    n_samples, duration_s
        Length on the sample clock, pauses included.
    start
        Wall clock of the first sample as the file gives it (no time zone), or None if it is anonymous.
    rail_uv
        Magnitude (uV) at which each channel rails: the larger physical extreme of the file.
    format
        What the file is, in words.
    """

    path: Path
    fs_hz: float
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    n_samples: int
    duration_s: float
    start: datetime | None
    rail_uv: tuple[float, ...]
    format: str = "EDF"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One opened night; made by `sanctuary.firmware_bridge.recordings.readers.open_recording`.

    Attributes
    ----------
    info
        What is known before samples are read.
    warnings
        One sentence each: what is missing, doubtful or was assumed.
    annotations
        What is marked in the file, onsets in seconds since the first sample.
    implausible
        Those of the warnings that say that a channel holds no EEG in the unit that the file names.
    """

    info: RecordingInfo
    warnings: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    implausible: tuple[str, ...]
    _source: Source
    _chosen: tuple[int, ...]
    _uv_per_unit: FloatArray

    def blocks(self, block_s: float = 30.0) -> Iterator[SampleBlock]:
        """All samples in order, in blocks of `block_s` seconds (the last may be shorter), NaN in gaps.

        Raises
        ------
        RecordingError
            The file can no longer be read.
        """
        size = max(1, round(block_s * self.info.fs_hz))
        channels = [self._source.channels[index] for index in self._chosen]
        if len({channel.fs_hz for channel in channels}) == 1:
            arrays = self._dense(self._chosen, self.info.n_samples, size)
        else:
            first = self._dense(self._chosen[:1], self.info.n_samples, size)
            arrays = _beside(first, self._at_first_rate(self._chosen[1]))
        start = 0
        for values in arrays:
            yield SampleBlock(start, self.info.fs_hz, self.info.channels, values * self._uv_per_unit)
            start += values.shape[1]

    def _dense(self, chosen: Sequence[int], n_samples: int, size: int) -> Iterator[FloatArray]:
        return dense(self._source.pieces(chosen), len(chosen), n_samples, size)

    def _at_first_rate(self, index: int) -> Iterator[FloatArray]:
        """One channel at the rate of the first chosen one."""
        channel = self._source.channels[index]
        size = max(1, round(_PIECE_S * channel.fs_hz))
        own = self._dense((index,), channel.n_samples, size)
        return resampled(own, ratio_of(self.info.fs_hz, channel.fs_hz))


def _beside(first: Iterator[FloatArray], second: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Rows of two streams in arrays of the first one's sizes; NaN where the second has ended."""
    ready = np.empty((1, 0))
    for values in first:
        while ready.shape[1] < values.shape[1]:
            more = next(second, None)
            if more is None:
                more = np.full((1, values.shape[1] - ready.shape[1]), np.nan)
            ready = np.concatenate((ready, more), axis=1)
        yield np.concatenate((values, ready[:, : values.shape[1]]))
        ready = ready[:, values.shape[1] :]


def recording_of(source: Source, channels: Sequence[str] | None = None) -> Recording:
    """Choose the channels of a night and check that the chain can use them.

    Parameters
    ----------
    source
        The opened file.
    channels
        One or two channels, by label or electrode (``AF7``); None takes the best frontal ones (see
        `sanctuary.firmware_bridge.recordings.channels`). A horizontal EOG of another rate is brought to the
        EEG's.

    Raises
    ------
    RecordingError
        Nothing in the file can be used; one sentence names the file, what is wrong, and what to do.
    """
    choice = choose_channels([channel.label for channel in source.channels], channels, str(source.path))
    chosen, signs, said = choice.indices, choice.signs, choice.warnings
    if channels is None and len(chosen) == 2 and (slow := too_slow(source, chosen[1])):
        chosen, signs, said = chosen[:1], signs[:1], (*said, f"{slow}, so it is not used")
    fs_hz, resampling = rates(source, chosen)
    scales = [unit_scale(source, index) for index in chosen]
    labels = tuple(source.channels[index].label for index in chosen)
    n_samples = source.channels[chosen[0]].n_samples
    info = RecordingInfo(
        path=source.path,
        fs_hz=fs_hz,
        channels=_names(labels),
        labels=labels,
        n_samples=n_samples,
        duration_s=n_samples / fs_hz,
        start=source.start,
        rail_uv=tuple(rail_uv(source, index, scale) for index, scale in zip(chosen, scales, strict=True)),
        format=source.format,
    )
    implausible = tuple(doubtful_units(source, chosen, scales))
    return Recording(
        info=info,
        warnings=(*source.warnings, *said, *resampling, *implausible),
        annotations=source.annotations,
        implausible=implausible,
        _source=source,
        _chosen=chosen,
        _uv_per_unit=(np.array(scales) * np.array(signs))[:, np.newaxis],
    )


def _names(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Short names, or the whole labels where the short ones would be the same."""
    names = tuple(short_name(label) for label in labels)
    return names if len(set(names)) == len(names) else labels
