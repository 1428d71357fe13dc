"""The chunks of an XDF file: which streams it has, how far it can be believed, and when samples were taken.

::

    "XDF:" | length | tag (2 bytes) | content | length | tag | content ...
    a length is 1, 4 or 8 (one byte) and then a number of so many bytes

Source: XDF specification 1.0 (https://github.com/sccn/xdf/wiki/Specifications). pyxdf reads the samples; it
makes room for as many as a chunk claims to hold, and knows nothing of files that were cut off. So chunks are
looked over first, without reading samples.

A stamp tells when a sample arrived at the computer, not when it was taken, so single stamps say little: each
unbroken run is a straight line through its stamps, and all runs have one rate.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np

from sanctuary.firmware_bridge.recordings.recording_source import FARTHEST_S, IntArray
from sanctuary.signal.samples import FloatArray

MAGIC = b"XDF:"
FILE_HEADER, STREAM_HEADER, SAMPLES = 1, 2, 3
ITEM_BYTES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "double64": 8}
LONGEST_XML_BYTES = 4 << 20
MOST_CHANNELS = 4096
SLOWEST_HZ, FASTEST_HZ = 1e-3, 1e7
"""Rates beyond are damaged."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream by its header.

    Attributes
    ----------
    id, name, type
        As the file writes them.
    format
        ``float32`` and so on, or ``string``.
    nominal_hz
        0 for streams without a rate.
    labels, units
        Of each channel, empty where the header has none.
    """

    id: int
    name: str
    type: str
    format: str
    n_channels: int
    nominal_hz: float
    labels: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(slots=True)
class XdfSurvey:
    """What a file holds.

    Attributes
    ----------
    streams
        In the file's order.
    samples
        Samples of each stream by its id.
    datetime
        When the recorder started, by the file's header; empty if it says nothing.
    end
        Bytes that can be believed: up to the last chunk that is whole.
    complete
        False where bytes lie behind `end`.
    """

    streams: list[StreamInfo] = field(default_factory=list)
    samples: dict[int, int] = field(default_factory=dict)
    datetime: str = ""
    end: int = len(MAGIC)
    complete: bool = True


def survey_chunks(file: BinaryIO) -> XdfSurvey:
    """Look over all chunks of an opened file."""
    size = file.seek(0, 2)
    found = XdfSurvey()
    kinds: dict[int, StreamInfo] = {}
    while found.end < size:
        file.seek(found.end)
        length = _length(file)
        start = file.tell()
        if length is None or length < 2 or start + length > size:
            found.complete = False
            break
        (tag,) = struct.unpack("<H", file.read(2))
        if not _take(file, tag, length - 2, found, kinds):
            found.complete = False
            break
        found.end = start + length
    return found


def _take(file: BinaryIO, tag: int, length: int, found: XdfSurvey, kinds: dict[int, StreamInfo]) -> bool:
    """Look at one chunk; False where it cannot be believed."""
    if tag == FILE_HEADER:
        xml = _xml(file.read(length)) if length <= LONGEST_XML_BYTES else None
        found.datetime = (_text(xml, "datetime") if xml is not None else "").strip()
        return xml is not None
    if tag not in (STREAM_HEADER, SAMPLES, 4, 6):
        return True
    if length < 4:
        return False
    (stream,) = struct.unpack("<I", file.read(4))
    if tag == STREAM_HEADER:
        info = _stream(stream, file.read(length - 4)) if length <= LONGEST_XML_BYTES else None
        if info is None or stream in kinds:
            return False
        kinds[stream] = info
        found.streams.append(info)
        return True
    if stream not in kinds:
        return False
    if tag == SAMPLES:
        count = _length(file)
        kind = kinds[stream]
        least = 1 + kind.n_channels * (2 if kind.format == "string" else ITEM_BYTES[kind.format])
        if count is None or count * least > length - 4:
            return False
        found.samples[stream] = found.samples.get(stream, 0) + count
    return tag != 4 or length == 20


def _length(file: BinaryIO) -> int | None:
    """Read a number of variable length, or None where there is none."""
    width = file.read(1)
    if width not in (b"\x01", b"\x04", b"\x08"):
        return None
    raw = file.read(width[0])
    return int.from_bytes(raw, "little") if len(raw) == width[0] else None


def _stream(stream: int, raw: bytes) -> StreamInfo | None:
    xml = _xml(raw)
    if xml is None:
        return None
    kind = _text(xml, "channel_format")
    try:
        n_channels, nominal_hz = int(_text(xml, "channel_count")), float(_text(xml, "nominal_srate") or 0.0)
    except ValueError:
        return None
    if (kind not in ITEM_BYTES and kind != "string") or not 0 < n_channels <= MOST_CHANNELS:
        return None
    if not (nominal_hz == 0.0 or SLOWEST_HZ <= nominal_hz <= FASTEST_HZ) or not _text(xml, "name"):
        return None
    entries = xml.findall("./desc/channels/channel")
    if len(entries) != n_channels:
        entries = []
    return StreamInfo(
        stream, _text(xml, "name"), _text(xml, "type"), kind, n_channels, nominal_hz,
        tuple(_text(entry, "label") for entry in entries) or ("",) * n_channels,
        tuple(_text(entry, "unit") for entry in entries) or ("",) * n_channels,
    )  # fmt: skip


def _xml(raw: bytes) -> Any:
    """Parse a header; a document type, which no XDF header has, could define entities without end."""
    text = raw.decode("utf-8", "replace")
    if "<!DOCTYPE" in text.upper():
        return None
    try:
        return fromstring(text)  # noqa: S314 (no document type, bounded length)
    except (ParseError, ValueError):
        return None


def _text(xml: Element, name: str) -> str:
    entry = xml.find(name)
    return (entry.text or "").strip() if entry is not None else ""


BREAK_S = 1.0
"""Stamps further apart are of two runs (pyxdf's default too); the lines tell whether anything is missing."""
ANCHOR_S = 1.0
"""One stamp is kept for about so much signal."""
JITTER_S = 0.1
"""Runs whose lines meet within this are one: stamps came late, no sample is missing."""
LATE_S = 1.0
"""Stamps this far off their run's line came late, after a stall of the computer."""
SHORTEST_S = 10.0
"""Runs of together less do not tell the rate better than the stream's header does."""
_NOTHING = np.empty(0)
"""One array for all chunks without a kept stamp: a night has hundreds of thousands."""
RATE_TOLERANCE = 0.005
"""Effective rates within this share of the nominal one are a crystal's; beyond it samples are missing."""


class StampAnchors:
    """Which samples' stamps are kept, chosen while chunks come in.

    Attributes
    ----------
    rows
        Index of each kept stamp's sample.
    n_samples
        Samples so far.
    breaks
        For each kept stamp, 1 if it is the first of its run.
    """

    def __init__(self, nominal_hz: float) -> None:
        self._spacing = max(1, int(nominal_hz * ANCHOR_S))
        self._longest_s = BREAK_S + 1.0 / nominal_hz
        self.rows, self.breaks = array("q"), array("b")
        self.n_samples = 0
        self._last_s = np.nan

    def take(self, stamps_s: FloatArray) -> FloatArray:
        """Stamps of one chunk in; those to be kept out."""
        n = len(stamps_s)
        if not n:
            return stamps_s
        before = np.concatenate(([self._last_s], stamps_s[:-1]))
        with np.errstate(invalid="ignore"):
            # what is no number begins a run too: the first sample, and stamps that `timeline` refuses
            broken = ~(np.abs(stamps_s - before) <= self._longest_s)
        kept = broken.copy()
        kept[(-self.n_samples) % self._spacing :: self._spacing] = True
        kept[:-1] |= broken[1:]
        if n > 1:
            kept[-1] |= n >= self._spacing
        at = np.flatnonzero(kept)
        self.rows.extend((self.n_samples + at).tolist())
        self.breaks.extend(broken[at].astype(np.int8).tolist())
        self.n_samples += n
        self._last_s = float(stamps_s[-1])
        return stamps_s[at] if len(at) else _NOTHING


@dataclass(frozen=True, slots=True)
class StreamTimeline:
    """Where the samples lie on a clock of one rate.

    Attributes
    ----------
    fs_hz, n_samples
        The rate, and the length with pauses.
    origin_s
        Stamp of the first sample.
    runs
        Of each run: its first row in the file, its place on the sample clock, its samples.
    longest_pause_s
        Between two runs.
    said
        What is doubtful, one sentence each.
    """

    fs_hz: float
    n_samples: int
    origin_s: float
    runs: tuple[tuple[int, int, int], ...]
    longest_pause_s: float
    warnings: tuple[str, ...]


def timeline(anchors: StampAnchors, stamps_s: FloatArray, nominal_hz: float) -> StreamTimeline | None:
    """Lay runs out in time.

    Parameters
    ----------
    anchors
        Which samples the stamps are of.
    stamps_s
        Their stamps, seconds.
    nominal_hz
        Rate by the stream's header.

    Returns
    -------
    The time line, or None where the stamps cannot be times of the samples: there are not as many as anchors,
    they are no numbers, or they tell a rate that no device has.
    """
    rows = np.array(anchors.rows, dtype=np.int64)
    if len(rows) != len(stamps_s) or not (np.abs(stamps_s) < FARTHEST_S).all():
        return None
    edges = [*np.flatnonzero(np.array(anchors.breaks)).tolist(), len(rows)]
    spans = [(a, b) for a, b in pairwise(edges) if b > a]
    firsts = [int(rows[a]) for a, _ in spans]
    counts = [end - first for first, end in zip(firsts, [*firsts[1:], anchors.n_samples], strict=True)]
    fs_hz, warnings = _rate(rows, stamps_s, spans, nominal_hz, anchors.n_samples)
    if not SLOWEST_HZ <= fs_hz <= FASTEST_HZ:
        return None
    begins = [_begin_s(rows[a:b], stamps_s[a:b], fs_hz) for a, b in spans]
    placed: list[list[int]] = []
    backwards = 0
    longest_s, end = 0.0, 0
    for first, count, begin_s in zip(firsts, counts, begins, strict=True):
        pause_s = (begin_s - begins[0]) - end / fs_hz
        longest_s = max(longest_s, abs(pause_s))
        backwards += pause_s < -JITTER_S
        place = end if pause_s <= JITTER_S else round((begin_s - begins[0]) * fs_hz)
        if placed and place == end:
            placed[-1][2] += count
        else:
            placed.append([first, place, count])
        end = place + count
    if backwards:
        warnings = [
            *warnings,
            f"its clock steps back {backwards} times; the samples follow on without a pause there",
        ]
    runs = tuple((first, place, count) for first, place, count in placed)
    return StreamTimeline(fs_hz, end, begins[0], runs, longest_s, tuple(warnings))


def _begin_s(rows: IntArray, stamps_s: FloatArray, fs_hz: float) -> float:
    """When a run's first sample was taken: half of the stamps say later, half earlier."""
    return float(np.median(stamps_s - (rows - rows[0]) / fs_hz))


def _rate(
    rows: IntArray, stamps_s: FloatArray, spans: list[tuple[int, int]], nominal_hz: float, n_samples: int
) -> tuple[float, list[str]]:
    """Rate by the stamps of all runs together, or the nominal one where the stamps tell no better."""
    length_s = sum(float(rows[b - 1] - rows[a]) for a, b in spans) / nominal_hz
    if length_s < SHORTEST_S:
        return nominal_hz, []
    fs_hz = _slope_hz(rows, stamps_s, spans, nominal_hz, LATE_S)
    fs_hz = _slope_hz(rows, stamps_s, spans, fs_hz, JITTER_S)
    if abs(fs_hz / nominal_hz - 1.0) * n_samples < 0.5:
        return nominal_hz, []
    if abs(fs_hz / nominal_hz - 1.0) <= RATE_TOLERANCE:
        return round(fs_hz, 5), []
    warning = (
        f"its samples come at {fs_hz:.2f} Hz by their time stamps, not at its header's {nominal_hz:g} Hz"
    )
    return round(fs_hz, 5), [f"{warning}; times follow the stamps, and some samples may be missing"]


def _slope_hz(
    rows: IntArray, stamps_s: FloatArray, spans: list[tuple[int, int]], guess_hz: float, late_s: float
) -> float:
    """Rate of the best lines through all runs, without stamps that are off by more than `late_s`."""
    above, below = 0.0, 0.0
    for a, b in spans:
        at, when = rows[a:b].astype(np.float64), stamps_s[a:b]
        off_s = when - (at - at[0]) / guess_hz
        slow = (off_s[-1] - off_s[0]) / max(at[-1] - at[0], 1.0)
        off_s = off_s - slow * (at - at[0])
        kept = np.abs(off_s - np.median(off_s)) <= late_s
        if not kept.any():
            continue
        at, when = at[kept] - at[kept].mean(), when[kept] - when[kept].mean()
        above += float(at @ at)
        below += float(at @ when)
    return above / below if below > 0.0 else guess_hz
