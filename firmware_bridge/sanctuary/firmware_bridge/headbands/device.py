"""A headband as its driver, its link and its codec make it.

Holds decoded samples, each at its number, until they are taken.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.headband import (
    Battery,
    Codec,
    Contact,
    Driver,
    Headband,
    HeadbandInfo,
    Line,
    LinkKind,
    Options,
    Run,
    Said,
    Session,
    arrived_s,
)
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Link, never
from sanctuary.signal.samples import FloatArray, SampleBlock

MOTION_ROWS = 3


class SampleQueue:
    """Samples of one connection, numbered from 0; lost ones are NaN in their place.

    Parameters
    ----------
    fs_hz, channels
        Nominal rate and channel names of the blocks.
    """

    def __init__(self, fs_hz: float, channels: Sequence[str]) -> None:
        self._fs_hz, self._channels = fs_hz, tuple(channels)
        self._pieces: deque[FloatArray] = deque()
        self._moves = False
        self._position = 0
        self.waiting = 0
        """Samples ready to be taken."""

    def add(self, runs: Sequence[Run]) -> None:
        """Append what a codec gave."""
        rows = len(self._channels)
        for run in runs:
            self._moves = self._moves or run.motion_g is not None
            if run.lost:
                self._pieces.append(np.full((rows + MOTION_ROWS, run.lost), np.nan))
            motion = run.motion_g
            if motion is None:
                motion = np.full((MOTION_ROWS, run.uv.shape[1]), np.nan)
            self._pieces.append(np.concatenate((run.uv, motion)))
            self.waiting += run.lost + run.uv.shape[1]

    def take(self, n: int, end_s: float | None = None) -> SampleBlock:
        """Take the next `n` samples, the last of which arrived at `end_s`.

        Raises
        ------
        ValueError
            Fewer are waiting.
        """
        if not 0 <= n <= self.waiting:
            raise ValueError(f"{n} samples asked for, {self.waiting} waiting")
        taken: list[FloatArray] = []
        need = n
        while need:
            piece = self._pieces.popleft()
            if piece.shape[1] > need:
                self._pieces.appendleft(piece[:, need:])
                piece = piece[:, :need]
            taken.append(piece)
            need -= piece.shape[1]
        rows = len(self._channels)
        all_rows = np.concatenate(taken, axis=1) if taken else np.empty((rows + MOTION_ROWS, 0))
        motion = all_rows[rows:] if self._moves else None
        block = SampleBlock(self._position, self._fs_hz, self._channels, all_rows[:rows], motion, end_s)
        self._position += n
        self.waiting -= n
        return block


OpenLink = Callable[[Driver, str, Options, Cancelled], Link]


def open_link(driver: Driver, address: str, options: Options, cancelled: Cancelled = never) -> Link:
    """Open the kind of link that a driver needs.

    Raises
    ------
    DeviceError
        It cannot be opened.
    """
    if driver.link is LinkKind.SERIAL:
        from sanctuary.firmware_bridge.links.serial_link import SerialLink

        return SerialLink(address, options.baud or driver.baud)
    if driver.link is LinkKind.TCP:
        from sanctuary.firmware_bridge.links.tcp_link import TcpLink

        return TcpLink(address)
    from sanctuary.firmware_bridge.links.ble_link import BleLink

    if driver.gatt is None:
        raise ValueError(f"{driver.name}: a Bluetooth driver without its GATT")
    return BleLink(address, driver.gatt, cancelled)


class DeviceHeadband(Headband):
    """A real headband, or a virtual one that nobody can tell from it.

    Parameters
    ----------
    driver
        What kind it is.
    address
        Port, Bluetooth address or name, or host:port.
    channels
        Electrode site -> input of the headband, the chain's channels first; None for the driver's.
    options
        What a person chose.
    realtime
        Whether bytes arrive in real time, so that their times mean something.
    clock
        Monotonic seconds.
    opened
        Opens the link.

    Raises
    ------
    ValueError
        The headband has no such input.
    """

    def __init__(
        self,
        driver: Driver,
        address: str,
        channels: Mapping[str, int] | None = None,
        options: Options | None = None,
        *,
        realtime: bool = True,
        clock: Callable[[], float] = time.monotonic,
        opened: OpenLink = open_link,
    ) -> None:
        self.address = address
        self._driver, self._opened, self._clock, self._realtime = driver, opened, clock, realtime
        self._options = options if options is not None else Options()
        channels = dict(channels if channels is not None else driver.channels)
        for site, number in channels.items():
            if not 1 <= number <= len(driver.inputs):
                raise ValueError(
                    f"{site}: the {driver.title} has inputs 1 to {len(driver.inputs)}, not {number}"
                )
        self._inputs = tuple(channels.values())
        rail_uv = driver.rail_uv(self._options)
        self.info = HeadbandInfo(
            driver.title, driver.fs_hz, tuple(channels), (rail_uv,) * len(channels), driver.counter_span
        )
        self._line: Line | None = None
        self._session: Session | None = None
        self._codec: Codec | None = None
        self._queue = SampleQueue(driver.fs_hz, tuple(channels))
        self._keep_alive_due_s = float("inf")
        self._battery: float | None = None
        self._contact: dict[str, bool] = {}
        self._said = ""

    @property
    def battery_percent(self) -> float | None:
        """Charge of its battery, as far as it has said."""
        return self._battery

    @property
    def contact(self) -> Mapping[str, bool]:
        """Channel -> whether its electrode touches the skin, as far as it has said."""
        return self._contact

    @property
    def lost(self) -> int:
        """Samples lost since the start, as its counter tells."""
        return self._codec.lost if self._codec is not None else 0

    def connect(self, cancelled: Cancelled = never) -> None:
        """Connect and set it up."""
        self.close()
        line = Line(
            self._opened(self._driver, self.address, self._options, cancelled), self._clock, cancelled
        )
        session = self._driver.session(self._inputs, self._options)
        try:
            session.prepare(line)
        except BaseException:
            line.link.close()
            raise
        self._line, self._session = line, session

    def start(self) -> None:
        """Begin to stream; the first sample is number 0.

        Raises
        ------
        DeviceError
            It is not connected, or went away.
        """
        line, session = self._open()
        self._codec = session.codec()
        self._queue = SampleQueue(self.info.fs_hz, self.info.channels)
        line.link.started(session.firmware)
        session.start(line)
        if session.keep_alive_s is not None:
            self._keep_alive_due_s = self._clock() + session.keep_alive_s

    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived; a block for each moment at which something came."""
        if self._queue.waiting:
            return [self._queue.take(self._queue.waiting)]
        return [
            self._queue.take(self._queue.waiting, self._ended_s(chunk))
            for chunk in self._receive(timeout_s)
            if self._decode(chunk)
        ]

    def read_samples(self, n: int, timeout_s: float) -> SampleBlock:
        """Take exactly `n` more samples of the sample clock, lost ones as NaN; later ones wait.

        Raises
        ------
        DeviceError
            It is not connected or went away, or no sample came for `timeout_s`.
        """
        deadline_s = self._clock() + timeout_s
        while (before := self._queue.waiting) < n:
            left_s = deadline_s - self._clock()
            if left_s <= 0.0:
                why = self._open()[1].complaint(self._said)
                raise DeviceError(f"{self.address}: no samples for {timeout_s:g} s; {why}", Cause.SILENT)
            for chunk in self._receive(left_s):
                self._decode(chunk)
            if self._queue.waiting > before:
                deadline_s = self._clock() + timeout_s
        return self._queue.take(n)

    def stop(self) -> None:
        """Stop streaming.

        Raises
        ------
        DeviceError
            It is not connected, or went away.
        """
        line, session = self._open()
        session.stop(line)

    def close(self) -> None:
        """Stop streaming and disconnect; never raises."""
        line, self._line = self._line, None
        self._keep_alive_due_s = float("inf")
        if line is None:
            return
        if self._session is not None:
            with suppress(DeviceError):  # it may have gone already; then nothing is left to stop
                self._session.stop(line)
        line.link.close()

    def _open(self) -> tuple[Line, Session]:
        if self._line is None or self._session is None:
            raise DeviceError(f"{self.address}: not open")
        return self._line, self._session

    def _receive(self, timeout_s: float) -> list[Chunk]:
        line, session = self._open()
        if self._clock() >= self._keep_alive_due_s and session.keep_alive_s is not None:
            self._keep_alive_due_s = self._clock() + session.keep_alive_s
            session.keep_alive(line)
        return line.link.read(timeout_s)

    def _ended_s(self, chunk: Chunk) -> float | None:
        if not self._realtime or self._codec is None:
            return None
        return arrived_s(self._codec, chunk.at_s, self.info.fs_hz)

    def _decode(self, chunk: Chunk) -> int:
        """Decode what arrived; returns the number of samples that wait."""
        codec = self._codec
        if codec is None:
            raise DeviceError(f"{self.address}: not started")
        self._queue.add(codec.feed(chunk.data, chunk.source, chunk.at_s if self._realtime else None))
        for notice in codec.notices():
            match notice:
                case Battery(percent):
                    self._battery = percent
                case Contact(channel, good):
                    self._contact[self.info.channels[channel]] = good
                case Said(text):
                    self._said = text
        return self._queue.waiting
