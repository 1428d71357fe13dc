"""The outgoing half of a client: what was published, what the broker has, and who waits for the answer.

Messages that the broker has not acknowledged yet: in order, bounded, sent again after a lost link.

Theory. Numbers rise with every message. A message is *unsent*, or *in flight* (handed to the link that is
up, under a token), until it is acknowledged and gone. When the link is lost, everything in flight is
unsent again, so that the next link carries all that is left in the order of the numbers: at least once,
and after the receiver's deduplication exactly once and in order. At most `window` messages are in flight,
so that a broker back from a restart is not flooded.

Messages that have arrived and were not looked at yet: bounded, filled and emptied by two threads.

QoS 1 messages on disk until the broker has them, so that they outlive a crash of this process.

One SQLite file per client. Writes go to a write-ahead log without waiting for the platter: a killed process
loses nothing, a power cut may lose the last moments. They are short enough (some 50 microseconds) to be made
by the event loop's own thread.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, cast

from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.packets import Token
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol.topics import Qos


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
        self._kept: dict[int, MqttMessage] = {}
        self._unsent: deque[int] = deque()
        self._tokens: dict[Hashable, int] = {}
        self._late: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def full(self) -> bool:
        """Tell whether another message would be one too many."""
        return len(self._kept) >= self._limit

    def add(self, number: int, message: MqttMessage) -> None:
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

    def next_unsent(self) -> tuple[int, MqttMessage] | None:
        """Give the message to send next; None if there is none or the window is full."""
        while self._unsent and self._unsent[0] not in self._kept:
            self._unsent.popleft()
        if not self._unsent or len(self._tokens) >= self._window:
            return None
        return self._unsent[0], self._kept[self._unsent[0]]

    def sent(self, token: Hashable) -> None:
        """Note that the message given by `next_unsent` is in flight, to be answered under `token`."""
        self._tokens[token] = self._unsent.popleft()

    def acknowledged(self, token: Hashable) -> tuple[int, MqttMessage] | None:
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


class Inbox:
    """First in, first out; when full, gives up the oldest QoS 0 message, or else the oldest of all.

    Parameters
    ----------
    limit
        Most messages kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[MqttMessage] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: MqttMessage) -> MqttMessage | None:
        """Add a message; give the one that had to go for it, if any."""
        with self._lock:
            self._messages.append(message)
            if len(self._messages) <= self._limit:
                return None
            at = next((at for at, kept in enumerate(self._messages) if kept.qos == 0), 0)
            dropped = self._messages[at]
            del self._messages[at]
            return dropped

    def take(self) -> MqttMessage | None:
        """Remove and give the oldest message; None if there is none."""
        with self._lock:
            return self._messages.popleft() if self._messages else None

    def drain(self) -> list[MqttMessage]:
        """Remove and give all messages, in order of arrival."""
        with self._lock:
            messages = list(self._messages)
            self._messages.clear()
            return messages


