"""Messages that wait: to be read (`Inbox`), for the broker (`OutgoingQueue`), on disk meanwhile (`Outbox`).

Theory of the outgoing queue. A message of QoS 1 is *unsent*, or *in flight* (handed to the link that is up,
under a token), until it is acknowledged and gone. When there is a new link, everything in flight is unsent
again, so that this link carries all that is left in the order of publishing: at least once, and after the
receiver's deduplication exactly once and in order. At most `window` messages are in flight, so that a broker
back from a restart is not flooded. A message of QoS 0 leaves at once or is refused.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, cast

from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol.topics import Qos

Answer = asyncio.Future[None]
Token = Hashable
"""Names one handing over of a message to a link."""
Transmit = Callable[[MqttMessage, int], Token | None]
Lasting = Callable[[str], bool]

_LOG = logging.getLogger(__name__)


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

    def pop(self) -> MqttMessage | None:
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


@dataclass(slots=True, eq=False)
class _Outgoing:
    message: MqttMessage
    answer: Answer | None
    """None for what an earlier process left behind."""
    row: int | None
    """Number in the outbox."""


class OutgoingQueue:
    """What one client has published and the broker has not acknowledged: bounded, in order, sent again.

    Parameters
    ----------
    name
        Of the client, for messages to people.
    limit
        Most messages kept; more only where the outbox holds more.
    window
        Most messages in flight.
    transmit
        Hands a message to a connection by its number, and gives a token; None if that connection is gone.
    outbox
        Where QoS 1 messages outlive this process, if anywhere; what it holds is sent first.
    lasting
        Tells of a topic whether its messages are worth that.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        window: int,
        transmit: Transmit,
        outbox: Outbox | None = None,
        lasting: Lasting = lambda _: True,
    ) -> None:
        self._name, self._window, self._transmit = name, window, transmit
        self._outbox, self._lasting = outbox, lasting
        self._outbox_failed = False
        left = outbox.pending() if outbox is not None else []
        self._limit = max(limit, len(left))
        self._kept = {_Outgoing(message, None, row): None for row, message in left}
        """All of QoS 1 that is not acknowledged, in order."""
        self._unsent = deque(self._kept)
        self._in_flight: dict[Token, _Outgoing] = {}
        self._late: dict[Token, _Outgoing] = {}
        """What was in flight on the link before; an answer from then still counts: that broker has it."""
        self._leaving: dict[Token, _Outgoing] = {}
        """QoS 0, until it has left."""
        self._connection = 0

    def __len__(self) -> int:
        return len(self._kept)

    def publish(self, message: MqttMessage, answer: Answer) -> None:
        """Send a message, or keep it until there is a link; `answer` is given when the broker has it."""
        if message.qos == 0:
            token = self._transmit(message, self._connection)
            if token is None:
                self._refuse(answer, message, "there is no link, and QoS 0 does not wait for one")
            else:
                self._leaving[token] = _Outgoing(message, answer, None)
            return
        if len(self._kept) >= self._limit:
            self._refuse(answer, message, f"{len(self._kept)} others wait for the broker already")
            return
        try:
            row = self._outbox.add(message) if self._outbox and self._lasting(message.topic) else None
        except BrokerError as error:
            self._refuse(answer, message, str(error))
            return
        outgoing = _Outgoing(message, answer, row)
        self._kept[outgoing] = None
        self._unsent.append(outgoing)
        self._send_unsent()

    def connected(self, connection: int) -> None:
        """Send everything that no broker has acknowledged, in order, over a new connection."""
        self._connection = connection
        self._late, self._in_flight = self._in_flight, {}
        self._unsent = deque(self._kept)
        self._send_unsent()

    def disconnected(self, reason: str) -> None:
        """Give up the QoS 0 messages that had not left; the others wait for the next link."""
        for outgoing in self._leaving.values():
            self._refuse(outgoing.answer, outgoing.message, f"the link was lost: {reason}")
        self._leaving.clear()

    def acknowledged(self, token: Token) -> MqttMessage | None:
        """Forget what the broker has, and answer who published it; None for an acknowledgement come twice."""
        outgoing = self._leaving.pop(token, None)
        if outgoing is None:
            outgoing = self._in_flight.pop(token, None) or self._late.pop(token, None)
            if outgoing is None or outgoing not in self._kept:
                return None
            del self._kept[outgoing]
            self._send_unsent()
            self._forget(outgoing)
        if outgoing.answer is not None and not outgoing.answer.done():
            outgoing.answer.set_result(None)
        return outgoing.message

    def waiting(self) -> list[Answer]:
        """Give all answers that are still due."""
        due = (outgoing.answer for outgoing in (*self._kept, *self._leaving.values()))
        return [answer for answer in due if answer is not None]

    def close(self) -> None:
        """Tell everyone who waits that no answer will come; what is in the outbox stays there."""
        for answer in self.waiting():
            refuse(answer, f"{self._name}: closed before the broker answered")
        for store in (self._kept, self._in_flight, self._late, self._leaving):
            store.clear()
        self._unsent.clear()

    def _send_unsent(self) -> None:
        """Hand over what the window allows."""
        while self._unsent and len(self._in_flight) < self._window:
            if self._unsent[0] in self._kept:  # or else acknowledged late, on the link before
                token = self._transmit(self._unsent[0].message, self._connection)
                if token is None:
                    return
                self._in_flight[token] = self._unsent[0]
            self._unsent.popleft()

    def _forget(self, outgoing: _Outgoing) -> None:
        if self._outbox is None or outgoing.row is None:
            return
        try:
            self._outbox.remove(outgoing.row)
        except BrokerError as error:
            if not self._outbox_failed:
                _LOG.warning("%s: %s; messages will be sent again after the next start", self._name, error)
            self._outbox_failed = True

    def _refuse(self, answer: Answer | None, message: MqttMessage, why: str) -> None:
        if answer is not None:
            refuse(answer, f"{self._name}: {message.topic} was not sent: {why}")


def refuse(answer: Answer, text: str) -> None:
    """Answer with a `BrokerError`; one who does not wait is not pestered with an unretrieved exception."""
    if not answer.done():
        answer.set_exception(BrokerError(text))
        answer.exception()
