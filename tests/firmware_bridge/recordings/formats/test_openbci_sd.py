"""Files of an OpenBCI SD card: two's complement, gain, pauses, footers, and what lies behind the end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import recording_files as files
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import assert_samples, read_back

N = 6000
STEP_UV = 4.5 / (2**23 - 1) / 24 * 1e6


@pytest.fixture(name="counts")
def _counts() -> np.ndarray:
    """Noise around an offset, with both signs."""
    rng = np.random.default_rng(3)
    return rng.normal(0.0, 900.0, (8, N)).astype(np.int64) + np.arange(8)[:, np.newaxis] * 100_000 - 400_000


def test_counts_are_24_bits_in_twos_complement_at_gain_24(tmp_path: Path, counts: np.ndarray) -> None:
    data = files.hex_counts(counts, range(N))
    assert data.startswith("00,F9E")
    read = read_back(tmp_path / "OBCI_0A.TXT", data)
    assert read.source.format == "OpenBCI SD card text"
    assert [channel.label for channel in read.source.channels] == [f"EXG Channel {i}" for i in range(8)]
    assert {(channel.unit, channel.fs_hz) for channel in read.source.channels} == {("uV", 250.0)}
    assert_samples(read, counts * STEP_UV, np.arange(N), within_uv=STEP_UV / 1000)
    assert "24 is assumed, name another with --gain" in read.said
    assert read.source.start is None
    assert "--start-time" in read.said


def test_gain_and_start_are_as_told(tmp_path: Path, counts: np.ndarray) -> None:
    told = datetime.fromisoformat("2026-03-01T22:30:00")
    options = ReadingOptions(gain=8.0, start=told)
    read = read_back(tmp_path / "a", files.hex_counts(counts, range(N)), options)
    assert_samples(read, counts * STEP_UV * 3, np.arange(N), within_uv=STEP_UV / 1000)
    assert read.source.start == told
    assert read.said == ""
    assert read.source.rail(0) == pytest.approx(562_500, rel=1e-4)


@pytest.mark.parametrize("gain", [0.0, -2.0, float("nan"), float("inf")])
def test_a_gain_that_is_none_is_refused(tmp_path: Path, counts: np.ndarray, gain: float) -> None:
    with pytest.raises(RecordingError, match="--gain"):
        read_back(tmp_path / "a", files.hex_counts(counts, range(50)), ReadingOptions(gain=gain))


def test_a_daisy_has_16_channels_at_250_hz(tmp_path: Path, counts: np.ndarray) -> None:
    both = np.concatenate((counts, counts + 5))
    read = read_back(tmp_path / "a", files.hex_counts(both, range(N)))
    assert len(read.source.channels) == 16
    assert read.source.channels[0].fs_hz == 250.0
    assert_samples(read, both * STEP_UV, np.arange(N), within_uv=STEP_UV / 1000)


def test_lost_rows_are_counted_by_the_counter(tmp_path: Path, counts: np.ndarray) -> None:
    rows = files.kept(N, [(100, 1), (1000, 30), (4000, 255)])
    read = read_back(tmp_path / "a", files.hex_counts(counts, rows))
    assert_samples(read, counts * STEP_UV, rows, within_uv=STEP_UV / 1000)
    assert "286 samples of 6000 are missing in 3 places, 1.14 s" in read.said


def test_the_time_between_stop_and_start_is_a_gap(tmp_path: Path, counts: np.ndarray) -> None:
    data = files.sd_remark("START", 5_000) + files.hex_counts(counts, range(2000))
    data += files.sd_remark("STOP", 13_000) + files.sd_remark("START", 13_400)
    data += files.hex_counts(counts, range(2100, N))
    read = read_back(tmp_path / "a", data)
    assert_samples(read, counts * STEP_UV, files.kept(N, [(2000, 100)]), within_uv=STEP_UV / 1000)
    assert "stopped 1 times, 0.4 s in all" in read.said


@pytest.mark.parametrize("fs_hz", [None, 250, 500, 1000])
def test_a_footer_is_no_signal_and_names_the_rate(
    tmp_path: Path, counts: np.ndarray, fs_hz: int | None
) -> None:
    lasts_ms = round(N / (fs_hz or 250) * 1000)
    data = files.hex_counts(counts, range(N)).encode() + files.sd_footer(lasts_ms, fs_hz)
    read = read_back(tmp_path / "a", data)
    assert read.source.channels[0].fs_hz == (fs_hz or 250)
    assert_samples(read, counts * STEP_UV, np.arange(N), within_uv=STEP_UV / 1000)
    assert "footer" not in read.said
    assert "does not go on" not in read.said


def test_a_footer_that_contradicts_the_rate_is_said(tmp_path: Path, counts: np.ndarray) -> None:
    data = files.hex_counts(counts, range(N)).encode() + files.sd_footer(N)
    read = read_back(tmp_path / "a", data)
    assert "its footer says that it lasts 6 s, but at 250 Hz its samples make 24 s" in read.said


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"\xff" * 4096, id="erased"),
        pytest.param(b"\0" * 4096, id="zeros"),
        pytest.param(b"\r\n".join([b"some other file"] * 200), id="another file"),
        pytest.param(None, id="an earlier night"),
    ],
)
def test_what_lies_behind_a_night_that_was_ended_early_is_left_out(
    tmp_path: Path, counts: np.ndarray, rest: bytes | None
) -> None:
    data = files.hex_counts(counts, range(3000)).encode()
    data = data[: len(data) // 512 * 512]
    whole = data.count(b"\n")
    if rest is None:
        rest = files.hex_counts(counts + 7, range(900, 3000)).encode()[13:]
    read = read_back(tmp_path / "a", data + rest)
    assert_samples(read, counts * STEP_UV, np.arange(whole), within_uv=STEP_UV / 1000)


def test_a_damaged_row_costs_one_sample(tmp_path: Path, counts: np.ndarray) -> None:
    lines = files.hex_counts(counts, range(N)).splitlines()
    lines[100] = lines[100][:20]
    lines[2000] = lines[2000].replace(",", ";")
    read = read_back(tmp_path / "a", "\n".join(lines) + "\n")
    assert_samples(read, counts * STEP_UV, files.kept(N, [(100, 1), (2000, 1)]), within_uv=STEP_UV / 1000)
    assert "2 rows cannot be read" in read.said


def test_carriage_returns_and_lower_case_are_read(tmp_path: Path, counts: np.ndarray) -> None:
    data = files.hex_counts(counts, range(N)).replace("\n", "\r\n").lower()
    assert_samples(read_back(tmp_path / "a", data), counts * STEP_UV, np.arange(N), within_uv=STEP_UV / 1000)


def test_single_spikes_of_a_slow_card_are_lost_and_fast_eeg_is_not(
    tmp_path: Path, counts: np.ndarray
) -> None:
    spiked = counts.copy()
    spiked[2, 500] += round(1200 / STEP_UV)
    spiked[3, 900:903] += round(1200 / STEP_UV)
    read = read_back(tmp_path / "a", files.hex_counts(spiked, range(N)))
    assert np.flatnonzero(np.isnan(read.values[2])).tolist() == [500]
    assert np.isfinite(read.values[3]).all()


def test_a_channel_at_its_rail_is_said_and_lost(tmp_path: Path, counts: np.ndarray) -> None:
    counts[5] = -(2**23)
    counts[6, 1000:1500] = 2**23 - 1
    read = read_back(tmp_path / "a", files.hex_counts(counts, range(N)))
    assert np.isnan(read.values[5]).all()
    assert np.isnan(read.values[6, 1000:1500]).all()
    assert "'EXG Channel 5' is at the end of its range in about 100 %" in read.said
