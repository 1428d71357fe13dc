"""Text files of the OpenBCI GUI, ``OpenBCI-RAW-*.txt``, versions 2 to 6.

::

    %OpenBCI Raw EEG Data                              versions 2 to 4: no names of columns
    0, -187500.02, ..., 0.123, 23:59:59.996[, 1612345678901]

    %OpenBCI Raw EXG Data                              versions 5 and 6
    Sample Index, EXG Channel 0, ..., Timestamp, Marker Channel, Timestamp (Formatted)
    0.0, -3.4, ..., 1.612345678E9, 0.0, 2021-02-03 10:47:58.901

Values are in microvolts. The GUI begins a new file after some time (an hour by default) and counts on in the
name, ``_0.txt``, ``_1.txt``...; these are one recording.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.delimited import DelimitedSource, RowFormat, continued
from sanctuary.firmware_bridge.recordings.formats.indexed_source import (
    GANGLION_RAIL_UV,
    NEAR,
    continuation_warnings,
    cyton_rail_uv,
    largest,
    local_moment,
    rail_warnings,
    start_warnings,
)
from sanctuary.firmware_bridge.recordings.formats.text_rows import (
    DAY_S,
    UTF8_MARK,
    TextRows,
    dates_and_times,
    split_lines,
    times_of_day,
)
from sanctuary.firmware_bridge.recordings.recording_source import (
    NO_READING_OPTIONS,
    ReadingOptions,
    open_for_reading,
    unused_options,
)
from sanctuary.signal.samples import BoolArray, FloatArray

NAME = "OpenBCI GUI text"
_COMMA = ord(",")
_FIRST_LINE = re.compile(rb"%\s*(?:OpenBCI )?Raw (EEG|EXG|Aux) Data", re.IGNORECASE)
_HEAD_BYTES = 64 << 10
_COUNT = re.compile(r"%\s*Number of channels\s*=\s*(\d+)", re.IGNORECASE)
_RATE = re.compile(r"%\s*Sample Rate\s*=\s*(\d+(?:[.,]\d+)?)", re.IGNORECASE)
_EXG = re.compile(r"E[XE]G Channel (\d+)", re.IGNORECASE)
_CLOCK = re.compile(r"\d{1,2}:\d\d:\d\d(?:[.,]\d+)?")
_NAME_TIME = re.compile(r"OpenBCI-RAW-(\d{4})-(\d\d)-(\d\d)_(\d\d)-(\d\d)-(\d\d)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\d,\d")
_CHANNELS = (4, 8, 16)
_MOTION = 3
"""Columns of the accelerometer, or of auxiliary inputs in their place."""
_USUAL_HZ = {4: 200.0, 8: 250.0, 16: 125.0}
_ZONE_S = 900.0
"""Time zones differ by multiples of a quarter of an hour."""
_GANGLION = 4


def is_openbci_gui(head: bytes) -> bool:
    """Whether a file begins as text files of the OpenBCI GUI do."""
    return _FIRST_LINE.match(head.removeprefix(UTF8_MARK).lstrip(b"\r\n \0")) is not None


@dataclass(frozen=True, slots=True)
class _Header:
    """What the lines before the first row say."""

    remarks: tuple[str, ...]
    names: tuple[str, ...]
    """Of columns; none before version 5."""
    rows: tuple[str, ...]
    """The first rows."""


class OpenBciGuiSource(DelimitedSource):
    """One session of the OpenBCI GUI, in one file or several.

    Parameters
    ----------
    path
        The file, or the first of several.
    options
        Only `ReadingOptions.start` is of use.

    Raises
    ------
    RecordingError
        The file cannot be used.
    """

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        header = _header(path)
        files = [path]
        for other in continued(path)[1:]:
            if not _continues(other, header):
                break
            files.append(other)
        form = _named(path, header) if header.names else _unnamed(path, header)
        super().__init__(replace(form.layout, files=tuple((file, 0) for file in files)))
        probed = self.probe(range(len(self.channels)), 40)
        rail_uv = cyton_rail_uv(largest(probed))
        if len(self.channels) == _GANGLION and largest(probed) <= GANGLION_RAIL_UV * (1.0 + NEAR):
            rail_uv = GANGLION_RAIL_UV * (1.0 - NEAR)
        self._layout = replace(self._layout, rails_uv=(-rail_uv, rail_uv))
        start, doubt = self._start(form)
        self.start = options.start or start
        self.warnings = (
            *form.warnings,
            *continuation_warnings(files),
            *self.warnings,
            *rail_warnings(self._layout.labels, probed, self._layout.rails_uv),
            *(doubt if self.start is None else ()),
            *unused_options(self.format, options),
        )

    def rail(self, index: int) -> float:
        """Rail of the gain that the values fit, uV."""
        del index
        return self._layout.rails_uv[1]

    def _start(self, form: _Form) -> tuple[datetime | None, list[str]]:
        """Local time of the first sample, and what to say where it is not known."""
        first_s = self.timeline.first_s
        if form.unix_and_local is not None:
            unix_s, local_s = form.unix_and_local
            zone_s = round((local_s - unix_s) / _ZONE_S) * _ZONE_S
            if not form.whole_local:
                zone_s = (zone_s + 0.5 * DAY_S) % DAY_S - 0.5 * DAY_S
            return local_moment(first_s + zone_s), start_warnings(None)
        if not self._layout.daily:
            return None, start_warnings(first_s)
        found = _NAME_TIME.search(self.path.name)
        if found is None:
            return None, [
                (
                    "it gives the time of day and not the date, and its name was changed; name it "
                    "with --start-time"
                )
            ]
        try:
            named = datetime(*(int(each) for each in found.groups()))  # type: ignore[arg-type] # noqa: DTZ001
        except ValueError:
            return None, start_warnings(None)
        start = named.replace(hour=0, minute=0, second=0) + timedelta(seconds=first_s)
        if start < named - timedelta(hours=12):
            start += timedelta(days=1)
        return start, []


@dataclass(frozen=True, slots=True)
class _Form:
    """One version's rows.

    Attributes
    ----------
    layout
        Without the files.
    unix_and_local
        Unix time and local time of the first row, where it has both.
    whole_local
        Whether the local time has its date.
    said
        What was assumed.
    """

    layout: RowFormat
    unix_and_local: tuple[float, float] | None
    whole_local: bool
    warnings: tuple[str, ...]


def _header(path: Path) -> _Header:
    with open_for_reading(path, "a text file of the OpenBCI GUI") as file:
        head = file.read(_HEAD_BYTES)
    found = _FIRST_LINE.match(head.removeprefix(UTF8_MARK).lstrip(b"\r\n \0"))
    if found is None:
        raise RecordingError(
            f"{path}: this is no text file of the OpenBCI GUI; name one of its OpenBCI-RAW files"
        )
    if found[1].lower() == b"aux":
        raise RecordingError(
            f"{path}: this is the Aux file of an OpenBCI session, which holds no EEG; name the "
            "OpenBCI-RAW file "
            "beside it that has no Aux in its name"
        )
    lines = [
        line.strip().strip("\0")
        for line in head.decode("utf-8", errors="replace").lstrip("\ufeff").splitlines()
    ]
    lines = [line for line in lines[: -1 if len(head) == _HEAD_BYTES else None] if line]
    remarks = tuple(line for line in lines if line.startswith("%"))
    rest = [line for line in lines if not line.startswith("%")]
    if rest and rest[0].lower().startswith("sample index"):
        return _Header(remarks, tuple(name.strip() for name in rest[0].split(",")), tuple(rest[1:51]))
    return _Header(remarks, (), tuple(rest[:50]))


def _continues(path: Path, header: _Header) -> bool:
    """Whether a file can be one session with another of that header."""
    with open_for_reading(path, "a text file of the OpenBCI GUI") as file:
        found = _FIRST_LINE.match(file.read(100).removeprefix(UTF8_MARK).lstrip(b"\r\n \0"))
    return found is not None and found[1].lower() != b"aux" and _header(path).names == header.names


def _stated(header: _Header, pattern: re.Pattern[str]) -> float | None:
    for line in header.remarks:
        if found := pattern.match(line):
            return float(found[1].replace(",", ".")) or None
    return None


def _remarks(rows: TextRows) -> BoolArray:
    """Lines of a header, which begin with a per cent sign or with a letter."""
    first = rows.cells(0, 1).view(np.uint8)
    return np.asarray((first == ord("%")) | ((first >= ord("A")) & (first <= ord("z"))) | (first >= 0x80))


def _named(path: Path, header: _Header) -> _Form:
    """Versions 5 and 6: columns by name."""
    names = [name.lower() for name in header.names]
    exg = [
        (place, int(found[1])) for place, name in enumerate(header.names) if (found := _EXG.fullmatch(name))
    ]
    if not exg or "timestamp" not in names:
        raise RecordingError(
            f"{path}: this file of the OpenBCI GUI has no {'time stamps' if exg else 'EXG channels'}, only "
            f"{', '.join(header.names[:40])}; name the session's OpenBCI-RAW file"
        )
    _refuse_decimal_commas(path, header, len(names))
    stamp = names.index("timestamp")
    text = names.index("timestamp (formatted)") if "timestamp (formatted)" in names else None

    def stamps(rows: TextRows) -> FloatArray:
        return rows.numbers([stamp])[:, 0]

    layout = RowFormat(
        format=NAME,
        files=(),
        separator=_COMMA,
        fewest=len(names),
        most=len(names),
        labels=tuple(f"EXG Channel {number}" for _, number in exg),
        columns=tuple(place for place, _ in exg),
        fs_hz=0.0,
        stamps=stamps,
        stamp=stamp,
        counter=0,
        aside=_remarks,
    )
    fs_hz, warnings = _rate(header, len(exg))
    rows = _first_rows(header, len(names))
    both = None
    if text is not None and len(rows):
        both = _first_pair(stamps(rows), dates_and_times(rows, text))
    return _Form(replace(layout, fs_hz=fs_hz), both, whole_local=True, warnings=warnings)


def _unnamed(path: Path, header: _Header) -> _Form:
    """Versions 2 to 4: index, channels, three columns of motion, time of day; from 4.1 Unix ms too."""
    if not header.rows:
        raise RecordingError(
            f"{path}: this file of the OpenBCI GUI ends before its first row; use a whole copy"
        )
    _refuse_decimal_commas(path, header, None)
    split = [[field.strip() for field in row.split(",")] for row in header.rows]
    fields = Counter(len(row) for row in split).most_common(1)[0][0]
    typical = next(row for row in split if len(row) == fields)
    clock = next((place for place, field in enumerate(typical) if _CLOCK.fullmatch(field)), None)
    if clock is None or not fields - 2 <= clock < fields:
        raise RecordingError(
            f"{path}: the rows of this file of the OpenBCI GUI have no time of day at their end, "
            "so gaps in it "
            "cannot be found; use the session's BrainFlow or EDF file"
        )
    count = clock - 1 - _MOTION
    stated = _stated(header, _COUNT)
    if count not in _CHANNELS or (stated is not None and int(stated) != count):
        told = "" if stated is None else f" and its header counts {stated:g}"
        raise RecordingError(
            f"{path}: its rows have {fields} fields, which would be {count} channels{told}; "
            "neither a Ganglion (4), "
            "a Cyton (8) nor a Daisy (16) writes that. Use the session's BrainFlow or EDF file"
        )
    unix = clock + 1 if fields == clock + 2 else None

    def stamps(rows: TextRows) -> FloatArray:
        return times_of_day(rows, clock) if unix is None else rows.numbers([unix])[:, 0] / 1000.0

    fs_hz, warnings = _rate(header, count)
    layout = RowFormat(
        format=NAME,
        files=(),
        separator=_COMMA,
        fewest=fields,
        most=fields,
        labels=tuple(f"EXG Channel {number}" for number in range(count)),
        columns=tuple(range(1, 1 + count)),
        fs_hz=fs_hz,
        stamps=stamps,
        stamp=clock if unix is None else unix,
        counter=0,
        daily=unix is None,
        aside=_remarks,
    )
    rows = _first_rows(header, fields)
    both = None if unix is None else _first_pair(stamps(rows), times_of_day(rows, clock))
    return _Form(layout, both, whole_local=False, warnings=warnings)


def _rate(header: _Header, count: int) -> tuple[float, tuple[str, ...]]:
    stated = _stated(header, _RATE)
    if stated is not None:
        return stated, ()
    usual = _USUAL_HZ.get(count, 250.0)
    return usual, (
        f"its header has no sampling rate; {usual:g} Hz is assumed, as a board of {count} channels has",
    )


def _first_rows(header: _Header, fields: int) -> TextRows:
    rows = TextRows(split_lines("\n".join(header.rows).encode(), 0, last=True), _COMMA)
    return rows.select(rows.counts == fields)


def _first_pair(first: FloatArray, second: FloatArray) -> tuple[float, float] | None:
    both = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    return (float(first[both[0]]), float(second[both[0]])) if both.size else None


def _refuse_decimal_commas(path: Path, header: _Header, fields: int | None) -> None:
    """Refuse rows in which a comma ends a field and begins decimals too."""
    for row in header.rows:
        spaced, commas = row.count(", "), row.count(",")
        mixed = spaced >= min(_CHANNELS) and _DECIMAL_COMMA.search(row) is not None
        many = fields is None or commas + 1 > fields
        if (mixed or many) and not re.search(r"\d\.\d", _CLOCK.sub("", row)):
            raise RecordingError(
                f"{path}: its numbers have decimal commas, and commas part its fields too, so it "
                "cannot be told "
                "where a number ends; set the computer to decimal points and convert the "
                "recording anew, or use "
                "the session's BrainFlow or EDF file"
            )
