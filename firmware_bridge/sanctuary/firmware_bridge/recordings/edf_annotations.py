"""Annotations of EDF+ and BDF+ files: TAL bytes, annotation signals, and marks of lost samples.

Time-stamped annotation lists (TAL)::

    +12.5 <15> 30 <14> text <14> text <14> <00>      onset, duration (optional), texts
    +12   <14> <14> <00>                             time keeping: first in each data record, no text

Source: EDF+ specification, section 2.2 (https://www.edfplus.info/specs/edfplus.html). edfio reads
annotations, but not the start of each data record, which files with gaps (EDF+D) need.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.recordings.edf_layout import EdfLayout
from sanctuary.firmware_bridge.recordings.recording_source import (
    Annotation,
)
from sanctuary.signal.samples import FloatArray

_TAL = re.compile(rb"([+-]\d{1,12}(?:\.\d*)?)(?:\x15(\d{1,12}(?:\.\d*)?))?\x14((?:[^\x00\x14]*\x14)*)\x00")
_CONTROL = dict.fromkeys([*range(0x20), 0x7F], " ")


def decode_tals(raw: bytes) -> tuple[float | None, list[Annotation]]:
    """Annotations in one data record of one annotation signal.

    Returns
    -------
    Time-keeping onset in seconds, or None where the record has none, and its annotations. Bytes that are not
    a TAL are passed over: one damaged record must not cost the night.
    """
    keeping: float | None = None
    found = []
    for onset, duration, texts in _TAL.findall(raw):
        onset_s = float(onset)
        length_s = float(duration) if duration else None
        for text in texts.split(b"\x14")[:-1]:
            if text:
                found.append(Annotation(onset_s, length_s, text.decode("utf-8", errors="replace")))
            elif keeping is None:
                keeping = onset_s
    return keeping, found


def encode_time_keeping(onset_s: float) -> bytes:
    """Encode the TAL that opens a data record which starts at `onset_s`."""
    return b"+" + _number(onset_s) + b"\x14\x14\x00"


def encode_tal(annotation: Annotation) -> bytes:
    """Encode one annotation, control characters blanked."""
    timing = (b"-" if annotation.onset_s < 0.0 else b"+") + _number(abs(annotation.onset_s))
    if annotation.duration_s is not None:
        timing += b"\x15" + _number(annotation.duration_s)
    return timing + b"\x14" + annotation.text.translate(_CONTROL).encode() + b"\x14\x00"


def _number(seconds: float) -> bytes:
    """Encode `seconds` with microseconds, so an onset finds its sample at any rate a headband has."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".").encode()


EQUIPMENT = "dream-sanctuary"
"""Equipment code in the header of files that our own recorder wrote."""


@dataclass(frozen=True, slots=True)
class EdfAnnotations:
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


def read_edf_annotations(layout: EdfLayout) -> EdfAnnotations:
    """Read every annotation signal of a file, record by record; values are not decoded."""
    own = EQUIPMENT.encode() in layout.header[88:168].split()
    if not layout.annotation_spans:
        return EdfAnnotations((), (), own)
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
    return EdfAnnotations(tuple(onsets), tuple(sorted(shifted, key=lambda mark: mark.onset_s)), own)


SAMPLE_LOSS = "sample loss"
"""Annotation with which our recorder marks lost samples; ``sample loss@@AF7`` means one channel."""


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
