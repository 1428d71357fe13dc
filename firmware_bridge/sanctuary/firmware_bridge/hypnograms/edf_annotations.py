"""Stages in the annotations of an EDF+ or BDF+ file: Sleep-EDF, HMC, MASS, or the recording itself."""

from __future__ import annotations

from pathlib import Path

from sanctuary.firmware_bridge.hypnograms.clocks import header_clock
from sanctuary.firmware_bridge.hypnograms.drafts import Draft, Row
from sanctuary.firmware_bridge.recordings.layout import read_layout
from sanctuary.firmware_bridge.recordings.marks import first_sample_s, read_marks


def read_annotations(path: Path) -> Draft:
    """Read all annotations; onsets count from the first data record, whose wall clock is in the header.

    Raises
    ------
    RecordingError
        The file is damaged.
    """
    layout = read_layout(path)
    marks = read_marks(layout)
    rows = tuple(
        Row(mark.text, f"annotation at {mark.onset_s:g} s", mark.onset_s, mark.duration_s)
        for mark in marks.annotations
    )
    clock = header_clock(layout.header, first_sample_s(marks.onsets_s, layout.record_s))
    return Draft("EDF+ annotations", rows, clock=clock, clocked=True, events=True)
