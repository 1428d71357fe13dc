"""Files without random access, read twice: once to know where every row lies in time, then for samples.

The first reading keeps, for each part of a file, its place and its number of rows; the second reads only the
columns that were chosen. Nothing else is kept, so a night of any length takes little memory.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.clock_columns import Timeline
from sanctuary.firmware_bridge.recordings.formats.edf import IntArray
from sanctuary.firmware_bridge.recordings.formats.text_rows import Lines, part
from sanctuary.firmware_bridge.recordings.source import Channel, Piece, Source
from sanctuary.signal.samples import BoolArray, FloatArray

LONGEST_S = 7 * 24 * 3600.0
"""A recording that seems to last longer has damaged time stamps."""
LONGEST_FILLED = 16
"""Samples; pauses up to this are filled with NaN, longer ones end a piece."""
PROBE_BYTES = 96 << 10


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a file.

    Attributes
    ----------
    path, offset, size
        Which bytes of which file.
    row, count
        Number of its first row, and how many rows it has.
    left_out
        Which of its lines, counted as the format counts them, are no rows after all.
    """

    path: Path
    offset: int
    size: int
    row: int
    count: int
    left_out: IntArray


class IndexedSource(Source):
    """A source whose rows lie on a timeline.

    Subclasses set the attributes of `Source` and these.

    Attributes
    ----------
    index
        All parts with rows, in order.
    timeline
        Where the rows lie.
    """

    index: tuple[Part, ...]
    timeline: Timeline

    @abstractmethod
    def values(self, lines: Lines, left_out: IntArray, chosen: Sequence[int]) -> FloatArray:
        """Give the chosen channels in the rows of one part, shape ``(channels, rows)``; NaN if lost."""

    def pieces(self, chosen: Sequence[int]) -> Iterator[Piece]:
        """Stretches of the chosen channels, in their units; may be called again."""
        for each in self.index:
            lines = part(each.path, each.offset, each.size, self.format, last=True)
            values = self.values(lines, each.left_out, chosen)
            if values.shape[1] != each.count:
                raise RecordingError(f"{each.path}: the file was changed while it was read; read it again")
            yield from _pieces(self.timeline.places(each.row, each.count), values)

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
        """Give up to `most` seconds spread over the recording, each from the beginning of a part."""
        size = max(1, int(self.channels[chosen[0]].fs_hz))
        found = [np.empty((len(chosen), 0))]
        picked = np.unique(np.linspace(0, len(self.index) - 1, most).astype(int))
        per_part = -(-most // len(picked))
        for each in (self.index[i] for i in picked.tolist()):
            rows = int(min(each.count, per_part * size))
            taken = min(each.size, max(PROBE_BYTES, round(2.0 * rows * each.size / max(each.count, 1))))
            lines = part(each.path, each.offset, taken, self.format, last=taken == each.size)
            values = self.values(lines, each.left_out, chosen)
            found.append(values[:, : min(rows, values.shape[1]) // size * size])
        joined = np.concatenate(found, axis=1)
        return joined.reshape(len(chosen), -1, size)[:, :most]

    def lay_out(self, labels: Sequence[str], unit: str, timeline: Timeline) -> None:
        """Set the timeline, and the channels that follow from it.

        Raises
        ------
        RecordingError
            The recording would be longer than any night.
        """
        if timeline.n_samples > LONGEST_S * timeline.fs_hz:
            raise RecordingError(
                f"{self.path}: by its counters and time stamps it lasts "
                f"{timeline.n_samples / timeline.fs_hz / 86400:.0f} days, so they are damaged; cut the file"
            )
        self.timeline = timeline
        self.channels = tuple(Channel(label, unit, timeline.fs_hz, timeline.n_samples) for label in labels)

    def lost(self) -> list[str]:
        """Say how much is missing between the first row and the last."""
        timeline = self.timeline
        if not timeline.lost:
            return []
        share = timeline.lost / timeline.n_samples
        said = (
            f"{timeline.lost} samples of {timeline.n_samples} are missing in "
            f"{_counted(len(timeline.rows) - 1, 'place')}, {timeline.lost / timeline.fs_hz:.3g} s or "
            f"{_percent(share)} of the recording; they are kept as gaps"
        )
        return [said]


def _percent(share: float) -> str:
    return f"{100.0 * share:.2g} %"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _pieces(places: IntArray, values: FloatArray) -> Iterator[Piece]:
    """Cut the rows of a part at long pauses, and fill short ones with NaN."""
    if not len(places):
        return
    cuts: BoolArray = np.diff(places) > LONGEST_FILLED
    edges = [0, *(np.flatnonzero(cuts) + 1).tolist(), len(places)]
    for a, b in pairwise(edges):
        first, last = int(places[a]), int(places[b - 1])
        if last - first == b - a - 1:
            yield first, values[:, a:b]
            continue
        filled = np.full((len(values), last - first + 1), np.nan)
        filled[:, places[a:b] - first] = values[:, a:b]
        yield first, filled
