"""P6: each command obeyed at most once, before it expired, in the highest term of its circle seen so far."""

from __future__ import annotations

from collections.abc import Iterator

from sanctuary.pods.audit.night import LogLine, Monitor, Violation


class CommandMonitor(Monitor):
    """Remembers what a pod obeyed, also over its restarts; the terms of a circle never fall at it (C3)."""

    kinds = frozenset({"command"})

    def __init__(self, pod: str, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._obeyed: set[str] = set()
        self._terms: dict[str, int] = {}

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a command, obeyed or refused."""
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
