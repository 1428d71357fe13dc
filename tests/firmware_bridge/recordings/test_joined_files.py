"""Several files of one channel each as one recording: a ZMax's folder, or its files by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from laboratory_files import zmax_edf
from night_files import eeg_like, set_field, write_edf, write_hypnogram_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source
from whole_recordings import samples

FS_HZ = 256
STEP_UV = 1976 / 32767


def zmax(folder: Path, uv: np.ndarray, *, slow: bool = False) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = [
        zmax_edf(folder / f"EEG {side}.edf", f"EEG {side}", row) for side, row in zip("LR", uv, strict=True)
    ]
    if slow:
        seconds = uv.shape[1] // FS_HZ
        zmax_edf(folder / "BATT.edf", "BATT", np.linspace(4.1, 3.7, seconds), 1, limit=5.0, unit="V")
        zmax_edf(folder / "dX.edf", "dX", np.zeros(seconds * 32), 32, limit=2.0, unit="g")
    return files


def test_two_files_are_one_recording_with_left_before_right(tmp_path: Path) -> None:
    uv = eeg_like(60, FS_HZ)
    left, right = zmax(tmp_path / "z", uv)
    for paths in ([left, right], [right, left]):
        recording = open_recording(paths)
        assert recording.info.channels == ("EEG L", "EEG R")
        np.testing.assert_allclose(samples(recording), uv, atol=STEP_UV / 2 + 1e-9)
        assert len(recording.warnings) == 1
        assert "'EEG L' and 'EEG R' are taken for" in recording.warnings[0]
    assert recording.info.rail_uv == (1976.0, 1976.0)


def test_a_folder_keeps_slow_channels_at_their_rates(tmp_path: Path) -> None:
    uv = eeg_like(30, FS_HZ)
    zmax(tmp_path / "z", uv, slow=True)
    source = open_source(tmp_path / "z")
    assert {channel.label: channel.fs_hz for channel in source.channels} == {
        "BATT": 1.0, "EEG L": 256.0, "EEG R": 256.0, "dX": 32.0
    }  # fmt: skip
    np.testing.assert_allclose(samples(open_recording(tmp_path / "z")), uv, atol=STEP_UV)


def test_a_file_whose_channel_has_no_samples_is_no_part_of_a_recording(tmp_path: Path) -> None:
    left, right = (
        write_edf(tmp_path / f"EEG {side}.edf", eeg_like(5, FS_HZ, channels=1), FS_HZ, (f"EEG {side}",),
                  annotations=[(1.0, None, "cue")], record_s=1)
        for side in "LR"
    )  # fmt: skip
    set_field(right, "samples", 0, b"0")
    for paths in (tmp_path, [left, right]):
        with pytest.raises(RecordingError, match=r"EEG R.edf holds 0 channels of samples"):
            open_recording(paths)


def test_lengths_that_differ_a_little_are_cut_to_the_shortest(tmp_path: Path) -> None:
    uv = eeg_like(31, FS_HZ)
    left = zmax_edf(tmp_path / "EEG L.edf", "EEG L", uv[0])
    right = zmax_edf(tmp_path / "EEG R.edf", "EEG R", uv[1, : 30 * FS_HZ])
    recording = open_recording([left, right])
    assert recording.info.n_samples == 30 * FS_HZ
    assert "its files differ in length by 1 s; all are cut to the shortest" in recording.warnings
    np.testing.assert_allclose(samples(recording), uv[:, : 30 * FS_HZ], atol=STEP_UV)


def test_a_file_that_ends_much_earlier_is_missing_from_there_on_and_costs_no_other(tmp_path: Path) -> None:
    uv = eeg_like(60, FS_HZ)
    left = zmax_edf(tmp_path / "EEG L.edf", "EEG L", uv[0])
    right = zmax_edf(tmp_path / "EEG R.edf", "EEG R", uv[1, : 20 * FS_HZ])
    recording = open_recording([left, right])
    found = samples(recording)
    assert found.shape[1] == 60 * FS_HZ
    assert np.isnan(found[1, 20 * FS_HZ :]).all()
    np.testing.assert_allclose(found[0], uv[0], atol=STEP_UV)
    assert any("EEG R.edf ends 40 s before the longest" in warning for warning in recording.warnings)


def test_files_that_begin_at_different_times_are_refused(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ)
    left = zmax_edf(tmp_path / "EEG L.edf", "EEG L", uv[0])
    right = zmax_edf(tmp_path / "EEG R.edf", "EEG R", uv[1], time="22.00.07")
    with pytest.raises(RecordingError, match="begin at different times"):
        open_recording([left, right])


def test_labels_that_are_alike_give_way_to_the_files_names(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ)
    paths = [zmax_edf(tmp_path / f"EEG {side}.edf", "EEG", row) for side, row in zip("LR", uv, strict=True)]
    recording = open_recording(paths)
    assert recording.info.labels == ("EEG L", "EEG R")
    assert any("do not tell them apart" in warning for warning in recording.warnings)


def test_one_file_named_twice_is_refused(tmp_path: Path) -> None:
    left = zmax_edf(tmp_path / "EEG L.edf", "EEG L", eeg_like(5, FS_HZ)[0])
    with pytest.raises(RecordingError, match="several files hold a channel 'EEG L'"):
        open_recording([left, left])


def test_one_side_alone_says_how_to_give_both(tmp_path: Path) -> None:
    left, right = zmax(tmp_path / "z", eeg_like(5, FS_HZ))
    recording = open_recording(right, ["EEG R"])
    (said,) = (warning for warning in recording.warnings if "lies beside it" in warning)
    assert said.startswith("EEG L.edf lies beside it and is not used; give both files, or their folder")
    zmax_edf(left, "unlabelled", eeg_like(5, FS_HZ)[0])
    with pytest.raises(
        RecordingError, match=r"no frontal EEG .*; EEG R\.edf lies beside it .* give both files"
    ):
        open_recording(left)


@pytest.mark.parametrize(
    ("one", "other"),
    [("eeg l.edf", "eeg r.edf"), ("P1_EEG_L.EDF", "P1_EEG_R.EDF"), ("EEG-R.edf", "EEG-L.edf")],
)
def test_the_other_side_is_found_by_the_files_name(tmp_path: Path, one: str, other: str) -> None:
    uv = eeg_like(5, FS_HZ)
    zmax_edf(tmp_path / other, "EEG L", uv[0])
    path = zmax_edf(tmp_path / one, "EEG R", uv[1])
    assert any(f"{other} lies beside it" in each for each in open_recording(path, ["EEG R"]).warnings)


def test_several_whole_nights_are_no_parts_of_one(tmp_path: Path) -> None:
    paths = [write_edf(tmp_path / f"{i}.edf", eeg_like(5, FS_HZ), FS_HZ) for i in range(2)]
    with pytest.raises(RecordingError, match="several nights: use --circle"):
        open_recording(paths)
    with pytest.raises(RecordingError, match=r"holds 2 recordings \(0\.edf, 1\.edf\)"):
        open_recording(tmp_path)


def test_a_folder_with_one_night_and_its_hypnogram_is_that_night(tmp_path: Path) -> None:
    write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ)
    write_hypnogram_edf(tmp_path / "stages.edf", [(0, 30, "Sleep stage W")])
    (tmp_path / "notes.txt").write_text("slept well", encoding="utf-8")
    assert open_recording(tmp_path).info.n_samples == 5 * FS_HZ


def test_comma_and_point_limits_may_be_mixed(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ)
    left = zmax_edf(tmp_path / "EEG L.edf", "EEG L", uv[0], comma=True)
    right = zmax_edf(tmp_path / "EEG R.edf", "EEG R", uv[1], comma=False)
    np.testing.assert_allclose(samples(open_recording([left, right])), uv, atol=STEP_UV)
