"""A message as MQTT sees it, and the rules of MQTT 3.1.1 for topics and topic filters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
