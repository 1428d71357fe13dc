"""Files with one sample a row and fields between separators: what their readers have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.counters import (
    LARGEST,
    CounterCycle,
    CounterUnwrapper,
    learn_cycle,
)
from sanctuary.firmware_bridge.recordings.formats.indexed_source import FilePart, IndexedSource
from sanctuary.firmware_bridge.recordings.formats.row_clock import AGREE_S, RowClock, RowTimeline
from sanctuary.firmware_bridge.recordings.formats.text_rows import DAY_S, TextLines, TextRows, parts
from sanctuary.firmware_bridge.recordings.recording_source import Annotation, IntArray
from sanctuary.signal.samples import BoolArray, FloatArray

LEARNT_ROWS = 20_000
"""A counter and a rate are learnt from this many rows at the beginning."""
RATE_WINDOW_S, LEAST_WINDOW_S = 2.0, 0.4
"""Short, so that few stretches have a hole; not so short that rows which arrive together matter."""
RATES_HZ = (125.0, 200.0, 220.0, 250.0, 256.0, 500.0, 512.0, 1000.0, 1600.0, 2000.0)
"""Rates that boards have; one of these is meant when the stamps contradict what the file says."""
POSSIBLE_HZ = (20.0, 40_000.0)
WRONG_RATE, NEAR_RATE = 0.1, 0.05
MOST_NOTES = 100_000


def never_aside(rows: TextRows) -> BoolArray:
    """Every line is a sample."""
    return np.zeros(len(rows), dtype=np.bool_)


def no_note(rows: TextRows) -> list[tuple[float, str]]:
    """Give no notes."""
    del rows
    return []


@dataclass(frozen=True, slots=True)
class RowFormat:
    """How the rows of one format are read.

    Attributes
    ----------
    format
        What the file is, in words.
    files
        The files in order, and the byte at which the rows of each begin.
    separator
        Byte between fields.
    fewest, most
        Fields in a row.
    labels, columns
        Channels in microvolts, and their columns.
    fs_hz
        Sampling rate by the file's words or by the device.
    stamps
        Time stamp of each row in seconds, NaN where there is none.
    stamp, counter
        Columns of the time stamp and of the package counter; None without a counter.
    daily
        Whether stamps begin again at midnight.
    aside
        Which lines are neither samples nor damaged ones: remarks, events.
    notes
        Stamp and text of each event among lines that are aside.
    rails_uv
        What a channel gives below and above its range; samples there are lost.
    """

    format: str
    files: tuple[tuple[Path, int], ...]
    separator: int
    fewest: int
    most: int
    labels: tuple[str, ...]
    columns: tuple[int, ...]
    fs_hz: float
    stamps: Callable[[TextRows], FloatArray]
    stamp: int
    counter: int | None = None
    daily: bool = False
    aside: Callable[[TextRows], BoolArray] = never_aside
    notes: Callable[[TextRows], list[tuple[float, str]]] = no_note
    rails_uv: tuple[float, float] = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Rows of one part: what is good of it."""

    rows: TextRows
    """The good ones."""
    stamps_s: FloatArray
    numbers: IntArray
    """Package counters, or the ordinals of rows where nothing counts."""
    good: BoolArray
    """Of all lines that are not aside."""
    notes: list[tuple[float, str]]


