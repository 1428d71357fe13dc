"""What must be true of windows and of those who command them (C1 to C4).

Written against the records, with none of the coordinator's own code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf

from sanctuary.pods.audit.invariants import Violation
from sanctuary.pods.audit.monitor import TICK_S, LogLine, Monitor


class LeaseMonitor(Monitor):
    """The leases of one window, as the coordinator admitted them.

    C1: at the opening, at least k pods held a lease that the coordinator had admitted. C4: an open window
    with fewer than k live leases closes within 1 s. A coordinator that has died closes nothing; its pods fall
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

    def push(self, line: LogLine) -> Iterator[Violation]:
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

    def advance(self, t_s: float) -> Iterator[Violation]:
        if self._open and self.due_s < t_s:
            self._open = False
            yield self.broken("C4", self._lost_s, "stayed open with fewer live leases than its quorum")
        self._wait()

    def on_coordinator_died(self) -> None:
        self._open = False
        self._wait()

    def on_hang(self, until_s: float) -> None:
        """Demand nothing before the coordinator's computer goes on."""
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

    def push(self, line: LogLine) -> Iterable[Violation]:
        window = line["window"]
        if line["kind"] == "window":
            if line["valid_until_s"] is not None:
                before_s = self._allowed_s.get(window, -inf)
                self._allowed_s[window] = max(before_s, line["valid_until_s"])
        elif line["outcome"] == "rendered" and window in self._allowed_s and self._is_late(line):
            self._late.append(line)
            self.due_s = min(self.due_s, line["t_s"] + TICK_S)
        return ()

    def advance(self, t_s: float) -> Iterator[Violation]:
        for line in self._late if t_s >= self.due_s else ():
            if self._is_late(line):
                text = f"pod {line['pod']} rendered step {line['step']} after the window's last moment"
                yield Violation("C4", line["t_s"], line["window"], text)
        self._late.clear()
        self.due_s = inf

    def _is_late(self, cue: LogLine) -> bool:
        return bool(cue["t_s"] > self._allowed_s[cue["window"]] + self.slack_s)


REMEMBERED = 64
"""Stretches of authority over one circle that later ones are compared with."""


class CircleMonitor(Monitor):
    """C3: no two different windows of one circle have pods inside at the same time, by the pods' own logs."""

    kinds = frozenset({"pod_window", "pod"})

    def __init__(self, slack_s: float = 0.0) -> None:
        super().__init__("", slack_s)
        self._inside: dict[str, dict[str, tuple[str, float]]] = {}

    def push(self, line: LogLine) -> Iterator[Violation]:
        pod, t_s = line["pod"], line["t_s"]
        if line["kind"] == "pod":
            if line["event"] in ("booted", "crashed"):
                for inside in self._inside.values():
                    inside.pop(pod, None)
            return
        inside = self._inside.setdefault(line["circle"], {})
        if line["event"] == "left":
            inside.pop(pod, None)
        elif line["event"] in ("opened", "extended"):
            window, until_s = line["window"], line["valid_until_s"]
            if line["event"] == "opened":
                for other, (theirs, end_s) in inside.items():
                    if theirs != window and end_s > t_s + self.slack_s:
                        text = f"{pod} entered {window} while {other} was in {theirs}"
                        yield Violation("C3", t_s, line["circle"], text)
            known = inside.get(pod)
            before_s = known[1] if known is not None and known[0] == window else -inf
            inside[pod] = (window, max(before_s, until_s))


class WindowsMonitor(Monitor):
    """C3: while pods may be in one window of a circle, no coordinator opens or extends another one of it."""

    kinds = frozenset({"window"})

    def __init__(self, slack_s: float = 0.0) -> None:
        super().__init__("", slack_s)
        self._allowed_s: dict[str, dict[str, float]] = {}

    def push(self, line: LogLine) -> Iterator[Violation]:
        if line["event"] not in ("opened", "joined", "extended") or line["valid_until_s"] is None:
            return
        t_s, window = line["t_s"], line["window"]
        allowed = self._allowed_s.setdefault(line["circle"], {})
        for other, until_s in [*allowed.items()]:
            if until_s <= t_s + self.slack_s:
                del allowed[other]
            elif other != window:
                text = f"{window} {line['event']} while pods might be in {other} until {until_s:.1f} s"
                yield Violation("C3", t_s, line["circle"], text)
        allowed[window] = max(allowed.get(window, -inf), line["valid_until_s"])


