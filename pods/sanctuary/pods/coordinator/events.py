"""What reaches a gateway, in the past tense. Payloads are as received; names are those in the topic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodStateReceived:
    """A snapshot came on ``up/state``, perhaps an old retained one."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class PodStatusReceived:
    """A pod came or went; the broker sends the latter on its behalf when it dies."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LeaseReceived:
    """A signed lease came on ``up/event/lease``."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """A pod says on ``up/reply`` what it did with a command, perhaps one of another gateway."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed. The shell ticks at least once a second, better four times."""


CoordinatorEvent = PodStateReceived | PodStatusReceived | LeaseReceived | ReplyReceived | Ticked


@dataclass(frozen=True, slots=True)
class ClaimReceived:
    """A signed claim to a circle came, perhaps an old retained one, perhaps our own come back."""

    circle: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class GatewayStatusReceived:
    """A gateway came or went; the broker says the latter on its behalf when it dies."""

    gateway: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The broker is gone."""


@dataclass(frozen=True, slots=True)
class LinkRestored:
    """The broker is there, and every subscription in force."""


@dataclass(frozen=True, slots=True)
class MessagesLost:
    """Messages were given up before they were read; a claim may have been among them."""


TenureEvent = ClaimReceived | GatewayStatusReceived | LinkLost | LinkRestored | MessagesLost
GatewayEvent = CoordinatorEvent | TenureEvent
