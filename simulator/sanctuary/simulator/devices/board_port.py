"""A virtual board's line to its host, and the port on which it can be unplugged and plugged in again.

`SerialBoard` is the board (pure). `BoardLine` moves bytes between a board and a descriptor, on a thread of
its own, from plugging in to unplugging. `BoardPort` outlives its lines.

Paced freely, the board makes packets as fast as the port takes them: buffers fill after a few seconds of
signal and hold the board back, so the reader sets the pace and nothing is lost. Paced in real time, it makes
packets at the board's rate by the monotonic clock, and what stays unread for long is lost.
"""

from __future__ import annotations

import os
import select
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Literal, Protocol, Self

from sanctuary.simulator.devices.link_faults import ByteManipulator, untouched


class SerialBoard(Protocol):
    """A board that sends packets at a steady rate while it streams.

    Attributes
    ----------
    fs_hz
        Packets a second.
    streaming
        Whether it streams now.
    """

    fs_hz: int
    streaming: bool

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:
        """Take bytes from the host at `now_s`; returns the reply. Empty `data` only advances time."""

    def packets(self, n: int) -> bytes:
        """Give the next `n` packets."""


Pacing = Literal["free", "realtime"]

FREE_S = 4
"""Signal made at a time when paced freely."""
REALTIME_TICK_S = 0.016
"""A few packets at a time: the dongle's serial chip hands on what it has so often."""
IDLE_TICK_S = 0.5
"""How often a board that does not stream looks at the clock, to give up unfinished commands."""
CATCH_UP_S = 60
"""Signal that no host received is made in pieces of this length (seconds)."""
MAX_WAITING_S = 8.0
"""Signal that dongle and driver hold back in real time; what is more is lost."""
MAX_WAITING_BYTES = 65_536
"""What they hold back however slowly it fills: 8 s of a Cyton's."""
READ_BYTES = 1024
JOIN_S = 0.8


class BoardLine(ABC):
    """One line, and the thread that serves it; a subclass opens its descriptors.

    The thread alone uses and closes the line's descriptors, so none changes hands under it.

    Parameters
    ----------
    board, pacing
        The board, and how fast it streams.
    fault
        Asked each time what happens to bytes on their way to the host.
    due_s
        Time up to which the packets of a board that streams in real time were made; later ones are lost.
    clock
        Monotonic seconds.

    Attributes
    ----------
    due_s
        Time up to which the board's packets were made.
    """

    def __init__(
        self,
        board: SerialBoard,
        pacing: Pacing,
        fault: Callable[[], ByteManipulator],
        due_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._board, self._pacing, self._fault, self._clock = board, pacing, fault, clock
        self.due_s = due_s
        self._out: deque[memoryview] = deque()
        self._waiting = 0
        self._wake_out, self._wake_in = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._wake_out, select.POLLIN)
        self._thread: Thread | None = None

    @abstractmethod
    def _step(self) -> bool:
        """Wait once and move bytes; returns whether to go on."""

    @abstractmethod
    def _hang_up(self) -> None:
        """Close the line's own descriptors."""

    def _serve(self, name: str) -> None:
        """Start the thread; `name` distinguishes the line from others."""
        self._thread = Thread(target=self._run, name=f"virtual board on {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up: the host's next read fails. Ends the thread within a second, whatever it waits for."""
        with suppress(BrokenPipeError):  # the thread has ended already
            os.write(self._wake_in, b"x")
        if self._thread is not None:
            self._thread.join(JOIN_S)
        os.close(self._wake_in)

    def _run(self) -> None:
        try:
            self._catch_up()
            while self._step():
                pass
        finally:
            self._hang_up()
            os.close(self._wake_out)

    def _exchange(self, fd: int) -> bool:
        """Make what is due, wait, and move bytes between board and host; returns whether to go on.

        Raises
        ------
        ConnectionError
            The host has left.
        """
        self._make()
        self._poll.register(fd, select.POLLIN | (select.POLLOUT if self._out else 0))
        ready = dict(self._poll.poll(self._patience_ms()))
        if self._wake_out in ready:
            return False
        events = ready.get(fd, 0)
        with suppress(BlockingIOError):
            self._on_received(self._read(fd) if events & select.POLLIN else b"")
        if self._out and events & select.POLLOUT:
            self._send(fd)
        return True

    def _read(self, fd: int) -> bytes:
        data = os.read(fd, READ_BYTES)
        if not data:
            raise ConnectionResetError("the host has left")
        return data

    def _on_received(self, data: bytes) -> None:
        was_streaming, now_s = self._board.streaming, self._clock()
        reply = self._board.receive(data, now_s)
        if was_streaming and not self._board.streaming:
            self._drop_waiting()
        elif self._board.streaming and not was_streaming:
            self.due_s = now_s
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
            made = board.packets(n)
            limit = max(MAX_WAITING_BYTES, MAX_WAITING_S * board.fs_hz * len(made) / n)
            packets = self._fault()(made)
            if self._waiting + len(packets) <= limit:
                self._put(packets)

    def _catch_up(self) -> None:
        """Make and drop what a board that streams in real time sent while no host was connected."""
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

    def _drop_waiting(self) -> None:
        self._out.clear()
        self._waiting = 0

    def _send(self, fd: int) -> None:
        with suppress(BlockingIOError):
            head = self._out[0]
            sent = os.write(fd, head)
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


class BoardPort(ABC):
    """One board and its port; a context manager.

    Parameters
    ----------
    board, pacing
        The board, and how fast it streams.
    clock
        Monotonic seconds; sets the pace in real time.

    Attributes
    ----------
    fault
        What happens to bytes on their way to the host; may be changed at any time.
    """

    def __init__(self, board: SerialBoard, pacing: Pacing, clock: Callable[[], float]) -> None:
        self._board, self._pacing, self._clock = board, pacing, clock
        self.fault: ByteManipulator = untouched
        self._due_s = clock()
        self._line: BoardLine | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @abstractmethod
    def _open_line(self) -> BoardLine:
        """Open a new line at the same address."""

    @abstractmethod
    def close(self) -> None:
        """Unplug for good, within a second."""

    @property
    def streaming(self) -> bool:
        return self._board.streaming

    def unplug(self) -> None:
        """Cut the host off: its next read fails, and it cannot connect again. The board goes on."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
            self._due_s = line.due_s

    def replug(self) -> None:
        """Serve again, at the same address."""
        if self._line is None:
            self._line = self._open_line()
