"""P8: what goes over the wire is one of the known messages, and never a signal.

No grant for signals exists yet; so nothing may be published that could carry them. Written against the
protocol's document, with none of its code: channels by their last words, fields by name, and no list of
numbers longer than the five probabilities of the stages.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sanctuary.pods.audit.night import Violation

MOST_BYTES = 8192
MOST_NUMBERS = 8
"""A list of more is no stage probability; a second of EEG has 250."""
LONGEST_TEXT = 256
"""A signature has 88 characters, a consent entry goes by its own channel."""

_CHANNELS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"sanctuary/v1/[a-z0-9-]+/{tail}"), schema)
    for tail, schema in (
        (r"pods/[a-z0-9-]+/up/status", "pod.status.v1"),
        (r"pods/[a-z0-9-]+/up/state", "pod.state.v1"),
        (r"pods/[a-z0-9-]+/up/event/lease", "pod.lease.v1"),
        (r"pods/[a-z0-9-]+/up/event/eye-signal", "pod.eye_signal.v1"),
        (r"pods/[a-z0-9-]+/up/reply", "pod.reply.v1"),
        (r"pods/[a-z0-9-]+/down/cmd", "pod.command.v1"),
        (r"all/cmd", "pod.command.v1"),
        (r"time/req/[a-z0-9-]+", "time.request.v1"),
        (r"time/rsp/[a-z0-9-]+", "time.response.v1"),
        (r"circles/[a-z0-9-]+/claim", "gateway.claim.v1"),
        (r"gateways/[a-z0-9-]+/status", "gateway.status.v1"),
    )
)


class WireMonitor:
    """Looks at every message that a pod or gateway publishes."""

    def __init__(self) -> None:
        self._schemas: dict[str, str | None] = {}

    def published(self, sender: str, topic: str, payload: bytes, t_s: float) -> list[Violation]:
        """Judge one message."""
        fault = self._fault(topic, payload)
        return [Violation("P8", t_s, sender, f"{topic}: {fault}")] if fault else []

    def _fault(self, topic: str, payload: bytes) -> str:
        if topic not in self._schemas:
            found = [schema for pattern, schema in _CHANNELS if pattern.fullmatch(topic)]
            self._schemas[topic] = found[0] if found else None
        schema = self._schemas[topic]
        if schema is None:
            return "a channel for signals" if "/signal" in topic else "no channel of this protocol"
        if len(payload) > MOST_BYTES:
            return f"{len(payload)} bytes"
        if not payload:
            return ""
        try:
            content = json.loads(payload.partition(b"\n")[0])
        except ValueError:
            return "neither JSON nor empty"
        if not isinstance(content, dict) or content.get("schema") != schema:
            return f"not of schema {schema}"
        return _could_be_signal(content)


def _could_be_signal(value: Any) -> str:
    if isinstance(value, dict):
        return next((fault for one in value.values() if (fault := _could_be_signal(one))), "")
    if isinstance(value, list):
        numbers = sum(isinstance(one, int | float) for one in value)
        if numbers > MOST_NUMBERS:
            return f"a list of {numbers} numbers"
        return next((fault for one in value if (fault := _could_be_signal(one))), "")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"a text of {len(value)} characters"
    return ""
