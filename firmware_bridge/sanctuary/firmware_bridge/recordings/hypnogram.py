"""Hypnograms: an expert's sleep stages of a night, from CSV, plain text or EDF+ annotations.

Names are those of the AASM manual and of Rechtschaffen and Kales (1968), whose stages 3 and 4 are N3.
Sleep-EDF writes them as annotations such as ``Sleep stage 2`` (https://physionet.org/content/sleep-edfx/).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.files import reading
from sanctuary.firmware_bridge.recordings.layout import read_layout
from sanctuary.firmware_bridge.recordings.marks import read_marks
from sanctuary.signal.samples import Stage

EPOCH_S = 30.0
HEADER = ("onset_s", "duration_s", "stage")
LARGEST_BYTES = 64 << 20
"""Nobody's hypnogram is larger; a file that is was named by mistake."""

_NAMES = {
    "w": Stage.W, "wake": Stage.W, "awake": Stage.W,
    "n1": Stage.N1, "s1": Stage.N1,
    "n2": Stage.N2, "s2": Stage.N2,
    "n3": Stage.N3, "s3": Stage.N3, "n4": Stage.N3, "s4": Stage.N3,
    "r": Stage.R, "rem": Stage.R,
    "?": Stage.UNKNOWN, "unknown": Stage.UNKNOWN, "unscored": Stage.UNKNOWN,
    "mt": Stage.UNKNOWN, "movement": Stage.UNKNOWN, "movement time": Stage.UNKNOWN,
}  # fmt: skip
_EDF_MAGIC = (b"0       ", b"\xffBIOSEMI")
_PREFIXES = ("sleep stage", "stage")
_NUMBERED = {"1": Stage.N1, "2": Stage.N2, "3": Stage.N3, "4": Stage.N3}
"""Only after "Sleep stage": bare numbers mean different stages in different laboratories."""
_OVERLAP_S = 1e-3
"""Onsets are rounded in files: this much overlap is none."""
_KNOWN = "W, N1, N2, N3, R (or S1 to S4, REM, 'Sleep stage 2', ?)"


@dataclass(frozen=True, slots=True)
class Scored:
    """One scored stretch, seconds since the first sample of the night."""

    onset_s: float
    duration_s: float
    stage: Stage


@dataclass(frozen=True, slots=True)
class Hypnogram:
    """An expert's scoring: stretches in order, not overlapping."""

    path: Path
    scored: tuple[Scored, ...]

    def epochs(self, n_epochs: int, epoch_s: float = EPOCH_S) -> NDArray[np.int8]:
        """Stage of each epoch of the night.

        Parameters
        ----------
        n_epochs, epoch_s
            Epochs in the night, and their length.

        Returns
        -------
        Shape ``(n_epochs,)``, values of `Stage`: the stage that fills most of the epoch, ``UNKNOWN`` where
        less than half of it is scored. A longer hypnogram is cut.
        """
        filled_s = np.zeros((n_epochs, max(Stage) + 1))
        for stretch in self.scored:
            if stretch.stage is Stage.UNKNOWN:
                continue
            first = max(0, math.floor(stretch.onset_s / epoch_s))
            stop = min(n_epochs, math.ceil((stretch.onset_s + stretch.duration_s) / epoch_s))
            starts = np.arange(first, stop) * epoch_s
            ends = np.minimum(starts + epoch_s, stretch.onset_s + stretch.duration_s)
            filled_s[first:stop, stretch.stage] += ends - np.maximum(starts, stretch.onset_s)
        known = filled_s.sum(axis=1) >= epoch_s / 2 - _OVERLAP_S
        return np.where(known, filled_s.argmax(axis=1), Stage.UNKNOWN).astype(np.int8)


def stage_of(name: str) -> Stage | None:
    """Stage of an AASM or Rechtschaffen-and-Kales name, in any case; None if it is neither."""
    folded = " ".join(name.casefold().split())
    for prefix in _PREFIXES:
        if folded.startswith(prefix + " "):
            bare = folded.removeprefix(prefix + " ")
            return _NAMES.get(bare, _NUMBERED.get(bare))
    return _NAMES.get(folded)


