"""The shell around a gateway's core: messages in, commands and records out, and the time for whoever asks.

Which gateway tells the time: one does, the others go by its clock and go on with it when it dies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.config.site_settings import SiteSettings
from sanctuary.gateway.site.advice import Strangers
from sanctuary.gateway.site.event_log import EventSink
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK, HostClock
from sanctuary.gateway.site.pod_shell import Send, to_message, unsealed
from sanctuary.gateway.site.site_clock import SanctuaryClock
from sanctuary.pods.clock.exchange import ZERO_TOLERANCE_S, TimeSource, respond
from sanctuary.pods.coordinator import gateway_events as happened
from sanctuary.pods.coordinator.gateway import Gateway, GatewayEffect
from sanctuary.pods.coordinator.gateway_events import Now, StoreTerm, WarnOperators
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp, MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal_line
from sanctuary.pods.protocol.gateway_records import WindowRecord
from sanctuary.pods.protocol.messages import TimeResponse, read
from sanctuary.pods.protocol.topics import Channel

_LOG = logging.getLogger(__name__)

SIMULATED = TimeSource("gateway", "virtual", 0.0)
"""Who answers where time is simulated."""
PATIENCE_S = 9.0
"""Without an answer for so long a gateway that follows answers itself; later ones in the list wait longer."""
FIRST_PATIENCE_S = 2.5
"""The same for one that has just begun."""
_OF_GATEWAYS = (Channel.CLAIM, Channel.GATEWAY_STATUS)
"""What is handled even while the sanctuary clock is not known; all else needs the time."""


class SiteClock(Protocol):
    """The sanctuary clock at a gateway; see `SanctuaryClock`."""

    @property
    def began_utc_s(self) -> float:
        """UTC seconds at second 0, as known first: names the clock."""

    def now(self) -> float:
        """Give the sanctuary clock."""

    def answer(self, message: MqttMessage, /) -> bytes:
        """Answer a time request; raises `ProtocolError` where it is none."""


class SimulatedSiteClock:
    """The sanctuary clock where time is simulated: everybody's, and whatever `now` says."""

    def __init__(self, now: Callable[[], float], began_utc_s: float) -> None:
        self.now, self.began_utc_s = now, began_utc_s

    def answer(self, message: MqttMessage) -> bytes:
        now_s = self.now()
        return respond(message.payload, now_s, now_s, SIMULATED)


class ClockDuty:
    """Follows the clock of the gateway that answers, or answers.

    A gateway on which pods sleep (`sanctuary run`) always answers, without this. Of the others the first in
    the list of the settings does that has been there for a while; each begins by following. One that answers
    goes on asking as long as another comes before it: where two answer, pods trust neither.

    Parameters
    ----------
    host
        The computer's clocks.

    Attributes
    ----------
    answers
        Whether this gateway's clock is the sanctuary's, so that it answers; one of a site does.
    topic
        Where answers to this gateway come.
    """

    def __init__(
        self,
        site: SiteSettings,
        core: Gateway,
        clock: SanctuaryClock,
        send: Send,
        host: HostClock = SYSTEM_CLOCK,
    ) -> None:
        self._core, self._clock, self._send, self._host = core, clock, send, host
        self._rank = site.gateways.index(core.id)
        self._before = site.gateways[: self._rank]
        self._asks_on = topics.time_request(site.id, core.id)
        self.topic = topics.time_response(site.id, core.id)
        self.answers = False
        self._was_known = False
        self._patient_until_s = host.monotonic_s() + FIRST_PATIENCE_S + self._rank

    def tick(self) -> None:
        """Ask if it is time to; take over if nobody answers; leave it to one that comes before us."""
        now_s = self._host.monotonic_s()
        if self.answers:
            others = self._core.leadership.others(Now(self._clock.now(), self._host.boottime_s()))
            if any(gateway in self._before for gateway in others):
                self._leave_it(now_s)
            if not self._before:
                return
        request = self._clock.ask()
        if request is not None:
            self._send(MqttMessage(self._asks_on, request, 0))
        if not self.answers and now_s >= self._patient_until_s:
            self._clock.lead()
            self.answers = True

    def on_answer(self, message: MqttMessage) -> None:
        """Go by the answer of the gateway that answers."""
        try:
            answer = unsealed(Kind.TIME, message, self._core.key.verify_key)
            if self.answers and read(TimeResponse, answer.payload).gateway not in self._before:
                return
            self._clock.follow(answer)
        except ProtocolError as error:
            _LOG.debug("clock: %s", error)
        else:
            self._leave_it(self._host.monotonic_s())

    def _leave_it(self, now_s: float) -> None:
        """Leave it to another to answer, for as long as it does."""
        self.answers = False
        self._patient_until_s = max(self._patient_until_s, now_s + PATIENCE_S + self._rank)

    @property
    def is_settled(self) -> bool:
        """Whether the sanctuary clock is known, or was: another's that we follow, or our own.

        A clock that was set is measured anew, and windows must be closed in time meanwhile.
        """
        self._was_known = self._was_known or self.answers or self._clock.is_followed
        return self._was_known


