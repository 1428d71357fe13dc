"""EDF, EDF+, BDF and BDF+ files as a source of samples.

Where a recording holds no samples: pauses between data records, and stretches marked as lost.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import short_name
from sanctuary.firmware_bridge.recordings.edf_layout import (
    Annotation,
    Layout,
    Marks,
    first_sample_s,
    read_layout,
    read_marks,
)
from sanctuary.firmware_bridge.recordings.formats.telling import unused_said
from sanctuary.firmware_bridge.recordings.source import NOTHING_TOLD, Channel, Piece, ReadingOptions, Source
from sanctuary.firmware_bridge.recordings.start import start_time
from sanctuary.signal.samples import FloatArray

SAMPLE_LOSS = "sample loss"
"""Annotation with which our recorder marks lost samples; ``sample loss@@AF7`` means one channel."""
JITTER_S = 0.01
"""Records this much off their place are taken as adjoining: their starts are rounded in the file."""
LONGEST_GAP_S = 24 * 3600.0
"""A longer pause within a night is a damaged time stamp."""

IntArray = NDArray[np.int64]


def record_starts(onsets_s: Sequence[float | None], record_s: float, where: str) -> FloatArray:
    """Start of each data record, seconds since the first sample, from the records' own onsets.

    Parameters
    ----------
    onsets_s
        Start of each record in seconds; None where it cannot be read: the record is then taken to adjoin the
        one before it.
    record_s
        Length of a record.
    where
        The file, for messages.

    Raises
    ------
    RecordingError
        Records overlap, or lie more than a day apart.
    """
    origin_s = first_sample_s(onsets_s, record_s)
    starts_s = np.empty(len(onsets_s))
    expected_s, run_from, run = 0.0, 0.0, 0
    for i, onset_s in enumerate(onsets_s):
        start_s = expected_s if onset_s is None else onset_s - origin_s
        if start_s < expected_s - JITTER_S:
            raise RecordingError(
                f"{where}: data record {i + 1} starts before the one before it ends; time stamps are damaged"
            )
        if start_s - expected_s > LONGEST_GAP_S:
            raise RecordingError(
                f"{where}: more than a day passes before data record {i + 1}; its time stamps are damaged"
            )
        if start_s > expected_s + JITTER_S:
            run_from, run = start_s, 0
        starts_s[i] = run_from + run * record_s
        run += 1
        expected_s = run_from + run * record_s
    return starts_s


def loss_annotations(
    lost: NDArray[np.bool_], start: int, fs_hz: float, channels: Sequence[str]
) -> list[Annotation]:
    """Annotations of the lost samples in one stretch.

    Parameters
    ----------
    lost
        Shape ``(n_channels, n)``, true where a sample is missing.
    start
        Sample clock of the first column.
    fs_hz, channels
        Rate and channel names.
    """
    everywhere = lost.all(axis=0)
    rows = [(SAMPLE_LOSS, everywhere)]
    rows += [(f"{SAMPLE_LOSS}@@{name}", row & ~everywhere) for name, row in zip(channels, lost, strict=True)]
    return [
        Annotation((start + first) / fs_hz, (stop - first) / fs_hz, text)
        for text, mask in rows
        for first, stop in _runs(np.asarray(mask))
    ]


class LossMarks:
    """Annotations of the lost samples of a stream of arrays; a loss that goes on from one to the next is one.

    Parameters
    ----------
    channels, fs_hz
        Channel names, one per row, and their rate.
    whole_file
        Whether these are all channels of the file, so that what all of them lack needs no channel's name.
    """

    def __init__(self, channels: Sequence[str], fs_hz: float, *, whole_file: bool) -> None:
        self._names = [f"{SAMPLE_LOSS}@@{name}" for name in channels]
        self._fs_hz, self._whole_file = fs_hz, whole_file
        self._spans: dict[str, list[tuple[int, int]]] = {}
        self._start = 0
        self.count = 0

    def take(self, lost: NDArray[np.bool_]) -> None:
        """Note what is lost in the next array, shape ``(n_channels, n)``."""
        if lost.any():
            everywhere = lost.all(axis=0) & self._whole_file
            for text, mask in [
                (SAMPLE_LOSS, everywhere),
                *((name, row & ~everywhere) for name, row in zip(self._names, lost, strict=True)),
            ]:
                self._add(text, np.asarray(mask))
        self._start += lost.shape[1]

    def _add(self, text: str, mask: NDArray[np.bool_]) -> None:
        spans = self._spans.setdefault(text, [])
        for first, stop in _runs(mask):
            if spans and spans[-1][1] == self._start + first:
                spans[-1] = (spans[-1][0], self._start + stop)
            else:
                spans.append((self._start + first, self._start + stop))
                self.count += 1

    def annotations(self) -> list[Annotation]:
        """Everything that was lost."""
        return [
            Annotation(first / self._fs_hz, (stop - first) / self._fs_hz, text)
            for text, spans in self._spans.items()
            for first, stop in spans
        ]


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


class Losses:
    """Stretches of lost samples, as annotated by our own recorder.

    Parameters
    ----------
    annotations
        All annotations of the file, onsets counted from its first sample.
    channels, fs_hz
        Names of each channel (its electrode, its label), one entry per row of the arrays to blank, and their
        rate.
    """

    def __init__(
        self, annotations: Iterable[Annotation], channels: Sequence[Collection[str]], fs_hz: float
    ) -> None:
        spans: list[list[tuple[int, int]]] = [[] for _ in channels]
        for mark in annotations:
            text, _, channel = mark.text.partition("@@")
            if text != SAMPLE_LOSS or mark.duration_s is None:
                continue
            first = round(mark.onset_s * fs_hz)
            stop = round((mark.onset_s + mark.duration_s) * fs_hz)
            for row, names in enumerate(channels):
                if not channel or channel in names:
                    spans[row].append((first, stop))
        self._spans = [_merged(row) for row in spans]

    def blank(self, uv: FloatArray, start: int) -> None:
        """Set lost samples to NaN, in place; `start` is the sample clock of the first column."""
        end = start + uv.shape[1]
        for row, spans in zip(uv, self._spans, strict=True):
            at = max(0, bisect_right(spans, (start, start)) - 1)
            while at < len(spans) and spans[at][0] < end:
                first, stop = spans[at]
                row[max(first - start, 0) : max(stop - start, 0)] = np.nan
                at += 1


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, stop in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((first, stop))
    return merged


_UNUSABLE_STAMPS = (
    "its header says that it has no pauses, and its time stamps are not those of records one after another; "
    "they are left out, and its samples are taken as one stretch"
)


class EdfSource(Source):
    """One opened EDF or BDF file; truncated ones are used as far as they go.

    Parameters
    ----------
    path
        The file, with or without pauses (EDF+C, EDF+D).
    options
        Only `ReadingOptions.start` is of use; it replaces what the header says, and that is said.

    Raises
    ------
    RecordingError
        The file is of another kind, or damaged beyond use.
    """

    def __init__(self, path: Path, options: ReadingOptions = NOTHING_TOLD) -> None:
        self._layout = layout = read_layout(path)
        self._marks = marks = read_marks(layout)
        self._starts_s, paused = _record_starts_s(layout, marks)
        start, doubts = start_time(layout, first_sample_s(marks.onsets_s, layout.record_s))
        missing = _missing_data(layout)
        self.path, self.format = path, layout.format
        self.start = options.start or start
        self.annotations = marks.annotations
        self.warnings = (
            *([missing] if missing else []), *_without_samples(layout), *paused,
            *(doubts if options.start is None else _replaced(start, options)),
            *unused_said(layout.format, options),
        )  # fmt: skip
        end_s = float(self._starts_s[-1]) + layout.record_s
        self.channels = tuple(
            Channel(
                signal.label, signal.unit, signal.samples / layout.record_s,
                round(end_s * signal.samples / layout.record_s),
            )
            for signal in layout.signals
        )  # fmt: skip
        self.own = marks.own

    def pieces(self, chosen: Sequence[int]) -> Iterator[Piece]:
        """Stretches of the chosen channels, which have one rate, in their units; may be called again."""
        layout = self._layout
        samples = layout.signals[chosen[0]].samples
        fs_hz = samples / layout.record_s
        labels = [self.channels[index].label for index in chosen]
        names = [(short_name(label), label) for label in labels]
        losses = Losses(self.annotations if self.own else (), names, fs_hz)
        starts: IntArray = np.rint(self._starts_s * fs_hz).astype(np.int64)
        for first, raw in layout.chunks():
            values = layout.decode(raw, chosen)
            those = starts[first : first + values.shape[1] // samples]
            edges = [int(edge) + 1 for edge in np.flatnonzero(np.diff(those) != samples)]
            for a, b in pairwise([0, *edges, len(those)]):
                stretch = values[:, a * samples : b * samples]
                losses.blank(stretch, int(those[a]))
                yield int(those[a]), stretch

    def rail(self, index: int) -> float:
        """Magnitude of the larger physical extreme of a channel, in its unit.

        Raises
        ------
        RecordingError
            The calibration cannot be used; samples are then plain digital values.
        """
        limits = self._layout.signals[index].calibration
        if limits is None:
            raise RecordingError(
                f"{self.path}: channel {self.channels[index].label!r} has no usable calibration (physical "
                "and digital minimum and maximum); correct the file's header, or choose another channel"
            )
        return max(abs(limits.low), abs(limits.high))

    def scale(self, index: int) -> tuple[float, float, int, int] | None:
        """Physical extremes of a channel in its unit, and the digital ones; None if they cannot be used."""
        limits = self._layout.signals[index].calibration
        return None if limits is None else (limits.low, limits.high, limits.least, limits.most)

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
        """Give up to `most` seconds spread over the recording, read from their places in the file."""
        layout = self._layout
        count = min(layout.present, math.ceil(1.0 / layout.record_s))
        size = max(1, int(self.channels[chosen[0]].fs_hz))
        firsts = np.unique(np.linspace(0, layout.present - count, most).astype(int))
        seconds = [layout.decode(layout.records(first, count), chosen)[:, :size] for first in firsts.tolist()]
        return np.stack(seconds, axis=1)


def _replaced(start: datetime | None, options: ReadingOptions) -> list[str]:
    """Say that a person's time is taken in place of the header's."""
    if start is None or options.start is None or start == options.start:
        return []
    return [f"its header begins at {start}; {options.start} of --start-time is taken in its place"]


def _record_starts_s(layout: Layout, marks: Marks) -> tuple[FloatArray, list[str]]:
    """Start of each data record in seconds since the first sample, and a warning where they surprise."""
    even: FloatArray = np.arange(layout.present, dtype=np.float64) * layout.record_s
    if not marks.onsets_s or layout.record_s == 0.0:
        return even, []
    if layout.gapped:
        return record_starts(marks.onsets_s, layout.record_s, str(layout.path)), []
    try:
        starts_s = record_starts(marks.onsets_s, layout.record_s, str(layout.path))
    except RecordingError:
        return even, [_UNUSABLE_STAMPS]
    pauses_s = np.diff(starts_s) - layout.record_s
    paused = pauses_s > layout.record_s * 1e-6
    if not paused.any():
        return even, []
    said = (
        f"its header says that it has no pauses, but by its time stamps {int(paused.sum())} of together "
        f"{pauses_s[paused].sum():g} s lie between its data records; they are kept as gaps"
    )
    return starts_s, [said]


def _without_samples(layout: Layout) -> list[str]:
    return [f"channel {label!r} holds no samples and is left out" for label in layout.empty]


def _missing_data(layout: Layout) -> str | None:
    """Say in one sentence what a truncated or unfinished file lacks, or None."""
    usable_s = layout.present * layout.record_s
    missing_s = (layout.declared - layout.present) * layout.record_s
    if layout.declared < 0:
        return f"its recorder never finished the file; the {usable_s:g} s that it holds are used"
    if missing_s > 0.0:
        return f"the file is cut off: the last {missing_s:g} s are missing, {usable_s:g} s are used"
    if missing_s < 0.0:
        return f"it holds {-missing_s:g} s more than its header counts; all {usable_s:g} s are used"
    if layout.stray_bytes:
        return f"the last {layout.stray_bytes} bytes of the file belong to no data record and are left out"
    return None
