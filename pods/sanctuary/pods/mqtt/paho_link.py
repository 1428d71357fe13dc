"""The one place that calls paho: its network thread, its callbacks, its ways of failing.

What paho does not do by itself, and this module does (each is held by a test named ``test_trap_...``):

* Nagle's algorithm is off; with it a client that both sends and receives waits 40 ms for delayed
  acknowledgements.
* Subscriptions are made anew with every connection, in one packet.
* No exception leaves a callback: it would end the network thread, and `is_connected` would go on saying yes.
  Should the thread die nevertheless, or the line fall silent, `check` starts afresh.
* Unacknowledged messages are not left to paho's own queue, which sends them all at once on a new link, behind
  whatever was published between TCP's connect and CONNACK; `sanctuary.pods.mqtt.queues` keeps them. What
  is sent again on a new link carries a new packet id and no DUP flag: to the broker it is a new message,
  which at QoS 1 it may be.

Lock order: `_lock` before paho's own locks. paho calls `on_publish` and `on_message` with its locks held, so
these never take `_lock`.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from threading import RLock
from time import monotonic
from typing import Any, Concatenate, ParamSpec

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.broker_access import set_credentials
from sanctuary.pods.mqtt.link_trouble import Trouble, trouble_of_connack, trouble_of_error
from sanctuary.pods.mqtt.wire_client import FilterSet, MqttMessage, OnMessage
from sanctuary.pods.protocol.topics import Qos

P = ParamSpec("P")
Token = tuple[int, int]
"""Connection and packet id under which a message was sent."""

DISCONNECT_WAIT_S = 1.0
"""Brokers close the connection within milliseconds after a DISCONNECT."""
_SILENT_KEEPALIVES = 3
"""paho gives up a silent link after two keepalive intervals; a third means that its thread is stuck."""


@dataclass(frozen=True, slots=True)
class Connected:
    """CONNACK: messages may be sent on this connection; a `Subscribed` will follow where `subscribing`."""

    connection: int
    session_present: bool
    subscribing: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is gone, or an attempt to make one failed; `reason` is for people."""

    reason: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Published:
    """The broker acknowledged a message; at QoS 0, it has left."""

    token: Token


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription."""

    granted: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """A mistake of ours, or a packet that cannot be used; the link goes on."""

    where: str
    error: Exception


NetworkEvent = Connected | Disconnected | Published | Subscribed | CallbackFailed


class WireObserver:
    """Sees every message of a client go and come, and does nothing; a `DeliveryBarrier` waits for them.

    Called by the network thread of a client or by the thread of its event loop; none may block or raise.
    """

    def subscribed(self, client_id: str, filters: FilterSet, fresh: FilterSet) -> None:
        """See all subscriptions that are in force from now on, and those that the broker granted just now."""

    def sending(self, client_id: str, message: MqttMessage) -> None:
        """See a message that is handed to the link, once per attempt, before it can arrive anywhere."""

    def acknowledged(self, client_id: str, message: MqttMessage) -> None:
        """See that the broker has a message that was sent; for QoS 0, that it has left."""

    def received(self, client_id: str, message: MqttMessage) -> None:
        """See a message that has been put into the client's inbox."""

    def lost(self, client_id: str) -> None:
        """See that the link is gone: nothing more arrives or is acknowledged on it."""

    def dying(self, client_id: str, will: MqttMessage | None) -> None:
        """See that the client is about to die on purpose: the broker will publish its last will."""


class _Paho(paho.Client):
    """paho that knows when it last read from its socket, and closes what it opened."""

    last_read_s = 0.0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        self.last_read_s = monotonic()
        return super().loop_read(max_packets)

    def loop_start(self) -> MQTTErrorCode:
        if self._thread is None:
            self._reset_sockets(sockpair_only=True)  # a thread that died left its wake-up sockets
        return super().loop_start()

    def close(self) -> None:
        """Close all sockets once the thread has ended; paho leaves that to the garbage collector."""
        self._reset_sockets()


