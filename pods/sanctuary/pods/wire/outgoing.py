"""Messages that the broker has not acknowledged yet: in order, bounded, sent again after a lost link.

Theory. Numbers rise with every message. A message is *unsent*, or *in flight* (handed to the link that is
up, under a token), until it is acknowledged and gone. When the link is lost, everything in flight is
unsent again, so that the next link carries all that is left in the order of the numbers: at least once,
and after the receiver's deduplication exactly once and in order. At most `window` messages are in flight,
so that a broker back from a restart is not flooded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from sanctuary.pods.wire.packets import Message


class OutgoingQueue:
    """Unacknowledged messages of one client.

    Parameters
    ----------
    limit
        Most messages kept.
    window
        Most messages in flight.
    """

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._window = window
        self._kept: dict[int, Message] = {}
        self._unsent: deque[int] = deque()
        self._tokens: dict[Hashable, int] = {}
        self._late: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def full(self) -> bool:
        """Tell whether another message would be one too many."""
        return len(self._kept) >= self._limit

    def add(self, number: int, message: Message) -> None:
        """Put a message at the end.

        Raises
        ------
        ValueError
            The queue is full, or `number` does not rise from 1.
        """
        if self.full() or number <= next(reversed(self._kept), 0):
            raise ValueError(f"message {number} cannot be queued behind {len(self._kept)} others")
        self._kept[number] = message
        self._unsent.append(number)

    def next_unsent(self) -> tuple[int, Message] | None:
        """Give the message to send next; None if there is none or the window is full."""
        while self._unsent and self._unsent[0] not in self._kept:
            self._unsent.popleft()
        if not self._unsent or len(self._tokens) >= self._window:
            return None
        return self._unsent[0], self._kept[self._unsent[0]]

    def sent(self, token: Hashable) -> None:
        """Note that the message given by `next_unsent` is in flight, to be answered under `token`."""
        self._tokens[token] = self._unsent.popleft()

    def acknowledged(self, token: Hashable) -> tuple[int, Message] | None:
        """Forget an acknowledged message and give it back; None if it was acknowledged before.

        An answer from before a lost link still counts: that broker has the message.
        """
        number = self._tokens.pop(token, None) or self._late.pop(token, None)
        if number is None or number not in self._kept:
            return None
        return number, self._kept.pop(number)

    def link_lost(self) -> None:
        """Make everything in flight unsent again, in the order in which it was added."""
        self._late, self._tokens = self._tokens, {}
        self._unsent = deque(self._kept)

    def clear(self) -> list[int]:
        """Forget everything; give the numbers that were never acknowledged."""
        left = list(self._kept)
        self._kept.clear()
        self._unsent.clear()
        self._tokens.clear()
        self._late.clear()
        return left
