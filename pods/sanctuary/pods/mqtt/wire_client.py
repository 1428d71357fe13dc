"""One interface to a broker, and what passes through it: messages, topic filters, link events.

Two things implement `WireClient`: `sanctuary.pods.mqtt.client.MqttClient` on a real broker, and
`sanctuary.virtual_site.virtual_network.VirtualClient` in virtual time. Topics and filters are those of
MQTT 3.1.1, clause 4.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from paho.mqtt.client import topic_matches_sub

from sanctuary.pods.protocol.topics import Qos

MAX_TOPIC_BYTES = 65_535
"""MQTT 3.1.1 clause 4.7.3."""


@dataclass(frozen=True, slots=True)
class MqttMessage:
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
    """The broker went away, refused this client, or fell silent; `reason` is for people and logs."""

    reason: str


LinkEvent = LinkUp | LinkDown
OnLink = Callable[[LinkEvent], None]
OnMessage = Callable[[MqttMessage], None]


class WireClient(Protocol):
    """A client of a broker.

    It is made with its id, its last will (published by the broker if the client dies), and two callbacks:
    `OnLink` for each change of the link, `OnMessage` for each message received, in order of arrival. Both
    are called in the loop of the one who made it, never from within `publish` or `subscribe`.
    """

    @property
    def client_id(self) -> str:
        """Unique at the broker, and stable over restarts."""

    @property
    def is_connected(self) -> bool:
        """Whether the link is up and every subscription in force."""

    @property
    def dropped(self) -> int:
        """Messages received and given up unread, because too many waited."""

    def publish(self, message: MqttMessage, /) -> object:
        """Send a message; returns at once. What is returned need not be looked at."""

    def subscribe(self, *topic_filters: str) -> object:
        """Subscribe with QoS 1, for this and every later connection.

        Raises
        ------
        ValueError
            One is not a topic filter.
        """


class FilterSet:
    """The topic filters of a client. Never changes, so any thread may ask it."""

    _MOST_REMEMBERED = 4096
    """Topics whose answer is kept; a sanctuary of 64 pods has some 600."""

    def __init__(self, topic_filters: Iterable[str] = ()) -> None:
        self._filters = tuple(dict.fromkeys(topic_filters))
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._filters)

    def __iter__(self) -> Iterator[str]:
        """Give all filters, in the order in which they were added."""
        return iter(self._filters)

    def matches(self, topic: str) -> bool:
        """Tell whether a message on `topic` is wanted."""
        known = self._known.get(topic)
        if known is None:
            if len(self._known) >= self._MOST_REMEMBERED:
                self._known.clear()
            known = self._known[topic] = any(topic_matches_sub(name, topic) for name in self._filters)
        return known

    def adding(self, *topic_filters: str) -> FilterSet:
        """Make a set that has these filters too.

        Raises
        ------
        ValueError
            One is not a topic filter.
        """
        for topic_filter in topic_filters:
            check_filter(topic_filter)
        return FilterSet((*self._filters, *topic_filters))

    def without(self, *topic_filters: str) -> FilterSet:
        """Make a set that lacks these filters."""
        return FilterSet(name for name in self._filters if name not in topic_filters)


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
