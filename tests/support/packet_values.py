"""Packets of headbands as values, read and written one by one; the codecs read in bulk."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.cyton.wire import (
    ACCEL_G_PER_COUNT,
    AUX_AT,
    AUX_BYTES,
    COUNTS_FULL,
    KIND_MASK,
    N_CHANNELS,
    START,
    STOP,
    STOP_MASK,
)
from sanctuary.firmware_bridge.headbands.cyton.wire import PACKET_BYTES as CYTON_BYTES
from sanctuary.firmware_bridge.headbands.thinkgear import (
    HEAD,
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    ThinkGearRow,
    checksum,
    rows_of,
)
from sanctuary.firmware_bridge.headbands.zmax import (
    ACCEL_AT,
    BATTERY_AT,
    EEG_AT,
    G_PER_COUNT,
    LEAST_G,
    MIDDLE_COUNT,
    PACKET_BYTES,
    TYPES,
    UV_PER_COUNT,
    V_PER_BATTERY_COUNT,
    body_of,
)


class AuxKind(IntEnum):
    """Low half of the stop byte. 7 to 15 are reserved: such packets have samples, but unknown aux bytes."""

    ACCEL = 0
    """Accelerometer X, Y, Z, int16."""
    RAW = 1
    """Three raw words: analog inputs, digital inputs or a marker."""
    USER = 2
    TIME_SET_ACCEL = 3
    """First packet after time stamps were asked for; like all kinds from here on it ends with the clock."""
    TIME_ACCEL = 4
    TIME_SET_RAW = 5
    TIME_RAW = 6


TIMED = frozenset(
    {AuxKind.TIME_SET_ACCEL, AuxKind.TIME_ACCEL, AuxKind.TIME_SET_RAW, AuxKind.TIME_RAW},
)
"""Kinds whose last four aux bytes are the board's clock, uint32 milliseconds."""


@dataclass(frozen=True, slots=True)
class CytonPacket:
    """A packet as a value.

    Attributes
    ----------
    counter
        0 to 255.
    counts
        Channels 1 to 8, -2^23 to 2^23 - 1.
    aux
        Six bytes.
    kind
        Low half of the stop byte, 0 to 15, see `AuxKind`.

    Raises
    ------
    ValueError
        A field does not fit its place in the packet.
    """

    counter: int
    counts: tuple[int, ...]
    aux: bytes
    kind: int = AuxKind.ACCEL

    def __post_init__(self) -> None:
        fits = 0 <= self.counter <= 0xFF and 0 <= self.kind <= 0x0F and len(self.aux) == AUX_BYTES
        if not fits or len(self.counts) != N_CHANNELS:
            raise ValueError(f"{self}: counter 0 to 255, kind 0 to 15, 8 counts, 6 aux bytes")
        if not all(-COUNTS_FULL - 1 <= count <= COUNTS_FULL for count in self.counts):
            raise ValueError(f"counts {self.counts}: must fit 24 bits")

    @classmethod
    def from_bytes(cls, raw: bytes) -> CytonPacket:
        """Read a packet.

        Raises
        ------
        ProtocolError
            Wrong length, start or stop; shows the bytes.
        """
        if len(raw) != CYTON_BYTES or raw[0] != START or raw[-1] & STOP_MASK != STOP:
            raise ProtocolError(f"not a Cyton packet: {raw[:40].hex()} ({len(raw)} bytes)")
        counts = tuple(
            int.from_bytes(raw[at : at + 3], "big", signed=True) for at in range(2, 2 + 3 * N_CHANNELS, 3)
        )
        return cls(raw[1], counts, raw[AUX_AT : AUX_AT + AUX_BYTES], raw[-1] & KIND_MASK)

    def to_bytes(self) -> bytes:
        """Write the packet; the inverse of `from_bytes`."""
        body = b"".join(count.to_bytes(3, "big", signed=True) for count in self.counts)
        return bytes((START, self.counter)) + body + self.aux + bytes((STOP | self.kind,))

    @property
    def accel_g(self) -> tuple[float, float, float] | None:
        """Acceleration X, Y, Z in g; None for another kind. Zeros mean "as before": the sensor is slower."""
        if self.kind != AuxKind.ACCEL:
            return None
        x, y, z = struct.unpack(">hhh", self.aux)
        return (x * ACCEL_G_PER_COUNT, y * ACCEL_G_PER_COUNT, z * ACCEL_G_PER_COUNT)

    @property
    def aux_words(self) -> tuple[int, int, int]:
        """The aux bytes as three unsigned words: analog inputs, digital inputs or a marker."""
        a, b, c = struct.unpack(">HHH", self.aux)
        return (a, b, c)

    @property
    def board_ms(self) -> int | None:
        """The board's clock in milliseconds, where the packet carries it."""
        return int.from_bytes(self.aux[2:], "big") if self.kind in TIMED else None


@dataclass(frozen=True, slots=True)
class ThinkGearFrame:
    """A frame as a value.

    Raises
    ------
    ValueError
        More rows than fit.
    """

    rows: tuple[ThinkGearRow, ...]

    def __post_init__(self) -> None:
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


TEMPERATURE_AT = 36


@dataclass(frozen=True, slots=True)
class ZmaxPacket:
    """A data line as a value.

    Attributes
    ----------
    body
        Its 40 bytes.

    Raises
    ------
    ValueError
        Another number of bytes, or a type that has no samples.
    """

    body: bytes

    def __post_init__(self) -> None:
        """Refuse what no line holds."""
        if len(self.body) != PACKET_BYTES or self.body[0] not in TYPES:
            raise ValueError(f"{self.body[:40].hex()}: must be {PACKET_BYTES} bytes, the first one 1 to 11")

    @classmethod
    def from_bytes(cls, line: bytes) -> ZmaxPacket:
        """Read a line, with its line end or without.

        Raises
        ------
        ProtocolError
            Not a data line; shows it.
        """
        body = body_of(line.rstrip(b"\r\n"))
        if body is None:
            raise ProtocolError(f"not a ZMax data line: {line[:130]!r} ({len(line)} bytes)")
        return cls(body)

    def to_bytes(self) -> bytes:
        """Write the line with its line end; `from_bytes` reads it."""
        return b"D." + self.body.hex("-").upper().encode() + b"\r\n"

    def word(self, at: int) -> int:
        """Word at a place in the body."""
        return int.from_bytes(self.body[at : at + 2], "big")

    def eeg_uv(self, number: int) -> float:
        """Signal of an input, `EEG_LEFT` or `EEG_RIGHT`, microvolts."""
        return (self.word(EEG_AT[number]) - MIDDLE_COUNT) * UV_PER_COUNT

    @property
    def accel_g(self) -> tuple[float, float, float]:
        """Acceleration X, Y, Z in g."""
        x, y, z = (self.word(at) * G_PER_COUNT + LEAST_G for at in ACCEL_AT)
        return (x, y, z)

    @property
    def battery_v(self) -> float:
        """Voltage of the battery."""
        return self.word(BATTERY_AT) * V_PER_BATTERY_COUNT

    @property
    def temperature_c(self) -> float:
        """Temperature of the body, degrees Celsius."""
        return 15.0 + (self.word(TEMPERATURE_AT) / 1024 * 3.3 - 1.0446) / 0.0565537333
