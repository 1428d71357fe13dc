"""A headband made of its driver, its link and its codec."""

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
    Conversation,
    DeviceText,
    Driver,
    Headband,
    HeadbandInfo,
    HeadbandOptions,
    HeadbandSession,
    LinkKind,
    SampleRun,
)
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Link, not_cancelled
from sanctuary.signal.samples import FloatArray, SampleBlock

MOTION_ROWS = 3


class DecodedStream:
    """Decoded samples of one connection, numbered from 0; lost ones are NaN in their place.

    Parameters
    ----------
    codec
        Decodes the connection's bytes.
    fs_hz, channels
        Nominal rate and channel names of the blocks.
    realtime
        Whether bytes arrive in real time, so that their times mean something.

    Attributes
    ----------
    waiting
        Samples ready to be popped.
    """

    def __init__(self, codec: Codec, fs_hz: float, channels: Sequence[str], *, realtime: bool = True) -> None:
        self.codec = codec
        self._fs_hz, self._channels, self._realtime = fs_hz, tuple(channels), realtime
        self._pieces: deque[FloatArray] = deque()
        self._moves = False
        self._position = 0
        self.waiting = 0

    def push(self, chunk: Chunk) -> None:
        """Decode what arrived."""
        for run in self.codec.push(chunk.data, chunk.source, chunk.at_s if self._realtime else None):
            self._add(run)

    def pop_all(self, chunk: Chunk) -> SampleBlock:
        """Take all samples that wait, after `chunk`; the block ends when its last sample arrived."""
        if not self._realtime:
            return self.pop(self.waiting)
        return self.pop(self.waiting, chunk.at_s - self.codec.held / self._fs_hz)

    def pop(self, n: int, end_s: float | None = None) -> SampleBlock:
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

    def _add(self, run: SampleRun) -> None:
        rows, n = run.uv.shape
        self._moves = self._moves or run.motion_g is not None
        if run.lost:
            self._pieces.append(np.full((rows + MOTION_ROWS, run.lost), np.nan))
        motion = run.motion_g if run.motion_g is not None else np.full((MOTION_ROWS, n), np.nan)
        self._pieces.append(np.concatenate((run.uv, motion)))
        self.waiting += run.lost + n


OpenLink = Callable[[Driver, str, HeadbandOptions, Cancelled], Link]


def open_link(
    driver: Driver, address: str, options: HeadbandOptions, cancelled: Cancelled = not_cancelled
) -> Link:
    """Open the kind of link that a driver needs.

    Raises
    ------
    DeviceError
        It cannot be opened.
    """
    # imported where needed: a machine without Bluetooth reads a port, and the other way round
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
        options: HeadbandOptions | None = None,
        *,
        realtime: bool = True,
        clock: Callable[[], float] = time.monotonic,
        opened: OpenLink = open_link,
    ) -> None:
        self.address = address
        self._driver, self._opened, self._clock, self._realtime = driver, opened, clock, realtime
        self._options = options if options is not None else HeadbandOptions()
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
        self._opened_with: tuple[Conversation, HeadbandSession] | None = None
        self._stream: DecodedStream | None = None
        self._keep_alive_due_s = float("inf")
        self._battery: float | None = None
        self._contact: dict[str, bool] = {}
        self._last_text = ""

    @property
    def battery_percent(self) -> float | None:
        return self._battery

    @property
    def contact(self) -> Mapping[str, bool]:
        return self._contact

    @property
    def lost(self) -> int:
        """Samples lost since the start, by the device's counter."""
        return self._stream.codec.lost if self._stream is not None else 0

    def connect(self, cancelled: Cancelled = not_cancelled) -> None:
        self.close()
        line = Conversation(
            self._opened(self._driver, self.address, self._options, cancelled), self._clock, cancelled
        )
        session = self._driver.session(self._inputs, self._options)
        try:
            session.prepare(line)
        except BaseException:
            line.link.close()
            raise
        self._opened_with = line, session

    def start(self) -> None:
        """Begin to stream; the first sample is number 0.

        Raises
        ------
        DeviceError
            It is not connected, or went away.
        """
        line, session = self._connection()
        self._stream = DecodedStream(
            session.codec(), self.info.fs_hz, self.info.channels, realtime=self._realtime
        )
        line.link.on_stream_start(session.firmware)
        session.start(line)
        if session.keep_alive_s is not None:
            self._keep_alive_due_s = self._clock() + session.keep_alive_s

    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived; a block for each moment at which something came."""
        if self._stream is not None and self._stream.waiting:
            return [self._stream.pop(self._stream.waiting)]
        return [self._started().pop_all(chunk) for chunk in self._receive(timeout_s) if self._decode(chunk)]

    def read_samples(self, n: int, timeout_s: float) -> SampleBlock:
        """Take exactly `n` more samples of the sample clock, lost ones as NaN; later ones wait.

        Raises
        ------
        DeviceError
            It is not connected or went away, or no sample came for `timeout_s`.
        """
        stream = self._started()
        deadline_s = self._clock() + timeout_s
        while (before := stream.waiting) < n:
            left_s = deadline_s - self._clock()
            if left_s <= 0.0:
                why = self._connection()[1].silence_hint(self._last_text)
                raise DeviceError(f"{self.address}: no samples for {timeout_s:g} s; {why}", Cause.SILENT)
            for chunk in self._receive(left_s):
                self._decode(chunk)
            if stream.waiting > before:
                deadline_s = self._clock() + timeout_s
        return stream.pop(n)

    def stop(self) -> None:
        """Stop streaming.

        Raises
        ------
        DeviceError
            It is not connected, or went away.
        """
        line, session = self._connection()
        session.stop(line)

    def close(self) -> None:
        opened, self._opened_with = self._opened_with, None
        self._keep_alive_due_s = float("inf")
        if opened is None:
            return
        line, session = opened
        with suppress(DeviceError):  # it may have gone already; then nothing is left to stop
            session.stop(line)
        line.link.close()

    def _connection(self) -> tuple[Conversation, HeadbandSession]:
        if self._opened_with is None:
            raise DeviceError(f"{self.address}: not open")
        return self._opened_with

    def _started(self) -> DecodedStream:
        if self._stream is None:
            self._connection()  # says "not open" where that is the reason
            raise DeviceError(f"{self.address}: not started")
        return self._stream

    def _receive(self, timeout_s: float) -> list[Chunk]:
        line, session = self._connection()
        if self._clock() >= self._keep_alive_due_s and session.keep_alive_s is not None:
            self._keep_alive_due_s = self._clock() + session.keep_alive_s
            session.keep_alive(line)
        return line.link.read(timeout_s)

    def _decode(self, chunk: Chunk) -> int:
        """Decode what arrived; the number of samples that wait."""
        stream = self._started()
        stream.push(chunk)
        while stream.codec.events:
            match stream.codec.events.popleft():
                case Battery(percent):
                    self._battery = percent
                case Contact(channel, good):
                    self._contact[self.info.channels[channel]] = good
                case DeviceText(text):
                    self._last_text = text
        return stream.waiting
