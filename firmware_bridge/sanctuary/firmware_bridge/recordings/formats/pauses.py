"""Pauses in files whose samples lie side by side, by what is marked in them.

* BrainVision: ``New Segment`` markers with the wall clock of each segment.
* EEGLAB: ``boundary`` events, whose duration is what was cut out there.
* FIF: ``BAD_ACQ_SKIP``, a stretch without data that is in the file as zeros.

A boundary without a length (files that were put together) says that something is missing, not how much: what
follows is taken to follow at once, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.files import reading
from sanctuary.firmware_bridge.recordings.gaps import LONGEST_GAP_S
from sanctuary.firmware_bridge.recordings.tal import Annotation
from sanctuary.signal.samples import FloatArray

_SKIP = "BAD_ACQ_SKIP"
_BOUNDARIES = ("boundary", "EDGE boundary", "BAD boundary", "New Segment/", "New Segment")
_MARKER_FILE = re.compile(r"^\s*MarkerFile\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_SEGMENT = re.compile(r"^\s*Mk\d+\s*=\s*New Segment,[^,]*,(\d+),[^,]*,[^,]*(?:,(\d{14,20}))?", re.MULTILINE)
_LONGEST_TEXT_BYTES = 64 << 20
_SHORTEST_PAUSE_S = 0.001
"""Wall clocks in markers have microseconds; differences below this are rounding."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Where a file's samples lie on the sample clock.

    Attributes
    ----------
    runs
        Of each unbroken stretch: its first sample in the file, its place on the clock, its samples.
    skipped
        Stretches in the file, first and stop, that hold no signal.
    added
        Samples by which the clock is longer than the file.
    said
        What is missing or doubtful, one sentence each.
    """

    runs: tuple[tuple[int, int, int], ...]
    skipped: tuple[tuple[int, int], ...] = ()
    added: int = 0
    said: tuple[str, ...] = ()

    def shifted_s(self, onset_s: float, fs_hz: float) -> float:
        """Onset on the sample clock of what the file has at `onset_s` of its joined samples."""
        at = onset_s * fs_hz + 1e-6
        before = [place - row for row, place, _ in self.runs if row <= at]
        return round(onset_s + (before[-1] if before else 0) / fs_hz, 6)

    def blank(self, values: FloatArray, first: int) -> None:
        """Set to NaN, in place, what was skipped; `first` is the file's sample of the first column."""
        for start, stop in self.skipped:
            if start < first + values.shape[1] and stop > first:
                values[:, max(0, start - first) : stop - first] = np.nan


def marked_pauses(marks: Sequence[Annotation], fs_hz: float, n_samples: int) -> Pauses:
    """Pauses by annotations, onsets in seconds of the joined samples."""
    skipped, cuts, unknown = [], [], 0
    for mark in marks:
        at = round(mark.onset_s * fs_hz)
        length = round((mark.duration_s or 0.0) * fs_hz)
        if mark.text.startswith(_SKIP):
            skipped.append((max(0, at), at + length))
        elif mark.text in _BOUNDARIES and 0 < at < n_samples:
            if 0 < length <= LONGEST_GAP_S * fs_hz:
                cuts.append((at, length))
            else:
                unknown += 1
    return _laid_out(cuts, n_samples, tuple(skipped), unknown)


def brainvision_pauses(path: Path, fs_hz: float, n_samples: int) -> Pauses:
    """Pauses by the segments that a BrainVision marker file dates."""
    segments = _segments(path)
    cuts: list[tuple[int, int]] = []
    unknown = 0
    for (at, when), (next_at, next_when) in pairwise(segments):
        if not at < next_at < n_samples:
            continue
        pause_s = (next_when - when).total_seconds() - (next_at - at) / fs_hz if when and next_when else None
        if pause_s is None or not -1.0 / fs_hz - _SHORTEST_PAUSE_S <= pause_s <= LONGEST_GAP_S:
            unknown += 1
        elif round(pause_s * fs_hz) > 0:
            cuts.append((next_at, round(pause_s * fs_hz)))
    return _laid_out(cuts, n_samples, (), unknown)


def _laid_out(
    cuts: list[tuple[int, int]], n_samples: int, skipped: tuple[tuple[int, int], ...], unknown: int
) -> Pauses:
    runs, row, added = [], 0, 0
    for at, length in sorted(cuts):
        if at > row:
            runs.append((row, row + added, at - row))
        row, added = at, added + length
    runs.append((row, row + added, n_samples - row))
    said = []
    if unknown:
        said.append(
            f"it was paused, or put together, at {unknown} places that do not say how much is missing; what "
            "follows is taken to follow at once, so times after the first of them may be early"
        )
    return Pauses(tuple(runs), skipped, added, tuple(said))


def _segments(path: Path) -> list[tuple[int, datetime | None]]:
    """First sample and wall clock of each segment."""
    header = _text(path)
    named = _MARKER_FILE.search(header)
    if named is None:
        return []
    name = named[1].replace("$b", path.stem)
    marker_file = path.parent / name
    if not marker_file.is_file():
        return []
    found = _SEGMENT.findall(_text(marker_file))
    return sorted(((int(at) - 1, _date(text)) for at, text in found), key=lambda segment: segment[0])


def _text(path: Path) -> str:
    with reading(path, "a BrainVision header") as file:
        raw = file.read(_LONGEST_TEXT_BYTES + 1)
    if len(raw) > _LONGEST_TEXT_BYTES:
        raise RecordingError(f"{path}: is too long for a text of BrainVision; use an undamaged copy")
    return raw.decode("utf-8", "replace")


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.ljust(20, "0"), "%Y%m%d%H%M%S%f")  # noqa: DTZ007 (wall clock)
    except ValueError:
        return None
