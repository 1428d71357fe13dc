"""Files that an OpenBCI Cyton writes to its SD card, ``OBCI_XX.TXT``.

Rows are hexadecimal numbers of fixed width: a counter of 8 bits, 8 channels (16 with a Daisy) of 24 bits in
two's complement and, in some rows, three words of motion. Remarks stand between them::

    II,CCCCCC,...,CCCCCC[,AAAA,AAAA,AAAA]
    %START AT            followed by a line of the board's milliseconds since it was switched on (hexadecimal)
    %STOP AT             likewise
    %SamplingFreq:...    and other remarks, once the length that was set is used up

Neither the time nor the gain is in the file. The file has the length that was set beforehand, so behind a
night that was ended early lies what the card held before, even rows of other nights: reading ends at the
first lines that do not go on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.indexed_source import (
    CYTON_FULL_UV,
    FilePart,
    IndexedSource,
    rail_warnings,
)
from sanctuary.firmware_bridge.recordings.formats.row_clock import RowTimeline
from sanctuary.firmware_bridge.recordings.formats.text_rows import UTF8_MARK, TextLines, parts, split_lines
from sanctuary.firmware_bridge.recordings.recording_source import (
    NO_READING_OPTIONS,
    IntArray,
    ReadingOptions,
    open_for_reading,
    unused_options,
)
from sanctuary.signal.samples import BoolArray, FloatArray

ROW = re.compile(rb"[0-9A-Fa-f]{2}(?:,[0-9A-Fa-f]{6}){8}(?:(?:,[0-9A-Fa-f]{6}){8})?(?:,[0-9A-Fa-f]{4}){0,3}")
CHANNELS = (8, 16)
_WORDS = (0, 1, 2, 3)
_HEX = np.full(256, -1, dtype=np.int64)
_HEX[list(b"0123456789")] = np.arange(10)
_HEX[list(b"ABCDEF")] = np.arange(10, 16)
_HEX[list(b"abcdef")] = np.arange(10, 16)
_COMMA = ord(",")


class HexRows:
    """Lines that may be rows of one board.

    Parameters
    ----------
    lines
        What is read.
    channels
        8 or 16.

    Attributes
    ----------
    good
        Which lines are rows.
    """

    def __init__(self, lines: TextLines, channels: int) -> None:
        self._lines, self._channels = lines, channels
        lengths = lines.stops - lines.starts
        self.good: BoolArray = np.zeros(len(lengths), dtype=np.bool_)
        for words in _WORDS:
            some = np.flatnonzero(lengths == _width(channels) + 5 * words)
            if some.size:
                text = self._texts(some, _width(channels) + 5 * words)
                self.good[some] = _well_formed(text, channels)

    def _texts(self, some: IntArray, width: int) -> NDArray[np.uint8]:
        return np.asarray(self._lines.raw[self._lines.starts[some][:, np.newaxis] + np.arange(width)])

    def counters(self, some: IntArray) -> IntArray:
        """Package counters of some lines, which are rows."""
        return _value(self._texts(some, 2))

    def counts(self, some: IntArray, channel: int) -> IntArray:
        """Signed counts of one channel in some lines, which are rows."""
        place = 3 + 7 * channel
        value = _value(self._texts(some, place + 6)[:, place:])
        return np.where(value >= 1 << 23, value - (1 << 24), value)


def _width(channels: int) -> int:
    return 2 + 7 * channels


def _well_formed(text: NDArray[np.uint8], channels: int) -> BoolArray:
    width = text.shape[1]
    commas = np.zeros(width, dtype=np.bool_)
    commas[2 : _width(channels) : 7] = True
    commas[_width(channels) :: 5] = True
    return np.asarray((text[:, commas] == _COMMA).all(axis=1) & (_HEX[text[:, ~commas]] >= 0).all(axis=1))


def _value(digits: NDArray[np.uint8]) -> IntArray:
    value = np.zeros(len(digits), dtype=np.int64)
    for column in digits.T:
        value = (value << 4) | _HEX[column]
    return value


NAME = "OpenBCI SD card text"
USUAL_GAIN = 24.0
FULL_COUNT = (1 << 23) - 1
USUAL_HZ = 250.0
"""With a Daisy too: only the radio halves that rate."""
RATES_HZ = (50.0, 20_000.0)
TURN = 256
_HEAD_LINES = 12
_RESYNC = 4
"""So many damaged lines are passed over, if the counter then goes on where it should."""
SPIKE_UV, QUIET_UV = 1000.0, 200.0
"""Slow cards are known to put single samples of some 1200 uV into a quiet signal."""
LONGEST_STOP_MS = 24 * 3_600_000


def is_openbci_sd(head: bytes) -> bool:
    """Whether a file begins with rows of an OpenBCI SD card, remarks before them or not."""
    lines = split_lines(head.removeprefix(UTF8_MARK), 0, last=True)
    for index in range(min(_HEAD_LINES, len(lines.starts))):
        text = lines.raw[lines.starts[index] : lines.stops[index]][:200].tobytes().strip()
        if ROW.fullmatch(text):
            return True
        if not text.startswith(b"%") and not _is_milliseconds(text):
            return False
    return False


def _is_milliseconds(text: bytes) -> bool:
    return len(text) == 8 and _hex(text) is not None


def _hex(text: bytes | str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None


class OpenBciSdSource(IndexedSource):
    """One file of an SD card.

    Parameters
    ----------
    path
        The file.
    options
        Start and gain are of use.

    Raises
    ------
    RecordingError
        The file cannot be used.
    """

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        self.path, self.format = path, NAME
        self._gain = _gain(options)
        self._channels = _channels(path)
        reading_of = _Indexing(path, self._channels)
        self.index = tuple(reading_of.index)
        fs_hz = reading_of.fs_hz or USUAL_HZ
        labels = [f"EXG Channel {number}" for number in range(self._channels)]
        self._uv = 1e6 * 4.5 / FULL_COUNT / self._gain
        self._rail_uv = CYTON_FULL_UV / self._gain * (1.0 - 1e-6)
        self._rails_uv = (-np.inf, np.inf)
        self.lay_out(labels, "uV", reading_of.timeline(fs_hz))
        probed = self.probe(range(self._channels), 40)
        self._rails_uv = (-self._rail_uv, self._rail_uv)
        self.start = options.start
        self.annotations = ()
        warnings = [*reading_of.warnings(fs_hz), *self.lost(), *rail_warnings(labels, probed, self._rails_uv)]
        if options.gain is None:
            warnings.append("it does not give the gain; 24 is assumed, name another with --gain")
        if options.start is None:
            warnings.append("it does not say when it began; name the time with --start-time where it matters")
        self.warnings = (*warnings, *unused_options(self.format, options, "gain"))

    def values(self, lines: TextLines, left_out: IntArray, chosen: Sequence[int]) -> FloatArray:
        """Give samples in microvolts; NaN at the rails and in single spikes that no EEG has."""
        rows = HexRows(lines, self._channels)
        good = rows.good.copy()
        good[left_out[left_out < len(good)]] = False
        some = np.flatnonzero(good)
        uv = np.stack([rows.counts(some, index) for index in chosen]).astype(np.float64) * self._uv
        low, high = self._rails_uv
        uv[(uv <= low) | (uv >= high)] = np.nan
        uv[_spikes(uv)] = np.nan
        return uv

    def rail(self, index: int) -> float:
        del index
        return self._rail_uv


class _Indexing:
    """The first reading of a file: rows, pauses, and what its remarks say."""

    def __init__(self, path: Path, channels: int) -> None:
        self.index: list[FilePart] = []
        self.fs_hz: float | None = None
        self._total_ms: int | None = None
        self._stops_ms: list[tuple[int, int]] = []
        """Row before which a pause lies, and its milliseconds."""
        self._stopped_ms: int | None = None
        self._runs: list[tuple[int, int]] = []
        """Row before which the counter misses samples, and how many."""
        self._remark = ""
        self._row, self._counter, self._bad, self._damaged = 0, -1, 0, 0
        self._ended, self._rest = False, False
        for lines in parts(path, 0, NAME):
            self._part(path, lines, HexRows(lines, channels))
            if self._ended:
                break
        if not self._row:
            raise RecordingError(f"{path}: no row of this {NAME} file can be read; use a whole copy")

    def _part(self, path: Path, lines: TextLines, rows: HexRows) -> None:
        used = np.zeros(len(rows.good), dtype=np.bool_)
        begin = 0
        odd = [*np.flatnonzero(~rows.good).tolist(), len(rows.good)]
        before = self._row
        for place in odd:
            self._rows(rows, begin, place, used)
            if self._ended or place == len(rows.good):
                break
            self._odd(lines, place)
            begin = place + 1
            if self._ended:
                break
        if self._row > before:
            left_out = np.flatnonzero(rows.good & ~used)
            self.index.append(FilePart(path, lines.offset, lines.size, before, self._row - before, left_out))

    def _rows(self, rows: HexRows, begin: int, end: int, used: BoolArray) -> None:
        """Take rows that follow one another."""
        if begin == end:
            return
        some = np.arange(begin, end)
        counters = rows.counters(some)
        if self._bad:
            expected = (self._counter + self._bad + 1) % TURN
            if self._row and counters[0] != expected:
                self._ended = self._rest = True
                return
            self._damaged, self._bad = self._damaged + self._bad, 0
        first = counters[:1] - 1 if self._counter < 0 else np.array([self._counter])
        missing = (np.diff(counters, prepend=first) - 1) % TURN
        for at in np.flatnonzero(missing).tolist():
            self._runs.append((self._row + at, int(missing[at])))
        used[begin:end] = True
        self._row += end - begin
        self._counter = int(counters[-1])

    def _odd(self, lines: TextLines, place: int) -> None:
        """Take a line that is no row: a remark, a number after one, or damage."""
        text = lines.text(place)[:200] if lines.stops[place] - lines.starts[place] < 400 else ""
        if text.startswith("%"):
            self._bad = 0
            self._remark, _, value = text.partition(":")
            if value.strip():
                self._told(self._remark, value.strip())
            return
        if self._remark:
            self._told(self._remark, text)
            return
        self._bad += 1
        if self._bad > _RESYNC or not lines.whole:
            self._ended = self._rest = True

    def _told(self, remark: str, value: str) -> None:
        """Take what a remark says; a block of overruns is rows of two numbers until the file ends."""
        number = _hex(value)
        if remark.startswith("%block"):
            self._ended = "," not in value or len(value) > 40
            return
        self._remark = ""
        if number is None:
            return
        if remark.startswith("%STOP"):
            self._stopped_ms = number
        elif remark.startswith("%START"):
            self._started(number)
        elif remark.startswith("%SamplingFreq") and RATES_HZ[0] <= number <= RATES_HZ[1]:
            self.fs_hz = float(number)
        elif remark.startswith("%Total time"):
            self._total_ms = number

    def _started(self, now_ms: int) -> None:
        if self._stopped_ms is not None and self._row:
            pause_ms = (now_ms - self._stopped_ms) % (1 << 32)
            if pause_ms <= LONGEST_STOP_MS:
                self._stops_ms.append((self._row, pause_ms))
        self._counter = -1

    def timeline(self, fs_hz: float) -> RowTimeline:
        """Where the rows lie, at a rate."""
        missing = dict.fromkeys((0,), 0)
        for row, samples in (*self._runs, *((row, round(ms * fs_hz / 1000.0)) for row, ms in self._stops_ms)):
            if row < self._row:
                missing[row] = missing.get(row, 0) + samples
        rows = np.array(sorted(missing), dtype=np.int64)
        before = np.cumsum([missing[row] for row in rows.tolist()])
        return RowTimeline(rows, rows + before, self._row, self._row + int(before[-1]), fs_hz, 0.0, 0)

    def warnings(self, fs_hz: float) -> list[str]:
        """Say what must be known of the file."""
        warnings = []
        if self._damaged:
            warnings.append(f"{self._damaged} rows cannot be read and are left out")
        if self._rest:
            warnings.append(
                f"after {self._row} rows comes what does not go on, as in a file that was ended "
                "early (rests of older "
                "files lie behind its end); it is left out"
            )
        if self._stops_ms:
            seconds = sum(ms for _, ms in self._stops_ms) / 1000.0
            warnings.append(
                f"the board was stopped {len(self._stops_ms)} times, {seconds:g} s in all; these are gaps"
            )
        lasts_s = self.timeline(fs_hz).n_samples / fs_hz
        if self._total_ms is not None and abs(self._total_ms / 1000.0 - lasts_s) > 1.0 + 0.01 * lasts_s:
            warnings.append(
                f"its footer says that it lasts {self._total_ms / 1000.0:g} s, but at {fs_hz:g} "
                "Hz its samples make "
                f"{lasts_s:.6g} s; samples were lost, or its rate is another"
            )
        return warnings


def _gain(options: ReadingOptions) -> float:
    if options.gain is None:
        return USUAL_GAIN
    if not 0.0 < options.gain <= 1000.0:
        raise RecordingError(
            f"--gain {options.gain:g}: a gain is above 0; a Cyton has 1, 2, 4, 6, 8, 12 or 24"
        )
    return options.gain


def _channels(path: Path) -> int:
    with open_for_reading(path, "a text file of an OpenBCI SD card") as file:
        lines = split_lines(file.read(64 << 10).removeprefix(UTF8_MARK), 0, last=True)
    for index in range(min(_HEAD_LINES, len(lines.starts))):
        text = lines.raw[lines.starts[index] : lines.stops[index]][:200].tobytes().strip()
        if ROW.fullmatch(text):
            return CHANNELS[text.count(b",") >= CHANNELS[1] - 1]
    raise RecordingError(f"{path}: this is no text file of an OpenBCI SD card: it has no rows")


def _spikes(uv: FloatArray) -> BoolArray:
    """Single samples that leap out of a quiet signal and back."""
    found = np.zeros(uv.shape, dtype=np.bool_)
    if uv.shape[1] < 5:
        return found
    middle = uv[:, 2:-2]
    around = np.stack((uv[:, :-4], uv[:, 1:-3], uv[:, 3:-1], uv[:, 4:]))
    low, high = around.min(axis=0), around.max(axis=0)
    with np.errstate(invalid="ignore"):
        quiet = high - low < QUIET_UV
        found[:, 2:-2] = quiet & ((middle - high > SPIKE_UV) | (low - middle > SPIKE_UV))
    return found
