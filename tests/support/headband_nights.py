"""Whole nights of a headband in accelerated time: its true driver, codec, pump and clock, on a scripted link.

The virtual headband has a crystal of its own that is off; its bytes are late as on a real link, some are
lost, bursts of garbage come in between, and the link breaks again and again. Every sample tells its own
number, so that each one that survives can be checked against the moment at which it was truly taken.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.codecs.muse.control import encode
from sanctuary.firmware_bridge.drivers.base import Driver, Options
from sanctuary.firmware_bridge.drivers.device import DeviceHeadband
from sanctuary.firmware_bridge.drivers.registry import DRIVERS
from sanctuary.firmware_bridge.pump import HeadbandPump
from sanctuary.firmware_bridge.transports.link import Chunk
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.devices.athena import VirtualAthena
from sanctuary.simulator.devices.board import SerialBoard
from sanctuary.simulator.devices.cyton import VirtualCyton
from sanctuary.simulator.devices.freeeeg import VirtualFreeEeg
from sanctuary.simulator.devices.ganglion import COMMANDS, VirtualGanglion
from sanctuary.simulator.devices.gatt import GattDevice, Notification
from sanctuary.simulator.devices.muse import VirtualMuse, uuid
from sanctuary.simulator.devices.thinkgear import VirtualThinkGear
from sanctuary.simulator.devices.zmax import VirtualZmax

CODES = 800
"""A sample's value is its number modulo this, less half of it, in microvolts."""
SERIAL_TICK_S = 0.04
EVENT_S = 0.015
UNPLUGGED = "unplugged"


class VirtualClock:
    """Monotonic seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class VirtualEnd:
    """Stands for the pump's stop: waiting lets time pass, and at the end it is set."""

    def __init__(self, clock: VirtualClock, end_s: float) -> None:
        self._clock, self._end_s = clock, end_s

    def is_set(self) -> bool:
        return self._clock.now_s >= self._end_s

    def wait(self, timeout_s: float) -> bool:
        self._clock.now_s += timeout_s
        return self.is_set()

    def set(self) -> None:
        self._end_s = self._clock.now_s


