"""A virtual board on a pseudo-terminal, served by a thread of its own.

Paced freely the board makes packets as fast as the port takes them: the terminal's buffer is full after a
few seconds of signal and holds the board back, so the reader sets the pace and nothing is lost. Paced in
real time it makes 250 packets a second by the monotonic clock.
"""

from __future__ import annotations

import os
import pty
import select
import time
import tty
from contextlib import suppress
from threading import Thread
from typing import Literal

from sanctuary.simulator.devices.cyton import FS_HZ, VirtualCyton
from sanctuary.simulator.devices.faults import Manipulator, untouched

Pacing = Literal["free", "realtime"]

FREE_PACKETS = 4 * FS_HZ
"""Packets made at a time when paced freely."""
REALTIME_TICK_S = 0.04
"""Ten packets at a time, as the dongle's radio delivers them."""
JOIN_S = 1.0


class PtyPort:
    """One board and its port; used as a context manager.

    Parameters
    ----------
    board, pacing
        The board, and how fast it streams.

    Attributes
    ----------
    path
        Where the host finds the port.
    """

    def __init__(self, board: VirtualCyton, pacing: Pacing = "free") -> None:
        self._board = board
        self._pacing = pacing
        self.fault: Manipulator = untouched
        """What happens to packets on the wire."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._wake_out, self._wake_in = os.pipe()
        self._out = b""
        self._due_s = 0.0
        self._thread = Thread(target=self._serve, name=f"virtual board on {self.path}", daemon=True)
        self._thread.start()

    def __enter__(self) -> PtyPort:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Unplug: the host's next read fails. Ends the thread within a second, whatever it waits for."""
        if self._wake_in < 0:
            return
        with suppress(OSError):
            os.write(self._wake_in, b"x")
        self._thread.join(JOIN_S)
        for fd in (self._master, self._slave, self._wake_in, self._wake_out):
            with suppress(OSError):
                os.close(fd)
        self._wake_in = -1

    unplug = close

    def _serve(self) -> None:
        while True:
            self._make()
            writing = [self._master] if self._out else []
            ready, writable, _ = select.select(
                [self._master, self._wake_out], writing, [], self._patience_s()
            )
            if self._wake_out in ready:
                return
            try:
                if self._master in ready:
                    self._hear(os.read(self._master, 1024))
                if writable:
                    self._out = self._out[os.write(self._master, self._out) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    def _hear(self, data: bytes) -> None:
        was_streaming = self._board.streaming
        reply = self._board.receive(data)
        if not self._board.streaming:
            self._out = b""
        elif not was_streaming:
            self._due_s = time.monotonic()
        self._out += reply

    def _make(self) -> None:
        """Make packets when it is time."""
        if not self._board.streaming:
            return
        if self._pacing == "free":
            n = FREE_PACKETS if not self._out else 0
        else:
            n = max(0, int((time.monotonic() - self._due_s) * FS_HZ))
            self._due_s += n / FS_HZ
        if n:
            self._out += self.fault(self._board.packets(n))

    def _patience_s(self) -> float | None:
        if not self._board.streaming or (self._pacing == "free" and self._out):
            return None
        return REALTIME_TICK_S
