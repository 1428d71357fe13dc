"""How an EDF or BDF file is laid out: header fields, data records, and what a truncated file still holds.

::

    header 256 B | per signal 256 B, field by field | record 0: signal 0, signal 1, ... | record 1 ...

Source: EDF specification (https://www.edfplus.info/specs/edf.html); BDF differs by its first byte and by
three bytes per sample. Values are decoded by edfio; this module only finds whole records, so that files which
were cut off, or whose recorder crashed before it filled in the number of records, can be streamed in bounded
memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from edfio import read_bdf, read_edf

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_header import (
    BDF_MAGIC,
    FASTEST_HZ,
    FIXED,
    LABEL,
    SAMPLES,
    UNIT,
    SignalCalibration,
    calibrations,
    decode_field,
    fields,
    number_text,
    plain_header,
    record_seconds,
    whole_number,
)
from sanctuary.firmware_bridge.recordings.recording_source import open_for_reading
from sanctuary.signal.samples import FloatArray

_WHAT = "an EDF or BDF file"
_LENGTH_FIELD = slice(184, 192)
_RECORDS_FIELD = slice(236, 244)
_MAX_SIGNALS = 4096
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SignalLayout:
    """One ordinary signal: its label and unit as text, its samples in each data record, and its limits.

    Attributes
    ----------
    place
        Its place among all signals of the file.
    calibration
        None where samples cannot be scaled; they are then plain digital values.
    """

    label: str
    unit: str
    samples: int
    place: int
    calibration: SignalCalibration | None


@dataclass(frozen=True, slots=True)
class EdfLayout:
    """Everything needed to find data records.

    Attributes
    ----------
    header
        All bytes before the data; its own length, which follows from the number of signals, put right.
    format
        ``"EDF"`` or ``"BDF"``.
    gapped
        True for EDF+D and BDF+D: records may be apart in time.
    declared, present
        Data records by the header (-1 where its writer never finished) and whole ones in the file.
    stray_bytes
        Bytes after the last whole record.
    record_s
        Length of a data record; 0 in files that hold annotations only.
    signals
        Ordinary signals that have samples.
    empty
        Labels of those that have none.
    samples
        Samples of every signal in a data record.
    annotation_spans
        Byte ranges of the annotation signals within a record.
    """

    path: Path
    format: str
    header: bytes
    gapped: bool
    declared: int
    present: int
    stray_bytes: int
    record_s: float
    record_bytes: int
    signals: tuple[SignalLayout, ...]
    empty: tuple[str, ...]
    samples: tuple[int, ...]
    annotation_spans: tuple[tuple[int, int], ...]

    def decode(self, records: bytes, chosen: Sequence[int]) -> FloatArray:
        """Physical values of the chosen signals, shape ``(len(chosen), samples)``, in the file's units."""
        limits: list[SignalCalibration | None] = [None] * len(self.samples)
        for signal in self.signals:
            limits[signal.place] = signal.calibration
        names = [f"s{i}" for i in range(len(limits))]
        header = plain_header(self.format, names, limits, self.samples, len(records) // self.record_bytes)
        read = read_bdf if self.format == "BDF" else read_edf
        signals = read(header + records).signals
        return np.stack([signals[self.signals[index].place].data for index in chosen])

    def read(self, file: BinaryIO, first: int, count: int) -> bytes:
        """Read `count` data records from record `first` on.

        Raises
        ------
        RecordingError
            The file has become shorter since it was opened.
        """
        file.seek(len(self.header) + first * self.record_bytes)
        raw = file.read(count * self.record_bytes)
        if len(raw) < count * self.record_bytes:
            raise RecordingError(f"{self.path}: became shorter while it was read; is it still being copied?")
        return raw

    def records(self, first: int, count: int) -> bytes:
        """Open the file just to read some data records."""
        with open_for_reading(self.path, _WHAT) as file:
            return self.read(file, first, count)

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Index of the first record, and the bytes, of about one megabyte of records after another."""
        step = max(1, _CHUNK_BYTES // self.record_bytes)
        with open_for_reading(self.path, _WHAT) as file:
            for first in range(0, self.present, step):
                yield first, self.read(file, first, min(step, self.present - first))


def read_layout(path: Path, *, allow_empty: bool = False) -> EdfLayout:
    """Read and check the header of an EDF or BDF file.

    Parameters
    ----------
    path
        The file.
    allow_empty
        Accept a file that ends before its first whole data record.

    Raises
    ------
    RecordingError
        The file cannot be read, is of another kind, has a damaged header, or holds no whole data record.
    """
    with open_for_reading(path, _WHAT) as file:
        size = file.seek(0, 2)
        file.seek(0)
        fixed = file.read(FIXED)
        kind = _format(path, fixed)
        n_signals = whole_number(path, fixed[252:256], "number of signals")
        if not 1 <= n_signals <= _MAX_SIGNALS:
            raise RecordingError(f"{path}: its header is damaged: {n_signals} signals; use an undamaged copy")
        header = fixed + file.read(FIXED * n_signals)
    if len(header) < FIXED * (n_signals + 1):
        raise RecordingError(f"{path}: ends within its header, so it holds no signal; use an undamaged copy")
    layout = _layout(path, kind, header, size, n_signals)
    if layout.present == 0 and not allow_empty:
        raise RecordingError(f"{path}: holds a header but no whole data record, so there is nothing to use")
    return layout


def _layout(path: Path, kind: str, header: bytes, size: int, n_signals: int) -> EdfLayout:
    samples = [
        whole_number(path, raw, "number of samples in a data record")
        for raw in fields(header, SAMPLES, n_signals)
    ]
    width = 3 if kind == "BDF" else 2
    if min(samples) < 0 or sum(samples) == 0:
        raise RecordingError(f"{path}: its header is damaged: data records hold no samples; use another copy")
    record_bytes = width * sum(samples)
    ends = np.cumsum(samples) * width
    signals, spans = _signals(header, samples, ends.tolist(), width)
    record_s = record_seconds(path, header[244:252], only_annotations=not signals)
    if max((signal.samples for signal in signals), default=0) > FASTEST_HZ * record_s:
        raise RecordingError(
            f"{path}: its header is damaged: more than {FASTEST_HZ:g} samples a second; use an undamaged copy"
        )
    present, stray_bytes = divmod(size - len(header), record_bytes)
    header = _replaced(header, _LENGTH_FIELD, len(header))
    return EdfLayout(
        path=path,
        format=kind,
        header=header,
        gapped=decode_field(header[192:236])[:5].upper() in ("EDF+D", "BDF+D"),
        declared=whole_number(path, header[_RECORDS_FIELD], "number of data records"),
        present=present,
        stray_bytes=stray_bytes,
        record_s=record_s,
        record_bytes=record_bytes,
        signals=tuple(signal for signal in signals if signal.samples),
        empty=tuple(signal.label for signal in signals if not signal.samples),
        samples=tuple(samples),
        annotation_spans=tuple(spans),
    )


def _signals(
    header: bytes, samples: list[int], ends: list[int], width: int
) -> tuple[list[SignalLayout], list[tuple[int, int]]]:
    """Ordinary signals, and the byte ranges of those of annotations."""
    n = len(samples)
    labels, units = fields(header, LABEL, n), fields(header, UNIT, n)
    signals, spans = [], []
    for i, (limits, end) in enumerate(zip(calibrations(header, n), ends, strict=True)):
        if is_annotations(labels[i]):
            spans.append((end - width * samples[i], end))
        else:
            signals.append(
                SignalLayout(decode_field(labels[i]), decode_field(units[i]), samples[i], i, limits)
            )
    return signals, spans


def is_edf(head: bytes) -> bool:
    """Whether a file that begins with these bytes is EDF or BDF."""
    return head[:8] == BDF_MAGIC or (head[:1] == b"0" and not head[1:8].strip(b" \0"))


def ordinary_signals(head: bytes) -> int:
    """How many signals that are not annotations an EDF or BDF file has, by its first bytes."""
    try:
        n_signals = min(max(int(number_text(head[252:256])), 0), _MAX_SIGNALS)
    except ValueError:
        return 0
    return sum(not is_annotations(label) for label in fields(head, LABEL, n_signals))


def is_annotations(label: bytes) -> bool:
    """Whether a signal of this label holds annotations, however the label is padded and spelt."""
    return " ".join(decode_field(label).casefold().split()) in ("edf annotations", "bdf annotations")


def _format(path: Path, fixed: bytes) -> str:
    if not fixed:
        raise RecordingError(f"{path}: the file is empty; use a complete copy")
    if not is_edf(fixed):
        raise RecordingError(f"{path}: this is not an EDF or BDF file; convert the recording to EDF first")
    if len(fixed) < FIXED:
        raise RecordingError(f"{path}: ends within its header, so it holds no signal; use an undamaged copy")
    return "BDF" if fixed[:8] == BDF_MAGIC else "EDF"


def _replaced(header: bytes, field: slice, value: int) -> bytes:
    return header[: field.start] + str(value).encode().ljust(8) + header[field.stop :]
