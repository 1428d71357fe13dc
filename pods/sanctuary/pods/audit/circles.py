"""C2 and C3: circles take turns, and no circle has two coordinators at once."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from sanctuary.pods.audit.night import LogLine, Monitor, Violation


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