class CoordinatorShell:
    """One gateway's core and everything around it but its broker; it waits for nothing.

    Parameters
    ----------
    clock
        The sanctuary clock.
    boottime
        The computer's own clock, see `Now`; by default, as in simulated time, the same as `clock`.
    keep_term
        Keeps the highest term used, over a restart.
    dropped
        Counts messages that were given up unread.
    duty
        Says whether this gateway tells the time; without, it does.
    strangers
        Listens for another sanctuary on the topics of ours.

    Attributes
    ----------
    opened
        Windows opened so far.
    """

    def __init__(
        self,
        site: str,
        core: Gateway,
        log: EventSink,
        send: Send,
        clock: SiteClock,
        *,
        boottime: Callable[[], float] | None = None,
        keep_term: Callable[[int], None] | None = None,
        dropped: Callable[[], int] = int,
        duty: ClockDuty | None = None,
        strangers: Strangers | None = None,
    ) -> None:
        self.core, self.duty, self.strangers = core, duty, strangers
        self.opened = 0
        self._site, self._log, self._send = site, log, send
        self._clock, self._boottime = clock, boottime or clock.now
        self._keep_term = keep_term
        self._dropped, self._dropped_before = dropped, 0
        self._term_unkept = False
        self._began_utc_s: float | None = None
        core.utc_at_zero_s = clock.began_utc_s

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
        answers = (self.duty.topic,) if self.duty is not None else ()
        return (*(topics.all_pods(self._site, channel) for channel in channels), *answers)

    @property
    def will(self) -> MqttMessage:
        """What the broker is to publish when this gateway dies."""
        return to_message(self.core.will)

    @property
    def open_windows(self) -> tuple[str, ...]:
        """Windows proposed or open now."""
        return tuple(run.id for run in self.core.windows)

    @property
    def held(self) -> tuple[str, ...]:
        """Circles that this gateway holds."""
        return self.core.held

    @property
    def is_settled(self) -> bool:
        """Whether the sanctuary clock is known; nothing is coordinated before."""
        return self.duty is None or self.duty.is_settled

    @property
    def clock_was_replaced(self) -> bool:
        """Whether the sanctuary clock is no continuation of the one that was known first."""
        if not self.is_settled:
            return False
        began_s, now_s = self._began_utc_s, self._clock.began_utc_s
        self._began_utc_s = now_s if began_s is None else began_s
        return began_s is not None and abs(now_s - began_s) > ZERO_TOLERANCE_S

    def tick(self) -> None:
        """Handle that time has passed; wanted at least once a second, better four times."""
        if self.duty is not None:
            self.duty.tick()
            if not self.duty.is_settled:
                return
        # What other gateways are told of moments goes by the UTC that names the clock.
        self.core.utc_at_zero_s = self._clock.began_utc_s
        dropped = self._dropped()
        if dropped != self._dropped_before:
            self._dropped_before = dropped
            self._handle(happened.MessagesLost())
        self._handle(happened.GatewayTicked())

    def on_link(self, event: LinkEvent) -> None:
        """Tell the core that the link came up or went down."""
        self._handle(
            happened.BrokerLinkRestored() if isinstance(event, LinkUp) else happened.BrokerLinkLost()
        )

    def stop(self) -> None:
        """Close windows, give up all circles and take leave; before the client does."""
        self._do(self.core.stop(self._now()))

    def on_message(self, message: MqttMessage) -> None:
        """Handle a message of one of the `subscriptions`."""
        if self.duty is not None and message.topic == self.duty.topic:
            self.duty.on_answer(message)
            return
        try:
            topic = topics.parse(message.topic)
            if topic.channel is Channel.CLAIM and self.strangers is not None:
                self.strangers.hear(message)
            if topic.channel in _OF_GATEWAYS or self.is_settled:
                self._on_topic(topic, message)
        except ProtocolError as error:
            _LOG.debug("coordinator: %s", error)

    def _on_topic(self, topic: topics.Topic, message: MqttMessage) -> None:
        match topic.channel:
            case Channel.CLAIM:
                self._handle(happened.ClaimReceived(topic.leaf, message.payload))
            case Channel.GATEWAY_STATUS:
                self._handle(happened.GatewayStatusReceived(topic.leaf, message.payload))
            case Channel.STATUS:
                self._handle(happened.PodStatusReceived(topic.pod, message.payload))
            case Channel.STATE:
                self._handle(happened.PodStateReceived(topic.pod, message.payload))
            case Channel.EVENT if topic.leaf == "lease":
                self._handle(happened.LeaseReceived(topic.pod, message.payload))
            case Channel.EVENT if topic.leaf == "eye-signal":
                self._handle(happened.EyeSignalReceived(topic.pod, message.payload))
            case Channel.REPLY:
                self._handle(happened.ReplyReceived(topic.pod, message.payload))
            case Channel.TIME_REQUEST if self._answers(topic.pod):
                sealed = seal_line(Kind.TIME, self._clock.answer(message), self.core.key)
                self._send(MqttMessage(topics.time_response(self._site, topic.pod), sealed, 0))

    def _answers(self, asker: str) -> bool:
        """Say whether this gateway tells the time to that pod or gateway; never to itself."""
        return self.duty is None or (self.duty.answers and asker != self.core.id)

    def _now(self) -> Now:
        """Read the sanctuary clock, and only then the computer's own; see `Now`."""
        now_s = self._clock.now()
        return Now(now_s, self._boottime())

    def _handle(self, event: happened.GatewayEvent) -> None:
        self._do(self.core.handle(event, self._now()))

    def _keep(self, term: int) -> None:
        """Keep a term; without, a start of ours on a new broker may have to find out from the pods."""
        try:
            if self._keep_term is not None:
                self._keep_term(term)
        except SanctuaryError as error:
            if not self._term_unkept:
                _LOG.error("%s", error)
            self._term_unkept = True

    def _do(self, effects: list[GatewayEffect]) -> None:
        """Write first, then send: what is sent stands in the log, whatever becomes of this program."""
        records = [effect.record for effect in effects if isinstance(effect, Record)]
        for record in records:
            self.opened += isinstance(record, WindowRecord) and record.event == "opened"
            self._log.write(record)
        if records and any(isinstance(effect, Publish) for effect in effects):
            self._log.flush()
        for effect in effects:
            match effect:
                case Publish():
                    self._send(to_message(effect))
                case StoreTerm():
                    self._keep(effect.term)
                case WarnOperators():
                    _LOG.warning("%s", effect.text)
