"""Files of muse-lsl and BlueMuse: stamps of several kinds, smeared gaps, electrodes without contact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import recording_files as files
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import assert_samples, read_back

FS_HZ = 256
N = FS_HZ * 30
THREE_DECIMALS = 0.00051


@pytest.fixture(name="uv")
def _uv() -> np.ndarray:
    return np.rint(files.eeg(4, N) / files.MUSE_STEP_UV) * files.MUSE_STEP_UV


def jittered(n: int, seed: int = 0) -> np.ndarray:
    """Stamps of packets of twelve that arrive up to 15 ms late, evenly within a packet."""
    packets = np.repeat(np.random.default_rng(seed).exponential(0.004, n // 12 + 1), 12)[:n]
    return files.ticks(n, FS_HZ) + np.minimum(packets, 0.015)


@pytest.mark.parametrize("markers", [0, 2])
def test_columns_are_read_by_name(tmp_path: Path, uv: np.ndarray, markers: int) -> None:
    read = read_back(tmp_path / "a", files.muse_lsl(uv, files.ticks(N, FS_HZ), range(N), markers=markers))
    assert read.source.format == "muse-lsl CSV"
    assert [c.label for c in read.source.channels] == ["TP9", "AF7", "AF8", "TP10", "Right AUX"]
    assert {(c.unit, c.fs_hz) for c in read.source.channels} == {("uV", 256.0)}
    assert_samples(read, uv, np.arange(N), within_uv=THREE_DECIMALS)
    assert read.source.start is None
    assert "2026-03-01 22:30:05 UTC" in read.said
    assert "--start-time" in read.said


def test_columns_in_another_order_are_read_by_name(tmp_path: Path, uv: np.ndarray) -> None:
    text = files.muse_lsl(uv, files.ticks(N, FS_HZ), range(N))
    turned = "\n".join(",".join(np.array(line.split(","))[[0, 3, 4, 1, 2, 5]]) for line in text.splitlines())
    read = read_back(tmp_path / "a", turned + "\n")
    assert_samples(read, uv, np.arange(N), within_uv=THREE_DECIMALS)


@pytest.mark.parametrize("seed", range(4))
def test_lost_packets_are_found_by_the_stamps_of_packets(tmp_path: Path, uv: np.ndarray, seed: int) -> None:
    rows = files.kept(N, [(1200, 12), (2400, 24), (4800, 252)])
    read = read_back(tmp_path / "a", files.muse_lsl(uv, jittered(N, seed), rows))
    assert_samples(read, uv, rows, within_uv=THREE_DECIMALS)
    assert "288 samples of 7680 are missing in 3 places" in read.said


def test_jitter_and_stalls_without_loss_make_no_hole(tmp_path: Path, uv: np.ndarray) -> None:
    stamps = jittered(N, 9)
    stamps[3000:3120] = np.maximum(stamps[3000:3120], stamps[3120] - 0.01)
    read = read_back(tmp_path / "a", files.muse_lsl(uv, stamps, range(N)))
    assert_samples(read, uv, np.arange(N), within_uv=THREE_DECIMALS)
    assert "missing" not in read.said


def test_a_straight_line_of_stamps_smears_gaps_and_that_is_said(tmp_path: Path, uv: np.ndarray) -> None:
    rows = files.kept(N, [(1200, 120), (4800, 252)])
    line = np.linspace(0.0, (N - 1) / FS_HZ, len(rows)) + files.START.timestamp()
    stamps = np.zeros(N)
    stamps[rows] = line
    read = read_back(tmp_path / "a", files.muse_lsl(uv, stamps, rows))
    assert read.values.shape[1] == len(rows)
    fs_hz = read.source.channels[0].fs_hz
    assert fs_hz == pytest.approx((len(rows) - 1) * FS_HZ / (N - 1), rel=1e-4)
    assert "drawn as one straight line" in read.said
    assert "about 4.8 % of its samples are missing" in read.said


def test_seconds_since_boot_are_no_date(tmp_path: Path, uv: np.ndarray) -> None:
    stamps = files.ticks(N, FS_HZ) - files.START.timestamp() + 81_234.5
    read = read_back(tmp_path / "a", files.muse_lsl(uv, stamps, range(N)))
    assert read.source.start is None
    assert "it does not say when it began" in read.said


def test_milliseconds_of_bluemuse_are_seconds(tmp_path: Path, uv: np.ndarray) -> None:
    rows = files.kept(N, [(2400, 600)])
    read = read_back(tmp_path / "a", files.muse_lsl(uv, files.ticks(N, FS_HZ), rows, scale=1000.0))
    assert_samples(read, uv, rows, within_uv=THREE_DECIMALS)
    assert "2026-03-01 22:30:05 UTC" in read.said


def test_an_empty_aux_of_bluemuse_is_no_matter(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.muse_lsl(uv, files.ticks(N, FS_HZ), range(N)).replace(",0.000\n", ",NaN\n")
    read = read_back(tmp_path / "a", data)
    assert_samples(read, uv, np.arange(N), within_uv=THREE_DECIMALS)
    assert np.isnan(read.values[4]).all()


def test_an_electrode_without_contact_is_said_and_lost(tmp_path: Path, uv: np.ndarray) -> None:
    uv[0] = -1000.0
    uv[3, 2000:4000] = 999.51171875
    read = read_back(tmp_path / "a", files.muse_lsl(uv, files.ticks(N, FS_HZ), range(N)))
    assert np.isnan(read.values[0]).all()
    assert np.isnan(read.values[3, 2000:4000]).all()
    assert np.isfinite(read.values[1]).all()
    assert "'TP9' is at the end of its range in about 100 %" in read.said


@pytest.mark.parametrize(
    ("names", "kind"), [("timestamps,PPG1,PPG2,PPG3", "light sensors"), ("timestamps,X,Y,Z", "motion")]
)
def test_files_beside_the_eeg_are_named(tmp_path: Path, names: str, kind: str) -> None:
    with pytest.raises(RecordingError, match=f"holds the {kind}, not EEG"):
        read_back(tmp_path / "a", f"{names}\n1603711387.314,1,2,3\n")


def test_carriage_returns_mark_and_cut_rows_are_read(tmp_path: Path, uv: np.ndarray) -> None:
    data = files.muse_lsl(uv, files.ticks(N, FS_HZ), range(N)).replace("\n", "\r\n")
    read = read_back(tmp_path / "a", b"\xef\xbb\xbf" + data.encode()[:-30])
    assert_samples(read, uv, np.arange(N - 1), within_uv=THREE_DECIMALS)
    assert "1 row cannot be read" in read.said


def test_the_frontal_pair_is_chosen_by_itself(tmp_path: Path, uv: np.ndarray) -> None:
    (tmp_path / "a.csv").write_text(files.muse_lsl(uv, files.ticks(N, FS_HZ), range(N)))
    recording = open_recording(
        tmp_path / "a.csv", options=ReadingOptions(start=files.START.replace(tzinfo=None))
    )
    assert recording.info.channels == ("AF7", "AF8")
    assert recording.warnings == ()
