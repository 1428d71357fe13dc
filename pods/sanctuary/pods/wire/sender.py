"""The outgoing half of a client: what was published, what the broker has, and who waits for the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count

from sanctuary.config.errors import BrokerError
from sanctuary.pods.wire.network_events import Token
from sanctuary.pods.wire.outbox import Outbox
from sanctuary.pods.wire.outgoing import OutgoingQueue
from sanctuary.pods.wire.packets import Message

Answer = asyncio.Future[None]
Transmit = Callable[[Message, int], Token | None]
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
        self._leaving: dict[Token, tuple[Message, Answer]] = {}
        self._outbox_failed = False
        self._rows: dict[int, int] = {}
        """Numbers in the outbox, by number in the queue."""
        for row, message in left:
            number = next(self._numbers)
            self._rows[number] = row
            self._queue.add(number, message)

    def publish(self, message: Message, answer: Answer) -> None:
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

    def published(self, token: Token) -> tuple[Message | None, Answer | None]:
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

    def _publish_once(self, message: Message, answer: Answer) -> None:
        token = self._transmit(message, self._connection)
        if token is None:
            self._refuse(answer, message, "there is no link, and QoS 0 does not wait for one")
        else:
            self._leaving[token] = (message, answer)

    def _keep(self, message: Message, answer: Answer) -> None:
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

    def _refuse(self, answer: Answer, message: Message, why: str) -> None:
        refuse(answer, f"{self._name}: {message.topic} was not sent: {why}")


def refuse(answer: Answer, text: str) -> None:
    """Answer with a `BrokerError`; one who does not wait is not pestered with an unretrieved exception."""
    if not answer.done():
        answer.set_exception(BrokerError(text))
        answer.exception()
