"""Knows when everything that was sent has arrived.

A run in simulated time must not outrun its broker: a tick ends when its messages are delivered. All clients
of such a run live in one process and share one barrier as their observer. For every message handed to a
link the barrier expects one acknowledgement, and one receipt by every client that holds a matching
subscription at that moment. A new subscription is expected to bring what is retained on its topics.

Receipts are matched by (client, topic, payload) as a multiset: a receipt that nobody waits for, such as a
broker's duplicate or an old retained message, changes nothing, and two equal messages need two receipts.
A duplicate can stand in for an equal message sent while it was under way; payloads that carry an id or a
sequence number, as all of a sanctuary's do, have no equals.

What a lost link takes with it is no longer expected: neither its client's receipts nor the messages that it
had not got acknowledged; they are sent, and expected, anew when the link is back. Nobody is told of lost
links here; watch `LinkDown` for that.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock

from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.paho_link import WireObserver
from sanctuary.pods.mqtt.wire_client import FilterSet, MqttMessage

_NAMED = 5
"""Missing deliveries that an error message names."""
_Key = tuple[str, str, bytes | None]


@dataclass(slots=True, eq=False)
class _Sent:
    """A message under way: who must still get it, and whose acknowledgement is still due."""

    sender: str
    topic: str
    payload: bytes | None
    """None where any payload will do: what is retained may have changed unseen, by a last will."""
    unacknowledged: bool
    waiting: set[str] = field(default_factory=set)


class DeliveryBarrier(WireObserver):
    """Observer of all clients of one process; safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._filters: dict[str, FilterSet] = {}
        self._retained: set[str] = set()
        self._under_way: set[_Sent] = set()
        self._receipts: defaultdict[_Key, list[_Sent]] = defaultdict(list)
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    async def settled(self, timeout_s: float = 10.0) -> None:
        """Wait until every expected delivery and acknowledgement has happened.

        Parameters
        ----------
        timeout_s
            Patience, on the clock of the running event loop.

        Raises
        ------
        BrokerError
            Not in time; names what is missing. What was missing is no longer expected.
        """
        with self._lock:
            if not self._under_way:
                return
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.append((loop, waiter))
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            raise BrokerError(f"not delivered within {timeout_s:g} s: {self._forget_missing()}") from None

    # The observer's side.

    def subscribed(self, client_id: str, filters: FilterSet, fresh: FilterSet) -> None:
        """Expect deliveries to a client from now on, and what is retained on `fresh` topics."""
        with self._lock:
            self._filters[client_id] = filters
            for topic in self._retained:
                if fresh.matches(topic):
                    self._expect(_Sent("", topic, None, unacknowledged=False, waiting={client_id}))

    def sending(self, client_id: str, message: MqttMessage) -> None:
        """Expect the acknowledgement and all deliveries of a message."""
        with self._lock:
            self._note_retained(message)
            sent = _Sent(client_id, message.topic, message.payload, unacknowledged=True)
            sent.waiting.update(self._readers(message.topic))
            self._expect(sent)

    def acknowledged(self, client_id: str, message: MqttMessage) -> None:
        """Take note of an acknowledgement."""
        with self._lock:
            for sent in self._under_way:
                if sent.unacknowledged and (sent.sender, sent.topic, sent.payload) == (
                    client_id,
                    message.topic,
                    message.payload,
                ):
                    sent.unacknowledged = False
                    self._settle(sent)
                    return

    def received(self, client_id: str, message: MqttMessage) -> None:
        """Take note of a delivery."""
        with self._lock:
            for payload in (message.payload, None):
                expected = self._receipts.get((client_id, message.topic, payload))
                if expected:
                    self._receive(client_id, expected[0])

    def lost(self, client_id: str) -> None:
        """Expect nothing more on a lost link."""
        with self._lock:
            self._filters.pop(client_id, None)
            if not self._filters:
                self._retained.clear()  # the broker itself may be gone, and its memory with it
            for sent in list(self._under_way):
                if sent.unacknowledged and sent.sender == client_id:
                    self._retained.discard(sent.topic)
                    self._drop(sent)
                elif client_id in sent.waiting:
                    self._receive(client_id, sent)

    def dying(self, client_id: str, will: MqttMessage | None) -> None:
        """Expect the deliveries of a last will."""
        if will is None:
            return
        with self._lock:
            self._note_retained(will)
            readers = self._readers(will.topic) - {client_id}
            self._expect(_Sent("", will.topic, will.payload, unacknowledged=False, waiting=readers))

    # With the lock held.

    def _readers(self, topic: str) -> set[str]:
        return {client_id for client_id, filters in self._filters.items() if filters.matches(topic)}

    def _note_retained(self, message: MqttMessage) -> None:
        if message.retain:
            (self._retained.add if message.payload else self._retained.discard)(message.topic)

    def _expect(self, sent: _Sent) -> None:
        if not sent.unacknowledged and not sent.waiting:
            return
        self._under_way.add(sent)
        for client_id in sent.waiting:
            self._receipts[client_id, sent.topic, sent.payload].append(sent)

    def _receive(self, client_id: str, sent: _Sent) -> None:
        sent.waiting.discard(client_id)
        key = (client_id, sent.topic, sent.payload)
        self._receipts[key].remove(sent)
        if not self._receipts[key]:
            del self._receipts[key]
        self._settle(sent)

    def _drop(self, sent: _Sent) -> None:
        sent.unacknowledged = False
        for client_id in list(sent.waiting):
            self._receive(client_id, sent)
        self._settle(sent)

    def _settle(self, sent: _Sent) -> None:
        if sent.unacknowledged or sent.waiting:
            return
        self._under_way.discard(sent)
        if not self._under_way:
            waiters, self._waiters = self._waiters, []
            for loop, waiter in waiters:
                loop.call_soon_threadsafe(_finish, waiter)

    def _forget_missing(self) -> str:
        with self._lock:
            missing = [*self._under_way]
            texts = sorted(text for sent in missing for text in _missing(sent))
            for sent in missing:
                self._drop(sent)
        more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
        return "; ".join(texts[:_NAMED]) + more


def _missing(sent: _Sent) -> list[str]:
    what = f"{sent.topic} of {sent.sender}" if sent.sender else f"{sent.topic} as retained or last will"
    texts = [f"{what} to {client_id}" for client_id in sent.waiting]
    if sent.unacknowledged:
        texts.append(f"{what}: no acknowledgement")
    return texts


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
