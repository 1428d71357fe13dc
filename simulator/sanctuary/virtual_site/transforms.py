"""What a network does to messages on their way: each fault one transform, a list of them a network's quality.

A transform is given one hop and gives what becomes of it: nothing (lost), the same, a later one, several. It
draws from its own source of chance, and only where chance decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from typing import Protocol

from sanctuary.config.scenario_settings import WireSettings
from sanctuary.pods.mqtt.wire_client import MqttMessage


class Leg(Enum):
    """Which part of its way a message is on."""

    OUT = "from its client to the broker"
    IN = "from the broker to a subscriber"
    ARRIVAL = "into a subscriber, at the end of that way"


@dataclass(frozen=True, slots=True)
class Hop:
    """One message on one leg of its way.

    Attributes
    ----------
    client
        At the other end from the broker.
    due_s
        When the hop ends.
    in_order
        Whether it may not overtake what was sent to the same client before.
    """

    client: str
    message: MqttMessage
    due_s: float
    in_order: bool = True


class Transform(Protocol):
    """One thing that may befall a message.

    Attributes
    ----------
    legs
        The parts of the way on which it acts.
    """

    @property
    def legs(self) -> tuple[Leg, ...]: ...

    def __call__(self, hop: Hop, /) -> Iterable[Hop]:
        """Give what becomes of a hop on one of its `legs`."""


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
    legs = (Leg.IN,)

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        return () if self.topics(hop.message.topic) and self.rng.random() < self.share else (hop,)


@dataclass(frozen=True, eq=False)
class Duplicate:
    """Deliver a share of the messages twice."""

    share: float
    rng: Random
    legs = (Leg.IN,)

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        return (hop, hop) if self.rng.random() < self.share else (hop,)


@dataclass(frozen=True, eq=False)
class Delay:
    """Let every delivery on some topics take a time: the same for all, and an exponential one on top.

    Attributes
    ----------
    least_s, jitter_s
        The former, and the mean of the latter.
    """

    least_s: float
    jitter_s: float
    rng: Random
    topics: Topics = every_topic
    legs = (Leg.IN,)

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        if not self.topics(hop.message.topic):
            return (hop,)
        jitter_s = self.rng.expovariate(1.0 / self.jitter_s) if self.jitter_s else 0.0
        return (replace(hop, due_s=hop.due_s + self.least_s + jitter_s),)


@dataclass(frozen=True, eq=False)
class Reorder:
    """Let a share of the deliveries on some topics overtake others; to be seen, they need jitter."""

    share: float
    rng: Random
    topics: Topics = every_topic
    legs = (Leg.IN,)

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        if self.topics(hop.message.topic) and self.rng.random() < self.share:
            return (replace(hop, in_order=False),)
        return (hop,)


@dataclass(frozen=True, eq=False)
class Stall:
    """Hold everything to and from a client back; it goes on in order, all at once, as TCP does."""

    client: str
    until_s: float
    legs = (Leg.OUT, Leg.ARRIVAL)

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        return (replace(hop, due_s=max(hop.due_s, self.until_s)) if hop.client == self.client else hop,)


@dataclass(frozen=True, eq=False)
class OneWayLoss:
    """Lose everything that a client sends (`Leg.OUT`), or all that is for it (`Leg.ARRIVAL`)."""

    client: str
    leg: Leg

    @property
    def legs(self) -> tuple[Leg, ...]:
        return (self.leg,)

    def __call__(self, hop: Hop) -> Iterable[Hop]:
        return () if hop.client == self.client else (hop,)


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
