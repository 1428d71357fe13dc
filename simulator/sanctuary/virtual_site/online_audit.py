"""All monitors over one night, in true time, and what is remembered of it.

Records carry their writer's reckoning of the sanctuary clock, which may be wrong. Before a monitor sees one,
it is stamped with the true time, and what it says of other moments is moved by as much: so lengths within a
record stay as its writer had them, and times between records are true.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from sanctuary.gateway.site.own_utc import STEP_S
from sanctuary.pods.audit import Auditor, Violation
from sanctuary.pods.audit.message_rules import WireMonitor
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.virtual_site.faults import FaultKind, step_of
from sanctuary.virtual_site.scenario import Scenario

SLACK_S = 0.12
"""Clocks that are sure may differ by twice `clock_uncertainty_limit_s`, and a little for their drift."""
REMEMBERED = 4000
"""Records kept for the story of a failure."""
MOVED = (
    "sampled_s",
    "due_s",
    "start_at_s",
    "valid_until_s",
    "expires_at_s",
    "expires_s",
    "utc_s",
    "authority_until_s",
)

Record = Mapping[str, Any]


class OnlineAudit:
    """Takes everything that is written and sent.

    Attributes
    ----------
    violations
        Found so far, in the order of finding.
    counts
        Windows opened, cues rendered, and the like.
    recent
        The last records, truly stamped.
    """

    def __init__(self, scenario: Scenario) -> None:
        settings = scenario.settings
        steps_s = sum(
            abs(step_of(fault)) for fault in scenario.faults if fault.kind is FaultKind.GATEWAY_STEP
        )
        self._auditor = Auditor(
            pod_settings=settings.pod,
            limiter_settings=settings.limiter,
            slack_s=SLACK_S,
            utc_slack_s=SLACK_S + STEP_S + steps_s,
            durable=True,
        )
        self._wire = WireMonitor()
        self._holders: dict[str, str] = {}
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()
        self.recent: deque[Record] = deque(maxlen=REMEMBERED)

    def record(self, record: Record, true_s: float, **known: float) -> None:
        """Take a record as its writer wrote it; `known` are moments of which the true time is known."""
        by_s = true_s - record["t_s"]
        moved = {**record, "t_s": true_s}
        for name in MOVED:
            if name in moved and moved[name] is not None:
                moved[name] += by_s
        moved.update(known)
        self.true_record(moved)

    def true_record(self, record: Record) -> None:
        """Take a record whose times are true."""
        self.recent.append(record)
        self._count(record)
        self.violations += self._auditor.push(record)

    def message(self, sender: str, message: MqttMessage, true_s: float) -> None:
        """Take a message as one of ours hands it over."""
        self.counts["messages"] += 1
        self.violations += self._wire.check(sender, message.topic, message.payload, true_s)

    def passed(self, true_s: float) -> None:
        """Hear that an event is over."""
        self.violations += self._auditor.advance(true_s)

    def finish(self) -> None:
        """Hear that the night is over."""
        self.violations += self._auditor.finish()

    def _count(self, record: Record) -> None:
        kind = record["kind"]
        if kind == "window":
            self.counts[f"windows {record['event']}"] += 1
        elif kind == "cue":
            self.counts[f"cues {record['outcome']}"] += 1
        elif kind == "leadership" and record["event"] == "leading":
            self._take_over(record)
        elif kind == "pod_window" and record["event"] == "opened":
            self.counts["pods in windows"] += 1

    def _take_over(self, record: Record) -> None:
        """Count a circle that came into the hands of another gateway."""
        before = self._holders.get(record["circle"])
        if before is not None and before != record["gateway"]:
            self.counts["takeovers"] += 1
        self._holders[record["circle"]] = record["gateway"]
