"""The logs of a night, one record at a time, and what a monitor of them is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

LogLine = Mapping[str, Any]
"""A record of `sanctuary.pods.logs`, perhaps read back from a file."""

TICK_S = 1.0
"""Within this time a pod acts on what time alone brings about (P4)."""
ROUNDING_S = 1e-6
"""Times that differ by less are equal."""
COORDINATOR_KINDS = frozenset({"window", "lease", "coordinator", "refused_message", "tenure", "clock"})
"""Records of gateways, and of a computer's clock; all others are of pods."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that the logs show broken.

    Attributes
    ----------
    rule
        ``P1`` to ``P8``, ``C1`` to ``C4``.
    t_s
        When, sanctuary clock.
    subject
        The pod, window or circle.
    """

    rule: str
    t_s: float
    subject: str
    text: str


class Monitor(ABC):
    """Watches one rule at one pod, window or circle.

    Attributes
    ----------
    kinds
        Records that it wants.
    due_s
        The moment after which `passed` must be called, because waiting longer breaks the rule; infinite while
        there is none.
    """

    kinds: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, subject: str, slack_s: float = 0.0) -> None:
        self.subject = subject
        self.slack_s = ROUNDING_S + slack_s
        self.due_s = inf

    @abstractmethod
    def take(self, line: LogLine) -> Iterable[Violation]:
        """Take the next record of one of `kinds`."""

    def passed(self, t_s: float) -> Iterable[Violation]:  # noqa: ARG002  most rules wait for nothing
        """Hear that time has come to `t_s`, and that nothing more will be written of the time before."""
        return ()

    def broken(self, rule: str, t_s: float, text: str) -> Violation:
        """Report something about the subject."""
        return Violation(rule, t_s, self.subject, text)


def in_order(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Put the records of several writers into the order of time; those of one writer stay as written."""
    latest_s: dict[str, float] = {}
    keyed: list[tuple[float, int, LogLine]] = []
    for number, line in enumerate(lines):
        writer = line.get("gateway", "") if line["kind"] in COORDINATOR_KINDS else f"pod {line['pod']}"
        latest_s[writer] = t_s = max(latest_s.get(writer, -inf), line["t_s"])
        keyed.append((t_s, number, line))
    keyed.sort(key=lambda one: one[:2])
    for _, _, line in keyed:
        yield line
