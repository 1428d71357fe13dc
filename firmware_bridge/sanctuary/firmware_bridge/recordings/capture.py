r"""Captures: every byte that a headband sent, with its time, to be decoded again by the same codec.

A file is one line of JSON, then records, written as the night goes on::

    sanctuary-capture 1 {"driver": "muse", ...}\n
    at_s float64 | source uint8 | length uint32 | bytes          little-endian, again and again

Source 255 marks an event of the link, whose bytes are JSON: ``started``, from where on samples come (with
the headband's firmware, where it is known), or ``closed``. A capture that was cut off anywhere is whole up to
its last complete record. A disk that is full costs the capture, never the night.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.headbands.device import OpenLink
from sanctuary.firmware_bridge.headbands.headband import Driver, HeadbandOptions
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Link

MAGIC = b"sanctuary-capture 1 "
SUFFIX = ".capture"
RECORD = struct.Struct("<dBI")
EVENT = 255
MAX_HEADER_BYTES = 4096
MAX_RECORD_BYTES = 1 << 20
"""A read brings some 260 kB at most; more is damage."""


@dataclass(frozen=True, slots=True)
class CaptureHeader:
    """What must be known to decode a capture.

    Attributes
    ----------
    driver
        Name of the headband's driver.
    channels
        Electrode site -> input.
    options
        The driver's options that were not the usual.
    address
        Where the headband was.
    started_at
        Wall clock of second 0, ISO 8601 with its zone.
    """

    driver: str
    channels: dict[str, int]
    options: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    started_at: str = ""

    def to_bytes(self) -> bytes:
        return MAGIC + json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class CapturedLinkEvent:
    """Something that befell the link."""

    at_s: float
    what: str
    firmware: int | None = None


def pack(at_s: float, source: int, data: bytes) -> bytes:
    return RECORD.pack(at_s, source, len(data)) + data


def pack_event(at_s: float, what: str, firmware: int | None = None) -> bytes:
    return pack(at_s, EVENT, json.dumps({"event": what, "firmware": firmware}).encode())


class CaptureReader:
    """An opened capture.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    cut_off
        After `records`: bytes at the end that are not a complete record.

    Raises
    ------
    RecordingError
        It is not a capture, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut_off = 0
        try:
            with path.open("rb") as file:
                line = file.readline(MAX_HEADER_BYTES)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
        if not line.startswith(MAGIC) or not line.endswith(b"\n"):
            raise RecordingError(f"{path}: not a capture; make one with `sanctuary run --capture`")
        self._begin = len(line)
        try:
            self.header = CaptureHeader(**json.loads(line[len(MAGIC) :]))
        except (ValueError, TypeError) as error:
            raise RecordingError(f"{path}: line 1: the capture's header is damaged ({error})") from error

    def records(self) -> Iterator[Chunk | CapturedLinkEvent]:
        """All records, in order.

        Raises
        ------
        RecordingError
            The file can no longer be read, or a record is damaged: names the byte.
        """
        try:
            with self.path.open("rb") as file:
                at = file.seek(self._begin)
                while len(head := file.read(RECORD.size)) == RECORD.size:
                    at_s, source, length = RECORD.unpack(head)
                    if length > MAX_RECORD_BYTES or at_s != at_s:
                        raise RecordingError(
                            f"{self.path}: byte {at}: a damaged record ({length} bytes long); what comes "
                            "before it can be used: cut the file off there"
                        )
                    data = file.read(length)
                    if len(data) < length:
                        break
                    at += RECORD.size + length
                    yield self._event(at_s, data, at) if source == EVENT else Chunk(at_s, source, data)
                self.cut_off = file.seek(0, 2) - at
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be read ({error.strerror})") from error

    def _event(self, at_s: float, data: bytes, at: int) -> CapturedLinkEvent:
        try:
            told = json.loads(data)
            return CapturedLinkEvent(at_s, str(told["event"]), told.get("firmware"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordingError(f"{self.path}: byte {at}: a damaged event ({error})") from error


_LOG = logging.getLogger(__name__)

FLUSH_S = 2.0
"""What a crash may cost."""
RETRY_S = 10.0
"""How often a disk that took nothing is tried again."""


class CaptureWriter:
    """One headband's capture, over all its connections; used by the headband's thread alone.

    Parameters
    ----------
    path
        The file; it must not exist.
    header
        Its first line.
    clock
        Monotonic seconds; records count from now.

    Raises
    ------
    InputError
        The file cannot be made.
    """

    def __init__(
        self, path: Path, header: CaptureHeader, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._clock = clock
        self._zero_s = clock()
        self._flush_due_s = self._zero_s + FLUSH_S
        self._retry_due_s: float | None = None
        self._header = header.to_bytes()
        self._state: tuple[str, int | None] | None = None
        self._whole = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("xb", buffering=0)
        except OSError as error:
            raise InputError(f"{path}: no capture can be written there ({error.strerror})") from error
        self._waiting = bytearray(self._header)
        self._flush()

    def chunk(self, chunk: Chunk) -> None:
        self._put(pack(chunk.at_s - self._zero_s, chunk.source, chunk.data))

    def event(self, what: str, firmware: int | None = None) -> None:
        """Log what befell the link."""
        self._state = (what, firmware)
        self._put(pack_event(self._clock() - self._zero_s, what, firmware))

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._file.close()

    def _put(self, record: bytes) -> None:
        now_s = self._clock()
        if self._retry_due_s is not None:
            if now_s < self._retry_due_s:
                return
            self._waiting += self._behind_a_hole(now_s)
        self._waiting += record
        if now_s >= self._flush_due_s:
            self._flush_due_s = now_s + FLUSH_S
            self._flush()

    def _behind_a_hole(self, now_s: float) -> bytes:
        """Say anew what the hole may have swallowed: the header, and how the link stands, as if it began."""
        header = b"" if self._whole else self._header
        return header + (pack_event(now_s - self._zero_s, *self._state) if self._state else b"")

    def _flush(self) -> None:
        """Write what waits, wholly or not at all."""
        try:
            view = memoryview(bytes(self._waiting))
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._fail(error)
            return
        self._whole += len(self._waiting)
        self._waiting.clear()
        if self._retry_due_s is not None:
            self._retry_due_s = None
            _LOG.warning("%s: the capture goes on", self.path)

    def _fail(self, error: OSError) -> None:
        if self._retry_due_s is None:
            _LOG.warning(
                "%s: the capture has a hole from here on (%s); free some space", self.path, error.strerror
            )
        self._retry_due_s = self._clock() + RETRY_S
        self._waiting.clear()
        try:
            os.ftruncate(self._file.fileno(), self._whole)
            os.lseek(self._file.fileno(), self._whole, os.SEEK_SET)
        except OSError as second:
            _LOG.debug("%s: %s", self.path, second)


class CapturedLink(Link):
    """A link whose bytes are logged as they are read."""

    def __init__(self, link: Link, writer: CaptureWriter) -> None:
        self.address = link.address
        self._link, self._writer = link, writer

    def read(self, timeout_s: float) -> list[Chunk]:
        chunks = self._link.read(timeout_s)
        for chunk in chunks:
            self._writer.chunk(chunk)
        return chunks

    def write(self, data: bytes) -> None:
        """Write; what we say is not logged."""
        self._link.write(data)

    def value_of(self, uuid: str) -> bytes:
        return self._link.value_of(uuid)

    def on_stream_start(self, firmware: int | None) -> None:
        self._writer.event("started", firmware)

    def close(self) -> None:
        self._link.close()
        self._writer.event("closed")


def captured(opened: OpenLink, writer: CaptureWriter) -> OpenLink:
    """Open links as `opened` does, and log what they bring."""

    def open_captured(driver: Driver, address: str, options: HeadbandOptions, cancelled: Cancelled) -> Link:
        return CapturedLink(opened(driver, address, options, cancelled), writer)

    return open_captured
