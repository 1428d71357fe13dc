"""The shell around a gateway's core: messages in, commands and records out, and the time for whoever asks.

A gateway on a real broker: its core, its client, and what passes between them.

Which gateway tells the time: one does, the others go by its clock and go on with it when it dies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from sanctuary.config.errors import BrokerError, ProtocolError, SanctuaryError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.site_settings import SiteSettings
from sanctuary.gateway.site.advice import KEPT_S, LIVE_S, Strangers, told
from sanctuary.gateway.site.event_log import Log
from sanctuary.gateway.site.machine_clock import alive_s
from sanctuary.gateway.site.pod_shell import Send, to_message, unsealed
from sanctuary.gateway.site.site_clock import SanctuaryClock
from sanctuary.pods.clock.exchange import TimeSource, respond
from sanctuary.pods.coordinator import gateway_events as happened
from sanctuary.pods.coordinator.gateway import Gateway, GatewayEffect
from sanctuary.pods.coordinator.gateway_events import Now, StoreTerm, WarnOperators
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.mqtt.broker import BrokerEndpoint
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp, MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal_line
from sanctuary.pods.protocol.gateway_records import WindowRecord, trouble_record
from sanctuary.pods.protocol.topics import Channel, parse

_LOG = logging.getLogger(__name__)

VIRTUAL = TimeSource("gateway", "virtual", 0.0)
"""Who answers in virtual time."""


class CoordinatorRunner:
    """One gateway's core and everything around it.

    Parameters
    ----------
    now
        The sanctuary clock, asked once more just before a time request is answered.
    alive
        The computer's own clock, see `Now`; in virtual time it is the same as `now`.
    keep_term
        Keeps the highest term used, over a restart.
    dropped
        Counts messages that were given up unread.
    answer
        Answers a time request, not signed yet; by default, as virtual time does, whose clock is everybody's.

    Attributes
    ----------
    answers_time
        Whether this gateway's clock is the sanctuary's, so that it answers; one of a site does.
    """

    def __init__(
        self,
        site: str,
        gateway: Gateway,
        journal: Log,
        send: Send,
        now: Callable[[], float],
        answer: Callable[[MqttMessage], bytes] | None = None,
        *,
        alive: Callable[[], float] | None = None,
        keep_term: Callable[[int], None] | None = None,
        dropped: Callable[[], int] = int,
    ) -> None:
        self._site = site
        self._gateway = gateway
        self._journal = journal
        self._send = send
        self._now = now
        self._alive = alive or now
        self._keep_term = keep_term
        self._dropped = dropped
        self._dropped_before = 0
        self._told = False
        self._answer = answer
        self.answers_time = True
        self.opened = 0
        """Windows opened so far."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics that the coordinator listens to; claims first."""
        channels = (
            Channel.CLAIM,
            Channel.GATEWAY_STATUS,
            Channel.STATUS,
            Channel.STATE,
            Channel.EVENT,
            Channel.REPLY,
            Channel.TIME_REQUEST,
        )
        return tuple(topics.all_pods(self._site, channel) for channel in channels)

    @property
    def will(self) -> MqttMessage:
        """What the broker is to say when this gateway dies."""
        return to_message(self._gateway.will)

    @property
    def open_windows(self) -> tuple[str, ...]:
        """Windows proposed or open now."""
        return tuple(run.id for run in self._gateway.windows)

    @property
    def held(self) -> tuple[str, ...]:
        """Circles that this gateway holds."""
        return self._gateway.held

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        dropped = self._dropped()
        if dropped != self._dropped_before:
            self._dropped_before = dropped
            self._handle(happened.MessagesLost(), now_s)
        self._handle(happened.GatewayTicked(), now_s)

    def on_link(self, event: LinkEvent) -> None:
        """Learn that the link came up or went down."""
        up = isinstance(event, LinkUp)
        self._handle(happened.BrokerLinkRestored() if up else happened.BrokerLinkLost(), self._now())

    def stop(self, now_s: float) -> None:
        """Close windows, give up all circles and take leave; before the client does."""
        self._do(self._gateway.stop(Now(now_s, self._alive())))

    def message(self, message: MqttMessage, now_s: float) -> None:
        """Take a message of one of the `subscriptions`; `now_s` as read when it was taken up."""
        try:
            topic = topics.parse(message.topic)
            match topic.channel:
                case Channel.CLAIM:
                    self._handle(happened.ClaimReceived(topic.leaf, message.payload), now_s)
                case Channel.GATEWAY_STATUS:
                    self._handle(happened.GatewayStatusReceived(topic.leaf, message.payload), now_s)
                case Channel.STATUS:
                    self._handle(happened.PodStatusReceived(topic.pod, message.payload), now_s)
                case Channel.STATE:
                    self._handle(happened.PodStateReceived(topic.pod, message.payload), now_s)
                case Channel.EVENT if topic.leaf == "lease":
                    self._handle(happened.LeaseReceived(topic.pod, message.payload), now_s)
                case Channel.EVENT if topic.leaf == "eye-signal":
                    self._handle(happened.EyeSignalReceived(topic.pod, message.payload), now_s)
                case Channel.REPLY:
                    self._handle(happened.ReplyReceived(topic.pod, message.payload), now_s)
                case Channel.TIME_REQUEST if self.answers_time:
                    answer = self._time(message, now_s)
                    sealed = seal_line(Kind.TIME, answer, self._gateway.key)
                    self._send(MqttMessage(topics.time_response(self._site, topic.pod), sealed, 0))
        except ProtocolError as error:
            _LOG.debug("coordinator: %s", error)

    def _time(self, message: MqttMessage, now_s: float) -> bytes:
        if self._answer is not None:
            return self._answer(message)
        return respond(message.payload, now_s, self._now(), VIRTUAL)

    def _handle(self, event: happened.GatewayEvent, now_s: float) -> None:
        """Hand an event to the core; its own clock is read after the sanctuary clock, see `Now`."""
        self._do(self._gateway.handle(event, Now(now_s, self._alive())))

    def _keep(self, term: int) -> None:
        """Keep a term; without, a start of ours on a new broker may have to find out from the pods."""
        try:
            if self._keep_term is not None:
                self._keep_term(term)
        except SanctuaryError as error:
            if not self._told:
                _LOG.error("%s", error)
            self._told = True

    def _do(self, effects: list[GatewayEffect]) -> None:
        """Write first, then speak: what is sent stands in the log, whatever befalls this program."""
        records = [effect.record for effect in effects if isinstance(effect, Record)]
        for record in records:
            self.opened += isinstance(record, WindowRecord) and record.event == "opened"
            self._journal.write(record)
        if records and any(isinstance(effect, Publish) for effect in effects):
            self._journal.flush()
        for effect in effects:
            match effect:
                case Publish():
                    self._send(to_message(effect))
                case StoreTerm():
                    self._keep(effect.term)
                case WarnOperators():
                    _LOG.warning("%s", effect.text)


