"""What leaves for the D-Bus, in order, and only as fast as the daemon takes it."""

from __future__ import annotations

import select
from collections import deque

from dbus_fast import Message
from dbus_fast.aio import MessageBus

MAX_WAITING = 20_000
"""Messages that wait for a daemon that takes none: some 20 s of eight headbands. What is more is lost."""


class Outbox:
    """Sends messages while the socket takes them; the others wait for the next `flush`.

    dbus-fast gives its connection up when the socket is full for a moment (python-dbus-next, issue 153), so
    it is asked beforehand.

    Parameters
    ----------
    bus, fd
        Where they go, connected, and its socket.
    """

    def __init__(self, bus: MessageBus, fd: int) -> None:
        self._bus = bus
        self._waiting: deque[Message] = deque()
        self._writable = select.poll()
        self._writable.register(fd, select.POLLOUT)

    def put(self, message: Message) -> None:
        """Send a message, now or later."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(message)
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        while self._waiting and self._writable.poll(0):
            self._bus.send(self._waiting.popleft())
