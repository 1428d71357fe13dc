"""From Athena's notifications to rows of samples: packets in the order of their index, losses by its clock.

The index counts packets of all kinds, so it tells that packets are missing, but not how many of them held
EEG. That the headband's own clock tells: the samples seen so far lie on a line over its time, and where
packets are missing, samples are missing by as much as the next one lies behind that line, in whole blocks,
never more than the missing packets can hold. Errors do not add up, for each gap is measured against the
whole line.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.codecs.athena.packet import (
    BATTERY,
    BATTERY_NEW,
    CHANNELS,
    FS_HZ,
    INDICES,
    MOTION,
    READINGS,
    AthenaPacket,
    Block,
    split,
    unpack_eeg,
    unpack_motion,
)
from sanctuary.firmware_bridge.codecs.base import BYTE_STREAM, MAX_NOTICES, Battery, Notice, Run, Said
from sanctuary.firmware_bridge.codecs.muse.control import ReplyReader
from sanctuary.firmware_bridge.timing.rate import RateFit
from sanctuary.signal.samples import FloatArray

CONTROL = 0x01
DATA = (0x13, 0x14)
N_INPUTS = 8
GIVE_UP = 3
"""Packets that wait behind a missing one until it is given up."""
FAR = 16
"""An index further ahead than this, half a second, is believed only if another says the same."""
STALE = 16
"""As many late packets on end come from a headband that has begun to count anew."""
MOST_PER_PACKET = 32
"""Samples that one packet can hold, seven blocks of four and some."""
MAX_READINGS = 6


class AthenaCodec:
    """Decoder of one connection.

    Parameters
    ----------
    inputs
        1 to 4 for TP9, AF7, AF8 and TP10, 5 to 8 for the auxiliary ones, in the order of the rows; those that
        the preset does not send are NaN.
    """

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4)) -> None:
        for number in inputs:
            if not 1 <= number <= N_INPUTS:
                raise ValueError(f"input {number}: the Athena has 1 to {N_INPUTS}")
        self._rows = np.array([number - 1 for number in inputs])
        self._pending: dict[int, AthenaPacket] = {}
        self._next: int | None = None
        self._suspect: int | None = None
        self._late = 0
        self._samples = 0
        self._clock = RateFit(FS_HZ)
        self._gap = 0
        self._motion: deque[FloatArray] = deque(maxlen=MAX_READINGS)
        self._replies = ReplyReader()
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self.lost = 0
        self.bad = 0
        self.garbage = 0

    def feed(self, chunk: bytes, source: int = BYTE_STREAM, _now_s: float | None = None) -> list[Run]:
        """Take a notification of characteristic 273e00NN, `source` being NN; returns samples in order."""
        if source == CONTROL:
            self._control(chunk)
            return []
        if source not in DATA:
            return []
        packets, rest = split(chunk)
        self.garbage += rest
        self.bad += rest > 0
        runs: list[Run] = []
        for raw in packets:
            try:
                packet = AthenaPacket.from_bytes(raw)
            except ProtocolError:
                self.bad += 1
                continue
            self.bad += not packet.whole
            self._store(packet)
            runs += self._ready()
        return runs

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        taken = list(self._notices)
        self._notices.clear()
        return taken

    def _store(self, packet: AthenaPacket) -> None:
        if self._next is None:
            self._next = packet.index
        half = INDICES // 2
        index = self._next + (packet.index - self._next + half) % INDICES - half
        if index >= self._next + FAR and not self._confirmed(index):
            return
        if index < self._next or index in self._pending:
            self.bad += 1
            self._late += 1
            if self._late >= STALE:
                self._begin_anew()
            return
        self._late = 0
        self._pending[index] = packet

    def _confirmed(self, index: int) -> bool:
        suspect, self._suspect = self._suspect, index
        if suspect is not None and 0 < index - suspect <= GIVE_UP:
            self._suspect = None
            return True
        self.bad += 1
        return False

    def _begin_anew(self) -> None:
        self._pending.clear()
        self._next, self._late, self._gap = None, 0, 0
        self._clock.connected()

    def _ready(self) -> list[Run]:
        """Take packets in order; a missing one is given up when enough wait behind it."""
        runs: list[Run] = []
        while self._pending and self._next is not None:
            first = min(self._pending)
            if first > self._next and len(self._pending) <= GIVE_UP:
                break
            self._gap += first - self._next
            self._next = first + 1
            runs += self._take(self._pending.pop(first))
        return runs

    def _take(self, packet: AthenaPacket) -> list[Run]:
        eeg: dict[int, list[bytes]] = {}
        for block in packet.blocks:
            if block.tag in CHANNELS:
                eeg.setdefault(block.tag, []).append(block.data)
            else:
                self._other(block)
        runs = []
        for tag, blocks in eeg.items():
            uv = self._chosen(unpack_eeg(blocks, CHANNELS[tag]))
            per_block = uv.shape[1] // len(blocks)
            lost = self._missing(packet.time_ms / 1000.0, uv.shape[1], per_block)
            self._samples += lost + uv.shape[1]
            self._clock.observe(self._samples, packet.time_ms / 1000.0)
            self.lost += lost
            runs.append(Run(lost, uv, self._take_motion(uv.shape[1])))
        return runs

    def _missing(self, time_s: float, n: int, per_block: int) -> int:
        """Count the samples that the packets missing before this one held."""
        gap, self._gap = self._gap, 0
        if gap == 0 or not self._clock.known:
            return 0
        late_s = self._clock.lateness_s(self._samples + n, time_s)
        blocks = round(late_s * FS_HZ / per_block)
        return max(0, min(blocks * per_block, gap * MOST_PER_PACKET))

    def _chosen(self, uv: FloatArray) -> FloatArray:
        chosen = np.full((len(self._rows), uv.shape[1]), np.nan)
        there = self._rows < len(uv)
        chosen[there] = uv[self._rows[there]]
        return chosen

    def _take_motion(self, n: int) -> FloatArray:
        """Take the readings that wait, three at most, spread over the samples that they came with."""
        motion = np.full((3, n), np.nan)
        waiting = min(READINGS, len(self._motion), n)
        for reading in range(waiting):
            motion[:, (2 * reading + 1) * n // (2 * waiting)] = self._motion.popleft()
        return motion

    def _other(self, block: Block) -> None:
        if block.tag == MOTION:
            self._motion.extend(unpack_motion(block.data).T)
        elif block.tag in (BATTERY, BATTERY_NEW) and len(block.data) >= 2:
            percent = int.from_bytes(block.data[:2], "little") / 512
            if percent <= 100.0:
                self._notices.append(Battery(percent))

    def _control(self, chunk: bytes) -> None:
        for reply in self._replies.feed(chunk):
            self._notices.append(Said(json.dumps(reply, separators=(",", ":"))[:1000]))
            percent = reply.get("bp")
            if isinstance(percent, int | float) and 0 <= percent <= 100:
                self._notices.append(Battery(float(percent)))
