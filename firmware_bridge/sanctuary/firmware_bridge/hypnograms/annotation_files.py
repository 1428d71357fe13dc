"""Hypnograms as events with times: EDF+ annotations, Luna's ``.annot``, RemLogic and Domino.

* EDF+ and BDF+: annotations of Sleep-EDF, HMC, MASS, or of the recording itself.
* Luna: one event a line, with classes, instances, and times in several notations.
* Text exports with wall clocks: RemLogic (the CAP database) and Somnomedics Domino.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_text import (
    DAY_S,
    TimeOfDay,
    elapsed,
    header_clock,
    number,
    parse_moment,
    seconds,
)
from sanctuary.firmware_bridge.hypnograms.stage_labels import (
    LabelKind,
    LabelledRow,
    ParsedHypnogram,
    label_key,
    parse_label,
)
from sanctuary.firmware_bridge.recordings.edf_annotations import first_sample_s, read_edf_annotations
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout

_EPOCH_S = 30.0
_STAGE_CLASSES = ("sleepstage", "stage", "stages", "hypnogram")
_UNTIL_NEXT = ("...", "-", "…")
_CLOCK = re.compile(r"(?:d(?P<day>[0-9]{1,3})-)?(?P<time>[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)")
_DATED = re.compile(
    r"(?P<a>[0-9]{1,4})[-/](?P<b>[0-9]{1,2})[-/](?P<c>[0-9]{1,4})-(?P<time>[0-9]{1,2}:[0-9]{2}:[0-9]{2}\S*)"
)
_ELAPSED = re.compile(r"0\+(?P<h>[0-9]+):(?P<m>[0-9]{2}):(?P<s>[0-9]{2}(?:\.[0-9]+)?)")
_EPOCH = re.compile(r"e:(?:(?P<length>[0-9]+(?:\.[0-9]+)?):(?:[0-9.]+:)?)?(?P<number>[0-9]+)")


@dataclass(frozen=True, slots=True)
class _Time:
    """A place in time: by the recording's seconds, or by a wall clock."""

    seconds: float | None = None
    moment: TimeOfDay | None = None
    length_s: float | None = None
    """Of the epoch, where it is given as one."""


def is_annot(lines: Sequence[str]) -> bool:
    """Whether the lines are those of an ``.annot``: by its head, or by words with two times behind."""
    first = lines[0].split("\t")
    if label_key(first[0]) == "class" and len(first) >= 3:
        return True
    rows = [line.split("\t") for line in lines[:50] if line.strip() and not line.startswith("#")]
    if not rows:
        return False
    if len(rows[0]) >= 3 and label_key(rows[0][0]) == "class":
        return True
    return all(_looks_right(row) for row in rows)


def _looks_right(cells: Sequence[str]) -> bool:
    if len(cells) < 3 or _time(cells[0]) is not None:
        return False
    start, stop = _columns(cells)[2:4]
    return _time(start) is not None and (stop in _UNTIL_NEXT or _time(stop.removeprefix("+")) is not None)


def read_annot(path: Path, lines: Sequence[str]) -> ParsedHypnogram:
    """Read all annotations that may be stages, by class or by instance.

    Raises
    ------
    RecordingError
        A row's times cannot be read, or wall clock and seconds are mixed.
    """
    rows: list[tuple[str, int, _Time, _Time | float | None]] = []
    for i, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or line.startswith("#") or label_key(cells[0]) == "class":
            continue
        if len(cells) < 3:
            raise RecordingError(f"{path}, line {i}: {len(cells)} columns; an .annot has 3, 4 or 6")
        name, instance, start, stop = _columns(cells)
        label = instance if label_key(name).replace(" ", "") in _STAGE_CLASSES else name
        if parse_label(label).kind is LabelKind.OTHER or start == ".":
            continue
        rows.append((label, i, _start(path, i, start), _stop(path, i, stop)))
    return _draft(path, rows)


