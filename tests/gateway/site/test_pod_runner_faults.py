"""A pod whose disk is full goes on, silences in time, and says so once."""

from __future__ import annotations

import pytest

from sanctuary.config.errors import DeviceError
from sanctuary.config.loading import load_settings
from sanctuary.gateway.site.assembly import NightPlan, designs_of, make_pod
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.records import PodRecord, PodWindowRecord


class FullDisk:
    """A cue track that cannot write."""

    def __getattr__(self, name):
        def refuse(*_args):
            raise DeviceError(f"{name}: no space left")

        return refuse


@pytest.fixture
def runner(tmp_path):
    settings = load_settings().settings
    plan = NightPlan(settings, b"x", "boot", 1, 1e9, {})
    pod = make_pod(plan, settings.pods[0], designs_of(settings.circles))
    journal = EventLog(tmp_path / "events.jsonl")
    yield PodShell(pod, journal, FullDisk(), print)
    journal.close()


def test_a_full_disk_is_told_once_and_never_ends_the_night(runner, caplog):
    record = PodWindowRecord(
        t_s=1.0,
        pod="pod-1",
        event="opened",
        window="w1",
        offer="o1",
        circle="commons",
        design="d",
        term=1,
        start_at_s=3.0,
        valid_until_s=7.0,
        reason="",
    )
    runner._record(record, 1.0)
    runner.handle(happened.StopPressed(), 3.0)
    runner.end(4.0)
    assert sum("no space left" in r.message for r in caplog.records) == 1
    assert str(runner.pod.phase) == "stopped"


def test_a_pod_that_doubts_its_clock_measures_it_at_once(runner):
    runner.tick(1.0)
    asked = runner.clock.ask(2.0)
    assert asked is None, "not due for a minute"
    runner._record(PodRecord(t_s=2.0, pod="pod-1", event="clock_doubted"), 2.0)
    assert runner.clock.ask(2.0) is not None
