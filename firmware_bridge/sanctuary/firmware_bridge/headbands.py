"""Headbands: microvolts on a sample clock, whatever is behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.codecs.cyton import commands
from sanctuary.firmware_bridge.codecs.cyton.commands import Command, ReplyFinder
from sanctuary.firmware_bridge.codecs.cyton.packet import DEFAULT_GAIN, FS_HZ, rail_uv
from sanctuary.firmware_bridge.codecs.cyton.stream import CytonStream
from sanctuary.firmware_bridge.transports.serial import MAX_READ_BYTES, SerialTransport
from sanctuary.signal.samples import SampleBlock

PATIENCE_S = 0.25
"""Longest wait without a look at whether somebody wants to break off."""

MORE_READS = 3
"""Further reads of a backlog in real time; system and dongle together hold back less."""


@dataclass(frozen=True, slots=True)
class HeadbandInfo:
    """What a headband is.

    Attributes
    ----------
    rail_uv
        Magnitude at which each channel rails, uV.
    """

    name: str
    fs_hz: float
    channels: tuple[str, ...]
    rail_uv: tuple[float, ...]


def never() -> bool:
    """Nobody wants to break off."""
    return False


class Headband(Protocol):
    """A source of samples, for one connection: after a `DeviceError` close it and make another."""

    @property
    def info(self) -> HeadbandInfo:
        """What it is."""

    def open(self, cancelled: Callable[[], bool] = never) -> None:
        """Connect; breaks off with a `DeviceError` soon after `cancelled` turns true."""

    def start(self) -> None:
        """Begin to stream; the first sample is number 0."""

    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived, waiting at most `timeout_s` for something."""

    def close(self) -> None:
        """Stop streaming and disconnect; never raises."""


class CytonHeadband:
    """An OpenBCI Cyton behind its serial dongle.

    Parameters
    ----------
    port
        Path of the serial port.
    channels
        Electrode site -> board input, left electrode first.
    gain
        Gain of these inputs; 24 is the board's own choice.
    realtime
        Whether bytes arrive in real time, so that their times can tell long losses apart.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        port: str,
        channels: Mapping[str, int],
        *,
        gain: int = DEFAULT_GAIN,
        realtime: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.port = port
        self._channels, self._gain = dict(channels), gain
        names = tuple(channels)
        self._info = HeadbandInfo("OpenBCI Cyton", FS_HZ, names, (rail_uv(gain),) * len(names))
        self._clock = clock
        self._realtime = realtime
        self._transport: SerialTransport | None = None
        self._stream = CytonStream(channels, gain)

    @property
    def info(self) -> HeadbandInfo:
        """What it is."""
        return self._info

    @property
    def lost(self) -> int:
        """Samples lost since the start."""
        return self._stream.lost

    def open(self, cancelled: Callable[[], bool] = never) -> None:
        """Open the port and reset the board, which may have been left streaming.

        Raises
        ------
        DeviceError
            No port, no Cyton behind it, or broken off.
        """
        self.close()
        self._transport = SerialTransport(self.port)
        try:
            self._transport.write(commands.STOP.data)
            self._ask(commands.RESET, cancelled)
            if self._gain != DEFAULT_GAIN:
                for number in self._channels.values():
                    self._ask(commands.channel_settings(number, self._gain), cancelled)
        except DeviceError:
            self.close()
            raise

    def start(self) -> None:
        """Begin to stream; the first sample is number 0.

        Raises
        ------
        DeviceError
            The port is not open, or went away.
        """
        self._stream = CytonStream(self._channels, self._gain)
        self._port().write(commands.START.data)

    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived, waiting at most `timeout_s` for something.

        Raises
        ------
        DeviceError
            The port is not open, or went away.
        """
        if not self._stream.waiting:
            self._receive(timeout_s)
        return [self._stream.take(self._stream.waiting)] if self._stream.waiting else []

    def read_samples(self, n: int, timeout_s: float) -> SampleBlock:
        """Take exactly `n` more samples of the sample clock, lost ones as NaN; later ones wait.

        Raises
        ------
        DeviceError
            The port is not open or went away, or no sample came for `timeout_s`.
        """
        deadline_s = self._clock() + timeout_s
        while (before := self._stream.waiting) < n:
            left_s = deadline_s - self._clock()
            if left_s <= 0.0:
                raise DeviceError(f"{self.port}: no samples for {timeout_s:g} s; {self._why_silent()}")
            self._receive(left_s)
            if self._stream.waiting > before:
                deadline_s = self._clock() + timeout_s
        return self._stream.take(n)

    def stop(self) -> None:
        """Stop streaming.

        Raises
        ------
        DeviceError
            The port is not open, or went away.
        """
        self._port().write(commands.STOP.data)

    def close(self) -> None:
        """Stop streaming and close the port; never raises."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        with suppress(DeviceError):  # it may have gone already; then nothing is left to stop
            transport.write(commands.STOP.data)
        transport.close()

    def _port(self) -> SerialTransport:
        if self._transport is None:
            raise DeviceError(f"{self.port}: not open")
        return self._transport

    def _receive(self, timeout_s: float) -> None:
        chunk = self._port().read(timeout_s)
        if not self._realtime:
            self._stream.feed(chunk)
            return
        for _ in range(MORE_READS):  # the time of arrival is that of all that has come
            if len(chunk) % MAX_READ_BYTES or not chunk:
                break
            chunk += self._port().read(0.0)
        self._stream.feed(chunk, self._clock())

    def _ask(self, command: Command, cancelled: Callable[[], bool]) -> None:
        """Send a command and wait until it is answered well."""
        transport, finder = self._port(), ReplyFinder()
        transport.write(command.data)
        deadline_s = self._clock() + command.timeout_s
        while (left_s := deadline_s - self._clock()) > 0.0:
            for reply in finder.feed(transport.read(min(left_s, PATIENCE_S))):
                if command.answer is not None and command.answer in reply:
                    return
                if commands.FAILURE in reply:
                    raise DeviceError(f"{self.port}: {_refusal(command, reply)}")
            if cancelled():
                raise DeviceError(f"{self.port}: opening was broken off")
        raise DeviceError(
            f"{self.port}: no Cyton answers within {command.timeout_s:g} s; switch the board to PC and the "
            "dongle to GPIO 6, and check the battery"
        )

    def _why_silent(self) -> str:
        if self._stream.replies:
            return f"the board says: {_quoted(self._stream.replies[-1])}"
        return "check that the headband is switched on and near its dongle"


def _refusal(command: Command, reply: str) -> str:
    said = _quoted(reply[reply.index(commands.FAILURE) :])
    if command is commands.RESET:
        return f"the dongle finds no board; switch the Cyton on ({said})"
    return f"the board refuses {command.data.decode()} ({said})"


def _quoted(reply: str) -> str:
    """Quote a reply's beginning, on one line."""
    return " ".join(reply.split())[:80]
