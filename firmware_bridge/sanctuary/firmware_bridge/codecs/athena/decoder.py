"""From Athena's notifications to rows of samples: packets in the order of their index, losses by block.

The index counts packets of all kinds: that one is missing does not say whether it held EEG. The numbers of
the blocks before and after it do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.codecs.athena.blocks import BlockCount
from sanctuary.firmware_bridge.codecs.athena.packet import (
    BATTERY,
    BATTERY_NEW,
    CHANNELS,
    MOTION,
    PERCENT_PER_COUNT,
    AthenaPacket,
    Block,
    split,
    unpack_eeg,
    unpack_motion,
)
from sanctuary.firmware_bridge.codecs.base import BYTE_STREAM, Notice, Run
from sanctuary.firmware_bridge.codecs.muse.asides import Asides
from sanctuary.firmware_bridge.codecs.muse.numbering import Numbering

CONTROL = 0x01
DATA = (0x13, 0x14)
N_INPUTS = 8
PACKETS_PER_S = 50.0
"""Most packets in a second; with all sensors on there are some 36."""
GIVE_UP = 3
"""A missing packet is given up once so many wait behind it, which takes a tenth of a second or two."""
STALE = 16
"""So many packets on end that do not fit come from a headband that began to count anew."""


class AthenaCodec:
    """Decoder of one connection.

    Parameters
    ----------
    inputs
        1 to 4 for TP9, AF7, AF8 and TP10, 5 to 8 for the auxiliary ones, in the order of the rows; those that
        the preset does not send are NaN.
    """

    held = 0.0
    """What arrives needs no confirmation."""

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4)) -> None:
        for number in inputs:
            if not 1 <= number <= N_INPUTS:
                raise ValueError(f"input {number}: the Athena has 1 to {N_INPUTS}")
        self._rows = np.array([number - 1 for number in inputs])
        self._numbering: Numbering[AthenaPacket] = Numbering(PACKETS_PER_S, STALE)
        self._pending: dict[int, AthenaPacket] = {}
        self._next: int | None = None
        self._counts = {tag: BlockCount() for tag in CHANNELS}
        self._missing = dict.fromkeys(CHANNELS, 0)
        self._asides = Asides()
        self._bad = 0
        self.lost = 0
        self.garbage = 0

    @property
    def bad(self) -> int:
        """Packets refused so far: unreadable (or only their end), repeated, too late, with a spoilt index."""
        return self._bad + self._numbering.refused

    def feed(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None) -> list[Run]:
        """Take a notification of characteristic 273e00NN, `source` being NN; returns samples in order."""
        if source == CONTROL:
            self._asides.control(chunk)
        if source not in DATA:
            return []
        packets, rest = split(chunk)
        self.garbage += rest
        self._bad += rest > 0
        runs: list[Run] = []
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

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        return self._asides.notices()

    def _store(self, index: int, packet: AthenaPacket) -> None:
        if self._next is None:
            self._next = index
        if index < self._next or index in self._pending:
            self._bad += 1
        else:
            self._pending[index] = packet

    def _ready(self) -> list[Run]:
        """Take packets in order; a missing one is given up when enough wait behind it."""
        runs: list[Run] = []
        while self._pending and self._next is not None:
            first = min(self._pending)
            if first > self._next and len(self._pending) < GIVE_UP:
                break
            self._miss(first - self._next)
            self._next = first + 1
            runs += self._take(self._pending.pop(first))
        return runs

    def _miss(self, packets: int) -> None:
        for tag in self._missing:
            self._missing[tag] += packets

    def _take(self, packet: AthenaPacket) -> list[Run]:
        for block in packet.blocks:
            self._other(block)
        runs = []
        for tag, n_channels in CHANNELS.items():
            blocks = [block for block in packet.blocks if block.tag == tag]
            if blocks:
                runs.append(self._run(tag, blocks, n_channels))
            self._counts[tag].pass_packet(len(blocks))
        if not packet.whole:
            self._bad += 1
            self._miss(1)
        return runs

    def _run(self, tag: int, blocks: list[Block], n_channels: int) -> Run:
        uv = unpack_eeg([block.data for block in blocks], n_channels)
        n = uv.shape[1]
        missing, self._missing[tag] = self._missing[tag], 0
        lost = self._counts[tag].take(blocks[0].number, len(blocks), missing) * (n // len(blocks))
        self.lost += lost
        chosen = np.full((len(self._rows), n), np.nan)
        there = self._rows < n_channels
        chosen[there] = uv[self._rows[there]]
        return Run(lost, chosen, self._asides.take_motion(n))

    def _other(self, block: Block) -> None:
        if block.tag == MOTION:
            self._asides.motion(unpack_motion(block.data))
        elif block.tag in (BATTERY, BATTERY_NEW):
            self._asides.battery(int.from_bytes(block.data[:2], "little") * PERCENT_PER_COUNT)
