"""The stages that a replay found, as a hypnogram for other programs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.writing import HypnogramFormat, format_for, hypnogram_files
from sanctuary.gateway.files import write_together
from sanctuary.signal.samples import Stage


def hypnogram_format_of(path: Path | None, name: str | None) -> HypnogramFormat | None:
    """Find what to write before the work begins; None if nothing is asked for.

    Raises
    ------
    InputError
        Neither the name nor the path's ending is a format, or a format is named without a path.
    """
    if path is not None:
        return format_for(path, name)
    if name is not None:
        raise InputError(f"--hypnogram-format {name}: say where to write it with --hypnogram-out")
    return None


def write_hypnogram(
    path: Path, result: dict[str, Any], start: datetime | None, kind: HypnogramFormat
) -> None:
    """Write the stages of a result of ``sanctuary.replay.v1``.

    Parameters
    ----------
    path, kind
        Where, and in which format; a BIDS table gets its sidecar beside it.
    result
        What a replay found.
    start
        Wall clock of the recording's first sample; None if it is not known.

    Raises
    ------
    InputError
        It cannot be written there.
    """
    stages = [Stage.__members__.get(str(epoch["stage"]), Stage.UNKNOWN) for epoch in result["epochs"]]
    files = hypnogram_files(path, stages, float(result["epoch_s"]), start, kind)
    write_together([(place, [body], "the hypnogram") for place, body in files.items()])
