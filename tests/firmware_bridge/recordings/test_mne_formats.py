"""BrainVision, EEGLAB, FIF, GDF and others through MNE: microvolts, wall clock, pauses in their place."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from laboratory_files import write_brainvision, write_gdf2
from night_files import eeg_like
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats import mne_files
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import refused, samples

mne: Any = pytest.importorskip("mne")
FS_HZ = 128
LABELS = ["Fp1", "Fp2"]
FIRST = "New Segment,,1,1,0,20240501231005250000"


def brainvision(tmp_path: Path, uv: np.ndarray, *markers: str, **options: Any) -> Path:
    return write_brainvision(tmp_path / "b.vhdr", uv, FS_HZ, LABELS, markers=(FIRST, *markers), **options)


def fif(path: Path, uv: np.ndarray, labels: list[str] | None = None, **marks: Any) -> Path:
    info = mne.create_info(labels or LABELS, FS_HZ, "eeg", verbose="ERROR")
    raw = mne.io.RawArray(uv * 1e-6, info, verbose="ERROR")
    raw.set_meas_date(datetime(2024, 5, 1, 23, 10, 5, tzinfo=UTC))
    if marks:
        raw.set_annotations(mne.Annotations(**marks, orig_time=raw.info["meas_date"]), verbose="ERROR")
    raw.save(path, verbose="ERROR")
    return path


def eeglab(path: Path, uv: np.ndarray, events: list[tuple[str, float, float]] = ()) -> Path:  # type: ignore[assignment]
    chanlocs = np.array([(label,) for label in LABELS], dtype=[("labels", object)])
    event = np.array(
        [(kind, at, length) for kind, at, length in events],
        dtype=[("type", object), ("latency", float), ("duration", float)],
    )
    body = {
        "setname": "x", "nbchan": float(len(uv)), "trials": 1.0, "pnts": float(uv.shape[1]),
        "srate": float(FS_HZ), "xmin": 0.0, "xmax": (uv.shape[1] - 1) / FS_HZ, "data": uv.astype("<f4"),
        "chanlocs": chanlocs, "event": event, "ref": "common", "times": np.arange(3.0), "icaweights": [],
        "icawinv": [], "icasphere": [], "icaact": [], "filename": path.name, "filepath": "", "epoch": [],
    }  # fmt: skip
    savemat(path, {"EEG": body}, appendmat=False)
    return path


def test_brainvision_is_read_in_microvolts_and_wall_clock(tmp_path: Path) -> None:
    uv = eeg_like(30, FS_HZ)
    recording = open_recording(brainvision(tmp_path, uv, "Comment,lights off,257,1,0"))
    np.testing.assert_allclose(samples(recording), uv, atol=0.0501)
    assert recording.info.start == datetime.fromisoformat("2024-05-01T23:10:05.250")
    assert [(m.text, m.onset_s) for m in recording.annotations if "lights" in m.text] == [
        ("Comment/lights off", 2.0)
    ]
    assert (recording.info.format, recording.warnings) == ("BrainVision", ())


@pytest.mark.parametrize(("unit", "resolution"), [("mV", 1e-4), ("nV", 100.0), ("µV", 0.1), ("V", 1e-7)])
def test_units_of_brainvision_are_scaled(tmp_path: Path, unit: str, resolution: float) -> None:
    uv = eeg_like(5, FS_HZ)
    scale = {"mV": 1e-3, "nV": 1e3, "µV": 1.0, "V": 1e-6}[unit]
    path = brainvision(tmp_path, uv * scale, unit=unit, resolution=resolution)
    np.testing.assert_allclose(samples(open_recording(path)), uv, atol=0.0501)


def test_a_pause_between_dated_segments_stays_in_its_place(tmp_path: Path) -> None:
    uv = eeg_like(20, FS_HZ)
    half = 10 * FS_HZ
    second = f"New Segment,,{half + 1},1,0,20240501231022750000"
    recording = open_recording(brainvision(tmp_path, uv, second, f"Comment,after,{half + 129},1,0"))
    found, gap = samples(recording), round(7.5 * FS_HZ)
    np.testing.assert_allclose(found[:, :half], uv[:, :half], atol=0.0501)
    assert np.isnan(found[:, half : half + gap]).all()
    np.testing.assert_allclose(found[:, half + gap :], uv[:, half:], atol=0.0501)
    assert [m.onset_s for m in recording.annotations if "after" in m.text] == [10 + 7.5 + 1.0]


@pytest.mark.parametrize("date", ["", ",00000000000000000000", ",20240501231005250000"])
def test_a_pause_of_unknown_length_is_said(tmp_path: Path, date: str) -> None:
    uv = eeg_like(20, FS_HZ)
    recording = open_recording(brainvision(tmp_path, uv, f"New Segment,,1281,1,0{date}"))
    np.testing.assert_allclose(samples(recording), uv, atol=0.0501)
    assert any("1 places that do not say how much is missing" in warning for warning in recording.warnings)


def test_a_brainvision_file_without_its_data_is_refused(tmp_path: Path) -> None:
    path = brainvision(tmp_path, eeg_like(5, FS_HZ))
    path.with_suffix(".eeg").rename(tmp_path / "renamed.eeg")
    with pytest.raises(
        RecordingError, match=r"b\.vhdr: MNE cannot read this BrainVision recording \(.*\); use a"
    ):
        open_recording(path)


@pytest.mark.parametrize("suffix", [".vmrk", ".eeg"])
def test_the_other_files_of_brainvision_point_to_the_header(tmp_path: Path, suffix: str) -> None:
    path = brainvision(tmp_path, eeg_like(5, FS_HZ)).with_suffix(suffix)
    with pytest.raises(RecordingError, match=r"\.vhdr"):
        open_recording(path)


def test_fif_is_read_and_its_utc_is_said(tmp_path: Path) -> None:
    uv = eeg_like(30, FS_HZ)
    recording = open_recording(fif(tmp_path / "night_raw.fif", uv))
    np.testing.assert_allclose(samples(recording), uv, atol=1e-4)
    assert recording.info.start == datetime.fromisoformat("2024-05-01T23:10:05")
    assert any("is UTC by its format" in warning for warning in recording.warnings)
    told = ReadingOptions(start=datetime.fromisoformat("2024-05-02T01:10:05"))
    assert open_recording(tmp_path / "night_raw.fif", options=told).info.start == told.start


def test_stretches_without_acquisition_are_missing(tmp_path: Path) -> None:
    uv = eeg_like(30, FS_HZ)
    path = fif(tmp_path / "a_raw.fif", uv, onset=[10.0], duration=[3.0], description=["BAD_ACQ_SKIP"])
    found = samples(open_recording(path))
    assert np.isnan(found[:, 10 * FS_HZ : 13 * FS_HZ]).all()
    assert np.isnan(found).sum() == 2 * 3 * FS_HZ


def test_artefact_marks_are_no_gaps_and_joints_are_said(tmp_path: Path) -> None:
    path = fif(
        tmp_path / "a_raw.fif", eeg_like(30, FS_HZ), onset=[4.0, 15.0], duration=[2.0, 0.0],
        description=["BAD muscle", "EDGE boundary"],
    )  # fmt: skip
    recording = open_recording(path)
    assert np.isfinite(samples(recording)).all()
    assert any("1 places that do not say" in warning for warning in recording.warnings)


def test_a_cropped_fif_keeps_its_clock_and_marks(tmp_path: Path) -> None:
    uv = eeg_like(30, FS_HZ)
    raw = mne.io.read_raw_fif(
        fif(tmp_path / "a_raw.fif", uv, onset=[12.0], duration=[0.0], description=["cue"]), verbose="ERROR"
    )
    raw.crop(10.0).save(tmp_path / "b_raw.fif", verbose="ERROR")
    recording = open_recording(tmp_path / "b_raw.fif")
    assert recording.info.start == datetime.fromisoformat("2024-05-01T23:10:15")
    assert [mark.onset_s for mark in recording.annotations] == [2.0]
    np.testing.assert_allclose(samples(recording), uv[:, 10 * FS_HZ :], atol=1e-4)


def test_labels_decide_what_is_an_eog_and_not_mnes_types(tmp_path: Path) -> None:
    path = fif(tmp_path / "a_raw.fif", eeg_like(5, FS_HZ, channels=3), ["Fpz", "HEOG", "Cz"])
    assert open_recording(path).info.channels == ("Fpz", "HEOG")


def test_channels_without_a_unit_of_voltage_are_not_taken_for_volts(tmp_path: Path) -> None:
    info = mne.create_info(["Fp1", "Fp2"], FS_HZ, ["eeg", "misc"], verbose="ERROR")
    raw = mne.io.RawArray(eeg_like(5, FS_HZ) * 1e-6, info, verbose="ERROR")
    for channel in raw.info["chs"][1:]:
        channel["unit"] = 0
    raw.save(tmp_path / "a_raw.fif", verbose="ERROR")
    source = open_source(tmp_path / "a_raw.fif")
    assert [channel.unit for channel in source.channels] == ["V", ""]
    with pytest.raises(RecordingError, match="'Fp2' has no unit"):
        open_recording(tmp_path / "a_raw.fif")


def test_eeglab_is_read_and_its_assumed_unit_is_said(tmp_path: Path) -> None:
    uv = eeg_like(20, FS_HZ)
    recording = open_recording(eeglab(tmp_path / "a.set", uv, [("cue", 129.0, 0.0)]))
    np.testing.assert_allclose(samples(recording), uv, atol=1e-3)
    assert any("names no unit; its values are taken as microvolts" in each for each in recording.warnings)
    assert [(mark.text, mark.onset_s) for mark in recording.annotations] == [("cue", 1.0)]


def test_what_was_cut_out_at_a_boundary_of_eeglab_is_missing(tmp_path: Path) -> None:
    uv = eeg_like(20, FS_HZ)
    half = 10 * FS_HZ
    recording = open_recording(eeglab(tmp_path / "a.set", uv, [("boundary", half + 0.5, 256.0)]))
    found = samples(recording)
    assert found.shape[1] == 22 * FS_HZ
    assert np.isnan(found).sum() == 2 * 256
    np.testing.assert_allclose(found[:, -half:], uv[:, half:], atol=1e-3)


@pytest.mark.parametrize(("code", "scale"), [(4275, 1.0), (4274, 1e3), (4256, 1e6), (4276, 1e-3)])
def test_units_of_gdf_are_its_own(tmp_path: Path, code: int, scale: float) -> None:
    uv = eeg_like(5, FS_HZ)
    recording = open_recording(write_gdf2(tmp_path / "a.gdf", uv / scale, FS_HZ, LABELS, code))
    np.testing.assert_allclose(samples(recording), uv, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("code", [0, 512, 9999])
def test_a_gdf_without_a_unit_is_refused_though_mne_takes_volts(tmp_path: Path, code: int) -> None:
    with pytest.raises(RecordingError, match="has no unit"):
        open_recording(write_gdf2(tmp_path / "a.gdf", eeg_like(5, FS_HZ), FS_HZ, LABELS, code))


@pytest.mark.parametrize(
    ("name", "head", "what"),
    [
        ("a.vhdr", b"Brain Vision Data Exchange Header File Version 1.0\n", "BrainVision"),
        ("a.gdf", b"GDF 2.20" + bytes(300), "GDF"),
        ("a.cnt", b"Version 3.0" + bytes(1000), "Neuroscan CNT"),
        ("a.lay", b"[FileInfo]\n", "Persyst"),
    ],
)
def test_without_mne_the_format_is_named_with_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: bytes, what: str
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(mne_files, "find_spec", lambda each: None if each == "mne" else found(each))
    (tmp_path / name).write_bytes(head)
    with pytest.raises(
        RecordingError, match=rf"this is {what}; reading it needs the extra, pip install .*, or "
    ):
        open_recording(tmp_path / name)


@pytest.mark.parametrize("name", ["a.gdf", "a.cnt", "a.lay", "a.vhdr", "a_raw.fif", "a.set", "a.data"])
def test_whatever_mne_raises_is_one_sentence(tmp_path: Path, name: str) -> None:
    heads = {
        "a.gdf": b"GDF 2.20", "a.cnt": b"Version 3.0", "a.lay": b"[FileInfo]\n", "a.vhdr": b"Brain Vision\n",
        "a_raw.fif": b"\x00\x00\x00\x64\x00\x00\x00\x1f\x00\x00\x00\x14", "a.set": b"MATLAB 5.0 MAT-file",
    }  # fmt: skip
    (tmp_path / name).write_bytes(heads.get(name, b"") + bytes(range(256)) * 4)
    with pytest.raises(RecordingError) as caught:
        open_recording(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data(), kind=st.sampled_from(["vhdr", "gdf"]))
def test_a_damaged_file_never_gives_a_traceback(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    uv = eeg_like(3, FS_HZ)
    if kind == "gdf":
        path = write_gdf2(tmp_path / "a.gdf", uv, FS_HZ, LABELS, 4275)
    else:
        path = brainvision(tmp_path, uv, "Comment,x,257,1,0")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(12, min(len(raw) - 1, 1100)))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    refusal = refused(path)
    assert refusal is None or str(path) in refusal


def test_mne_is_loaded_only_when_it_is_needed() -> None:
    import subprocess

    code = "import sys, sanctuary.firmware_bridge.recordings.readers; sys.exit('mne' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
