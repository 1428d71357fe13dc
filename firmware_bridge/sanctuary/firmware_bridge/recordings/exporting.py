"""Any recording as EDF+ or BDF+: every channel at its own rate, gaps marked, in bounded memory.

A night is read twice: once for its range and its gaps, once to be written. Gaps become zeros with annotations
``sample loss`` (of one channel: ``sample loss@@LABEL``), as our recorder writes them, in a file without
pauses. A file with pauses (EDF+D) would be smaller, but widely used readers join its pieces without a word,
and every time after the first pause would be wrong.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import uv_per_unit
from sanctuary.firmware_bridge.recordings.edf_annotations import LossMarks
from sanctuary.firmware_bridge.recordings.edf_writing import (
    EdfColumn,
    file_header,
    packed,
    record_count_field,
)
from sanctuary.firmware_bridge.recordings.export_fields import (
    MOST_MARKS,
    Scale,
    ValueExtent,
    covered_s,
    finest_step,
    header_names,
    kept_scale,
    new_scale,
    next_lists,
    notes_for,
    room_for,
)
from sanctuary.firmware_bridge.recordings.recording_source import (
    Annotation,
    RecordingSource,
    SourceChannel,
    dense,
)
from sanctuary.signal.samples import FloatArray

LONGEST_RECORD_S = 60
LONGEST_S = 14 * 86_400.0
_DRIFT_SAMPLES = 0.5
"""What rounding of the record's length may put a sample off by the end of the night."""
_CHUNK_S = 30.0

Progress = Callable[[float], None]
"""Called with the share of the work done so far."""


@dataclass(frozen=True, slots=True)
class Export:
    """A recording, ready to be written.

    Attributes
    ----------
    columns
        The signals as the file will have them.
    warnings
        What is left out, renamed or coarser than in the source, one sentence each.
    n_records, record_s
        Data records and the length of each.
    notes
        Annotations, those of gaps among them, in order of onset.
    lost_s
        Seconds in which at least one channel has no signal (after the recording's end, too).
    """

    columns: tuple[EdfColumn, ...]
    warnings: tuple[str, ...]
    n_records: int
    record_s: float
    notes: tuple[Annotation, ...]
    lost_s: float
    _source: RecordingSource
    _groups: tuple[_Group, ...]
    _header: bytes
    _room: int
    _width: int
    _first_s: float

    def data(self, progress: Progress) -> Iterator[bytes]:
        """Bytes of the file, one piece after another.

        Raises
        ------
        RecordingError
            The source can no longer be read.
        """
        place, count = record_count_field(self.n_records)
        yield self._header[:place] + count + self._header[place + len(count) :]
        per_chunk = _records_in_chunk(self.record_s)
        streams = [group.arrays(self._source, self.n_records, per_chunk) for group in self._groups]
        waiting = deque(self.notes)
        for first in range(0, self.n_records, per_chunk):
            n = min(per_chunk, self.n_records - first)
            values = {
                column: row
                for group, stream in zip(self._groups, streams, strict=True)
                for column, row in zip(group.columns, group.scaled(next(stream)), strict=True)
            }
            yield self._records(first, n, values, waiting)
            progress((first + n) / self.n_records)

    def _records(
        self, first: int, n: int, values: dict[int, FloatArray], waiting: deque[Annotation]
    ) -> bytes:
        parts = [
            packed(column.digitise(values[i]).reshape(n, -1), self._width).reshape(n, -1)
            for i, column in enumerate(self.columns)
        ]
        lists = [self._lists(first + k, waiting) for k in range(n)]
        parts.append(np.frombuffer(b"".join(lists), np.uint8).reshape(n, -1))
        return np.concatenate(parts, axis=1).tobytes()

    def _lists(self, index: int, waiting: deque[Annotation]) -> bytes:
        end_s = (index + 1) * self.record_s if index < self.n_records - 1 else math.inf
        return next_lists(index * self.record_s, end_s, self._first_s, waiting, self._room)


@dataclass(frozen=True, slots=True)
class _Group:
    """Channels of one rate: their places in the source and in the file, and what they are multiplied with."""

    chosen: tuple[int, ...]
    columns: tuple[int, ...]
    samples: int
    fs_hz: float
    factors: FloatArray

    def arrays(self, source: RecordingSource, n_records: int, per_chunk: int) -> Iterator[FloatArray]:
        total = n_records * self.samples
        pieces = ((first, values) for first, values in source.pieces(self.chosen) if first < total)
        return dense(pieces, len(self.chosen), total, per_chunk * self.samples)

    def scaled(self, values: FloatArray) -> FloatArray:
        return values * self.factors


