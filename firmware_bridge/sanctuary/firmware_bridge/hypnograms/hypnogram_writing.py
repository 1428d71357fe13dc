"""Hypnograms written: CSV, EDF+ annotations, a BIDS table with its sidecar, and YASA's CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from edfio import Edf, EdfAnnotation, Recording

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.table_cells import sidecar_of
from sanctuary.signal.samples import Stage

HEADER = ("onset_s", "duration_s", "stage")
_WORDS = {stage: "?" if stage is Stage.UNKNOWN else stage.name for stage in Stage}
_YASA = _WORDS | {Stage.W: "WAKE", Stage.R: "REM", Stage.UNKNOWN: "UNS"}
_LEVELS = {
    "W": "Wake", "N1": "N1 sleep", "N2": "N2 sleep", "N3": "N3 sleep", "R": "REM sleep", "?": "Unscored",
}  # fmt: skip


class HypnogramFormat(StrEnum):
    """What can be written."""

    CSV = "csv"
    EDF = "edf"
    BIDS = "bids"
    YASA = "yasa"


_SUFFIXES = {
    ".csv": HypnogramFormat.CSV,
    ".txt": HypnogramFormat.CSV,
    ".edf": HypnogramFormat.EDF,
    ".tsv": HypnogramFormat.BIDS,
}


def format_for(path: Path, name: str | None = None) -> HypnogramFormat:
    """Format by its name, or by the ending of the file's.

    Raises
    ------
    InputError
        Neither says which.
    """
    known = ", ".join(HypnogramFormat)
    if name is not None:
        try:
            return HypnogramFormat(name.strip().casefold())
        except ValueError as error:
            raise InputError(f"--hypnogram-format {name}: choose one of {known}") from error
    found = _SUFFIXES.get(path.suffix.casefold())
    if found is None:
        raise InputError(
            f"{path}: its ending does not say which hypnogram to write; use .csv, .edf or .tsv, or "
            f"--hypnogram-format with one of {known}"
        )
    return found


def hypnogram_files(
    path: Path, stages: Sequence[Stage], epoch_s: float, start: datetime | None, kind: HypnogramFormat
) -> dict[Path, bytes]:
    """Contents of the files of a hypnogram.

    Parameters
    ----------
    path
        The file; a BIDS table has a sidecar beside it.
    stages
        Stage of each epoch from the recording's first sample on; `UNKNOWN` is written as unscored.
    epoch_s
        Length of an epoch.
    start
        Wall clock of the recording's first sample, for EDF+; None if it is not known.
    kind
        The format.

    Returns
    -------
    Path and bytes of each file. `read_hypnogram` finds the same stages in them.

    Raises
    ------
    InputError
        There is no epoch to write.
    """
    if not stages:
        raise InputError(
            f"{path}: the night is shorter than one epoch, so that there is no hypnogram to write"
        )
    if kind is HypnogramFormat.EDF:
        return {path: _edf(stages, epoch_s, start)}
    if kind is HypnogramFormat.YASA:
        rows = ["Epoch,Stage", *(f"{i},{_YASA[stage]}" for i, stage in enumerate(stages))]
        return {path: _lines(rows)}
    if kind is HypnogramFormat.BIDS:
        return {path: _bids(stages, epoch_s), sidecar_of(path): _sidecar()}
    return {path: hypnogram_csv(stages, epoch_s).encode()}


def hypnogram_csv(stages: Sequence[Stage], epoch_s: float) -> str:
    """Write one row an epoch under the header ``onset_s,duration_s,stage``."""
    rows = [f"{_plain(i * epoch_s)},{_plain(epoch_s)},{_WORDS[stage]}" for i, stage in enumerate(stages)]
    return "\n".join([",".join(HEADER), *rows]) + "\n"


def _bids(stages: Sequence[Stage], epoch_s: float) -> bytes:
    """Write one row a run of equal stages, as BIDS recommends for long events."""
    rows = [
        f"{_plain(onset * epoch_s)}\t{_plain(count * epoch_s)}\t{_WORDS[stage]}"
        for onset, count, stage in _runs(stages)
    ]
    return _lines(["onset\tduration\tstage", *rows])


def _sidecar() -> bytes:
    body = {
        "onset": {"Description": "Beginning, from the recording's first sample", "Units": "s"},
        "duration": {"Description": "Length", "Units": "s"},
        "stage": {"Description": "Sleep stage by the AASM manual", "Levels": _LEVELS},
    }
    return (json.dumps(body, indent=2) + "\n").encode()


def _edf(stages: Sequence[Stage], epoch_s: float, start: datetime | None) -> bytes:
    """Write one annotation an epoch, as most readers expect, in a file whose start is the recording's."""
    annotations = [
        EdfAnnotation(i * epoch_s, epoch_s, f"Sleep stage {_WORDS[stage]}") for i, stage in enumerate(stages)
    ]
    return Edf(
        [],
        recording=None if start is None else Recording(startdate=start.date()),
        starttime=None if start is None else start.time().replace(tzinfo=None),
        annotations=annotations,
    ).to_bytes()


def _runs(stages: Sequence[Stage]) -> Iterator[tuple[int, int, Stage]]:
    at = 0
    for stage, run in groupby(stages):
        count = len(list(run))
        yield at, count, stage
        at += count


def _plain(value: float) -> str:
    """Write seconds without an exponent, to the microsecond."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _lines(rows: Sequence[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()
