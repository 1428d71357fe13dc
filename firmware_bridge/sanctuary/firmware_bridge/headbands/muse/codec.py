"""From the notifications of a classic Muse to sample runs: keyed on the sequence number.

Each EEG channel has notifications of its own. Twelve samples of all channels make a set of rows, emitted when
they have come, or once they are given up because the stream is `GIVE_UP` further on; a channel that did not
come is NaN in that set alone.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.headband import (
    BYTE_STREAM,
    Battery,
    Codec,
    DeviceText,
    SampleRun,
)
from sanctuary.firmware_bridge.headbands.muse.wire import (
    FS_HZ,
    NOTIFICATION_BYTES,
    SAMPLES,
    ReplyReader,
    Telemetry,
    unpack_eeg,
    unpack_motion,
)
from sanctuary.signal.samples import FloatArray

Item = TypeVar("Item")

SPAN = 65_536
HALF = SPAN // 2
NEAR = 3
"""Bluetooth LE keeps the order, and a busy host nearly so."""
CONFIRMED = 2
SLACK_S = 2.0
"""How late notifications may come: the longest stall of a radio that keeps its connection, and some."""
UNTIMED_S = 30.0
"""Longest loss believed where nobody says when things arrived; no connection outlives a longer one."""
MAX_READINGS = 12
"""Readings of the accelerometer that may wait for samples, a quarter of a second; the oldest go first."""
MAX_TEXT_CHARS = 1000
MOST_PERCENT = 110.0
"""Fuel gauges go a little beyond 100; more is no charge but nonsense."""


class Numbering(Generic[Item]):
    """Continues numbers of 16 bits past 65535, and doubts those that do not fit.

    ::

        near the newest                accepted at once
        further ahead: a long loss     accepted when a second one is near the first, if the time has passed
        anything else                  a spoilt number; or, if many on end are near one another, a headband
                                       that has begun to count anew: its numbers go on from the newest

    A restart that falls a little ahead of the newest number looks like a loss. What is doubted is kept, and
    not lost if it turns out to be right.

    Parameters
    ----------
    per_s
        Most numbers used up in a second.
    anew
        Items on end that show that counting began anew.
    """

    def __init__(self, per_s: float, anew: int) -> None:
        self._per_s, self._anew = per_s, anew
        self._shift = 0
        self._last_s: float | None = None
        self._doubted: list[tuple[int, Item]] = []
        self._denied = 0
        self.newest: int | None = None
        """Largest number so far."""
        self.refused = 0
        """Items that were doubted and then left out."""

    def place(self, raw: int, item: Item, now_s: float | None = None) -> list[tuple[int, Item]]:
        """Give an item its number.

        Parameters
        ----------
        raw
            Its number as sent, 0 to 65535.
        now_s
            When it arrived, monotonic seconds, if known.

        Returns
        -------
        The item with its number; or nothing while it is doubted; or all items that were doubted until now.
        """
        newest = raw if self.newest is None else self.newest
        ahead = (raw + self._shift - newest + HALF) % SPAN - HALF
        if abs(ahead) <= NEAR:
            return self._accept([(newest + ahead, item)], now_s) + self._reconsider(now_s)
        self._doubt(newest + ahead, item)
        leap = 0 < ahead <= self._longest_leap(now_s)
        if len(self._doubted) < (CONFIRMED if leap else self._anew):
            return []
        placed, self._doubted = self._doubted, []
        if not leap:
            back = newest + 1 - min(number for number, _ in placed)
            self._shift += back
            placed = [(number + back, each) for number, each in placed]
        return self._accept(placed, now_s)

    def _accept(self, placed: list[tuple[int, Item]], now_s: float | None) -> list[tuple[int, Item]]:
        largest = max(number for number, _ in placed)
        self.newest = largest if self.newest is None else max(self.newest, largest)
        self._last_s = now_s
        return placed

    def _reconsider(self, now_s: float | None) -> list[tuple[int, Item]]:
        """Look again at what is doubted: it is near by now, or refused after a while."""
        if not self._doubted or self.newest is None:
            return []
        self._denied += 1
        if all(abs(number - self.newest) <= NEAR for number, _ in self._doubted):
            placed, self._doubted = self._doubted, []
            return self._accept(placed, now_s)
        if self._denied > NEAR:
            self._refuse()
        return []

    def _doubt(self, number: int, item: Item) -> None:
        self._denied = 0
        if self._doubted and abs(number - self._doubted[-1][0]) > NEAR:
            self._refuse()
        self._doubted.append((number, item))

    def _refuse(self) -> None:
        self.refused += len(self._doubted)
        self._doubted.clear()

    def _longest_leap(self, now_s: float | None) -> float:
        if now_s is None or self._last_s is None:
            return UNTIMED_S * self._per_s
        return (now_s - self._last_s + SLACK_S) * self._per_s


class NumberedCodec(Codec, Generic[Item]):
    """What the codecs of all Muse headbands share: numbered items, and what is told beside the EEG.

    Parameters
    ----------
    per_s, anew
        See `Numbering`.
    """

    def __init__(self, per_s: float, anew: int) -> None:
        super().__init__()
        self._numbering: Numbering[Item] = Numbering(per_s, anew)
        self._motion: deque[FloatArray] = deque(maxlen=MAX_READINGS)
        self._replies = ReplyReader()

    @property
    def bad(self) -> int:
        return self._bad + self._numbering.refused

    def _on_control(self, notification: bytes) -> None:
        """Handle a piece of an answer; answers to a question for the status hold the battery, too."""
        for reply in self._replies.push(notification):
            self.events.append(DeviceText(json.dumps(reply, separators=(",", ":"))[:MAX_TEXT_CHARS]))
            percent = reply.get("bp")
            if isinstance(percent, int | float):
                self._on_battery(percent)

    def _on_battery(self, percent: float) -> None:
        if 0.0 <= percent <= MOST_PERCENT:
            self.events.append(Battery(min(100.0, float(percent))))

    def _on_motion(self, readings_g: FloatArray) -> None:
        """Keep readings of the accelerometer, shape ``(3, n)``."""
        self._motion.extend(readings_g.T)

    def _spread_motion(self, n: int) -> FloatArray:
        """Spread the readings that wait over `n` samples that came with them; shape ``(3, n)``, else NaN."""
        motion = np.full((3, n), np.nan)
        waiting = min(len(self._motion), n)
        for reading in range(waiting):
            motion[:, (2 * reading + 1) * n // (2 * waiting)] = self._motion.popleft()
        return motion


CONTROL, ACCELEROMETER, TELEMETRY = 0x01, 0x0A, 0x0B
SOURCE_OF_INPUT = {1: 0x03, 2: 0x04, 3: 0x05, 4: 0x06, 5: 0x07}
"""TP9, AF7, AF8, TP10 and the right auxiliary input."""
GIVE_UP = 3
"""A set is given up once one this much newer is there: Bluetooth LE keeps the order, hosts nearly so."""
STALE = 64
"""So many notifications on end that do not fit, 0.75 s, come from a headband that began to count anew."""


class MuseCodec(NumberedCodec[tuple[int, bytes]]):
    """Four or five channels at 256 Hz.

    Parameters
    ----------
    inputs
        1 to 4 for TP9, AF7, AF8, TP10 and 5 for the right auxiliary input, in the order of the rows; one that
        the preset does not send is NaN.
    """

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4)) -> None:
        super().__init__(FS_HZ / SAMPLES, STALE)
        for number in inputs:
            if number not in SOURCE_OF_INPUT:
                raise ValueError(f"input {number}: the Muse has 1 to {len(SOURCE_OF_INPUT)}")
        self._sources = tuple(SOURCE_OF_INPUT[number] for number in inputs)
        self._wanted = frozenset(self._sources)
        self._pending: dict[int, dict[int, bytes]] = {}
        self._emitted: int | None = None

    def push(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None, /) -> list[SampleRun]:
        """Decode a notification of characteristic 273e00NN, `source` being NN."""
        if source in self._wanted:
            if len(chunk) == NOTIFICATION_BYTES:
                return self._eeg(chunk, source, now_s)
            self._refuse(chunk)
        elif source == CONTROL:
            self._on_control(chunk)
        elif source in (ACCELEROMETER, TELEMETRY):
            self._other(chunk, source)
        return []

    def _eeg(self, chunk: bytes, source: int, now_s: float | None) -> list[SampleRun]:
        item = (source, chunk[2:])
        for number, (channel, payload) in self._numbering.place(
            int.from_bytes(chunk[:2], "big"), item, now_s
        ):
            self._store(number, channel, payload)
        return self._ready()

    def _store(self, number: int, source: int, payload: bytes) -> None:
        if self._emitted is not None and number <= self._emitted:
            self._bad += 1
            return
        channels = self._pending.setdefault(number, {})
        self._bad += source in channels
        channels.setdefault(source, payload)

    def _ready(self) -> list[SampleRun]:
        """Emit the oldest sets as long as they are whole or given up."""
        runs: list[SampleRun] = []
        while self._pending:
            number = min(self._pending)
            whole = len(self._pending[number]) == len(self._wanted)
            follows = self._emitted is None or number == self._emitted + 1
            if not (whole and follows) and (self._numbering.newest or 0) - number < GIVE_UP:
                break
            channels = self._pending.pop(number)
            if self._emitted is None and not whole:  # it began before we listened
                self._emitted = number
            else:
                runs.append(self._run(number, channels))
        return runs

    def _run(self, number: int, channels: dict[int, bytes]) -> SampleRun:
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
        return SampleRun(lost, uv, self._spread_motion(SAMPLES))

    def _other(self, chunk: bytes, source: int) -> None:
        try:
            if source == ACCELEROMETER:
                self._on_motion(unpack_motion(chunk))
            else:
                self._on_battery(Telemetry.from_bytes(chunk).battery_percent)
        except ProtocolError:
            self._refuse(chunk)

    def _refuse(self, chunk: bytes) -> None:
        self._bad += 1
        self.garbage += len(chunk)
