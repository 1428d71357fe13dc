"""Tables taken apart: separators, headers, column names in CSV as any program writes it, BIDS sidecars."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_text import TimeOfDay, number, parse_moment
from sanctuary.firmware_bridge.hypnograms.stage_labels import LabelKind, StageCodes, label_key, parse_label
from sanctuary.firmware_bridge.recordings.recording_source import open_for_reading

SEPARATORS = "\t;,|"
ONSETS = (
    "recording onset", "onset", "start", "begin", "init", "init sec", "start time", "time", "time s",
    "seconds", "sec", "t", "timestamp", "zeit", "uhrzeit", "beginn", "temps", "heure", "début",
)  # fmt: skip
DURATIONS = ("duration", "dur", "length", "dauer", "durée")
ENDS = ("end", "stop", "offset", "end time", "stop time", "ende", "fin")
EPOCHS = (
    "epoch", "epochs", "epoch number", "epoch nr", "epoch no", "epoch id", "epoch index", "index", "nr", "no",
    "epoche", "époque",
)  # fmt: skip
STAGES = (
    "stage", "sleep stage", "sleepstage", "stages", "sleep stages", "hypnogram", "hypno", "trial type",
    "value", "description", "annotation", "annotations", "label", "labels", "event", "class", "score",
    "scoring", "state", "stadium", "schlafstadium", "stade",
)  # fmt: skip
_UNIT = re.compile(r"[ _(\[]+(ms|milliseconds?|msec|s|sec|secs|seconds?|min|minutes?)[)\]]?$")
MOST_COLUMNS = 200
DATES = ("date", "datum")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_ORIGIN = re.compile(r"#\s*orig_time\s*:\s*(\S.*)")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below a header.

    Attributes
    ----------
    header
        Names of the columns, folded; empty if the table has none.
    rows, lines
        Cells of each row that is not blank, and the number of its line.
    began
        Wall clock of second 0 by a comment of MNE's.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    began: TimeOfDay | None = None


def split_table(path: Path, lines: Sequence[str]) -> Table | None:
    """Take lines apart at their separator; None if they have none, so that each is one cell.

    Raises
    ------
    RecordingError
        A line is no CSV.
    """
    start, began, named = _preamble(lines)
    if start == len(lines):
        return None
    separator = None
    if found := re.fullmatch(r"sep=([\t;,|])", lines[start].strip(" ")):
        separator, start = found[1], start + 1
    sample = next((line for line in lines[start:] if line.strip()), "")
    separator = separator or next((each for each in SEPARATORS if each in sample), None)
    if separator is None:
        return _by_blanks(lines, start)
    rows, numbers = _rows(path, lines, start, separator)
    if not rows:
        return None
    above = tuple(cell.strip() for cell in named.split(separator))
    if len(above) == len(rows[0]) and _is_header(above):
        rows, numbers = [above, *rows], [start, *numbers]
    _unmistakable(path, separator, rows, numbers)
    headed = _is_header(rows[0]) or (len(rows) > 1 and _names_above_times(rows[0], rows[1]))
    header = tuple(_folded(cell) for cell in rows[0]) if headed else ()
    while header and not header[-1]:
        header = header[:-1]
    return Table(header, tuple(rows[headed:]), tuple(numbers[headed:]), began)


def _preamble(lines: Sequence[str]) -> tuple[int, TimeOfDay | None, str]:
    """First line that is no comment, the origin that MNE writes above it, and the last comment.

    MNE names the columns in a comment.
    """
    start, began, comment = 0, None, ""
    while start < len(lines) and (not lines[start].strip() or lines[start].lstrip()[0] in "#%"):
        if found := _ORIGIN.match(lines[start]):
            began = parse_moment(found[1])
        comment = lines[start].strip(" \t#%") or comment
        start += 1
    return start, began, comment


def _unmistakable(path: Path, separator: str, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> None:
    """Refuse ``"1,200"`` between commas: 1200 to one reader, 1.2 to another."""
    for row, line in zip(rows, lines, strict=True):
        wrong = next((cell for cell in row if separator == "," and _THOUSANDS.fullmatch(cell)), None)
        if wrong is not None:
            raise RecordingError(
                f"{path}, line {line}: {wrong!r} may be thousands or a decimal comma; write plain numbers"
            )


def _rows(
    path: Path, lines: Sequence[str], start: int, separator: str
) -> tuple[list[tuple[str, ...]], list[int]]:
    reader = csv.reader(lines[start:], delimiter=separator, skipinitialspace=True)
    rows, numbers = [], []
    try:
        for row in reader:
            if len(row) > MOST_COLUMNS:
                raise RecordingError(
                    f"{path}, line {start + reader.line_num}: {len(row)} columns; no hypnogram"
                )
            if any(cell.strip() for cell in row):
                rows.append(tuple(cell.strip() for cell in row))
                numbers.append(start + reader.line_num)
    except csv.Error as error:
        raise RecordingError(
            f"{path}, line {start + reader.line_num}: no CSV ({error}); write plain columns"
        ) from error
    return rows, numbers


def _by_blanks(lines: Sequence[str], start: int) -> Table | None:
    """Rows such as ``30 Sleep stage 2`` or ``0 30 W``: numbers or times first, the label last."""
    rows, numbers = [], []
    for i, line in enumerate(lines[start:], start=start + 1):
        if not line.strip():
            continue
        cells = line.split()
        count = 0
        while count < min(2, len(cells) - 1) and _is_time(cells[count]):
            count += 1
        if not count:
            return None
        rows.append((*cells[:count], " ".join(cells[count:])))
        numbers.append(i)
    return Table((), tuple(rows), tuple(numbers))


def _is_header(cells: Sequence[str]) -> bool:
    if any(_is_time(cell) for cell in cells) or all(_is_stage(cell) for cell in cells):
        return False
    known = {*ONSETS, *DURATIONS, *ENDS, *EPOCHS, *STAGES}
    return any(base_name(_folded(cell)) in known for cell in cells)


def _names_above_times(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether words stand above times, which makes a header of them whatever they say."""
    return not any(_is_time(each) or _is_stage(each) for each in names) and any(map(_is_time, cells))