def read_hypnogram(path: Path) -> Hypnogram:
    """Read the hypnogram of a night.

    Parameters
    ----------
    path
        CSV with the columns ``onset_s,duration_s,stage``; text with one stage a line, 30 s each; or EDF+ with
        annotations in the manner of Sleep-EDF, which may be the night's own file.

    Raises
    ------
    RecordingError
        The file cannot be read or holds something else; the message names the line.
    """
    with reading(path, "a hypnogram") as file:
        raw = file.read(len(_EDF_MAGIC[0]))
        edf = raw in _EDF_MAGIC
        if not edf:
            raw += file.read(LARGEST_BYTES)
    scored = _from_annotations(path) if edf else _from_text(path, raw)
    if all(stretch.stage is Stage.UNKNOWN for stretch in scored):
        raise RecordingError(f"{path}: no sleep stages in it; expected {_KNOWN}")
    return Hypnogram(path, scored)


def _from_text(path: Path, raw: bytes) -> tuple[Scored, ...]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordingError(
            f"{path}: this is no hypnogram (neither text nor EDF+); expected CSV with {','.join(HEADER)}"
        ) from error
    if not text.strip():
        raise RecordingError(
            f"{path}: the hypnogram is empty; score the night first, or leave the hypnogram out"
        )
    first = next(line for line in text.splitlines() if line.strip())
    if stage_of(first) is not None:
        return tuple(_from_lines(path, text))
    if tuple(name.strip().casefold() for name in first.split(",")) == HEADER:
        return tuple(_in_order(_from_csv(path, text)))
    raise RecordingError(
        f"{path}: line 1 is {first[:40]!r}; expected the header {','.join(HEADER)}, "
        f"or one stage a line: {_KNOWN}"
    )


def _from_lines(path: Path, text: str) -> Iterator[Scored]:
    for i, line in enumerate(text.rstrip().splitlines()):
        yield Scored(i * EPOCH_S, EPOCH_S, _stage(line, f"{path}, line {i + 1}"))


def _from_csv(path: Path, text: str) -> Iterator[tuple[str, Scored]]:
    for where, row in _rows(path, text):
        if len(row) != len(HEADER):
            raise RecordingError(f"{where}: {len(row)} columns; expected 3: {','.join(HEADER)}")
        onset_s = _seconds(row[0], "onset_s", where)
        duration_s = _seconds(row[1], "duration_s", where)
        if duration_s == 0.0:
            raise RecordingError(f"{where}: duration_s is 0; a stage lasts longer than that")
        yield where, Scored(onset_s, duration_s, _stage(row[2], where))


def _rows(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """Rows below the header that are not blank, each with its place for messages."""
    rows = csv.reader(io.StringIO(text, newline=""))
    header_seen = False
    try:
        for row in rows:
            if header_seen and any(cell.strip() for cell in row):
                yield f"{path}, line {rows.line_num}", row
            header_seen = header_seen or bool(row)
    except csv.Error as error:
        raise RecordingError(
            f"{path}, line {rows.line_num}: no CSV ({error}); write plain columns"
        ) from error


def _from_annotations(path: Path) -> tuple[Scored, ...]:
    marks = [mark for mark in read_marks(read_layout(path)).annotations if _is_stage(mark.text)]
    nexts_s = [*(mark.onset_s for mark in marks), math.inf][1:]
    stretches = []
    for mark, next_s in zip(marks, nexts_s, strict=True):
        where = f"{path}, annotation at {mark.onset_s:g} s"
        duration_s = mark.duration_s or min(EPOCH_S, next_s - mark.onset_s)
        stretches.append((where, Scored(mark.onset_s, duration_s, _stage(mark.text, where))))
    return tuple(_in_order(stretches))


def _is_stage(text: str) -> bool:
    """Other annotations (lights off, cues) are left alone; a misspelt stage is not."""
    return text.strip().casefold().startswith(("sleep stage ", "movement time"))


def _in_order(stretches: Iterable[tuple[str, Scored]]) -> Iterator[Scored]:
    end_s = 0.0
    for where, stretch in stretches:
        if stretch.onset_s < end_s - _OVERLAP_S:
            raise RecordingError(
                f"{where}: starts at {stretch.onset_s:g} s, before the stage above it ends at {end_s:g} s; "
                "list stages in order and without overlap"
            )
        end_s = stretch.onset_s + stretch.duration_s
        yield stretch


def _stage(name: str, where: str) -> Stage:
    stage = stage_of(name)
    if stage is None:
        hint = "; numbers mean different stages in different laboratories" if name.strip().isdigit() else ""
        raise RecordingError(f"{where}: {name.strip()[:40]!r} is no sleep stage{hint}; use {_KNOWN}")
    return stage


def _seconds(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0.0:
        raise RecordingError(f"{where}: {column} is {text.strip()[:40]!r}; expected seconds, 0 or more")
    return value
