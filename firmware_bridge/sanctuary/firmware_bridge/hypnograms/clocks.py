"""Wall clocks in hypnograms: times of day and dates as laboratories write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from sanctuary.firmware_bridge.recordings.start import header_start

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
class Clock:
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
class Moment:
    """A time in a row: seconds since midnight, the date if it is beyond doubt, whether it names a zone."""

    time_s: float
    day: date | None
    zoned: bool = False


def parse_moment(text: str) -> Moment | None:
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
    return Moment(seconds, _date(found["date"]) if found["date"] else None, bool(found["zone"]))


def zone_unused(path: Path) -> str:
    """Say that a time zone in a file is not used, as recordings have none."""
    return f"{path}: the time zone of its times is not used; they are taken as the recording's wall clock"


def elapsed(moments: Sequence[Moment]) -> tuple[Clock | None, list[float]]:
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
    return Clock(first.time_s, dates, anonymous), seconds


def clock_of(start: datetime) -> Clock:
    """Clock of a date and time."""
    time_s = 3600.0 * start.hour + 60.0 * start.minute + start.second + start.microsecond / 1e6
    return Clock(time_s, (start.date(),), start.date() == ANONYMOUS_DATE)


def header_clock(header: bytes, subsecond_s: float = 0.0) -> Clock | None:
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
    return Clock(seconds if 0.0 <= seconds < DAY_S else whole_s, dates, anonymous)


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