class LeadershipMonitor(Monitor):
    """C3: one gateway at a time has authority over a circle, and only that one opens and extends windows.

    A gateway that hangs writes only afterwards when its authority ended; so a stretch of it is compared
    with those of others once it is over. When that of a gateway that died ended, no log says; what it
    commanded, `WindowsMonitor` and `CircleMonitor` check.
    """

    kinds = frozenset({"leadership", "window", "coordinator"})

    def __init__(self, slack_s: float = 0.0) -> None:
        super().__init__("", slack_s)
        self._since_s: dict[str, dict[str, float]] = {}
        self._past: dict[str, deque[tuple[str, float, float]]] = {}

    def push(self, line: LogLine) -> Iterator[Violation]:
        kind = line["kind"]
        gateway = line.get("gateway", "")
        if kind == "coordinator":
            for since_s in self._since_s.values():
                since_s.pop(gateway, None)
        elif kind == "leadership":
            yield from self._change(line, gateway)
        elif line["event"] in ("opened", "joined", "extended"):
            leaders = self._since_s.get(line["circle"])
            if leaders is not None and gateway not in leaders:
                text = f"{gateway} {line['event']} {line['window']} without holding the circle"
                yield Violation("C3", line["t_s"], line["circle"], text)

    def _change(self, line: LogLine, gateway: str) -> Iterator[Violation]:
        since_s = self._since_s.setdefault(line["circle"], {})
        if line["event"] in ("leading", "resumed"):
            since_s[gateway] = line["t_s"]
        elif (began_s := since_s.pop(gateway, None)) is not None:
            until_s = line["t_s"] if line["authority_until_s"] is None else line["authority_until_s"]
            until_s = min(until_s, line["t_s"])
            past = self._past.setdefault(line["circle"], deque(maxlen=REMEMBERED))
            for other, begin_s, end_s in past:
                if other != gateway and max(begin_s, began_s) + self.slack_s < min(end_s, until_s):
                    text = (
                        f"{gateway} had authority from {began_s:.1f} to {until_s:.1f} s, "
                        f"{other} from {begin_s:.1f} to {end_s:.1f} s"
                    )
                    yield Violation("C3", line["t_s"], line["circle"], text)
            past.append((gateway, began_s, until_s))


class TurnMonitor(Monitor):
    """C2: each proposal is of a circle that waited at least as long as its contenders.

    A gateway knows for certain of the windows that it closed itself since its start. A proposal is judged
    where that is all there is to know of both circles, by their windows' records: what the claims of others
    have told a gateway stands in no log.
    """

    kinds = frozenset({"window", "coordinator"})

    def __init__(self) -> None:
        super().__init__("")
        self._opened: set[str] = set()
        self._closed_s: dict[str, tuple[str, float]] = {}
        """By circle: who closed its last window, and when."""

    def push(self, line: LogLine) -> Iterator[Violation]:
        gateway = line.get("gateway", "")
        if line["kind"] == "coordinator":
            self._closed_s = {
                circle: ("", end_s) if by == gateway else (by, end_s)
                for circle, (by, end_s) in self._closed_s.items()
            }
        elif line["event"] == "proposed":
            for other in line.get("contenders", {}):
                if self._waited_longer(other, line["circle"], gateway):
                    text = f"proposed, though {other} had waited longer"
                    yield Violation("C2", line["t_s"], line["circle"], text)
        elif line["event"] == "opened":
            self._opened.add(line["window"])
        elif line["event"] == "closed" and line["window"] in self._opened:
            self._opened.discard(line["window"])
            self._closed_s[line["circle"]] = (gateway, line["t_s"])

    def _waited_longer(self, other: str, chosen: str, gateway: str) -> bool:
        none = (gateway, -inf)
        (by, theirs_s), (also_by, ours_s) = self._closed_s.get(other, none), self._closed_s.get(chosen, none)
        return by == gateway == also_by and (theirs_s, other) < (ours_s, chosen)
