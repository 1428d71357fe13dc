"""P6: each command obeyed at most once, before it expired, in the highest term of its circle seen so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.night import LogLine, Monitor, Violation

_UNCERTAINTY = re.compile(r"sure to ([0-9.]+|inf) s")
_ROUNDED_S = 1e-6
"""As the records round it."""


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


class ClockMonitor(Monitor):
    """P6: a pod joins a window only by a clock that it measured lately, and surely enough."""

    kinds = frozenset({"pod", "pod_window"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._measured_s = -inf
        self._uncertainty_s = inf

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a measurement, or a window as the pod sees it."""
        if line["kind"] == "pod":
            if line["event"] == "clock_measured":
                told = _UNCERTAINTY.search(line["detail"])
                self._measured_s = line["t_s"]
                self._uncertainty_s = float(told[1]) if told else inf
            elif line["event"] in ("booted", "clock_doubted"):
                self._measured_s, self._uncertainty_s = -inf, inf
        elif line["event"] == "opened":
            settings, age_s = self._settings, line["t_s"] - self._measured_s
            unsure = self._uncertainty_s > settings.clock_uncertainty_limit_s + _ROUNDED_S
            if unsure or age_s >= settings.clock_age_limit_s + self.slack_s:
                text = f"joined {line['window']} by a clock sure to {self._uncertainty_s:.3f} s only"
                yield self.broken("P6", line["t_s"], text)
