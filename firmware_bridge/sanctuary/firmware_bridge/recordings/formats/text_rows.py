"""Lines, fields, numbers and times of text files of any length, without a Python loop over rows.

Files are read in parts of bounded size. Line ends are LF, CR LF or CR; NUL bytes, which a crash or a card
leaves behind, end a line too, so a block of them is a number of empty lines. Empty lines count as nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.recording_source import IntArray, open_for_reading
from sanctuary.signal.samples import BoolArray, FloatArray

PART_BYTES = 1 << 20
"""A line longer than this is passed over."""
LONGEST_NUMBER = 64
"""Characters; what is longer is no number of a sample."""
UTF8_MARK = b"\xef\xbb\xbf"

ByteArray = NDArray[np.uint8]

_ENDS = bytes.maketrans(b"\r\0", b"\n\n")
_LF, _BLANK, _COMMA, _DOT = b"\n ,."


@dataclass(frozen=True, slots=True, eq=False)
class TextLines:
    """The lines that are not empty in one part of a file.

    Attributes
    ----------
    raw
        Bytes of the part, every line end an LF.
    starts, stops
        First byte of each line, and the byte after its last.
    offset, size
        Where the part lies in its file, and how many bytes it has there.
    whole
        False if the last line reaches the end of the file without a line end: it may be cut off.
    """

    raw: ByteArray
    starts: IntArray
    stops: IntArray
    offset: int
    size: int
    whole: bool

    def text(self, index: int) -> str:
        """One line as text, for headers and notes; bytes that are no UTF-8 are replaced."""
        line = self.raw[self.starts[index] : self.stops[index]]
        return line[:PART_BYTES].tobytes().decode("utf-8", errors="replace").strip()

    def select(self, chosen: BoolArray | slice) -> TextLines:
        """Choose some of the lines."""
        return TextLines(
            self.raw, self.starts[chosen], self.stops[chosen], self.offset, self.size, self.whole
        )


def parts(path: Path, start: int, what: str) -> Iterator[TextLines]:
    """All lines of a file from the byte `start` on, which begins a line.

    Raises
    ------
    RecordingError
        The file cannot be read; `what` says what it should be.
    """
    with open_for_reading(path, what) as file:
        offset = start
        while True:
            file.seek(offset)
            data = file.read(PART_BYTES)
            if not data:
                return
            last = len(data) < PART_BYTES
            lines = split_lines(data, offset, last=last)
            yield lines
            offset += lines.size


def part(path: Path, offset: int, size: int, what: str, *, last: bool) -> TextLines:
    """Read one part again up to its `last` line, or the whole lines in its first `size` bytes."""
    with open_for_reading(path, what) as file:
        file.seek(offset)
        return split_lines(file.read(size), offset, last=last)


def split_lines(data: bytes, offset: int, *, last: bool) -> TextLines:
    """Lines in bytes of a file; what follows the last line end belongs to the next part unless it is `last`.

    Bytes without any line end are taken as a line that is too long, and left out.
    """
    if b"\r" in data or b"\0" in data:
        data = data.translate(_ENDS)
    end = data.rfind(b"\n") + 1
    whole = end == len(data)
    if last:
        end = len(data)
    elif end == 0:
        return TextLines(np.empty(0, np.uint8), _NONE, _NONE, offset, len(data), whole=True)
    raw = np.frombuffer(data, np.uint8, end)
    stops = np.flatnonzero(raw == _LF)
    if last and not whole:
        stops = np.append(stops, end)
    starts = np.concatenate((_ZERO, stops[:-1] + 1)) if stops.size else _NONE
    filled = stops > starts
    return TextLines(raw, starts[filled], stops[filled], offset, end, whole or not last)


_NONE = np.empty(0, np.int64)
_ZERO = np.zeros(1, np.int64)


class TextRows:
    """Lines taken apart at a separator.

    Parameters
    ----------
    lines
        What is taken apart.
    separator
        The byte between fields.

    Attributes
    ----------
    counts
        Number of fields in each line.
    """

    def __init__(self, lines: TextLines, separator: int) -> None:
        self.lines, self._separator = lines, separator
        self._marks = np.flatnonzero(lines.raw == separator)
        self._first = np.searchsorted(self._marks, lines.starts)
        self.counts: IntArray = np.searchsorted(self._marks, lines.stops) - self._first + 1

    def __len__(self) -> int:
        return len(self.counts)

    def select(self, chosen: BoolArray) -> TextRows:
        """Choose some of the rows."""
        some = object.__new__(TextRows)
        some.lines, some._separator, some._marks = self.lines.select(chosen), self._separator, self._marks
        some._first, some.counts = self._first[chosen], self.counts[chosen]
        return some

    def bounds(self, column: int) -> tuple[IntArray, IntArray]:
        """First byte of a field in each row and the byte after it, without blanks around it.

        Every row must have the field; negative columns count from the row's end.
        """
        place = self._first + (column if column >= 0 else self.counts + column)
        if not self._marks.size:
            starts, stops = self.lines.starts.copy(), self.lines.stops.copy()
        else:
            most = len(self._marks) - 1
            starts = np.where(
                place == self._first, self.lines.starts, self._marks[np.clip(place - 1, 0, most)] + 1
            )
            inner = place < self._first + self.counts - 1
            stops = np.where(inner, self._marks[np.minimum(place, most)], self.lines.stops)
        return self._stripped(starts, stops)

    def _stripped(self, starts: IntArray, stops: IntArray) -> tuple[IntArray, IntArray]:
        raw = self.lines.raw
        for _ in range(LONGEST_NUMBER):
            blank = (starts < stops) & (raw[np.minimum(starts, len(raw) - 1)] == _BLANK)
            if not blank.any():
                break
            starts = starts + blank
        for _ in range(LONGEST_NUMBER):
            blank = (starts < stops) & (raw[stops - 1] == _BLANK)
            if not blank.any():
                break
            stops = stops - blank
        return starts, stops

    def numbers(self, columns: Sequence[int]) -> FloatArray:
        """Give fields as numbers, shape ``(rows, columns)``; NaN where a field is no finite number."""
        if not len(self) or not columns:
            return np.empty((len(self), len(columns)))
        bounds = [self.bounds(column) for column in columns]
        starts = np.stack([each[0] for each in bounds], axis=1).ravel()
        stops = np.stack([each[1] for each in bounds], axis=1).ravel()
        values = _numbers(self.lines.raw, starts, stops, comma=self._separator != _COMMA)
        return values.reshape(len(self), len(columns))

    def cells(self, column: int, width: int) -> NDArray[np.bytes_]:
        """Give the first `width` bytes of a field in each row, padded with NUL."""
        starts, stops = self.bounds(column)
        raw = self.lines.raw
        at = starts[:, np.newaxis] + np.arange(width)
        taken = np.where(at < stops[:, np.newaxis], raw[np.minimum(at, max(len(raw) - 1, 0))], 0)
        return np.ascontiguousarray(taken, dtype=np.uint8).view(f"S{width}").ravel()


def _numbers(raw: ByteArray, starts: IntArray, stops: IntArray, *, comma: bool) -> FloatArray:
    """Decimal numbers in stretches of bytes; with `comma` a comma is the sign before decimals."""
    lengths = stops - starts
    fit = (lengths > 0) & (lengths <= LONGEST_NUMBER)
    values = np.full(len(starts), np.nan)
    if not fit.any():
        return values
    spans = lengths[fit] + 1
    begins = np.cumsum(spans) - spans
    at = np.repeat(starts[fit] - begins, spans) + np.arange(int(spans.sum()))
    text = raw[np.minimum(at, len(raw) - 1)]
    text[begins[1:] - 1] = _LF
    text[-1] = _LF
    if comma:
        text[text == _COMMA] = _DOT
    found = _plain_numbers(text, len(spans))
    if found is None:
        found = np.array([_number(each) for each in text.tobytes()[:-1].split(b"\n")])
    values[fit] = np.where(np.isfinite(found), found, np.nan)
    return values


def _plain_numbers(text: ByteArray, count: int) -> FloatArray | None:
    """Numbers one a line, or None where one of them is out of the ordinary."""
    if not _PLAIN[text].all():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            found = np.fromstring(text.tobytes().decode("ascii"), sep="\n")
        except (DeprecationWarning, ValueError):
            return None
    return found if len(found) == count else None


_PLAIN = np.zeros(256, np.bool_)
_PLAIN[list(b"0123456789+-.eE\n")] = True
"""Characters of decimal numbers; what holds others is read one by one."""
_PLAIN_BYTES = frozenset(b"0123456789+-.eE")


def _number(text: bytes) -> float:
    if not _PLAIN_BYTES.issuperset(text):
        return np.nan
    try:
        return float(text)
    except ValueError:
        return np.nan


SEPARATORS = ",;\t"
_LONGEST = 16 << 10


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """The first line of a table.

    Attributes
    ----------
    names
        In lower case.
    separator
        Byte between fields.
    begin
        Byte of the file at which the rows begin.
    """

    names: tuple[str, ...]
    separator: int
    begin: int

    def place(self, name: str) -> int | None:
        """Column of a name, in any case, or None."""
        folded = name.casefold()
        return self.names.index(folded) if folded in self.names else None

    def places(self, names: Sequence[str]) -> list[tuple[str, int]]:
        """Those of the names that there are, with their columns."""
        found = ((name, self.place(name)) for name in names)
        return [(name, place) for name, place in found if place is not None]


def column_names(head: bytes) -> ColumnNames | None:
    """Column names in the first line of a file, or None where that is no line of names."""
    data = head.removeprefix(UTF8_MARK)
    mark = len(head) - len(data)
    blank = len(data) - len(data.lstrip(b"\r\n\0 "))
    line = data[blank : blank + _LONGEST]
    ends = [end for end in (line.find(b"\n"), line.find(b"\r")) if end >= 0]
    if not ends and len(line) == _LONGEST:
        return None
    end = min(ends, default=len(line))
    text = line[:end].decode("utf-8", errors="replace")
    separator = max(SEPARATORS, key=text.count)
    if separator not in text:
        return None
    names = tuple(name.strip().strip('"').casefold() for name in text.split(separator))
    return ColumnNames(names, ord(separator), mark + blank + end)


def read_column_names(path: Path, what: str) -> ColumnNames:
    """Column names of a file.

    Raises
    ------
    RecordingError
        It has none; `what` says what it should be.
    """
    with open_for_reading(path, what) as file:
        found = column_names(file.read(2 * _LONGEST))
    if found is None:
        raise RecordingError(f"{path}: this is not {what}: its first line names no columns")
    return found


DAY_S = 86400.0
_DATE = "dddd-dd-dd "
_TIME = "dd:dd:dd"
_FRACTION_DIGITS = 6
_WIDTH = {"time": len(_TIME), "date": len(_DATE) + len(_TIME)}
_ALIKE = {"-": b"-/", " ": b" T", ":": b":"}


def times_of_day(rows: TextRows, column: int) -> FloatArray:
    """Seconds since midnight of ``HH:MM:SS`` with up to six decimals; NaN where the text is another."""
    texts = _characters(rows, column, "time")
    return _time_s(texts, 0, _fits(texts, _TIME))


def dates_and_times(rows: TextRows, column: int) -> FloatArray:
    """Seconds since 1970 by the same clock of ``YYYY-MM-DD HH:MM:SS`` with up to six decimals, or NaN."""
    texts = _characters(rows, column, "date")
    fits = _fits(texts, _DATE + _TIME)
    year, month, day = _whole(texts, 0, 4), _whole(texts, 5, 2), _whole(texts, 8, 2)
    fits &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1970)
    months = np.where(fits, (year - 1970) * 12 + month - 1, 0)
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    return days * DAY_S + _time_s(texts, len(_DATE), fits)


def _characters(rows: TextRows, column: int, kind: str) -> NDArray[np.uint8]:
    width = _WIDTH[kind] + 1 + _FRACTION_DIGITS
    return rows.cells(column, width).view(np.uint8).reshape(len(rows), width)


def _fits(texts: NDArray[np.uint8], pattern: str) -> BoolArray:
    """Whether texts begin as the pattern says and go on with decimals or end."""
    fits = np.ones(len(texts), dtype=np.bool_)
    for place, sign in enumerate(pattern):
        column = texts[:, place]
        fits &= _digit(column) if sign == "d" else np.isin(column, list(_ALIKE[sign]))
    end = len(pattern)
    point, decimals = texts[:, end], texts[:, end + 1 :]
    ended = decimals == 0
    fits &= (point == 0) | (point == ord(".")) | (point == ord(","))
    fits &= (_digit(decimals) | ended).all(axis=1)
    return np.asarray(fits & ((point != 0) | ended.all(axis=1)))


def _digit(characters: NDArray[np.uint8]) -> BoolArray:
    return (characters >= ord("0")) & (characters <= ord("9"))


def _whole(texts: NDArray[np.uint8], place: int, digits: int) -> NDArray[np.int64]:
    value = np.zeros(len(texts), dtype=np.int64)
    for column in texts[:, place : place + digits].T.astype(np.int64):
        value = value * 10 + column - ord("0")
    return value


def _time_s(texts: NDArray[np.uint8], place: int, fits: BoolArray) -> FloatArray:
    hours, minutes, seconds = (_whole(texts, place + at, 2) for at in (0, 3, 6))
    decimals = texts[:, place + len(_TIME) + 1 :]
    fraction = np.zeros(len(texts))
    for at, column in enumerate(decimals.T):
        fraction += np.where(column == 0, 0.0, (column.astype(np.float64) - ord("0")) * 10.0 ** -(at + 1))
    fits = fits & (hours < 24) & (minutes < 60) & (seconds <= 60)
    return np.where(fits, hours * 3600.0 + minutes * 60.0 + seconds + fraction, np.nan)