def _draft(path: Path, rows: Sequence[tuple[str, int, _Time, _Time | float | None]]) -> ParsedHypnogram:
    clocked = [start.moment for _, _, start, _ in rows if start.moment is not None]
    if clocked and len(clocked) < len(rows):
        raise RecordingError(f"{path}: mixes times of day with seconds; write one kind, such as seconds")
    clock, by_clock = elapsed(clocked)
    found = []
    for k, (label, line, start, stop) in enumerate(rows):
        onset_s = by_clock[k] if clocked else start.seconds or 0.0
        found.append(
            LabelledRow(label, f"line {line}", onset_s, _duration_s(path, line, onset_s, start, stop))
        )
    return ParsedHypnogram("Luna annot", tuple(found), clock=clock, clocked=bool(clocked), events=True)


def _duration_s(
    path: Path, line: int, onset_s: float, start: _Time, stop: _Time | float | None
) -> float | None:
    if stop is None:
        return start.length_s
    if not isinstance(stop, _Time):
        return stop
    if stop.moment is not None and start.moment is not None:
        return (stop.moment.time_s - start.moment.time_s) % DAY_S
    if stop.seconds is None or start.seconds is None:
        raise RecordingError(f"{path}, line {line}: start and stop are not of one kind; write seconds")
    end_s = stop.seconds + (stop.length_s or 0.0)
    if end_s < onset_s:
        raise RecordingError(f"{path}, line {line}: stops at {end_s:g} s, before it starts at {onset_s:g} s")
    return end_s - onset_s


def _columns(cells: Sequence[str]) -> tuple[str, str, str, str]:
    """Class, instance, start and stop of a row of 3, 4, 5 or more columns."""
    if len(cells) == 3:
        return cells[0], ".", cells[1], cells[2]
    if len(cells) == 4:
        return cells[0], cells[1], cells[2], cells[3]
    return cells[0], cells[1], cells[3], cells[4]


def _start(path: Path, line: int, text: str) -> _Time:
    time = _time(text)
    if time is None:
        raise RecordingError(
            f"{path}, line {line}: the start is {text[:40]!r}; expected seconds, hh:mm:ss or e:1"
        )
    return time


def _stop(path: Path, line: int, text: str) -> _Time | float | None:
    if text in _UNTIL_NEXT or text == ".":
        return None
    length_s = number(text[1:]) if text.startswith("+") else None
    stop = length_s if length_s is not None else _time(text)
    if stop is None:
        raise RecordingError(f"{path}, line {line}: the stop is {text[:40]!r}; expected seconds, +30 or ...")
    return stop


def _time(text: str) -> _Time | None:
    bare = text.strip()
    if (plain := number(bare)) is not None:
        return _Time(plain)
    if found := _ELAPSED.fullmatch(bare):
        return _Time(3600.0 * int(found["h"]) + 60.0 * int(found["m"]) + float(found["s"]))
    if found := _EPOCH.fullmatch(bare):
        length_s = float(found["length"] or _EPOCH_S)
        return _Time((int(found["number"]) - 1) * length_s, None, length_s)
    return _clock(bare)


def _clock(text: str) -> _Time | None:
    dated = _DATED.fullmatch(text)
    plain = f"{dated['a']}-{dated['b']}-{dated['c']} {dated['time']}" if dated else text
    if not dated and (found := _CLOCK.fullmatch(text)):
        plain = found["time"]
    moment = parse_moment(plain)
    return None if moment is None else _Time(None, moment)


_REMLOGIC_EVENT = re.compile(r"SLEEP-\S+", re.IGNORECASE)
_DOMINO_HEAD = re.compile(
    r"(Signal ID|Start Time|Signal Type|Events list|Rate|Unit)\s*:\s*(.*)", re.IGNORECASE
)
_DOMINO_RATE = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*s", re.IGNORECASE)


def is_remlogic(lines: Sequence[str]) -> bool:
    """Whether a line names the columns of RemLogic's event export."""
    return any("sleep stage" in line.casefold() and "time [" in line.casefold() for line in lines[:200])


