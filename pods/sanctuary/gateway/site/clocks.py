"""How a pod's shell knows the sanctuary clock: as the house's own, or followed from a clock of its own.

`PodTime` is what a `PodShell` needs; what runs in real time also needs to be told the time (`LiveTime`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from sanctuary.config.site_settings import ClockSettings
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK, HostClock, SteadySeconds
from sanctuary.pods.clock.exchange import SPARSE, Cadence, ClockFollower, TimeSource
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod.events import ClockMeasured

OwnClock = Callable[[float], float]
"""From this computer's monotonic seconds to those of the clock that is compared."""


class PodTime(Protocol):
    """Asks for the sanctuary clock and says how well it is known."""

    def ask(self, now_s: float) -> bytes | None:
        """Write a time request if one is due; `now_s` as the pod knows the sanctuary clock."""

    def on_answer(self, message: MqttMessage, now_s: float) -> None:
        """Measure by an answer; raises `ProtocolError` where it is none."""

    def news(self, now_s: float) -> ClockMeasured | None:
        """Give what was measured since the last time."""

    def hurry(self) -> None:
        """Measure afresh: the link is back."""

    def doubt(self) -> None:
        """Trust nothing that was measured, and measure afresh: something contradicts it."""

    @property
    def in_burst(self) -> bool:
        """Whether `ask` is wanted often."""

    def ask_in_s(self, now_s: float) -> float:
        """Say in how many seconds `ask` has a request to write; not above 0 where it has one now."""


class LiveTime(Protocol):
    """The sanctuary clock in real time; from any thread."""

    def now(self) -> float:
        """Give the sanctuary clock."""

    def at(self, monotonic_s: float) -> float:
        """Give what the sanctuary clock was at a moment of this computer's monotonic clock."""


def cadence_of(settings: ClockSettings) -> Cadence:
    """How often a night in real time asks."""
    return Cadence(settings.burst, every_s=settings.every_s, enough=min(settings.burst, 4))


class AskedTime:
    """What both ways of knowing the time share: a follower that asks, by a clock that its owner gives."""

    def __init__(self, boot: str, cadence: Cadence) -> None:
        self._follower = ClockFollower(boot, cadence)

    def hurry(self) -> None:
        self._follower.hurry()

    def doubt(self) -> None:
        self._follower.doubt()

    @property
    def in_burst(self) -> bool:
        return self._follower.in_burst


class MeasuredTime(AskedTime):
    """A pod whose clock is the sanctuary clock by construction: exchanges only prove it.

    Parameters
    ----------
    boot, cadence
        As for `ClockFollower`.
    own
        The clock that is proved; None where time is simulated, and is whatever the caller says.
    clock
        The computer's clocks.
    """

    def __init__(
        self,
        boot: str,
        cadence: Cadence = SPARSE,
        own: OwnClock | None = None,
        *,
        clock: HostClock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(boot, cadence)
        self._own, self._clock = own, clock
        self._fresh = False

    def ask(self, now_s: float) -> bytes | None:
        return self._follower.ask(self._own_s(None, now_s))

    def ask_in_s(self, now_s: float) -> float:
        return self._follower.ask_in_s(self._own_s(None, now_s))

    def on_answer(self, message: MqttMessage, now_s: float) -> None:
        self._follower.take(message.payload, self._own_s(message.arrived_s, now_s))
        self._fresh = True

    def news(self, now_s: float) -> ClockMeasured | None:
        """Give what was measured since the last time; what the clock is off counts as uncertainty."""
        offset = self._follower.offset(self._own_s(None, now_s)) if self._fresh else None
        self._fresh = False
        if offset is None:
            return None
        apart_s = abs(offset.offset_s) if self._own is not None else 0.0
        return ClockMeasured(offset.offset_s, apart_s + offset.uncertainty_s, offset.growth)

    def _own_s(self, monotonic_s: float | None, now_s: float) -> float:
        if self._own is None:
            return now_s
        return self._own(self._clock.monotonic_s() if monotonic_s is None else monotonic_s)


@dataclass(frozen=True, slots=True)
class _Line:
    """The sanctuary clock as a straight line over the own clock, until the next exchange."""

    own_s: float
    offset_s: float
    rate: float

    def at(self, own_s: float) -> float:
        return own_s + self.offset_s + self.rate * (own_s - self.own_s)


class FollowedTime(AskedTime):
    """A pod with a clock of its own, which follows the sanctuary clock over MQTT.

    Parameters
    ----------
    boot, cadence
        As for `ClockFollower`.
    own
        The pod's own clock; by default one that goes on while the computer sleeps.
    clock
        The computer's clocks.
    """

    def __init__(
        self,
        boot: str,
        cadence: Cadence,
        own: OwnClock | None = None,
        *,
        clock: HostClock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(boot, cadence)
        self._clock = clock
        self._own = own or SteadySeconds(clock)
        self._line: _Line | None = None
        self._news: ClockMeasured | None = None

    @property
    def source(self) -> TimeSource | None:
        """Whose clock is followed; None before it is known."""
        return self._follower.source if self._line is not None else None

    def now(self) -> float:
        """Give the sanctuary clock; raises `LookupError` before it is known."""
        return self.at(self._clock.monotonic_s())

    def at(self, monotonic_s: float) -> float:
        if self._line is None:
            raise LookupError("the sanctuary clock is not known yet")
        return self._line.at(self._own(monotonic_s))

    def ask(self, _now_s: float = 0.0) -> bytes | None:
        return self._follower.ask(self._own_s())

    def ask_in_s(self, _now_s: float = 0.0) -> float:
        return self._follower.ask_in_s(self._own_s())

    def on_answer(self, message: MqttMessage, _now_s: float = 0.0) -> None:
        """Measure by an answer, and go by what it says from now on."""
        own_s = self._own_s()
        arrived_s = own_s if message.arrived_s is None else self._own(message.arrived_s)
        self._follower.take(message.payload, arrived_s)
        offset = self._follower.offset(own_s)
        if offset is not None:
            self._line = _Line(own_s, offset.offset_s, offset.rate)
            self._news = ClockMeasured(offset.offset_s, offset.uncertainty_s, offset.growth)

    @property
    def is_known(self) -> bool:
        """Whether enough exchanges were made to go by it."""
        return self._line is not None and self.uncertainty_s < inf

    @property
    def uncertainty_s(self) -> float:
        """How far off it may be now; infinite before it is known."""
        offset = self._follower.offset(self._own_s())
        return inf if offset is None else offset.uncertainty_s

    def news(self, _now_s: float = 0.0) -> ClockMeasured | None:
        news, self._news = self._news, None
        return news

    def _own_s(self) -> float:
        return self._own(self._clock.monotonic_s())