def _is_time(text: str) -> bool:
    return number(text) is not None or parse_moment(text) is not None


def _is_stage(text: str) -> bool:
    return parse_label(text).kind in (LabelKind.STAGE, LabelKind.NUMBER)


def _folded(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.strip().casefold())).strip()


def base_name(name: str) -> str:
    """Name of a column without its unit."""
    return _UNIT.sub("", name).strip() or name


def unit_s(name: str) -> float:
    """Seconds in the unit of a column; a column without one is in seconds."""
    found = _UNIT.search(name)
    if found is None:
        return 1.0
    unit = found[1]
    return 1e-3 if unit.startswith(("ms", "milli")) else 60.0 if unit.startswith("min") else 1.0


LARGEST_BYTES = 1 << 20


def sidecar_of(path: Path) -> Path:
    """Where the sidecar of a table lies: the same name with ``.json``."""
    bare = path.with_suffix("") if path.suffix.casefold() == ".gz" else path
    return bare.with_suffix(".json")


def read_levels(path: Path) -> tuple[StageCodes | None, tuple[str, ...]]:
    """Find the stages that the sidecar of a table gives to labels (``Levels``); a warning if it is damaged.

    Descriptions that are no stage are passed over.
    """
    sidecar = sidecar_of(path)
    if sidecar == path or not sidecar.is_file():
        return None, ()
    try:
        with open_for_reading(sidecar, "the sidecar of a table") as file:
            body = json.loads(file.read(LARGEST_BYTES).decode("utf-8-sig"))
    except (RecordingError, ValueError, RecursionError) as error:
        return None, (f"{sidecar}: cannot be read ({str(error)[:80]}); its Levels are not used",)
    codes = {}
    for label, text in _levels(body):
        for words in (text, re.split(r"[,.;:(]", text)[0]):
            if (known := parse_label(words)).kind in (LabelKind.STAGE, LabelKind.EVENT):
                codes[label_key(label)] = known.stage
                break
    return codes or None, ()


def _levels(body: Any) -> Iterator[tuple[str, str]]:
    """Labels and descriptions of all columns."""
    if not isinstance(body, dict):
        return
    for column in body.values():
        levels = column.get("Levels") if isinstance(column, dict) else None
        for label, told in levels.items() if isinstance(levels, dict) else ():
            text = told.get("Description", "") if isinstance(told, dict) else told
            if isinstance(text, str):
                yield str(label), text
