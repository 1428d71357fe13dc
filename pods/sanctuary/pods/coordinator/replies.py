"""What pods say that cannot be used, and replies of a pod that knows a higher term."""

from __future__ import annotations

from typing import Literal

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.effects import Record
from sanctuary.pods.pod.commands import CommandReason
from sanctuary.pods.protocol.messages import Reply, read

_OLD_TERM = CommandReason.OLD_TERM.encode()


def refuses_term(pod: str, payload: bytes) -> str | None:
    """Give the id of the command that `pod` refused because it knows a higher term; None for other replies.

    Raises
    ------
    ProtocolError
        Malformed, or speaks for another pod.
    """
    if _OLD_TERM not in payload:
        return None
    reply = read(Reply, payload)
    if reply.pod != pod:
        raise ProtocolError(f"reply of {pod}: speaks for {reply.pod}")
    return reply.command if reply.reason == CommandReason.OLD_TERM else None


def refused(
    pod: str, about: Literal["state", "status", "reply", "eye_signal"], reason: str, now_s: float
) -> Record:
    """Describe a message that cannot be used."""
    return Record({"kind": "refused_message", "t_s": now_s, "pod": pod, "about": about, "reason": reason})
