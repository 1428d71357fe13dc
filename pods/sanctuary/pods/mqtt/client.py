"""One asyncio face for MQTT: a client that keeps its promises while the link comes and goes.

::

    async with MqttClient("pod-1", endpoint.host, endpoint.port, settings=settings, will=offline) as client:
        await client.subscribe(topics.command(site, "pod-1"))
        await client.publish(MqttMessage(topic, payload))      # returns when the broker has it
        async for message in client: ...

Entering does not wait for the broker; `connected` does. Leaving in order waits a moment for the last
acknowledgements and disconnects, so that no last will is published; leaving by an exception cuts the link,
and the will is published.

Two threads: paho's calls `_on_event` and `_receive`; all else is called by the thread of the event loop,
which it wakes for `_dispatch`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any, Self

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt import paho_link as link
from sanctuary.pods.mqtt.broker_access import probe
from sanctuary.pods.mqtt.link_trouble import LinkReport
from sanctuary.pods.mqtt.queues import Inbox, Lasting, Outbox, OutgoingQueue, refuse
from sanctuary.pods.mqtt.wire_client import LinkDown, LinkUp, MqttMessage, OnLink, OnMessage

_LOG = logging.getLogger(__name__)
_WINDOW = 20
"""Messages in flight. Mosquitto's default for the other direction; at 2 ms a round trip, 10 000 a second."""
_CHECK_S = 1.0
"""How often the network thread is looked after; a dead one is noticed within this."""
_PROBE_S = 2.0
"""How long it may take to find out what listens at a port that let nobody in."""