def _guarded(callback: Callable[Concatenate[PahoLink, P], None]) -> Callable[Concatenate[PahoLink, P], None]:
    """Report what a callback raises instead of letting it end the network thread."""

    @wraps(callback)
    def guarded(self: PahoLink, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception as error:
            self._on_event(CallbackFailed(callback.__name__, error))

    return guarded


class PahoLink:
    """paho's side of one client; its methods are for the thread of the event loop.

    Parameters
    ----------
    client_id, host, port, settings, will, observer
        As of `MqttClient`.
    window
        Most messages handed over and not acknowledged.
    on_event, on_message
        Called by the network thread, in order.
    """

    def __init__(
        self,
        client_id: str,
        host: str,
        port: int,
        *,
        settings: BrokerSettings,
        will: MqttMessage | None,
        window: int,
        on_event: Callable[[NetworkEvent], None],
        on_message: OnMessage,
        observer: WireObserver | None,
    ) -> None:
        self._client_id, self._settings, self._will = client_id, settings, will
        self._on_event, self._deliver, self._observer = on_event, on_message, observer
        self._lock = RLock()
        self._up = False
        self._stopping = False
        self._closing: socket.socket | None = None
        self._refused = False
        self._connection = 0
        self._filters = FilterSet()
        self._asked: dict[int, FilterSet] = {}
        self._paho = _Paho(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._configure(window)
        self._paho.connect_async(host, port, keepalive=settings.keepalive_s)

    def start(self) -> None:
        """Start the network thread; it connects, and connects again, until `stop`."""
        self._paho.last_read_s = monotonic()
        self._paho.loop_start()

    def publish(self, message: MqttMessage, connection: int) -> Token | None:
        """Hand a message to this connection; None if it is gone.

        A newer one does not do: what is left from the old one has to go first.
        """
        with self._lock:
            if not self._up or connection != self._connection:
                return None
            if self._observer is not None:
                self._observer.sending(self._client_id, message)
            info = self._paho.publish(message.topic, message.payload, message.qos, message.retain)
            return (self._connection, info.mid) if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def subscribe(self, *topic_filters: str) -> None:
        """Subscribe now if the link is up, and with every new connection."""
        with self._lock:
            self._filters = self._filters.adding(*topic_filters)
            if self._up:
                self._ask(FilterSet(topic_filters))

    def check(self) -> str:
        """Start the network thread again if it died, and cut a link that fell silent; say what was wrong."""
        silent_s = monotonic() - self._paho.last_read_s
        with self._lock:
            if self._stopping:
                return ""
            if self._paho.loop_start() == MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._cut()
                return "the network thread had died and was started again"
            if self._up and silent_s > _SILENT_KEEPALIVES * self._settings.keepalive_s:
                self._cut()
                return f"nothing was read for {silent_s:.0f} s although the link seemed up; it was cut"
        return ""

    def disconnect(self) -> None:
        """Ask for an orderly end: no last will. `join` waits for it."""
        with self._lock:
            self._stopping = True
            self._closing = _hold_open(self._paho.socket())
            self._paho.disconnect()

    def die(self) -> None:
        """Cut the link for good without a word, as a power failure would: the broker publishes the will."""
        with self._lock:
            if self._up and self._observer is not None:
                self._observer.dying(self._client_id, self._will)
            self._stopping = True
            self._cut()
            self._paho.disconnect()

    def join(self) -> None:
        """Wait until the network thread has ended; blocks, for at most about `connect_timeout_s`."""
        self._paho.loop_stop()
        farewell, self._closing = self._closing, None
        if farewell is not None:
            _wait_for_close(farewell)
        self._paho.close()

    def cut(self) -> None:
        """Break the link; it will be made again."""
        with self._lock:
            self._cut()

    def _configure(self, window: int) -> None:
        client, settings = self._paho, self._settings
        client.connect_timeout = settings.connect_timeout_s
        # paho takes fractions of a second, but declares whole ones
        client.reconnect_delay_set(settings.reconnect_min_s, settings.reconnect_max_s)  # type: ignore[arg-type]
        client.max_inflight_messages_set(2 * window)
        client.max_queued_messages_set(2 * window)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        set_credentials(client, settings)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    def _ask(self, filters: FilterSet) -> None:
        rc, mid = self._paho.subscribe([(name, 1) for name in filters])
        if rc == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None:
            self._asked[mid] = filters

    def _cut(self) -> None:
        sock = self._paho.socket()
        if isinstance(sock, socket.socket):  # paho's declaration allows for websockets
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    # Callbacks, on the network thread.

    @_guarded
    def _on_socket_open(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @_guarded
    def _on_connect(
        self, _client: paho.Client, _data: Any, flags: paho.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused = True
            told = f"the broker refuses {self._client_id}: {reason}"
            self._on_event(Disconnected(told, trouble_of_connack(reason.getName())))
            return
        with self._lock:
            # Nothing should be left from before; if paho kept something, we have it too and send it in order.
            self._paho.drop_out_messages()
            self._connection += 1
            self._up = True
            self._asked.clear()
            if len(self._filters):
                self._ask(self._filters)
            self._on_event(Connected(self._connection, flags.session_present, bool(len(self._filters))))

    @_guarded
    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the error, but does not pass it on
        trouble = trouble_of_error(error, tls=self._settings.tls_ca_file is not None)
        self._on_event(Disconnected(str(error or "no connection"), trouble))

    @_guarded
    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: Any,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        with self._lock:
            was_up, self._up = self._up, False
        if was_up and self._observer is not None:
            self._observer.lost(self._client_id)
        refused, self._refused = self._refused, False
        if refused:  # that was told already, in better words
            return
        hung_up = reason.getName() == "Unspecified error"
        if was_up:
            self._on_event(Disconnected("the broker hung up" if hung_up else str(reason), Trouble.GONE))
        elif hung_up:
            self._on_event(Disconnected("it hung up before it answered", Trouble.HUNG_UP))
        else:
            self._on_event(Disconnected(str(reason), Trouble.SILENT))

    @_guarded
    def _on_subscribe(
        self, _client: paho.Client, _data: Any, mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        with self._lock:
            asked, in_force = self._asked.pop(mid, FilterSet()), self._filters
        refused = tuple(name for name, code in zip(asked, codes, strict=False) if code.is_failure)
        fresh = FilterSet(name for name, code in zip(asked, codes, strict=False) if not code.is_failure)
        if self._observer is not None:
            self._observer.subscribed(self._client_id, in_force.without(*refused), fresh)
        self._on_event(Subscribed(tuple(fresh), refused))

    @_guarded
    def _on_publish(
        self, _client: paho.Client, _data: Any, mid: int, _reason: ReasonCode, _properties: Any
    ) -> None:
        self._on_event(Published((self._connection, mid)))

    @_guarded
    def _on_message(self, _client: paho.Client, _data: Any, received: paho.MQTTMessage) -> None:
        # amqtt greets every client with the retained messages of everybody else's subscriptions.
        if self._filters.matches(received.topic):
            qos: Qos = 1 if received.qos else 0
            payload, retain = bytes(received.payload), bool(received.retain)
            self._deliver(MqttMessage(received.topic, payload, qos, retain, monotonic()))


def _hold_open(link: object) -> socket.socket | None:
    """Keep the connection from closing when paho closes its end right behind its goodbye.

    Brokers that notice the closing before they have read the goodbye take the client for lost, and publish
    its will. None where there is no link, or one that cannot be held, such as TLS, whose own goodbye says as
    much.
    """
    if not isinstance(link, socket.socket) or isinstance(link, ssl.SSLSocket):
        return None
    try:
        return link.dup()
    except OSError:
        return None


def _wait_for_close(farewell: socket.socket) -> None:
    """Wait until the broker has closed the connection, for `DISCONNECT_WAIT_S` at most."""
    with farewell, suppress(OSError):
        farewell.settimeout(DISCONNECT_WAIT_S)
        while farewell.recv(1024):
            pass
