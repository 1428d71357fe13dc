"""Links that are late, lossy, torn into pieces, and broken again and again; all in the time of the caller.

Bytes and notifications come through one family: `cut` and `without` for what a port does to a stream,
`RadioDelays` for what a radio does to the times of its packets, and `FaultyPort` and `FaultyRadio` for whole
nights of a virtual headband.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np

from rough_night import UNPLUGGED, Night, NumberSource, VirtualClock
from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Chunk, Link
from sanctuary.simulator.devices.board_port import SerialBoard
from sanctuary.simulator.devices.gatt import GattDevice, Notification

SERIAL_TICK_S = 0.04
EVENT_S = 0.015
Mangle = Callable[[bytes, float, np.random.Generator], bytes]
"""Spoils bytes that are read at a time, seconds since the beginning of the night."""


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes in pieces, cut at `places` (modulo the length)."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def without(data: bytes, positions: Iterable[int]) -> bytes:
    """The bytes, but for those at `positions`."""
    gone = set(positions)
    return bytes(byte for at, byte in enumerate(data) if at not in gone)


class RadioDelays:
    """When packets of a Bluetooth headband arrive: retries, stalls with bursts after them, never overtaking.

    Parameters
    ----------
    retry_s
        Mean of the exponential time that retries take.
    slow_share, slow_s
        Share of packets that take longer still, and the mean of that.
    stall_s
        Least and longest time of a stall; one packet in 2000 begins one.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        retry_s: float,
        stall_s: tuple[float, float],
        slow_share: float = 0.0,
        slow_s: float = 0.0,
    ) -> None:
        self._rng, self._retry_s, self._stall_s = rng, retry_s, stall_s
        self._slow_share, self._slow_s = slow_share, slow_s
        self._last_s = self._stalled_until_s = 0.0

    def arrival_s(self, event_s: float) -> float:
        """Say when a packet arrives that left with the connection event of this moment."""
        at_s = event_s + self._rng.exponential(self._retry_s)
        if self._slow_share and self._rng.random() < self._slow_share:
            at_s += self._rng.exponential(self._slow_s)
        if self._rng.random() < 0.0005:
            self._stalled_until_s = at_s + self._rng.uniform(*self._stall_s)
        self._last_s = max(at_s, self._last_s, self._stalled_until_s)
        return self._last_s


def arrivals(
    duration_s: float, rate_hz: float, per_packet: int, seed: int, zero_s: float = 0.0
) -> Iterator[tuple[int, float, float]]:
    """Samples sent so far, when the last was taken, and when it arrived; never out of order."""
    delays = RadioDelays(np.random.default_rng(seed), 0.005, (0.5, 3.0), 0.02, 0.1)
    for n in range(per_packet, int(duration_s * rate_hz), per_packet):
        taken_s = zero_s + n / rate_hz
        yield n, taken_s, delays.arrival_s(math.ceil(taken_s / EVENT_S) * EVENT_S)


class FaultyLink(Link):
    """What links of both kinds have in common: they break when the night says so."""

    def __init__(self, night: Night, clock: VirtualClock, zero_s: float) -> None:
        self.address = "virtual"
        self.night, self.clock, self.zero_s = night, clock, zero_s
        if self._outage(clock.now_s) is not None:
            clock.now_s += 0.2
            raise DeviceError("virtual: out of reach", Cause.NOT_FOUND)
        later = [start for start, _ in night.outages if start > clock.now_s - zero_s]
        self.breaks_s = zero_s + later[0] if later else math.inf
        night.connections += 1

    def _outage(self, now_s: float) -> float | None:
        return next(
            (
                start + length
                for start, length in self.night.outages
                if start <= now_s - self.zero_s < start + length
            ),
            None,
        )

    def _check(self) -> None:
        if self.clock.now_s >= self.breaks_s:
            raise DeviceError(f"virtual: {UNPLUGGED}", Cause.DROPPED)

    def close(self) -> None: ...


