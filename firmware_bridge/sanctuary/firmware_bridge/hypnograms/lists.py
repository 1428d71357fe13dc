"""Plain lists: one stage a line (also Luna's ``.eannot``, ISRUC, U-Sleep's ``.hyp``), or all on one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.drafts import Draft, listing
from sanctuary.firmware_bridge.hypnograms.stages import KNOWN, Kind, understand

_STAGES = (Kind.STAGE, Kind.EVENT, Kind.NUMBER, Kind.STAGE_LIKE)
_FEWEST_ON_A_LINE = 4


def read_list(path: Path, lines: Sequence[str]) -> Draft:
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
    if len(labels) > 1 and understand(labels[0][0]).kind is Kind.OTHER and _is_stage(labels[1][0]):
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
    return listing("list of stages", labels)


def _is_stage(label: str) -> bool:
    return bool(label) and understand(label).kind in _STAGES


def _on_one_line(only: tuple[str, str]) -> list[tuple[str, str]]:
    """Labels apart by commas, semicolons or blanks, if all of them are stages."""
    words = [word for word in re.split(r"[\s,;]+", only[0]) if word]
    if len(words) < _FEWEST_ON_A_LINE or not all(_is_stage(word) for word in words):
        return [only]
    return [(word, f"item {i}") for i, word in enumerate(words, start=1)]
