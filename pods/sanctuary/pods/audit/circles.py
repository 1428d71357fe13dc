"""C3: no circle has two windows, or two coordinators, at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf

from sanctuary.pods.audit.night import LogLine, Monitor, Violation

REMEMBERED = 64
"""Stretches of authority over one circle that later ones are compared with."""


class CircleMonitor(Monitor):
    """C3: no two different windows of one circle have pods inside at the same time, by the pods' own logs."""

    kinds = frozenset({"pod_window", "pod"})

    def __init__(self, slack_s: float = 0.0) -> None:
        super().__init__("", slack_s)
        self._inside: dict[str, dict[str, tuple[str, float]]] = {}

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a window as a pod sees it, or what befell a pod."""
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

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a window as a coordinator sees it."""
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


class TenureMonitor(Monitor):
    """C3: one gateway at a time has authority over a circle, and only that one opens and extends windows.

    A gateway that hangs writes only afterwards when its authority ended; so a stretch of it is compared
    with those of others once it is over. Of one that died nobody knows; what it commanded, `WindowsMonitor`
    and `CircleMonitor` know.
    """

    kinds = frozenset({"tenure", "window", "coordinator"})

    def __init__(self, slack_s: float = 0.0) -> None:
        super().__init__("", slack_s)
        self._since_s: dict[str, dict[str, float]] = {}
        self._past: dict[str, deque[tuple[str, float, float]]] = {}

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take word of a gateway's tenure, of its windows, or of its own beginning and end."""
        kind = line["kind"]
        gateway = line.get("gateway", "")
        if kind == "coordinator":
            for since_s in self._since_s.values():
                since_s.pop(gateway, None)
        elif kind == "tenure":
            yield from self._tenure(line, gateway)
        elif line["event"] in ("opened", "joined", "extended"):
            holders = self._since_s.get(line["circle"])
            if holders is not None and gateway not in holders:
                text = f"{gateway} {line['event']} {line['window']} without holding the circle"
                yield Violation("C3", line["t_s"], line["circle"], text)

    def _tenure(self, line: LogLine, gateway: str) -> Iterator[Violation]:
        since_s = self._since_s.setdefault(line["circle"], {})
        if line["event"] in ("holding", "resumed"):
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
