"""A message as MQTT sees it, and the rules of MQTT 3.1.1 for topics and topic filters.

What a client tells about its link and its messages.

What a client is subscribed to: an immutable set of topic filters that knows what it matches.

What the network thread of a client tells the thread of its event loop.

What is said of a client's link: each trouble once, and once more when it is over; why there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

from paho.mqtt.client import topic_matches_sub

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.broker import look_closer
from sanctuary.pods.mqtt.refusals import Takeover, Trouble, advice

MAX_TOPIC_BYTES = 65_535
"""MQTT 3.1.1 clause 4.7.3."""

Qos = Literal[0, 1]
"""At most once, or at least once. Level 2 is left out: receivers tell duplicates by the id in the payload."""


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH, sent or received.

    Attributes
    ----------
    topic
        Topic name: 1 to 65 535 bytes of UTF-8 without wildcards.
    payload
        Opaque here.
    qos
        0 (at most once) or 1 (at least once).
    retain
        Sent: the broker keeps it for later subscribers. Received: it was kept.
    arrived_s
        Received: when, monotonic seconds, as early as this process knew.
    """

    topic: str
    payload: bytes
    qos: Qos = 1
    retain: bool = False
    arrived_s: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _check(self.topic, "topic")
        if "+" in self.topic or "#" in self.topic:
            raise ValueError(f"topic {self.topic[:120]!r}: wildcards belong into subscriptions")
        if self.qos not in (0, 1):
            raise ValueError(f"topic {self.topic[:120]!r}: QoS 0 or 1 expected, not {self.qos}")


def check_filter(topic_filter: str) -> None:
    """Refuse what is no topic filter (MQTT 3.1.1 clause 4.7.1).

    Raises
    ------
    ValueError
        Empty, too long, or a wildcard that does not fill its level or ``#`` before the last level.
    """
    _check(topic_filter, "topic filter")
    *parents, last = topic_filter.split("/")
    if any(("+" in level and level != "+") or "#" in level for level in parents) or (
        ("+" in last or "#" in last) and len(last) > 1
    ):
        raise ValueError(f"topic filter {topic_filter[:120]!r}: + fills a level, # fills the last one")


def _check(text: str, what: str) -> None:
    if not 1 <= len(text.encode()) <= MAX_TOPIC_BYTES or "\0" in text:
        raise ValueError(f"{what} {text[:120]!r}: 1 to {MAX_TOPIC_BYTES} bytes without NUL expected")


_MOST_REMEMBERED = 4096
"""Topics whose answer is kept; a sanctuary of 64 pods has some 600."""


class FilterSet:
    """Topic filters with their QoS. Never changes, so any thread may ask it.

    Parameters
    ----------
    filters
        Topic filter -> QoS of the subscription.
    """

    def __init__(self, filters: Mapping[str, Qos] = MappingProxyType({})) -> None:
        self._filters = dict(filters)
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._filters)

    def items(self) -> list[tuple[str, Qos]]:
        """All filters with their QoS, in the order in which they were added."""
        return list(self._filters.items())

    def matches(self, topic: str) -> bool:
        """Tell whether a message on `topic` is wanted."""
        known = self._known.get(topic)
        if known is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            known = any(topic_matches_sub(topic_filter, topic) for topic_filter in self._filters)
            self._known[topic] = known
        return known

    def adding(self, topic_filter: str, qos: Qos) -> FilterSet:
        """Make a set that has this filter too.

        Raises
        ------
        ValueError
            It is not a topic filter.
        """
        check_filter(topic_filter)
        return FilterSet({**self._filters, topic_filter: qos})

    def without(self, topic_filter: str) -> FilterSet:
        """Make a set that lacks this filter."""
        return FilterSet({name: qos for name, qos in self._filters.items() if name != topic_filter})


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
