"""The annotations of a file that is written: which there are, and in which data record each has room.

Labels and units as the header of an EDF file holds them: ASCII, 16 and 8 characters, no two alike.
"""

from __future__ import annotations

import math
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import uv_per_unit
from sanctuary.firmware_bridge.recordings.edf_layout import Annotation
from sanctuary.firmware_bridge.recordings.edf_writing import annotation_lists
from sanctuary.firmware_bridge.recordings.formats.edf import SAMPLE_LOSS
from sanctuary.firmware_bridge.recordings.source import Channel, Source

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


LABEL_CHARACTERS = 16
UNIT_CHARACTERS = 8
_SPELLED = {"°": "deg", "Ω": "Ohm", "\u2126": "Ohm", "µ": "u", "μ": "u", "²": "2", "‰": "permil"}


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """Label and unit of each channel, and what had to be changed, one sentence each."""

    pairs: tuple[tuple[str, str], ...]
    said: tuple[str, ...]


def header_names(channels: Sequence[Channel], in_microvolts: Sequence[bool]) -> HeaderNames:
    """Spell labels and units.

    Parameters
    ----------
    channels
        As the source has them.
    in_microvolts
        For each, whether a voltage is written in microvolts rather than in the source's unit.
    """
    taken: set[str] = set()
    pairs, said = [], []
    for channel, changed in zip(channels, in_microvolts, strict=True):
        label = _unique(_ascii(channel.label)[:LABEL_CHARACTERS].strip() or "signal", taken)
        taken.add(label)
        if label != channel.label:
            said.append(f"channel {channel.label!r} is called {label!r}, which EDF can hold")
        voltage = uv_per_unit(channel.unit) is not None
        unit = "uV" if voltage and changed else _ascii(channel.unit)[:UNIT_CHARACTERS].strip()
        pairs.append((label, unit))
    return HeaderNames(tuple(pairs), tuple(said))


def _ascii(text: str) -> str:
    spelled = "".join(_SPELLED.get(letter, letter) for letter in text)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return "".join(letter if letter.isprintable() else " " for letter in plain).strip()


def _unique(label: str, taken: set[str]) -> str:
    if label not in taken and label.casefold() not in ("edf annotations", "bdf annotations"):
        return label
    number = 2
    while (other := f"{label[: LABEL_CHARACTERS - 1 - len(str(number))]}~{number}") in taken:
        number += 1
    return other
