"""The sanctuary clock at a gateway: one clock for the whole site, told to whoever asks.

The gateway that answers counts monotonic seconds from second 0. A gateway that does not answer follows the
one that does, and goes on from there when its turn comes. Second 0 is kept on disk until the night ends in
order, so that a gateway that crashes comes back to the same clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from sanctuary.config.errors import ProtocolError
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.pods.wire.clock import TimeSource, respond
from sanctuary.pods.wire.clock_follower import Cadence, ClockFollower
from sanctuary.pods.wire.packets import Message

Clock = Callable[[], float]

LONGEST_NIGHT_S = 16 * 3600.0
"""A clock kept on disk for longer than this is none of tonight's."""


class SanctuaryClock:
    """Seconds of the sanctuary at this gateway.

    Parameters
    ----------
    gateway, boot
        Of this gateway, and of this start of it.
    utc_s_at_zero
        UTC seconds at second 0.
    system
        Whether it goes by the computer's UTC, which chrony keeps, rather than by its monotonic clock.
    monotonic, utc
        The computer's clocks.
    """

    def __init__(
        self,
        gateway: str,
        boot: str,
        utc_s_at_zero: float,
        *,
        system: bool = False,
        cadence: Cadence | None = None,
        monotonic: Clock = time.monotonic,
        utc: Clock = time.time,
    ) -> None:
        self._gateway, self._boot, self._system = gateway, boot, system
        self._monotonic, self._utc = monotonic, utc
        self._utc_s_at_zero = utc_s_at_zero
        self._line = (0.0, utc() - utc_s_at_zero - monotonic(), 0.0)
        self._follower = ClockFollower(boot, cadence)
        self.uncertainty_s = 0.0
        """How far it may be off the clock of the gateway that answers; 0 where that is this one."""

    @property
    def source(self) -> TimeSource:
        """What this gateway says of itself."""
        return TimeSource(self._gateway, self._boot, self._utc_s_at_zero)

    @property
    def utc_s_at_zero(self) -> float:
        """UTC seconds at second 0."""
        return self._utc_s_at_zero

    def now(self) -> float:
        """Give the sanctuary clock; from any thread."""
        return self.at(self._monotonic())

    def at(self, monotonic_s: float) -> float:
        """Give what it was at a moment of the monotonic clock."""
        if self._system:
            return self._utc() - (self._monotonic() - monotonic_s) - self._utc_s_at_zero
        since_s, offset_s, rate = self._line
        return monotonic_s + offset_s + rate * (monotonic_s - since_s)

    def answer(self, message: Message) -> bytes:
        """Answer a time request, as the one gateway of the site that does.

        Raises
        ------
        ProtocolError
            Not a request.
        """
        now_s = self.now()
        arrived_s = now_s if message.arrived_s is None else self.at(message.arrived_s)
        return respond(message.payload, min(arrived_s, now_s), self.now(), self.source)

    def ask(self) -> bytes | None:
        """Write a request to the gateway that answers, if one is due."""
        return self._follower.ask(self._monotonic())

    def follow(self, message: Message) -> None:
        """Take its answer, and go by its clock from now on.

        Raises
        ------
        ProtocolError
            Not an answer to a request of this gateway, or its own.
        """
        arrived_s = self._monotonic() if message.arrived_s is None else message.arrived_s
        self._follower.take(message.payload, arrived_s)
        source, now_s = self._follower.source, self._monotonic()
        offset = self._follower.offset(now_s)
        if source is None or offset is None or source.boot == self._boot:
            raise ProtocolError(f"{self._gateway}: a time response that tells nothing")
        self._utc_s_at_zero = source.utc_s_at_zero
        self._line = (now_s, offset.offset_s, offset.rate)
        self.uncertainty_s = offset.uncertainty_s

    def lead(self) -> None:
        """Answer from now on: go on from where the followed clock stands, at this computer's own rate."""
        now_s = self._monotonic()
        self._line = (now_s, self.at(now_s) - now_s, 0.0)
        self._follower.hurry()
        self.uncertainty_s = 0.0

    @property
    def is_followed(self) -> bool:
        """Whether another gateway's clock is known well enough to go by it."""
        return self._follower.source is not None and self.uncertainty_s < inf


def open_clock(
    store: SiteStore, gateway: str, boot: str, *, system: bool, cadence: Cadence, utc: Clock = time.time
) -> SanctuaryClock:
    """Go on with the clock of a night that did not end in order, or begin one; it is kept from now on."""
    now_s = utc()
    zero_s = store.clock()
    if zero_s is None or not 0.0 <= now_s - zero_s < LONGEST_NIGHT_S:
        zero_s = now_s
    store.keep_clock(zero_s)
    return SanctuaryClock(gateway, boot, zero_s, system=system, cadence=cadence, utc=utc)