def read_remlogic(path: Path, lines: Sequence[str]) -> ParsedHypnogram:
    """Read ``SLEEP-S2`` and the like from the column of events; other events are left alone.

    The stage column repeats the stage on every event and is not used. Times are times of day; the file's date
    is written in an order that cannot be known and is not used.
    """
    cells = [[cell.strip() for cell in line.split("\t")] for line in lines]
    found: list[tuple[str, int, float | None]] = []
    moments: list[TimeOfDay] = []
    for i, row in enumerate(cells):
        at = next((k for k, cell in enumerate(row) if _REMLOGIC_EVENT.fullmatch(cell)), None)
        if at is None:
            continue
        moment = next((m for cell in row[:at] if (m := parse_moment(cell)) is not None), None)
        if moment is None:
            raise RecordingError(f"{path}, line {i + 1}: {row[at]} without a time of day before it")
        duration_s = next((d for cell in row[at + 1 :] if (d := number(cell)) is not None), None)
        found.append((row[at], i + 1, duration_s))
        moments.append(moment)
    if not found:
        raise RecordingError(
            f"{path}: a RemLogic export without events such as SLEEP-S2; export the stages with it"
        )
    return _clocked("RemLogic text", found, moments)


def is_domino(lines: Sequence[str]) -> bool:
    """Whether the head is that of a Domino export."""
    heads = _heads(lines)
    return "signal id" in heads or ("start time" in heads and "signal type" in heads)


def read_domino(path: Path, lines: Sequence[str]) -> ParsedHypnogram:
    """Read ``22:10:00,000; N2``, one epoch a line; the start in the head is in an order of no certainty."""
    heads = _heads(lines)
    if heads.get("signal type", "").casefold().startswith("impul"):
        raise RecordingError(
            f"{path}: Domino's export of events ({heads.get('signal id', '')[:40]}), not of stages; "
            "export the sleep profile (SchlafProfil)"
        )
    rate = _DOMINO_RATE.match(heads.get("rate", ""))
    epoch_s = seconds(rate[1], "Rate", str(path)) if rate else None
    found: list[tuple[str, int, float | None]] = []
    moments: list[TimeOfDay] = []
    for i, line in enumerate(lines):
        time, semicolon, stage = line.partition(";")
        moment = parse_moment(time) if semicolon else None
        if moment is not None:
            found.append((stage.strip().rstrip(";").strip(), i + 1, epoch_s))
            moments.append(moment)
        elif found and line.strip():
            raise RecordingError(f"{path}, line {i + 1}: {line.strip()[:40]!r}; expected TIME; STAGE")
    if not found:
        raise RecordingError(f"{path}: a Domino export without lines such as 22:10:00,000; N2")
    return _clocked("Domino text", found, moments)


def _heads(lines: Sequence[str]) -> dict[str, str]:
    matches = (_DOMINO_HEAD.match(line.strip()) for line in lines[:20])
    return {match[1].casefold(): match[2].strip() for match in matches if match}


def _clocked(
    kind: str, found: Sequence[tuple[str, int, float | None]], moments: Sequence[TimeOfDay]
) -> ParsedHypnogram:
    clock, onsets_s = elapsed(moments)
    rows = tuple(
        LabelledRow(label, f"line {line}", onset_s, duration_s)
        for (label, line, duration_s), onset_s in zip(found, onsets_s, strict=True)
    )
    return ParsedHypnogram(kind, rows, clock=clock, clocked=True)


def read_annotations(path: Path) -> ParsedHypnogram:
    """Read all annotations; onsets count from the first data record, whose wall clock is in the header.

    Raises
    ------
    RecordingError
        The file is damaged.
    """
    layout = read_layout(path)
    marks = read_edf_annotations(layout)
    rows = tuple(
        LabelledRow(mark.text, f"annotation at {mark.onset_s:g} s", mark.onset_s, mark.duration_s)
        for mark in marks.annotations
    )
    clock = header_clock(layout.header, first_sample_s(marks.onsets_s, layout.record_s))
    return ParsedHypnogram("EDF+ annotations", rows, clock=clock, clocked=True, events=True)
