"""Hypnograms in XML: Compumedics Profusion, and the annotations of the National Sleep Research Resource.

Document types are refused, so that no entity can grow or reach outside of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.parsers import expat

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.drafts import Draft, Row, listing
from sanctuary.firmware_bridge.hypnograms.numbers import seconds
from sanctuary.firmware_bridge.hypnograms.stages import PRESETS

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
