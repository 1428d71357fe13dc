"""Annotations of a whole EDF+ or BDF+ file, on the clock of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sanctuary.firmware_bridge.recordings.layout import Layout
from sanctuary.firmware_bridge.recordings.tal import Annotation, decode_tals

EQUIPMENT = "dream-sanctuary"
"""Equipment code in the header of files that our own recorder wrote."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the annotation signals of a file say.

    Attributes
    ----------
    onsets_s
        Start of each data record by its own time keeping, None where it has none; empty in plain EDF.
    annotations
        In order of onset, seconds since the first sample.
    own
        True if our own recorder wrote the file.
    """

    onsets_s: tuple[float | None, ...]
    annotations: tuple[Annotation, ...]
    own: bool


def first_sample_s(onsets_s: Sequence[float | None], record_s: float) -> float:
    """Onset of the first sample by the first record whose time keeping can be read; 0 if none can."""
    return next((onset - i * record_s for i, onset in enumerate(onsets_s) if onset is not None), 0.0)


def read_marks(layout: Layout) -> Marks:
    """Read every annotation signal of a file, record by record; values are not decoded."""
    own = EQUIPMENT.encode() in layout.header[88:168].split()
    if not layout.annotation_spans:
        return Marks((), (), own)
    onsets: list[float | None] = []
    found: list[Annotation] = []
    for _, raw in layout.chunks():
        records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, layout.record_bytes)
        first, *others = [
            [row.tobytes() for row in records[:, start:stop]] for start, stop in layout.annotation_spans
        ]
        for record in first:
            onset_s, annotations = decode_tals(record)
            onsets.append(onset_s)
            found += annotations
        for span in others:
            for record in span:
                found += decode_tals(record)[1]
    origin_s = first_sample_s(onsets, layout.record_s)
    shifted = [replace(mark, onset_s=round(mark.onset_s - origin_s, 9)) for mark in found]
    return Marks(tuple(onsets), tuple(sorted(shifted, key=lambda mark: mark.onset_s)), own)
