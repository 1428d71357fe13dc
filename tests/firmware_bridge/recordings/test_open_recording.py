"""Recorded nights: what is read, in which units, and how it is streamed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edfio import Edf, EdfSignal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from night_files import ROOM, eeg_like, make_discontinuous, set_field, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings import edf_layout as layout
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording import Recording
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from sanctuary.signal.samples import SampleBlock

FS_HZ = 128


def samples(recording: Recording, block_s: float = 30.0) -> np.ndarray:
    """All samples, and a check that the blocks follow one another."""
    blocks = list(recording.blocks(block_s))
    assert [block.start for block in blocks] == [0, *np.cumsum([block.n_samples for block in blocks])[:-1]]
    assert all(block.channels == recording.info.channels for block in blocks)
    assert all(block.fs_hz == recording.info.fs_hz for block in blocks)
    return np.concatenate([block.uv for block in blocks], axis=1)


@pytest.mark.parametrize("bdf", [False, True])
@pytest.mark.parametrize("marks", [None, [(3.0, None, "cue")]])
def test_every_sample_of_both_channels_is_streamed_in_microvolts(
    tmp_path: Path, bdf: bool, marks: list[Any]
) -> None:
    uv = eeg_like(100, FS_HZ)
    start = datetime.fromisoformat("2026-03-01T22:30:05")
    path = write_edf(tmp_path / "night", uv, FS_HZ, annotations=marks, bdf=bdf, start=start)
    recording = open_recording(path)
    step = 1600 / (2**24 - 1 if bdf else 2**16 - 1)
    np.testing.assert_allclose(samples(recording), uv, atol=step)
    info = recording.info
    assert (info.path, info.fs_hz, info.channels, info.labels) == (
        path,
        128.0,
        ("AF7", "AF8"),
        ("EEG AF7", "EEG AF8"),
    )
    assert (info.n_samples, info.duration_s, info.start) == (12800, 100.0, start)
    assert info.rail_uv == (800.0, 800.0)
    assert recording.warnings == ()
    assert [mark.text for mark in recording.annotations] == (["cue"] if marks else [])


def test_blocks_are_as_long_as_asked_and_the_last_is_shorter(tmp_path: Path) -> None:
    recording = open_recording(write_edf(tmp_path / "night.edf", eeg_like(70, FS_HZ), FS_HZ))
    assert [block.n_samples for block in recording.blocks(30.0)] == [3840, 3840, 1280]
    assert [block.n_samples for block in recording.blocks(1000.0)] == [8960]


def test_a_recording_can_be_streamed_more_than_once(tmp_path: Path) -> None:
    recording = open_recording(write_edf(tmp_path / "night.edf", eeg_like(9, FS_HZ), FS_HZ))
    np.testing.assert_array_equal(samples(recording, 2.0), samples(recording, 5.0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(block_s=st.floats(0.001, 20.0), records_a_read=st.integers(1, 8))
def test_the_cut_into_blocks_and_reads_changes_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_s: float, records_a_read: int
) -> None:
    path = tmp_path / "night.edf"
    if not path.exists():
        make_discontinuous(
            write_edf(path, eeg_like(7, FS_HZ), FS_HZ, annotations=ROOM, record_s=1), [0, 1, 2, 5, 6, 9, 10]
        )
    recording = open_recording(path)
    whole = samples(recording)
    with monkeypatch.context() as patched:
        patched.setattr(layout, "_CHUNK_BYTES", records_a_read * 520)
        np.testing.assert_array_equal(samples(recording, block_s), whole)


def test_reading_stays_within_bounded_memory(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(3600, 256), 256)
    first: SampleBlock = next(iter(open_recording(path).blocks(30.0)))
    assert first.uv.base is None or first.uv.base.shape == (2, 7680)
    chunks = [len(raw) for _, raw in layout.read_layout(path).chunks()]
    assert len(chunks) > 3
    assert max(chunks) <= 1 << 20


@pytest.mark.parametrize(
    ("unit", "scale"),
    [(b"uV", 1.0), (b"mV", 1e3), (b"V", 1e6), (b"nV", 1e-3), (b"\xb5V", 1.0), ("μV".encode(), 1.0)],
)
def test_the_physical_dimension_is_honoured(tmp_path: Path, unit: bytes, scale: float) -> None:
    uv = eeg_like(5, FS_HZ)
    limit = float(f"{800.0 / scale:.6g}")
    path = write_edf(tmp_path / "night.edf", uv / scale, FS_HZ, limit=limit)
    for signal in (0, 1):
        set_field(path, "unit", signal, unit)
    recording = open_recording(path)
    np.testing.assert_allclose(samples(recording), uv, atol=0.05)
    assert recording.info.rail_uv == pytest.approx((800.0, 800.0))
    assert recording.warnings == ()


@pytest.mark.parametrize(("unit", "said"), [("", "has no unit"), ("mmHg", "has the unit 'mmHg'")])
def test_a_channel_that_is_no_voltage_is_refused(tmp_path: Path, unit: str, said: str) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ, unit=unit)
    with pytest.raises(RecordingError, match=f"night.edf: channel 'EEG AF7' {said}, but EEG needs uV"):
        open_recording(path)


@pytest.mark.parametrize(("unit", "size"), [("V", "large"), ("mV", "large"), ("nV", "small")])
def test_a_wrong_unit_is_warned_of(tmp_path: Path, unit: str, size: str) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(60, FS_HZ), FS_HZ, unit=unit)
    warnings = open_recording(path).warnings
    assert len(warnings) == 2
    assert "'EEG AF7' varies by" in warnings[0]
    assert f"too {size} for EEG" in warnings[1]


def test_microvolts_declared_for_volts_are_warned_of(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(60, FS_HZ) * 1e-6, FS_HZ, limit=0.0008)
    assert all("too small for EEG" in warning for warning in open_recording(path).warnings)
    assert len(open_recording(path).warnings) == 2


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("physical_min", b"-1.187,5"),
        ("physical_min", b"800"),
        ("digital_max", b"-32768"),
        ("digital_min", b"?"),
    ],
)
def test_an_unreadable_calibration_is_refused(tmp_path: Path, field: str, raw: bytes) -> None:
    path = set_field(write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ), field, 1, raw)
    with pytest.raises(RecordingError, match="'EEG AF8' has no usable calibration"):
        open_recording(path)


def test_an_unusable_channel_that_is_not_wanted_does_no_harm(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ)
    set_field(path, "unit", 1, b"mmHg")
    set_field(path, "physical_min", 1, b"?")
    assert open_recording(path, ["AF7"]).info.channels == ("AF7",)


def test_samples_at_the_rail_keep_their_value(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ)
    uv[0, 100:110] = 5000.0
    recording = open_recording(write_edf(tmp_path / "night.edf", uv, FS_HZ, limit=500.0))
    assert (samples(recording)[0, 100:110] == 500.0).all()
    assert recording.info.rail_uv == (500.0, 500.0)


@pytest.mark.parametrize(("fs_hz", "record_s"), [(100, 1), (250, 1), (512, 1), (250.5, 2), (199.8, 5)])
def test_any_rate_from_100_hz_is_played(tmp_path: Path, fs_hz: float, record_s: float) -> None:
    uv = eeg_like(20, fs_hz)
    recording = open_recording(write_edf(tmp_path / "night.edf", uv, fs_hz, record_s=record_s))
    assert recording.info.fs_hz == pytest.approx(fs_hz)
    np.testing.assert_allclose(samples(recording, 7.3), uv, atol=0.05)


def test_short_data_records_are_read_too(tmp_path: Path) -> None:
    uv = eeg_like(6, 128)
    recording = open_recording(write_edf(tmp_path / "night.edf", uv, 128, record_s=0.125, annotations=[]))
    np.testing.assert_allclose(samples(recording), uv, atol=0.05)
    assert recording.warnings == ()


def test_a_slow_channel_is_refused(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(20, 64), 64)
    with pytest.raises(RecordingError, match=r"'EEG AF7' is sampled at 64 Hz, but at least 100 Hz"):
        open_recording(path)


def test_two_channels_of_different_rates_are_refused_and_one_of_them_is_not(tmp_path: Path) -> None:
    path = tmp_path / "night.edf"
    signals = [
        EdfSignal(eeg_like(4, fs, channels=1)[0], fs, label=label, physical_dimension="uV")
        for fs, label in ((256, "AF7"), (128, "AF8"))
    ]
    Edf(signals).write(path)
    with pytest.raises(RecordingError, match="'AF7' has 256 Hz and 'AF8' has 128 Hz"):
        open_recording(path)
    assert open_recording(path, ["AF8"]).info.n_samples == 512


def two_rates(path: Path, eeg_hz: int, eog_hz: int, seconds: int = 20) -> Path:
    """A night whose EOG is a sine of 2 Hz and 100 uV, at a rate of its own."""
    eog = 100.0 * np.sin(2 * np.pi * 2.0 * np.arange(seconds * eog_hz) / eog_hz)
    signals = [
        EdfSignal(
            eeg_like(seconds, eeg_hz, channels=1)[0], eeg_hz, label="EEG Fpz-Cz", physical_dimension="uV"
        ),
        EdfSignal(eog, eog_hz, label="EOG horizontal", physical_dimension="uV", physical_range=(-200, 200)),
    ]
    Edf(signals).write(path)
    return path


@pytest.mark.parametrize("eog_hz", [50, 64, 100, 128, 200, 512])
@pytest.mark.parametrize("named", [None, ["EOG horizontal", "Fpz-Cz"]])
def test_an_eog_of_another_rate_is_resampled_and_that_is_said(
    tmp_path: Path, eog_hz: int, named: list[str] | None
) -> None:
    recording = open_recording(two_rates(tmp_path / "night.edf", 256, eog_hz), named)
    assert recording.info.channels == ("Fpz-Cz", "EOG horizontal")
    assert recording.warnings == (
        f"channel 'EOG horizontal' has {eog_hz} Hz and is resampled to the 256 Hz of 'EEG Fpz-Cz'",
    )
    for block_s in (1.7, 30.0):
        eog = samples(recording, block_s)[1, 256:-256]
        at_s = np.arange(256, 20 * 256 - 256) / 256
        np.testing.assert_allclose(eog, 100.0 * np.sin(2 * np.pi * 2.0 * at_s), atol=0.5)


def test_an_eog_too_slow_for_eye_movements_is_refused_by_name_and_left_out_with_a_word_else(
    tmp_path: Path,
) -> None:
    path = two_rates(tmp_path / "night.edf", 256, 10)
    with pytest.raises(RecordingError, match=r"'EOG horizontal' is sampled at 10 Hz.*at least 20 Hz"):
        open_recording(path, ["Fpz-Cz", "EOG horizontal"])
    recording = open_recording(path)
    assert recording.info.channels == ("Fpz-Cz",)
    assert "is sampled at 10 Hz" in recording.warnings[0]


def test_two_eeg_channels_of_different_rates_are_refused(tmp_path: Path) -> None:
    signals = [
        EdfSignal(eeg_like(4, fs, channels=1)[0], fs, label=label, physical_dimension="uV")
        for fs, label in ((100, "AF7"), (200, "AF8"))
    ]
    Edf(signals).write(tmp_path / "night.edf")
    with pytest.raises(RecordingError, match="'AF7' has 100 Hz and 'AF8' has 200 Hz"):
        open_recording(tmp_path / "night.edf")


def test_named_channels_come_left_first_whatever_the_file_order(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ, channels=3)
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, ("AF8", "Cz", "AF7"))
    recording = open_recording(path, ["AF8", "AF7"])
    assert recording.info.channels == ("AF7", "AF8")
    np.testing.assert_allclose(samples(recording), uv[[2, 0]], atol=0.05)
    assert open_recording(path, ["Cz"]).info.channels == ("Cz",)


def test_channels_of_one_electrode_keep_their_labels(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ, ("Fp1-M1", "Fp1-M2"))
    assert open_recording(path, ["Fp1-M1", "Fp1-M2"]).info.channels == ("Fp1-M1", "Fp1-M2")


@pytest.mark.parametrize("bdf", [False, True])
def test_pauses_become_missing_samples_in_their_place(tmp_path: Path, bdf: bool) -> None:
    uv = eeg_like(5, FS_HZ)
    path = write_edf(tmp_path / "night", uv, FS_HZ, annotations=ROOM, record_s=1, bdf=bdf)
    recording = open_recording(make_discontinuous(path, [100, 101, 104.5, 105.5, 200]))
    assert recording.info.n_samples == 101 * FS_HZ
    expected = np.full((2, 101 * FS_HZ), np.nan)
    for second, at in enumerate((0, 1, 4.5, 5.5, 100)):
        place = round(at * FS_HZ)
        expected[:, place : place + FS_HZ] = uv[:, second * FS_HZ : (second + 1) * FS_HZ]
    np.testing.assert_allclose(samples(recording, 3.0), expected, atol=0.05)


def test_rounded_time_stamps_are_no_pauses(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(4, FS_HZ), FS_HZ, annotations=ROOM, record_s=1)
    assert open_recording(make_discontinuous(path, [0, 1.004, 1.998, 3.001])).info.n_samples == 4 * FS_HZ


@pytest.mark.parametrize(
    ("onsets_s", "message"),
    [
        ([0, 1, 1.5, 3], "data record 3 starts before"),
        ([0, 1, 2, 90000], "more than a day passes before data record 4"),
    ],
)
def test_impossible_time_stamps_are_refused(tmp_path: Path, onsets_s: list[float], message: str) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(4, FS_HZ), FS_HZ, annotations=ROOM, record_s=1)
    with pytest.raises(RecordingError, match=message):
        open_recording(make_discontinuous(path, onsets_s))


@pytest.mark.parametrize("time", ["23:59:59", "23:59:59.25", "23:59:59.999999"])
def test_the_start_is_the_wall_clock_of_the_first_sample(tmp_path: Path, time: str) -> None:
    start = datetime.fromisoformat(f"2026-03-01T{time}")
    path = write_edf(tmp_path / "night.edf", eeg_like(3, FS_HZ), FS_HZ, start=start, annotations=[])
    assert open_recording(path).info.start == start


def test_what_a_person_tells_of_an_edf_is_taken_or_said_to_be_of_no_use(tmp_path: Path) -> None:
    start, told = datetime.fromisoformat("2026-03-01T22:00:00"), datetime.fromisoformat("2026-03-02T23:00:00")
    path = write_edf(tmp_path / "night.edf", eeg_like(3, FS_HZ), FS_HZ, start=start)
    recording = open_recording(path, options=ReadingOptions(told, "cyton", 24.0))
    assert recording.info.start == told
    assert recording.warnings == (
        "its header begins at 2026-03-01 22:00:00; 2026-03-02 23:00:00 of --start-time is taken in its place",
        "--board cyton is not used: EDF files do not need it",
        "--gain 24.0 is not used: EDF files do not need it",
    )
    assert open_recording(path, options=ReadingOptions(start)).warnings == ()


def test_an_anonymous_or_garbled_start_is_none(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(3, FS_HZ), FS_HZ)
    assert open_recording(path).info.start is None
    raw = bytearray(path.read_bytes())
    raw[88:168], raw[168:176] = b" " * 80, b"31.02.26"
    path.write_bytes(raw)
    assert open_recording(path).info.start is None


def test_of_dates_that_disagree_the_longer_one_is_taken_and_that_is_said(tmp_path: Path) -> None:
    start = datetime.fromisoformat("2026-03-01T22:00:00")
    path = write_edf(tmp_path / "night.edf", eeg_like(3, FS_HZ), FS_HZ, start=start)
    raw = bytearray(path.read_bytes())
    raw[168:176] = b"02.03.26"
    path.write_bytes(raw)
    recording = open_recording(path)
    assert recording.info.start == start
    assert recording.warnings == (
        "its header gives two dates, 2026-03-02 and, after 'Startdate', 2026-03-01; the second is taken",
    )
