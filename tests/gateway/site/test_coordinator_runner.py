"""The shell around a gateway's core: what it says is in its log before it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sanctuary.gateway.site.coordinator_shell import CoordinatorShell, SimulatedSiteClock
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol.gateway_records import coordinator_record


class Core:
    """A gateway that commands something whenever it is asked, and only then says what it did."""

    def handle(self, _event: object, _now: object) -> list[Any]:
        return [Publish("a/command", b"{}", 1, retain=False), Record(coordinator_record("started", 3, 1.0))]


def test_a_command_is_in_the_log_before_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    journal, logged = EventLog(path), list[list[str]]()

    def send(_message: MqttMessage) -> None:
        logged.append([json.loads(line)["event"] for line in path.read_text().splitlines()])

    CoordinatorShell("harbour", Core(), journal, send, SimulatedSiteClock(lambda: 1.0, 0.0)).tick()  # type: ignore[arg-type]
    journal.close()
    assert logged == [["started"]]
