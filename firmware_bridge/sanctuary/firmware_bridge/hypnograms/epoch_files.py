"""Hypnograms as one code an epoch: Elan, Visbrain, DOD, YASA's JSON, numpy, plain lists, and XML.

A plain list has one stage a line (also Luna's ``.eannot``, ISRUC, U-Sleep's ``.hyp``), or all on one line.
XML is Compumedics Profusion's, or the National Sleep Research Resource's, which has events; document types
are refused, so that no entity can grow or reach outside of the file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_text import (
    MOST_LINES,
    elapsed,
    parse_moment,
    seconds,
    zone_unused,
)
from sanctuary.firmware_bridge.hypnograms.stage_labels import (
    KNOWN,
    PRESETS,
    LabelKind,
    LabelledRow,
    ParsedHypnogram,
    epoch_list,
    parse_label,
)
from sanctuary.signal.samples import Stage

NUMPY_MAGIC = b"\x93NUMPY"
LARGEST_JSON = 8 << 20
_ELAN_CODES = {**PRESETS["rk"], "-2": Stage.UNKNOWN}
_FREQUENCY = re.compile(r"([0-9]*)\s*(s|sec|min)", re.IGNORECASE)
_NUMPY_HEAD = re.compile(
    rb"\{'descr': '(?P<type>[<>|=]?(?:[iu][1248]|f[248]|U[1-9][0-9]{0,2}))', "
    rb"'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<shape>(?:[0-9]{1,12},? ?){1,3})\),? ?\}"
)
_HEAD_LINES = 10
_CLASSES = 5


def is_elan(lines: Sequence[str]) -> bool:
    """Whether it begins as Elan's and Visbrain's ``.hyp``."""
    return lines[0].strip().casefold().startswith("time_base")


def read_elan(path: Path, lines: Sequence[str]) -> ParsedHypnogram:
    """Read one code for every ``time_base`` seconds; 4 is stage 4 and 5 is REM."""
    head: dict[str, str] = {}
    for i, line in enumerate(lines[:_HEAD_LINES]):
        name, _, value = line.strip().partition(" ")
        head[name.casefold()] = value.strip()
        if name.casefold() == "epoch_list":
            labels = [
                (code, f"line {k}") for k, code in enumerate(lines[i + 1 :], start=i + 2) if code.strip()
            ]
            base_s = seconds(head.get("time_base", ""), "time_base", f"{path}, line 1")
            return epoch_list("Elan hyp", labels, epoch_s=_checked(path, base_s), codes=_ELAN_CODES)
    raise RecordingError(f"{path}: an Elan hypnogram without epoch_list in its head; save it again")


def is_visbrain(lines: Sequence[str]) -> bool:
    """Whether it begins as Visbrain's text with ends of stages."""
    return lines[0].strip().casefold().startswith("*duration_sec")


def read_visbrain(path: Path, lines: Sequence[str]) -> ParsedHypnogram:
    """Read ``STAGE<TAB>END``: the number is the second at which the stage ends."""
    rows, start_s = [], 0.0
    for i, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith("*"):
            continue
        parts = line.rsplit(None, 1)
        if len(parts) != 2:
            raise RecordingError(f"{path}, line {i}: {line.strip()[:40]!r}; expected STAGE and its end (s)")
        end_s = seconds(parts[1], "the end", f"{path}, line {i}")
        if end_s < start_s:
            raise RecordingError(
                f"{path}, line {i}: ends at {end_s:g} s, before the line above does ({start_s:g} s)"
            )
        rows.append(LabelledRow(parts[0], f"line {i}", start_s, end_s - start_s))
        start_s = end_s
    return ParsedHypnogram("Visbrain text", tuple(row for row in rows if row.duration))


def read_json(path: Path, text: str) -> ParsedHypnogram:
    """Read a bare list of stages (a scorer of DOD), or what YASA's `Hypnogram.to_json` writes.

    Numbers in a bare list are DOD's if none is beyond them, which is said.
    """
    if len(text) > LARGEST_JSON:
        raise RecordingError(f"{path}: JSON of more than {LARGEST_JSON >> 20} MB, so this is no hypnogram")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: damaged JSON ({str(error)[:80]}); export it again") from error
    if isinstance(body, list):
        return _dod(path, _labels(path, body))
    if isinstance(body, dict) and isinstance(body.get("values"), list):
        return _yasa(path, body)
    raise RecordingError(f"{path}: JSON of another kind; a list of stages, or YASA's with 'values', is read")


def _dod(path: Path, labels: list[tuple[str, str]]) -> ParsedHypnogram:
    codes = {label: PRESETS["yasa"].get(label) for label, _ in labels}
    if None in codes.values() or "-2" in codes:
        return epoch_list("JSON list", labels)
    warning = f"{path}: the numbers of this list are taken as DOD's (0 W, 1 N1, 2 N2, 3 N3, 4 R, -1 none)"
    also = "; --stages says otherwise"
    return epoch_list("JSON list", labels, codes=PRESETS["yasa"], warnings=(warning + also,))


