"""From the bytes of a hypnogram's file to text, numbers and times of day.

Files are unpacked within bounds; text is read whatever wrote it; numbers have a decimal point or comma; wall
clocks come as laboratories write them.
"""

from __future__ import annotations

import codecs
import gzip
import io
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_header import header_start
from sanctuary.firmware_bridge.recordings.recording_source import open_for_reading

LARGEST_BYTES = 32 << 20
"""Nobody's hypnogram is larger; a file that is was named by mistake."""
LONGEST_LINE = 1 << 20
"""Characters: a list may be on one line."""
MOST_LINES = 200_000
"""Epochs of a fifth of a second for eleven hours."""
EDF_MAGIC = (b"0       ", b"\xffBIOSEMI")
_GZIP_MAGIC = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save its sheet as CSV",
    b"\x89HDF": "HDF5, as DOD and MATLAB 7.3 write; save its hypnogram as text, one stage a line",
    b"MATLAB 5": "a MATLAB file; save its hypnogram as text, one stage a line",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save its sheet as CSV",
    b"%PDF": "a PDF; export the stages as text",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")


def load_hypnogram(path: Path) -> bytes:
    """Contents of a hypnogram, unpacked if it is gzip; of an EDF file that is not packed, its first bytes.

    Raises
    ------
    RecordingError
        It cannot be read, is larger than any hypnogram, or is a damaged archive.
    """
    with open_for_reading(path, "a hypnogram") as file:
        raw = file.read(8)
        if raw in EDF_MAGIC:
            return raw
        raw += file.read(LARGEST_BYTES + 1 - len(raw))
    if raw.startswith(_GZIP_MAGIC):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as unpacked:
                raw = unpacked.read(LARGEST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise RecordingError(f"{path}: its gzip is damaged ({error}); use a complete copy") from error
    if len(raw) > LARGEST_BYTES:
        raise RecordingError(f"{path}: larger than {LARGEST_BYTES >> 20} MB, so this is no hypnogram")
    return raw


def text_of(path: Path, raw: bytes) -> str:
    """Text in UTF-8, UTF-16 or UTF-32 with or without a mark, or Windows' western code page.

    Raises
    ------
    RecordingError
        It is empty, or no text; formats that are known are named.
    """
    for magic, what in _OTHERS.items():
        if raw.startswith(magic):
            raise RecordingError(f"{path}: this is no hypnogram that can be read, but {what}")
    text = _decoded(raw)
    if text is None or _NO_TEXT.search(text):
        raise RecordingError(
            f"{path}: this is no hypnogram (neither text nor EDF+); expected for instance "
            "CSV with onset_s,duration_s,stage, or one stage a line"
        )
    if not text.strip():
        raise RecordingError(
            f"{path}: the hypnogram is empty; score the night first, or leave the hypnogram out"
        )
    if max(text.count("\n"), text.count("\r")) > MOST_LINES:
        raise RecordingError(f"{path}: has more than {MOST_LINES} lines, so this is no hypnogram")
    return text


def lines_of(path: Path, text: str) -> list[str]:
    """Lines, ended as on any system, without blank ones at beginning and end.

    Raises
    ------
    RecordingError
        A line is longer than any list of stages.
    """
    lines = re.split(r"\r*\n|\r", text.rstrip())
    if max(map(len, lines)) > LONGEST_LINE:
        raise RecordingError(
            f"{path}: has a line of more than {LONGEST_LINE} characters; this is no hypnogram"
        )
    return lines


def _decoded(raw: bytes) -> str | None:
    """Text without byte order mark and without padding of NUL and Ctrl-Z at its end."""
    for mark, encoding in (*_BOMS, *_guessed(raw)):
        if raw.startswith(mark):
            return _strict(raw[len(mark) :], encoding)
    return _strict(raw, "utf-8") or _strict(raw, "cp1252")


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding).rstrip("\0\x1a").lstrip("\ufeff")
    except UnicodeDecodeError:
        return None


def _guessed(raw: bytes) -> list[tuple[bytes, str]]:
    """UTF-16 without its mark: every second byte of western text is NUL."""
    start = raw[:64]
    if len(start) >= 4 and not any(start[1::2]) and all(start[::2]):
        return [(b"", "utf-16-le")]
    if len(start) >= 4 and not any(start[::2]) and all(start[1::2]):
        return [(b"", "utf-16-be")]
    return []


MOST_S = 1e10
"""Beyond any clock: Unix time in seconds is below."""
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def number(text: str) -> float | None:
    """Read a finite number in decimal digits; None if the text is anything else."""
    bare = text.strip()
    if _PLAIN.fullmatch(bare) is None:
        return None
    value = float(bare.replace(",", "."))
    return value if math.isfinite(value) else None


def seconds(text: str, name: str, where: str) -> float:
    """Read seconds.

    Raises
    ------
    RecordingError
        It is no number, or beyond any clock; names the place and the field.
    """
    value = number(text)
    if value is None or abs(value) > MOST_S:
        raise RecordingError(f"{where}: {name} is {text.strip()[:40]!r}; expected seconds")
    return value


