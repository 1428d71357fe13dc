"""The chunks of an XDF file: which streams it has, and how far it can be believed.

::

    "XDF:" | length | tag (2 bytes) | content | length | tag | content ...
    a length is 1, 4 or 8 (one byte) and then a number of so many bytes

Source: XDF specification 1.0 (https://github.com/sccn/xdf/wiki/Specifications). pyxdf reads the samples; it
makes room for as many as a chunk claims to hold, and knows nothing of files that were cut off. So chunks are
looked over first, without reading samples.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError, fromstring

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
class Survey:
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


def survey(file: BinaryIO) -> Survey:
    """Look over all chunks of an opened file."""
    size = file.seek(0, 2)
    found = Survey()
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


def _take(file: BinaryIO, tag: int, length: int, found: Survey, kinds: dict[int, StreamInfo]) -> bool:
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
