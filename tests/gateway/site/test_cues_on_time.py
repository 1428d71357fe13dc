"""A cue is judged and logged ahead of its moment, sounds at it, and is taken back if the pod is silenced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest

from pod_bench import eligible_bench
from recording_output import RecordingOutput
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.cue_timing import first_in_line, wait_for_tick
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.stopping import StopFlag
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.records import LogRecord
from sanctuary.virtual_site.virtual_pod import Ear

AHEAD_S = 0.1


@dataclass
class OnDisk:
    """A journal that knows what has been forced onto the disk."""

    lines: list[Mapping[str, Any]] = field(default_factory=list)
    durable: int = 0

    def write(self, record: LogRecord) -> None:
        self.lines.append(record.to_dict())

    def flush(self, *, durable: bool = False) -> bool:
        if durable:
            self.durable = len(self.lines)
        return True

    def cues_on_disk(self) -> list[Mapping[str, Any]]:
        return [line for line in self.lines[: self.durable] if line["kind"] == "cue"]


@dataclass
class Bed:
    """A pod in a window whose first step is due at `due_s`."""

    runner: PodShell
    journal: OnDisk
    output: RecordingOutput
    due_s: float


@pytest.fixture
def bed() -> Bed:
    bench = eligible_bench()
    bench.enter_window()
    journal, output = OnDisk(), RecordingOutput(None, clock=lambda: 0.0)
    outputs = PodOutputs("pod-1", {Modality.SOUND: output})
    runner = PodShell(
        bench.pod, journal, Ear(lambda _cue, _at_s: None), lambda _: None, outputs, ahead_s=AHEAD_S
    )
    return Bed(runner, journal, output, bench.pod.next_due_s)


def test_the_entry_is_on_the_disk_before_the_moment_and_the_cue_sounds_at_it(bed: Bed) -> None:
    assert bed.runner.step_due_s == pytest.approx(bed.due_s - AHEAD_S)
    bed.runner.tick(bed.due_s - AHEAD_S - 0.01)
    assert bed.journal.cues_on_disk() == []
    bed.runner.tick(bed.due_s - AHEAD_S + 0.01)
    (entry,) = bed.journal.cues_on_disk()
    assert (entry["outcome"], entry["t_s"]) == ("rendered", bed.due_s)
    assert bed.output.rendered == []
    assert bed.runner.sound_due_s == bed.due_s
    bed.runner.render_due(bed.due_s - 0.001)
    assert bed.output.rendered == []
    bed.runner.render_due(bed.due_s)
    assert [cue.wanted_s for cue in bed.output.rendered] == [bed.due_s]
    assert bed.runner.sound_due_s == inf
    assert [line["t_s"] for line in bed.journal.lines if line["kind"] == "output"] == [bed.due_s]


@pytest.mark.parametrize("event", [happened.StopPressed(), happened.LinkLost(), happened.WithdrawalMade()])
def test_what_silences_the_pod_before_the_moment_takes_the_cue_back(
    bed: Bed, event: happened.PodEvent
) -> None:
    bed.runner.tick(bed.due_s - 0.05)
    bed.runner.handle(event, bed.due_s - 0.02)
    bed.runner.render_due(bed.due_s)
    bed.runner.tick(bed.due_s + 0.01)
    assert bed.output.rendered == []
    assert [line for line in bed.journal.lines if line["kind"] == "output"] == []


def test_nothing_sounds_after_the_night_was_hushed(bed: Bed) -> None:
    bed.runner.tick(bed.due_s - 0.05)
    bed.runner.silence()
    bed.runner.render_due(bed.due_s + 1.0)
    assert bed.output.rendered == []


def test_the_beat_hands_a_cue_over_at_its_moment_and_not_before(bed: Bed) -> None:
    zero_s = time.monotonic() - bed.due_s + 0.15

    class Clock:
        def now(self) -> float:
            return self.at(time.monotonic())

        def at(self, monotonic_s: float) -> float:
            return monotonic_s - zero_s

    async def story() -> None:
        clock = Clock()
        bed.output._clock = clock.now
        while not bed.output.rendered:
            now_s = clock.now()
            bed.runner.tick(now_s)
            await wait_for_tick([bed.runner], clock, now_s, StopFlag())

    asyncio.run(story())
    (cue,) = bed.output.rendered
    assert bed.due_s <= cue.happened_s < bed.due_s + 0.5


def test_without_pods_the_beat_is_the_ticks() -> None:
    class Clock:
        def now(self) -> float:
            return 10.6

        def at(self, monotonic_s: float) -> float:
            return monotonic_s

    asyncio.run(wait_for_tick([], Clock(), 10.0, StopFlag()))


def test_a_system_that_allows_no_priority_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.sched_setscheduler", refuse)
    with first_in_line():
        pass
