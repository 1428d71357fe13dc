"""What a monitor of one rule is, and the log lines that it is given.

Monitors see one record at a time and report at once; rules that wait, such as silence within a second, hold
a deadline that time trips.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any, ClassVar

from sanctuary.pods.audit.invariants import Violation

LogLine = Mapping[str, Any]
"""A record of `sanctuary.pods.protocol.records`, perhaps read back from a file."""

TICK_S = 1.0
"""Within this time (seconds) a pod acts on what time alone brings about (P4)."""
ROUNDING_S = 1e-6
"""Times that differ by less are equal."""
COORDINATOR_KINDS = frozenset({"window", "lease", "coordinator", "refused_message", "leadership", "clock"})
"""Records of gateways, and of a computer's clock; all others are of pods."""


class Monitor(ABC):
    """Checks one rule at one pod, window or circle.

    Attributes
    ----------
    kinds
        Records that it is given.
    due_s
        The moment after which `advance` must be called, because waiting longer breaks the rule; infinite
        while there is none.
    """

    kinds: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, subject: str, slack_s: float = 0.0) -> None:
        self.subject = subject
        self.slack_s = ROUNDING_S + slack_s
        self.due_s = inf

    @abstractmethod
    def push(self, line: LogLine) -> Iterable[Violation]:
        """Check the next record of one of `kinds`."""

    def advance(self, t_s: float) -> Iterable[Violation]:  # noqa: ARG002  most rules wait for nothing
        """Check what is due at `t_s`; all that was written of the time before has been pushed."""
        return ()

    def broken(self, rule: str, t_s: float, text: str) -> Violation:
        """Report something about the subject."""
        return Violation(rule, t_s, self.subject, text)


def step_of(line: LogLine) -> str:
    """Name the step that a cue or output record is about."""
    return f"step {line['step']} of {line['window']}"


def upgraded(line: LogLine) -> LogLine:
    """Give a record of an older version of the log as the newest version has it."""
    if line["kind"] != "tenure":
        return line
    event = "leading" if line["event"] == "holding" else line["event"]
    reason = "unconfirmed" if line["reason"] == "no_echo" else line["reason"]
    changes = {"kind": "leadership", "schema": "gateway.leadership.v2", "event": event, "reason": reason}
    return {**line, **changes}


def in_order(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Put the records of several writers into the order of time; those of one writer stay as written."""
    latest_s: dict[str, float] = {}
    keyed: list[tuple[float, int, LogLine]] = []
    for number, line in enumerate(map(upgraded, lines)):
        writer = line.get("gateway", "") if line["kind"] in COORDINATOR_KINDS else f"pod {line['pod']}"
        latest_s[writer] = t_s = max(latest_s.get(writer, -inf), line["t_s"])
        keyed.append((t_s, number, line))
    keyed.sort(key=lambda one: one[:2])
    for _, _, line in keyed:
        yield line
