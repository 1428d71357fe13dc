"""Files of BrainFlow: its streamer ``file://``, `DataFilter.write_file`, and the OpenBCI GUI's BrainFlow-RAW.

Numbers between tabs, a row for every sample, no header; the file does not say which board wrote it. The board
is found by the number of columns, of which one holds Unix times, where only one fits. Columns are those that
`BoardShim.get_board_descr` gives (5.23).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.counters import LARGEST
from sanctuary.firmware_bridge.recordings.formats.delimited import DelimitedSource, RowFormat, continued
from sanctuary.firmware_bridge.recordings.formats.indexed_source import (
    EARLIEST_S,
    LATEST_S,
    continuation_warnings,
    cyton_rail_uv,
    largest,
    rail_warnings,
    start_warnings,
)
from sanctuary.firmware_bridge.recordings.formats.text_rows import UTF8_MARK, TextRows, split_lines
from sanctuary.firmware_bridge.recordings.recording_source import (
    NO_READING_OPTIONS,
    ReadingOptions,
    open_for_reading,
    unused_options,
)
from sanctuary.signal.samples import FloatArray

_SYNTHETIC = (
    "Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8", "F5", "F7", "F3", "F1", "F2", "F4", "F6", "F8",
)  # fmt: skip
_MUSE = ("TP9", "AF7", "AF8", "TP10")


@dataclass(frozen=True, slots=True)
class BrainFlowBoard:
    """One board, or one stream of a board.

    Attributes
    ----------
    name
        As in ``--board``.
    ids
        BrainFlow's numbers for it.
    columns
        In a row, the marker at the end included; older versions of BrainFlow wrote none.
    fs_hz
        Sampling rate.
    labels
        EEG channels, in the columns from 1 on; none where the stream holds no EEG.
    stamp
        Column of the Unix time.
    rail_uv
        Magnitude at which samples are at the end of the range; 0 where that depends on a gain.
    """

    name: str
    ids: tuple[int, ...]
    columns: int
    fs_hz: float
    labels: tuple[str, ...]
    stamp: int
    rail_uv: float = float("inf")


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"EXG Channel {number}" for number in range(count))


MUSE_RAIL_UV = 999.5
BY_GAIN_UV = 0.0

BOARDS = (
    BrainFlowBoard("cyton", (0,), 24, 250.0, _numbered(8), 22, BY_GAIN_UV),
    BrainFlowBoard("cyton-daisy", (2,), 32, 125.0, _numbered(16), 30, BY_GAIN_UV),
    BrainFlowBoard("ganglion", (1, 46), 15, 200.0, _numbered(4), 13),
    BrainFlowBoard("muse-2", (38, 22), 8, 256.0, _MUSE, 6, MUSE_RAIL_UV),
    BrainFlowBoard("muse-s", (39, 21), 8, 256.0, _MUSE, 6, MUSE_RAIL_UV),
    BrainFlowBoard("muse-2016", (41, 42), 7, 256.0, _MUSE, 5, MUSE_RAIL_UV),
    BrainFlowBoard("muse-s-athena", (67,), 11, 256.0, _MUSE, 9, MUSE_RAIL_UV),
    BrainFlowBoard("brainbit", (7,), 12, 250.0, ("T3", "T4", "O1", "O2"), 10),
    BrainFlowBoard("crown", (23,), 12, 256.0, ("CP3", "C3", "F5", "PO3", "PO4", "F6", "C4", "CP4"), 10),
    BrainFlowBoard("synthetic", (-1,), 32, 250.0, _SYNTHETIC, 30),
)  # fmt: skip
"""Boards with EEG."""
WITHOUT_EEG = (
    BrainFlowBoard("motion of a Muse", (), 9, 52.0, (), 7),
    BrainFlowBoard("light sensors of a Muse 2 or S", (), 6, 64.0, (), 4),
    BrainFlowBoard("light sensors of a Muse S Athena", (), 20, 64.0, (), 18),
)
"""Streams beside the EEG, each in a file of its own."""


def board_named(name: str) -> BrainFlowBoard | None:
    """Board of a name as people write it (``Muse 2``, ``MUSE_2_BOARD``) or of BrainFlow's number."""
    plain = name.strip().casefold().replace("_", "-").replace(" ", "-").removesuffix("-board")
    for board in BOARDS:
        if plain in (board.name, *(str(each) for each in board.ids)):
            return board
    return None


NAME = "BrainFlow CSV"
_TAB = ord("\t")
_HEAD_BYTES = 64 << 10
_FEWEST_COLUMNS = 5
_JUDGED_ROWS = 50


def is_brainflow(head: bytes) -> bool:
    """Whether a file holds rows of numbers between tabs, counters first, Unix times in one column."""
    values = _first_values(head)
    return values is not None and bool(_stamp_columns(values))


