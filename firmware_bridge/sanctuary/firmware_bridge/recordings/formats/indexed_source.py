"""Files without random access, read twice: once to know where every row lies in time, then for samples.

The first reading keeps, for each part of a file, its place and its number of rows; the second reads only the
columns that were chosen. Nothing else is kept, so a night of any length takes little memory. Below are the
warnings that the readers of such files share, and their rails.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.row_clock import RowTimeline
from sanctuary.firmware_bridge.recordings.formats.text_rows import TextLines, part
from sanctuary.firmware_bridge.recordings.recording_source import (
    IntArray,
    RecordingSource,
    SourceChannel,
    Stretch,
)
from sanctuary.signal.samples import BoolArray, FloatArray

LONGEST_S = 7 * 24 * 3600.0
"""A recording that seems to last longer has damaged time stamps."""
LONGEST_FILLED = 16
"""Samples; pauses up to this are filled with NaN, longer ones end a piece."""
PROBE_BYTES = 96 << 10


@dataclass(frozen=True, slots=True, eq=False)
class FilePart:
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


class IndexedSource(RecordingSource):
    """A source whose rows lie on a timeline.

    Subclasses set the attributes of `RecordingSource` and these.

    Attributes
    ----------
    index
        All parts with rows, in order.
    timeline
        Where the rows lie.
    """

    index: tuple[FilePart, ...]
    timeline: RowTimeline

    @abstractmethod
    def values(self, lines: TextLines, left_out: IntArray, chosen: Sequence[int]) -> FloatArray:
        """Give the chosen channels in the rows of one part, shape ``(channels, rows)``; NaN if lost."""

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
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

    def lay_out(self, labels: Sequence[str], unit: str, timeline: RowTimeline) -> None:
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
        self.channels = tuple(
            SourceChannel(label, unit, timeline.fs_hz, timeline.n_samples) for label in labels
        )

    def lost(self) -> list[str]:
        """Say how much is missing between the first row and the last."""
        timeline = self.timeline
        if not timeline.lost:
            return []
        share = timeline.lost / timeline.n_samples
        warning = (
            f"{timeline.lost} samples of {timeline.n_samples} are missing in "
            f"{_counted(len(timeline.rows) - 1, 'place')}, {timeline.lost / timeline.fs_hz:.3g} s or "
            f"{_percent(share)} of the recording; they are kept as gaps"
        )
        return [warning]


def _percent(share: float) -> str:
    return f"{100.0 * share:.2g} %"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _pieces(places: IntArray, values: FloatArray) -> Iterator[Stretch]:
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


EARLIEST_S, LATEST_S = 1.0e9, 4.1e9
"""Unix times from 2001 to 2099; a stamp outside counts from somewhere else."""


def start_warnings(unix_s: float | None) -> list[str]:
    """Say that the local time of the first sample is not known, and its UTC where that is.

    Parameters
    ----------
    unix_s
        Time stamp of the first sample, if it may be a Unix time.
    """
    if unix_s is not None and EARLIEST_S <= unix_s <= LATEST_S:
        utc = datetime.fromtimestamp(unix_s, UTC)
        warning = (
            f"it begins at {utc:%Y-%m-%d %H:%M:%S} UTC and does not say in which time zone; for "
            "the wall clock name "
            "the local time with --start-time"
        )
        return [warning]
    return ["it does not say when it began; name the time with --start-time where it matters"]


def continuation_warnings(files: Sequence[Path]) -> list[str]:
    """Say that several files are read as one, or that the first of them continues another."""
    name, _, number = files[0].stem.rpartition("_")
    if name and number.isdigit() and 0 < int(number) < 10_000:
        before = files[0].with_name(f"{name}_{int(number) - 1}{files[0].suffix}")
        if before.is_file():
            return [
                f"it continues {before.name}, which is not read; name the first file for the whole session"
            ]
    if len(files) == 1:
        return []
    more = f"{len(files) - 1} more file" + ("s" if len(files) > 2 else "")
    warning = f"the session goes on in {more}, up to {files[-1].name}; they are read as one recording"
    return [warning]


def local_moment(local_s: float) -> datetime | None:
    """Wall clock of seconds since 1970 by the same clock, or None where that is no date."""
    try:
        return datetime.fromtimestamp(local_s, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


CYTON_FULL_UV = 4.5e6
"""Reference voltage of an ADS1299; it rails at this much divided by its gain."""
CYTON_GAINS = (24, 12, 8, 6, 4, 2, 1)
GANGLION_RAIL_UV = 1.2e6 / 1.5 / 51.0
NEAR = 1e-5
"""Relative; files round their values."""
LEAST_SHARE_WARNED = 0.01


def cyton_rail_uv(largest_uv: float) -> float:
    """Rail (uV) of the highest gain with which values of that magnitude are possible, lowered by rounding."""
    fitting = (CYTON_FULL_UV / gain for gain in CYTON_GAINS)
    rail = next((rail for rail in fitting if largest_uv <= rail * (1.0 + NEAR)), np.inf)
    return rail * (1.0 - NEAR)


def largest(values: FloatArray) -> float:
    """Largest magnitude among values, 0 where there are none."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def rail_warnings(labels: Sequence[str], probed: FloatArray, rails_uv: tuple[float, float]) -> list[str]:
    """Say which channels are at their rails in a part of the seconds that were looked at.

    Parameters
    ----------
    labels
        Channels.
    probed
        Shape ``(channels, n, samples)``, uV, rails and all.
    rails_uv
        At or below the first and at or above the second a sample is lost.
    """
    low, high = rails_uv
    warnings = []
    for label, values in zip(labels, probed, strict=True):
        finite = values[np.isfinite(values)]
        share = float(np.mean((finite <= low) | (finite >= high))) if finite.size else 0.0
        if share >= LEAST_SHARE_WARNED:
            warnings.append(
                f"channel {label!r} is at the end of its range in about {100 * share:.0f} % of "
                "the recording, as "
                "without contact; these samples are taken as lost"
            )
    return warnings
