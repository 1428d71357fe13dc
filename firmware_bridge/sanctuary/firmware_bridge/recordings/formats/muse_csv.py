"""CSV files of Muse headbands: the Mind Monitor app's, and those of muse-lsl and BlueMuse.

Mind Monitor, ``mindMonitor_YYYY-MM-DD--HH-MM-SS.csv``: ``TimeStamp,Delta_TP9,...,RAW_TP9,RAW_AF7,RAW_AF8,
RAW_TP10,AUX_RIGHT,...,Elements``: local time, microvolts between 0 and 1682 around a centre that differs from
channel to channel and drifts; a running median is taken away. Only files of the recording interval "constant"
hold every sample. Rows with a text in the last column are events.

muse-lsl (``muselsl record``) and BlueMuse: ``timestamps,TP9,AF7,AF8,TP10,Right AUX[,Marker0]``: seconds
(BlueMuse also milliseconds), microvolts. There is no counter: a packet of 12 samples that was lost shows only
in the time stamps, and where muse-lsl drew these as one straight line ("dejitter", its default) not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.delimited import DelimitedSource, RowFormat
from sanctuary.firmware_bridge.recordings.formats.indexed_source import (
    local_moment,
    rail_warnings,
    start_warnings,
)
from sanctuary.firmware_bridge.recordings.formats.text_rows import (
    TextRows,
    column_names,
    dates_and_times,
    read_column_names,
)
from sanctuary.firmware_bridge.recordings.recording_source import (
    NO_READING_OPTIONS,
    ReadingOptions,
    Stretch,
    dense,
    unused_options,
)
from sanctuary.signal.samples import BoolArray, FloatArray

MIND_MONITOR = "Mind Monitor CSV"
MIND_MONITOR_RAILS_UV = (0.0, 1682.0)
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

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
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

        def stamps(rows: TextRows) -> FloatArray:
            return dates_and_times(rows, 0)

        def aside(rows: TextRows) -> BoolArray:
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

        def notes(rows: TextRows) -> list[tuple[float, str]]:
            texts = rows.cells(-1, _LONGEST_NOTE)
            at_s = dates_and_times(rows, 0)
            return [
                (float(second), text.decode("utf-8", errors="replace"))
                for second, text in zip(at_s, texts.tolist(), strict=True)
                if np.isfinite(second)
            ]

        super().__init__(
            RowFormat(
                format=MIND_MONITOR,
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
        self._layout = replace(self._layout, rails_uv=MIND_MONITOR_RAILS_UV)
        self.start = options.start or local_moment(self.timeline.first_s)
        self.warnings = (
            *self.warnings,
            *rail_warnings(self._layout.labels[: len(probed)], probed, MIND_MONITOR_RAILS_UV),
            *unused_options(self.format, options),
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

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        """Stretches of the chosen channels around their running medians, uV; may be called again."""
        size = max(1, round(LEVEL_S * self.timeline.fs_hz))
        n_samples = self.timeline.n_samples
        return _centred(dense(super().pieces(chosen), len(chosen), n_samples, size), size)

    def _rate_warnings(self, rate_hz: float | None) -> list[str]:
        if rate_hz is not None:
            return [f"by its time stamps it has {rate_hz:g} samples a second, as the Muse of 2014"]
        return super()._rate_warnings(rate_hz)


def _centred(blocks: Iterator[FloatArray], size: int) -> Iterator[Stretch]:
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


MUSE_LSL = "muse-lsl CSV"
LABELS = ("TP9", "AF7", "AF8", "TP10", "Right AUX")
MUSE_LSL_RAILS_UV = (-999.99, 999.49)
"""The converter gives 0.48828125 x (0 to 4095 - 2048)."""
FS_HZ = 256.0
_STAMP = "timestamps"
_BESIDE = ({"ppg1", "ppg2", "ppg3"}, {"x", "y", "z"})
"""Columns of its files of light sensors and of motion."""
_MILLISECONDS_FROM = 1e11
"""Seconds since 1970 do not come to this for three thousand years."""
_SMEARED = 0.002


def is_muse_lsl(head: bytes) -> bool:
    """Whether the first line names muse-lsl's columns, of EEG or of what is beside it."""
    found = column_names(head)
    if found is None or found.names[0] not in (_STAMP, "timestamp"):
        return False
    return _has_eeg(found.names) or (
        found.names[0] == _STAMP and any(columns <= set(found.names) for columns in _BESIDE)
    )


def _has_eeg(names: tuple[str, ...]) -> bool:
    return {"tp9", "af7", "af8"} <= set(names)


class MuseLslSource(DelimitedSource):
    """One file of muse-lsl or BlueMuse.

    Parameters
    ----------
    path
        The file.
    options
        Only `ReadingOptions.start` is of use.

    Raises
    ------
    RecordingError
        The file cannot be used.
    """

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        header = read_column_names(path, "a CSV file of muse-lsl")
        if not _has_eeg(header.names):
            kind = "light sensors" if "ppg1" in header.names else "motion"
            raise RecordingError(
                f"{path}: this muse-lsl file holds the {kind}, not EEG; name the EEG file beside it"
            )
        found = header.places(LABELS)

        def stamps(rows: TextRows) -> FloatArray:
            stamped = rows.numbers([0])[:, 0]
            return np.where(stamped >= _MILLISECONDS_FROM, stamped / 1000.0, stamped)

        super().__init__(
            RowFormat(
                format=MUSE_LSL,
                files=((path, header.begin),),
                separator=header.separator,
                fewest=len(header.names),
                most=len(header.names),
                labels=tuple(label for label, _ in found),
                columns=tuple(place for _, place in found),
                fs_hz=FS_HZ,
                stamps=stamps,
                stamp=0,
            )
        )
        probed = self.probe(range(len(self.channels)), 40)
        self._layout = replace(self._layout, rails_uv=MUSE_LSL_RAILS_UV)
        self.start = options.start
        worn = [i for i, label in enumerate(self._layout.labels) if label != LABELS[-1]]
        self.warnings = (
            *self.warnings,
            *self._smeared(),
            *rail_warnings([self._layout.labels[i] for i in worn], probed[worn], MUSE_LSL_RAILS_UV),
            *(start_warnings(self.timeline.first_s) if self.start is None else ()),
            *unused_options(self.format, options),
        )

    def rate(self, measured_hz: float | None, *, evenly: bool) -> float | None:
        """Take the rate of even stamps as it is, however many samples are missing; else as for others."""
        if evenly and measured_hz is not None:
            return measured_hz if abs(measured_hz / FS_HZ - 1.0) > _SMEARED else None
        return super().rate(measured_hz, evenly=evenly)

    def rail(self, index: int) -> float:
        del index
        return MUSE_LSL_RAILS_UV[1]

    def _smeared(self) -> list[str]:
        fs_hz = self.timeline.fs_hz
        if not self.evenly_stamped or abs(fs_hz / FS_HZ - 1.0) <= _SMEARED:
            return []
        share = (
            f"about {100 * (1 - fs_hz / FS_HZ):.1f} % of its samples are missing"
            if fs_hz < FS_HZ
            else "it has too many"
        )
        warning = (
            f"its time stamps were drawn as one straight line, of {fs_hz:.2f} Hz where a Muse "
            f"has 256 Hz: {share}, and "
            "where cannot be told; record without dejitter"
        )
        return [warning]

    def _rate_warnings(self, rate_hz: float | None) -> list[str]:
        return [] if self.evenly_stamped else super()._rate_warnings(rate_hz)
