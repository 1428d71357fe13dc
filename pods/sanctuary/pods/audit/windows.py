"""C1 and C4: every window opened on k live leases, and closed when they fell below k."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from sanctuary.pods.audit.night import TICK_S, LogLine, Monitor, Violation


class LeaseMonitor(Monitor):
    """The leases of one window, as the coordinator took them.

    C1: at the opening, at least k pods held a lease that the coordinator had taken. C4: an open window with
    fewer than k live leases closes within 1 s. A coordinator that has died closes nothing; its pods fall
    silent when the time that it gave them is over.
    """

    kinds = frozenset({"window", "lease"})

    def __init__(self, window: str, slack_s: float = 0.0) -> None:
        super().__init__(window, slack_s)
        self._expires_s: dict[str, float] = {}
        self._quorum = 0
        self._open = False
        self._lost_s, self._held_until_s = inf, -inf
        self.term = -1
        self.gateway = ""

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a record of the window, or a lease for it."""
        if line["kind"] == "lease":
            self._lease(line)
        elif line["event"] == "opened":
            self.term, self.gateway = line["term"], line.get("gateway", "")
            self._quorum, self._open = line["quorum"], True
            live = sum(end_s > line["t_s"] for end_s in self._expires_s.values())
            if live < self._quorum:
                text = f"opened on {live} live leases, quorum {self._quorum}"
                yield self.broken("C1", line["t_s"], text)
            self._lost_s = self._falls_below(line["t_s"])
        elif line["event"] == "closed":
            self._open = False
        self._wait()

    def passed(self, t_s: float) -> Iterator[Violation]:
        """Miss the closing."""
        if self._open and self.due_s < t_s:
            self._open = False
            yield self.broken("C4", self._lost_s, "stayed open with fewer live leases than its quorum")
        self._wait()

    def gone(self) -> None:
        """Hear that the coordinator died."""
        self._open = False
        self._wait()

    def hung(self, until_s: float) -> None:
        """Hear that the coordinator's machine stands still until then."""
        self._held_until_s = until_s
        self._wait()

    def _lease(self, line: LogLine) -> None:
        if not line["accepted"]:
            return
        self._expires_s[line["pod"]] = line["expires_s"]
        if self._open and not self._lost_s < line["t_s"]:
            self._lost_s = self._falls_below(line["t_s"])

    def _falls_below(self, now_s: float) -> float:
        """Give the moment at which the k-th longest lease ends, not before `now_s`."""
        if not self._quorum:
            return inf
        ends_s = sorted(self._expires_s.values(), reverse=True)
        return max(now_s, ends_s[self._quorum - 1]) if len(ends_s) >= self._quorum else now_s

    def _wait(self) -> None:
        lost_s = max(self._lost_s, self._held_until_s)
        self.due_s = lost_s + TICK_S + self.slack_s if self._open else inf


class LateCueMonitor(Monitor):
    """C4: no cue of a window sounds after the last moment that its coordinator ever allowed.

    A coordinator's log may be read after the pods': a cue that looks late is held until time has passed.
    """

    kinds = frozenset({"window", "cue"})

    def __init__(self, slack_s: float = 0.0) -> None:
        super().__init__("", slack_s)
        self._allowed_s: dict[str, float] = {}
        self._late: list[LogLine] = []

    def take(self, line: LogLine) -> Iterable[Violation]:
        """Take a record of a window, or a cue of any pod."""
        window = line["window"]
        if line["kind"] == "window":
            if line["valid_until_s"] is not None:
                before_s = self._allowed_s.get(window, -inf)
                self._allowed_s[window] = max(before_s, line["valid_until_s"])
        elif line["outcome"] == "rendered" and window in self._allowed_s and self._is_late(line):
            self._late.append(line)
            self.due_s = min(self.due_s, line["t_s"] + TICK_S)
        return ()

    def passed(self, t_s: float) -> Iterator[Violation]:
        """Report those that are late still."""
        for line in self._late if t_s >= self.due_s else ():
            if self._is_late(line):
                text = f"pod {line['pod']} rendered step {line['step']} after the window's last moment"
                yield Violation("C4", line["t_s"], line["window"], text)
        self._late.clear()
        self.due_s = inf

    def _is_late(self, cue: LogLine) -> bool:
        return bool(cue["t_s"] > self._allowed_s[cue["window"]] + self.slack_s)
