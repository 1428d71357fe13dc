"""The annotations of a file that is written: which there are, and in which data record each has room."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import islice

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.gaps import SAMPLE_LOSS
from sanctuary.firmware_bridge.recordings.source import Source
from sanctuary.firmware_bridge.recordings.tal import Annotation
from sanctuary.firmware_bridge.recordings.writing import annotation_lists

MOST_MARKS = 500_000
"""Gaps and annotations that one file is given; more are no recording."""
LONGEST_TEXT = 2000
_SMALLEST_ROOM = 96
_LARGEST_ROOM = 1 << 20
"""Samples, and bytes, that the annotation signal has in a record."""
_SHORTEST_LIST_BYTES = 6


def notes_for(source: Source, marks: Sequence[Annotation]) -> tuple[list[Annotation], list[str]]:
    """Put the source's annotations and those of the gaps in order."""
    own = [mark for mark in source.annotations if mark.text.partition("@@")[0] != SAMPLE_LOSS]
    if len(own) + len(marks) > MOST_MARKS:
        raise RecordingError(f"{source.path}: has more than {MOST_MARKS} annotations; EDF cannot hold them")
    cut = [
        Annotation(mark.onset_s, mark.duration_s, mark.text[:LONGEST_TEXT])
        for mark in own
        if mark.text.strip()
    ]
    long = sum(len(mark.text) > LONGEST_TEXT for mark in own)
    said = [f"{long} annotations are cut to {LONGEST_TEXT} characters"] if long else []
    return sorted([*cut, *marks], key=lambda mark: mark.onset_s), said


def covered_s(marks: Sequence[Annotation]) -> float:
    """Length of what any of the marks covers."""
    total, end = 0.0, 0.0
    for mark in sorted(marks, key=lambda mark: mark.onset_s):
        stop = mark.onset_s + (mark.duration_s or 0.0)
        total += max(0.0, stop - max(mark.onset_s, end))
        end = max(end, stop)
    return total


def room_for(notes: Sequence[Annotation], n_records: int, record_s: float, first_s: float, width: int) -> int:
    """Bytes of the annotation signal in a record with which all notes find a place."""
    room = _SMALLEST_ROOM * width
    while room <= _LARGEST_ROOM:
        waiting = deque(notes)
        for index in range(n_records):
            if not waiting:
                break
            end_s = (index + 1) * record_s if index < n_records - 1 else math.inf
            next_lists(index * record_s, end_s, first_s, waiting, room)
        if not waiting:
            return room
        room = room * 3 // 2 // width * width
    raise RecordingError("its annotations are too many and too long for EDF")


def next_lists(began_s: float, end_s: float, first_s: float, waiting: deque[Annotation], room: int) -> bytes:
    """Annotation signal of one record: of what happened before its end and waits, as much as fits."""
    due = [note for note in islice(waiting, room // _SHORTEST_LIST_BYTES) if note.onset_s < end_s]
    lists, fitted = annotation_lists(first_s + began_s, first_s, due, room)
    for _ in range(fitted):
        waiting.popleft()
    return lists