PATIENCE_S = 9.0
"""Without an answer for so long a gateway that follows answers itself; later ones in the list wait longer."""
FIRST_PATIENCE_S = 2.5
"""The same for one that has just begun."""


class ClockDuty:
    """Follows the clock of the gateway that answers, or answers.

    A gateway on which pods sleep (`sanctuary run`) always answers. Of the others the first in the list of the
    settings does that has been there for a while.

    Parameters
    ----------
    runner
        Answers, while its `answers_time` says so.
    """

    def __init__(
        self,
        site: SiteSettings,
        core: Gateway,
        runner: CoordinatorRunner,
        clock: SanctuaryClock,
        send: Send,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core, self._runner, self._clock, self._send = core, runner, clock, send
        self._monotonic = monotonic
        self._rank = site.gateways.index(core.id)
        self._before = site.gateways[: self._rank]
        self._topic = topics.time_request(site.id, core.id)
        self._patient_until_s = 0.0

    def follow(self) -> None:
        """Ask for the time from now on, and answer only if nobody else does."""
        self._runner.answers_time = False
        self._patient_until_s = self._monotonic() + FIRST_PATIENCE_S + self._rank

    def tick(self) -> None:
        """Ask if it is time to; take over if nobody answers; leave it to one that comes before us."""
        now_s = self._monotonic()
        if self._runner.answers_time:
            others = self._core.leadership.others(Now(self._clock.now(), alive_s()))
            if any(gateway in self._before for gateway in others):
                self._runner.answers_time = False
                self._patient_until_s = now_s + PATIENCE_S + self._rank
            return
        request = self._clock.ask()
        if request is not None:
            self._send(MqttMessage(self._topic, request, 0))
        if now_s >= self._patient_until_s:
            self._clock.lead()
            self._runner.answers_time = True

    def take(self, message: MqttMessage) -> None:
        """Take an answer."""
        try:
            self._clock.follow(unsealed(Kind.TIME, message, self._core.key.verify_key))
        except ProtocolError as error:
            _LOG.debug("clock: %s", error)
        else:
            self._patient_until_s = max(self._patient_until_s, self._monotonic() + PATIENCE_S + self._rank)

    @property
    def is_settled(self) -> bool:
        """Whether the sanctuary clock is known: another's that we follow, or our own."""
        return self._runner.answers_time or self._clock.is_followed


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
        granted = self.client.subscribe(*wanted)
        await self.client.connected()
        await granted
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

    def _take(self, message: MqttMessage) -> None:
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

    def _send(self, message: MqttMessage) -> None:
        self.client.publish(message)
