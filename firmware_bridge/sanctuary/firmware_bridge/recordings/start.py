"""When an EDF or BDF file begins, by its header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sanctuary.firmware_bridge.recordings.channels import decode_field
from sanctuary.firmware_bridge.recordings.edf_layout import Layout

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


def start_time(layout: Layout, first_sample_s: float = 0.0) -> tuple[datetime | None, list[str]]:
    """Wall clock of the first sample, or None where the file hides or garbles it, and what is doubtful of it.

    EDF+ gives the date twice: with two digits of the year in the fixed field, and in full after
    ``Startdate``. Where they differ the full one is taken, and that is said.

    Parameters
    ----------
    layout
        Of the file.
    first_sample_s
        Onset of the first data record by its own time keeping, which holds the fraction of a second.
    """
    found = header_start(layout.header)
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
