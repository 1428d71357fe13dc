"""A gateway on a real broker: its core, its client, and what passes between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from sanctuary.config.errors import BrokerError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.night.clock_duty import ClockDuty
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.journal import Log
from sanctuary.gateway.night.sanctuary_clock import SanctuaryClock
from sanctuary.gateway.night.steady import alive_s
from sanctuary.gateway.night.strangers import KEPT_S, LIVE_S, Strangers, told
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.troubles import trouble_record
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.broker import BrokerEndpoint
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.link import LinkEvent, LinkUp
from sanctuary.pods.wire.packets import Message
from sanctuary.pods.wire.topics import Channel, parse

_LOG = logging.getLogger(__name__)

_OF_GATEWAYS = (Channel.CLAIM, Channel.GATEWAY_STATUS)
"""What is heard even while the sanctuary clock is not known; all else needs the time."""


class GatewayLine:
    """Joins a core to a broker. Enter `client`, then `open`, then let `listen` run.

    Parameters
    ----------
    clock
        The sanctuary clock, as this gateway has it.
    keep_term
        Keeps the highest term used, over a restart.
    client_id
        Names an MQTT client of this installation.
    """

    def __init__(
        self,
        settings: SanctuarySettings,
        core: Gateway,
        endpoint: BrokerEndpoint,
        journal: Log,
        clock: SanctuaryClock,
        keep_term: Callable[[int], None],
        client_id: Callable[[str], str],
    ) -> None:
        self._clock = clock
        self._core = core
        core.utc_at_zero_s = clock.began_utc_s
        self._subscribed = False
        self._strangers = Strangers(core.key.verify_key)
        self._site, self._endpoint, self._journal = settings.site.id, endpoint, journal
        self._stranger_told = False
        self.runner = CoordinatorRunner(
            settings.site.id,
            core,
            journal,
            self._send,
            clock.now,
            clock.answer,
            alive=alive_s,
            keep_term=keep_term,
            dropped=lambda: self.client.dropped,
        )
        self.client = MqttClient(
            client_id(core.id),
            endpoint.host,
            endpoint.port,
            settings=settings.broker,
            will=self.runner.will,
            on_link=self._on_link,
        )
        self._answers = topics.time_response(settings.site.id, core.id)
        self.duty = ClockDuty(settings.site, core, self.runner, clock, self._send)

    async def open(self) -> None:
        """Wait until every subscription is in force: only from then on is each claim heard.

        Raises
        ------
        BrokerError
            The broker does not answer in time, or refuses a subscription.
        """
        wanted = (*self.runner.subscriptions, self._answers)
        granted = [self.client.subscribe(topic) for topic in wanted]
        await self.client.connected()
        await asyncio.gather(*granted)
        self._subscribed = True
        if self.client.is_connected:
            self.runner.on_link(LinkUp(session_present=False))

    async def meet(self) -> None:
        """Find out whether another sanctuary uses this site's topics; wanted once `listen` runs.

        Raises
        ------
        BrokerError
            One does, and it lives.
        """
        if self._endpoint.kind != "external":
            return
        await asyncio.sleep(KEPT_S)
        self._strangers.listening = True
        ends_s = time.monotonic() + LIVE_S
        while self._strangers.kept and not self._strangers.live and time.monotonic() < ends_s:
            await asyncio.sleep(KEPT_S / 5.0)
        if self._strangers.live:
            raise BrokerError(told(self._site, self._endpoint.description))

    def tell_strangers(self, now_s: float) -> None:
        """Tell once of another sanctuary that came while the night went on."""
        if self._strangers.live and not self._stranger_told:
            self._stranger_told = True
            _LOG.error("%s", told(self._site, self._endpoint.description))
            self._journal.write(trouble_record("site_shared", "noted", now_s, detail=self._site))

    def tick(self) -> None:
        """Let time pass. What is told of moments to other gateways goes by the UTC that names the clock."""
        self._core.utc_at_zero_s = self._clock.began_utc_s
        self.runner.tick(self._clock.now())

    async def listen(self) -> None:
        """Take messages as they come, until the client is left."""
        async for message in self.client:
            self._take(message)

    def _take(self, message: Message) -> None:
        if message.topic == self._answers:
            self.duty.take(message)
            return
        if parse(message.topic).channel is Channel.CLAIM:
            self._strangers.hear(message)
        if self.duty.is_settled or parse(message.topic).channel in _OF_GATEWAYS:
            self.runner.message(message, self._clock.now())

    def _on_link(self, event: LinkEvent) -> None:
        if self._subscribed:
            self.runner.on_link(event)

    def _send(self, message: Message) -> None:
        self.client.publish(message)
