"""One data line of Hypnodyne's HDServer: a prefix, a dot, and 40 bytes in hex, 256 lines a second.

Sources: ZmaxSocket.py and ZmaxHeadband.py of dreamento/dreamento. The line and the places in the 40 bytes::

    D.08-83-E8-7C-18-08-00-08-00-0C-00-...        byte i stands at offset 3 i behind the dot

    type | EEG R | EEG L | acc X Y Z | nasal L R | ... | battery | ... | body temperature | ...
      0      1       3      5  7  9     11   13            23                  36

Words are unsigned, 16 bits, high byte first. No line carries a counter or a checksum.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import hexdigits

from sanctuary.config.errors import ProtocolError

PACKET_BYTES = 40
LINE_CHARS = 3 * PACKET_BYTES - 1
"""Characters behind the dot."""
FS_HZ = 256.0
TYPES = range(1, 12)
"""Types of packets that have samples."""
EEG_LEFT, EEG_RIGHT = 1, 2
"""Our numbers of the inputs: F7 and F8."""
EEG_AT = {EEG_LEFT: 3, EEG_RIGHT: 1}
ACCEL_AT = (5, 7, 9)
BATTERY_AT = 23
TEMPERATURE_AT = 36
UV_PER_COUNT = 3952.0 / 65536
MIDDLE_COUNT = 32_768
"""What an EEG word reads at 0 uV."""
G_PER_COUNT = 4.0 / 4096
LEAST_G = -2.0
V_PER_BATTERY_COUNT = 6.6 / 1024
EMPTY_V, FULL_V = 3.12, 4.24
"""Battery voltages taken as 0 and 100 %."""

_LINE = re.compile(rb"D(?!EBUG)[^.]*\.([0-9A-Fa-f]{2}(?:[^0-9A-Za-z][0-9A-Fa-f]{2}){39})")
_SPACED = bytes(byte if chr(byte) in hexdigits else 0x20 for byte in range(256))


def body_of(line: bytes) -> bytes | None:
    """Read the 40 bytes of a data line, its line end taken off; None for a line that holds no sample."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    body = bytes.fromhex(match[1].translate(_SPACED).decode("ascii"))
    return body if body[0] in TYPES else None


def battery_percent(volts: float) -> float:
    """Charge at a battery voltage, 0 to 100 %."""
    return min(100.0, max(0.0, (volts - EMPTY_V) / (FULL_V - EMPTY_V) * 100.0))


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
