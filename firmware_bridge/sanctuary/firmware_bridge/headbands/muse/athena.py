"""Muse S Athena: packets, and from notifications to sample runs.

Several packets may share one notification::

    length | index uint16 | clock uint48 | block | block ...      block: tag | number | 3 unknown | data
       0      1 2             3 ... 8      9 ...

All numbers are little-endian. The index counts packets of all kinds, and follows without a gap in recordings:
that one is missing does not say whether it held EEG. The number counts the blocks of one tag and goes round
after 255, two seconds of EEG with eight channels; how often it went round is told by the packets that are
missing, and by how many blocks a packet has had until now (`BlockCount`). The clock is in milliseconds in
older firmware and steps back again and again; in a recording of newer firmware it moves once in 268 ms, as
2**28 ns would: packets are put in order by their index, and nothing is timed by the clock.

Facts: OpenMuse, muse-lsl and BrainFlow, and recordings that OpenMuse is tested with. OpenMuse has the newer
firmware's battery take the rest of its packet; in the recording it has twenty bytes as the older one, and
blocks whose numbers follow come after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.headband import BYTE_STREAM, SampleRun
from sanctuary.firmware_bridge.headbands.muse.codec import NumberedCodec
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
class AthenaBlock:
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
    blocks: tuple[AthenaBlock, ...]
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


def _blocks(raw: bytes) -> tuple[tuple[AthenaBlock, ...], bool]:
    """Read blocks up to the first that is none; what follows a newer battery and is none belongs to it."""
    blocks: list[AthenaBlock] = []
    at = HEADER_BYTES
    while at < len(raw):
        begin = at + BLOCK_HEADER_BYTES
        end = begin + LENGTHS.get(raw[at], len(raw))
        if end > len(raw):
            return tuple(blocks), bool(blocks) and blocks[-1].tag == BATTERY_NEW
        blocks.append(AthenaBlock(raw[at], raw[at + 1], raw[begin:end]))
        at = end
    return tuple(blocks), True


NUMBERS = 256
MOST_IN_PACKET = (255 - HEADER_BYTES) // (BLOCK_HEADER_BYTES + EEG_BYTES)
MEMORY_PACKETS = 512
"""Over how many packets their mean is taken; it is good for losses of half a minute."""


class BlockCount:
    """How many blocks of one tag are missing, by the numbers in their heads."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._follows = True
        self._packets = 0
        self._per_packet = 0.0

    def count_packet(self, n: int) -> None:
        """Learn that a packet has had `n` of the blocks, perhaps none."""
        self._packets = min(self._packets + 1, MEMORY_PACKETS)
        self._per_packet += (n - self._per_packet) / self._packets

    def missing_before(self, first: int, n: int, missing: int) -> int:
        """Count the blocks missing before `n` blocks in a row.

        Parameters
        ----------
        first
            Number of the first, 0 to 255.
        n
            How many.
        missing
            Packets since the last such block that were not read, or not read to their end.
        """
        expected, self._next = self._next, (first + n) % NUMBERS
        if expected is None or missing == 0:
            self._follows = expected in (None, first)
            return 0
        most, likely = missing * MOST_IN_PACKET, missing * self._per_packet
        lost = (first - expected) % NUMBERS
        if lost > most or not self._follows:  # spoilt, or firmware that does not count
            return round(min(likely, most))
        rounds = min(round((likely - lost) / NUMBERS), (most - lost) // NUMBERS)
        return lost + NUMBERS * max(0, rounds)


CONTROL = 0x01
DATA = (0x13, 0x14)
N_INPUTS = 8
PACKETS_PER_S = 50.0
"""Most packets in a second; with all sensors on there are some 36."""
GIVE_UP = 3
"""A missing packet is given up once so many wait behind it, which takes a tenth of a second or two."""
STALE = 16
"""So many packets on end that do not fit come from a headband that began to count anew."""


class AthenaCodec(NumberedCodec[AthenaPacket]):
    """Four or eight channels at 256 Hz.

    Parameters
    ----------
    inputs
        1 to 4 for TP9, AF7, AF8 and TP10, 5 to 8 for the auxiliary ones, in the order of the rows; those that
        the preset does not send are NaN.
    """

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4)) -> None:
        super().__init__(PACKETS_PER_S, STALE)
        for number in inputs:
            if not 1 <= number <= N_INPUTS:
                raise ValueError(f"input {number}: the Athena has 1 to {N_INPUTS}")
        self._rows = np.array([number - 1 for number in inputs])
        self._pending: dict[int, AthenaPacket] = {}
        self._next: int | None = None
        self._counts = {tag: BlockCount() for tag in CHANNELS}
        self._missing = dict.fromkeys(CHANNELS, 0)

    def push(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None, /) -> list[SampleRun]:
        """Decode a notification of characteristic 273e00NN, `source` being NN."""
        if source == CONTROL:
            self._on_control(chunk)
        if source not in DATA:
            return []
        packets, rest = split(chunk)
        self.garbage += rest
        self._bad += rest > 0
        runs: list[SampleRun] = []
        for raw in packets:
            try:
                packet = AthenaPacket.from_bytes(raw)
            except ProtocolError:
                self._bad += 1
                continue
            for index, placed in self._numbering.place(packet.index, packet, now_s):
                self._store(index, placed)
            runs += self._ready()
        return runs

    def _store(self, index: int, packet: AthenaPacket) -> None:
        if self._next is None:
            self._next = index
        if index < self._next or index in self._pending:
            self._bad += 1
        else:
            self._pending[index] = packet

    def _ready(self) -> list[SampleRun]:
        """Decode packets in order; a missing one is given up when enough wait behind it."""
        runs: list[SampleRun] = []
        while self._pending and self._next is not None:
            first = min(self._pending)
            if first > self._next and len(self._pending) < GIVE_UP:
                break
            self._miss(first - self._next)
            self._next = first + 1
            runs += self._decode_packet(self._pending.pop(first))
        return runs

    def _miss(self, packets: int) -> None:
        for tag in self._missing:
            self._missing[tag] += packets

    def _decode_packet(self, packet: AthenaPacket) -> list[SampleRun]:
        for block in packet.blocks:
            self._other(block)
        runs = []
        for tag, n_channels in CHANNELS.items():
            blocks = [block for block in packet.blocks if block.tag == tag]
            if blocks:
                runs.append(self._run(tag, blocks, n_channels))
            self._counts[tag].count_packet(len(blocks))
        if not packet.whole:
            self._bad += 1
            self._miss(1)
        return runs

    def _run(self, tag: int, blocks: list[AthenaBlock], n_channels: int) -> SampleRun:
        uv = unpack_eeg([block.data for block in blocks], n_channels)
        n = uv.shape[1]
        missing, self._missing[tag] = self._missing[tag], 0
        lost = self._counts[tag].missing_before(blocks[0].number, len(blocks), missing) * (n // len(blocks))
        self.lost += lost
        chosen = np.full((len(self._rows), n), np.nan)
        there = self._rows < n_channels
        chosen[there] = uv[self._rows[there]]
        return SampleRun(lost, chosen, self._spread_motion(n))

    def _other(self, block: AthenaBlock) -> None:
        if block.tag == MOTION:
            self._on_motion(unpack_motion(block.data))
        elif block.tag in (BATTERY, BATTERY_NEW):
            self._on_battery(int.from_bytes(block.data[:2], "little") * PERCENT_PER_COUNT)