class FaultyPort(FaultyLink):
    """A board whose bytes come every 40 ms or later; while nobody listens they are lost."""

    def __init__(
        self,
        night: Night,
        clock: VirtualClock,
        zero_s: float,
        board: SerialBoard,
        source: NumberSource,
        state: dict[str, float],
        mangle: Mangle,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(night, clock, zero_s)
        self.board, self.source, self.state = board, source, state
        self.mangle, self.rng = mangle, rng
        self.tick_s = clock.now_s
        self._replies: deque[bytes] = deque()
        self._catch_up()

    def _catch_up(self) -> None:
        """What was sent while nobody listened, all but the last two seconds, was lost."""
        while self.board.streaming and self._due(self.clock.now_s) > 2 * self.board.fs_hz:
            self._packets(min(10_000, self._due(self.clock.now_s)))

    def _due(self, now_s: float) -> int:
        if not self.board.streaming:
            return 0
        start_s = self.state.setdefault("start_s", now_s)
        rate_hz = self.board.fs_hz * (1.0 + self.night.ppm * 1e-6)
        return int((now_s - start_s) * rate_hz) - int(self.state.setdefault("sent", 0))

    def _packets(self, n: int) -> bytes:
        """Make packets, and note when their samples were taken."""
        rate_hz = self.board.fs_hz * (1.0 + self.night.ppm * 1e-6)
        first = self.source.rendered
        data = self.board.packets(n)
        rendered = self.source.rendered - first
        began_s = self.state["start_s"] + (self.state["sent"] + 1) / rate_hz
        self.night.taken_s.append((first, rendered, began_s))
        self.state["sent"] += n
        return data

    def read(self, timeout_s: float) -> list[Chunk]:
        deadline_s = self.clock.now_s + timeout_s
        while True:
            self._check()
            if self._replies:
                return [Chunk(self.clock.now_s, 0, self._replies.popleft())]
            next_s = self.tick_s + SERIAL_TICK_S
            if next_s > deadline_s:
                self.clock.now_s = max(self.clock.now_s, deadline_s)
                return []
            self.tick_s = next_s
            self.clock.now_s = max(self.clock.now_s, next_s + self.rng.exponential(0.002))
            n = self._due(next_s)
            if n > 0 and (data := self.mangle(self._packets(n), next_s - self.zero_s, self.rng)):
                return [Chunk(self.clock.now_s, 0, data)]

    def write(self, data: bytes) -> None:
        self._check()
        was = self.board.streaming
        reply = self.board.receive(data, self.clock.now_s)
        if self.board.streaming and not was:
            self.state.update(start_s=self.clock.now_s, sent=0)
            if odd := self.source.rendered % self.source.each:  # a board's first sample begins a number
                self.night.taken_s.append((self.source.rendered, odd, self.clock.now_s))
                self.source.render(odd)
        if reply:
            self._replies.append(reply)


class StreamingDevice(GattDevice, Protocol):
    """A virtual headband that tells whether it streams."""

    @property
    def streaming(self) -> bool: ...


class FaultyRadio(FaultyLink):
    """A Bluetooth headband: connection events, retries, stalls with bursts after them."""

    def __init__(
        self,
        night: Night,
        clock: VirtualClock,
        zero_s: float,
        device: StreamingDevice,
        sources: dict[str, int],
        source: NumberSource,
        rng: np.random.Generator,
        fs_hz: float,
    ) -> None:
        super().__init__(night, clock, zero_s)
        clock.now_s += 0.3
        self.device, self.sources, self.source, self.rng, self.fs_hz = device, sources, source, rng, fs_hz
        self.device.connect(clock.now_s)
        self.event_s = clock.now_s
        self.queue: deque[Chunk] = deque()
        self.delays = RadioDelays(rng, 0.003, (0.3, 2.0))
        self.began_s: float | None = None
        self.began_at = 0

    def read(self, timeout_s: float) -> list[Chunk]:
        deadline_s = self.clock.now_s + timeout_s
        while not self.queue:
            self._check()
            if self.event_s + EVENT_S > deadline_s:
                self.clock.now_s = max(self.clock.now_s, deadline_s)
                return []
            self.event_s += EVENT_S
            self._deliver(self.device.advance(self.event_s))
        taken = []
        self.clock.now_s = max(self.clock.now_s, self.queue[0].at_s)
        while self.queue and self.queue[0].at_s <= self.clock.now_s:
            taken.append(self.queue.popleft())
        return taken

    def _deliver(self, notifications: list[Notification]) -> None:
        self._note()
        for notification in notifications:
            if self.rng.random() < self.night.loss:
                continue
            number = self.sources.get(notification.uuid)
            if number is None:
                continue
            at_s = self.delays.arrival_s(self.event_s)
            self.queue.append(Chunk(at_s, number, notification.data))
            if self.night.garbage_due(self.event_s - self.zero_s):
                for _ in range(20):
                    junk = self.rng.bytes(int(self.rng.integers(0, 40)))
                    where = int(self.rng.choice(list(self.sources.values())))
                    self.queue.append(Chunk(at_s, where, junk))

    def _note(self) -> None:
        """Note when samples were taken, which the headband has rendered since the last look."""
        new = self.source.rendered - self.began_at
        if new and self.began_s is None:
            raise AssertionError("samples before it was told to stream")
        if self.began_s is not None and new > 0:
            self.night.taken_s.append((self.began_at, new, self.began_s + 1 / self.fs_hz))
            self.began_s += new / self.fs_hz
            self.began_at += new

    def write(self, data: bytes) -> None:
        self._check()
        before = self.source.rendered
        for notification in self.device.write(self.write_to, data, self.clock.now_s):
            if notification.uuid in self.sources:
                self.queue.append(Chunk(self.clock.now_s, self.sources[notification.uuid], notification.data))
        if self.began_s is None and data in self.begins and self.device.streaming:
            self.began_s, self.began_at = self.clock.now_s, before

    write_to = ""
    begins: tuple[bytes, ...] = ()

    def value_of(self, uuid: str) -> bytes:
        return self.device.read(uuid)

    def close(self) -> None:
        self.device.disconnect(self.clock.now_s)


def mangler(night: Night, packet_bytes: int, *, corrupt: bool) -> Mangle:
    """Lose packets (or spoil them, where the device has no counter), and put garbage between reads."""

    def mangle(data: bytes, at_s: float, rng: np.random.Generator) -> bytes:
        raw = np.frombuffer(data, dtype=np.uint8).copy()
        n = raw.size // packet_bytes
        hit = rng.random(n) < night.loss
        rows = raw[: n * packet_bytes].reshape(n, packet_bytes)
        if corrupt:
            rows[hit, packet_bytes // 2] ^= 0x55
            out = raw.tobytes()
        else:
            out = rows[~hit].tobytes() + raw[n * packet_bytes :].tobytes()
        if night.garbage_due(at_s):
            out += rng.bytes(int(rng.integers(20, 3000)))
        return out

    return mangle