def plan_export(
    source: RecordingSource, chosen: Sequence[int], *, wide: bool, start: datetime | None, progress: Progress
) -> Export:
    """Read a recording once and lay its file out.

    Parameters
    ----------
    source, chosen
        The recording and which of its channels.
    wide
        24 bits (BDF+) rather than 16 (EDF+).
    start
        Wall clock of the first sample, or None to leave it open.
    progress
        Called while the recording is read.

    Raises
    ------
    RecordingError
        It cannot be read, or EDF cannot hold it.
    """
    chosen, empty = _with_samples(source, chosen)
    channels = [source.channels[index] for index in chosen]
    if not channels:
        raise RecordingError(f"{source.path}: has no channels with samples, so there is nothing to write")
    record_s, samples = _record(source, channels)
    n_records = max(-(-channel.n_samples // n) for channel, n in zip(channels, samples, strict=True))
    kept = [kept_scale(source.scale(index), wide=wide) for index in chosen]
    factors = [
        1.0 if scale is not None else uv_per_unit(channel.unit) or 1.0
        for scale, channel in zip(kept, channels, strict=True)
    ]
    groups = _groups(chosen, channels, samples, factors)
    names = header_names(channels, [scale is None for scale in kept])
    labels = [label for label, _ in names.pairs]
    lows, highs, marks = _read_through(source, groups, labels, (n_records, record_s), progress)
    extents = [
        _extent(source, index, factor, (lows[i], highs[i]))
        for i, (index, factor) in enumerate(zip(chosen, factors, strict=True))
    ]
    scales = [own or new_scale(extent, wide=wide) for own, extent in zip(kept, extents, strict=True)]
    held = [i for i, scale in enumerate(scales) if scale is not None]
    if not held:
        raise RecordingError(f"{source.path}: the values of its channels are too small or large for EDF")
    columns = tuple(EdfColumn(*names.pairs[i], samples[i], _known(scales[i])) for i in held)
    groups = _groups([chosen[i] for i in held], [channels[i] for i in held], [samples[i] for i in held],
                     [factors[i] for i in held])  # fmt: skip
    warnings = [
        *empty,
        *names.warnings,
        *_left_out(channels, scales),
        *_coarse(channels, extents, scales, wide=wide),
    ]
    notes, shortened = notes_for(source, marks)
    first_s = start.microsecond / 1e6 if start else 0.0
    room = room_for(notes, n_records, record_s, first_s, 3 if wide else 2)
    try:
        header = file_header(columns, start, "X", record_s, wide=wide, room=room)
    except ValueError as error:
        raise RecordingError(f"{source.path}: cannot be written as EDF ({error})") from error
    return Export(
        columns, (*warnings, *shortened), n_records, record_s, tuple(notes), covered_s(marks), source, groups,
        header, room, 3 if wide else 2, first_s,
    )  # fmt: skip


def _with_samples(source: RecordingSource, chosen: Sequence[int]) -> tuple[list[int], list[str]]:
    """Channels that hold anything, and what is said of the others; a recording of weeks is refused."""
    filled = [index for index in chosen if source.channels[index].n_samples > 0]
    for channel in (source.channels[index] for index in filled):
        if (length_s := channel.n_samples / channel.fs_hz) > LONGEST_S:
            raise RecordingError(
                f"{source.path}: spans {length_s / 86_400:.0f} days with its pauses; no night does, so its "
                "time stamps are damaged"
            )
    return filled, [
        f"channel {source.channels[index].label!r} holds no samples and is left out"
        for index in chosen
        if index not in filled
    ]


def _known(scale: Scale | None) -> Scale:
    assert scale is not None  # noqa: S101 (channels without one were left out)
    return scale


def _record(source: RecordingSource, channels: Sequence[SourceChannel]) -> tuple[float, list[int]]:
    """Length of a data record in which every channel has a whole number of samples, and these numbers."""
    rates = [channel.fs_hz for channel in channels]
    longest_s = max(channel.n_samples / channel.fs_hz for channel in channels)
    for seconds in range(1, LONGEST_RECORD_S + 1):
        if _whole(rates, float(seconds), longest_s):
            return float(seconds), [round(rate * seconds) for rate in rates]
    quickest = max(rates)
    if len({round(rate, 9) for rate in rates}) <= 8:
        for n in range(max(1, round(quickest / 2)), round(quickest * LONGEST_RECORD_S) + 1):
            record_s = float(f"{n / quickest:.6f}"[:8])
            if record_s > 0.0 and _whole(rates, record_s, longest_s):
                return record_s, [round(rate * record_s) for rate in rates]
    listed = ", ".join(f"{rate:g}" for rate in sorted(set(rates)))
    raise RecordingError(
        f"{source.path}: the rates of its channels ({listed} Hz) do not fit into one EDF file; name channels "
        "of one rate with --channels"
    )


def _whole(rates: Sequence[float], record_s: float, longest_s: float) -> bool:
    records = max(1.0, longest_s / record_s)
    counts = (rate * record_s for rate in rates)
    return all(round(count) > 0 and abs(count - round(count)) * records <= _DRIFT_SAMPLES for count in counts)


def _groups(
    chosen: Sequence[int], channels: Sequence[SourceChannel], samples: Sequence[int], factors: Sequence[float]
) -> tuple[_Group, ...]:
    places: dict[float, list[int]] = {}
    for i, channel in enumerate(channels):
        places.setdefault(channel.fs_hz, []).append(i)
    return tuple(
        _Group(
            tuple(chosen[i] for i in those), tuple(those), samples[those[0]], fs_hz,
            np.array([[factors[i]] for i in those]),
        )
        for fs_hz, those in places.items()
    )  # fmt: skip


def _read_through(
    source: RecordingSource,
    groups: Sequence[_Group],
    labels: Sequence[str],
    records: tuple[int, float],
    progress: Progress,
) -> tuple[FloatArray, FloatArray, list[Annotation]]:
    """Smallest and largest value of each channel, and the marks of all gaps."""
    n_records, record_s = records
    lows, highs = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    found: list[Annotation] = []
    per_chunk = _records_in_chunk(record_s)
    n_chunks = -(-n_records // per_chunk)
    for number, group in enumerate(groups):
        marks = LossMarks(
            [labels[i] for i in group.columns], group.samples / record_s, whole_file=len(groups) == 1
        )
        those = list(group.columns)
        for k, values in enumerate(group.arrays(source, n_records, per_chunk)):
            lost = ~np.isfinite(values)
            marks.take(lost)
            scaled = group.scaled(values)
            lows[those] = np.fmin(lows[those], np.fmin.reduce(scaled, axis=1, initial=np.nan))
            highs[those] = np.fmax(highs[those], np.fmax.reduce(scaled, axis=1, initial=np.nan))
            if marks.count > MOST_MARKS:
                raise RecordingError(
                    f"{source.path}: has more than {MOST_MARKS} gaps, which EDF has no way to hold; is it "
                    "the signal of a headband at all?"
                )
            progress((number + (k + 1) / n_chunks) / len(groups))
        found += marks.annotations()
    return lows, highs, found


def _extent(source: RecordingSource, index: int, factor: float, values: tuple[float, float]) -> ValueExtent:
    scale = source.scale(index)
    if scale is not None:
        scale = (scale[0] * factor, scale[1] * factor, *scale[2:])
    rail = source.rail(index) * factor
    voltage = uv_per_unit(source.channels[index].unit) is not None
    return ValueExtent(*values, rail, scale, voltage)


def _left_out(channels: Sequence[SourceChannel], scales: Sequence[Scale | None]) -> list[str]:
    return [
        f"channel {channel.label!r} is left out: its values in {channel.unit!r} are too small or large for "
        "the header of EDF"
        for channel, scale in zip(channels, scales, strict=True)
        if scale is None
    ]


def _coarse(
    channels: Sequence[SourceChannel],
    extents: Sequence[ValueExtent],
    scales: Sequence[Scale | None],
    *,
    wide: bool,
) -> list[str]:
    """Say where the file's steps are coarser than they should be."""
    coarse = []
    for channel, extent, scale in zip(channels, extents, scales, strict=True):
        if scale is not None and (step := (scale[1] - scale[0]) / (scale[3] - scale[2])) > finest_step(
            extent
        ):
            coarse.append(f"{channel.label!r} ({step:.2g})")
    if not coarse or wide:
        return []
    listed = ", ".join(coarse[:4]) + (" ..." if len(coarse) > 4 else "")
    warning = f"16 bits give {len(coarse)} channels coarser steps than they should have: {listed}"
    return [f"{warning}; name the file .bdf to keep them"]


def _records_in_chunk(record_s: float) -> int:
    return max(1, round(_CHUNK_S / record_s))
