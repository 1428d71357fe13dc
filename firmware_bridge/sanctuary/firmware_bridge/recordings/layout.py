"""How an EDF or BDF file is laid out: header fields, data records, and what a truncated file still holds.

::

    header 256 B | per signal 256 B, field by field | record 0: signal 0, signal 1, ... | record 1 ...

Source: EDF specification (https://www.edfplus.info/specs/edf.html); BDF differs by its first byte and by
three bytes per sample. Values are decoded by edfio; this module only finds whole records, so that files which
were cut off, or whose recorder crashed before it filled in the number of records, can be streamed in bounded
memory.

Writers pad fields with NUL, put blanks before a label or a decimal comma into a number. edfio gets a header
in which fields are spelt as the standard has them and signals are named by their places, so that nobody can
differ on which signal is which.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from edfio import Bdf, Edf, read_bdf, read_edf

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.files import reading
from sanctuary.firmware_bridge.recordings.units import decode_field
from sanctuary.signal.samples import FloatArray

_WHAT = "an EDF or BDF file"
_FIXED = 256
_LENGTH_FIELD = slice(184, 192)
_RECORDS_FIELD = slice(236, 244)
_SAMPLES_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80)
"""Widths of the fields before "samples per record": label, transducer, unit, four limits, prefilter."""
_UNIT_START = 96
_NUMBERS_START, _NUMBERS_END = 104, 136
"""The four limits of a signal, between its unit and its prefilter."""
_BDF_MAGIC = b"\xffBIOSEMI"
_MAX_SIGNALS = 4096
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Signal:
    """One ordinary signal: its label and unit as text, and its samples in each data record."""

    label: str
    unit: str
    samples: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything needed to find data records.

    Attributes
    ----------
    header
        All bytes before the data; its own length, which follows from the number of signals, put right.
    plain_header
        The same for edfio: see the module's description.
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
        Ordinary signals, in the order of `edfio.Edf.signals`.
    annotation_spans
        Byte ranges of the annotation signals within a record.
    """

    path: Path
    format: str
    header: bytes
    plain_header: bytes
    gapped: bool
    declared: int
    present: int
    stray_bytes: int
    record_s: float
    record_bytes: int
    signals: tuple[Signal, ...]
    annotation_spans: tuple[tuple[int, int], ...]

    def parse(self, records: bytes) -> Edf | Bdf:
        """Hand whole data records to edfio, under a header that counts just these."""
        whole = _replaced(self.plain_header, _RECORDS_FIELD, len(records) // self.record_bytes) + records
        if self.format == "BDF":
            return read_bdf(whole)
        return read_edf(whole)

    def decode(self, records: bytes, chosen: Sequence[int]) -> FloatArray:
        """Physical values of the chosen signals, shape ``(len(chosen), samples)``, in the file's units."""
        signals = self.parse(records).signals
        return np.stack([signals[index].data for index in chosen])

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
        with reading(self.path, _WHAT) as file:
            return self.read(file, first, count)

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Index of the first record, and the bytes, of about one megabyte of records after another."""
        step = max(1, _CHUNK_BYTES // self.record_bytes)
        with reading(self.path, _WHAT) as file:
            for first in range(0, self.present, step):
                yield first, self.read(file, first, min(step, self.present - first))


def read_layout(path: Path, *, allow_empty: bool = False) -> Layout:
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
    with reading(path, _WHAT) as file:
        size = file.seek(0, 2)
        file.seek(0)
        fixed = file.read(_FIXED)
        kind = _format(path, fixed)
        n_signals = _number(path, fixed[252:256], "number of signals")
        if not 1 <= n_signals <= _MAX_SIGNALS:
            raise RecordingError(f"{path}: its header is damaged: {n_signals} signals; use an undamaged copy")
        header = fixed + file.read(_FIXED * n_signals)
    if len(header) < _FIXED * (n_signals + 1):
        raise RecordingError(f"{path}: ends within its header, so it holds no signal; use an undamaged copy")
    layout = _layout(path, kind, header, size, n_signals)
    if layout.present == 0 and not allow_empty:
        raise RecordingError(f"{path}: holds a header but no whole data record, so there is nothing to use")
    return layout


def _layout(path: Path, kind: str, header: bytes, size: int, n_signals: int) -> Layout:
    labels = _fields(header, 0, 16, n_signals)
    units = _fields(header, _UNIT_START, 8, n_signals)
    samples = [
        _number(path, raw, "number of samples in a data record")
        for raw in _fields(header, sum(_SAMPLES_WIDTHS), 8, n_signals)
    ]
    width = 3 if kind == "BDF" else 2
    if min(samples) < 0 or sum(samples) == 0:
        raise RecordingError(f"{path}: its header is damaged: data records hold no samples; use another copy")
    record_bytes = width * sum(samples)
    ends = np.cumsum(samples) * width
    signals, spans = [], []
    for label, unit, count, end in zip(labels, units, samples, ends.tolist(), strict=True):
        if is_annotations(label):
            spans.append((end - width * count, end))
        else:
            signals.append(Signal(decode_field(label), decode_field(unit), count))
    present, stray_bytes = divmod(size - len(header), record_bytes)
    header = _replaced(header, _LENGTH_FIELD, len(header))
    return Layout(
        path=path,
        format=kind,
        header=header,
        plain_header=_plain(header, kind, n_signals),
        gapped=decode_field(header[192:236])[:5].upper() in ("EDF+D", "BDF+D"),
        declared=_number(path, header[_RECORDS_FIELD], "number of data records"),
        present=present,
        stray_bytes=stray_bytes,
        record_s=_record_s(path, header[244:252], only_annotations=not signals),
        record_bytes=record_bytes,
        signals=tuple(signals),
        annotation_spans=tuple(spans),
    )


def is_edf(head: bytes) -> bool:
    """Whether a file that begins with these bytes is EDF or BDF."""
    return head[:8] == _BDF_MAGIC or (head[:1] == b"0" and not head[1:8].strip(b" \0"))


def ordinary_signals(head: bytes) -> int:
    """How many signals that are not annotations an EDF or BDF file has, by its first bytes."""
    try:
        n_signals = min(max(int(_number_text(head[252:256])), 0), _MAX_SIGNALS)
    except ValueError:
        return 0
    return sum(not is_annotations(label) for label in _fields(head, 0, 16, n_signals))


def is_annotations(label: bytes) -> bool:
    """Whether a signal of this label holds annotations, however the label is padded and spelt."""
    return " ".join(decode_field(label).casefold().split()) in ("edf annotations", "bdf annotations")


def _format(path: Path, fixed: bytes) -> str:
    if not fixed:
        raise RecordingError(f"{path}: the file is empty; use a complete copy")
    if not is_edf(fixed):
        raise RecordingError(f"{path}: this is not an EDF or BDF file; convert the recording to EDF first")
    if len(fixed) < _FIXED:
        raise RecordingError(f"{path}: ends within its header, so it holds no signal; use an undamaged copy")
    return "BDF" if fixed[:8] == _BDF_MAGIC else "EDF"


def _replaced(header: bytes, field: slice, value: int) -> bytes:
    return header[: field.start] + str(value).encode().ljust(8) + header[field.stop :]


def _fields(header: bytes, start: int, width: int, n_signals: int) -> list[bytes]:
    """One per-signal field of every signal; `start` is the sum of the widths before it."""
    first = _FIXED + start * n_signals
    return [header[first + i * width : first + (i + 1) * width] for i in range(n_signals)]


def _plain(header: bytes, kind: str, n_signals: int) -> bytes:
    """Spell the header as the standard would have it, signals named by their places."""
    fixed = header[:8] + header[8:_FIXED].replace(b"\0", b" ")
    fixed = fixed[:244] + _number_text(fixed[244:252]).encode()[:8].ljust(8) + fixed[252:]
    labels = [
        f"{kind} Annotations" if is_annotations(label) else f"s{i}"
        for i, label in enumerate(_fields(header, 0, 16, n_signals))
    ]
    parts = [fixed, *(label.encode().ljust(16) for label in labels)]
    parts.append(header[_FIXED + 16 * n_signals : _FIXED + _NUMBERS_START * n_signals].replace(b"\0", b" "))
    for start in range(_NUMBERS_START, _NUMBERS_END, 8):
        parts += [_number_text(raw).encode()[:8].ljust(8) for raw in _fields(header, start, 8, n_signals)]
    tail = header[_FIXED + _NUMBERS_END * n_signals :].replace(b"\0", b" ")
    counts = sum(_SAMPLES_WIDTHS) - _NUMBERS_END
    parts.append(tail[: counts * n_signals])
    parts += [
        _number_text(raw).encode()[:8].ljust(8) for raw in _fields(header, sum(_SAMPLES_WIDTHS), 8, n_signals)
    ]
    parts.append(tail[(counts + 8) * n_signals :])
    return b"".join(parts)


def _number_text(raw: bytes) -> str:
    """Spell a number of the header with a decimal point, and a whole one without (``256,0`` as ``256``)."""
    text = decode_field(raw).replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return text
    return str(int(value)) if value.is_integer() and abs(value) < 1e8 else text


def _number(path: Path, raw: bytes, name: str) -> int:
    try:
        return int(_number_text(raw))
    except ValueError as error:
        text = decode_field(raw)
        raise RecordingError(
            f"{path}: its header is damaged: the {name} is {text!r}; use an undamaged copy"
        ) from error


def _record_s(path: Path, raw: bytes, *, only_annotations: bool) -> float:
    try:
        seconds = float(_number_text(raw))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0.0 or (seconds == 0.0 and not only_annotations):
        text = decode_field(raw)
        raise RecordingError(
            f"{path}: its header is damaged: a data record lasts {text!r} seconds; use an undamaged copy"
        )
    return seconds
