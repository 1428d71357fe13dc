"""What the network thread of a client tells the thread of its event loop; who may watch its messages.

What is said of a client's link: each trouble once, and once more when it is over; why there is none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.broker import look_closer
from sanctuary.pods.mqtt.refusals import Takeover, Trouble, advice
from sanctuary.pods.mqtt.wire_client import FilterSet, MqttMessage


class WireObserver(Protocol):
    """Sees every message of a client go and come; how the delivery barrier knows what is still on its way.

    Called by the network thread of a client or by the thread of its event loop; none may block or raise.
    """

    def subscribed(self, client_id: str, filters: FilterSet, fresh: FilterSet) -> None:
        """See all subscriptions that are in force from now on, and those that the broker granted just now."""

    def sending(self, client_id: str, message: MqttMessage) -> None:
        """See a message that is handed to the link, once per attempt, before it can arrive anywhere."""

    def acknowledged(self, client_id: str, message: MqttMessage) -> None:
        """See that the broker has a message that was sent; for QoS 0, that it has left."""

    def received(self, client_id: str, message: MqttMessage) -> None:
        """See a message that has been put into the client's inbox."""

    def lost(self, client_id: str) -> None:
        """See that the link is gone: nothing more arrives or is acknowledged on it."""

    def dying(self, client_id: str, will: MqttMessage | None) -> None:
        """See that the client is about to die on purpose: the broker will publish its last will."""


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

    message: MqttMessage


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """A mistake of ours, or a packet that cannot be used; the link goes on."""

    where: str
    error: Exception


NetworkEvent = Connected | Disconnected | Published | Subscribed | Arrived | CallbackFailed


LOOK_S = 2.0
"""How long it may take to find out what listens at a port that let nobody in."""
_SEE_LOG = "see the broker's log"


class LinkNews:
    """Knows how one client's link stands, and tells people. All times are monotonic seconds.

    Parameters
    ----------
    client_id, host, port, settings
        Of the client.
    log
        Where it is told.
    """

    def __init__(
        self, client_id: str, host: str, port: int, settings: BrokerSettings, log: logging.Logger
    ) -> None:
        self._client_id, self._settings, self._log = client_id, settings, log
        self._host, self._port = host, port
        self._trouble = Trouble.SILENT
        self._takeover = Takeover()
        self._told = set[str]()
        self.reason = "no answer yet"
        """Why there is no link, or was none."""

    @property
    def place(self) -> str:
        """Where the broker is."""
        return f"{self._host}:{self._port}"

    def let_in(self, now_s: float) -> None:
        """Hear that the broker let the client in."""
        self._takeover.up(now_s)

    def up(self) -> None:
        """Hear that every subscription is in force."""
        if "down" in self._told and not self._takeover.suspected:
            self._told.discard("down")
            self._log.warning("%s: link to %s restored", self._client_id, self.place)

    def down(self, event: Disconnected, now_s: float) -> None:
        """Hear that there is no link."""
        self._trouble, self.reason = event.trouble, event.reason
        if event.trouble is Trouble.GONE:
            self._takeover.down(now_s)
        if self._takeover.suspected and event.trouble is Trouble.GONE:
            self.reason = f"another program connects as {self._client_id}, and each pushes the other out"
            self.tell(
                "taken", f"{self.reason}: does a second Sanctuary use a copy of this data folder? End it"
            )
        todo = advice(event.trouble, self._settings)
        self.tell(
            "down", f"no link to {self.place} ({self.reason}); {todo + '; ' if todo else ''}trying again"
        )

    def time_passed(self, now_s: float) -> None:
        """See whether a link has held for a while; wanted about once a second."""
        if self._takeover.has_ended(now_s):
            self._told -= {"taken", "down"}
            self._log.warning("%s: the link to %s holds again", self._client_id, self.place)

    def tell(self, what: str, text: str) -> None:
        """Log a trouble once."""
        if what not in self._told:
            self._told.add(what)
            self._log.warning("%s: %s", self._client_id, text)

    async def why_not(self, patience_s: float) -> str:
        """Say that no link came about in `patience_s`, what stood in the way, and what to do."""
        tls = self._settings.tls_ca_file is not None
        trouble = await look_closer(self._trouble, self._host, self._port, min(patience_s, LOOK_S), tls=tls)
        return (
            f"{self._client_id}: no link to the MQTT broker at {self.place} within {patience_s:g} s "
            f"({self.reason}); {advice(trouble, self._settings) or _SEE_LOG}"
        )
