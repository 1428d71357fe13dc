"""Which gateway tells the time: one does, the others go by its clock and go on with it when it dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site import SiteSettings
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.sanctuary_clock import SanctuaryClock
from sanctuary.gateway.night.sending import Send, unsealed
from sanctuary.gateway.night.steady import alive_s
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.coordinator.office import Now
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.envelope import Kind
from sanctuary.pods.wire.packets import Message

_LOG = logging.getLogger(__name__)

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
            others = self._core.tenure.others(Now(self._clock.now(), alive_s()))
            if any(gateway in self._before for gateway in others):
                self._runner.answers_time = False
                self._patient_until_s = now_s + PATIENCE_S + self._rank
            return
        request = self._clock.ask()
        if request is not None:
            self._send(Message(self._topic, request, 0))
        if now_s >= self._patient_until_s:
            self._clock.lead()
            self._runner.answers_time = True

    def take(self, message: Message) -> None:
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
