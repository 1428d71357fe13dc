"""From a core's wish to publish to a message on the wire, and what of it outlives a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nacl.signing import VerifyKey

from sanctuary.config.errors import InputError
from sanctuary.pods.effects import Publish
from sanctuary.pods.wire.envelope import Kind, unseal
from sanctuary.pods.wire.outbox import Outbox
from sanctuary.pods.wire.packets import Message

Send = Callable[[Message], object]
"""Hands a message to a client; does not wait for it to arrive."""


def to_message(effect: Publish) -> Message:
    """Write the effect as a message."""
    return Message(effect.topic, effect.payload, 1 if effect.qos else 0, effect.retain)


def unsealed(kind: Kind, message: Message, key: VerifyKey) -> Message:
    """Give a message without its signature, which is that of `key`.

    Raises
    ------
    ProtocolError
        As for `unseal`.
    """
    return replace(message, payload=unseal(kind, message.payload, key))


def open_outbox(data_dir: Path, pod: str) -> Outbox:
    """Open where a pod's lasting messages wait for the broker, ``outbox/POD.sqlite``.

    Raises
    ------
    InputError
        The folder cannot be made.
    BrokerError
        The file cannot be used.
    """
    folder = data_dir / "outbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    return Outbox(folder / f"{pod}.sqlite")
