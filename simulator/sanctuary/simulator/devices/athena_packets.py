"""Packets of a Muse S Athena, little-endian, as OpenMuse, muse-lsl and BrainFlow read them.

::

    0       length of the packet
    1-2     number of the packet, over all kinds
    3-8     the device's clock, ms
    9       tag of the first block
    10      number of the block among those of its tag
    11-12   unknown, here 0
    13      0
    14-     the first block's data, then blocks of [tag][number][3 bytes][data]

Blocks hold 14-bit EEG, 20-bit optics or 16-bit motion, least significant bits first; `DATA_BYTES` each.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.muse_packets import AT_REST_COUNTS, GYRO_COUNTS, READINGS, counts_of

EEG_4, EEG_8 = 0x11, 0x12
OPTICS_4, OPTICS_8, OPTICS_16 = 0x34, 0x35, 0x36
MOTION = 0x47
NEW_BATTERY, BATTERY = 0x88, 0x98
DATA_BYTES = {EEG_4: 28, EEG_8: 28, OPTICS_4: 30, OPTICS_8: 40, OPTICS_16: 40, MOTION: 36, BATTERY: 20}
SHAPES = {EEG_4: (4, 4), EEG_8: (8, 2), OPTICS_4: (4, 3), OPTICS_8: (8, 2), OPTICS_16: (16, 1)}
"""Channels and samples of each in a block."""
NEW_BATTERY_BYTES = 200
"""Data of the newer firmware's battery block, which has its packet to itself; 188 to 230 were seen."""
STEP_UV = 1450 / 16_383
MIDDLE, LARGEST = 8192, 16_383
EEG_BITS, OPTICS_BITS = 14, 20
MAX_BYTES = 244
"""Of a packet, and of a notification."""
HEAD_BYTES, BLOCK_HEAD_BYTES = 9, 5
CLOCK_BYTES = 6

MOTION_DATA = struct.pack("<18h", *((*AT_REST_COUNTS, *GYRO_COUNTS) * READINGS))


@dataclass(frozen=True, slots=True)
class Block:
    """One block, and when it was whole: seconds since the stream began."""

    at_s: float
    tag: int
    data: bytes


def eeg_blocks(uv: NDArray[np.float64], tag: int) -> list[bytes]:
    """Pack rows of whole blocks' samples, sample by sample."""
    counts = counts_of(uv, STEP_UV, MIDDLE, LARGEST)
    n_channels, per_block = SHAPES[tag]
    return _packed(counts.T.reshape(-1, n_channels * per_block), EEG_BITS)


@cache
def optics_block(tag: int) -> bytes:
    """Light sensors, which never change here: channel 1 reads 20000, 2 40000 and so on."""
    n_channels, per_block = SHAPES[tag]
    levels = np.tile(20_000 * (1 + np.arange(n_channels)), per_block)
    return _packed(levels[np.newaxis], OPTICS_BITS)[0]


def battery_block(percent: float, tag: int) -> bytes:
    """Charge of the battery, and nothing else."""
    size = NEW_BATTERY_BYTES if tag == NEW_BATTERY else DATA_BYTES[BATTERY]
    return struct.pack("<H", round(percent * 512)).ljust(size, b"\0")


class Packer:
    """Writes packets; numbers them and their blocks.

    Parameters
    ----------
    index
        Number of the first packet.
    """

    def __init__(self, index: int) -> None:
        self._first = self._index = index
        self._numbers: dict[int, int] = defaultdict(int)

    @property
    def index(self) -> int:
        """Number of the next packet."""
        return self._index

    def skip(self, tag: int, n_blocks: int) -> None:
        """Count EEG blocks that nobody kept, and as many packets as they took until now."""
        so_far = self._numbers[tag]
        if so_far:
            self._index += round(n_blocks * (self._index - self._first) / so_far)
        self._numbers[tag] += n_blocks

    def packet(self, blocks: Sequence[Block], clock_ms: int) -> bytes:
        """Write one packet."""
        body = b"".join(self._block_head(block.tag) + block.data for block in blocks)
        head = struct.pack("<BH", HEAD_BYTES + len(body), self._index & 0xFFFF)
        self._index += 1
        return head + clock_ms.to_bytes(CLOCK_BYTES, "little") + body

    def _block_head(self, tag: int) -> bytes:
        number = self._numbers[tag]
        self._numbers[tag] = number + 1
        return bytes((tag, number & 0xFF, 0, 0, 0))


def _packed(values: NDArray[np.int64], n_bits: int) -> list[bytes]:
    """Pack each row of values, least significant bits first."""
    bits = (values[:, :, np.newaxis] >> np.arange(n_bits) & 1).astype(np.uint8)
    packed = np.packbits(bits.reshape(len(values), -1), axis=1, bitorder="little")
    return [row.tobytes() for row in packed]
