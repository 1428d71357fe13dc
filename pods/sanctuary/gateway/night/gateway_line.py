"""A gateway on a real broker: its core, its client, and what passes between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner, alive_s
from sanctuary.gateway.night.journal import Log
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.wire.broker import BrokerEndpoint
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.link import LinkEvent, LinkUp
from sanctuary.pods.wire.packets import Message


class GatewayLine:
    """Joins a core to a broker. Enter `client`, then `open`, then let `listen` run.

    Parameters
    ----------
    now
        The sanctuary clock.
    keep_term
        Keeps the highest term used, over a restart.
    """

    def __init__(
        self,
        settings: SanctuarySettings,
        core: Gateway,
        endpoint: BrokerEndpoint,
        journal: Log,
        now: Callable[[], float],
        keep_term: Callable[[int], None],
    ) -> None:
        self._now = now
        self._subscribed = False
        self.runner = CoordinatorRunner(
            settings.site.id,
            core,
            journal,
            self._send,
            now,
            alive=alive_s,
            keep_term=keep_term,
            dropped=lambda: self.client.dropped,
        )
        self.client = MqttClient(
            f"{settings.site.id}-{core.id}",
            endpoint.host,
            endpoint.port,
            settings=settings.broker,
            will=self.runner.will,
            on_link=self._on_link,
        )

    async def open(self) -> None:
        """Wait until every subscription is in force: only from then on is each claim heard.

        Raises
        ------
        BrokerError
            The broker does not answer in time, or refuses a subscription.
        """
        granted = [self.client.subscribe(topic) for topic in self.runner.subscriptions]
        await self.client.connected()
        await asyncio.gather(*granted)
        self._subscribed = True
        if self.client.is_connected:
            self.runner.on_link(LinkUp(session_present=False))

    async def listen(self) -> None:
        """Take messages as they come, until the client is left."""
        async for message in self.client:
            self.runner.message(message, self._now())

    def _on_link(self, event: LinkEvent) -> None:
        if self._subscribed:
            self.runner.on_link(event)

    def _send(self, message: Message) -> None:
        self.client.publish(message)
