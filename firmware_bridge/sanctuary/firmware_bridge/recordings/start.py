"""When an EDF or BDF file begins, by its header."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sanctuary.firmware_bridge.recordings.layout import Layout
from sanctuary.firmware_bridge.recordings.units import decode_field

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CENTURY_TURNS = 85
"""Two-digit years from here on are of the twentieth century (EDF specification)."""
_TRIPLE = re.compile(r"(\d{1,2})[.:/\- ](\d{1,2})[.:/\- ](\d{1,2})")
_HIDDEN = re.compile(r"Startdate +X\b", re.IGNORECASE)
_STARTDATE = re.compile(r"Startdate +(\d{1,2})-([A-Za-z]{3})-(\d{4})\b", re.IGNORECASE)


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
    header = layout.header
    time = _TRIPLE.fullmatch(decode_field(header[176:184]))
    identity = decode_field(header[88:168])
    short, whole = _short_date(decode_field(header[168:176])), _whole_date(identity)
    date = whole or short
    if time is None or date is None or _HIDDEN.match(identity):
        return None, []
    try:
        hour, minute, second = (int(part) for part in time.groups())
        start = datetime(*date, hour, minute, second)  # noqa: DTZ001 (EDF has no time zone)
        start += timedelta(seconds=first_sample_s)
    except (ValueError, OverflowError):
        return None, []
    if whole and short and whole != short:
        dates = f"{_iso(short)} and, after 'Startdate', {_iso(whole)}"
        return start, [f"its header gives two dates, {dates}; the second is taken"]
    return start, []


def _short_date(text: str) -> tuple[int, int, int] | None:
    found = _TRIPLE.fullmatch(text)
    if found is None:
        return None
    day, month, year = (int(part) for part in found.groups())
    return (1900 if year >= _CENTURY_TURNS else 2000) + year, month, day


def _whole_date(text: str) -> tuple[int, int, int] | None:
    found = _STARTDATE.match(text)
    if found is None or found[2].upper() not in _MONTHS:
        return None
    return int(found[3]), _MONTHS.index(found[2].upper()) + 1, int(found[1])


def _iso(date: tuple[int, int, int]) -> str:
    return "-".join((f"{date[0]:04d}", f"{date[1]:02d}", f"{date[2]:02d}"))
