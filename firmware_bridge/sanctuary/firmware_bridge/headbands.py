"""Headbands: microvolts on a sample clock, whatever is behind them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cyton import commands
from sanctuary.firmware_bridge.cyton.decoder import CytonDecoder, Run
from sanctuary.firmware_bridge.cyton.packet import FS_HZ, PACKET_BYTES, rail_uv, uv_per_count
from sanctuary.firmware_bridge.transports.serial import SerialTransport
from sanctuary.signal.samples import FloatArray, SampleBlock


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


class Headband(Protocol):
    """A source of samples. One instance is one connection; after a `DeviceError` make a new one."""

    @property
    def info(self) -> HeadbandInfo:
        """What it is."""

    def open(self) -> None:
        """Connect."""

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
    realtime
        Whether bytes arrive in real time, so that their times can tell long losses apart.
    """

    def __init__(
        self,
        port: str,
        channels: Mapping[str, int],
        *,
        realtime: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.port = port
        names = tuple(channels)
        self._info = HeadbandInfo("OpenBCI Cyton", FS_HZ, names, (rail_uv(),) * len(names))
        self._decoder = CytonDecoder(tuple(channels.values()))
        self._clock = clock
        self._realtime = realtime
        self._transport: SerialTransport | None = None
        self._pieces: deque[FloatArray] = deque()
        self._waiting = 0
        self._position = 0

    @property
    def info(self) -> HeadbandInfo:
        """What it is."""
        return self._info

    @property
    def lost(self) -> int:
        """Samples lost so far."""
        return self._decoder.lost

    def open(self) -> None:
        """Open the port and reset the board, which may have been left streaming.

        Raises
        ------
        DeviceError
            No port, or no Cyton behind it.
        """
        transport = self._transport = SerialTransport(self.port)
        transport.write(commands.STOP + commands.RESET)
        received, deadline_s = b"", self._clock() + commands.RESET_TIMEOUT_S
        while (reply := commands.reply_in(received)) is None:
            left_s = deadline_s - self._clock()
            if left_s <= 0.0:
                self.close()
                raise DeviceError(
                    f"{self.port}: no Cyton answers within {commands.RESET_TIMEOUT_S:g} s; switch the board "
                    "to PC and the dongle to GPIO 6, and check the battery"
                )
            received = (received + transport.read(left_s))[-commands.MAX_REPLY_BYTES :]
        if reply.startswith(commands.NO_BOARD.decode()):
            self.close()
            raise DeviceError(f"{self.port}: the dongle finds no board; switch the Cyton on ({reply[:80]})")

    def start(self) -> None:
        """Begin to stream."""
        self._port().write(commands.START)

    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived, waiting at most `timeout_s` for something.

        Raises
        ------
        DeviceError
            The port went away.
        """
        self._feed(self._port().read(timeout_s))
        return [self._take(self._waiting)] if self._waiting else []

    def read_samples(self, n: int, timeout_s: float) -> SampleBlock:
        """Take exactly `n` more samples of the sample clock, lost ones as NaN; later ones wait.

        Raises
        ------
        DeviceError
            The port went away, or nothing came for `timeout_s`.
        """
        while self._waiting < n:
            self._feed(self._gather((n - self._waiting) * PACKET_BYTES, timeout_s))
        return self._take(n)

    def stop(self) -> None:
        """Stop streaming."""
        self._port().write(commands.STOP)

    def close(self) -> None:
        """Stop streaming and close the port; never raises."""
        if self._transport is None:
            return
        with suppress(DeviceError):  # it may have gone already; then nothing is left to stop
            self._transport.write(commands.STOP)
        self._transport.close()
        self._transport = None

    def _port(self) -> SerialTransport:
        if self._transport is None:
            raise DeviceError(f"{self.port}: not open")
        return self._transport

    def _gather(self, n_bytes: int, timeout_s: float) -> bytes:
        """Wait for at least `n_bytes`: a port gives 4 kB at a time, decoding is cheaper in larger pieces."""
        chunks, gathered = [], 0
        while gathered < n_bytes:
            chunk = self._port().read(timeout_s)
            if not chunk:
                raise DeviceError(
                    f"{self.port}: no samples for {timeout_s:g} s; check that the headband is switched on"
                )
            chunks.append(chunk)
            gathered += len(chunk)
        return b"".join(chunks)

    def _feed(self, chunk: bytes) -> None:
        for run in self._decoder.feed(chunk, self._clock() if self._realtime else None):
            self._keep(run)

    def _keep(self, run: Run) -> None:
        n = len(self._info.channels)
        if run.lost:
            self._pieces.append(np.full((n, run.lost), np.nan))
        self._pieces.append(np.multiply(run.counts.T, uv_per_count(), dtype=np.float64))
        self._waiting += run.lost + len(run.counts)

    def _take(self, n: int) -> SampleBlock:
        taken: list[FloatArray] = []
        need = n
        while need:
            piece = self._pieces.popleft()
            if piece.shape[1] > need:
                self._pieces.appendleft(piece[:, need:])
                piece = piece[:, :need]
            taken.append(piece)
            need -= piece.shape[1]
        uv = taken[0] if len(taken) == 1 else np.concatenate(taken, axis=1)
        block = SampleBlock(self._position, self._info.fs_hz, self._info.channels, uv)
        self._position += n
        self._waiting -= n
        return block
