"""From a Muse's notifications to rows of samples: by sequence number, never by the order of arrival.

Each EEG channel has notifications of its own. Twelve samples of all channels make a row set once they have
come, or once they are given up because the stream is `GIVE_UP` further on; a channel that did not come is
NaN in that set alone.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.codecs.base import BYTE_STREAM, MAX_NOTICES, Battery, Notice, Run, Said
from sanctuary.firmware_bridge.codecs.muse.control import ReplyReader
from sanctuary.firmware_bridge.codecs.muse.packet import (
    NOTIFICATION_BYTES,
    READINGS,
    SAMPLES,
    SEQUENCES,
    Telemetry,
    unpack_eeg,
    unpack_motion,
)
from sanctuary.signal.samples import FloatArray

CONTROL, ACCELEROMETER, TELEMETRY = 0x01, 0x0A, 0x0B
SOURCE_OF_INPUT = {1: 0x03, 2: 0x04, 3: 0x05, 4: 0x06, 5: 0x07}
"""TP9, AF7, AF8, TP10 and the right auxiliary input."""
GIVE_UP = 3
"""A set is given up once one this much newer is there; Bluetooth LE keeps the order, a busy host nearly
so."""
FAR = 8
"""A number further ahead than this, 0.4 s, is believed only if another says the same."""
STALE = 64
"""As many late notifications on end, 0.75 s, come from a headband that has begun to count anew."""
MAX_READINGS = 6


class MuseCodec:
    """Decoder of one connection.

    Parameters
    ----------
    inputs
        1 to 4 for TP9, AF7, AF8, TP10 and 5 for the right auxiliary input, in the order of the rows.
    """

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4)) -> None:
        self._sources = tuple(SOURCE_OF_INPUT[number] for number in inputs)
        self._wanted = frozenset(self._sources)
        self._pending: dict[int, dict[int, bytes]] = {}
        self._newest: int | None = None
        self._emitted: int | None = None
        self._suspect: tuple[int, int, bytes] | None = None
        self._late = 0
        self._motion: deque[FloatArray] = deque(maxlen=MAX_READINGS)
        self._replies = ReplyReader()
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self.lost = 0
        self.bad = 0
        self.garbage = 0

    def feed(self, chunk: bytes, source: int = BYTE_STREAM, _now_s: float | None = None) -> list[Run]:
        """Take a notification of characteristic 273e00NN, `source` being NN; returns sets that are whole."""
        if source in self._wanted:
            if len(chunk) == NOTIFICATION_BYTES:
                return self._eeg(chunk, source)
            self.bad += 1
            self.garbage += len(chunk)
        elif source == CONTROL:
            self._control(chunk)
        elif source in (ACCELEROMETER, TELEMETRY):
            self._other(chunk, source)
        return []

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        taken = list(self._notices)
        self._notices.clear()
        return taken

    def _eeg(self, chunk: bytes, source: int) -> list[Run]:
        number = self._place(int.from_bytes(chunk[:2], "big"))
        newest = self._newest if self._newest is not None else number
        if number > newest + FAR and not self._confirmed(number, source, chunk[2:]):
            return []
        if number < newest - FAR or (self._emitted is not None and number <= self._emitted):
            self.bad += 1
            self._late += 1
            if self._late >= STALE:
                self._begin_anew()
            return []
        self._late = 0
        self._newest = max(number, newest)
        self._store(number, source, chunk[2:])
        return self._ready()

    def _place(self, sequence: int) -> int:
        """Continue the numbers past 65535: the one nearest to the newest."""
        if self._newest is None:
            return sequence
        half = SEQUENCES // 2
        return self._newest + (sequence - self._newest + half) % SEQUENCES - half

    def _confirmed(self, number: int, source: int, payload: bytes) -> bool:
        suspect, self._suspect = self._suspect, (number, source, payload)
        if suspect is None or abs(suspect[0] - number) > GIVE_UP:
            self.bad += suspect is not None
            return False
        self._suspect = None
        self._store(*suspect)
        return True

    def _store(self, number: int, source: int, payload: bytes) -> None:
        channels = self._pending.setdefault(number, {})
        if source in channels:
            self.bad += 1
        else:
            channels[source] = payload

    def _ready(self) -> list[Run]:
        """Emit the oldest sets as long as they are whole or given up."""
        runs = []
        newest = self._newest if self._newest is not None else 0
        while self._pending:
            number = min(self._pending)
            whole = len(self._pending[number]) == len(self._wanted)
            follows = self._emitted is None or number == self._emitted + 1
            if not (whole and follows) and newest - number < GIVE_UP:
                break
            channels = self._pending.pop(number)
            if self._emitted is None and not whole:  # it began before we listened
                continue
            runs.append(self._run(number, channels))
        return runs

    def _run(self, number: int, channels: dict[int, bytes]) -> Run:
        lost = 0 if self._emitted is None else (number - self._emitted - 1) * SAMPLES
        self._emitted = number
        self.lost += lost
        if len(channels) == len(self._sources):
            uv = unpack_eeg([channels[source] for source in self._sources])
        else:
            uv = np.full((len(self._sources), SAMPLES), np.nan)
            for row, source in zip(uv, self._sources, strict=True):
                if source in channels:
                    row[:] = unpack_eeg([channels[source]])[0]
        return Run(lost, uv, self._take_motion())

    def _take_motion(self) -> FloatArray:
        """Take the readings that wait, three at most, spread over the set they came with."""
        motion = np.full((3, SAMPLES), np.nan)
        for reading in range(min(READINGS, len(self._motion))):
            motion[:, 1 + 4 * reading] = self._motion.popleft()
        return motion

    def _begin_anew(self) -> None:
        self._pending.clear()
        self._newest = self._emitted = self._suspect = None
        self._late = 0

    def _other(self, chunk: bytes, source: int) -> None:
        try:
            if source == ACCELEROMETER:
                self._motion.extend(unpack_motion(chunk).T)
            else:
                percent = Telemetry.from_bytes(chunk).battery_percent
                self._notices.append(Battery(min(100.0, percent)))
        except ProtocolError:
            self.bad += 1
            self.garbage += len(chunk)

    def _control(self, chunk: bytes) -> None:
        for reply in self._replies.feed(chunk):
            self._notices.append(Said(json.dumps(reply, separators=(",", ":"))[:1000]))
            percent = reply.get("bp")
            if isinstance(percent, int | float) and 0 <= percent <= 100:
                self._notices.append(Battery(float(percent)))
