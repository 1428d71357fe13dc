"""A pseudo-terminal with a board behind it, from plugging it in to unplugging it."""

from __future__ import annotations

import os
import pty
import select
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Literal

from sanctuary.simulator.devices.cyton import VirtualCyton
from sanctuary.simulator.devices.faults import Manipulator

Pacing = Literal["free", "realtime"]

FREE_S = 4
"""Signal made at a time when paced freely."""
REALTIME_TICK_S = 0.04
"""Ten packets at a time, about as a dongle delivers them."""
IDLE_TICK_S = 0.5
"""How often a board that does not stream looks at the clock, to give up unfinished commands."""
CATCH_UP_S = 60
"""Signal that passed unheard is made in pieces of this length."""
MAX_WAITING_BYTES = 65_536
"""What dongle and driver hold back in real time, about 8 s; what is more is lost."""
READ_BYTES = 1024
JOIN_S = 0.8


class PtyLine:
    """The terminal, and the thread that serves it.

    The thread alone uses and closes the terminal, so a descriptor never changes hands under it.

    Parameters
    ----------
    board, pacing
        The board, and how fast it streams.
    fault
        Asked each time what happens to bytes on their way to the host.
    due_s
        Time up to which a board that streams in real time was heard; what passed since is lost.
    clock
        Monotonic seconds.

    Attributes
    ----------
    path
        The terminal's device file.
    due_s
        Time up to which the board's packets were made.
    """

    def __init__(
        self,
        board: VirtualCyton,
        pacing: Pacing,
        fault: Callable[[], Manipulator],
        due_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._board, self._pacing, self._fault, self._clock = board, pacing, fault, clock
        self.due_s = due_s
        self._out: deque[memoryview] = deque()
        self._waiting = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._wake_out, self._wake_in = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._wake_out, select.POLLIN)
        self._thread = Thread(target=self._run, name=f"virtual board on {self.path}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up: the host's next read fails. Ends the thread within a second, whatever it waits for."""
        with suppress(BrokenPipeError):  # the thread has ended already
            os.write(self._wake_in, b"x")
        self._thread.join(JOIN_S)
        os.close(self._wake_in)

    def _run(self) -> None:
        try:
            self._catch_up()
            while self._turn():
                pass
        finally:
            for fd in (self._master, self._slave, self._wake_out):
                os.close(fd)

    def _turn(self) -> bool:
        """Make what is due, wait, and move bytes; returns whether to go on."""
        self._make()
        self._poll.register(self._master, select.POLLIN | (select.POLLOUT if self._out else 0))
        ready = dict(self._poll.poll(self._patience_ms()))
        if self._wake_out in ready:
            return False
        events = ready.get(self._master, 0)
        with suppress(BlockingIOError):
            self._hear(os.read(self._master, READ_BYTES) if events & select.POLLIN else b"")
        if self._out and events & select.POLLOUT:
            self._send()
        return True

    def _hear(self, data: bytes) -> None:
        was_streaming = self._board.streaming
        reply = self._board.receive(data, self._clock())
        if was_streaming and not self._board.streaming:
            self._out.clear()
            self._waiting = 0
        elif self._board.streaming and not was_streaming:
            self.due_s = self._clock()
        if reply:
            self._put(self._fault()(reply))

    def _make(self) -> None:
        """Make packets when it is time."""
        board = self._board
        if not board.streaming:
            return
        if self._pacing == "free":
            if not self._out:
                self._put(self._fault()(board.packets(FREE_S * board.fs_hz)))
            return
        n = max(0, int((self._clock() - self.due_s) * board.fs_hz))
        if n:
            self.due_s += n / board.fs_hz
            packets = self._fault()(board.packets(n))
            if self._waiting + len(packets) <= MAX_WAITING_BYTES:
                self._put(packets)

    def _catch_up(self) -> None:
        """Let pass what a board that streams in real time sent while nothing was plugged in."""
        board = self._board
        left = int((self._clock() - self.due_s) * board.fs_hz)
        if board.streaming and self._pacing == "realtime" and left > 0:
            self.due_s += left / board.fs_hz
            while left > 0:
                n = min(left, CATCH_UP_S * board.fs_hz)
                board.packets(n)
                left -= n

    def _put(self, data: bytes) -> None:
        if data:
            self._out.append(memoryview(data))
            self._waiting += len(data)

    def _send(self) -> None:
        with suppress(BlockingIOError):
            head = self._out[0]
            sent = os.write(self._master, head)
            self._waiting -= sent
            if sent < len(head):
                self._out[0] = head[sent:]
            else:
                self._out.popleft()

    def _patience_ms(self) -> float | None:
        if not self._board.streaming:
            return IDLE_TICK_S * 1000.0
        if self._pacing == "free":
            return None if self._out else REALTIME_TICK_S * 1000.0
        return REALTIME_TICK_S * 1000.0
