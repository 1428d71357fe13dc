"""CSV files of the Mind Monitor app, ``mindMonitor_YYYY-MM-DD--HH-MM-SS.csv``.

``TimeStamp,Delta_TP9,...,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,AUX_RIGHT,...,Elements``: local time, microvolts
between 0 and 1682 around a centre that differs from channel to channel and drifts; a running median is taken
away. Only files of the recording interval "constant" hold every sample. Rows with a text in the last column
are events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.clock_columns import dates_and_times
from sanctuary.firmware_bridge.recordings.formats.delimited import DelimitedSource, Layout
from sanctuary.firmware_bridge.recordings.formats.telling import local_moment, railed_said, unused_said
from sanctuary.firmware_bridge.recordings.formats.text_rows import Rows, column_names, read_column_names
from sanctuary.firmware_bridge.recordings.source import NOTHING_TOLD, Piece, ReadingOptions, dense
from sanctuary.signal.samples import BoolArray, FloatArray

NAME = "Mind Monitor CSV"
RAILS_UV = (0.0, 1682.0)
RATES_HZ = (256.0, 220.0)
"""Of today's headbands, and of the Muse of 2014."""
LOWEST_HZ = 100.0
"""Fewer rows a second are averages, not samples."""
LEVEL_S = 60.0
"""The centre is the median of this long, and a straight line from one median to the next."""
_CHANNELS = ("TP9", "AF7", "AF8", "TP10")
_AUX = ("AUX_RIGHT", "AUX_LEFT", "AUX_1", "AUX_2", "AUX_3", "AUX_4")
_SLASH = ord("/")
_LONGEST_NOTE = 200


def is_mind_monitor(head: bytes) -> bool:
    """Whether the first line names Mind Monitor's columns."""
    found = column_names(head)
    return (
        found is not None and found.names[0] == "timestamp" and any(n.startswith("raw_") for n in found.names)
    )


class MindMonitorSource(DelimitedSource):
    """One file of Mind Monitor.

    Parameters
    ----------
    path
        The file.
    options
        Only `ReadingOptions.start` is of use.

    Raises
    ------
    RecordingError
        The file cannot be used; one that holds averages is refused.
    """

    def __init__(self, path: Path, options: ReadingOptions = NOTHING_TOLD) -> None:
        header = read_column_names(path, "a CSV file of Mind Monitor")
        found = [
            (name.removeprefix("RAW_"), place)
            for name, place in header.places([f"RAW_{n}" for n in _CHANNELS])
        ]
        if not found:
            raise RecordingError(
                f"{path}: this Mind Monitor file has no raw signals of TP9, AF7, AF8 or TP10"
            )
        found += header.places(_AUX)
        raw = found[0][1]

        def stamps(rows: Rows) -> FloatArray:
            return dates_and_times(rows, 0)

        def aside(rows: Rows) -> BoolArray:
            starts, _ = rows.bounds(-1)
            texts = rows.lines.raw[np.minimum(starts, max(len(rows.lines.raw) - 1, 0))]
            event: BoolArray = (texts == _SLASH) & (rows.counts > 1)
            long = rows.counts > raw
            begin, end = rows.select(long).bounds(raw)
            last = rows.select(long).bounds(-1)
            silent = np.zeros(len(rows), dtype=np.bool_)
            silent[long] = begin == end
            told = np.zeros(len(rows), dtype=np.bool_)
            told[long] = last[1] > last[0]
            return (event & (silent | ~long)) | (silent & told)

        def notes(rows: Rows) -> list[tuple[float, str]]:
            texts = rows.cells(-1, _LONGEST_NOTE)
            at_s = dates_and_times(rows, 0)
            return [
                (float(second), text.decode("utf-8", errors="replace"))
                for second, text in zip(at_s, texts.tolist(), strict=True)
                if np.isfinite(second)
            ]

        super().__init__(
            Layout(
                format=NAME,
                files=((path, header.begin),),
                separator=header.separator,
                fewest=len(header.names) - 1,
                most=len(header.names),
                labels=tuple(label for label, _ in found),
                columns=tuple(place for _, place in found),
                fs_hz=RATES_HZ[0],
                stamps=stamps,
                stamp=0,
                aside=aside,
                notes=notes,
            )
        )
        probed = self.probe(range(len(_CHANNELS) if len(found) >= len(_CHANNELS) else len(found)), 40)
        self._layout = replace(self._layout, rails_uv=RAILS_UV)
        self.start = options.start or local_moment(self.timeline.first_s)
        self.warnings = (
            *self.warnings,
            *railed_said(self._layout.labels[: len(probed)], probed, RAILS_UV),
            *unused_said(self.format, options),
        )

    def rate(self, measured_hz: float | None, *, evenly: bool) -> float | None:
        """220 or 256 Hz; refuses files that do not hold every sample."""
        del evenly
        if measured_hz is None:
            return None
        if measured_hz < LOWEST_HZ:
            often = (
                f"{measured_hz:.3g} rows a second"
                if measured_hz >= 1
                else f"one row every {1 / measured_hz:.3g} s"
            )
            often = "one row per second" if 0.8 < measured_hz < 1.25 else often
            raise RecordingError(
                f"{self.path}: this file has {often}, which are no samples of EEG; record with "
                "Mind Monitor's "
                "recording interval set to constant"
            )
        near = min(RATES_HZ, key=lambda hz: abs(hz / measured_hz - 1.0))
        return near if near != self._layout.fs_hz else None

    def pieces(self, chosen: Sequence[int]) -> Iterator[Piece]:
        """Stretches of the chosen channels around their running medians, uV; may be called again."""
        size = max(1, round(LEVEL_S * self.timeline.fs_hz))
        n_samples = self.timeline.n_samples
        return _centred(dense(super().pieces(chosen), len(chosen), n_samples, size), size)

    def _rate_said(self, rate_hz: float | None) -> list[str]:
        if rate_hz is not None:
            return [f"by its time stamps it has {rate_hz:g} samples a second, as the Muse of 2014"]
        return super()._rate_said(rate_hz)


def _centred(blocks: Iterator[FloatArray], size: int) -> Iterator[Piece]:
    """Take away a line from the median of each block to that of the next, from middle to middle."""
    start = 0
    before: FloatArray | None = None
    held = next(blocks, None)
    while held is not None:
        after = next(blocks, None)
        middle = _medians(held, before)
        left = middle if before is None else before
        right = middle if after is None else _medians(after, middle)
        if np.isfinite(held).any():
            at = np.arange(held.shape[1]) + 0.5
            knots = [-0.5 * size, 0.5 * size, 1.5 * size]
            level = [np.interp(at, knots, three) for three in np.stack((left, middle, right), axis=1)]
            yield start, held - np.stack(level)
        start += held.shape[1]
        before, held = middle, after


def _medians(block: FloatArray, otherwise: FloatArray | None) -> FloatArray:
    """Median of each row; the one before where a row is empty."""
    fallback = np.zeros(len(block)) if otherwise is None else otherwise
    return np.array(
        [
            np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else other
            for row, other in zip(block, fallback, strict=True)
        ]
    )
