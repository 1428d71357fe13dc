"""EDF, EDF+, BDF and BDF+ files as a source of samples, with the pauses between their data records."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import short_name
from sanctuary.firmware_bridge.recordings.edf_annotations import (
    EdfAnnotations,
    Losses,
    first_sample_s,
    read_edf_annotations,
)
from sanctuary.firmware_bridge.recordings.edf_header import start_time
from sanctuary.firmware_bridge.recordings.edf_layout import EdfLayout, read_layout
from sanctuary.firmware_bridge.recordings.recording_source import (
    LONGEST_GAP_S,
    NO_READING_OPTIONS,
    IntArray,
    ReadingOptions,
    RecordingSource,
    SourceChannel,
    Stretch,
    unused_options,
)
from sanctuary.signal.samples import FloatArray

JITTER_S = 0.01
"""Records this much off their place are taken as adjoining: their starts are rounded in the file."""


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


_UNUSABLE_STAMPS = (
    "its header says that it has no pauses, and its time stamps are not those of records one after another; "
    "they are left out, and its samples are taken as one stretch"
)


class EdfSource(RecordingSource):
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

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        self._layout = layout = read_layout(path)
        self._marks = marks = read_edf_annotations(layout)
        self._starts_s, paused = _record_starts_s(layout, marks)
        start, doubts = start_time(layout.header, first_sample_s(marks.onsets_s, layout.record_s))
        missing = _missing_data(layout)
        self.path, self.format = path, layout.format
        self.start = options.start or start
        self.annotations = marks.annotations
        self.warnings = (
            *([missing] if missing else []), *_without_samples(layout), *paused,
            *(doubts if options.start is None else _replaced(start, options)),
            *unused_options(layout.format, options),
        )  # fmt: skip
        end_s = float(self._starts_s[-1]) + layout.record_s
        self.channels = tuple(
            SourceChannel(
                signal.label, signal.unit, signal.samples / layout.record_s,
                round(end_s * signal.samples / layout.record_s),
            )
            for signal in layout.signals
        )  # fmt: skip
        self.own = marks.own

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
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


def _record_starts_s(layout: EdfLayout, marks: EdfAnnotations) -> tuple[FloatArray, list[str]]:
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
    warning = (
        f"its header says that it has no pauses, but by its time stamps {int(paused.sum())} of together "
        f"{pauses_s[paused].sum():g} s lie between its data records; they are kept as gaps"
    )
    return starts_s, [warning]


def _without_samples(layout: EdfLayout) -> list[str]:
    return [f"channel {label!r} holds no samples and is left out" for label in layout.empty]


def _missing_data(layout: EdfLayout) -> str | None:
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
