"""What the network thread of a client tells the thread of its event loop."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.pods.wire.packets import Message
from sanctuary.pods.wire.refusals import Trouble

Token = tuple[int, int]
"""Connection and packet id under which a message was sent."""


@dataclass(frozen=True, slots=True)
class Connected:
    """CONNACK: messages may be sent on this connection."""

    connection: int
    session_present: bool
    subscribing: bool
    """Whether a `Subscribed` will follow."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is gone, or an attempt to make one failed; `reason` is for people."""

    reason: str
    trouble: Trouble = Trouble.OTHER


@dataclass(frozen=True, slots=True)
class Published:
    """The broker acknowledged a message; at QoS 0, it has left."""

    token: Token


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription."""

    granted: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message is there."""

    message: Message


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """A mistake of ours, or a packet that cannot be used; the link goes on."""

    where: str
    error: Exception


NetworkEvent = Connected | Disconnected | Published | Subscribed | Arrived | CallbackFailed
