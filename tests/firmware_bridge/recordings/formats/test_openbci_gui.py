"""Text files of the OpenBCI GUI, versions 2 to 6: units, time, gaps, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import recording_files as files
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import assert_samples, read_back

FS_HZ = 250
N = FS_HZ * 30
LOCAL = datetime.fromisoformat("2026-03-01T23:30:05.120")
"""`files.START` one hour east of Greenwich."""
TWO_DECIMALS = 0.0051


@pytest.fixture(name="uv")
def _uv() -> np.ndarray:
    return files.eeg(8, N, offset_uv=-20_000.0)


@pytest.mark.parametrize("names_of_6", [False, True])
@pytest.mark.parametrize("marker", [False, True])
def test_version_5_and_6_are_read_by_the_names_of_columns(
    tmp_path: Path, uv: np.ndarray, names_of_6: bool, marker: bool
) -> None:
    rows = files.kept(N, [(700, 1), (2000, 12)])
    data = files.gui_5(uv, files.ticks(N, FS_HZ), rows, names_of_6=names_of_6, marker=marker)
    read = read_back(tmp_path / "anything.csv", data)
    assert read.source.format == "OpenBCI GUI text"
    assert [channel.label for channel in read.source.channels] == [f"EXG Channel {i}" for i in range(8)]
    assert {channel.unit for channel in read.source.channels} == {"uV"}
    assert {channel.fs_hz for channel in read.source.channels} == {250.0}
    assert_samples(read, uv, rows, within_uv=0.0)
    assert "13 samples of 7500 are missing in 2 places, 0.052 s" in read.said


def test_java_writes_exponents(tmp_path: Path) -> None:
    uv = np.array([[4.2e-4, -3.5e-4, 1.5, 1.2e-9] * 100, [0.0, 12.0, -7.25, 3e-5] * 100])
    data = files.gui_5(uv, files.ticks(400, FS_HZ), range(400))
    assert "4.2E-4" in data
    assert "E9, 0.0, 2026" in data
    assert_samples(read_back(tmp_path / "night", data), uv, np.arange(400), within_uv=0.0)


@pytest.mark.parametrize("milliseconds", [False, True])
@pytest.mark.parametrize("first_line", ["%OpenBCI Raw EEG Data", "%Raw EEG Data"])
@pytest.mark.parametrize("count", [False, True])
def test_version_2_to_4_are_read_by_their_places(
    tmp_path: Path, uv: np.ndarray, milliseconds: bool, first_line: str, count: bool
) -> None:
    rows = files.kept(N, [(700, 1), (2000, 40)])
    stamps = files.ticks(N, FS_HZ)
    data = files.gui_4(uv, stamps, rows, milliseconds=milliseconds, first_line=first_line, count=count)
    read = read_back(tmp_path / "OpenBCI-RAW-2026-03-01_23-30-04.txt", data)
    assert [channel.label for channel in read.source.channels] == [f"EXG Channel {i}" for i in range(8)]
    assert_samples(read, uv, rows, within_uv=TWO_DECIMALS)
    assert read.source.start is not None
    assert abs(read.source.start - LOCAL) < timedelta(seconds=0.004)


def test_the_start_is_local_time_by_the_text_column(tmp_path: Path, uv: np.ndarray) -> None:
    for zone_h in (-9.5, 0.0, 5.75, 13.0):
        data = files.gui_5(uv, files.ticks(N, FS_HZ), range(500), zone_h=zone_h)
        start = read_back(tmp_path / "night.txt", data).source.start
        assert start is not None
        assert abs(start - (LOCAL + timedelta(hours=zone_h - 1))) < timedelta(seconds=0.004)


def test_milliseconds_give_the_date_whatever_the_name(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.gui_4(uv, files.ticks(N, FS_HZ), range(500), milliseconds=True, zone_h=-8.0)
    start = read_back(tmp_path / "night.txt", data).source.start
    assert start is not None
    assert abs(start - (LOCAL - timedelta(hours=9))) < timedelta(seconds=0.004)


def test_version_2_takes_the_date_of_its_name_and_passes_midnight(tmp_path: Path) -> None:
    late = files.START.replace(hour=22, minute=59, second=40)
    uv = files.eeg(8, N)
    rows = files.kept(N, [(6000, 300)])
    data = files.gui_4(uv, files.ticks(N, FS_HZ, late), rows)
    assert "23:59:59" in data
    assert "00:00:01" in data
    read = read_back(tmp_path / "OpenBCI-RAW-2026-03-01_23-59-39.txt", data)
    assert_samples(read, uv, rows, within_uv=TWO_DECIMALS)
    assert read.source.start is not None
    assert abs(read.source.start - datetime.fromisoformat("2026-03-01T23:59:40.120")) < timedelta(
        seconds=0.01
    )


def test_a_session_opened_before_midnight_and_begun_after_it_has_the_next_date(tmp_path: Path) -> None:
    after = files.START.replace(hour=23, minute=0, second=3)
    data = files.gui_4(files.eeg(8, 500), files.ticks(500, FS_HZ, after), range(500))
    read = read_back(tmp_path / "OpenBCI-RAW-2026-03-01_23-59-58.txt", data)
    assert read.source.start is not None
    assert read.source.start.replace(microsecond=0) == datetime.fromisoformat("2026-03-02T00:00:03")


def test_without_the_date_in_its_name_the_start_is_unknown_and_said(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.gui_4(uv, files.ticks(N, FS_HZ), range(500))
    read = read_back(tmp_path / "night.txt", data)
    assert read.source.start is None
    assert "--start-time" in read.said
    told = datetime.fromisoformat("2026-01-02T03:04:05")
    read = read_back(tmp_path / "night.txt", data, ReadingOptions(start=told))
    assert read.source.start == told
    assert "--start-time" not in read.said


def test_holes_of_whole_turns_of_the_counter_are_found_by_the_stamps(tmp_path: Path, uv: np.ndarray) -> None:
    rows = files.kept(N, [(1500, 256), (3000, 256 * 3), (5000, 256 * 2 + 77)])
    stamps = files.in_bunches(files.ticks(N, FS_HZ), 25)
    for data in (files.gui_5(uv, stamps, rows), files.gui_4(uv, stamps, rows)):
        read = read_back(tmp_path / "OpenBCI-RAW-2026-03-01_23-30-04.txt", data)
        assert_samples(read, uv, rows, within_uv=TWO_DECIMALS)
        assert "1613 samples" in read.said


def test_a_computer_that_stalls_makes_no_hole(tmp_path: Path) -> None:
    n = 2 * N
    uv, stamps = files.eeg(4, n), files.ticks(n, FS_HZ)
    for first, seconds in ((2000, 1.3), (6000, 4.0), (10_000, 6.1)):
        late = slice(first, first + round(seconds * FS_HZ))
        stamps[late] = stamps[late.stop]
    read = read_back(tmp_path / "night.txt", files.gui_5(uv, stamps, range(n)))
    assert_samples(read, uv, np.arange(n), within_uv=0.0)
    assert "missing" not in read.said


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(np.arange(N) * 2 % 256, id="Daisy, even numbers"),
        pytest.param(np.arange(N) * 2 % 256 + 1, id="Daisy, odd numbers"),
        pytest.param(np.arange(N) % 101, id="0 to 100"),
        pytest.param(np.arange(N) % 201, id="0 to 200"),
        pytest.param(np.arange(N) % 101 // 1 * 2 % 202, id="steps of two to 200"),
        pytest.param(
            np.concatenate(([0], np.repeat(np.arange(101, 201), 2)))[np.arange(N) % 201], id="Ganglion"
        ),
        pytest.param(np.arange(N) // 2 % 101, id="0 to 100 twice each"),
    ],
)
def test_the_counter_is_what_the_file_shows(tmp_path: Path, uv: np.ndarray, index: np.ndarray) -> None:
    rows = files.kept(N, [(2501, 1), (3500, 40), (4500, 700)])
    data = files.gui_5(uv, files.in_bunches(files.ticks(N, FS_HZ), 10), rows, index=index)
    read = read_back(tmp_path / "night.txt", data)
    assert read.values.shape[1] == N
    at = np.flatnonzero(np.isnan(read.values[0]))
    lost = np.setdiff1d(np.arange(N), rows)
    assert len(at) == len(lost)
    assert int(np.abs(at - lost).max()) <= 1, (
        "a number that two samples bear does not tell which of them is lost"
    )


def test_a_daisy_whose_header_names_the_rate_of_a_cyton_follows_its_stamps(tmp_path: Path) -> None:
    uv = files.eeg(16, N // 2)
    data = files.gui_4(uv, files.ticks(N // 2, 125), range(N // 2), milliseconds=True)
    read = read_back(tmp_path / "night.txt", data)
    assert read.source.channels[0].fs_hz == 125.0
    assert "by its time stamps it has 125 Hz" in read.said


def test_a_board_whose_clock_is_off_follows_the_stamps(tmp_path: Path) -> None:
    n = FS_HZ * 120
    uv = np.zeros((4, n)) + np.arange(n) % 50
    read = read_back(tmp_path / "night.txt", files.gui_5(uv, files.ticks(n, 249.5), range(n)))
    assert read.source.channels[0].fs_hz == pytest.approx(249.5, rel=1e-5)
    assert "249.500 Hz" in read.said


def test_a_channel_at_its_rail_is_said_and_lost(tmp_path: Path, uv: np.ndarray) -> None:
    uv[3] = -187500.02
    uv[4, 2500:2600] = 187500.0
    read = read_back(tmp_path / "night.txt", files.gui_4(uv, files.ticks(N, FS_HZ), range(N)))
    assert np.isnan(read.values[3]).all()
    assert np.isnan(read.values[4, 2500:2600]).all()
    assert np.isfinite(read.values[4, :2500]).all()
    assert "'EXG Channel 3' is at the end of its range in about 100 %" in read.said
    assert read.source.rail(0) == pytest.approx(187_500, rel=1e-4)


def test_a_lower_gain_has_a_higher_rail(tmp_path: Path, uv: np.ndarray) -> None:
    uv[2] = 562_500.0
    uv[1] += 300_000.0
    read = read_back(tmp_path / "night.txt", files.gui_4(uv, files.ticks(N, FS_HZ), range(N)))
    assert read.source.rail(0) == pytest.approx(562_500, rel=1e-4)
    assert np.isfinite(read.values[1]).all()
    assert np.isnan(read.values[2]).all()


def test_large_offsets_are_no_wrong_unit(tmp_path: Path, uv: np.ndarray) -> None:
    (tmp_path / "night.txt").write_text(files.gui_5(uv, files.ticks(N, FS_HZ), range(N)))
    recording = open_recording(tmp_path / "night.txt", ["EXG Channel 0", "EXG Channel 1"])
    assert not [text for text in recording.warnings if "unit" in text or "flat" in text]
    block = next(recording.blocks())
    assert float(block.uv.mean()) == pytest.approx(-20_000.0, abs=1.0)


def test_a_session_in_several_files_is_one_recording(tmp_path: Path, uv: np.ndarray) -> None:
    stamps = files.ticks(N, FS_HZ)
    cuts = [(0, 2500), (2550, 4500), (4500, N)]
    for number, (a, b) in enumerate(cuts):
        (tmp_path / f"OpenBCI-RAW-x_{number}.txt").write_text(files.gui_5(uv, stamps, range(a, b)))
    rows = files.kept(N, [(2500, 50)])
    read = read_back(tmp_path / "OpenBCI-RAW-x_0.txt")
    assert_samples(read, uv, rows, within_uv=0.0)
    assert "2 more files, up to OpenBCI-RAW-x_2.txt" in read.said
    alone = read_back(tmp_path / "OpenBCI-RAW-x_2.txt")
    assert alone.values.shape[1] == N - 4500
    assert "continues OpenBCI-RAW-x_1.txt" in alone.said


def test_a_counter_that_begins_anew_in_the_next_file_costs_nothing(tmp_path: Path, uv: np.ndarray) -> None:
    stamps = files.ticks(N, FS_HZ)
    index = np.concatenate((np.arange(2500), np.arange(N - 2500))) % 256
    for number, (a, b) in enumerate([(0, 2500), (3400, N)]):
        text = files.gui_5(uv, stamps, range(a, b), index=index)
        (tmp_path / f"raw_{number}.txt").write_text(text)
    read = read_back(tmp_path / "raw_0.txt")
    assert_samples(read, uv, files.kept(N, [(2500, 900)]), within_uv=0.0)


def test_what_follows_another_session_is_not_joined(tmp_path: Path, uv: np.ndarray) -> None:
    (tmp_path / "raw_0.txt").write_text(files.gui_5(uv, files.ticks(N, FS_HZ), range(1000)))
    (tmp_path / "raw_1.txt").write_text("notes of the night\n")
    assert read_back(tmp_path / "raw_0.txt").values.shape[1] == 1000


def test_aux_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "OpenBCI-RAW-Aux-2026.txt"
    path.write_text("%OpenBCI Raw Aux Data\n%Number of channels = 0\nSample Index, Timestamp\n")
    with pytest.raises(RecordingError, match=r"OpenBCI-RAW-Aux-2026\.txt: this is the Aux file .* no EEG"):
        read_back(path)


@pytest.mark.parametrize("form", ["4", "5"])
def test_decimal_commas_between_commas_are_refused(tmp_path: Path, uv: np.ndarray, form: str) -> None:
    stamps = files.ticks(N, FS_HZ)
    data = files.gui_4(uv, stamps, range(300)) if form == "4" else files.gui_5(uv, stamps, range(300))
    head, rows = data[: data.index("\n0") + 1], data[data.index("\n0") + 1 :]
    for text in (head + rows.replace(".", ","), head + rows.replace(", ", ",").replace(".", ",")):
        with pytest.raises(RecordingError, match="decimal commas"):
            read_back(tmp_path / "night.txt", text)


def test_a_header_that_contradicts_the_rows_is_refused(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.gui_4(uv[:7], files.ticks(N, FS_HZ), range(300))
    with pytest.raises(RecordingError, match="7 channels"):
        read_back(tmp_path / "night.txt", data)


def test_a_missing_rate_is_assumed_and_said(tmp_path: Path) -> None:
    data = files.gui_4(files.eeg(4, 2000), files.ticks(2000, 200), range(2000), count=False)
    data = "\n".join(line for line in data.split("\n") if "Sample Rate" not in line)
    read = read_back(tmp_path / "night.txt", data)
    assert read.source.channels[0].fs_hz == 200.0
    assert "200 Hz is assumed" in read.said


def test_a_rate_with_decimals_is_read(tmp_path: Path) -> None:
    data = files.gui_4(files.eeg(16, 3000), files.ticks(3000, 125), range(3000), fs_hz=125.0)
    assert "%Sample Rate = 125.0 Hz" in data
    assert read_back(tmp_path / "night.txt", data).source.channels[0].fs_hz == 125.0


def test_a_gain_is_of_no_use_and_that_is_said(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.gui_5(uv, files.ticks(N, FS_HZ), range(500))
    assert "--gain 12" in read_back(tmp_path / "night.txt", data, ReadingOptions(gain=12)).said
