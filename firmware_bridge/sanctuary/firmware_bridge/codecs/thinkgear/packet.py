"""One frame of a ThinkGear stream, at most 173 bytes.

Sources: BarkleyUS/mindwave-python, other open clients and NeuroSky's description of the stream::

    AA AA | length | rows ... | checksum        length 0 to 169; checksum = inverted low byte of the rows' sum

    row:  [55 ...] code value                   code below 80: one byte of value
          [55 ...] code length value ...        code from 80 on

Each 55 raises the row's *level* by one; what we know of codes is level 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.config.errors import ProtocolError

SYNC = 0xAA
HEAD = b"\xaa\xaa"
MAX_PAYLOAD_BYTES = 169
"""A length of 170 is one more sync byte, a greater one an error."""
OVERHEAD_BYTES = 4
"""Two sync bytes, length and checksum."""
MAX_FRAME_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES
FS_HZ = 512.0

EXTENDED = 0x55
POOR_SIGNAL = 0x02
RAW = 0x80
LONG = 0x80
"""Codes from here on are followed by a length."""
DONGLE = {
    0xD0: "headset connected",
    0xD1: "headset not found",
    0xD2: "headset disconnected",
    0xD3: "request denied",
    0xD4: "waiting for a headset",
}
"""What the dongle says, as open clients name it."""

RAW_HEAD = bytes((SYNC, SYNC, 4, RAW, 2))
RAW_BYTES = 8
"""A frame that holds one sample and nothing else: its head, the sample, the checksum."""
DEFAULT_UV_PER_COUNT = 1.8 / 4096 / 2000 * 1e6
"""0.2197 uV: 1.8 V in 4096 counts behind a gain of 2000, as is widely published; it depends on the product
and was not verified here."""


def checksum(payload: bytes) -> int:
    """Checksum of the rows."""
    return ~sum(payload) & 0xFF


@dataclass(frozen=True, slots=True)
class Row:
    """One value in a frame.

    Attributes
    ----------
    code
        What it is: 0 to 255 but for 55 and AA.
    value
        One byte for codes below 80, else up to 255.
    level
        Number of 55 before the code.

    Raises
    ------
    ValueError
        No row can be so.
    """

    code: int
    value: bytes
    level: int = 0

    def __post_init__(self) -> None:
        """Refuse what no row can be."""
        if not 0 <= self.code <= 0xFF or self.code in (EXTENDED, SYNC) or self.level < 0:
            raise ValueError(f"{self}: a code is 0 to 255 but for 55 and AA")
        if len(self.value) > 0xFF or (self.code < LONG and len(self.value) != 1):
            raise ValueError(f"{self}: codes below 80 have one byte of value, others up to 255")

    def to_bytes(self) -> bytes:
        """Write the row."""
        length = bytes((len(self.value),)) if self.code >= LONG else b""
        return bytes((EXTENDED,)) * self.level + bytes((self.code,)) + length + self.value


def rows_of(payload: bytes) -> list[Row] | None:
    """Read the rows of a payload; None where they do not fill it, or a raw sample has not two bytes."""
    rows: list[Row] = []
    at, level = 0, 0
    while at < len(payload):
        code = payload[at]
        at += 1
        if code == EXTENDED:
            level += 1
            continue
        length = 1
        if code >= LONG:
            if at == len(payload):
                return None
            length, at = payload[at], at + 1
        if code == SYNC or at + length > len(payload) or (code == RAW and not level and length != 2):
            return None
        rows.append(Row(code, payload[at : at + length], level))
        at, level = at + length, 0
    return None if level else rows


@dataclass(frozen=True, slots=True)
class ThinkGearFrame:
    """A frame as a value.

    Raises
    ------
    ValueError
        More rows than fit.
    """

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        """Refuse what no frame can hold."""
        length = len(self._payload())
        if length > MAX_PAYLOAD_BYTES:
            raise ValueError(f"rows of {length} bytes: a frame holds {MAX_PAYLOAD_BYTES}")

    @classmethod
    def from_bytes(cls, raw: bytes) -> ThinkGearFrame:
        """Read a frame.

        Raises
        ------
        ProtocolError
            Wrong start, length, checksum or rows; shows the bytes.
        """
        payload = raw[3:-1]
        if raw[:2] != HEAD or len(raw) < OVERHEAD_BYTES or raw[2] != len(payload):
            raise ProtocolError(f"not a ThinkGear frame: {raw[:40].hex()} ({len(raw)} bytes)")
        if raw[-1] != checksum(payload):
            raise ProtocolError(f"{raw[:40].hex()}: checksum {raw[-1]:02x}, expected {checksum(payload):02x}")
        rows = rows_of(payload)
        if rows is None or len(payload) > MAX_PAYLOAD_BYTES:
            raise ProtocolError(f"{raw[:40].hex()}: rows that do not fill the frame")
        return cls(tuple(rows))

    def to_bytes(self) -> bytes:
        """Write the frame; the inverse of `from_bytes`."""
        payload = self._payload()
        return HEAD + bytes((len(payload),)) + payload + bytes((checksum(payload),))

    def _payload(self) -> bytes:
        return b"".join(row.to_bytes() for row in self.rows)
