"""Messages that have arrived and were not looked at yet: bounded, filled and emptied by two threads."""

from __future__ import annotations

from collections import deque
from threading import Lock

from sanctuary.pods.wire.packets import Message


class Inbox:
    """First in, first out; when full, gives up the oldest QoS 0 message, or else the oldest of all.

    Parameters
    ----------
    limit
        Most messages kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[Message] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> Message | None:
        """Add a message; give the one that had to go for it, if any."""
        with self._lock:
            self._messages.append(message)
            if len(self._messages) <= self._limit:
                return None
            at = next((at for at, kept in enumerate(self._messages) if kept.qos == 0), 0)
            dropped = self._messages[at]
            del self._messages[at]
            return dropped

    def take(self) -> Message | None:
        """Remove and give the oldest message; None if there is none."""
        with self._lock:
            return self._messages.popleft() if self._messages else None

    def drain(self) -> list[Message]:
        """Remove and give all messages, in order of arrival."""
        with self._lock:
            messages = list(self._messages)
            self._messages.clear()
            return messages
