"""What a client tells about its link and its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sanctuary.pods.wire.filters import FilterSet
from sanctuary.pods.wire.packets import Message


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker answered, and every subscription is in force.

    Attributes
    ----------
    session_present
        The broker still knew this client; if not, what was sent while it was away is lost.
    """

    session_present: bool


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The broker went away, refused this client, or fell silent.

    Attributes
    ----------
    reason
        For people and logs.
    """

    reason: str


LinkEvent = LinkUp | LinkDown


class WireObserver(Protocol):
    """Sees every message of a client go and come; how the delivery barrier knows what is still on its way.

    Called by the network thread of a client or by the thread of its event loop; none may block or raise.
    """

    def subscribed(self, client_id: str, filters: FilterSet, fresh: FilterSet) -> None:
        """See all subscriptions that are in force from now on, and those that the broker granted just now."""

    def sending(self, client_id: str, message: Message) -> None:
        """See a message that is handed to the link, once per attempt, before it can arrive anywhere."""

    def acknowledged(self, client_id: str, message: Message) -> None:
        """See that the broker has a message that was sent; for QoS 0, that it has left."""

    def received(self, client_id: str, message: Message) -> None:
        """See a message that has been put into the client's inbox."""

    def lost(self, client_id: str) -> None:
        """See that the link is gone: nothing more arrives or is acknowledged on it."""

    def dying(self, client_id: str, will: Message | None) -> None:
        """See that the client is about to die on purpose: the broker will publish its last will."""