def _first_values(head: bytes) -> FloatArray | None:
    """First rows as numbers, or None where they are not all numbers, as many in each."""
    data = head.removeprefix(UTF8_MARK)
    lines = split_lines(data, 0, last=len(data) < _HEAD_BYTES // 2)
    rows = TextRows(lines.select(slice(0, _JUDGED_ROWS)), _TAB)
    if not len(rows):
        return None
    count = int(np.median(rows.counts))
    if len(rows) > 1 and not lines.whole:
        rows = rows.select(np.arange(len(rows)) < len(rows) - 1)
    fitting = rows.select(rows.counts == count)
    if count < _FEWEST_COLUMNS or len(fitting) < 0.9 * len(rows):
        return None
    values = fitting.numbers(range(count))
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 0.9 * len(rows):
        return None
    counters = values[:, 0]
    if ((counters < 0) | (counters >= LARGEST) | (counters != np.floor(counters))).any():
        return None
    return values


def _stamp_columns(values: FloatArray) -> list[int]:
    """Columns that hold Unix times which do not fall."""
    dated = ((values >= EARLIEST_S) & (values <= LATEST_S)).all(axis=0)
    rising = (np.diff(values, axis=0) >= -1.0).all(axis=0)
    return [int(column) for column in np.flatnonzero(dated & rising)]


class BrainFlowSource(DelimitedSource):
    """One BrainFlow file, or the files of one session of the OpenBCI GUI.

    Parameters
    ----------
    path
        The file, or the first of several.
    options
        Board and start are of use.

    Raises
    ------
    RecordingError
        The file cannot be used, or could be of several boards and none is named.
    """

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        values = _opened(path)
        board = _board(path, values, options.board)

        def stamps(rows: TextRows) -> FloatArray:
            found = rows.numbers([board.stamp])[:, 0]
            return np.where((found >= EARLIEST_S) & (found <= LATEST_S), found, np.nan)

        files = [path]
        for other in continued(path)[1:]:
            more = _head(other)
            if more is None or more.shape[1] != values.shape[1] or board.stamp not in _stamp_columns(more):
                break
            files.append(other)
        super().__init__(
            RowFormat(
                format=NAME,
                files=tuple((file, 0) for file in files),
                separator=_TAB,
                fewest=values.shape[1],
                most=values.shape[1],
                labels=board.labels,
                columns=tuple(range(1, 1 + len(board.labels))),
                fs_hz=board.fs_hz,
                stamps=stamps,
                stamp=board.stamp,
                counter=0,
            )
        )
        probed = self.probe(range(len(self.channels)), 40)
        rail_uv = cyton_rail_uv(largest(probed)) if board.rail_uv == BY_GAIN_UV else board.rail_uv
        self._layout = replace(self._layout, rails_uv=(-rail_uv, rail_uv))
        self.start = options.start
        self.warnings = (
            *continuation_warnings(files),
            *self.warnings,
            *rail_warnings(board.labels, probed, self._layout.rails_uv),
            *(start_warnings(self.timeline.first_s) if self.start is None else ()),
            *unused_options(self.format, options, "board"),
        )

    def rail(self, index: int) -> float:
        """Rail of the board, uV; infinity where it is not known."""
        del index
        return self._layout.rails_uv[1]


def _head(path: Path) -> FloatArray | None:
    with open_for_reading(path, "a BrainFlow file") as file:
        return _first_values(file.read(_HEAD_BYTES))


def _opened(path: Path) -> FloatArray:
    values = _head(path)
    if values is None:
        raise RecordingError(f"{path}: this is no BrainFlow file: its rows are not numbers between tabs")
    return values


def _board(path: Path, values: FloatArray, wanted: str | None) -> BrainFlowBoard:
    """Board that wrote the rows."""
    columns, stamps = values.shape[1], _stamp_columns(values)

    def fits(board: BrainFlowBoard) -> bool:
        return columns in (board.columns, board.columns - 1) and board.stamp in stamps

    candidates = [board for board in BOARDS if fits(board)]
    if wanted is not None:
        named = board_named(wanted)
        if named is None:
            raise RecordingError(
                f"--board {wanted}: no such board; there are {', '.join(board.name for board in BOARDS)}"
            )
        if not fits(named):
            others = f"; {_listed(candidates)} would fit" if candidates else ""
            raise RecordingError(
                f"{path}: has {columns} columns with Unix times in column {_places(stamps)}, but --board "
                f"{named.name} writes {named.columns} with them in column {named.stamp + 1}{others}"
            )
        return named
    if not candidates:
        other = next((board for board in WITHOUT_EEG if fits(board)), None)
        if other is not None:
            raise RecordingError(
                f"{path}: by its {columns} columns these are the {other.name}, not EEG; name the "
                "file of the EEG"
            )
        raise RecordingError(
            f"{path}: a BrainFlow file with {columns} columns, Unix times in column "
            f"{_places(stamps)}; of the "
            f"boards that are known ({', '.join(board.name for board in BOARDS)}) none writes "
            "that; convert the recording to EDF"
        )
    if len({(board.labels, board.fs_hz, board.rail_uv) for board in candidates}) > 1:
        raise RecordingError(
            f"{path}: a BrainFlow file does not say which board wrote it, and with {columns} "
            "columns it may be "
            f"{_listed(candidates)}; name it with --board {candidates[0].name}"
        )
    return candidates[0]


def _listed(boards: Sequence[BrainFlowBoard]) -> str:
    return " or ".join(board.name for board in boards)


def _places(columns: Sequence[int]) -> str:
    return " and ".join(str(column + 1) for column in columns) or "none"
