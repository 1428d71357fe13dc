"""What a network does to messages on their way: each fault one transform, a list of them a network's quality.

A transform is given one hop and gives what becomes of it: nothing (lost), the same, a later one, several. It
draws from its own source of chance, and only where chance decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from sanctuary.config.scenario_settings import WireSettings
from sanctuary.pods.mqtt.wire_client import MqttMessage


class Leg(Enum):
    """Which part of its way a message is on."""

    OUT = "from its client to the broker"
    IN = "from the broker to a subscriber"
    ARRIVAL = "into a subscriber, at the end of that way"


@dataclass(frozen=True, slots=True)
class Hop:
    """One message on one leg.

    Attributes
    ----------
    client
        At the other end from the broker.
    due_s
        When the hop ends.
    in_order
        Whether it may not overtake what was sent to the same client before.
    """

    leg: Leg
    client: str
    message: MqttMessage
    due_s: float
    in_order: bool = True

    def later(self, by_s: float) -> Hop:
        return Hop(self.leg, self.client, self.message, self.due_s + by_s, self.in_order)


Transform = Callable[[Hop], Iterable[Hop]]
Tap = Callable[[str, MqttMessage], None]
"""Called with a client's id and a message that it hands over."""
Topics = Callable[[str], bool]


def every_topic(_topic: str) -> bool:
    return True


@dataclass(frozen=True, eq=False)
class Loss:
    """Lose a share of the deliveries on some topics."""

    share: float
    rng: Random
    topics: Topics = every_topic

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        applies = hop.leg is Leg.IN and self.topics(hop.message.topic)
        return () if applies and self.rng.random() < self.share else (hop,)


@dataclass(frozen=True, eq=False)
class Duplicate:
    """Deliver a share of the messages twice."""

    share: float
    rng: Random

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        return (hop, hop) if hop.leg is Leg.IN and self.rng.random() < self.share else (hop,)


@dataclass(frozen=True, eq=False)
class Delay:
    """Let every delivery take a time: the same for all, and an exponential one on top.

    Attributes
    ----------
    least_s, jitter_s
        The former, and the mean of the latter.
    """

    least_s: float
    jitter_s: float
    rng: Random

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        if hop.leg is not Leg.IN:
            return (hop,)
        later = hop.later(self.least_s)
        return (later.later(self.rng.expovariate(1.0 / self.jitter_s)) if self.jitter_s else later,)


@dataclass(frozen=True, eq=False)
class Reorder:
    """Let a share of the deliveries on some topics overtake others; to be seen, they need jitter."""

    share: float
    rng: Random
    topics: Topics = every_topic

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        applies = hop.leg is Leg.IN and self.topics(hop.message.topic)
        return (replace(hop, in_order=False),) if applies and self.rng.random() < self.share else (hop,)


@dataclass(frozen=True, eq=False)
class Stall:
    """Hold everything to and from a client back; it goes on in order, all at once, as TCP does."""

    client: str
    until_s: float

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        if hop.client != self.client or hop.leg is Leg.IN or hop.due_s >= self.until_s:
            return (hop,)
        return (replace(hop, due_s=self.until_s),)


@dataclass(frozen=True, eq=False)
class OneWayLoss:
    """Lose everything that a client sends (`Leg.OUT`), or all that is for it (`Leg.ARRIVAL`)."""

    client: str
    leg: Leg

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        return () if hop.client == self.client and hop.leg is self.leg else (hop,)


def network_quality(settings: WireSettings, rng: Random) -> list[Transform]:
    """Make the transforms that these settings ask for."""
    found: list[Transform] = []
    if settings.loss:
        found.append(Loss(settings.loss, rng))
    if settings.repeat:
        found.append(Duplicate(settings.repeat, rng))
    found.append(Delay(settings.delay_s, settings.jitter_s, rng))
    if settings.reorder:
        found.append(Reorder(settings.reorder, rng))
    return found
