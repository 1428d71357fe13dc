"""Data records of the nights we record ourselves: EDF+ or BDF+, one record at a time.

edfio writes whole files only. A recorder that must survive a crash needs to append, so edfio makes the header
and this module the records below it. The header counts -1 records until the night is finished, as EDF
prescribes for a file that is being written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np
from edfio import Bdf, BdfSignal, Edf, EdfAnnotation, EdfSignal, Patient, Recording
from numpy.typing import NDArray

from sanctuary.firmware_bridge.recordings.edf_annotations import EQUIPMENT, encode_tal, encode_time_keeping
from sanctuary.firmware_bridge.recordings.recording_source import Annotation
from sanctuary.signal.samples import FloatArray

COARSEST_STEP_UV = 0.1
"""Where 16 bits would give a coarser step, 24 bits (BDF) are used."""
LONGEST_RECORD_S = 30
"""A rate that needs longer data records is refused: an unfinished record is lost in a crash."""
LONGEST_TEXT_BYTES = 100
_ANNOTATION_SAMPLES = 96
_RECORDS_FIELD = 236
_FIELD_CHARACTERS = 8
_PHYSICAL_FIELDS = (104, 112)
"""Physical minimum and maximum: widths of the fields before them."""


@dataclass(frozen=True, slots=True)
class NightFormat:
    """How one night is laid out on disk.

    Attributes
    ----------
    header
        All bytes before the first data record.
    n_channels, samples, record_s
        Channels, samples of each in a data record, and its length.
    full_uv, full_count
        Largest amplitude, and the digital value that stands for it.
    width
        Bytes per sample: 2 (EDF) or 3 (BDF).
    subsecond_s
        Fraction of a second at which the night began; the header holds whole seconds only.
    """

    header: bytes
    n_channels: int
    samples: int
    record_s: int
    full_uv: float
    full_count: int
    width: int
    subsecond_s: float

    @property
    def suffix(self) -> str:
        return ".bdf" if self.width == 3 else ".edf"

    def digitise(self, uv: FloatArray) -> NDArray[np.int32]:
        """Digital values of microvolts, rails where the range ends, 0 where a sample is missing."""
        within = np.clip(np.nan_to_num(uv, nan=0.0), -self.full_uv, self.full_uv)
        return np.rint(within * (self.full_count / self.full_uv)).astype(np.int32)

    def record(self, index: int, counts: NDArray[np.int32], notes: Sequence[Annotation]) -> tuple[bytes, int]:
        """Encode one data record.

        Parameters
        ----------
        index, counts
            Number of the record, and its digital values, shape ``(n_channels, samples)``.
        notes
            Annotations waiting to be written; onsets in seconds since the first sample.

        Returns
        -------
        The record, and how many of the notes fitted into it.
        """
        began_s = self.subsecond_s + index * self.record_s
        room = _ANNOTATION_SAMPLES * self.width
        lists, fitted = annotation_lists(began_s, self.subsecond_s, notes, room)
        return packed(counts, self.width).tobytes() + lists, fitted


def packed(counts: NDArray[np.int32], width: int) -> NDArray[np.uint8]:
    """Bytes of digital values, `width` of them each, least significant first; one more axis."""
    raw = np.ascontiguousarray(counts, dtype="<i4").view(np.uint8)
    return raw.reshape(*counts.shape, 4)[..., :width]


def annotation_lists(
    began_s: float, first_s: float, notes: Sequence[Annotation], room: int
) -> tuple[bytes, int]:
    """Encode the annotation signal of one data record.

    Parameters
    ----------
    began_s, first_s
        When the record begins, and when the first sample was taken, in seconds since the header's start.
    notes
        Annotations waiting to be written; onsets in seconds since the first sample.
    room
        Bytes of the annotation signal in a record.

    Returns
    -------
    Its bytes, and how many of the notes fitted.
    """
    lists = encode_time_keeping(began_s)
    fitted = 0
    for note in notes:
        tal = encode_tal(Annotation(first_s + note.onset_s, note.duration_s, note.text))
        if len(lists) + len(tal) > room:
            break
        lists += tal
        fitted += 1
    return lists.ljust(room, b"\x00"), fitted


def record_count_field(count: int) -> tuple[int, bytes]:
    """Place and bytes of the header field that holds the number of data records; -1 while it is not known."""
    return _RECORDS_FIELD, str(count).encode().ljust(8)


def night_format(
    fs_hz: float, channels: Sequence[str], start: datetime, *, range_uv: float, sleeper: str = "X"
) -> NightFormat:
    """Lay out a night.

    Parameters
    ----------
    fs_hz, channels
        Sampling rate and channel names.
    start
        Wall clock of the first sample; written as it is, without its time zone.
    range_uv
        Amplitude of the rails.
    sleeper
        Pseudonym, or ``X``.

    Raises
    ------
    ValueError
        A rate without whole samples in at most 30 s, no channels, or names that EDF cannot hold.
    """
    rate = Fraction(fs_hz).limit_denominator(1000)
    record_s = rate.denominator
    if record_s > LONGEST_RECORD_S:
        raise ValueError(f"{fs_hz} Hz gives no whole number of samples in {LONGEST_RECORD_S} s")
    full_uv = math.ceil(range_uv)
    wide = full_uv / 32767 > COARSEST_STEP_UV
    full_count = 8388607 if wide else 32767
    header = _header(channels, start, sleeper, (rate.numerator, record_s), (full_uv, full_count), wide=wide)
    return NightFormat(
        header=header,
        n_channels=len(channels),
        samples=rate.numerator,
        record_s=record_s,
        full_uv=full_uv,
        full_count=full_count,
        width=3 if wide else 2,
        subsecond_s=start.microsecond / 1e6,
    )


def _header(
    channels: Sequence[str],
    start: datetime,
    sleeper: str,
    record: tuple[int, int],
    full: tuple[int, int],
    *,
    wide: bool,
) -> bytes:
    """Header of a night; `record` is samples and seconds of a record, `full` the extremes."""
    (samples, record_s), (full_uv, full_count) = record, full
    scale = (-full_uv, full_uv, -full_count, full_count)
    columns = [EdfColumn(f"EEG {name}", "uV", samples, scale) for name in channels]
    return file_header(
        columns, start, sleeper, record_s, wide=wide, room=_ANNOTATION_SAMPLES * (3 if wide else 2)
    )


@dataclass(frozen=True, slots=True)
class EdfColumn:
    """One signal of a file that is written.

    Attributes
    ----------
    label, unit
        ASCII, at most 16 and 8 characters.
    samples
        In a data record.
    scale
        Physical extremes in its unit, and the digital values that stand for them.
    """

    label: str
    unit: str
    samples: int
    scale: tuple[float, float, int, int]

    def digitise(self, values: FloatArray) -> NDArray[np.int32]:
        """Digital values: the extremes beyond the range, what is nearest to 0 where a sample is missing."""
        low, high, least, most = self.scale
        within = np.clip(np.nan_to_num(values, nan=0.0), low, high)
        return np.rint((within - low) * ((most - least) / (high - low)) + least).astype(np.int32)


def file_header(
    columns: Sequence[EdfColumn],
    start: datetime | None,
    sleeper: str,
    record_s: float,
    *,
    wide: bool,
    room: int,
) -> bytes:
    """Header of an unfinished file, cut from a file of one record that edfio makes.

    Parameters
    ----------
    columns
        The signals; one of annotations follows them.
    start
        Wall clock of the first sample, or None to leave it open.
    sleeper
        Pseudonym, or ``X``.
    record_s
        Length of a data record.
    wide
        BDF rather than EDF.
    room
        Bytes of the annotation signal in a record.

    Raises
    ------
    ValueError
        EDF cannot hold one of them.
    """
    signal_class, file_class = (BdfSignal, Bdf) if wide else (EdfSignal, Edf)
    signals: list[Any] = [
        signal_class(
            np.full(column.samples, column.scale[0]),
            column.samples / record_s,
            label=column.label,
            physical_dimension=column.unit,
            physical_range=column.scale[:2],
            digital_range=column.scale[2:],
        )
        for column in columns
    ]
    empty = len(encode_time_keeping(0.0) + encode_tal(Annotation(0.0, None, "")))
    whole = file_class(
        signals,
        patient=Patient(code=sleeper),
        recording=Recording(startdate=start.date() if start else None, equipment_code=EQUIPMENT),
        starttime=start.time().replace(microsecond=0, tzinfo=None) if start else None,
        data_record_duration=record_s,
        annotations=[EdfAnnotation(0.0, None, "x" * (room - empty))],
    ).to_bytes()
    header = bytearray(whole[: 256 * (len(columns) + 2)])
    place, unfinished = record_count_field(-1)
    header[place : place + len(unfinished)] = unfinished
    # edfio rounds physical extremes outward, some that have few digits too; the samples are for these
    for i, column in enumerate(columns):
        for end, start_place in enumerate(_PHYSICAL_FIELDS):
            place = 256 + start_place * (len(columns) + 1) + 8 * i
            text = header_number(column.scale[end])
            if len(text) > _FIELD_CHARACTERS:
                raise ValueError(f"{text} of {column.label!r} is longer than a header field of EDF")
            header[place : place + _FIELD_CHARACTERS] = text.encode().ljust(_FIELD_CHARACTERS)
    return bytes(header)


def header_number(value: float) -> str:
    """Spell a number for a header field: a whole one without a point."""
    return str(int(value)) if float(value).is_integer() else str(value)
