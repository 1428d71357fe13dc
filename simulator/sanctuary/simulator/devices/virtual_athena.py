"""A virtual Muse S Athena over Bluetooth LE, as OpenMuse, muse-lsl and BrainFlow read it.

Packets, little-endian::

    0       length of the packet
    1-2     number of the packet, over all kinds
    3-8     the device's clock, ms
    9       tag of the first block
    10      number of the block among those of its tag
    11-12   unknown, here 0
    13      0
    14-     the first block's data, then blocks of [tag][number][3 bytes][data]

Blocks hold 14-bit EEG, 20-bit optics or 16-bit motion, least significant bits first; `DATA_BYTES` each.
Blocks of all kinds are sent in order of time, as many in a packet as a notification takes, and packets that
are ready together share a notification; so the newest EEG is up to a tenth of a second old. The battery has a
packet to itself, at the start and every ten seconds. Commands: see `muse_control`; rows of a source are
assigned as in `VirtualMuse`. Streaming begins with the second start command, and ends with the connection.
The device's clock is its own, and steps back now and then.

Not imitated: blocks of unknown meaning, data on 273e0014, and readings of motion and light sensors, which are
constant.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.gatt import Notification, Pacer
from sanctuary.simulator.devices.muse_control import MuseControl, uuid
from sanctuary.simulator.devices.signal_source import SignalSource
from sanctuary.simulator.devices.virtual_muse import (
    AT_REST_COUNTS,
    GYRO_COUNTS,
    READINGS,
    channels_of,
    counts_of,
)

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
class DataBlock:
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
        """Count EEG blocks beyond the device's memory, and as many packets as they took until now."""
        so_far = self._numbers[tag]
        if so_far:
            self._index += round(n_blocks * (self._index - self._first) / so_far)
        self._numbers[tag] += n_blocks

    def packet(self, blocks: Sequence[DataBlock], clock_ms: int) -> bytes:
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


FS_HZ = 256.0
MOTION_HZ = 52.0
OPTICS_HZ = 64.0
BATTERY_S = 10.0
DATA, MORE_DATA = 0x13, 0x14
START = "dc001"
CLOCK_MS = 1_733_184_800_000
"""What its clock shows when the stream begins, some time of 2024; hosts do not set it."""
STEP_BACK_EVERY, STEP_BACK_MS = 15, 150
"""Every so many packets one is stamped too early: a step back a second or so, as recordings have."""

_EEG_ONLY = frozenset(("p20", "p21", "p50", "p51", "p60", "p61"))
_OPTICS: Mapping[str, int] = {
    "p1034": OPTICS_8,
    "p1035": OPTICS_4,
    "p1041": OPTICS_16,
    "p1042": OPTICS_16,
    "p1043": OPTICS_8,
    "p1044": OPTICS_8,
    "p1045": OPTICS_4,
    "p1046": OPTICS_4,
    "p4129": OPTICS_4,
}
_FOUR_CHANNELS = _EEG_ONLY | {"p1035"}


