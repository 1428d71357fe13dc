"""Text exports of scoring programs with wall clocks: RemLogic (the CAP database) and Somnomedics Domino.

Hypnograms in XML: Compumedics Profusion, and the annotations of the National Sleep Research Resource.

Document types are refused, so that no entity can grow or reach outside of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.clocks import Moment, elapsed, parse_moment
from sanctuary.firmware_bridge.hypnograms.hypnogram_contents import number, seconds
from sanctuary.firmware_bridge.hypnograms.scored_stages import Draft, Row, listing
from sanctuary.firmware_bridge.hypnograms.stage_names import PRESETS

_REMLOGIC_EVENT = re.compile(r"SLEEP-\S+", re.IGNORECASE)
_DOMINO_HEAD = re.compile(
    r"(Signal ID|Start Time|Signal Type|Events list|Rate|Unit)\s*:\s*(.*)", re.IGNORECASE
)
_DOMINO_RATE = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*s", re.IGNORECASE)


def is_remlogic(lines: Sequence[str]) -> bool:
    """Whether a line names the columns of RemLogic's event export."""
    return any("sleep stage" in line.casefold() and "time [" in line.casefold() for line in lines[:200])


def read_remlogic(path: Path, lines: Sequence[str]) -> Draft:
    """Read ``SLEEP-S2`` and the like from the column of events; other events are left alone.

    The stage column repeats the stage on every event and is not used. Times are times of day; the file's date
    is written in an order that cannot be known and is not used.
    """
    cells = [[cell.strip() for cell in line.split("\t")] for line in lines]
    found: list[tuple[str, int, float | None]] = []
    moments: list[Moment] = []
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


def read_domino(path: Path, lines: Sequence[str]) -> Draft:
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
    moments: list[Moment] = []
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


def _clocked(kind: str, found: Sequence[tuple[str, int, float | None]], moments: Sequence[Moment]) -> Draft:
    clock, onsets_s = elapsed(moments)
    rows = tuple(
        Row(label, f"line {line}", onset_s, duration_s)
        for (label, line, duration_s), onset_s in zip(found, onsets_s, strict=True)
    )
    return Draft(kind, rows, clock=clock, clocked=True)


_DEEPEST = 50
_MOST_ELEMENTS = 200_000
_WANTED = frozenset(
    ("SleepStage", "EpochLength", "EventType", "EventConcept", "Start", "Duration", "/ScoredEvent")
)


class _Elements:
    """Collects the texts of those leaf elements that hypnograms are made of; expat calls the methods."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = ""
        self.found: list[tuple[str, str, int]] = []
        """Name, text and line of each leaf, and ``/name`` with line where an element with children ends."""
        self._names: list[str] = []
        self._text: list[str] = []
        self._leaf = False

    def parse(self, text: str) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = lambda name: self._end(name, parser.CurrentLineNumber)
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(text.encode("utf-8", errors="replace"), True)
        except expat.ExpatError as error:
            raise RecordingError(f"{self.path}: damaged XML ({error}); export the scoring again") from error

    def _doctype(self, *_: Any) -> None:
        raise RecordingError(f"{self.path}: XML with a document type is not read; export it without")

    def _start(self, name: str, _: Any) -> None:
        self.root = self.root or name
        self._names.append(name)
        if len(self._names) > _DEEPEST:
            raise RecordingError(f"{self.path}: XML nested more than {_DEEPEST} deep; this is no hypnogram")
        self._text.clear()
        self._leaf = True

    def _end(self, name: str, line: int) -> None:
        self._names.pop()
        ended = name if self._leaf else f"/{name}"
        if ended in _WANTED:
            self.found.append((ended, "".join(self._text).strip(), line))
        if len(self.found) > _MOST_ELEMENTS:
            raise RecordingError(f"{self.path}: more than {_MOST_ELEMENTS} events; this is no hypnogram")
        self._text.clear()
        self._leaf = False


def read_xml(path: Path, text: str) -> Draft:
    """Read a Profusion or an NSRR file.

    Raises
    ------
    RecordingError
        The XML is damaged or of another kind.
    """
    elements = _Elements(path)
    elements.parse(text)
    if elements.root == "CMPStudyConfig":
        return _profusion(path, elements)
    if elements.root == "PSGAnnotation":
        return _nsrr(path, elements)
    raise RecordingError(
        f"{path}: XML of another kind ({elements.root[:40]!r}); CMPStudyConfig of Profusion and "
        "PSGAnnotation of the NSRR are read"
    )


def _profusion(path: Path, elements: _Elements) -> Draft:
    """One number an epoch from the recording's start; movement (6) and unscored (9) are no stage."""
    labels = [(text, f"line {line}") for name, text, line in elements.found if name == "SleepStage"]
    return listing("Profusion XML", labels, epoch_s=_epoch_s(path, elements), codes=PRESETS["rk"])


def _nsrr(path: Path, elements: _Elements) -> Draft:
    """Events in seconds from the recording's start; those of the type ``Stages|Stages`` are stages."""
    rows, event = [], {}
    for name, text, line in elements.found:
        if name != "/ScoredEvent":
            event[name] = text
            continue
        concept = event.get("EventConcept", "")
        if event.get("EventType", "").casefold().startswith("stages"):
            where = f"{path}, line {line}"
            onset_s = seconds(event.get("Start", ""), "Start", where)
            rows.append(Row(concept, f"line {line}", onset_s, _duration_s(event, where)))
        event = {}
    return Draft("NSRR XML", tuple(rows))


def _duration_s(event: dict[str, str], where: str) -> float | None:
    text = event.get("Duration", "")
    return seconds(text, "Duration", where) if text else None


def _epoch_s(path: Path, elements: _Elements) -> float | None:
    for name, text, line in elements.found:
        if name == "EpochLength":
            epoch_s = seconds(text, "EpochLength", f"{path}, line {line}")
            if not 0.0 < epoch_s <= 600.0:
                raise RecordingError(
                    f"{path}, line {line}: EpochLength is {text}; expected seconds, such as 30"
                )
            return epoch_s
    return None
