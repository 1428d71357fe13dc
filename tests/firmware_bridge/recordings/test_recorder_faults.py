"""The night recorder through crashes and full disks: what was pushed is not lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from night_files import eeg_like, write_edf
from recorder_bench import FS_HZ, Night, disk_full_at, read_back
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recorder import recover


@pytest.fixture(autouse=True)
def _close_nights() -> Iterator[None]:
    yield
    while Night.begun:
        Night.begun.pop().recorder.close()


def test_after_a_crash_the_spool_is_a_night_without_its_end(tmp_path: Path) -> None:
    uv = eeg_like(10.5, FS_HZ)
    night = Night(tmp_path)
    night.recorder.annotate(3.0, "cue")
    night.push(uv, 0)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    shutil.copy(night.recorder.part, crashed)
    with (crashed / "harbour-1.edf.part").open("ab") as torn:
        torn.write(bytes(700))
    told: list[str] = []
    (path,) = recover(crashed, told.append)
    assert path == crashed / "harbour-1.edf"
    assert told == [f"{path}: recovered from a recording that was not closed"]
    np.testing.assert_allclose(read_back(path), uv[:, :2560], atol=1000 / 32767)
    assert [mark.text for mark in open_recording(path).annotations] == ["cue"]
    assert [file.name for file in crashed.iterdir()] == ["harbour-1.edf"]
    assert recover(crashed, told.append) == []
    night.recorder.close()


CRASHING = """
import os, sys
from datetime import datetime, UTC
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar
import numpy as np
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.signal.samples import SampleBlock
recorder = NightRecorder(Path(sys.argv[1]), "night", 256.0, ("AF7", "AF8"), datetime.now(UTC))
recorder.push(SampleBlock(0, 256.0, ("AF7", "AF8"), np.full((2, 1000), 12.5)))
os._exit(9)
"""


def test_a_recorder_killed_outright_leaves_every_whole_second(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", CRASHING, str(tmp_path)], check=False).returncode == 9
    (path,) = recover(tmp_path)
    back = read_back(path)
    assert back.shape == (2, 768)
    np.testing.assert_allclose(back, 12.5, atol=0.05)


def test_recovering_leaves_a_night_in_progress_alone(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.push(eeg_like(2, FS_HZ), 0)
    told: list[str] = []
    assert recover(tmp_path, told.append) == []
    assert told == []
    assert read_back(night.recorder.close()).shape == (2, 512)


def test_recovering_removes_empty_spools_and_reports_damaged_ones(tmp_path: Path) -> None:
    (tmp_path / "empty.edf.part").touch()
    (tmp_path / "damaged.edf.part").write_bytes(b"no EDF at all")
    (tmp_path / "folder.edf.part").mkdir()
    (tmp_path / "other.zip.part").write_bytes(b"not ours")
    night = write_edf(tmp_path / "header.edf.part", eeg_like(1, FS_HZ), FS_HZ)
    night.write_bytes(night.read_bytes()[:800])
    told: list[str] = []
    assert recover(tmp_path, told.append) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "damaged.edf.part",
        "folder.edf.part",
        "other.zip.part",
    ]
    assert len(told) == 2
    assert "damaged.edf.part: this is not an EDF or BDF file" in told[0]
    assert "folder.edf.part: this unfinished night cannot be recovered yet" in told[1]


def test_recovering_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path / "none") == []


def test_a_full_disk_costs_nothing_while_memory_lasts_and_is_told_once(tmp_path: Path) -> None:
    uv = eeg_like(60, FS_HZ)
    night = Night(tmp_path)
    night.push(uv[:, : 20 * 256], 0)
    with disk_full_at(24_000):
        for second in range(20, 40):
            night.push(uv[:, second * 256 : (second + 1) * 256], second * 256)
        assert len(night.reports) == 1
        assert "the disk takes no data (File too large); free some space" in night.reports[0]
        torn = (night.recorder.part.stat().st_size - len(read_layout(night.recorder.part).header)) % 1216
        assert torn == 0
    night.push(uv[:, 40 * 256 :], 40 * 256)
    assert len(night.reports) == 2
    assert "takes data again; 0 s of signal were lost" in night.reports[1]
    np.testing.assert_allclose(read_back(night.recorder.close()), uv, atol=1000 / 32767)
    assert len(night.reports) == 2


def test_a_disk_full_for_long_costs_the_oldest_signal_but_no_marks(tmp_path: Path) -> None:
    uv = eeg_like(60, FS_HZ)
    night = Night(tmp_path, waiting_bytes=10 * 2 * 256 * 4)
    with disk_full_at(5 * 1216 + 1024):
        for second in range(40):
            night.push(uv[:, second * 256 : (second + 1) * 256], second * 256)
            night.recorder.annotate(second + 0.5, f"mark {second}")
    night.push(uv[:, 40 * 256 :], 40 * 256)
    assert [report.split(": ")[1][:25] for report in night.reports] == [
        "the disk takes no data (F",
        "the disk takes data again",
    ]
    path = night.recorder.close()
    back = read_back(path)
    lost = np.isnan(back[0, : 60 * 256]).reshape(60, 256).all(axis=1)
    assert f"{lost.sum()} s of signal were lost" in night.reports[1]
    assert 20 <= lost.sum() <= 30
    assert np.flatnonzero(lost).tolist() == list(range(np.flatnonzero(lost)[0], np.flatnonzero(lost)[-1] + 1))
    kept = np.repeat(~lost, 256)
    np.testing.assert_allclose(back[:, : 60 * 256][:, kept], uv[:, kept], atol=1000 / 32767)
    texts = [mark.text for mark in open_recording(path).annotations]
    assert [f"mark {i}" for i in range(40)] == [text for text in texts if text.startswith("mark")]


def test_closing_on_a_full_disk_keeps_the_night_and_may_be_tried_again(tmp_path: Path) -> None:
    uv = eeg_like(10, FS_HZ)
    night = Night(tmp_path)
    with disk_full_at(5000):
        night.push(uv, 0)
        with pytest.raises(RecordingError, match=r"harbour-1\.edf\.part: the night cannot be finished"):
            night.recorder.close()
    np.testing.assert_allclose(read_back(night.recorder.close()), uv, atol=1000 / 32767)


def test_a_disk_that_is_full_from_the_start_gets_the_whole_night_later(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ)
    night = Night(tmp_path)
    with disk_full_at(100):
        night.push(uv, 0)
    assert night.recorder.part.stat().st_size == 0
    np.testing.assert_allclose(read_back(night.recorder.close()), uv, atol=1000 / 32767)
