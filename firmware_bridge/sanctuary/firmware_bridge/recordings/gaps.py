"""Where a recording holds no samples: pauses between data records, and stretches marked as lost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.marks import first_sample_s
from sanctuary.firmware_bridge.recordings.tal import Annotation
from sanctuary.signal.samples import FloatArray

SAMPLE_LOSS = "sample loss"
"""Annotation with which our recorder marks lost samples; ``sample loss@@AF7`` means one channel."""
JITTER_S = 0.01
"""Records this much off their place are taken as adjoining: their starts are rounded in the file."""
LONGEST_GAP_S = 24 * 3600.0
"""A longer pause within a night is a damaged time stamp."""

IntArray = NDArray[np.int64]


def record_starts(onsets_s: Sequence[float | None], record_s: float, where: str) -> FloatArray:
    """Start of each data record, seconds since the first sample, from the records' own onsets.

    Parameters
    ----------
    onsets_s
        Start of each record in seconds; None where it cannot be read: the record is then taken to adjoin the
        one before it.
    record_s
        Length of a record.
    where
        The file, for messages.

    Raises
    ------
    RecordingError
        Records overlap, or lie more than a day apart.
    """
    origin_s = first_sample_s(onsets_s, record_s)
    starts_s = np.empty(len(onsets_s))
    expected_s, run_from, run = 0.0, 0.0, 0
    for i, onset_s in enumerate(onsets_s):
        start_s = expected_s if onset_s is None else onset_s - origin_s
        if start_s < expected_s - JITTER_S:
            raise RecordingError(
                f"{where}: data record {i + 1} starts before the one before it ends; time stamps are damaged"
            )
        if start_s - expected_s > LONGEST_GAP_S:
            raise RecordingError(
                f"{where}: more than a day passes before data record {i + 1}; its time stamps are damaged"
            )
        if start_s > expected_s + JITTER_S:
            run_from, run = start_s, 0
        starts_s[i] = run_from + run * record_s
        run += 1
        expected_s = run_from + run * record_s
    return starts_s


def loss_annotations(
    lost: NDArray[np.bool_], start: int, fs_hz: float, channels: Sequence[str]
) -> list[Annotation]:
    """Annotations of the lost samples in one stretch.

    Parameters
    ----------
    lost
        Shape ``(n_channels, n)``, true where a sample is missing.
    start
        Sample clock of the first column.
    fs_hz, channels
        Rate and channel names.
    """
    everywhere = lost.all(axis=0)
    rows = [(SAMPLE_LOSS, everywhere)]
    rows += [(f"{SAMPLE_LOSS}@@{name}", row & ~everywhere) for name, row in zip(channels, lost, strict=True)]
    return [
        Annotation((start + first) / fs_hz, (stop - first) / fs_hz, text)
        for text, mask in rows
        for first, stop in _runs(np.asarray(mask))
    ]


class LossMarks:
    """Annotations of the lost samples of a stream of arrays; a loss that goes on from one to the next is one.

    Parameters
    ----------
    channels, fs_hz
        Channel names, one per row, and their rate.
    whole_file
        Whether these are all channels of the file, so that what all of them lack needs no channel's name.
    """

    def __init__(self, channels: Sequence[str], fs_hz: float, *, whole_file: bool) -> None:
        self._names = [f"{SAMPLE_LOSS}@@{name}" for name in channels]
        self._fs_hz, self._whole_file = fs_hz, whole_file
        self._spans: dict[str, list[tuple[int, int]]] = {}
        self._start = 0
        self.count = 0

    def take(self, lost: NDArray[np.bool_]) -> None:
        """Note what is lost in the next array, shape ``(n_channels, n)``."""
        if lost.any():
            everywhere = lost.all(axis=0) & self._whole_file
            for text, mask in [
                (SAMPLE_LOSS, everywhere),
                *((name, row & ~everywhere) for name, row in zip(self._names, lost, strict=True)),
            ]:
                self._add(text, np.asarray(mask))
        self._start += lost.shape[1]

    def _add(self, text: str, mask: NDArray[np.bool_]) -> None:
        spans = self._spans.setdefault(text, [])
        for first, stop in _runs(mask):
            if spans and spans[-1][1] == self._start + first:
                spans[-1] = (spans[-1][0], self._start + stop)
            else:
                spans.append((self._start + first, self._start + stop))
                self.count += 1

    def annotations(self) -> list[Annotation]:
        """Everything that was lost."""
        return [
            Annotation(first / self._fs_hz, (stop - first) / self._fs_hz, text)
            for text, spans in self._spans.items()
            for first, stop in spans
        ]


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


class Losses:
    """Stretches of lost samples, as annotated by our own recorder.

    Parameters
    ----------
    annotations
        All annotations of the file, onsets counted from its first sample.
    channels, fs_hz
        Names of each channel (its electrode, its label), one entry per row of the arrays to blank, and their
        rate.
    """

    def __init__(
        self, annotations: Iterable[Annotation], channels: Sequence[Collection[str]], fs_hz: float
    ) -> None:
        spans: list[list[tuple[int, int]]] = [[] for _ in channels]
        for mark in annotations:
            text, _, channel = mark.text.partition("@@")
            if text != SAMPLE_LOSS or mark.duration_s is None:
                continue
            first = round(mark.onset_s * fs_hz)
            stop = round((mark.onset_s + mark.duration_s) * fs_hz)
            for row, names in enumerate(channels):
                if not channel or channel in names:
                    spans[row].append((first, stop))
        self._spans = [_merged(row) for row in spans]

    def blank(self, uv: FloatArray, start: int) -> None:
        """Set lost samples to NaN, in place; `start` is the sample clock of the first column."""
        end = start + uv.shape[1]
        for row, spans in zip(uv, self._spans, strict=True):
            at = max(0, bisect_right(spans, (start, start)) - 1)
            while at < len(spans) and spans[at][0] < end:
                first, stop = spans[at]
                row[max(first - start, 0) : max(stop - start, 0)] = np.nan
                at += 1


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, stop in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((first, stop))
    return merged
