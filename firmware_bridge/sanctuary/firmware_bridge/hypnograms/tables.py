"""Tables of stages: CSV with any separator, with a header or without, BIDS events, YASA, U-Sleep, HMC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_text import (
    TimeOfDay,
    elapsed,
    number,
    parse_moment,
    seconds,
    zone_unused,
)
from sanctuary.firmware_bridge.hypnograms.stage_labels import (
    LabelKind,
    LabelledRow,
    ParsedHypnogram,
    StageCodes,
    epoch_list,
    parse_label,
)
from sanctuary.firmware_bridge.hypnograms.table_cells import (
    DATES,
    DURATIONS,
    ENDS,
    EPOCHS,
    ONSETS,
    STAGES,
    Table,
    base_name,
    unit_s,
)
from sanctuary.signal.samples import Stage

_WITH_EVENTS = ("trial type", "value", "description", "annotation", "annotations", "event", "label")
"""Columns in which other events stand among the stages."""

_NEAR_S = 0.01


def read_table(path: Path, table: Table, levels: StageCodes | None = None) -> ParsedHypnogram:
    """Read stages with their times.

    Parameters
    ----------
    path, table
        The file, and its cells from `split_table`.
    levels
        Meaning of labels by a BIDS sidecar.

    Raises
    ------
    RecordingError
        Naming the column or row that cannot be used.
    """
    if not table.rows:
        raise RecordingError(f"{path}: no sleep stages in it; only a header")
    if not table.header:
        return _without_header(path, table)
    draft = replace(_with_header(path, table, levels), codes=levels)
    if table.began is None or draft.clock is not None:
        return draft
    return replace(draft, clock=elapsed([table.began])[0], clocked=True)


def _with_header(path: Path, table: Table, levels: StageCodes | None) -> ParsedHypnogram:
    header = table.header
    for cells, line in zip(table.rows, table.lines, strict=True):
        if len(cells) < len(header) or any(cells[len(header) :]):
            raise RecordingError(
                f"{path}, line {line}: {len(cells)} columns; expected {len(header)}: {','.join(header)}"
            )
    onset, clock = _onset_columns(table)
    epoch = _column(header, EPOCHS)
    used = [each for each in (onset, clock, epoch, *_others(header)) if each is not None]
    stage = _stage_column(path, table, used, levels)
    _one_scorer(path, table, stage, used, levels)
    labels = [cells[stage] for cells in table.rows]
    events = header[stage] in _WITH_EVENTS
    if onset is not None:
        rows = _timed(path, table, onset, labels)
        return ParsedHypnogram("table", rows, events=events)
    if clock is not None:
        return _by_clock(path, table, clock, labels, events=events)
    if epoch is not None:
        return _by_epoch(path, table, epoch, labels)
    if doubt := _unread_times(table, stage):
        raise RecordingError(
            f"{path}: its column {doubt!r} is not known, but looks like times; name the columns "
            "onset_s,duration_s,stage"
        )
    return epoch_list("table of epochs", _placed(table, labels))


def _one_scorer(path: Path, table: Table, stage: int, used: Sequence[int], levels: StageCodes | None) -> None:
    """Refuse a second column of stages that says something else; a constant one (a subject S1) is none."""
    words = {cell for cells in table.rows for cell in cells}
    stages = {word: parse_label(word, levels).stage for word in words}
    for i, name in enumerate(table.header):
        column = [stages[cells[i]] for cells in table.rows]
        known = [each for each in column if each is not Stage.UNKNOWN]
        if i == stage or i in used or len(set(known)) < 2 or len(known) < len(column) / 2:
            continue
        for cells, line, other in zip(table.rows, table.lines, column, strict=True):
            here = stages[cells[stage]]
            if Stage.UNKNOWN not in (other, here) and other is not here:
                raise RecordingError(
                    f"{path}, line {line}: {cells[stage]} in column {table.header[stage]!r}, {cells[i]} in "
                    f"{name!r}; if these are two scorers, keep one of them"
                )


def _unread_times(table: Table, stage: int) -> str | None:
    """Name of a column of times of day or of growing numbers under a name that says nothing.

    A column without a name that counts by one numbers the rows.
    """
    for i, name in enumerate(table.header):
        cells = [row[i] for row in table.rows]
        if i == stage or len(cells) < 2:
            continue
        values = [number(cell) for cell in cells]
        grows = all(b is not None and a is not None and a < b for a, b in pairwise(values))
        counts = grows and values[0] in (0, 1) and values[-1] == values[0] + len(values) - 1
        if counts and (not name or name.startswith("unnamed")):
            continue
        if grows or all(parse_moment(cell) for cell in cells):
            return name or "without a name"
    return None


def _others(header: Sequence[str]) -> list[int]:
    """Columns that hold no stage for certain: durations, ends and dates."""
    names = (*DURATIONS, *ENDS, *DATES)
    return [i for i, name in enumerate(header) if base_name(name) in names]


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    for name in names:
        for i, each in enumerate(header):
            if base_name(each) == name:
                return i
    return None


def _onset_columns(table: Table) -> tuple[int | None, int | None]:
    """Columns of the onset in seconds, and of the time of day."""
    found = [i for name in ONSETS for i, each in enumerate(table.header) if base_name(each) == name]
    plain = next((i for i in found if number(table.rows[0][i]) is not None), None)
    clock = next((i for i in found if parse_moment(table.rows[0][i]) is not None), None)
    if plain is None and clock is None and found:
        return found[0], None
    return plain, clock


def _stage_column(path: Path, table: Table, used: Sequence[int], levels: StageCodes | None) -> int:
    """Choose the named column with most stages in it, else one that holds mostly stages."""
    free = [i for i in range(len(table.header)) if i not in used]
    named = [i for name in STAGES for i in free if base_name(table.header[i]) == name]
    sample = table.rows[:: max(1, len(table.rows) // 1000)]

    def share(i: int) -> float:
        return sum(parse_label(cells[i], levels).kind is LabelKind.STAGE for cells in sample) / len(sample)

    if named and (max(map(share, named)) > 0.0 or len(free) == len(named)):
        return max(named, key=share)
    best = max(free, key=share, default=None)
    if best is not None and (share(best) > 0.5 or (named and share(best) > 0.0)):
        return best
    if named:
        return named[0]
    raise RecordingError(
        f"{path}: none of its columns {', '.join(table.header)} holds sleep stages; "
        "name the columns onset_s,duration_s,stage"
    )


def _placed(table: Table, labels: Sequence[str]) -> list[tuple[str, str]]:
    return [(label, f"line {line}") for label, line in zip(labels, table.lines, strict=True)]


def _timed(path: Path, table: Table, onset: int, labels: Sequence[str]) -> tuple[LabelledRow, ...]:
    header = table.header
    length, end = _column(header, DURATIONS), _column(header, ENDS)
    rows = []
    for cells, line, label in zip(table.rows, table.lines, labels, strict=True):
        where = f"{path}, line {line}"
        if number(cells[onset]) is None:
            raise RecordingError(
                f"{where}: {header[onset]} is {cells[onset][:40]!r}; expected seconds, or times as 22:00:30"
            )
        onset_s = seconds(cells[onset], header[onset], where) * unit_s(header[onset])
        duration_s = None
        if length is not None and cells[length].casefold() not in ("", "n/a", "na", "nan"):
            duration_s = seconds(cells[length], header[length], where) * unit_s(header[length])
        elif length is None and end is not None:
            duration_s = seconds(cells[end], header[end], where) * unit_s(header[end]) - onset_s
        if duration_s is not None and duration_s < 0.0:
            raise RecordingError(f"{where}: lasts {duration_s:g} s; expected 0 or more")
        rows.append(LabelledRow(label, f"line {line}", onset_s, duration_s))
    return tuple(rows)


def _by_clock(
    path: Path, table: Table, column: int, labels: Sequence[str], *, events: bool
) -> ParsedHypnogram:
    day = _column(table.header, DATES)
    moments: list[TimeOfDay] = []
    for cells, line in zip(table.rows, table.lines, strict=True):
        moment = _moment(cells, column, day)
        if moment is None:
            raise RecordingError(f"{path}, line {line}: {cells[column][:40]!r} is no time of day")
        moments.append(moment)
    clock, onsets_s = elapsed(moments)
    length = _column(table.header, DURATIONS) if table.header else None
    rows = []
    for cells, (label, place), onset_s in zip(table.rows, _placed(table, labels), onsets_s, strict=True):
        duration_s = number(cells[length]) if length is not None else None
        if duration_s is not None and duration_s < 0.0:
            raise RecordingError(f"{path}, {place}: lasts {duration_s:g} s; expected 0 or more")
        rows.append(LabelledRow(label, place, onset_s, duration_s))
    zoned = any(moment.zoned for moment in moments)
    return ParsedHypnogram(
        "table with times of day",
        tuple(rows),
        clock=clock,
        clocked=True,
        doubtful_midnight=clock is not None and not clock.time_s and not clock.dates,
        events=events,
        warnings=(zone_unused(path),) if zoned else (),
    )


def _moment(cells: Sequence[str], column: int, day: int | None) -> TimeOfDay | None:
    """Time of a row, with the date from a column of its own if that is beyond doubt."""
    dated = None if day is None else parse_moment(f"{cells[day]} {cells[column]}")
    return dated or parse_moment(cells[column])


def _by_epoch(path: Path, table: Table, column: int, labels: Sequence[str]) -> ParsedHypnogram:
    """Read rows by the number of their epoch, counted from 0 or from 1, whichever the first row does."""
    rows: list[LabelledRow] = []
    first = 0
    for cells, (label, place) in zip(table.rows, _placed(table, labels), strict=True):
        value = number(cells[column])
        if value is None or value != int(value):
            raise RecordingError(f"{path}, {place}: the epoch is {cells[column][:40]!r}; expected a number")
        if not rows:
            first = int(value)
            if first not in (0, 1):
                raise RecordingError(
                    f"{path}, {place}: begins with epoch {first}, so whether epochs count from 0 or 1 is not "
                    "known; give onsets in seconds"
                )
        rows.append(LabelledRow(label, place, value - first, 1.0))
    return ParsedHypnogram("table of epochs", tuple(rows), listed=True)


def _without_header(path: Path, table: Table) -> ParsedHypnogram:
    """Rows such as ``0,30,W`` (U-Sleep), ``30;W``, ``22:00:00 W``: times first, the label last."""
    width = len(table.rows[0])
    for cells, line in zip(table.rows, table.lines, strict=True):
        if len(cells) != width:
            raise RecordingError(f"{path}, line {line}: {len(cells)} columns; the first line has {width}")
    labels = [cells[-1] for cells in table.rows]
    if width == 2 and parse_moment(table.rows[0][0]) is not None and number(table.rows[0][0]) is None:
        return _by_clock(path, table, 0, labels, events=False)
    columns = [
        [
            seconds(cells[i], f"column {i + 1}", f"{path}, line {line}")
            for cells, line in zip(table.rows, table.lines, strict=True)
        ]
        for i in range(width - 1)
    ]
    if width == 2:
        steps = {round(b - a, 6) for a, b in pairwise(columns[0])}
        if steps <= {1.0}:
            return _by_epoch(path, table, 0, labels)
        durations: Sequence[float | None] = [None] * len(labels)
    elif width == 3:
        durations = _durations(path, *columns)
    else:
        raise RecordingError(
            f"{path}, line {table.lines[0]}: {width} columns without a header; "
            "expected the header onset_s,duration_s,stage"
        )
    timed = zip(_placed(table, labels), columns[0], durations, strict=True)
    rows = (LabelledRow(label, place, onset_s, duration_s) for (label, place), onset_s, duration_s in timed)
    return ParsedHypnogram("table without a header", tuple(rows))


def _durations(path: Path, onsets: Sequence[float], seconds_: Sequence[float]) -> list[float | None]:
    """Whether the second column is durations or ends, by which of them leads from row to row."""
    steps = [b - a for a, b in pairwise(onsets)]
    within = all(each <= step + _NEAR_S for step, each in zip(steps, seconds_, strict=False))
    exact = all(abs(step - each) < _NEAR_S for step, each in zip(steps, seconds_, strict=False))
    ends = all(a < end <= b + _NEAR_S for (a, b), end in zip(pairwise(onsets), seconds_, strict=False))
    if exact or (within and not ends):
        return list(seconds_)
    if ends and not within:
        return [end - onset for onset, end in zip(onsets, seconds_, strict=True)]
    raise RecordingError(
        f"{path}: its second column is neither how long each stage lasts nor where it ends; "
        "write the header onset_s,duration_s,stage"
    )
