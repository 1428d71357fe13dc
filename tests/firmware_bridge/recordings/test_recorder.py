"""The night recorder: what is pushed is read back, with its marks and its lost samples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from night_files import eeg_like
from recorder_bench import CHANNELS, FS_HZ, START, Night, padded, read_back
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.signal.samples import SampleBlock


@pytest.fixture(autouse=True)
def _close_nights() -> Iterator[None]:
    yield
    while Night.begun:
        Night.begun.pop().recorder.close()


def test_what_is_pushed_in_any_blocks_is_read_back(tmp_path: Path) -> None:
    uv = eeg_like(10, FS_HZ)
    night = Night(tmp_path)
    for a, b in ((0, 1), (1, 300), (300, 1000), (1000, 2560)):
        night.push(uv[:, a:b], a)
    path = night.recorder.close()
    assert path == tmp_path / "harbour-1.edf"
    np.testing.assert_allclose(read_back(path), uv, atol=1000 / 32767)
    info = open_recording(path).info
    assert (info.channels, info.fs_hz, info.start) == (CHANNELS, FS_HZ, START.replace(tzinfo=None))
    assert info.rail_uv == (1000.0, 1000.0)
    assert open_recording(path).warnings == ()
    assert [file.name for file in tmp_path.iterdir()] == ["harbour-1.edf"]
    assert night.reports == []


def test_lost_samples_come_back_lost_and_no_others(tmp_path: Path) -> None:
    uv = eeg_like(10, FS_HZ)
    uv[:, 100:133] = np.nan
    uv[0, 700:1400] = np.nan
    uv[1, 2559] = np.nan
    night = Night(tmp_path)
    for start in range(0, 2560, 320):
        night.push(uv[:, start : start + 320], start)
    path = night.recorder.close()
    np.testing.assert_allclose(read_back(path), uv, atol=1000 / 32767)
    digital = read_layout(path)
    assert (digital.decode(digital.records(0, 1), (0, 1))[:, 100:133] == 0.0).all()
    losses = [(mark.text, round(mark.onset_s * 256)) for mark in open_recording(path).annotations]
    assert losses[0] == ("sample loss", 100)
    assert losses[-1] == ("sample loss@@AF8", 2559)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    lost=hnp.arrays(bool, (2, 900), elements=st.booleans()),
    cuts=st.lists(st.integers(1, 899), max_size=6),
)
def test_any_pattern_of_loss_survives(tmp_path: Path, lost: np.ndarray, cuts: list[int]) -> None:
    uv = np.where(lost, np.nan, eeg_like(900 / FS_HZ, FS_HZ))
    night = Night(tmp_path)
    edges = sorted({0, *cuts, 900})
    for a, b in pairwise(edges):
        night.push(uv[:, a:b], a)
    back = read_back(night.recorder.close())
    np.testing.assert_allclose(back[:, :900], uv, atol=1000 / 32767)
    assert np.isnan(back[:, 900:]).all()


def test_a_jump_of_the_sample_clock_is_one_loss(tmp_path: Path) -> None:
    uv = eeg_like(2, FS_HZ)
    night = Night(tmp_path)
    night.push(uv[:, :256], 0)
    night.push(uv[:, 256:], 256 + 3600 * 256 + 17)
    path = night.recorder.close()
    back = read_back(path)
    assert np.isnan(back[:, 256 : 256 + 3600 * 256 + 17]).all()
    np.testing.assert_allclose(back[:, 3601 * 256 + 17 :][:, :256], uv[:, 256:], atol=1000 / 32767)
    assert len(open_recording(path).annotations) == 2


def test_the_first_block_may_come_late_and_the_last_record_be_unfinished(tmp_path: Path) -> None:
    uv = eeg_like(1.5, FS_HZ)
    night = Night(tmp_path)
    night.push(uv, 100)
    expected = padded(np.concatenate([np.full((2, 100), np.nan), uv], axis=1))
    np.testing.assert_allclose(read_back(night.recorder.close()), expected, atol=1000 / 32767)


def test_samples_out_of_place_are_left_out_and_told_once(tmp_path: Path) -> None:
    uv = eeg_like(3, FS_HZ)
    night = Night(tmp_path)
    night.push(uv[:, :512], 0)
    night.push(uv[:, 200:300], 200)
    night.push(uv[:, 500:], 500)
    night.push(uv, 25 * 3600 * 256)
    np.testing.assert_allclose(read_back(night.recorder.close()), uv, atol=1000 / 32767)
    assert len(night.reports) == 1
    assert "do not follow 512" in night.reports[0]


def test_values_beyond_the_range_are_written_as_the_rail(tmp_path: Path) -> None:
    uv = eeg_like(1, FS_HZ)
    uv[0, 3:6] = (1e9, -1e9, np.inf)
    night = Night(tmp_path)
    night.push(uv, 0)
    assert read_back(night.recorder.close())[0, 3:6].tolist() == [1000.0, -1000.0, 1000.0]


def test_an_amplifier_with_a_wide_range_gets_24_bits(tmp_path: Path) -> None:
    uv = eeg_like(3, FS_HZ) + 160_000.0
    uv[:, 40:50] = np.nan
    night = Night(tmp_path, rail_uv=187_500.0)
    night.push(uv, 0)
    path = night.recorder.close()
    assert path.name == "harbour-1.bdf"
    np.testing.assert_allclose(read_back(path), uv, atol=0.0224)
    assert open_recording(path).info.rail_uv == (187_500.0, 187_500.0)


@pytest.mark.parametrize(("fs_hz", "record"), [(250.0, 250), (250.5, 501), (200.0, 200)])
def test_rates_need_whole_samples_in_a_record(tmp_path: Path, fs_hz: float, record: int) -> None:
    uv = eeg_like(5, fs_hz)
    night = Night(tmp_path, fs_hz)
    night.push(uv, 0)
    path = night.recorder.close()
    assert open_recording(path).info.fs_hz == fs_hz
    np.testing.assert_allclose(read_back(path), padded(uv, record), atol=0.05)


def test_marks_keep_their_time_text_and_length(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.recorder.annotate(0.5, "cue sound 38.0 dBA")
    night.push(eeg_like(3, FS_HZ), 0)
    night.recorder.annotate(2.125, "window harbour/7\x14\x00", 60.0)
    night.push(eeg_like(1, FS_HZ), 768)
    night.recorder.annotate(1.0, "é" * 99)
    marks = open_recording(night.recorder.close()).annotations
    assert [(mark.onset_s, mark.duration_s, mark.text) for mark in marks] == [
        (0.5, None, "cue sound 38.0 dBA"),
        (1.0, None, "é" * 50),
        (2.125, 60.0, "window harbour/7  "),
        (4.0, 1.0, "sample loss"),
    ]


def test_more_marks_than_fit_find_room_before_the_end(tmp_path: Path) -> None:
    uv = eeg_like(2, FS_HZ)
    night = Night(tmp_path)
    night.push(uv, 0)
    for i in range(50):
        night.recorder.annotate(i / 100, f"{i:02}" + "x" * 98)
    path = night.recorder.close()
    texts = [mark.text[:2] for mark in open_recording(path).annotations if mark.text != "sample loss"]
    assert texts == [f"{i:02}" for i in range(50)]
    back = read_back(path)
    np.testing.assert_allclose(back[:, :512], uv, atol=1000 / 32767)
    assert np.isnan(back[:, 512:]).all()


@pytest.mark.parametrize("t_s", [-1.0, float("nan"), float("inf")])
def test_marks_outside_time_are_refused(tmp_path: Path, t_s: float) -> None:
    with pytest.raises(ValueError, match="an annotation at"):
        Night(tmp_path).recorder.annotate(t_s, "cue")


def test_an_empty_night_is_a_valid_file(tmp_path: Path) -> None:
    back = read_back(Night(tmp_path).recorder.close())
    assert back.shape == (2, 256)
    assert np.isnan(back).all()


def test_closing_twice_is_harmless_and_nothing_can_follow(tmp_path: Path) -> None:
    night = Night(tmp_path)
    assert night.recorder.close() == night.recorder.close()
    with pytest.raises(ValueError, match="is finished"):
        night.push(eeg_like(1, FS_HZ), 0)
    with pytest.raises(ValueError, match="is finished"):
        night.recorder.annotate(0.0, "cue")


def test_a_night_never_overwrites_another(tmp_path: Path) -> None:
    first, second = Night(tmp_path), Night(tmp_path)
    (tmp_path / "harbour-1-3.edf").touch()
    third = Night(tmp_path)
    (tmp_path / "harbour-1.edf").touch()
    names = [night.recorder.close().name for night in (third, second, first)]
    assert names == ["harbour-1-4.edf", "harbour-1-2.edf", "harbour-1-5.edf"]
    assert (tmp_path / "harbour-1.edf").stat().st_size == 0


def test_nobody_else_may_read_a_night(tmp_path: Path) -> None:
    night = Night(tmp_path)
    assert night.recorder.part.stat().st_mode & 0o777 == 0o600
    assert night.recorder.close().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 101])
def test_names_that_are_no_file_name_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no file name"):
        NightRecorder(tmp_path, name, FS_HZ, CHANNELS, START)


def test_a_rate_without_whole_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no whole number of samples"):
        NightRecorder(tmp_path, "night", 256.013, CHANNELS, START)
    assert list(tmp_path.iterdir()) == []


def test_blocks_of_another_headband_are_refused(tmp_path: Path) -> None:
    night = Night(tmp_path)
    with pytest.raises(ValueError, match="in a night of"):
        night.recorder.push(SampleBlock(0, FS_HZ, ("AF7",), np.zeros((1, 4))))
    with pytest.raises(ValueError, match="in a night of"):
        night.recorder.push(SampleBlock(0, 250.0, CHANNELS, np.zeros((2, 4))))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot be recorded to"):
        Night(tmp_path / "file")
