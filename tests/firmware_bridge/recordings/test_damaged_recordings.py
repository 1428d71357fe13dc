"""Files that are cut off, unfinished or no recordings: used as far as they go, else refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from night_files import (
    cut_last_bytes,
    eeg_like,
    patch,
    set_field,
    set_record_count,
    write_edf,
    write_hypnogram_edf,
)
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording

FS_HZ = 128
RECORD_BYTES = 2 * 2 * FS_HZ


def night(tmp_path: Path, seconds: int = 10, **options: Any) -> Path:
    return write_edf(tmp_path / "night.edf", eeg_like(seconds, FS_HZ), FS_HZ, **options)


def refused(path: Path) -> str | None:
    """Message with which the file is refused, or None if it streams."""
    try:
        for _ in open_recording(path).blocks(60.0):
            pass
    except RecordingError as error:
        return str(error)
    return None


def length(path: Path) -> int:
    recording = open_recording(path)
    blocks = list(recording.blocks(3.0))
    assert sum(block.n_samples for block in blocks) == recording.info.n_samples
    assert all(np.isfinite(block.uv).all() for block in blocks)
    return recording.info.n_samples


@pytest.mark.parametrize("cut", [1, 7, RECORD_BYTES - 1, RECORD_BYTES, 4 * RECORD_BYTES + 13])
@pytest.mark.parametrize("bdf", [False, True])
def test_whole_data_records_of_a_cut_file_are_used_and_the_missing_time_is_told(
    tmp_path: Path, cut: int, bdf: bool
) -> None:
    path = cut_last_bytes(night(tmp_path, bdf=bdf), cut)
    record = RECORD_BYTES * 3 // 2 if bdf else RECORD_BYTES
    lost = -(-cut // record)
    assert length(path) == (10 - lost) * FS_HZ
    assert open_recording(path).warnings == (
        f"the file is cut off: the last {lost} s are missing, {10 - lost} s are used",
    )


def test_an_unfinished_file_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    path = cut_last_bytes(set_record_count(night(tmp_path), -1), 5)
    assert length(path) == 9 * FS_HZ
    assert open_recording(path).warnings == (
        "its recorder never finished the file; the 9 s that it holds are used",
    )


def test_more_data_than_the_header_counts_is_used(tmp_path: Path) -> None:
    path = set_record_count(night(tmp_path), 4)
    assert length(path) == 10 * FS_HZ
    assert open_recording(path).warnings == ("it holds 6 s more than its header counts; all 10 s are used",)


def test_stray_bytes_at_the_end_are_left_out(tmp_path: Path) -> None:
    path = night(tmp_path)
    path.write_bytes(path.read_bytes() + b"abc")
    assert length(path) == 10 * FS_HZ
    assert open_recording(path).warnings == (
        "the last 3 bytes of the file belong to no data record and are left out",
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(keep=st.integers(0, 768 + 10 * RECORD_BYTES))
def test_a_file_cut_anywhere_is_used_or_refused_in_one_sentence(tmp_path: Path, keep: int) -> None:
    whole = tmp_path / "whole.edf"
    if not whole.exists():
        write_edf(whole, eeg_like(10, FS_HZ), FS_HZ)
    path = tmp_path / "night.edf"
    path.write_bytes(whole.read_bytes()[:keep])
    if keep >= 768 + RECORD_BYTES:
        assert length(path) == (keep - 768) // RECORD_BYTES * FS_HZ
    else:
        with pytest.raises(RecordingError, match=str(path)):
            open_recording(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(place=st.integers(0, 1300), raw=st.binary(min_size=1, max_size=12))
def test_a_damaged_header_never_gives_a_traceback(tmp_path: Path, place: int, raw: bytes) -> None:
    path = patch(night(tmp_path, 3, annotations=[(1.0, None, "cue")]), place, raw)
    refusal = refused(path)
    assert refusal is None or refusal.startswith(f"{path}: ")


def test_a_header_without_data_is_refused(tmp_path: Path) -> None:
    path = cut_last_bytes(night(tmp_path, 1), 3)
    with pytest.raises(RecordingError, match="holds a header but no whole data record"):
        open_recording(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"onset_s,duration_s,stage\n0,30,W\n" * 50, "this is not a recording of a kind that is read"),
        (b"\x1f\x8b\x08" + bytes(600), "the gzip file is damaged"),
        (b"0       " + b" " * 100, "ends within its header"),
        (b"0       " + b" " * 300, "the number of signals is ''"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "night.edf"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("place", "raw", "message"),
    [
        (252, b"0   ", "0 signals"),
        (252, b"-3  ", "-3 signals"),
        (252, b"9999", "9999 signals"),
        (252, b"200 ", "ends within its header"),
        (236, b"many    ", "the number of data records is 'many'"),
        (244, b"0       ", "a data record lasts '0' seconds"),
        (244, b"-1      ", "a data record lasts '-1' seconds"),
        (244, b"nan     ", "a data record lasts 'nan' seconds"),
    ],
)
def test_a_damaged_fixed_header_is_named(tmp_path: Path, place: int, raw: bytes, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        open_recording(patch(night(tmp_path), place, raw))


@pytest.mark.parametrize(
    ("count", "message"), [(b"1.5", "samples in a data record is '1.5'"), (b"-128", "hold no samples")]
)
def test_a_damaged_sample_count_is_named(tmp_path: Path, count: bytes, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        open_recording(set_field(night(tmp_path), "samples", 1, count))


def test_a_file_of_annotations_only_has_no_signals(tmp_path: Path) -> None:
    path = write_hypnogram_edf(tmp_path / "hypnogram.edf", [(0, 30, "Sleep stage W")])
    with pytest.raises(RecordingError, match="no signals at all"):
        open_recording(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RecordingError, match="this is a folder without a recording that is read here; name a file"
    ):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match="there is no such file; check the path"):
        open_recording(tmp_path / "none.edf")
    with pytest.raises(RecordingError, match="cannot be read"):
        open_recording(night(tmp_path) / "within.edf")


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.edf")
    with pytest.raises(RecordingError, match="this is not an ordinary file"):
        open_recording(tmp_path / "pipe.edf")


def test_a_forbidden_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = night(tmp_path)

    def forbidden(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(RecordingError, match="reading is not allowed; change the file's permissions"):
        open_recording(path)


def test_a_file_that_shrinks_while_it_is_streamed_is_told(tmp_path: Path) -> None:
    recording = open_recording(night(tmp_path))
    cut_last_bytes(recording.info.path, RECORD_BYTES)
    with pytest.raises(RecordingError, match="became shorter while it was read"):
        list(recording.blocks())
