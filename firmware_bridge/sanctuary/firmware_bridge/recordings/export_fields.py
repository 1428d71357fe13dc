"""What the header and the annotations of a written file hold: extremes, labels, units, lists.

EDF holds 16 bits, BDF 24. Where the source has whole numbers of its own that fit, they are kept as they are.
Otherwise the range is that of the samples, a little wider so that none of them looks railed, or the source's
own rail where its steps are fine enough. Labels and units are ASCII, 16 and 8 characters, no two labels
alike. Annotations are given to the data records in which they have room.
"""

from __future__ import annotations

import math
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import islice

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import uv_per_unit
from sanctuary.firmware_bridge.recordings.edf_annotations import SAMPLE_LOSS
from sanctuary.firmware_bridge.recordings.edf_writing import COARSEST_STEP_UV, annotation_lists, header_number
from sanctuary.firmware_bridge.recordings.recording_source import Annotation, RecordingSource, SourceChannel

_FIELD_CHARACTERS = 8
_WIDER = 1.01
"""Samples within a thousandth of the extremes would be taken for railed ones when the file is read."""
_RAILED = 0.999

Scale = tuple[float, float, int, int]


@dataclass(frozen=True, slots=True)
class ValueExtent:
    """What is known of a channel's values.

    Attributes
    ----------
    low, high
        Smallest and largest sample; NaN where there is none.
    rail
        Where the source rails, infinity if not known.
    scale
        Physical and digital extremes in the source, or None.
    voltage
        Whether the values are microvolts.
    """

    low: float
    high: float
    rail: float
    scale: Scale | None
    voltage: bool


def kept_scale(scale: Scale | None, *, wide: bool) -> Scale | None:
    """Give the source's own scale if a header can hold it exactly, else None."""
    if scale is None:
        return None
    low, high, least, most = scale
    lowest, highest = digital_range(wide=wide)
    held = all(_fits(value) for value in (low, high))
    return scale if held and low < high and lowest <= least < most <= highest else None


def digital_range(*, wide: bool) -> tuple[int, int]:
    """Smallest and largest digital value of BDF (`wide`) or EDF."""
    return (-8388608, 8388607) if wide else (-32768, 32767)


def new_scale(extent: ValueExtent, *, wide: bool) -> Scale | None:
    """Choose a scale for a channel; None where the values are too small or large for a header of EDF."""
    if not math.isfinite(extent.low):
        return (-1.0, 1.0, *digital_range(wide=wide))
    if math.isfinite(extent.rail):
        # odd digital range: zero stays zero
        top = digital_range(wide=wide)[1]
        # the minus sign takes one of the field's characters, so the lower extreme decides
        low = _outward(-extent.rail, ROUND_FLOOR)
        if low is not None and -low / top <= finest_step(extent) and low <= min(extent.low, -extent.high):
            return low, -low, -top, top
    low, high = _widened(extent)
    if low == high:
        low, high = low - 1.0, high + 1.0
    below, above = _outward(low, ROUND_FLOOR), _outward(high, ROUND_CEILING)
    if below is None or above is None or above - below > 1.5 * (high - low):
        return None
    return below, above, *digital_range(wide=wide)


def finest_step(extent: ValueExtent) -> float:
    """Step that the written file should not exceed: the source's own, or what is fine enough for EEG."""
    if extent.scale is not None:
        low, high, least, most = extent.scale
        return (high - low) / (most - least) * (1.0 + 1e-9)
    return COARSEST_STEP_UV if extent.voltage else math.inf


def _widened(extent: ValueExtent) -> tuple[float, float]:
    """Range of the samples; wider, unless they reach the rail of the source."""
    largest = max(abs(extent.low), abs(extent.high))
    if largest >= _RAILED * extent.rail:
        return extent.low, extent.high
    by = (_WIDER - 1.0) * max(largest, extent.high - extent.low)
    return extent.low - by, extent.high + by


def _fits(value: float) -> bool:
    text = header_number(value)
    return len(text) <= _FIELD_CHARACTERS and "e" not in text


def _outward(value: float, rounding: str) -> float | None:
    """Nearest number beyond `value` that a header field holds, or None."""
    for decimals in range(6, -1, -1):
        rounded = float(Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=rounding))
        if _fits(rounded):
            return rounded
    return None


MOST_MARKS = 500_000
"""Gaps and annotations that one file is given; more are no recording."""
LONGEST_TEXT = 2000
_SMALLEST_ROOM = 96
_LARGEST_ROOM = 1 << 20
"""Samples, and bytes, that the annotation signal has in a record."""
_SHORTEST_LIST_BYTES = 6


def notes_for(source: RecordingSource, marks: Sequence[Annotation]) -> tuple[list[Annotation], list[str]]:
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
    warnings = [f"{long} annotations are cut to {LONGEST_TEXT} characters"] if long else []
    return sorted([*cut, *marks], key=lambda mark: mark.onset_s), warnings


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
    warnings: tuple[str, ...]


def header_names(channels: Sequence[SourceChannel], in_microvolts: Sequence[bool]) -> HeaderNames:
    """Spell labels and units.

    Parameters
    ----------
    channels
        As the source has them.
    in_microvolts
        For each, whether a voltage is written in microvolts rather than in the source's unit.
    """
    taken: set[str] = set()
    pairs, warnings = [], []
    for channel, changed in zip(channels, in_microvolts, strict=True):
        label = _unique(_ascii(channel.label)[:LABEL_CHARACTERS].strip() or "signal", taken)
        taken.add(label)
        if label != channel.label:
            warnings.append(f"channel {channel.label!r} is called {label!r}, which EDF can hold")
        voltage = uv_per_unit(channel.unit) is not None
        unit = "uV" if voltage and changed else _ascii(channel.unit)[:UNIT_CHARACTERS].strip()
        pairs.append((label, unit))
    return HeaderNames(tuple(pairs), tuple(warnings))


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
