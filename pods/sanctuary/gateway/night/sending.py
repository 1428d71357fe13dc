"""From a core's wish to publish to a message on the wire."""

from __future__ import annotations

from collections.abc import Callable

from sanctuary.pods.effects import Publish
from sanctuary.pods.wire.packets import Message

Send = Callable[[Message], object]
"""Hands a message to a client; does not wait for it to arrive."""


def to_message(effect: Publish) -> Message:
    """Write the effect as a message."""
    return Message(effect.topic, effect.payload, 1 if effect.qos else 0, effect.retain)