class NumberSource:
    """Renders numbers, and remembers when each was taken.

    Parameters
    ----------
    each
        How many samples of the device tell one number.
    """

    def __init__(self, each: int = 1) -> None:
        self.each = each
        self.rendered = 0

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(2, n_samples)``, uV."""
        numbers = np.arange(self.rendered, self.rendered + n_samples) // self.each
        self.rendered += n_samples
        uv = (numbers % CODES - CODES // 2).astype(np.float64)
        return np.stack([uv, uv])


@dataclass
class Night:
    """What shall happen, and what came of it.

    Attributes
    ----------
    hours, ppm, seed
        Length of the night; how far the crystal is off; chooses everything at random.
    outages
        Times and lengths of disconnections, seconds since the beginning.
    loss
        Share of packets lost.
    garbage_every_s
        Mean time between bursts of garbage.
    """

    hours: float
    ppm: float
    seed: int
    outages: Sequence[tuple[float, float]]
    loss: float = 0.01
    garbage_every_s: float = 300.0
    blocks: list[SampleBlock] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    taken_s: list[tuple[int, int, float]] = field(default_factory=list)
    bursts: int = 0
    connections: int = 0


def spread_outages(n: int, hours: float, seed: int) -> list[tuple[float, float]]:
    """Disconnections at random, most short, a few of minutes."""
    rng = np.random.default_rng(seed)
    step_s = hours * 3600.0 / n
    lengths = np.where(rng.random(n) < 0.03, rng.uniform(30.0, 90.0, n), rng.uniform(0.3, 6.0, n))
    starts = (np.arange(n) + rng.uniform(0.25, 0.6, n)) * step_s
    return [
        (float(start), float(min(length, 0.3 * step_s)))
        for start, length in zip(starts, lengths, strict=True)
    ]


class _Link:
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

    def started(self, _firmware: int | None) -> None: ...

    def close(self) -> None: ...


class SerialNightLink(_Link):
    """A board whose bytes come every 40 ms or later; while nobody listens they are lost."""

    def __init__(
        self,
        night: Night,
        clock: VirtualClock,
        zero_s: float,
        board: SerialBoard,
        source: NumberSource,
        state: dict[str, float],
        mangle: Callable[[bytes, np.random.Generator], bytes],
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
            if n > 0 and (data := self.mangle(self._packets(n), self.rng)):
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

    def value_of(self, _uuid: str) -> bytes:
        return b""


class RadioNightLink(_Link):
    """A Bluetooth headband: connection events, retries, stalls with bursts after them."""

    def __init__(
        self,
        night: Night,
        clock: VirtualClock,
        zero_s: float,
        device: GattDevice,
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
        self.last_s = self.stalled_until_s = 0.0
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
            at_s = self.event_s + self.rng.exponential(0.003)
            if self.rng.random() < 0.0005:
                self.stalled_until_s = at_s + self.rng.uniform(0.3, 2.0)
            self.last_s = max(at_s, self.last_s, self.stalled_until_s)
            self.queue.append(Chunk(self.last_s, number, notification.data))
            if self.rng.random() < 0.015 / self.night.garbage_every_s:
                self.night.bursts += 1
                for _ in range(20):
                    junk = self.rng.bytes(int(self.rng.integers(0, 40)))
                    where = int(self.rng.choice(list(self.sources.values())))
                    self.queue.append(Chunk(self.last_s, where, junk))

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


def run_night(
    night: Night,
    driver: Driver,
    opened: Callable[[VirtualClock, float], object],
    options: Options | None = None,
) -> None:
    """Let the true pump read the headband through the whole night."""
    clock = VirtualClock()
    zero_s = clock.now_s
    pump = HeadbandPump(
        lambda: DeviceHeadband(
            driver,
            "virtual",
            dict(list(driver.channels.items())[:2]),
            options,
            clock=clock,
            opened=lambda *_: opened(clock, zero_s),
        ),
        night.blocks.append,
        night.said.append,
        lambda: night.said.append("back"),
        clock=clock,
    )
    pump._stopping = VirtualEnd(clock, zero_s + night.hours * 3600.0)
    pump._run()
    if pump._error is not None:
        raise pump._error


@dataclass(frozen=True)
class Verdict:
    """How a night came out.

    Attributes
    ----------
    survived, marked, rendered
        Samples that came through, that are marked as lost, and that the headband took.
    wrong
        Samples whose value is none that was sent, or that came twice or out of order.
    error_ms
        Percentiles 50, 99 and 100 of the error in time of those that survived.
    """

    survived: int
    marked: int
    rendered: int
    wrong: int
    error_ms: tuple[float, float, float]


def judge(night: Night, fs_hz: float, each: int = 1) -> Verdict:
    """Check every sample of a night against the truth."""
    taken_s = _taken(night, fs_hz * each, each)
    survived = marked = wrong = 0
    last = -1
    errors: list[NDArray[np.float64]] = []
    expected = night.blocks[0].start
    for block in night.blocks:
        assert block.start == expected, "samples are missing without a mark"
        assert block.end_s is not None
        expected = block.end
        there = np.flatnonzero(~np.isnan(block.uv[0]))
        marked += block.n_samples - there.size
        survived += there.size
        if not there.size:
            continue
        at_s = block.end_s - (block.n_samples - 1 - there) / fs_hz
        code = block.uv[0, there] + CODES // 2
        near = np.searchsorted(taken_s, at_s)
        number = near + (np.rint(code) - near + CODES // 2) % CODES - CODES // 2
        number = number.astype(np.int64)
        bad = (np.abs(code - np.rint(code)) > 0.49) | (number < 0) | (number >= taken_s.size)
        bad |= np.diff(number, prepend=last) <= 0
        wrong += int(bad.sum())
        last = int(number[-1])
        errors.append(np.abs(taken_s[np.clip(number, 0, taken_s.size - 1)] - at_s)[~bad])
    error = np.concatenate(errors) * 1000.0
    spread = tuple(float(value) for value in np.percentile(error, [50, 99, 100]))
    return Verdict(survived, marked, taken_s.size, wrong, (spread[0], spread[1], spread[2]))


def _taken(night: Night, rate_hz: float, each: int) -> NDArray[np.float64]:
    """When each number was taken (the last of the samples that tell it)."""
    true_hz = rate_hz * (1.0 + night.ppm * 1e-6)
    pieces = [began_s + np.arange(n) / true_hz for _, n, began_s in night.taken_s]
    all_s = np.concatenate(pieces)
    return all_s[each - 1 :: each]


def mangler(
    night: Night, packet_bytes: int, *, corrupt: bool
) -> Callable[[bytes, np.random.Generator], bytes]:
    """Lose packets (or spoil them, where the device has no counter), and put garbage between reads."""

    def mangle(data: bytes, rng: np.random.Generator) -> bytes:
        raw = np.frombuffer(data, dtype=np.uint8).copy()
        n = raw.size // packet_bytes
        hit = rng.random(n) < night.loss
        rows = raw[: n * packet_bytes].reshape(n, packet_bytes)
        if corrupt:
            rows[hit, packet_bytes // 2] ^= 0x55
            out = raw.tobytes()
        else:
            out = rows[~hit].tobytes() + raw[n * packet_bytes :].tobytes()
        if rng.random() < SERIAL_TICK_S / night.garbage_every_s:
            night.bursts += 1
            out += rng.bytes(int(rng.integers(20, 3000)))
        return out

    return mangle


SERIAL_KINDS: dict[str, tuple[Callable[[NumberSource], SerialBoard], int, bool]] = {
    "cyton": (VirtualCyton, 33, False),
    "cyton-daisy": (lambda source: VirtualCyton(source, daisy=True), 33, False),
    "freeeeg32": (VirtualFreeEeg, 105, False),
    "thinkgear": (VirtualThinkGear, 8, True),
    "zmax": (VirtualZmax, 127, True),
}
"""How to make each, the bytes of its packets, and whether they can only be spoilt, for want of a counter."""
RADIO_KINDS: dict[str, tuple[Callable[..., GattDevice], tuple[bytes, ...], str]] = {
    "muse": (VirtualMuse, (encode("d"),), uuid(1)),
    "athena": (VirtualAthena, (encode("dc001"),), uuid(1)),
    "ganglion": (VirtualGanglion, (b"b",), COMMANDS),
}
"""How to make each, what makes it stream, and where that is written."""


def slept(kind: str, night: Night, **options: object) -> Verdict:
    """Let a kind of headband sleep a night, and judge it."""
    driver = DRIVERS[kind]
    rng = np.random.default_rng(night.seed)
    each = 2 if kind == "cyton-daisy" else 1
    source = NumberSource(each)
    if kind in SERIAL_KINDS:
        make, packet_bytes, corrupt = SERIAL_KINDS[kind]
        board, state = make(source), {}
        mangle = mangler(night, packet_bytes, corrupt=corrupt)

        def opened(clock: VirtualClock, zero_s: float) -> object:
            return SerialNightLink(night, clock, zero_s, board, source, state, mangle, rng)

    else:
        make_device, begins, write_to = RADIO_KINDS[kind]
        fs_hz = driver.fs_hz * (1.0 + night.ppm * 1e-6)
        device = make_device(source, fs_hz=fs_hz, **options)

        def opened(clock: VirtualClock, zero_s: float) -> object:
            link = RadioNightLink(night, clock, zero_s, device, _sources(driver), source, rng, fs_hz)
            link.begins, link.write_to = begins, write_to
            link.began_at = source.rendered
            return link

    run_night(night, driver, opened)
    return judge(night, driver.fs_hz, each)


def _sources(driver: Driver) -> dict[str, int]:
    assert driver.gatt is not None
    return dict(driver.gatt.notify)
