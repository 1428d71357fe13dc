"""Fields of an EDF or BDF header: numbers and dates as writers spell them, and the header that edfio gets.

Writers pad fields with NUL, put blanks before a label or a decimal comma into a number, and damaged files
hold anything. edfio parses a header as the standard has it, and turns what it cannot parse into exceptions or
uncalibrated samples. So it gets a header of numbers that were read here, signals named by their places, and
nothing else: no byte of the file's header reaches it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from sanctuary.config.errors import RecordingError

FIXED = 256
"""Bytes before the signals' fields, and bytes of the fields of each signal."""
BDF_MAGIC = b"\xffBIOSEMI"
LABEL, UNIT, LIMITS, SAMPLES = (0, 16), (96, 8), ((104, 8), (112, 8), (120, 8), (128, 8)), (216, 8)
"""Fields of a signal: widths of those before it, and its own. Limits: physical, then digital ones."""
LONGEST_RECORD_S, SHORTEST_RECORD_S = 1e8, 1e-6
FASTEST_HZ = 1e7
_FINITE_COUNT = 2.0**24
"""More than any sample of 24 bits."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignalCalibration:
    """Limits of a signal, in its unit and digital, with which samples can be scaled.

    Attributes
    ----------
    texts
        The same as a header has them: physical minimum and maximum, digital minimum and maximum.
    """

    low: float
    high: float
    least: int
    most: int
    texts: tuple[str, str, str, str]


def fields(header: bytes, place: tuple[int, int], n_signals: int) -> list[bytes]:
    """One field of every signal."""
    start, width = place
    first = FIXED + start * n_signals
    return [header[first + i * width : first + (i + 1) * width] for i in range(n_signals)]


def whole_number(path: Path, raw: bytes, name: str) -> int:
    """Read a whole number, also one that is written as ``256,0``.

    Raises
    ------
    RecordingError
        It is none; `name` says what it should have been.
    """
    text = number_text(raw)
    if not _WHOLE.fullmatch(text):
        raise RecordingError(
            f"{path}: its header is damaged: the {name} is {decode_field(raw)!r}; use an undamaged copy"
        )
    return int(text)


def record_seconds(path: Path, raw: bytes, *, only_annotations: bool) -> float:
    """Read how long a data record is; only in files of annotations it may be 0.

    Raises
    ------
    RecordingError
        It is no number, or no length of a record.
    """
    text = number_text(raw)
    seconds = float(text) if _NUMBER.fullmatch(text) else math.nan
    if SHORTEST_RECORD_S <= seconds <= LONGEST_RECORD_S or (seconds == 0.0 and only_annotations):
        return seconds
    raise RecordingError(
        f"{path}: its header is damaged: a data record lasts {decode_field(raw)!r} seconds; use an "
        "undamaged copy"
    )


def calibrations(header: bytes, n_signals: int) -> list[SignalCalibration | None]:
    """Of each signal its limits, or None where no sample can be scaled with them."""
    return [
        _calibration(*(number_text(raw) for raw in limits))
        for limits in zip(*(fields(header, place, n_signals) for place in LIMITS), strict=True)
    ]


def _calibration(low: str, high: str, least: str, most: str) -> SignalCalibration | None:
    physical, digital = (low, high), (least, most)
    if not all(map(_NUMBER.fullmatch, physical)) or not all(map(_WHOLE.fullmatch, digital)):
        return None
    found = SignalCalibration(float(low), float(high), int(least), int(most), (*physical, *digital))
    if not found.least < found.most:
        return None
    gain = (found.high - found.low) / (found.most - found.least)
    if not math.isfinite(gain) or gain == 0.0:
        return None
    offset = found.high / gain - found.most
    return found if math.isfinite((abs(offset) + _FINITE_COUNT) * gain) else None


def number_text(raw: bytes) -> str:
    """Spell a number of the header with a decimal point, and a whole one without (``256,0`` as ``256``)."""
    text = decode_field(raw).replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < 1e8 else text


def plain_header(
    kind: str,
    names: Sequence[str],
    limits: Sequence[SignalCalibration | None],
    samples: Sequence[int],
    n_records: int,
) -> bytes:
    """Make a header of EDF or BDF that has what is needed to scale samples.

    Parameters
    ----------
    kind
        ``"EDF"`` or ``"BDF"``.
    names, limits, samples
        Of each signal: its label, its limits (blank where None), its samples in a data record.
    n_records
        Number of data records.
    """
    n = len(names)
    # no rate is ever asked of edfio, so any length of a record does
    fixed: list[tuple[object, int]] = [
        ("", 80), ("", 80), ("01.01.01", 8), ("00.00.00", 8), (FIXED * (n + 1), 8), ("", 44), (n_records, 8),
        (1, 8), (n, 4),
    ]  # fmt: skip
    columns: list[tuple[Sequence[object], int]] = [(names, 16), ([""] * n, 80), ([""] * n, 8)]
    columns += [([each.texts[i] if each else "" for each in limits], 8) for i in range(len(LIMITS))]
    columns += [([""] * n, 80), (samples, 8), ([""] * n, 32)]
    cells = fixed + [(value, width) for values, width in columns for value in values]
    version = BDF_MAGIC if kind == "BDF" else b"0".ljust(8)
    return version + b"".join(str(value).encode("ascii").ljust(width) for value, width in cells)


def decode_field(raw: bytes) -> str:
    """Text of a header field: ASCII as it should be, else UTF-8, else Latin-1; padded with blanks or NUL."""
    raw = raw.strip(b"\0 \t\r\n").partition(b"\0")[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CENTURY_TURNS = 85
"""Two-digit years from here on are of the twentieth century (EDF specification)."""
_TRIPLE = re.compile(r"(\d{1,2})[.:/\- ](\d{1,2})[.:/\- ](\d{1,2})")
_HIDDEN = re.compile(r"Startdate +X\b", re.IGNORECASE)
_STARTDATE = re.compile(r"Startdate +(\d{1,2})-([A-Za-z]{3})-(\d{4})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HeaderStart:
    """When a file begins, as its header has it.

    Attributes
    ----------
    time
        Time of day in whole seconds; None if it is garbled.
    short, whole
        Date of the fixed field, and after ``Startdate``; None where there is none or it is garbled.
    hidden
        The date is hidden (``Startdate X``).
    """

    time: time | None
    short: date | None
    whole: date | None
    hidden: bool


def start_time(header: bytes, first_sample_s: float = 0.0) -> tuple[datetime | None, list[str]]:
    """Wall clock of the first sample, or None where the file hides or garbles it, and what is doubtful of it.

    EDF+ gives the date twice: with two digits of the year in the fixed field, and in full after
    ``Startdate``. Where they differ the full one is taken, and that is said.

    Parameters
    ----------
    header
        Of the file, at least its first 184 bytes.
    first_sample_s
        Onset of the first data record by its own time keeping, which holds the fraction of a second.
    """
    found = header_start(header)
    day = found.whole or found.short
    if found.time is None or day is None or found.hidden:
        return None, []
    try:
        start = datetime.combine(day, found.time) + timedelta(seconds=first_sample_s)
    except OverflowError:
        return None, []
    if found.whole and found.short and found.whole != found.short:
        dates = f"{found.short} and, after 'Startdate', {found.whole}"
        return start, [f"its header gives two dates, {dates}; the second is taken"]
    return start, []


def header_start(header: bytes) -> HeaderStart:
    """Read what the header of an EDF or BDF file says of its beginning.

    Parameters
    ----------
    header
        At least its first 184 bytes.
    """
    identity = decode_field(header[88:168])
    return HeaderStart(
        time=_time(decode_field(header[176:184])),
        short=_short_date(decode_field(header[168:176])),
        whole=_whole_date(identity),
        hidden=bool(_HIDDEN.match(identity)),
    )


def _time(text: str) -> time | None:
    found = _TRIPLE.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = (int(part) for part in found.groups())
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def _short_date(text: str) -> date | None:
    found = _TRIPLE.fullmatch(text)
    if found is None:
        return None
    day, month, year = (int(part) for part in found.groups())
    return _date((1900 if year >= _CENTURY_TURNS else 2000) + year, month, day)


def _whole_date(text: str) -> date | None:
    found = _STARTDATE.match(text)
    if found is None or found[2].upper() not in _MONTHS:
        return None
    return _date(int(found[3]), _MONTHS.index(found[2].upper()) + 1, int(found[1]))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
