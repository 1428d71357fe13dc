"""``sanctuary convert`` and the commands that take what it takes."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from edfio import read_bdf, read_edf

from laboratory_files import write_brainvision, write_xdf, xdf_header, xdf_samples, zmax_edf
from night_files import eeg_like, write_edf
from sanctuary.cli.main import run
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.gateway import files

FS_HZ = 128


def convert(*arguments: str | Path) -> int:
    return run(["convert", *map(str, arguments)])


def night(tmp_path: Path, seconds: int = 10) -> Path:
    return write_edf(tmp_path / "night.edf", eeg_like(seconds, FS_HZ), FS_HZ)


def test_a_brainvision_recording_becomes_edf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uv = eeg_like(30, FS_HZ)
    first = "New Segment,,1,1,0,20240501231005000000"
    path = write_brainvision(tmp_path / "b.vhdr", uv, FS_HZ, ["Fp1", "Fp2"], markers=[first])
    assert convert(path, tmp_path / "out" / "b.edf") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "b.vhdr (BrainVision): 0.01 h, 2024-05-01 23:10:05" in out
    assert "wrote" in out
    edf = read_edf(tmp_path / "out" / "b.edf")
    np.testing.assert_allclose([signal.data for signal in edf.signals], uv, atol=0.06)
    assert [signal.label for signal in edf.signals] == ["Fp1", "Fp2"]
    assert edf.startdate.isoformat() == "2024-05-01"
    assert edf.starttime.isoformat() == "23:10:05"


def test_a_zmax_folder_and_its_two_files_become_one_file(tmp_path: Path) -> None:
    uv = eeg_like(20, 256)
    folder = tmp_path / "zmax"
    folder.mkdir()
    paths = [
        zmax_edf(folder / f"EEG {side}.edf", f"EEG {side}", row) for side, row in zip("LR", uv, strict=True)
    ]
    assert convert(folder, tmp_path / "a.edf") == 0
    assert convert(*paths, tmp_path / "b.edf") == 0
    assert (tmp_path / "a.edf").read_bytes() == (tmp_path / "b.edf").read_bytes()
    recording = open_recording(tmp_path / "a.edf")
    assert recording.info.channels == ("EEG L", "EEG R")
    assert recording.info.rail_uv == (1976.0, 1976.0)


def test_gaps_of_xdf_are_marked_and_read_back(tmp_path: Path) -> None:
    values = eeg_like(20, 256).T.astype("<f4")
    when = 100.0 + np.arange(len(values)) / 256
    when[2000:] += 4.0
    path = write_xdf(
        tmp_path / "a.xdf", xdf_header(1, "Muse", "EEG", ("AF7", "AF8"), 256), xdf_samples(1, when, values)
    )
    assert convert(path, tmp_path / "a.edf") == 0
    found = np.concatenate([block.uv for block in open_recording(tmp_path / "a.edf").blocks()], axis=1)
    assert np.isnan(found[:, 2000:3024]).all()
    assert np.isnan(found).sum() == 2 * 1024
    np.testing.assert_allclose(found[:, 3024:], values[2000:].T, atol=0.003)


def test_bdf_is_chosen_by_the_name(tmp_path: Path) -> None:
    assert convert(night(tmp_path), tmp_path / "night.BDF") == 0
    assert read_bdf(tmp_path / "night.BDF").num_signals == 2


def test_some_channels_can_be_kept(tmp_path: Path) -> None:
    assert convert(night(tmp_path), tmp_path / "a.edf", "--channels", "AF8, EEG AF8") == 0
    assert [signal.label for signal in read_edf(tmp_path / "a.edf").signals] == ["EEG AF8"]


def test_a_start_time_can_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(night(tmp_path), tmp_path / "a.edf", "--start-time", "2026-03-01T22:30:05") == 0
    start = open_recording(tmp_path / "a.edf").info.start
    assert start is not None
    assert start.isoformat() == "2026-03-01T22:30:05"
    assert convert(night(tmp_path), tmp_path / "b.edf", "--start-time", "yesterday") == 2
    assert "--start-time yesterday" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["night.edf"], "name the recording and then the file to write"),
        (["night.edf", "out.txt"], "name the file to write .edf (16 bits) or .bdf (24 bits)"),
        (["night.edf", "night.edf"], "is the recording itself"),
        (["night.edf", "night.edf", "--force"], "is the recording itself"),
        (["night.edf", "link.edf", "--force"], "is the recording itself"),
        (["night.edf", "there.edf"], "is there already; name another file, or overwrite it with --force"),
        (["none.edf", "out.edf"], "none.edf: there is no such file"),
        (
            ["night.edf", "out.edf", "--channels", "Cz"],
            "there is no channel 'Cz'; it has 'EEG AF7', 'EEG AF8'",
        ),
        (["night.edf", "out.edf", "--channels", "AF7,"], "name channels with commas between"),
        (["night.edf", "night2.edf", "out.edf"], "several nights: use --circle"),
        (["folder", "out.edf"], "this is a folder without a recording"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    night(tmp_path).with_name("night2.edf").write_bytes(night(tmp_path).read_bytes())
    Path("there.edf").write_bytes(b"mine")
    Path("link.edf").hardlink_to("night.edf")
    Path("folder").mkdir()
    before = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert run(["convert", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_a_file_that_is_there_is_overwritten_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "out.edf"
    out.write_bytes(b"old")
    assert convert(night(tmp_path), out, "--force") == 0
    assert read_edf(out).num_signals == 2


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_half_written_is_left_when_it_is_stopped(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: BaseException,
) -> None:
    out = tmp_path / "out.edf"
    out.write_bytes(b"old")

    def stopped(_: int) -> None:
        raise trouble

    monkeypatch.setattr(files.os, "fsync", stopped)
    path = night(tmp_path)
    assert convert(path, out, "--force") == (130 if isinstance(trouble, KeyboardInterrupt) else 2)
    assert out.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["night.edf", "out.edf"]
    if isinstance(trouble, OSError):
        assert (
            "cannot write the recording here (No space left on device); free space" in capsys.readouterr().err
        )


def test_replay_and_calibrate_take_what_convert_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    uv = eeg_like(60, 256)
    left = zmax_edf(tmp_path / "EEG L.edf", "EEG L", uv[0])
    right = zmax_edf(tmp_path / "EEG R.edf", "EEG R", uv[1])
    assert run(["replay", str(left), str(right)]) == 0
    assert "EEG L, EEG R" in capsys.readouterr().out
    packed = tmp_path / "night.edf.gz"
    packed.write_bytes(gzip.compress(night(tmp_path, 60).read_bytes()))
    assert run(["replay", str(packed), "--json", "out.json"]) == 0
    assert '"file": "night.edf.gz"' in Path("out.json").read_text(encoding="utf-8")
    assert run(["calibrate", str(packed), "--sleeper", "mia"]) == 2
    assert "night.edf.gz: not a usable routine from 0 s" in capsys.readouterr().err


def test_several_whole_nights_ask_for_a_circle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = night(tmp_path)
    assert run(["replay", str(path), str(path)]) == 2
    assert "several nights: use --circle" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_stays_small_for_a_long_night(tmp_path: Path) -> None:
    """Peak memory of a child process, measured for a file larger than what it may use."""
    import subprocess
    import sys

    seconds, fs_hz, channels = 1800, 512, 16
    rng = np.random.default_rng(0)
    template = write_edf(
        tmp_path / "a.edf", rng.normal(0, 20, (channels, fs_hz)), fs_hz, [f"E{i}" for i in range(channels)]
    ).read_bytes()
    header = 256 * (channels + 1)
    path = tmp_path / "long.edf"
    path.write_bytes(
        template[:236] + str(seconds).encode().ljust(8) + template[244:header] + template[header:] * seconds
    )
    code = (
        "import pathlib, sys; from sanctuary.cli.main import run; code = run(sys.argv[1:]); "
        "status = pathlib.Path('/proc/self/status').read_text(); "
        "print(code, status.partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "convert", path, tmp_path / "b.edf"],
        capture_output=True, text=True, check=True, env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    exit_code, peak_kb = map(int, done.stdout.split()[-2:])
    assert exit_code == 0
    assert peak_kb < 200_000
