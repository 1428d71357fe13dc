"""Packets of a Muse S Athena; several may share one notification.

::

    length | index uint16 | clock uint48 | block | block ...      block: tag | number | 3 unknown | data
       0      1 2             3 ... 8      9 ...

All numbers are little-endian. The index counts packets, and follows without a gap in recordings. The clock is
in milliseconds in older firmware and steps back again and again; in a recording of newer firmware it moves
once in 268 ms, as 2**28 ns would: packets are put in order by their index, and nothing is timed by the clock.
The number counts the blocks of one tag and goes round after 255.

Facts: OpenMuse, muse-lsl and BrainFlow, and recordings that OpenMuse is tested with. OpenMuse has the newer
firmware's battery take the rest of its packet; in the recording it has twenty bytes as the older one, and
blocks whose numbers follow come after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.signal.samples import FloatArray

HEADER_BYTES = 9
BLOCK_HEADER_BYTES = 5
LEAST_BYTES = HEADER_BYTES + BLOCK_HEADER_BYTES
FS_HZ = 256.0
EEG_4, EEG_8, MOTION = 0x11, 0x12, 0x47
BATTERY_NEW, BATTERY = 0x88, 0x98
EEG_BYTES = 28
EEG_BITS = 14
LENGTHS = {
    EEG_4: EEG_BYTES,
    EEG_8: EEG_BYTES,
    0x34: 30,
    0x35: 40,
    0x36: 40,
    MOTION: 36,
    0x53: 24,
    BATTERY_NEW: 20,
    BATTERY: 20,
}
"""Data bytes of a block by its tag."""
CHANNELS = {EEG_4: 4, EEG_8: 8}
ZERO, UV_PER_COUNT = 8192, 1450 / 16_383
"""Middle of the 14 bits, and the step: -725 to +725 uV (BrainFlow, muse-lsl; OpenMuse leaves the zero in)."""
G_PER_COUNT = 1 / 16_384
READINGS = 3
PERCENT_PER_COUNT = 1 / 512
_WEIGHTS = (1 << np.arange(EEG_BITS)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: what its tag says, its number among those of its tag, and its data."""

    tag: int
    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AthenaPacket:
    """One packet.

    Attributes
    ----------
    index
        0 to 65535.
    clock
        The headband's clock, in a unit that depends on its firmware.
    blocks
        Those that could be read.
    whole
        False if something at the end could not.
    """

    index: int
    clock: int
    blocks: tuple[Block, ...]
    whole: bool

    @classmethod
    def from_bytes(cls, raw: bytes) -> AthenaPacket:
        """Read one packet.

        Raises
        ------
        ProtocolError
            Too short, or of another length than it says.
        """
        if len(raw) < LEAST_BYTES or raw[0] != len(raw):
            raise ProtocolError(f"not an Athena packet: {raw[:40].hex()} ({len(raw)} bytes)")
        blocks, whole = _blocks(raw)
        return cls(int.from_bytes(raw[1:3], "little"), int.from_bytes(raw[3:9], "little"), blocks, whole)


def split(notification: bytes) -> tuple[list[bytes], int]:
    """Cut a notification into packets; returns them, and the number of bytes at its end that are none."""
    packets, at = [], 0
    while len(notification) - at >= LEAST_BYTES:
        length = notification[at]
        if length < LEAST_BYTES or at + length > len(notification):
            break
        packets.append(notification[at : at + length])
        at += length
    return packets, len(notification) - at


def unpack_eeg(blocks: list[bytes], n_channels: int) -> FloatArray:
    """Microvolts of EEG blocks in a row, shape ``(n_channels, n)``."""
    raw = np.frombuffer(b"".join(blocks), dtype=np.uint8)
    bits = np.unpackbits(raw, bitorder="little").reshape(-1, EEG_BITS)
    counts = (bits @ _WEIGHTS).reshape(-1, n_channels).T
    return np.asarray((counts - ZERO) * UV_PER_COUNT)


def unpack_motion(data: bytes) -> FloatArray:
    """Acceleration in g of one motion block, shape ``(3 axes, 3 readings)``; the gyroscope is left out."""
    rows = np.frombuffer(data, dtype="<i2").reshape(READINGS, 6)
    return np.asarray(rows[:, :3].T * G_PER_COUNT)


def _blocks(raw: bytes) -> tuple[tuple[Block, ...], bool]:
    """Read blocks up to the first that is none; what follows a newer battery and is none belongs to it."""
    blocks: list[Block] = []
    at = HEADER_BYTES
    while at < len(raw):
        begin = at + BLOCK_HEADER_BYTES
        end = begin + LENGTHS.get(raw[at], len(raw))
        if end > len(raw):
            return tuple(blocks), bool(blocks) and blocks[-1].tag == BATTERY_NEW
        blocks.append(Block(raw[at], raw[at + 1], raw[begin:end]))
        at = end
    return tuple(blocks), True