def _yasa(path: Path, body: dict[str, Any]) -> ParsedHypnogram:
    labels = _labels(path, body["values"])
    frequency = _FREQUENCY.fullmatch(str(body.get("freq", "")).strip())
    epoch_s = None
    if frequency:
        epoch_s = float(frequency[1] or 1) * (60.0 if frequency[2].casefold() == "min" else 1.0)
        _checked(path, epoch_s)
    moment = parse_moment(str(body.get("start") or ""))
    clock = elapsed([moment])[0] if moment else None
    warnings = (zone_unused(path),) if moment and moment.zoned else ()
    return epoch_list(
        "YASA JSON", labels, epoch_s=epoch_s, clock=clock, clocked=bool(clock), warnings=warnings
    )


def _labels(path: Path, values: list[Any]) -> list[tuple[str, str]]:
    if len(values) > MOST_LINES or not all(isinstance(each, str | int | float) for each in values):
        raise RecordingError(f"{path}: not a plain list of stages")
    return [
        (f"{each:g}" if isinstance(each, float) else str(each), f"item {i}")
        for i, each in enumerate(values, start=1)
    ]


def read_numpy(path: Path, raw: bytes) -> ParsedHypnogram:
    """Read a numpy array: codes, one an epoch, or chances of five stages, of which the largest counts."""
    array = _array(path, raw)
    if array.ndim == 2 and array.shape[1] == _CLASSES and array.dtype.kind == "f" and len(array):
        array = array.argmax(axis=1)
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1 or array.dtype.kind not in "iufU" or len(array) > MOST_LINES:
        raise RecordingError(
            f"{path}: an array of shape {array.shape}; expected one stage an epoch, or chances of five stages"
        )
    return epoch_list("numpy array", _labels(path, array.tolist()))


def _array(path: Path, raw: bytes) -> np.ndarray[Any, Any]:
    """Take an array out of its file; numpy's own reader evaluates the header and allocates what it claims."""
    width = 2 if raw[6:7] == b"\x01" else 4
    start = 8 + width + int.from_bytes(raw[8 : 8 + width], "little")
    found = _NUMPY_HEAD.match(raw[8 + width : start])
    if found is None:
        raise RecordingError(f"{path}: a numpy file that holds no plain array of stages; save it again")
    dtype = np.dtype(found["type"].decode())
    shape = tuple(int(each) for each in found["shape"].decode().replace(",", " ").split())
    data = raw[start:]
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(data):
        raise RecordingError(f"{path}: a numpy file that is cut off; use a complete copy")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if found["order"] == b"True" else "C")


def _checked(path: Path, epoch_s: float) -> float:
    if not 0.0 < epoch_s <= 600.0:
        raise RecordingError(f"{path}: epochs of {epoch_s:g} s; expected more than 0 and at most 600")
    return epoch_s


_STAGES = (LabelKind.STAGE, LabelKind.EVENT, LabelKind.NUMBER, LabelKind.STAGE_LIKE)
_FEWEST_ON_A_LINE = 4


def read_list(path: Path, lines: Sequence[str]) -> ParsedHypnogram:
    """Read one label a line; a first line that names the column, and comments above it, are passed over.

    Raises
    ------
    RecordingError
        The lines are nothing like stages, or one in the middle is blank.
    """
    start = 0
    while start < len(lines) and (not lines[start].strip() or lines[start].lstrip()[0] in "#%*"):
        start += 1
    labels = [(line.strip(), f"line {i}") for i, line in enumerate(lines[start:], start=start + 1)]
    if len(labels) > 1 and parse_label(labels[0][0]).kind is LabelKind.OTHER and _is_stage(labels[1][0]):
        labels = labels[1:]
    if len(labels) == 1:
        labels = _on_one_line(labels[0])
    if not any(_is_stage(label) for label, _ in labels[:1000]):
        first = labels[0][0] if labels else ""
        raise RecordingError(
            f"{path}: no sleep stages in it: line {start + 1} is {first[:40]!r}; expected the header "
            f"onset_s,duration_s,stage, or one stage a line: {KNOWN}"
        )
    blank = [place for label, place in labels if not label]
    if blank:
        raise RecordingError(
            f"{path}, {blank[0]}: is blank, so that the epochs below it cannot be counted; "
            "write ? for an epoch that is not scored, or delete the line"
        )
    return epoch_list("list of stages", labels)


def _is_stage(label: str) -> bool:
    return bool(label) and parse_label(label).kind in _STAGES


def _on_one_line(only: tuple[str, str]) -> list[tuple[str, str]]:
    """Labels apart by commas, semicolons or blanks, if all of them are stages."""
    words = [word for word in re.split(r"[\s,;]+", only[0]) if word]
    if len(words) < _FEWEST_ON_A_LINE or not all(_is_stage(word) for word in words):
        return [only]
    return [(word, f"item {i}") for i, word in enumerate(words, start=1)]


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


def read_xml(path: Path, text: str) -> ParsedHypnogram:
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


def _profusion(path: Path, elements: _Elements) -> ParsedHypnogram:
    """One number an epoch from the recording's start; movement (6) and unscored (9) are no stage."""
    labels = [(text, f"line {line}") for name, text, line in elements.found if name == "SleepStage"]
    return epoch_list("Profusion XML", labels, epoch_s=_epoch_s(path, elements), codes=PRESETS["rk"])


def _nsrr(path: Path, elements: _Elements) -> ParsedHypnogram:
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
            rows.append(LabelledRow(concept, f"line {line}", onset_s, _duration_s(event, where)))
        event = {}
    return ParsedHypnogram("NSRR XML", tuple(rows))


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
