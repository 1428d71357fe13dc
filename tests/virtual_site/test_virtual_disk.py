"""A virtual disk behaves as the promises of a real one allow, and the shells' storage holds on it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from raw_record import RawRecord
from sanctuary.config.errors import InputError
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.storage import RESERVE_BYTES, MemoryKeeper, PodMemories, SiteStore
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.host import VirtualClock
from sanctuary.virtual_site.virtual_disk import VirtualDisk

DATA = Path("/data")
LOG = DATA / "events.jsonl"
POD = "pod-1"


def test_what_was_not_synced_is_not_durable_and_a_full_disk_takes_none_of_it() -> None:
    durable: list[bytes] = []
    disk = VirtualDisk(lambda _path, raw: durable.append(raw))
    log = EventLog(LOG, disk)
    disk.fill()
    log.write(RawRecord(kind="cue"))
    assert not log.flush(durable=True)
    assert durable == []
    with pytest.raises(InputError, match="No space"):
        disk.replace(DATA / "memory", b"m", "a memory")
    disk.empty()
    assert log.flush(durable=True)
    assert durable == [b'{"kind":"cue"}\n']


@pytest.mark.parametrize("seed", range(20))
def test_a_power_failure_takes_what_was_not_synced_and_the_next_log_goes_on_behind_half_a_line(
    seed: int,
) -> None:
    disk = VirtualDisk()
    log = EventLog(LOG, disk)
    log.write(RawRecord(n=1))
    assert log.flush(durable=True)
    log.write(RawRecord(n=2))
    assert log.flush()
    disk.fail_power(Random(seed))
    again = EventLog(LOG, disk)
    again.write(RawRecord(n=3))
    again.close()
    lines = disk.read(LOG).splitlines()
    assert (json.loads(lines[0]), json.loads(lines[-1])) == ({"n": 1}, {"n": 3})
    assert len(lines) <= 3


def test_a_short_write_is_finished_once_there_is_room() -> None:
    disk = VirtualDisk()
    log = EventLog(LOG, disk)
    disk.free_bytes = 5.0
    log.write(RawRecord(kind="a"))
    assert not log.flush()
    assert disk.read(LOG) == b'{"kin'
    disk.empty()
    assert log.flush(durable=True)
    assert disk.read(LOG) == b'{"kind":"a"}\n'


def test_a_latch_is_kept_on_a_full_disk_in_the_reserve_and_a_term_is_not() -> None:
    disk = VirtualDisk()
    memories = PodMemories(DATA, disk)
    keeper = MemoryKeeper(memories, VirtualClock(EventQueue()))
    assert keeper.keep(PodMemory(pod=POD))
    disk.fill()
    assert not keeper.keep(PodMemory(pod=POD, terms={"a": 1, "b": 2, "c": 3}))
    assert keeper.keep(PodMemory(pod=POD, latch="stopped"))
    assert 0 < disk.free_bytes < RESERVE_BYTES
    kept = memories.load(POD)
    assert kept is not None
    assert kept.latch == "stopped"


def test_a_store_reads_back_what_it_kept() -> None:
    store = SiteStore(DATA, VirtualDisk())
    store.keep_term(7)
    store.keep_consent(POD, b"entry")
    again = SiteStore(DATA, store.disk)
    assert (again.term(), again.consent(POD)) == (7, (b"entry",))
    assert again.secret() == again.secret()
