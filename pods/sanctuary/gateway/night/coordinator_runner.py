"""The shell around the coordinator: messages in, commands and records out, and the time for whoever asks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sanctuary.config.errors import ProtocolError
from sanctuary.gateway.night.journal import Log
from sanctuary.gateway.night.sending import Send, to_message
from sanctuary.pods.coordinator import events as happened
from sanctuary.pods.coordinator.coordinator import Coordinator
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.clock import TimeSource, respond
from sanctuary.pods.wire.packets import Message
from sanctuary.pods.wire.topics import Channel

_LOG = logging.getLogger(__name__)

VIRTUAL = TimeSource("gateway", "virtual", 0.0)
"""Who answers in virtual time."""


class CoordinatorRunner:
    """One coordinator and everything around it.

    Parameters
    ----------
    now
        The sanctuary clock, asked once more just before a time request is answered.
    answer
        Answers a time request; by default, as virtual time does, whose clock is everybody's.

    Attributes
    ----------
    answers_time
        Whether this gateway's clock is the sanctuary's, so that it answers; one of a site does.
    """

    def __init__(
        self,
        site: str,
        coordinator: Coordinator,
        journal: Log,
        send: Send,
        now: Callable[[], float],
        answer: Callable[[Message], bytes] | None = None,
    ) -> None:
        self._site = site
        self._coordinator = coordinator
        self._journal = journal
        self._send = send
        self._now = now
        self._answer = answer
        self.answers_time = True
        self.opened = 0
        """Windows opened so far."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics that the coordinator listens to."""
        channels = (Channel.STATUS, Channel.STATE, Channel.EVENT, Channel.TIME_REQUEST)
        return tuple(topics.all_pods(self._site, channel) for channel in channels)

    @property
    def open_windows(self) -> tuple[str, ...]:
        """Windows proposed or open now."""
        return tuple(run.id for run in self._coordinator.windows)

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        self._handle(happened.Ticked(), now_s)

    def message(self, message: Message, now_s: float) -> None:
        """Take a message of one of the `subscriptions`."""
        try:
            topic = topics.parse(message.topic)
            match topic.channel:
                case Channel.STATUS:
                    self._handle(happened.PodStatusReceived(topic.pod, message.payload), now_s)
                case Channel.STATE:
                    self._handle(happened.PodStateReceived(topic.pod, message.payload), now_s)
                case Channel.EVENT if topic.leaf == "lease":
                    self._handle(happened.LeaseReceived(topic.pod, message.payload), now_s)
                case Channel.TIME_REQUEST if self.answers_time:
                    answer = self._time(message, now_s)
                    self._send(Message(topics.time_response(self._site, topic.pod), answer, 0))
        except ProtocolError as error:
            _LOG.debug("coordinator: %s", error)

    def _time(self, message: Message, now_s: float) -> bytes:
        if self._answer is not None:
            return self._answer(message)
        return respond(message.payload, now_s, self._now(), VIRTUAL)

    def _handle(self, event: happened.CoordinatorEvent, now_s: float) -> None:
        for effect in self._coordinator.handle(event, now_s):
            if isinstance(effect, Publish):
                self._send(to_message(effect))
            elif isinstance(effect, Record):
                self.opened += effect.record["kind"] == "window" and effect.record["event"] == "opened"
                self._journal.write(effect.record)
