r"""The file format of a capture: one line of JSON, then records, written as the night goes on.

::

    sanctuary-capture 1 {"driver": "muse", ...}\n
    at_s float64 | source uint8 | length uint32 | bytes          little-endian, again and again

Source 255 marks an event of the link, whose bytes are JSON: ``started``, from where on samples come (with
the headband's firmware, where it told), or ``closed``. A capture that was cut off anywhere is whole up to
its last complete record.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.transports.link import Chunk

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
        """Write the first line."""
        return MAGIC + json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that befell the link."""

    at_s: float
    what: str
    firmware: int | None = None


def pack(at_s: float, source: int, data: bytes) -> bytes:
    """Write one record."""
    return RECORD.pack(at_s, source, len(data)) + data


def pack_event(at_s: float, what: str, firmware: int | None = None) -> bytes:
    """Write one event."""
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

    def records(self) -> Iterator[Chunk | Event]:
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

    def _event(self, at_s: float, data: bytes, at: int) -> Event:
        try:
            told = json.loads(data)
            return Event(at_s, str(told["event"]), told.get("firmware"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordingError(f"{self.path}: byte {at}: a damaged event ({error})") from error
