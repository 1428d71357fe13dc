"""The memory of a pod on the disk: durable, whole, and silent where it cannot be kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from house import ROOT
from pod_bench import POD, UTC_AT_ZERO_S, eligible_bench, estimate, make_pod
from sanctuary.config.errors import InputError
from sanctuary.gateway.site.disk import FileDisk
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.storage import MemoryKeeper, PodMemories
from sanctuary.pods.audit import check_violations
from sanctuary.pods.pod.events import CommandReceived, EstimateArrived, StopPressed
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.virtual_site.virtual_pod import Ear


def test_a_memory_is_read_back_and_private(tmp_path: Path) -> None:
    memories = PodMemories(tmp_path)
    assert memories.load(POD) is None
    memory = PodMemory(pod=POD, terms={"commons": 3}, latch="withdrawn", withdrawn_here=(2, 1.5e9))
    memories.save(memory)
    assert memories.load(POD) == memory
    assert memories.path(POD).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Invalid JSON"),
        ("\0" * 200, "Invalid JSON"),
        ('{"pod": "pod-1", "latch": "perhaps"}', "latch: Input should be"),
        ('{"pod": "pod-1", "limiter": {"in_night": -1}}', "limiter.in_night: "),
        ('{"pod": "pod-2"}', "it is the memory of pod-2"),
        ('{"schema": "pod.memory.v9", "pod": "pod-1"}', "schema: "),
    ],
)
def test_a_damaged_memory_is_named_with_what_to_do(tmp_path: Path, text: str, problem: str) -> None:
    path = PodMemories(tmp_path).path(POD)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        PodMemories(tmp_path).load(POD)
    assert str(path) in str(caught.value)
    assert "Restore it from a backup; or, where nobody stopped the pod, remove it" in str(caught.value)


def test_a_pod_killed_while_its_first_cue_sounds_goes_on_where_it_was(tmp_path: Path) -> None:
    script = ROOT / "tests" / "support" / "killed_pod.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done
    memory = PodMemories(tmp_path).load(POD)
    assert memory is not None
    assert memory.limiter.in_night == 1
    assert memory.limiter.last_start_utc_s == UTC_AT_ZERO_S + 3.0
    assert memory.requalify
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in lines if line["kind"] == "cue"] == ["rendered"]
    again = make_pod(boot="b2", memory=memory)
    again.handle(StopPressed(), 4.0)
    assert again.memory.limiter.in_night == 1
    assert again.memory.limiter.last_start_utc_s == memory.limiter.last_start_utc_s


class Room:
    """A pod in a window, with a data folder that may be full."""

    def __init__(self, folder: Path) -> None:
        self.bench = eligible_bench()
        self.log, self.heard = EventLog(), []
        ear = Ear(lambda cue, at_s: self.heard.append((at_s, cue)))
        self.runner = PodShell(
            self.bench.pod, self.log, ear, lambda _: None, keeper=MemoryKeeper(PodMemories(folder))
        )
        self.now_s = self.bench.now_s

    def open(self, name: str) -> None:
        pen, args, now_s = self.bench.commander, self.bench.offer_args(name), self.now_s
        start_s = now_s + 2.0
        for message in (
            pen.offer(POD, args, now_s, now_s + 5.0),
            pen.open(POD, args, now_s, start_at_s=start_s, zero_s=start_s, valid_until_s=now_s + 6.0),
        ):
            self.runner.handle(CommandReceived(message.payload), now_s)

    def sleep(self, seconds: int, name: str) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            extend = self.bench.commander.extend(POD, f"w{name}", "tide-circle", self.now_s, self.now_s + 6.0)
            self.runner.handle(CommandReceived(extend.payload), self.now_s)
            self.runner.handle(EstimateArrived(estimate(self.now_s)), self.now_s)
            self.runner.tick(self.now_s)

    @property
    def lines(self) -> list[Mapping[str, Any]]:
        return self.bench.lines + self.log.records

    @property
    def cues(self) -> list[tuple[str, str]]:
        return [(line["outcome"], line["reason"]) for line in self.log.records if line["kind"] == "cue"]


def test_no_cue_sounds_whose_memory_cannot_be_kept_and_it_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fill: Callable[[bool], None]
) -> None:
    room = Room(tmp_path)
    room.open("1")
    fill(True)
    room.sleep(30, "1")
    assert room.heard == []
    assert room.cues == [("refused", "memory_not_kept")] * 2
    fill(False)
    room.sleep(25, "1")
    assert len(room.heard) == 1
    assert room.cues[2:] == [("rendered", "")]
    told = [record.getMessage() for record in caplog.records]
    assert sum("no cue sounds until its memory can be kept" in text for text in told) == 1
    assert sum("can be kept again" in text for text in told) == 1
    assert not {"P3", "P7"} & {violation.rule for violation in check_violations(room.lines)}


def test_a_latch_that_could_not_be_kept_is_kept_as_soon_as_it_can_be(
    tmp_path: Path, fill: Callable[[bool], None]
) -> None:
    room = Room(tmp_path)
    fill(True)
    room.runner.handle(StopPressed(), room.now_s)
    assert PodMemories(tmp_path).load(POD) is None
    fill(False)
    room.runner.tick(room.now_s + 1.0)
    memory = PodMemories(tmp_path).load(POD)
    assert memory is not None
    assert memory.latch == "stopped"


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Fill the disk, or free it: every attempt to bring a file onto it fails with the system's own error."""
    full = [False]
    fsync = __import__("os").fsync

    def refuse(descriptor: int) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr("sanctuary.gateway.files.os.fsync", refuse)

    def switch(on: bool) -> None:
        full[0] = on

    return switch


class FullDisk(FileDisk):
    """Once full, it takes nothing while the reserve lies on it, and no new reserve."""

    def __init__(self, reserve: Path) -> None:
        self.reserve, self.full = reserve, False

    def replace(self, path: Path, content: bytes, what: str) -> None:
        if self.full and (self.reserve.exists() or path == self.reserve):
            raise InputError(f"{path}: cannot write {what} here (No space left on device)")
        super().replace(path, content, what)


def test_a_stop_is_kept_on_a_full_disk_in_room_that_was_reserved(tmp_path: Path) -> None:
    reserve = PodMemories(tmp_path).path(POD).with_name("reserve")
    disk = FullDisk(reserve)
    memories = PodMemories(tmp_path, disk)
    keeper = MemoryKeeper(memories)
    assert keeper.keep(PodMemory(pod=POD))
    assert reserve.stat().st_size == 64 * 1024
    disk.full = True
    assert not keeper.keep(PodMemory(pod=POD, terms={"a": 1})), "a term alone does not spend it"
    assert keeper.keep(PodMemory(pod=POD, latch="stopped"))
    assert not reserve.exists()
    kept = memories.load(POD)
    assert kept is not None
    assert kept.latch == "stopped"


def test_the_reserve_is_laid_anew_when_there_is_room(tmp_path: Path) -> None:
    memories = PodMemories(tmp_path)
    keeper = MemoryKeeper(memories)
    assert keeper.keep(PodMemory(pod=POD))
    assert memories.spend_reserve(POD)
    assert not memories.spend_reserve(POD)
    assert keeper.keep(PodMemory(pod=POD, latch="stopped"))
    assert memories.path(POD).with_name("reserve").exists()
