"""Text exports of scoring programs with wall clocks: RemLogic (the CAP database) and Somnomedics Domino."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.clocks import Moment, elapsed, parse_moment
from sanctuary.firmware_bridge.hypnograms.drafts import Draft, Row
from sanctuary.firmware_bridge.hypnograms.numbers import number, seconds

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
