"""Captures: what was read is what is replayed, whole or cut off, and a full disk costs the capture only."""

import errno
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.links.link import Chunk
from sanctuary.firmware_bridge.recordings.capture import (
    EVENT,
    MAGIC,
    RETRY_S,
    CapturedLinkEvent,
    CaptureHeader,
    CaptureReader,
    CaptureWriter,
    pack,
    pack_event,
)
from virtual_boards import HandClock

HEADER = CaptureHeader("muse", {"AF7": 2, "AF8": 3}, {"preset": "p21"}, "Muse-1", "2026-01-02T03:04:05+01:00")

chunks = st.builds(Chunk, st.floats(-1e6, 1e6), st.integers(0, EVENT - 1), st.binary(max_size=300))


def write(path: Path, *records: bytes) -> Path:
    path.write_bytes(HEADER.to_bytes() + b"".join(records))
    return path


@given(st.lists(chunks, max_size=20), st.data())
def test_whatever_was_logged_is_read_however_it_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, told: list[Chunk], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("capture") / "n.capture"
    records = [pack(chunk.at_s, chunk.source, chunk.data) for chunk in told]
    whole = b"".join(records)
    keep = data.draw(st.integers(0, len(whole)))
    path.write_bytes(HEADER.to_bytes() + whole[:keep])
    reader = CaptureReader(path)
    assert reader.header == HEADER
    read = list(reader.records())
    lengths = [sum(map(len, records[: n + 1])) for n in range(len(records))]
    expected = sum(length <= keep for length in lengths)
    assert read == told[:expected]
    assert reader.cut_off == keep - (lengths[expected - 1] if expected else 0)


def test_events_are_told_apart_from_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "n.capture", pack_event(1.5, "started", 3), pack(2.0, 0, b"x"))
    assert list(CaptureReader(path).records()) == [CapturedLinkEvent(1.5, "started", 3), Chunk(2.0, 0, b"x")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a capture; make one with"),
        (b"EDF", "not a capture"),
        (MAGIC + b"{}\n", "line 1: the capture's header is damaged"),
        (MAGIC + b"nonsense\n", "line 1: the capture's header is damaged"),
        (MAGIC + b"x" * 5000, "not a capture"),
    ],
)
def test_what_is_no_capture_is_refused_by_name(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "n.capture"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=told) as caught:
        CaptureReader(path)
    assert str(path) in str(caught.value)


def test_a_missing_capture_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        CaptureReader(tmp_path / "none.capture")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (b"\x00" * 8 + b"\x01\xff\xff\xff\xff", "a damaged record"),
        (pack(1.0, EVENT, b"{]"), "a damaged event"),
        (pack(1.0, EVENT, b"[]"), "a damaged event"),
        (pack(float("nan"), 1, b"x"), "a damaged record"),
    ],
)
def test_damage_inside_names_the_byte(tmp_path: Path, damage: bytes, told: str) -> None:
    path = write(tmp_path / "n.capture", pack(0.0, 1, b"good"), damage)
    reader = CaptureReader(path)
    records = reader.records()
    assert next(records) == Chunk(0.0, 1, b"good")
    with pytest.raises(RecordingError, match=rf"byte \d+: {told}"):
        next(records)


def test_records_count_from_the_beginning_and_reach_the_disk_in_time(tmp_path: Path) -> None:
    clock = HandClock()
    clock.now_s = 100.0
    writer = CaptureWriter(tmp_path / "a" / "n.capture", HEADER, clock=clock)
    writer.event("started", None)
    clock.now_s = 103.0
    writer.chunk(Chunk(102.5, 7, b"abc"))
    read = list(CaptureReader(writer.path).records())  # before it is closed
    assert read == [CapturedLinkEvent(0.0, "started"), Chunk(2.5, 7, b"abc")]
    writer.close()


def test_a_capture_never_overwrites_another(tmp_path: Path) -> None:
    path = write(tmp_path / "n.capture")
    with pytest.raises(InputError, match="no capture can be written there"):
        CaptureWriter(path, HEADER)


class FullDisk:
    """A file that takes half of what it is given and then nothing, until there is room."""

    def __init__(self, file: object) -> None:
        self.file = file
        self.full = False

    def write(self, data: bytes) -> int:
        if not self.full:
            return self.file.write(data)
        if len(data) > 5:
            return self.file.write(data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_a_full_disk_is_said_once_leaves_no_torn_record_and_is_recovered_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock()
    writer = CaptureWriter(tmp_path / "n.capture", HEADER, clock=clock)
    disk = writer._file = FullDisk(writer._file)

    def log(second: int) -> None:
        clock.now_s = float(second)
        writer.chunk(Chunk(clock.now_s, 1, bytes([second])))

    with caplog.at_level(logging.WARNING):
        for second in range(60):
            disk.full = 10 <= second < 30
            log(second)
        writer.close()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "the capture has a hole from here on (No space left on device)" in lines[0]
    assert "the capture goes on" in lines[1]
    seconds = [record.data[0] for record in CaptureReader(writer.path).records()]
    assert seconds == sorted(set(seconds))
    assert set(range(7)) <= set(seconds)
    assert set(range(31 + int(RETRY_S), 60)) <= set(seconds)
    assert not set(range(12, 29)) & set(seconds)


def test_behind_a_hole_stands_what_the_hole_swallowed(tmp_path: Path) -> None:
    clock = HandClock()
    writer = CaptureWriter(tmp_path / "n.capture", HEADER, clock=clock)
    disk = writer._file = FullDisk(writer._file)
    writer.event("started", 2)
    disk.full = True
    clock.now_s = 5.0
    writer.event("closed")
    clock.now_s = 6.0
    writer.event("started", 3)
    disk.full = False
    clock.now_s = 5.0 + RETRY_S
    writer.chunk(Chunk(clock.now_s, 1, b"x"))
    writer.close()
    read = list(CaptureReader(writer.path).records())
    assert read == [CapturedLinkEvent(clock.now_s, "started", 3), Chunk(clock.now_s, 1, b"x")]


def test_a_disk_that_was_full_from_the_beginning_has_a_readable_capture_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock()
    disks: list[FullDisk] = []

    def full(path: Path, mode: str, buffering: int) -> FullDisk:
        disks.append(FullDisk(open(path, mode, buffering)))  # noqa: SIM115, PTH123  it stands for Path.open
        disks[0].full = True
        return disks[0]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        writer = CaptureWriter(tmp_path / "n.capture", HEADER, clock=clock)
    disks[0].full = False
    clock.now_s = RETRY_S
    writer.chunk(Chunk(clock.now_s, 1, b"x"))
    writer.close()
    assert list(CaptureReader(writer.path).records()) == [Chunk(clock.now_s, 1, b"x")]
