"""C2: of circles that compete for pods, the one that has waited longest is offered a window first."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from sanctuary.pods.audit.night import LogLine, Monitor, Violation


class TurnMonitor(Monitor):
    """Keeps its own history of windows, and compares each proposal with what its contenders had.

    A gateway knows for certain of the windows that it closed itself since its start. A proposal is judged
    where that is all there is to know of both circles: what the claims of others have told a gateway, no log
    says.
    """

    kinds = frozenset({"window", "coordinator"})

    def __init__(self) -> None:
        super().__init__("")
        self._opened: set[str] = set()
        self._closed_s: dict[str, tuple[str, float]] = {}
        """By circle: who closed its last window, and when."""

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a window as a coordinator sees it, or word that a coordinator began."""
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
