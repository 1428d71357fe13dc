"""The sidecar of a BIDS table: what its labels mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.stages import Kind, StageCodes, label_key, understand
from sanctuary.firmware_bridge.recordings.files import reading

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
        with reading(sidecar, "the sidecar of a table") as file:
            body = json.loads(file.read(LARGEST_BYTES).decode("utf-8-sig"))
    except (RecordingError, ValueError, RecursionError) as error:
        return None, (f"{sidecar}: cannot be read ({str(error)[:80]}); its Levels are not used",)
    codes = {}
    for label, text in _levels(body):
        for words in (text, re.split(r"[,.;:(]", text)[0]):
            if (known := understand(words)).kind in (Kind.STAGE, Kind.EVENT):
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
