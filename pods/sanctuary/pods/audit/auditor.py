"""All rules at once: over records as they are written, or over the log of a night that has ended.

What they need, all shapes in `sanctuary.pods.protocol.records`: of each pod its cue log and event log in one
stream, in the order written, with an `output` record for each cue that the shell handed to an output; of the
coordinators their window, lease and leadership records.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable
from math import inf

from sanctuary.config.site_settings import LimiterSettings, PodSettings
from sanctuary.pods.audit.coordinator_rules import (
    CircleMonitor,
    LateCueMonitor,
    LeadershipMonitor,
    LeaseMonitor,
    TurnMonitor,
    WindowsMonitor,
)
from sanctuary.pods.audit.cue_rules import EntryMonitor, LimitMonitor, PlaceMonitor, ProofMonitor
from sanctuary.pods.audit.invariants import Violation
from sanctuary.pods.audit.message_rules import ClockMonitor, CommandMonitor
from sanctuary.pods.audit.monitor import COORDINATOR_KINDS, LogLine, Monitor, in_order, upgraded
from sanctuary.pods.audit.pod_rules import ConsentMonitor, RequalifyMonitor, SilenceMonitor

_ByKind = dict[str, tuple[Monitor, ...]]


class Auditor:
    """Checks one record at a time and tells at once which invariants it breaks.

    Parameters
    ----------
    pod_settings, limiter_settings
        As the pods had them.
    voted
        Hashes of designs that the assembly chose.
    slack_s
        How far apart two clocks may be; 0 where each writer's times are compared with its own alone.
    utc_slack_s
        How far the sanctuary's UTC may be off, by which grants begin and end; as `slack_s` if left out.
    durable
        As of `EntryMonitor`.
    """

    def __init__(
        self,
        *,
        pod_settings: PodSettings | None = None,
        limiter_settings: LimiterSettings | None = None,
        voted: Collection[str] = (),
        slack_s: float = 0.0,
        utc_slack_s: float | None = None,
        durable: bool = False,
    ) -> None:
        self._pod_settings = pod_settings or PodSettings()
        self._limiter_settings = limiter_settings or LimiterSettings()
        self._voted, self._slack_s, self._durable = voted, slack_s, durable
        self._utc_slack_s = slack_s if utc_slack_s is None else utc_slack_s
        self._now_s = -inf
        self._pods: dict[str, _ByKind] = {}
        self._windows: dict[str, LeaseMonitor] = {}
        self._site = _by_kind(
            [
                LateCueMonitor(slack_s),
                CircleMonitor(slack_s),
                WindowsMonitor(slack_s),
                LeadershipMonitor(slack_s),
                TurnMonitor(),
            ]
        )
        self._waiting: list[tuple[float, int, Monitor]] = []
        self._count = 0

    def push(self, line: LogLine) -> list[Violation]:
        """Check the next record; those of one writer come in its own order, all of them in that of time."""
        line = upgraded(line)
        found = self.advance(line["t_s"])
        kind = line["kind"]
        for monitor in self._site.get(kind, ()):
            self._push_to(monitor, line, found)
        if kind in COORDINATOR_KINDS:
            self._push_window(line, found)
        elif kind != "hang" or line["pod"]:
            for monitor in self._of(line["pod"]).get(kind, ()):
                self._push_to(monitor, line, found)
        if kind == "hang" and not line["pod"]:
            self._each_window_of(line, lambda window: window.on_hang(line["until_s"]))
        return found

    def advance(self, t_s: float) -> list[Violation]:
        """Check what is due at `t_s`; all that was written before it has been pushed."""
        found: list[Violation] = []
        self._now_s = max(self._now_s, t_s)
        while self._waiting and self._waiting[0][0] < t_s:
            due_s, _, monitor = heapq.heappop(self._waiting)
            if monitor.due_s == due_s:  # else it waits for another moment by now
                found += monitor.advance(t_s)
                self._wait(monitor, -inf)
        return found

    def finish(self) -> list[Violation]:
        """Check what is due at the end; the last record has been pushed."""
        found = self.advance(self._now_s)
        for monitor in {id(one): one for many in self._site.values() for one in many}.values():
            if monitor.due_s < inf:
                found += monitor.advance(self._now_s)
        return found

    def _push_to(self, monitor: Monitor, line: LogLine, found: list[Violation]) -> None:
        before_s = monitor.due_s
        found += monitor.push(line)
        self._wait(monitor, before_s)

    def _wait(self, monitor: Monitor, before_s: float) -> None:
        if monitor.due_s != before_s and monitor.due_s < inf:
            self._count += 1
            heapq.heappush(self._waiting, (monitor.due_s, self._count, monitor))

    def _of(self, pod: str) -> _ByKind:
        monitors = self._pods.get(pod)
        if monitors is None:
            settings, slack_s = self._pod_settings, self._slack_s
            monitors = self._pods[pod] = _by_kind(
                [
                    ProofMonitor(pod, settings, slack_s),
                    ConsentMonitor(pod, self._voted, self._utc_slack_s),
                    LimitMonitor(pod, self._limiter_settings, slack_s),
                    SilenceMonitor(pod, settings, slack_s),
                    RequalifyMonitor(pod, settings, slack_s),
                    PlaceMonitor(pod),
                    CommandMonitor(pod, slack_s),
                    ClockMonitor(pod, settings, slack_s),
                    EntryMonitor(pod, settings, slack_s, durable=self._durable),
                ]
            )
        return monitors

    def _push_window(self, line: LogLine, found: list[Violation]) -> None:
        kind = line["kind"]
        if kind in LeaseMonitor.kinds:
            window = self._windows.get(line["window"])
            if window is None:
                window = self._windows[line["window"]] = LeaseMonitor(line["window"], self._slack_s)
            self._push_to(window, line, found)
            if kind == "window" and line["event"] == "closed":
                del self._windows[line["window"]]
        elif kind == "coordinator" and line["event"] == "died":
            self._each_window_of(line, LeaseMonitor.on_coordinator_died)

    def _each_window_of(self, line: LogLine, change: Callable[[LeaseMonitor], None]) -> None:
        """Change the windows of one coordinator, known by its gateway or its term."""
        for window in self._windows.values():
            if window.gateway == line["gateway"] if "gateway" in line else window.term == line.get("term"):
                before_s = window.due_s
                change(window)
                self._wait(window, before_s)


def _by_kind(monitors: Iterable[Monitor]) -> _ByKind:
    found: _ByKind = {}
    for monitor in monitors:
        for kind in sorted(monitor.kinds):
            found[kind] = (*found.get(kind, ()), monitor)
    return found


def check_violations(
    lines: Iterable[LogLine],
    *,
    pod_settings: PodSettings | None = None,
    limiter_settings: LimiterSettings | None = None,
    voted: Collection[str] = (),
) -> list[Violation]:
    """Check the log of a night for all of `PROVED_FROM_LOG`.

    Parameters
    ----------
    lines
        The records of a night, of this or an older version of the log; those of several writers may be mixed
        in any way.
    pod_settings, limiter_settings
        As the pods had them.
    voted
        Hashes of designs that the assembly chose.

    Returns
    -------
    list of Violation
        In order of time; empty for a night on which every invariant held.
    """
    auditor = Auditor(pod_settings=pod_settings, limiter_settings=limiter_settings, voted=voted)
    found = [violation for line in in_order(lines) for violation in auditor.push(line)]
    found += auditor.finish()
    return sorted(found, key=lambda violation: (violation.t_s, violation.rule, violation.subject))
