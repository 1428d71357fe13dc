"""The broker and its network at their worst: stalls, half-open links, restarts, somebody who listens in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sanctuary.config.scenario_settings import WireSettings
from sanctuary.pods.mqtt.packets import Message
from sanctuary.virtual_site.network import Agenda, VirtualWire

Tap = Callable[[str, Message], None]


class TortureWire(VirtualWire):
    """A `VirtualWire` that can be made worse while it runs.

    Parameters
    ----------
    tap
        Hears every message that a client hands over, before it goes anywhere.
    """

    def __init__(self, agenda: Agenda, settings: WireSettings, rng: Random, tap: Tap) -> None:
        super().__init__(agenda, settings, rng)
        self._tap = tap
        self._until_s: dict[str, float] = {}
        self._deaf: dict[str, int] = {}
        self._mute: dict[str, int] = {}

    @property
    def settings(self) -> WireSettings:
        """How good it is now."""
        return self._settings

    @settings.setter
    def settings(self, settings: WireSettings) -> None:
        self._settings = settings

    @property
    def clients(self) -> tuple[str, ...]:
        """Names of those who are connected, or cut off."""
        return tuple(self._clients)

    def is_up(self, name: str) -> bool:
        """Tell whether a client has its network."""
        return name in self._clients and self._clients[name].up

    def stall(self, name: str, for_s: float) -> None:
        """Hold everything to and from a client back; it goes on in order, all at once, as TCP does."""
        self._until_s[name] = max(self._until_s.get(name, 0.0), self._agenda.now_s + for_s)

    def close_way(self, name: str, *, out: bool) -> Callable[[], None]:
        """Lose everything on one of a client's two ways; gives what ends it."""
        ways = self._mute if out else self._deaf
        ways[name] = ways.get(name, 0) + 1

        def end() -> None:
            ways[name] -= 1

        return end

    def send(self, name: str, message: Message) -> None:
        """Publish a message of a client, unless its way out is closed; a stalled one goes later."""
        self._tap(name, message)
        if self._mute.get(name):
            self.lost += 1
        elif self._until_s.get(name, 0.0) > self._agenda.now_s:
            self._agenda.at(self._until_s[name], lambda: super(TortureWire, self).send(name, message))
        else:
            super().send(name, message)

    def inject(self, message: Message) -> None:
        """Publish what no client of ours sent."""
        self._publish(message)

    def fall(self, *, forget: bool) -> None:
        """Stop the broker: every client loses its link at once, and no will is published."""
        for client in self._clients.values():
            client.up = False
            client.cuts += 1
        if forget:
            self._retained.clear()

    def drop(self, name: str) -> None:
        """Disconnect a client that died at such a moment that nobody will ever publish its will."""
        client = self._clients.pop(name)
        client.up = False
        self._routes.clear()

    def die(self, name: str) -> None:
        """Disconnect a client that died: the broker sees the connection break, and publishes its will."""
        client = self._clients.pop(name)
        client.up = False
        self._routes.clear()
        self._agenda.after(self._settings.delay_s, lambda: self._publish_will(client))

    def _carry(self, client: object, message: Message) -> None:
        """Neither lose nor reorder what gateways say to each other: on a whole link MQTT does neither."""
        before = self._settings
        if (before.loss or before.reorder) and (
            "/circles/" in message.topic or "/gateways/" in message.topic
        ):
            self._settings = before.model_copy(update={"loss": 0.0, "reorder": 0.0})
        super()._carry(client, message)  # type: ignore[arg-type]
        self._settings = before

    def _arrive(self, client: object, message: Message) -> None:
        name = client.name  # type: ignore[attr-defined]
        if self._deaf.get(name):
            self.lost += 1
        elif self._until_s.get(name, 0.0) > self._agenda.now_s:
            self._agenda.at(self._until_s[name], lambda: super(TortureWire, self)._arrive(client, message))  # type: ignore[arg-type]
        else:
            super()._arrive(client, message)  # type: ignore[arg-type]
