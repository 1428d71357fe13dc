"""Recorded nights: EDF, EDF+ and BDF files streamed as the blocks a headband would have sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.firmware_bridge.recordings.channels import choose_channels, short_name
from sanctuary.firmware_bridge.recordings.checks import (
    common_rate,
    doubtful_units,
    missing_data,
    rail,
    start_time,
    unit_scale,
)
from sanctuary.firmware_bridge.recordings.gaps import IntArray, Losses, record_starts
from sanctuary.firmware_bridge.recordings.layout import Layout, read_layout
from sanctuary.firmware_bridge.recordings.marks import read_marks
from sanctuary.firmware_bridge.recordings.tal import Annotation
from sanctuary.signal.montage import is_eog
from sanctuary.signal.samples import FloatArray, SampleBlock


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What is known of a recording before its samples are read.

    Attributes
    ----------
    fs_hz
        Sampling rate of the chosen channels.
    channels, labels
        Short names (``"AF7"``) and the labels in the file (``"EEG AF7-Ref"``), left channel first.
    n_samples, duration_s
        Length on the sample clock, pauses included.
    start
        Wall clock of the first sample as the file gives it (no time zone), or None if it is anonymous.
    rail_uv
        Magnitude (uV) at which each channel rails: the larger physical extreme of the file.
    """

    path: Path
    fs_hz: float
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    n_samples: int
    duration_s: float
    start: datetime | None
    rail_uv: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One opened night; made by `open_recording`.

    Attributes
    ----------
    info
        What is known before samples are read.
    warnings
        One sentence each: what is missing or doubtful.
    annotations
        Annotations of an EDF+ file, onsets in seconds since the first sample.
    """

    info: RecordingInfo
    warnings: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    _layout: Layout
    _chosen: tuple[int, ...]
    _uv_per_unit: FloatArray
    _starts: IntArray
    _losses: Losses

    def blocks(self, block_s: float = 30.0) -> Iterator[SampleBlock]:
        """All samples in order, in blocks of `block_s` seconds (the last may be shorter), NaN in gaps.

        Raises
        ------
        RecordingError
            The file can no longer be read.
        """
        size = max(1, round(block_s * self.info.fs_hz))
        start, uv = 0, self._missing(size)
        for at, piece in self._pieces():
            while piece.shape[1]:
                while at >= start + size:
                    yield self._block(start, uv)
                    start, uv = start + size, self._missing(size)
                n = min(start + size - at, piece.shape[1])
                uv[:, at - start : at - start + n] = piece[:, :n]
                at, piece = at + n, piece[:, n:]
        yield self._block(start, uv[:, : self.info.n_samples - start])

    def _missing(self, size: int) -> FloatArray:
        return np.full((len(self._chosen), size), np.nan)

    def _block(self, start: int, uv: FloatArray) -> SampleBlock:
        self._losses.blank(uv, start)
        return SampleBlock(start, self.info.fs_hz, self.info.channels, uv)

    def _pieces(self) -> Iterator[tuple[int, FloatArray]]:
        """Uninterrupted stretches: sample clock of the first column, and microvolts."""
        samples = self._layout.signals[self._chosen[0]].samples
        for first, raw in self._layout.chunks():
            uv = self._layout.decode(raw, self._chosen) * self._uv_per_unit
            starts = self._starts[first : first + uv.shape[1] // samples]
            edges = [int(edge) + 1 for edge in np.flatnonzero(np.diff(starts) != samples)]
            for a, b in pairwise([0, *edges, len(starts)]):
                yield int(starts[a]), uv[:, a * samples : b * samples]


def open_recording(path: Path, channels: Sequence[str] | None = None) -> Recording:
    """Open a recorded night for streaming.

    Parameters
    ----------
    path
        An EDF, EDF+ (with or without pauses), BDF or BDF+ file. Truncated ones are used as far as they go.
    channels
        One or two channels, by label or electrode (``AF7``); None takes the best frontal ones (see
        `sanctuary.firmware_bridge.recordings.channels`), without an EOG of another rate.

    Raises
    ------
    RecordingError
        The file cannot be used; one sentence names the file, what is wrong, and what to do.
    """
    layout = read_layout(path)
    labels = [signal.label for signal in layout.signals]
    chosen = choose_channels(labels, channels, str(path))
    rates = {layout.signals[index].samples for index in chosen}
    if channels is None and len(rates) > 1 and is_eog(labels[chosen[-1]]):
        chosen = chosen[:1]
    fs_hz = common_rate(layout, chosen)
    scales = [unit_scale(layout, index) for index in chosen]
    marks = read_marks(layout)
    samples = layout.signals[chosen[0]].samples
    starts = np.arange(layout.present, dtype=np.int64) * samples
    if layout.gapped:
        starts = record_starts(marks.onsets_s, samples, fs_hz, str(path))
    missing = missing_data(layout)
    info = _info(layout, chosen, fs_hz, scales, n_samples=int(starts[-1]) + samples)
    return Recording(
        info=info,
        warnings=(*([missing] if missing else []), *doubtful_units(layout, chosen, scales)),
        annotations=marks.annotations,
        _layout=layout,
        _chosen=chosen,
        _uv_per_unit=np.array(scales)[:, np.newaxis],
        _starts=starts,
        _losses=Losses(marks.annotations if marks.own else (), info.channels, fs_hz),
    )


def _info(
    layout: Layout, chosen: tuple[int, ...], fs_hz: float, scales: list[float], n_samples: int
) -> RecordingInfo:
    opened = layout.parse(layout.records(0, 1))
    labels = tuple(layout.signals[index].label for index in chosen)
    rails = [rail(layout, opened.signals[index]) for index in chosen]
    return RecordingInfo(
        path=layout.path,
        fs_hz=fs_hz,
        channels=_names(labels),
        labels=labels,
        n_samples=n_samples,
        duration_s=n_samples / fs_hz,
        start=start_time(opened),
        rail_uv=tuple(scale * largest for scale, largest in zip(scales, rails, strict=True)),
    )


def _names(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Short names, or the whole labels where the short ones would be the same."""
    names = tuple(short_name(label) for label in labels)
    return names if len(set(names)) == len(names) else labels
