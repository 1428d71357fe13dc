"""An MQTT broker in virtual time, as far as pods and coordinators can tell: delays, losses, cuts, wills.

Virtual time: a clock that jumps to the next thing that is due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from sanctuary.config.scenario_settings import WireSettings
from sanctuary.pods.mqtt.packets import FilterSet, Message

Deed = Callable[[], None]


class Agenda:
    """What happens when, in simulated seconds; things due at one moment happen in the order of planning.

    Attributes
    ----------
    now_s
        The moment that has been reached; it never goes back.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Deed]] = []
        self._planned = 0

    def at(self, t_s: float, deed: Deed) -> None:
        """Plan something for `t_s`; what lies in the past happens next."""
        self._planned += 1
        heapq.heappush(self._due, (max(t_s, self.now_s), self._planned, deed))

    def after(self, delay_s: float, deed: Deed) -> None:
        """Plan something for `delay_s` from now."""
        self.at(self.now_s + delay_s, deed)

    def run(self, until_s: float) -> None:
        """Let everything happen that is due up to `until_s`, also what is planned meanwhile."""
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, deed = heapq.heappop(self._due)
            deed()
        self.now_s = max(self.now_s, until_s)


Deliver = Callable[[Message], None]


@dataclass(eq=False)
class _Client:
    """One client: what it wants, its will, and whether its network is there."""

    name: str
    filters: FilterSet
    deliver: Deliver
    will: Message | None
    up: bool = True
    cuts: int = 0
    last_s: float = field(default=0.0)
    """When the newest message in order reaches it."""


class VirtualWire:
    """Carries messages between its clients.

    Parameters
    ----------
    agenda
        Virtual time.
    settings
        How good it is.
    rng
        Draws delays and losses.

    Attributes
    ----------
    sent, delivered, lost
        Messages so far; a message counts once for each client that it is for, but for `sent`.
    """

    def __init__(self, agenda: Agenda, settings: WireSettings, rng: Random) -> None:
        self._agenda, self._settings, self._rng = agenda, settings, rng
        self._clients: dict[str, _Client] = {}
        self._routes: dict[str, tuple[_Client, ...]] = {}
        self._retained: dict[str, Message] = {}
        self.sent = self.delivered = self.lost = 0

    def join(self, name: str, filters: Iterable[str], deliver: Deliver, will: Message | None = None) -> None:
        """Connect a client: from now on it gets what it wants, beginning with what is retained."""
        wanted = FilterSet(dict.fromkeys(filters, 1))
        client = self._clients[name] = _Client(name, wanted, deliver, will)
        self._routes.clear()
        self._give_retained(client)

    def leave(self, name: str, *, will: bool) -> None:
        """Disconnect a client for good; `will` where it died, so that its will is published."""
        client = self._clients.pop(name)
        client.up = False
        self._routes.clear()
        if will:
            self._agenda.after(self._settings.keep_alive_s, lambda: self._publish_will(client))

    def cut(self, name: str) -> None:
        """Take the network away: nothing goes in or out, and after a while the will is published."""
        client = self._clients[name]
        client.up = False
        client.cuts += 1
        cut = client.cuts

        def missed() -> None:
            if not client.up and client.cuts == cut:
                self._publish_will(client)

        self._agenda.after(self._settings.keep_alive_s, missed)

    def mend(self, name: str) -> None:
        """Bring the network back: the client has subscribed anew."""
        client = self._clients[name]
        client.up = True
        self._give_retained(client)

    def send(self, name: str, message: Message) -> None:
        """Publish a message of a client; without a network it is lost."""
        client = self._clients.get(name)
        if client is None or not client.up:
            self.lost += 1
            return
        self._publish(message)

    def _publish(self, message: Message) -> None:
        self.sent += 1
        if message.retain:
            self._retained[message.topic] = message
        for client in self._route(message.topic):
            self._carry(client, message)

    def _carry(self, client: _Client, message: Message) -> None:
        settings, rng = self._settings, self._rng
        if settings.loss and rng.random() < settings.loss:
            self.lost += 1
            return
        copies = 2 if settings.repeat and rng.random() < settings.repeat else 1
        for _ in range(copies):
            at_s = self._agenda.now_s + settings.delay_s
            if settings.jitter_s:
                at_s += rng.expovariate(1.0 / settings.jitter_s)
            if not settings.reorder or rng.random() >= settings.reorder:
                at_s = client.last_s = max(at_s, client.last_s)
            self._agenda.at(at_s, lambda: self._arrive(client, message))

    def _arrive(self, client: _Client, message: Message) -> None:
        if client.up:
            self.delivered += 1
            client.deliver(message)
        else:
            self.lost += 1

    def _route(self, topic: str) -> tuple[_Client, ...]:
        route = self._routes.get(topic)
        if route is None:
            route = tuple(client for client in self._clients.values() if client.filters.matches(topic))
            self._routes[topic] = route
        return route

    def _give_retained(self, client: _Client) -> None:
        for topic, message in self._retained.items():
            if client.filters.matches(topic):
                self._carry(client, message)

    def _publish_will(self, client: _Client) -> None:
        if client.will is not None:
            self._publish(client.will)
