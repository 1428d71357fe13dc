"""Package counters of boards: what one counts, learnt from its own values, and how many samples are missing.

Counters differ: 0 to 255 (Cyton), every second number of those (Daisy), 0 to 100, 0 to 200, or 0 and then
101 to 200 twice each (Ganglion, by firmware), one number for the twelve samples of a packet (Muse). So
nothing but what they do in the file is trusted: the numbers that occur, and how often each is repeated.

Pauses in files whose samples lie side by side, by what is marked in them.

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
from sanctuary.firmware_bridge.recordings.channels import reading
from sanctuary.firmware_bridge.recordings.edf_layout import Annotation
from sanctuary.firmware_bridge.recordings.formats.edf import LONGEST_GAP_S, IntArray
from sanctuary.signal.samples import BoolArray, FloatArray

LARGEST = 1 << 16
"""Counters have at most 16 bits."""
FEWEST_TURNS = 4
"""After so many turns of a counter the numbers that it never showed are taken not to be in it."""
FEWEST_SIGHTINGS = 10
"""A number is repeated as the others are, unless it was seen so often to be repeated otherwise."""
REGULAR_SHARE = 0.5
"""Of the steps from one number to the next at least this share is alike, or it is no counter."""
TURNING_SHARE = 0.1
"""No counter begins anew more often than after ten numbers."""
RARE = 0.3
"""A number that occurs less often than this, compared with the others, is a damaged one."""


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """One turn of a counter.

    Attributes
    ----------
    places
        Of each number: how many samples of the turn come before its first; -1 where it is not in the turn.
    repeats
        How many samples bear each number.
    length
        Samples in one turn.
    """

    places: IntArray
    repeats: IntArray
    length: int


def learn_cycle(numbers: IntArray) -> Cycle | None:
    """Learn what a counter does from the numbers of some thousand samples, or None if they do not count.

    Parameters
    ----------
    numbers
        Whole numbers of at least 0, in the file's order.
    """
    numbers = numbers[numbers < LARGEST]
    if len(numbers) < 2:
        return None
    begins = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1))
    seen = numbers[begins]
    steps = np.diff(seen)
    rising = steps[steps > 0]
    if not rising.size:
        return None
    step = int(np.bincount(rising).argmax())
    turns = int((steps < 0).sum())
    if (rising == step).sum() < REGULAR_SHARE * len(rising) or turns > 1 + TURNING_SHARE * len(steps):
        return None
    lengths = np.diff(np.append(begins, len(numbers)))
    members = _members(seen, step, turns)
    usual = int(np.bincount(lengths).argmax())
    repeats = np.full(LARGEST, usual, dtype=np.int64)
    if turns >= FEWEST_TURNS and usual > 1:
        repeats[members] = [_usual(lengths[seen == number], usual) for number in members.tolist()]
    places = np.full(LARGEST, -1, dtype=np.int64)
    ends = np.cumsum(repeats[members])
    places[members] = ends - repeats[members]
    return Cycle(places, repeats, int(ends[-1]))


def _usual(lengths: IntArray, otherwise: int) -> int:
    return int(np.bincount(lengths).argmax()) if len(lengths) >= FEWEST_SIGHTINGS else otherwise


def _members(seen: IntArray, step: int, turns: int) -> IntArray:
    """Numbers of one turn."""
    values, counts = np.unique(seen, return_counts=True)
    if turns >= FEWEST_TURNS:
        values = values[counts >= RARE * np.median(counts)]
        even = np.arange(values[0], values[-1] + 1, step)
        return even if len(values) >= 0.9 * len(even) else values
    first = int(values[0]) % step
    largest = int(values[-1])
    if turns == 0:
        largest = max(largest, 255 if largest < 256 else LARGEST - 1)
    return np.arange(first, largest + 1, step)


class Unwrapper:
    """Counts samples on from one part of a file to the next; pure.

    Parameters
    ----------
    cycle
        What the counter does.
    """

    def __init__(self, cycle: Cycle) -> None:
        self.cycle = cycle
        self._number, self._repeat, self._place = -1, 0, -1

    def missing(self, numbers: IntArray) -> IntArray:
        """Count the samples missing before each of the given ones, at most a turn of the counter.

        Returns
        -------
        -1 where a sample bears the number that was complete already: it is there twice, or a whole turn
        is missing. 0 for the first sample of all, and beside numbers that are not in the turn.
        """
        cycle = self.cycle
        known = (numbers >= 0) & (numbers < LARGEST)
        inside = np.where(known, numbers, 0)
        places = np.where(known, cycle.places[inside], -1)
        before = np.concatenate(([self._number], numbers[:-1]))
        fresh: BoolArray = numbers != before
        at = np.arange(len(numbers))
        last = np.maximum.accumulate(np.where(fresh, at, -1))
        repeat = np.where(last >= 0, at - last, self._repeat + 1 + at)
        found = np.where(places >= 0, places + np.minimum(repeat, cycle.repeats[inside] - 1), -1)
        previous = np.concatenate(([self._place], found[:-1]))
        missing = np.where((found >= 0) & (previous >= 0), (found - previous) % cycle.length - 1, 0)
        if len(numbers):
            self._number, self._repeat = int(numbers[-1]), int(repeat[-1])
            self._place = int(found[-1])
        return missing.astype(np.int64)


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
