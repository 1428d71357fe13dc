"""The shell around a gateway's core: messages in, commands and records out, and the time for whoever asks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.gateway.night.journal import Log
from sanctuary.gateway.night.sending import Send, to_message
from sanctuary.pods.coordinator import events as happened
from sanctuary.pods.coordinator.gateway import Gateway, GatewayEffect
from sanctuary.pods.coordinator.office import Now
from sanctuary.pods.coordinator.tenure_effects import Complain, KeepTerm
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.clock import TimeSource, respond
from sanctuary.pods.wire.envelope import Kind, seal_line
from sanctuary.pods.wire.link import LinkEvent, LinkUp
from sanctuary.pods.wire.packets import Message
from sanctuary.pods.wire.topics import Channel

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
        answer: Callable[[Message], bytes] | None = None,
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
    def will(self) -> Message:
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
        self._handle(happened.Ticked(), now_s)

    def on_link(self, event: LinkEvent) -> None:
        """Learn that the link came up or went down."""
        up = isinstance(event, LinkUp)
        self._handle(happened.LinkRestored() if up else happened.LinkLost(), self._now())

    def stop(self, now_s: float) -> None:
        """Close windows, give up all circles and take leave; before the client does."""
        self._do(self._gateway.stop(Now(now_s, self._alive())))

    def message(self, message: Message, now_s: float) -> None:
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
                    self._send(Message(topics.time_response(self._site, topic.pod), sealed, 0))
        except ProtocolError as error:
            _LOG.debug("coordinator: %s", error)

    def _time(self, message: Message, now_s: float) -> bytes:
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
            self.opened += record["kind"] == "window" and record["event"] == "opened"
            self._journal.write(record)
        if records and any(isinstance(effect, Publish) for effect in effects):
            self._journal.flush()
        for effect in effects:
            match effect:
                case Publish():
                    self._send(to_message(effect))
                case KeepTerm():
                    self._keep(effect.term)
                case Complain():
                    _LOG.warning("%s", effect.text)
