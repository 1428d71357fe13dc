"""An MQTT broker and the network around it in virtual time: sessions, retained messages, wills, cuts.

A message makes up to three hops: from its client to the broker (`Leg.OUT`), from the broker to each
subscriber (`Leg.IN`), and into that subscriber (`Leg.ARRIVAL`). On each, the network's transforms say in
turn what becomes of it; see `sanctuary.virtual_site.transforms`. A hop that is done takes no time but what a
transform gives it, and hops in order to one client stay in order, as TCP keeps them.

A client without a link loses what it publishes, and what is on its way to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from random import Random

from sanctuary.pods.mqtt.wire_client import FilterSet, LinkDown, LinkUp, MqttMessage, OnLink, OnMessage
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.transforms import Hop, Leg, Tap, Transform

NOTICED_WITHIN_S = 0.5
"""After the broker stopped, each client knows within this."""
BACK_WITHIN_S = 2.0
"""After the broker is back, each client is within this."""


class VirtualClient:
    """One client; a `WireClient`. Made by `VirtualNetwork.client`, it begins with `connect`."""

    dropped = 0

    def __init__(
        self,
        network: VirtualNetwork,
        client_id: str,
        will: MqttMessage | None,
        on_link: OnLink,
        on_message: OnMessage,
    ) -> None:
        self.client_id, self.will = client_id, will
        self.on_link, self.on_message = on_link, on_message
        self.filters = FilterSet()
        self.is_connected = False
        self.links = 0
        """Changes of the link so far; what was planned for an older one is void."""
        self.last_due_s = 0.0
        """When the newest message in order reaches it."""
        self._network = network

    def subscribe(self, *topic_filters: str) -> None:
        """Subscribe, for this and every later connection."""
        self.filters = self.filters.adding(*topic_filters)
        self._network.subscribed(self, FilterSet(topic_filters))

    def publish(self, message: MqttMessage) -> None:
        """Hand a message to the network, to which it is lost without a link."""
        self._network.send(self, message)

    def connect(self) -> None:
        """Make the link, now or once the broker can be reached; `on_link` and retained messages follow."""
        self._network.connect(self)

    def disconnect(self) -> None:
        """End the link for good, in order: no will is published."""
        self._network.remove(self)

    def abort(self, will_after_s: float) -> None:
        """Die: the broker publishes the will once it knows, after so many seconds."""
        self._network.remove(self, will_after_s)


class VirtualNetwork:
    """Carries messages between its clients.

    Parameters
    ----------
    events
        Virtual time.
    transforms
        What befalls each hop of each message, in this order; for more of them see `impose`.
    keep_alive_s
        Seconds after which the broker takes a silent client for lost, and publishes its will.

    Attributes
    ----------
    taps
        Called with each message that a client hands over, before it goes anywhere.
    sent, delivered, lost
        Messages so far; a message counts once for each client that it is for, but for `sent`.
    """

    def __init__(
        self, events: EventQueue, transforms: Iterable[Transform] = (), *, keep_alive_s: float = 15.0
    ) -> None:
        self._transforms: dict[Leg, list[Transform]] = {leg: [] for leg in Leg}
        self._add(*transforms)
        self.taps: list[Tap] = []
        self.sent = self.delivered = self.lost = 0
        self._events, self._keep_alive_s = events, keep_alive_s
        self._clients: dict[str, VirtualClient] = {}
        self._unreachable_until_s: dict[str, float] = {}
        self._down_until_s = 0.0
        self._routes: dict[str, tuple[VirtualClient, ...]] = {}
        self._retained: dict[str, MqttMessage] = {}

    # Clients.

    def client(
        self,
        client_id: str,
        *,
        on_message: OnMessage,
        on_link: OnLink = lambda _: None,
        will: MqttMessage | None = None,
    ) -> VirtualClient:
        """Make a client, which has no link yet."""
        return VirtualClient(self, client_id, will, on_link, on_message)

    def is_connected(self, client_id: str) -> bool:
        """Tell whether a client of this name has its link."""
        return client_id in self._clients and self._clients[client_id].is_connected

    def connect(self, client: VirtualClient) -> None:
        """Link a client to the broker once it can be reached; one of the same name loses its link."""
        before = self._clients.get(client.client_id)
        if before is not client:
            if before is not None:
                self.remove(before)
            self._clients[client.client_id] = client
            self._routes.clear()
        reachable_s = max(self._down_until_s, self._unreachable_until_s.get(client.client_id, 0.0))
        if reachable_s > self._events.now_s:
            self._events.at(reachable_s, partial(self._reconnect, client))
            return
        client.is_connected = True
        client.links += 1
        self._send_retained(client, client.filters)
        client.on_link(LinkUp(session_present=False))

    def remove(self, client: VirtualClient, will_after_s: float | None = None) -> None:
        """Forget a client; its will is published after so many seconds, or never."""
        if self._clients.get(client.client_id) is not client:
            return
        del self._clients[client.client_id]
        self._routes.clear()
        client.is_connected = False
        client.links += 1
        if will_after_s is not None:
            self._events.after(will_after_s, partial(self._publish_will, client))

    def subscribed(self, client: VirtualClient, fresh: FilterSet) -> None:
        """Send a client what is retained on the topics of its new subscriptions."""
        self._routes.clear()
        if client.is_connected:
            self._send_retained(client, fresh)

    # Messages.

    def send(self, client: VirtualClient, message: MqttMessage) -> None:
        """Carry a message from its client to the broker."""
        for tap in self.taps:
            tap(client.client_id, message)
        self._start(Leg.OUT, client, message)

    def publish(self, message: MqttMessage) -> None:
        """Publish a message at the broker; for what no client of ours sent, see `send`."""
        self.sent += 1
        if message.retain:
            self._retained[message.topic] = message
        for client in self._route(message.topic):
            self._start(Leg.IN, client, message)

    # Faults.

    def impose(self, for_s: float, *transforms: Transform) -> None:
        """Apply transforms, before all others, for so many seconds."""
        self._add(*transforms)
        self._events.after(for_s, partial(self._take_away, transforms))

    def cut(self, client_id: str, for_s: float, noticed_after_s: float | None = None) -> None:
        """Take a client's link away: nothing goes in or out, and in time the broker publishes its will.

        Parameters
        ----------
        for_s
            The client connects again after so many seconds, without retained state at the broker.
        noticed_after_s
            When the client notices; never where that is not before the end, or not given.
        """
        client = self._clients.get(client_id)
        self._block(client_id, for_s)
        if client is None or not client.is_connected:
            return
        self._lose_link(client, noticed_after_s if noticed_after_s is not None else for_s)
        self._events.after(self._keep_alive_s, partial(self._missed, client, client.links))

    def restart_broker(self, for_s: float, rng: Random, *, forget: bool) -> None:
        """Stop the broker for so many seconds: every client loses its link at once, and no will is published.

        Parameters
        ----------
        forget
            Whether it comes back without what it had retained.
        rng
            Draws when each client notices, and when each is back.
        """
        self._down_until_s = max(self._down_until_s, self._events.now_s + for_s)
        if forget:
            self._retained.clear()
        for client in [*self._clients.values()]:
            noticed_after_s = rng.uniform(0.0, NOTICED_WITHIN_S)
            self._block(client.client_id, for_s + rng.uniform(0.0, BACK_WITHIN_S))
            self._lose_link(client, noticed_after_s)

    # Inside.

    def _add(self, *transforms: Transform) -> None:
        for leg, applied in self._transforms.items():
            applied[:0] = [transform for transform in transforms if leg in transform.legs]

    def _take_away(self, transforms: Iterable[Transform]) -> None:
        for leg, applied in self._transforms.items():
            self._transforms[leg] = [each for each in applied if each not in transforms]

    def _block(self, client_id: str, for_s: float) -> None:
        """Let no client of this name connect for a while, and then let it."""
        until_s = self._events.now_s + for_s
        self._unreachable_until_s[client_id] = max(until_s, self._unreachable_until_s.get(client_id, 0.0))
        if client_id in self._clients:
            self._events.after(for_s, partial(self._reconnect, self._clients[client_id]))

    def _lose_link(self, client: VirtualClient, noticed_after_s: float) -> None:
        client.is_connected = False
        client.links += 1
        self._events.after(noticed_after_s, partial(self._notice, client, client.links))

    def _notice(self, client: VirtualClient, links: int) -> None:
        if client.links == links:
            client.on_link(LinkDown("cut"))

    def _reconnect(self, client: VirtualClient) -> None:
        if self._clients.get(client.client_id) is client and not client.is_connected:
            self.connect(client)

    def _missed(self, client: VirtualClient, links: int) -> None:
        if client.links == links:
            self._publish_will(client)

    def _publish_will(self, client: VirtualClient) -> None:
        if client.will is not None:
            self.publish(client.will)

    def _send_retained(self, client: VirtualClient, filters: FilterSet) -> None:
        for topic, message in self._retained.items():
            if filters.matches(topic):
                self._start(Leg.IN, client, message)

    def _route(self, topic: str) -> tuple[VirtualClient, ...]:
        route = self._routes.get(topic)
        if route is None:
            route = tuple(client for client in self._clients.values() if client.filters.matches(topic))
            self._routes[topic] = route
        return route

    def _start(self, leg: Leg, client: VirtualClient, message: MqttMessage) -> None:
        """Apply the transforms in turn; what is left of the hop ends when each copy is due."""
        now_s = self._events.now_s
        hops = [Hop(client.client_id, message, now_s)]
        for transform in self._transforms[leg]:
            hops = [each for hop in hops for each in transform(hop)]
        for hop in hops:
            due_s = hop.due_s
            if leg is Leg.IN and hop.in_order:
                due_s = client.last_due_s = max(due_s, client.last_due_s)
            if leg is Leg.IN or due_s > now_s:
                self._events.at(due_s, partial(self._end, leg, client, hop.message))
            else:
                self._end(leg, client, hop.message)
        if not hops:
            self.lost += 1

    def _end(self, leg: Leg, client: VirtualClient, message: MqttMessage) -> None:
        if leg is Leg.IN:
            self._start(Leg.ARRIVAL, client, message)
        elif not client.is_connected:
            self.lost += 1
        elif leg is Leg.OUT:
            self.publish(message)
        else:
            self.delivered += 1
            client.on_message(message)
