"""The stages that a replay found, as a hypnogram for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.hypnogram_writing import (
    HypnogramFormat,
    format_for,
    hypnogram_files,
)
from sanctuary.firmware_bridge.hypnograms.table_cells import sidecar_of
from sanctuary.gateway.files import check_apart, write_together
from sanctuary.gateway.results.replay_result import ReplayResult
from sanctuary.signal.samples import Stage


def hypnogram_format_of(
    path: Path | None, name: str | None, others: Sequence[Path | None]
) -> HypnogramFormat | None:
    """Find what to write before the work begins; None if nothing is asked for.

    Parameters
    ----------
    path, name
        Where to write, and the format if it is named.
    others
        Files that must not be overwritten by it: what is read, and what else is written.

    Raises
    ------
    InputError
        Neither the name nor the path's ending is a format, a format is named without a path, or another file
        stands there.
    """
    if path is not None:
        kind = format_for(path, name)
        places = [path, sidecar_of(path)] if kind is HypnogramFormat.BIDS else [path]
        check_apart([(f"--hypnogram-out {path}", place) for place in places], others)
        return kind
    if name is not None:
        raise InputError(f"--hypnogram-format {name}: say where to write it with --hypnogram-out")
    return None


def write_hypnogram(
    path: Path | None, result: ReplayResult, start: datetime | None, kind: HypnogramFormat | None
) -> None:
    """Write the stages of a replay.

    Parameters
    ----------
    path, kind
        Where, and in which format; a BIDS table gets its sidecar beside it. None writes nothing.
    start
        Wall clock of the recording's first sample; None if it is not known.

    Raises
    ------
    InputError
        It cannot be written there.
    """
    if path is None or kind is None:
        return
    stages = [Stage.__members__.get(epoch.stage, Stage.UNKNOWN) for epoch in result.epochs]
    files = hypnogram_files(path, stages, result.epoch_s, start, kind)
    write_together([(place, [body], "the hypnogram") for place, body in files.items()])