class DelimitedSource(IndexedSource):
    """A source of separated fields; subclasses make the `RowFormat` and set start and further warnings.

    Parameters
    ----------
    layout
        How rows are read.

    Raises
    ------
    RecordingError
        No rows can be read.
    """

    def __init__(self, layout: RowFormat) -> None:
        self.path, self.format = layout.files[0][0], layout.format
        self._layout = layout
        cycle, rate_hz, evenly = self._learn()
        self._layout = layout = replace(layout, fs_hz=rate_hz or layout.fs_hz)
        self.evenly_stamped = evenly
        self._damaged, self._double, self._first_damaged = 0, 0, 0
        timeline, self.index, notes = self._index(cycle)
        self.lay_out(layout.labels, "uV", timeline)
        self.start: datetime | None = None
        self.annotations = tuple(
            Annotation(max(0.0, at_s - timeline.first_s), None, text) for at_s, text in notes
        )
        self.warnings = (*self._rate_warnings(rate_hz), *self._rows_said(), *self.lost())

    def values(self, lines: TextLines, left_out: IntArray, chosen: Sequence[int]) -> FloatArray:
        """Give samples of the chosen channels, NaN where a field is no number or is a rail."""
        rows = TextRows(lines, self._layout.separator)
        rows = rows.select(~self._layout.aside(rows))
        good = np.ones(len(rows), dtype=np.bool_)
        good[left_out[left_out < len(rows)]] = False
        values = rows.select(good).numbers([self._layout.columns[index] for index in chosen])
        low, high = self._layout.rails_uv
        values[(values <= low) | (values >= high)] = np.nan
        return values.T

    def _blocks(self) -> Iterator[tuple[int, TextLines, _Block]]:
        """Every part: number of its file, its lines, and what is good of it."""
        layout = self._layout
        before = 0
        for number, (path, begin) in enumerate(layout.files):
            for lines in parts(path, begin, layout.format):
                rows = TextRows(lines, layout.separator)
                aside = layout.aside(rows)
                notes = layout.notes(rows.select(aside)) if aside.any() else []
                rows = rows.select(~aside)
                good: BoolArray = (rows.counts >= layout.fewest) & (rows.counts <= layout.most)
                if not lines.whole and len(rows):
                    good[-1] &= self._complete(rows)
                fitting = rows.select(good)
                stamps_s = layout.stamps(fitting)
                usable = np.isfinite(stamps_s)
                ordinals = before + np.flatnonzero(good)
                numbers = ordinals if layout.counter is None else _whole(fitting, layout.counter)
                usable &= numbers >= 0
                before += len(rows)
                good[good] = usable
                yield (
                    number,
                    lines,
                    _Block(fitting.select(usable), stamps_s[usable], numbers[usable], good, notes),
                )

    def _complete(self, rows: TextRows) -> bool:
        """Whether a last line without a line end, of which only the last field can be cut, may be used."""
        last = int(rows.counts[-1]) - 1
        used = {column % max(last + 1, 1) for column in (*self._layout.columns, self._layout.stamp)}
        return last not in used

    def _learn(self) -> tuple[CounterCycle | None, float | None, bool]:
        """Learn from the first rows: what the counter does, the rate if it is not the file's, even stamps."""
        numbers, stamps_s, count = [], [], 0
        for _, _, block in self._blocks():
            numbers.append(block.numbers)
            stamps_s.append(block.stamps_s)
            count += len(block.numbers)
            if count >= LEARNT_ROWS:
                break
        if not count:
            raise RecordingError(
                f"{self.path}: no row of this {self.format} file can be read; use a whole copy"
            )
        counted, times_s = np.concatenate(numbers), np.concatenate(stamps_s)
        cycle = learn_cycle(counted) if self._layout.counter is not None else None
        if cycle is not None:
            counted = np.cumsum(np.maximum(CounterUnwrapper(cycle).missing(counted), 0) + 1)
        elif self._layout.counter is not None:
            counted = np.arange(count)
        evenly = _even(times_s)
        measured_hz = _rate_hz(counted, times_s, self._layout.fs_hz)
        if evenly:
            measured_hz = float((count - 1) / (times_s[-1] - times_s[0]))
        rate_hz = self.rate(measured_hz, evenly=evenly)
        if not POSSIBLE_HZ[0] <= (rate_hz or self._layout.fs_hz) <= POSSIBLE_HZ[1]:
            raise RecordingError(
                f"{self.path}: it would have {rate_hz or self._layout.fs_hz:.3g} samples a second, which no "
                "headband has; its header or its time stamps are damaged"
            )
        return cycle, rate_hz, evenly

    def rate(self, measured_hz: float | None, *, evenly: bool) -> float | None:
        """Rate to take in place of the stated one, or None.

        Parameters
        ----------
        measured_hz
            What the stamps of the first rows say, if they do.
        evenly
            Whether these stamps lie on one straight line, as no arrivals do.
        """
        del evenly
        stated_hz = self._layout.fs_hz
        if measured_hz is None or abs(measured_hz / stated_hz - 1.0) <= WRONG_RATE:
            return None
        near = min(RATES_HZ, key=lambda hz: abs(hz / measured_hz - 1.0))
        return near if abs(near / measured_hz - 1.0) <= NEAR_RATE else measured_hz

    def _index(
        self, cycle: CounterCycle | None
    ) -> tuple[RowTimeline, tuple[FilePart, ...], list[tuple[float, str]]]:
        clock = RowClock(self._layout.fs_hz, None if cycle is None else cycle.length)
        placer = _Placer(self._layout, cycle)
        index: list[FilePart] = []
        notes: list[tuple[float, str]] = []
        row = 0
        for file, lines, block in self._blocks():
            missing, stamps_s, kept = placer.place(file, block)
            good = block.good
            bad = int((~good).sum())
            if bad and not self._damaged:
                self._first_damaged = row + int(np.flatnonzero(~good)[0])
            self._damaged += bad
            self._double += int((~kept).sum())
            good[good] = kept
            clock.push(missing[kept], stamps_s[kept])
            count = int(kept.sum())
            if count:
                path = self._layout.files[file][0]
                index.append(FilePart(path, lines.offset, lines.size, row, count, np.flatnonzero(~good)))
            row += count
            notes += block.notes[: MOST_NOTES - len(notes)]
        return clock.finish(), tuple(index), notes

    def _rate_warnings(self, rate_hz: float | None) -> list[str]:
        found = self.timeline.fs_hz
        if rate_hz is not None:
            return [f"it should have another sampling rate, but by its time stamps it has {rate_hz:g} Hz"]
        if found == self._layout.fs_hz:
            return []
        warning = (
            f"by its time stamps the device sampled at {found:.3f} Hz, not {self._layout.fs_hz:g} Hz, "
            "and times follow the stamps"
        )
        return [warning]

    def _rows_said(self) -> list[str]:
        warnings = []
        if self._damaged:
            rows = (
                "1 row cannot be read and is"
                if self._damaged == 1
                else f"{self._damaged} rows cannot be read and are"
            )
            warnings.append(f"{rows} left out, the first after {self._first_damaged} rows")
        if self._double:
            warnings.append(f"{self._double} rows have the counter of the row before them and are left out")
        if self.timeline.steps:
            warnings.append(
                f"the clock that made its time stamps was set {self.timeline.steps} times during "
                "the recording; "
                "times go on by the clock at its beginning"
            )
        return warnings