class VirtualAthena(MuseControl):
    """One headband.

    Parameters
    ----------
    source
        Its signal, at `fs_hz`.
    name, address
        As advertised.
    fs_hz
        True rate of its crystal; all its other rates are off by as much.
    index
        Number of the first packet.
    new_battery
        Whether it reports its battery as newer firmware does.
    bootloader, falls_silent_s
        See `MuseControl`.
    """

    def __init__(
        self,
        source: SignalSource,
        name: str = "MuseS-5A17",
        address: str = "00:55:DA:BB:5A:17",
        *,
        fs_hz: float = FS_HZ,
        index: int = 0,
        new_battery: bool = False,
        bootloader: bool = False,
        falls_silent_s: float | None = None,
    ) -> None:
        super().__init__(
            name,
            address,
            "Athena_RevE",
            (DATA, MORE_DATA),
            _EEG_ONLY | _OPTICS.keys(),
            bootloader=bootloader,
            falls_silent_s=falls_silent_s,
        )
        self._source, self._fs_hz = source, fs_hz
        self._scale = fs_hz / FS_HZ
        self._first_index = index
        self._packer = Packer(index)
        self._battery_tag = NEW_BATTERY if new_battery else BATTERY
        self._start_commands = 0
        self._waiting: list[DataBlock] = []
        self._pacers: dict[int, Pacer] = {}

    @property
    def streaming(self) -> bool:
        return bool(self._pacers)

    def connect(self, now_s: float) -> None:
        """Restart the count of packets."""
        super().connect(now_s)
        self._packer = Packer(self._first_index)

    def advance(self, now_s: float) -> list[Notification]:
        self._fall_silent(now_s)
        if not self.streaming:
            return []
        new = [block for tag in self._pacers for block in self._blocks(tag, now_s)]
        new.sort(key=lambda block: block.at_s)
        notifications: list[bytes] = []
        for packet in self._packets(new):
            if notifications and len(notifications[-1]) + len(packet) <= MAX_BYTES:
                notifications[-1] += packet
            else:
                notifications.append(packet)
        return [Notification(uuid(DATA), data) for data in notifications]

    def _start_stream(self, command: str, now_s: float) -> bool:
        if command != START:
            return False
        self._start_commands += 1
        if self._start_commands >= 2 and not self.streaming:
            self._start(now_s)
        return True

    def _start(self, now_s: float) -> None:
        """Begin to stream what the preset holds; a later preset applies from the next start."""
        eeg = EEG_4 if self.preset in _FOUR_CHANNELS else EEG_8
        per_s = {eeg: self._fs_hz / SHAPES[eeg][1], MOTION: MOTION_HZ * self._scale / READINGS}
        optics = _OPTICS.get(self.preset)
        if optics is not None:
            per_s[optics] = OPTICS_HZ * self._scale / SHAPES[optics][1]
        per_s[self._battery_tag] = self._scale / BATTERY_S
        self._pacers = {tag: Pacer(rate) for tag, rate in per_s.items()}
        for pacer in self._pacers.values():
            pacer.start(now_s)
        self._waiting = [self._battery(0.0)]

    def _stop(self) -> None:
        self._start_commands = 0
        self._pacers, self._waiting = {}, []

    def _battery(self, at_s: float) -> DataBlock:
        return DataBlock(at_s, self._battery_tag, battery_block(self.battery_percent, self._battery_tag))

    def _blocks(self, tag: int, now_s: float) -> list[DataBlock]:
        """Blocks of one kind that have become due."""
        pacer = self._pacers[tag]
        gone, n = pacer.due(now_s)
        times = [pacer.time_of(at) for at in range(pacer.made - n, pacer.made)]
        if tag == self._battery_tag:
            return [self._battery(at_s) for at_s in times]
        if tag == MOTION:
            return [DataBlock(at_s, tag, MOTION_DATA) for at_s in times]
        if tag not in (EEG_4, EEG_8):
            return [DataBlock(at_s, tag, optics_block(tag)) for at_s in times]
        n_channels, per_block = SHAPES[tag]
        if gone:
            self._source.render(gone * per_block)
            self._packer.skip(tag, gone)
        if not n:
            return []
        uv = channels_of(self._source.render(n * per_block), n_channels)
        return [DataBlock(at_s, tag, data) for at_s, data in zip(times, eeg_blocks(uv, tag), strict=True)]

    def _packets(self, new: list[DataBlock]) -> list[bytes]:
        """Packets that are full, or end because the battery's packet comes."""
        packets = []
        waiting, self._waiting = self._waiting + new, []
        size = HEAD_BYTES
        for block in waiting:
            alone = block.tag == self._battery_tag
            needs = BLOCK_HEAD_BYTES + len(block.data)
            if self._waiting and (alone or size + needs > MAX_BYTES):
                packets.append(self._packet())
                size = HEAD_BYTES
            self._waiting.append(block)
            size += needs
            if alone:
                packets.append(self._packet())
                size = HEAD_BYTES
        return packets

    def _packet(self) -> bytes:
        """Make a packet of the waiting blocks."""
        blocks, self._waiting = self._waiting, []
        late = self._packer.index % STEP_BACK_EVERY == STEP_BACK_EVERY - 1
        clock_ms = CLOCK_MS + round(blocks[0].at_s * 1000.0) - (STEP_BACK_MS if late else 0)
        return self._packer.packet(blocks, clock_ms)
