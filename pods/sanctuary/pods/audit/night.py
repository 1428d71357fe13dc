"""The logs of a night, sorted by pod and window, for the checks to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LogLine = Mapping[str, Any]
"""A record of `sanctuary.pods.logs`, perhaps read back from a file."""

TICK_S = 1.0
"""Within this time a pod acts on what time alone brings about (P4)."""
ROUNDING_S = 1e-6
"""Times that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that the logs show broken.

    Attributes
    ----------
    rule
        ``P1`` to ``P7``, ``C1`` or ``C4``.
    t_s
        When, sanctuary clock.
    subject
        The pod or window.
    """

    rule: str
    t_s: float
    subject: str
    text: str


@dataclass
class PodNight:
    """Everything one pod wrote, in its own order."""

    pod: str
    lines: list[LogLine] = field(default_factory=list)
    _by_kind: dict[str, list[LogLine]] = field(default_factory=dict)

    def take(self, line: LogLine) -> None:
        """Add the next record."""
        self.lines.append(line)
        self._by_kind.setdefault(line["kind"], []).append(line)

    def of(self, kind: str) -> list[LogLine]:
        """Give the records of one kind; many windows ask, so they lie ready."""
        return self._by_kind.get(kind, [])

    @property
    def rendered(self) -> list[LogLine]:
        """Give the cues that sounded, as the cue log has them."""
        return [line for line in self.of("cue") if line["outcome"] == "rendered"]

    def violation(self, rule: str, t_s: float, text: str) -> Violation:
        """Report something about this pod."""
        return Violation(rule, t_s, self.pod, text)


@dataclass
class Night:
    """All logs of a night."""

    pods: dict[str, PodNight]
    windows: dict[str, list[LogLine]]
    """The coordinator's window records, by window."""
    leases: dict[str, list[LogLine]]
    """The coordinator's lease records, by window."""
    end_s: float
    """Time of the last record of all."""
    died_s: dict[int, float] = field(default_factory=dict)
    """When coordinators died, by term."""


def sort_night(lines: Iterable[LogLine]) -> Night:
    """Sort records; those of one writer must come in the order in which they were written."""
    pods: dict[str, PodNight] = {}
    windows: dict[str, list[LogLine]] = defaultdict(list)
    leases: dict[str, list[LogLine]] = defaultdict(list)
    died_s: dict[int, float] = {}
    end_s = 0.0
    for line in lines:
        end_s = max(end_s, line["t_s"])
        if line["kind"] == "window":
            windows[line["window"]].append(line)
        elif line["kind"] == "lease":
            leases[line["window"]].append(line)
        elif line["kind"] == "coordinator":
            died_s |= {line["term"]: line["t_s"]} if line["event"] == "died" else {}
        elif line["kind"] not in ("refused_message", "tenure"):
            pods.setdefault(line["pod"], PodNight(line["pod"])).take(line)
    return Night(pods, dict(windows), dict(leases), end_s, died_s)
