"""P2: before each cue stands a grant that covers it, and no withdrawal at or after that grant.

A grant must hold in the whole range of what UTC may be, as the pod wrote it down last; and nothing sounds
while the pod says that UTC is not known well enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sanctuary.pods.audit.cues import step_of
from sanctuary.pods.audit.night import LogLine, Monitor, Violation

_ANY_VOTED = "any-voted"
_LEVEL_SLACK = 1e-9


class ConsentMonitor(Monitor):
    """Keeps all that a pod has seen of its sleeper's consent.

    Parameters
    ----------
    voted
        Hashes of designs that the assembly chose.
    """

    kinds = frozenset({"consent", "cue", "pod"})

    def __init__(self, pod: str, voted: Collection[str], slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._voted = voted
        self._seen: list[LogLine] = []
        self._zeros_s = (0.0, 0.0)
        self._utc_heard = False
        self._utc_suffices = True

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a consent entry, what the pod hears of UTC, or a cue."""
        if line["kind"] == "consent":
            self._consent(line)
        elif line["kind"] == "pod":
            self._utc(line)
        elif line["outcome"] == "rendered":
            if not self._utc_suffices:
                yield self.broken("P2", line["t_s"], f"{step_of(line)}: by a clock that nobody keeps")
            seen = self._seen
            if not any(self._covers(one, line) and not _ended(one, seen, self.slack_s) for one in seen):
                yield self.broken("P2", line["t_s"], f"{step_of(line)}: no grant in force")

    def _utc(self, line: LogLine) -> None:
        """Keep what UTC may be; a pod that boots hears of it anew."""
        if line["event"] == "booted":
            self._utc_heard, self._utc_suffices = False, True
        elif line["event"] == "utc_heard":
            earliest_s, latest_s = line["utc_range_s"]
            self._zeros_s = (earliest_s - line["t_s"], latest_s - line["t_s"])
            self._utc_heard, self._utc_suffices = True, line["utc_suffices"]

    def _consent(self, line: LogLine) -> None:
        """Keep an entry; a pod that boots writes down anew what it knows, which adds nothing."""
        if line["act"] == "refused":
            return
        if line["act"] != "withdraw_here":
            if not self._utc_heard:
                self._zeros_s = (line["utc_s"] - line["t_s"],) * 2
            if any(_same(line, other) for other in self._seen):
                return
        self._seen.append(line)

    def _covers(self, grant: LogLine, cue: LogLine) -> bool:
        if grant["act"] != "grant" or grant["circle"] != cue["circle"]:
            return False
        if cue.get("answers") and not grant.get("echo", False):
            return False
        by_vote = grant["design"] == _ANY_VOTED and cue["design"] in self._voted
        if grant["design"] != cue["design"] and not by_vote:
            return False
        cap = grant["caps"].get(cue["modality"])
        earliest_s, latest_s = (zero_s + cue["t_s"] for zero_s in self._zeros_s)
        in_time = grant["nbf"] - self.slack_s <= earliest_s and latest_s < grant["exp"] + self.slack_s
        return cap is not None and cue["level"] <= cap + _LEVEL_SLACK and in_time


def _same(one: LogLine, other: LogLine) -> bool:
    """Tell whether two records are of the same entry."""
    names = ("act", "circle", "seq", "design", "nbf", "exp", "caps")
    return all(one[name] == other[name] for name in names)


def _ended(grant: LogLine, seen: list[LogLine], slack_s: float) -> bool:
    """Tell whether a withdrawal, a fork or a newer grant of the circle takes this grant's place."""
    for other in seen:
        if other["circle"] not in (grant["circle"], "*") and other["seq"] != grant["seq"]:
            continue
        if other["act"] == "withdraw_here" and (
            other["seq"] >= grant["seq"] or grant["nbf"] + slack_s < other["utc_s"]
        ):
            return True
        if other["act"] == "withdraw" and other["seq"] >= grant["seq"]:
            return True
        if other["act"] == "grant" and other is not grant and other["seq"] >= grant["seq"]:
            return True
    return False
