"""One data packet of an OpenBCI Cyton, 33 bytes, big-endian (OpenBCI documentation, Cyton data format).

::

    A0 | counter | 8 x int24, two's complement | 6 aux bytes | C0..CF
     0      1       2 ........................25  26 ......31     32

The stop byte's low half says what the aux bytes mean, see `AuxKind`.

Where packets begin, told from bytes alone.

A packet carries no checksum, and sample bytes may look like its start and stop. Its neighbours are the check:

* *framed*: it begins with A0 and ends with C0..CF, and another A0 follows at once;
* *confirmed*: the next counter follows too;
* *sustained*: the packet that follows is framed, and its counter by the next, where a few may be missing;
* *plausible*: its counter fits the bytes thrown away since the last packet;
* *doubtful*: it holds A0 and the next counter inside, so it may be a packet that lost bytes, made whole by
  the beginning of the next.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import ProtocolError

START = 0xA0
STOP = 0xC0
STOP_MASK = 0xF0
PACKET_BYTES = 33
N_CHANNELS = 8
FS_HZ = 250.0
FULL_SCALE_V = 4.5
"""Reference voltage of the ADS1299; full scale at gain 1."""
DEFAULT_GAIN = 24
GAINS = (1, 2, 4, 6, 8, 12, 24)
COUNTS_FULL = 2**23 - 1
"""A rail reads this, or one below its negative; a channel that is switched off reads 0."""
AUX_BYTES = 6
AUX_AT = 26
"""Where the aux bytes begin in a packet."""
KIND_MASK = 0x0F
"""The part of the stop byte that is an `AuxKind`."""
ACCEL_G_PER_COUNT = 0.002 / 16
"""LIS3DH at plus and minus 4 g, 12 bits left-aligned."""


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


def uv_per_count(gain: int = DEFAULT_GAIN) -> float:
    """Microvolts per count at a gain: 0.0223517 at 24.

    Raises
    ------
    ValueError
        Not a gain of the ADS1299.
    """
    if gain not in GAINS:
        raise ValueError(f"gain {gain}: the Cyton knows {', '.join(map(str, GAINS))}")
    return FULL_SCALE_V / gain / COUNTS_FULL * 1e6


def rail_uv(gain: int = DEFAULT_GAIN) -> float:
    """Magnitude at which a channel rails: 187 500 uV at gain 24."""
    return COUNTS_FULL * uv_per_count(gain)


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
        """Refuse what no packet can hold."""
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
        if len(raw) != PACKET_BYTES or raw[0] != START or raw[-1] & STOP_MASK != STOP:
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


ByteArray = NDArray[np.uint8]

CONFIRMED_BYTES = PACKET_BYTES + 2
"""A packet, and the start and counter that confirm it."""
SUSTAINED_BYTES = PACKET_BYTES + CONFIRMED_BYTES
WINDOW_BYTES = SUSTAINED_BYTES + PACKET_BYTES - 1
"""All that decides between the candidates of one search, which overlap one another."""
COUNTERS = 256
SLACK_PACKETS = 4
"""Packets that may have been lost whole beside those whose pieces were thrown away, in one search."""


def confirmed_run(raw: ByteArray) -> int:
    """Count the confirmed packets that stand in a row at the front of `raw`."""
    n = (len(raw) - 2) // PACKET_BYTES
    if n <= 0:
        return 0
    starts = raw[::PACKET_BYTES][: n + 1] == START
    counters = raw[1::PACKET_BYTES][: n + 1]
    good = starts[1:] & (np.diff(counters) == 1)
    good &= starts[:-1]
    good &= (raw[PACKET_BYTES - 1 :: PACKET_BYTES][:n] & STOP_MASK) == STOP
    return n if good.all() else int(good.argmin())


def best_start(window: ByteArray, last_counter: int | None, skipped: int) -> int | None:
    """Find the packet that begins within the first 33 bytes; there can be only one.

    A packet counts if any two hold of confirmed, sustained and plausible, and it is framed; a doubtful one
    must be sustained. Where several overlapping candidates count, plausible beats sustained, and both
    beat one.

    Parameters
    ----------
    window
        `WINDOW_BYTES` bytes.
    last_counter
        Counter of the last packet taken; None before the first: then nothing is plausible.
    skipped
        Bytes thrown away since.

    Returns
    -------
    Offset of the packet, or None: no packet begins in these 33 bytes.
    """
    start = window == START
    stop = (window & STOP_MASK) == STOP
    both = 2 * PACKET_BYTES  # the candidates, and what would follow each of them
    framed = start[:both] & stop[PACKET_BYTES - 1 :][:both] & start[PACKET_BYTES:][:both]
    counter = window[1 : both + 1]
    missing = window[PACKET_BYTES + 1 :][:both] - counter - np.uint8(1)
    confirmed = (missing == 0)[:PACKET_BYTES]
    sustained = (framed & (missing <= SLACK_PACKETS))[PACKET_BYTES:]
    plausible = _plausible(counter[:PACKET_BYTES], last_counter, skipped)
    agree = confirmed.astype(np.int8) + sustained + plausible >= 2
    agree &= sustained | ~_doubtful(window)
    strength = np.where(framed[:PACKET_BYTES] & agree, 2 * plausible + sustained, 0)
    best = int(strength.argmax())
    return best if strength[best] else None


def _doubtful(window: ByteArray) -> NDArray[np.bool_]:
    candidates = np.lib.stride_tricks.sliding_window_view(window[: 2 * PACKET_BYTES - 1], PACKET_BYTES)
    following = candidates[:, 1:2] + np.uint8(1)
    return np.asarray(((candidates[:, 2:-1] == START) & (candidates[:, 3:] == following)).any(axis=1))


def _plausible(counters: ByteArray, last_counter: int | None, skipped: int) -> NDArray[np.bool_]:
    if last_counter is None:
        return np.zeros(len(counters), dtype=np.bool_)
    lost = (counters.astype(np.int64) - last_counter - 1) % COUNTERS
    least = -(-(skipped + np.arange(len(counters))) // PACKET_BYTES)
    return np.asarray((lost >= least) & (lost <= least + SLACK_PACKETS))
