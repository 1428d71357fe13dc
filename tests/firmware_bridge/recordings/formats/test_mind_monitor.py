"""Files of Mind Monitor: centre, events, time by text, holes by stamps, and averages refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import recording_files as files
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import ReadBack, read_back

FS_HZ = 256
N = FS_HZ * 30
STEP_UV = 1682.815 / 4095


@pytest.fixture(name="uv")
def _uv() -> np.ndarray:
    return np.rint(files.eeg(4, N) / STEP_UV) * STEP_UV


def assert_eeg(read: ReadBack, uv: np.ndarray, rows: np.ndarray) -> None:
    """Samples in their places, but for a constant that the running median leaves."""
    expected = np.full((4, int(rows[-1]) + 1), np.nan)
    expected[:, rows] = uv[:, rows]
    found = read.values[:4]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    off = found - expected
    off -= np.nanmean(off, axis=1, keepdims=True)
    assert float(np.nanmax(np.abs(off))) < STEP_UV / 2


@pytest.mark.parametrize("bunch", [1, 12, 50])
@pytest.mark.parametrize("short", [False, True])
def test_raw_columns_are_read_by_name_and_holes_by_the_stamps(
    tmp_path: Path, uv: np.ndarray, bunch: int, short: bool
) -> None:
    rows = files.kept(N, [(1500, 500), (4800, 24)])
    stamps = files.in_bunches(files.ticks(N, FS_HZ), bunch)
    read = read_back(tmp_path / "a", files.mind_monitor(uv, stamps, rows, short=short))
    assert read.source.format == "Mind Monitor CSV"
    assert [c.label for c in read.source.channels] == ["TP9", "AF7", "AF8", "TP10", "AUX_RIGHT"]
    assert {(c.unit, c.fs_hz) for c in read.source.channels} == {("uV", 256.0)}
    if bunch == 1:
        assert_eeg(read, uv, rows)
    there = np.flatnonzero(np.isfinite(read.values[0]))
    assert len(there) == len(rows)
    assert int(np.abs(there - rows).max()) <= bunch, (
        "rows that arrive together tell a hole to about their number"
    )


def test_aux_may_be_absent(tmp_path: Path, uv: np.ndarray) -> None:
    read = read_back(tmp_path / "a", files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N), aux=False))
    assert [c.label for c in read.source.channels] == ["TP9", "AF7", "AF8", "TP10"]
    assert_eeg(read, uv, np.arange(N))


def test_the_start_is_the_local_time_of_the_first_row(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N), zone_h=-5.0)
    read = read_back(tmp_path / "a", data)
    assert read.source.start is not None
    expected = datetime.fromisoformat("2026-03-01T17:30:05.120")
    assert abs(read.source.start - expected) < timedelta(seconds=0.004)
    assert read.said == ""
    told = datetime.fromisoformat("2026-01-01T00:00:00")
    assert read_back(tmp_path / "a", data, ReadingOptions(start=told)).source.start == told


def test_events_are_marks_and_no_samples(tmp_path: Path, uv: np.ndarray) -> None:
    events = [(300, "/muse/elements/blink"), (2560, "/Marker/1"), (5000, "/muse/elements/jaw_clench")]
    data = files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N), events=events)
    read = read_back(tmp_path / "a", data)
    assert_eeg(read, uv, np.arange(N))
    assert [mark.text for mark in read.source.annotations] == [text for _, text in events]
    for mark, (row, _) in zip(read.source.annotations, events, strict=True):
        assert mark.onset_s == pytest.approx(row / FS_HZ, abs=0.003)
    assert "cannot be read" not in read.said


def test_an_event_with_few_fields_is_an_event(tmp_path: Path, uv: np.ndarray) -> None:
    lines = files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N)).splitlines()
    lines.insert(400, f"{lines[400].split(',')[0]},/muse/event/disconnected")
    read = read_back(tmp_path / "a", "\n".join(lines) + "\n")
    assert_eeg(read, uv, np.arange(N))
    assert [mark.text for mark in read.source.annotations] == ["/muse/event/disconnected"]


def test_a_centre_that_differs_and_drifts_is_taken_away(tmp_path: Path) -> None:
    n = FS_HZ * 200
    uv = files.eeg(4, n)
    centre = np.array([760.0, 850.0, 820.0, 805.0])[:, np.newaxis] + np.linspace(0.0, 60.0, n)
    data = (
        "\n".join(files.mind_monitor(uv + centre - 800.0, files.ticks(n, FS_HZ), range(n)).splitlines())
        + "\n"
    )
    read = read_back(tmp_path / "a", data)
    middle = slice(FS_HZ * 40, FS_HZ * 160)
    assert np.abs(np.median(read.values[:4, middle], axis=1)).max() < 2.0
    assert float(np.std(read.values[:4, middle] - uv[:, middle])) < 2.0


def test_clipped_samples_are_lost_and_said(tmp_path: Path, uv: np.ndarray) -> None:
    uv[0] = 1682.0 - 800.0
    uv[3, 1000:2000] = -800.0
    read = read_back(tmp_path / "a", files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N)))
    assert np.isnan(read.values[0]).all()
    assert np.isnan(read.values[3, 1000:2000]).all()
    assert np.isfinite(read.values[1]).all()
    assert "'TP9' is at the end of its range in about 100 %" in read.said


@pytest.mark.parametrize(
    ("rate_hz", "words"),
    [
        (1.0, "one row per second"),
        (2.0, "2 rows a second"),
        (0.1, "one row every 10 s"),
        (60.0, "60 rows a second"),
    ],
)
def test_averages_are_refused(tmp_path: Path, uv: np.ndarray, rate_hz: float, words: str) -> None:
    data = files.mind_monitor(uv, files.ticks(N, rate_hz), range(300))
    with pytest.raises(RecordingError, match=f"this file has {words}.* recording interval set to constant"):
        read_back(tmp_path / "a", data)


def test_the_muse_of_2014_has_220_hz(tmp_path: Path, uv: np.ndarray) -> None:
    read = read_back(tmp_path / "a", files.mind_monitor(uv, files.ticks(N, 220), range(N)))
    assert read.source.channels[0].fs_hz == 220.0
    assert_eeg(read, uv, np.arange(N))


def test_empty_bands_are_no_matter(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N)).replace(",0.5" * 20, "," * 20)
    assert_eeg(read_back(tmp_path / "a", data), uv, np.arange(N))


def test_a_table_saved_with_semicolons_and_decimal_commas_is_read(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N), separator=";")
    assert "0,5;0,5" in data
    assert_eeg(read_back(tmp_path / "a", data.encode("utf-8-sig")), uv, np.arange(N))


def test_a_clock_that_is_set_back_an_hour_makes_no_hole(tmp_path: Path, uv: np.ndarray) -> None:
    stamps = files.ticks(N, FS_HZ)
    stamps[3000:] -= 3600.0
    read = read_back(tmp_path / "a", files.mind_monitor(uv, stamps, range(N)))
    assert_eeg(read, uv, np.arange(N))
    assert "was set 1 times" in read.said


def test_the_frontal_pair_is_chosen_by_itself(tmp_path: Path, uv: np.ndarray) -> None:
    (tmp_path / "a.csv").write_text(files.mind_monitor(uv, files.ticks(N, FS_HZ), range(N)))
    recording = open_recording(tmp_path / "a.csv")
    assert recording.info.channels == ("AF7", "AF8")
    assert recording.warnings == ()
    assert recording.info.duration_s == pytest.approx(30.0)


def test_a_file_without_raw_columns_of_a_muse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no raw signals"):
        read_back(tmp_path / "a", "TimeStamp,RAW_X,RAW_Y\n2026-03-01 22:00:00.000,1,2\n")