class MqttClient:
    """A client of an MQTT 3.1.1 broker, a `WireClient`; used once, as an async context manager.

    Parameters
    ----------
    client_id
        Stable over restarts and unique at the broker.
    host, port
        The broker.
    settings
        Patience, bounds and credentials.
    will
        What the broker publishes when this client dies or falls silent.
    outbox
        Where QoS 1 messages outlive a crash of this process; None keeps them in memory. It is closed by
        whoever opened it.
    lasting
        Tells of a topic whether its messages are worth keeping there; by default all are.
    on_link
        Called by the event loop when the link comes up or goes down, each once.
    on_message
        Called by `serve` with each message received.
    observer
        Sees the traffic.

    Attributes
    ----------
    failures
        Callbacks that failed; each is logged.
    dropped
        Messages given up because the inbox was full.

    Raises
    ------
    ConfigError
        The password or a TLS file cannot be used.
    """

    def __init__(
        self,
        client_id: str,
        host: str,
        port: int,
        *,
        settings: BrokerSettings | None = None,
        will: MqttMessage | None = None,
        outbox: Outbox | None = None,
        lasting: Lasting = lambda _: True,
        on_link: OnLink = lambda _: None,
        on_message: OnMessage = lambda _: None,
        observer: link.WireObserver | None = None,
    ) -> None:
        self.client_id = client_id
        self.failures = self.dropped = 0
        self._settings = settings or BrokerSettings()
        self._where = (host, port)
        self._on_link, self._on_message = on_link, on_message
        self._observer = observer
        self._link = link.PahoLink(
            client_id,
            host,
            port,
            settings=self._settings,
            will=will,
            window=_WINDOW,
            on_event=self._on_event,
            on_message=self._receive,
            observer=self._observer,
        )
        self._inbox = Inbox(self._settings.max_inbox)
        self._outgoing = OutgoingQueue(
            client_id, self._settings.max_outgoing, _WINDOW, self._link.publish, outbox, lasting
        )
        self._granting: list[tuple[set[str], asyncio.Future[None]]] = []
        """Filters that the broker has not granted yet, and who waits for them."""
        self._report = LinkReport(client_id, host, port, self._settings)
        self._events: deque[link.NetworkEvent] = deque()
        self._woken = self._reading = False
        """Whether the loop has been told to dispatch; whether somebody waits for a message."""
        self._up = self._session_present = self._closed = False
        self._hurried, self._changed, self._arrived = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchdog: asyncio.Task[None] | None = None

    # Life.

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError(f"{self.client_id}: a client is used once; make a new one")
        self._loop = asyncio.get_running_loop()
        self._link.start()
        self._watchdog = asyncio.create_task(self._watch(), name=f"{self.client_id} watchdog")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed:
            return
        if kind is None and not self._hurried.is_set():
            await self._flush()
        if kind is None and not self._hurried.is_set():
            self._link.disconnect()
            await self._end()
        else:
            await self.abort()

    def hurry(self) -> None:
        """Leave without waiting for the broker, now or when the block ends; it publishes the last will."""
        self._hurried.set()

    async def abort(self) -> None:
        """Cut the link without a DISCONNECT, as a power failure would; the broker publishes the last will."""
        self._link.die()
        await self._end()

    async def connected(self, timeout_s: float | None = None) -> None:
        """Wait until the link is up and every subscription in force.

        Parameters
        ----------
        timeout_s
            Patience; `connect_timeout_s` of the settings if left out.

        Raises
        ------
        BrokerError
            Not in time; says where, and what stood in the way.
        """
        patience_s = self._settings.connect_timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(patience_s):
                while not self._up and not self._closed:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            tls = self._settings.tls_ca_file is not None
            found = await probe(self._report.trouble, *self._where, min(patience_s, _PROBE_S), tls=tls)
            raise self._report.timed_out(patience_s, found) from None
        if self._closed:
            raise BrokerError(f"{self.client_id}: closed")

    @property
    def is_connected(self) -> bool:
        return self._up

    # Out.

    def publish(self, message: MqttMessage) -> asyncio.Future[None]:
        """Send a message, now or as soon as there is a link.

        Returns
        -------
        asyncio.Future
            Done when the broker has the message; for QoS 0, when it has left. Need not be awaited.

        Raises
        ------
        BrokerError
            From the future: the queue is full, the client was closed first, or QoS 0 without a link. What was
            taken into an outbox is not lost by closing.
        """
        answer = self._future()
        if self._closed:
            refuse(answer, f"{self.client_id}: closed; nothing can be sent")
        else:
            self._outgoing.publish(message, answer)
        return answer

    # In.

    def subscribe(self, *topic_filters: str) -> asyncio.Future[None]:
        """Subscribe with QoS 1, for this and every later connection.

        Returns
        -------
        asyncio.Future
            Done when the broker has granted all; waits for a link if there is none. Need not be awaited.

        Raises
        ------
        ValueError
            One is not a topic filter.
        BrokerError
            From the future: one was refused, or the client was closed first.
        """
        answer = self._future()
        if self._closed:
            refuse(answer, f"{self.client_id}: closed; {', '.join(topic_filters)} cannot be subscribed to")
            return answer
        self._link.subscribe(*topic_filters)
        self._granting.append((set(topic_filters), answer))
        return answer

    def drain(self) -> list[MqttMessage]:
        """Remove and give all messages that have arrived, in order of arrival, without waiting."""
        return self._inbox.drain()

    async def serve(self) -> None:
        """Hand each message received to `on_message` until the client is closed; raises what that raises."""
        async for message in self:
            self._on_message(message)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MqttMessage:
        while True:
            self._reading = True
            self._arrived.clear()
            message = self._inbox.pop()
            if message is not None:
                self._reading = False
                if self._events:  # a link that was lost before the message came is told of before it
                    self._dispatch()
                return message
            if self._closed:
                raise StopAsyncIteration
            await self._arrived.wait()

    # Called by the network thread.

    def _receive(self, message: MqttMessage) -> None:
        dropped = self._inbox.put(message)
        if dropped is not None:
            self.dropped += 1
        if self._observer is not None:
            self._observer.received(self.client_id, message)
        if dropped is not None or self._reading:
            self._wake()

    def _on_event(self, event: link.NetworkEvent) -> None:
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        if not self._woken and self._loop is not None:
            self._woken = True
            with suppress(RuntimeError):  # the loop was closed under a client that nobody left
                self._loop.call_soon_threadsafe(self._dispatch)

    # Called by the event loop.

    def _dispatch(self) -> None:
        self._woken = False
        self._arrived.set()
        if self.dropped:
            self._report.warn_once(
                "dropped", f"the inbox of {self._settings.max_inbox} is full; oldest messages are given up"
            )
        while self._events:
            event = self._events.popleft()
            try:
                self._handle(event)
            except Exception:
                self.failures += 1
                _LOG.exception("%s: a mistake while handling %s", self.client_id, event)

    def _handle(self, event: link.NetworkEvent) -> None:
        match event:
            case link.Published():
                message = self._outgoing.acknowledged(event.token)
                if message is not None and self._observer is not None:
                    self._observer.acknowledged(self.client_id, message)
            case link.Connected():
                self._session_present = event.session_present
                self._report.accepted(monotonic())
                self._outgoing.connected(event.connection)
                if not event.subscribing:
                    self._link_up()
            case link.Subscribed():
                self._on_subscribed(event)
            case link.Disconnected():
                self._on_disconnected(event)
            case link.CallbackFailed():
                self.failures += 1
                _LOG.error("%s: %s failed", self.client_id, event.where, exc_info=event.error)

    def _on_subscribed(self, event: link.Subscribed) -> None:
        for topic_filter in event.refused:
            text = f"{self.client_id}: the broker refuses {topic_filter}; check its access rules"
            _LOG.warning("%s", text)
            for filters, answer in self._granting:
                if topic_filter in filters:
                    refuse(answer, text)
        for filters, answer in self._granting:
            filters.difference_update(event.granted)
            if not filters and not answer.done():
                answer.set_result(None)
        self._granting = [(filters, answer) for filters, answer in self._granting if not answer.done()]
        if not self._up:
            self._link_up()

    def _link_up(self) -> None:
        self._up = True
        self._changed.set()
        self._report.up()
        self._on_link(LinkUp(self._session_present))

    def _on_disconnected(self, event: link.Disconnected) -> None:
        self._outgoing.disconnected(event.reason)
        was_up, self._up = self._up, False
        if self._closed:
            return
        self._report.down(event.trouble, event.reason, monotonic())
        if was_up:
            self._on_link(LinkDown(self._report.reason))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_S)
            self._report.tick(monotonic())
            trouble = self._link.check()
            if trouble:
                self.failures += 1
                _LOG.error("%s: %s", self.client_id, trouble)

    async def _flush(self) -> None:
        if waiting := self._outgoing.waiting():
            sent = asyncio.ensure_future(asyncio.wait(waiting))
            await self._unless_hurried(sent, self._settings.flush_s)
            sent.cancel()

    async def _unless_hurried(self, work: asyncio.Future[Any], timeout_s: float) -> None:
        """Wait for something in order, but not when nobody is to be waited for."""
        hurried = asyncio.ensure_future(self._hurried.wait())
        await asyncio.wait({work, hurried}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()

    async def _end(self) -> None:
        """Wait for the network thread, then give every waiter its answer."""
        self._closed = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        joining = asyncio.ensure_future(asyncio.to_thread(self._link.join))
        await self._unless_hurried(joining, self._settings.connect_timeout_s)
        if not joining.done():
            self._link.cut()
            await joining
        self._dispatch()
        self._up = False
        self._outgoing.close()
        for _, answer in self._granting:
            refuse(answer, f"{self.client_id}: closed before {self._report.place} answered")
        self._granting.clear()
        self._changed.set()
        self._arrived.set()

    def _future(self) -> asyncio.Future[None]:
        if self._loop is None:
            raise RuntimeError(f"{self.client_id}: enter the client first (async with)")
        return self._loop.create_future()