class _Placer:
    """Turns counters and stamps of one part after another into missing samples."""

    def __init__(self, layout: RowFormat, cycle: CounterCycle | None) -> None:
        self._layout, self._cycle = layout, cycle
        self._unwrapper = None if cycle is None else CounterUnwrapper(cycle)
        self._file, self._last_s, self._days, self._ordinal = 0, np.nan, 0.0, -1

    def place(self, file: int, block: _Block) -> tuple[IntArray, FloatArray, BoolArray]:
        """Missing samples before each row, stamps in one count, and which rows to keep."""
        stamps_s = self._unfolded(block.stamps_s)
        kept = np.ones(len(stamps_s), dtype=np.bool_)
        if not len(stamps_s):
            return np.empty(0, np.int64), stamps_s, kept
        elapsed_s = np.diff(stamps_s, prepend=self._last_s)
        if self._unwrapper is None or self._cycle is None:
            missing = self._by_rows(block)
        else:
            missing = self._unwrapper.missing(block.numbers)
            again = missing < 0
            whole_turn = again & (elapsed_s > 0.5 * self._cycle.length / self._layout.fs_hz)
            missing[whole_turn] = self._cycle.length - 1
            kept = ~(again & ~whole_turn)
        if file != self._file:
            self._file = file
            expected = elapsed_s[0] * self._layout.fs_hz
            if abs(expected - missing[0] - 1) > AGREE_S * self._layout.fs_hz:
                missing[0] = max(0, round(min(expected, 1e12)) - 1)
                kept[0] = True
        self._last_s = float(stamps_s[-1])
        return missing, stamps_s, kept

    def _by_rows(self, block: _Block) -> IntArray:
        """Rows that cannot be read are missing samples, where nothing else counts."""
        if self._layout.counter is not None:
            return np.zeros(len(block.numbers), dtype=np.int64)
        missing = np.diff(block.numbers, prepend=self._ordinal) - 1
        self._ordinal = int(block.numbers[-1])
        return missing

    def _unfolded(self, stamps_s: FloatArray) -> FloatArray:
        """Stamps without a jump at midnight."""
        if not self._layout.daily or not len(stamps_s):
            return stamps_s
        last_s = stamps_s[0] if np.isnan(self._last_s) else self._last_s - self._days
        turned = np.diff(stamps_s, prepend=last_s)
        days = self._days + DAY_S * np.cumsum(
            (turned < -DAY_S / 2).astype(int) - (turned > DAY_S / 2).astype(int)
        )
        self._days = float(days[-1])
        return np.asarray(stamps_s + days)


def _whole(rows: TextRows, column: int) -> IntArray:
    """Counters of each row; -1 where it is no whole number from 0 to 65535."""
    numbers = rows.numbers([column])[:, 0]
    with np.errstate(invalid="ignore"):
        whole = (numbers >= 0) & (numbers < LARGEST) & (numbers == np.floor(numbers))
    return np.where(whole, numbers, -1).astype(np.int64)


def _rate_hz(places: IntArray, stamps_s: FloatArray, stated_hz: float) -> float | None:
    """Find the sampling rate by the stamps, in the median of stretches; None where they do not tell."""
    size = min(max(2, round(RATE_WINDOW_S * stated_hz)), len(places) - 1)
    if size < 2:
        return None
    elapsed_s = stamps_s[size:] - stamps_s[:-size]
    if float(np.median(elapsed_s)) < LEAST_WINDOW_S:
        return None
    counted = (places[size:] - places[:-size])[elapsed_s > 0.0]
    return float(np.median(counted / elapsed_s[elapsed_s > 0.0]))


def _even(stamps_s: FloatArray) -> bool:
    """Whether stamps lie on one straight line as no arrivals do."""
    if len(stamps_s) < 100:
        return False
    between = np.diff(stamps_s)
    middle = float(np.median(between))
    return middle > 0.0 and float(np.abs(between - middle).max()) < 0.01 * middle + 2e-6


def continued(path: Path) -> list[Path]:
    """Files that continue a session: those with the same name and the next numbers at its end (_0, _1...)."""
    name, _, number = path.stem.rpartition("_")
    if not name or not number.isdigit() or len(number) > 4:
        return [path]
    found = [path]
    for after in range(int(number) + 1, int(number) + 1000):
        following = path.with_name(f"{name}_{after}{path.suffix}")
        if not following.is_file():
            break
        found.append(following)
    return found