_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL
) STRICT
"""


class Outbox:
    """Messages on their way, by number; numbers rise and are never used again.

    Parameters
    ----------
    path
        SQLite file, created if missing; ``":memory:"`` for one that outlives nothing.

    Raises
    ------
    BrokerError
        The file cannot be opened, or holds something else.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        except sqlite3.Error as error:
            raise self._error(error) from error
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute(_SCHEMA)
        except sqlite3.Error as error:
            self._database.close()
            raise self._error(error) from error

    def add(self, message: MqttMessage) -> int:
        """Keep a message; give its number."""
        row = (message.topic, message.payload, message.qos, int(message.retain))
        text = "INSERT INTO outbox (topic, payload, qos, retain) VALUES (?, ?, ?, ?)"
        try:
            with closing(self._database.execute(text, row)) as cursor:
                return cast("int", cursor.lastrowid)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def remove(self, number: int) -> None:
        """Forget a message that the broker has."""
        try:
            self._database.execute("DELETE FROM outbox WHERE number = ?", (number,)).close()
        except sqlite3.Error as error:
            raise self._error(error) from error

    def pending(self) -> list[tuple[int, MqttMessage]]:
        """Read all messages kept, oldest first, with their numbers."""
        text = "SELECT number, topic, payload, qos, retain FROM outbox ORDER BY number"
        try:
            with closing(self._database.execute(text)) as cursor:
                return [
                    (number, MqttMessage(topic, payload, cast("Qos", qos), bool(retain)))
                    for number, topic, payload, qos, retain in cursor
                ]
        except (sqlite3.Error, ValueError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _error(self, error: Exception) -> BrokerError:
        return BrokerError(
            f"{self._path}: the outbox cannot be used ({error}); free some space, stop another program that "
            "uses it, or move the file away"
        )


Answer = asyncio.Future[None]
Transmit = Callable[[MqttMessage, int], Token | None]
Lasting = Callable[[str], bool]

_LOG = logging.getLogger(__name__)


class Sender:
    """Keeps the order of QoS 1 messages over lost links, and answers whoever published.

    Parameters
    ----------
    name
        Of the client, for messages to people.
    limit, window
        See `OutgoingQueue`.
    outbox
        Where QoS 1 messages outlive this process, if anywhere; what it holds is sent first.
    lasting
        Tells of a topic whether its messages are worth that.
    transmit
        Hands a message to a connection by number; None if that is gone.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        window: int,
        outbox: Outbox | None,
        transmit: Transmit,
        lasting: Lasting = lambda _: True,
    ) -> None:
        self._name, self._outbox, self._transmit, self._lasting = name, outbox, transmit, lasting
        left = outbox.pending() if outbox is not None else []
        self._queue = OutgoingQueue(max(limit, len(left)), window)
        self._numbers = count(1)
        self._connection = 0
        self._answers: dict[int, Answer] = {}
        self._leaving: dict[Token, tuple[MqttMessage, Answer]] = {}
        self._outbox_failed = False
        self._rows: dict[int, int] = {}
        """Numbers in the outbox, by number in the queue."""
        for row, message in left:
            number = next(self._numbers)
            self._rows[number] = row
            self._queue.add(number, message)

    def publish(self, message: MqttMessage, answer: Answer) -> None:
        """Send a message, or keep it until there is a link."""
        if message.qos == 0:
            self._publish_once(message, answer)
        elif self._queue.full():
            self._refuse(answer, message, f"{len(self._queue)} others wait for the broker already")
        else:
            self._keep(message, answer)

    def connected(self, connection: int) -> None:
        """Send everything that no broker has acknowledged, in order, over a new connection."""
        self._connection = connection
        self._queue.link_lost()
        self._pump()

    def published(self, token: Token) -> tuple[MqttMessage | None, Answer | None]:
        """Take an acknowledgement; give the message and who waits for it, once."""
        if token in self._leaving:
            return self._leaving.pop(token)
        found = self._queue.acknowledged(token)
        if found is None:
            return None, None
        number, message = found
        self._pump()
        self._forget(number)
        return message, self._answers.pop(number, None)

    def disconnected(self, reason: str) -> None:
        """Give up the QoS 0 messages that had not left; the others wait for the next link."""
        for message, answer in self._leaving.values():
            self._refuse(answer, message, f"the link was lost: {reason}")
        self._leaving.clear()

    def waiting(self) -> list[Answer]:
        """Give all answers that are still due."""
        return [*self._answers.values(), *(answer for _, answer in self._leaving.values())]

    def close(self) -> None:
        """Tell everyone who waits that no answer will come."""
        self._queue.clear()
        for answer in self.waiting():
            refuse(answer, f"{self._name}: closed before the broker answered")
        self._answers.clear()
        self._leaving.clear()

    def _publish_once(self, message: MqttMessage, answer: Answer) -> None:
        token = self._transmit(message, self._connection)
        if token is None:
            self._refuse(answer, message, "there is no link, and QoS 0 does not wait for one")
        else:
            self._leaving[token] = (message, answer)

    def _keep(self, message: MqttMessage, answer: Answer) -> None:
        try:
            lasts = self._outbox is not None and self._lasting(message.topic)
            row = self._outbox.add(message) if self._outbox is not None and lasts else None
        except BrokerError as error:
            self._refuse(answer, message, str(error))
            return
        number = next(self._numbers)
        if row is not None:
            self._rows[number] = row
        self._queue.add(number, message)
        self._answers[number] = answer
        self._pump()

    def _pump(self) -> None:
        """Hand over what the window allows."""
        while (waiting := self._queue.next_unsent()) is not None:
            token = self._transmit(waiting[1], self._connection)
            if token is None:
                return
            self._queue.sent(token)

    def _forget(self, number: int) -> None:
        row = self._rows.pop(number, None)
        if self._outbox is None or row is None:
            return
        try:
            self._outbox.remove(row)
        except BrokerError as error:
            if not self._outbox_failed:
                _LOG.warning("%s: %s; messages will be sent again after the next start", self._name, error)
            self._outbox_failed = True

    def _refuse(self, answer: Answer, message: MqttMessage, why: str) -> None:
        refuse(answer, f"{self._name}: {message.topic} was not sent: {why}")


def refuse(answer: Answer, text: str) -> None:
    """Answer with a `BrokerError`; one who does not wait is not pestered with an unretrieved exception."""
    if not answer.done():
        answer.set_exception(BrokerError(text))
        answer.exception()
