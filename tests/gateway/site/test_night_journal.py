"""The log of a night: written before anything sounds, kept through a full disk."""

from __future__ import annotations

import json
import os

import pytest

from raw_record import RawRecord
from sanctuary.gateway.site import disk, event_log
from sanctuary.gateway.site.event_log import EventLog


@pytest.fixture
def journal(tmp_path):
    journal = EventLog(tmp_path / "events.jsonl")
    yield journal
    journal.close()


def lines(journal):
    return [json.loads(line) for line in journal.path.read_text().splitlines()]


def test_records_reach_the_file_with_a_flush_and_are_kept(journal):
    journal.write(RawRecord(kind="a", t_s=1.0))
    assert lines(journal) == []
    assert journal.flush(durable=True)
    assert lines(journal) == [{"kind": "a", "t_s": 1.0}] == journal.records


def test_a_record_that_is_no_json_is_a_mistake_of_ours(journal):
    with pytest.raises(ValueError, match="float"):
        journal.write(RawRecord(kind="a", t_s=float("nan")))


@pytest.mark.parametrize("written", [0, 7])
def test_a_full_disk_is_told_once_and_nothing_is_lost(journal, monkeypatch, caplog, written):
    real = os.write

    def full(fd, raw):
        if written:
            return real(fd, raw[:written])
        raise OSError(28, "No space left on device")

    for k in range(3):
        monkeypatch.setattr(disk.os, "write", full)
        journal.write(RawRecord(k=k))
        assert not journal.flush()
    monkeypatch.setattr(disk.os, "write", real)
    assert journal.flush()
    assert lines(journal) == [{"k": 0}, {"k": 1}, {"k": 2}]
    assert [record.message.count("cannot be written") for record in caplog.records] == [1, 0]
    assert "can be written again" in caplog.text


def test_memory_is_bounded_and_losses_are_counted(journal, monkeypatch):
    monkeypatch.setattr(event_log, "MAX_WAITING", 10)
    for k in range(15):
        journal.write(RawRecord(k=k))
    assert journal.lost == 5
    journal.flush()
    assert [line["k"] for line in lines(journal)] == list(range(5, 15))


def test_half_a_line_left_by_a_power_cut_does_not_swallow_the_next(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind":"a"}\n{"kind":"b","t_s"')
    journal = EventLog(path)
    journal.write(RawRecord(kind="c"))
    journal.close()
    assert path.read_text().splitlines() == ['{"kind":"a"}', '{"kind":"b","t_s"', '{"kind":"c"}']
