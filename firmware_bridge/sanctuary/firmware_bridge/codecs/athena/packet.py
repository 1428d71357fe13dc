"""Packets of a Muse S Athena; several may share one notification.

::

    length | index uint16 | time uint48, ms | tag | block index | 3 unknown | data of that block ...
       0      1 2             3 ... 8          9       10          11 12         13        14 ...
    then, until the length is used up:   tag | block index | 3 unknown | data

All numbers are little-endian. The index counts packets of all tags, and follows without a gap in recordings;
the time steps back again and again, so packets are put in order by their index. Facts: OpenMuse, muse-lsl
and BrainFlow, and recordings that OpenMuse is tested with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.signal.samples import FloatArray

HEADER_BYTES = 14
TAG_AT = 9
BLOCK_HEADER_BYTES = 5
INDICES = 65_536
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
    BATTERY: 20,
}
"""Data bytes of a block by its tag; a new firmware's battery takes the rest of its packet."""
CHANNELS = {EEG_4: 4, EEG_8: 8}
ZERO, UV_PER_COUNT = 8192, 1450 / 16_383
"""Middle of the 14 bits, and the step: -725 to +725 uV (BrainFlow and muse-lsl; OpenMuse leaves the zero
in)."""
G_PER_COUNT = 1 / 16_384
READINGS = 3
_WEIGHTS = (1 << np.arange(EEG_BITS)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: what its tag says, and its data."""

    tag: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AthenaPacket:
    """One packet.

    Attributes
    ----------
    index
        0 to 65535.
    time_ms
        The headband's clock.
    blocks
        Those that could be read.
    whole
        False if something at the end could not.
    """

    index: int
    time_ms: int
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
        if len(raw) < HEADER_BYTES or raw[0] != len(raw):
            raise ProtocolError(f"not an Athena packet: {raw[:40].hex()} ({len(raw)} bytes)")
        blocks: list[Block] = []
        at, tag, whole = HEADER_BYTES, raw[TAG_AT], True
        while True:
            length = len(raw) - at if tag == BATTERY_NEW else LENGTHS.get(tag)
            if length is None or at + length > len(raw):
                whole = False
                break
            blocks.append(Block(tag, raw[at : at + length]))
            at += length
            if at + BLOCK_HEADER_BYTES > len(raw):
                whole = at == len(raw)
                break
            tag, at = raw[at], at + BLOCK_HEADER_BYTES
        return cls(
            int.from_bytes(raw[1:3], "little"), int.from_bytes(raw[3:9], "little"), tuple(blocks), whole
        )


def split(notification: bytes) -> tuple[list[bytes], int]:
    """Cut a notification into packets; returns them, and the number of bytes at its end that are none."""
    packets, at = [], 0
    while len(notification) - at >= HEADER_BYTES:
        length = notification[at]
        if length < HEADER_BYTES or at + length > len(notification):
            break
        packets.append(notification[at : at + length])
        at += length
    return packets, len(notification) - at


def unpack_eeg(blocks: list[bytes], n_channels: int) -> FloatArray:
    """Microvolts of EEG blocks in a row, shape ``(n_channels, n)``."""
    raw = np.frombuffer(b"".join(blocks), dtype=np.uint8)
    bits = np.unpackbits(raw, bitorder="little").reshape(-1, EEG_BITS)
    counts = (bits * _WEIGHTS).sum(axis=1).reshape(-1, n_channels).T
    return np.asarray((counts - ZERO) * UV_PER_COUNT)


def unpack_motion(data: bytes) -> FloatArray:
    """Acceleration in g of one motion block, shape ``(3 axes, 3 readings)``; the gyroscope is left out."""
    rows = np.frombuffer(data, dtype="<i2").reshape(READINGS, 6)
    return np.asarray(rows[:, :3].T * G_PER_COUNT)
