"""What must be true of messages: what is published (P8), and which commands are obeyed (P6).

No grant for signals exists yet; so nothing may be published that could carry them. Written against the
protocol's document, with none of its code: channels by their last words, fields by name, and no list of
numbers longer than the five probabilities of the stages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import inf
from typing import Any

from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.audit.invariants import Violation
from sanctuary.pods.audit.monitor import LogLine, Monitor

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
    """P8: what a pod or gateway publishes is one of the known messages, and never a signal."""

    def __init__(self) -> None:
        self._schemas: dict[str, str | None] = {}

    def check(self, sender: str, topic: str, payload: bytes, t_s: float) -> list[Violation]:
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


_UNCERTAINTY = re.compile(r"sure to ([0-9.]+|inf) s")
_ROUNDED_S = 1e-6
"""As the records round it."""


class CommandMonitor(Monitor):
    """P6: each command is obeyed at most once, before it expired, in the highest term of its circle so far.

    What a pod obeyed counts over its restarts too.
    """

    kinds = frozenset({"command"})

    def __init__(self, pod: str, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._obeyed: set[str] = set()
        self._terms: dict[str, int] = {}

    def push(self, line: LogLine) -> Iterator[Violation]:
        if not line["obeyed"]:
            return
        name, circle, term = f"{line['op']} {line['id']}", line.get("circle") or "", line["term"]
        if line["id"] in self._obeyed:
            yield self.broken("P6", line["t_s"], f"{name} obeyed twice")
        if line["expires_at_s"] is None or line["t_s"] >= line["expires_at_s"] + self.slack_s:
            yield self.broken("P6", line["t_s"], f"{name} obeyed after it expired")
        highest = self._terms.get(circle, -1)
        if term is None or term < highest:
            yield self.broken("P6", line["t_s"], f"{name} of term {term} obeyed in term {highest}")
        self._obeyed.add(line["id"])
        self._terms[circle] = max(highest, term if term is not None else -1)


class ClockMonitor(Monitor):
    """P6: a pod joins a window only by a clock that it measured lately, and surely enough."""

    kinds = frozenset({"pod", "pod_window"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._measured_s = -inf
        self._uncertainty_s = inf

    def push(self, line: LogLine) -> Iterator[Violation]:
        if line["kind"] == "pod":
            if line["event"] == "clock_measured":
                told = _UNCERTAINTY.search(line["detail"])
                self._measured_s = line["t_s"]
                self._uncertainty_s = float(told[1]) if told else inf
            elif line["event"] in ("booted", "clock_doubted"):
                self._measured_s, self._uncertainty_s = -inf, inf
        elif line["event"] == "opened":
            settings, age_s = self._settings, line["t_s"] - self._measured_s
            unsure = self._uncertainty_s > settings.clock_uncertainty_limit_s + _ROUNDED_S
            if unsure or age_s >= settings.clock_age_limit_s + self.slack_s:
                text = f"joined {line['window']} by a clock sure to {self._uncertainty_s:.3f} s only"
                yield self.broken("P6", line["t_s"], text)