DAY_S = 86400.0
ANONYMOUS_DATE = date(1985, 1, 1)
"""What EDF prescribes where the date is hidden."""

_TIME = re.compile(
    r"(?:(?P<date>[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4})[ T,]\s*)?"
    r"(?P<h>[0-9]{1,2})(?P<sep>[:.])(?P<m>[0-9]{2})(?P=sep)(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DATE = re.compile(
    r"(?P<y>[0-9]{4})[./-](?P<m>[0-9]{1,2})[./-](?P<d>[0-9]{1,2})"
    r"|(?P<d2>[0-9]{1,2})\.(?P<m2>[0-9]{1,2})\.(?P<y2>[0-9]{4})"
)


@dataclass(frozen=True, slots=True)
class WallClock:
    """A moment by a wall clock without time zone.

    Attributes
    ----------
    time_s
        Seconds since midnight, below `DAY_S`.
    dates
        Its date; more than one where the file contradicts itself, the better one first; empty if unknown.
    anonymous
        The date is known to be hidden.
    """

    time_s: float
    dates: tuple[date, ...] = ()
    anonymous: bool = False

    def __str__(self) -> str:
        time = str(timedelta(seconds=round(self.time_s, 3))).removesuffix("000").rjust(8, "0")
        return time if self.anonymous or not self.dates else f"{self.dates[0]} {time}"


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time in a row: seconds since midnight, the date if it is beyond doubt, whether it names a zone."""

    time_s: float
    day: date | None
    zoned: bool = False


def parse_moment(text: str) -> TimeOfDay | None:
    """Read a time of day with or without a date: ``22:10:00,500``, ``10.15.30 PM``, ``2024-02-01 22:10:00``.

    The order of day and month is taken only from dates that begin with the year or are written with dots;
    ``8/03/2016`` gives its time alone. None if the text is nothing of the kind.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    hour, minute, second = int(found["h"]), int(found["m"]), int(found["s"])
    if half := found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = float(f"0.{found['f']}") if found["f"] else 0.0
    seconds = 3600.0 * hour + 60.0 * minute + second + fraction
    return TimeOfDay(seconds, _date(found["date"]) if found["date"] else None, bool(found["zone"]))


def zone_unused(path: Path) -> str:
    """Say that a time zone in a file is not used, as recordings have none."""
    return f"{path}: the time zone of its times is not used; they are taken as the recording's wall clock"


def elapsed(moments: Sequence[TimeOfDay]) -> tuple[WallClock | None, list[float]]:
    """Wall clock of the first moment, and seconds of each since it, over midnight as often as need be.

    With dates on every row they count; otherwise a time more than 12 h before the one above it is the next
    day.
    """
    if not moments:
        return None, []
    first = moments[0]
    if all(moment.day is not None for moment in moments):
        days = [(moment.day - first.day).days for moment in moments]  # type: ignore[operator]
    else:
        days, day = [0], 0
        for before, moment in pairwise(moments):
            step_s = moment.time_s - before.time_s
            day += int(step_s < -DAY_S / 2) - int(step_s > DAY_S / 2)
            days.append(day)
    dates = (first.day,) if first.day is not None else ()
    anonymous = first.day == ANONYMOUS_DATE
    seconds = [
        round(moment.time_s - first.time_s + DAY_S * day, 6)
        for moment, day in zip(moments, days, strict=True)
    ]
    return WallClock(first.time_s, dates, anonymous), seconds


def clock_of(start: datetime) -> WallClock:
    """Clock of a date and time."""
    time_s = 3600.0 * start.hour + 60.0 * start.minute + start.second + start.microsecond / 1e6
    return WallClock(time_s, (start.date(),), start.date() == ANONYMOUS_DATE)


def header_clock(header: bytes, subsecond_s: float = 0.0) -> WallClock | None:
    """Wall clock of the first moment of an EDF or BDF file; None where its header hides or garbles it.

    Parameters
    ----------
    header
        At least its first 184 bytes.
    subsecond_s
        Onset of the first data record by its own time keeping.
    """
    found = header_start(header)
    if found.time is None:
        return None
    dates = tuple(dict.fromkeys(day for day in (found.whole, found.short) if day is not None))
    anonymous = found.hidden or not dates or dates[0] == ANONYMOUS_DATE
    whole_s = clock_of(datetime.combine(ANONYMOUS_DATE, found.time)).time_s
    if anonymous and whole_s + subsecond_s == 0.0:
        return None
    seconds = whole_s + subsecond_s
    return WallClock(seconds if 0.0 <= seconds < DAY_S else whole_s, dates, anonymous)


def _date(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        if found["y"]:
            return date(int(found["y"]), int(found["m"]), int(found["d"]))
        return date(int(found["y2"]), int(found["m2"]), int(found["d2"]))
    except ValueError:
        return None
