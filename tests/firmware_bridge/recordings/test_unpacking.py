"""Recordings inside gzip and zip: unpacked within bounds, and gone when they are no longer used."""

from __future__ import annotations

import errno
import gc
import gzip
import stat
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laboratory_files import write_brainvision, zmax_edf
from night_files import eeg_like, write_edf, write_hypnogram_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings import unpacking
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source
from whole_recordings import refused, samples

FS_HZ = 128


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def night(tmp_path: Path, seconds: int = 10, name: str = "night.edf") -> Path:
    return write_edf(tmp_path / name, eeg_like(seconds, FS_HZ), FS_HZ)


def gzipped(path: Path, raw: bytes | None = None) -> Path:
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes() if raw is None else raw))
    return target


def zipped(target: Path, files: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return target


@pytest.mark.parametrize("name", ["night.edf.gz", "night", "night.EDF.GZ", "night.edfz"])
def test_a_gzip_is_known_by_its_content_and_read_as_the_file_in_it(tmp_path: Path, name: str) -> None:
    plain = night(tmp_path)
    packed = gzipped(plain).rename(tmp_path / name)
    recording = open_recording(packed)
    np.testing.assert_array_equal(samples(recording), samples(open_recording(plain)))
    assert recording.info.path == packed
    assert recording.warnings == ()


@pytest.mark.parametrize("inner", ["night.edf", "a/b/night.edf", "a\\night.edf", "night.edf.gz"])
def test_the_one_recording_in_a_zip_is_read(tmp_path: Path, inner: str) -> None:
    plain = night(tmp_path)
    raw = plain.read_bytes()
    files = {"README.txt": b"hello", "__MACOSX/._night.edf": raw, ".hidden.edf": raw}
    files |= {inner: gzip.compress(raw) if inner.endswith(".gz") else raw}
    recording = open_recording(zipped(tmp_path / "night.zip", files))
    np.testing.assert_array_equal(samples(recording), samples(open_recording(plain)))


@pytest.mark.parametrize("name", ["night.dat", "night.mat", "night.hyp", "night"])
def test_an_archive_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    raw = night(tmp_path).read_bytes()
    assert open_recording(zipped(tmp_path / name, {"a.edf": raw})).info.n_samples == 10 * FS_HZ


def test_a_hypnogram_beside_the_recording_is_no_second_recording(tmp_path: Path) -> None:
    stages = write_hypnogram_edf(tmp_path / "stages.edf", [(0, 30, "Sleep stage W")]).read_bytes()
    files = {"night.edf": night(tmp_path).read_bytes(), "stages.edf": stages}
    assert open_recording(zipped(tmp_path / "a.zip", files)).info.n_samples == 10 * FS_HZ


def test_the_files_of_a_brainvision_recording_stay_together(tmp_path: Path) -> None:
    uv = eeg_like(10, FS_HZ)
    write_brainvision(tmp_path / "b.vhdr", uv, FS_HZ, ["Fp1", "Fp2"])
    files = {f"x/b.{end}": (tmp_path / f"b.{end}").read_bytes() for end in ("vhdr", "vmrk", "eeg")}
    recording = open_recording(zipped(tmp_path / "b.zip", files))
    np.testing.assert_allclose(samples(recording), uv, atol=0.0501)


def test_several_recordings_are_named(tmp_path: Path) -> None:
    raw = night(tmp_path).read_bytes()
    path = zipped(tmp_path / "two.zip", {"a.edf": raw, "b.edf": raw})
    with pytest.raises(RecordingError, match=r"two\.zip: holds 2 recordings \(a\.edf, b\.edf\); name one"):
        open_recording(path)


def test_files_of_one_channel_each_in_a_zip_are_joined(tmp_path: Path) -> None:
    uv = eeg_like(20, 256)
    files = {
        f"night/EEG {side}.edf": zmax_edf(tmp_path / f"EEG {side}.edf", f"EEG {side}", row).read_bytes()
        for side, row in zip("LR", uv, strict=True)
    }
    recording = open_recording(zipped(tmp_path / "zmax.zip", files))
    assert recording.info.channels == ("EEG L", "EEG R")
    np.testing.assert_allclose(samples(recording), uv, atol=0.031)


def test_what_was_unpacked_goes_with_the_recording(tmp_path: Path, temporary: Path) -> None:
    recording = open_recording(gzipped(night(tmp_path)))
    assert len(list(temporary.iterdir())) == 1
    blocks = recording.blocks()
    del recording
    gc.collect()
    assert next(blocks).n_samples
    del blocks
    gc.collect()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("raw", [b"not a recording at all", b"0       " + b" " * 300, b""])
def test_nothing_stays_behind_after_an_error(tmp_path: Path, temporary: Path, raw: bytes) -> None:
    path = gzipped(tmp_path / "night.edf", raw)
    with pytest.raises(RecordingError, match=r"night\.edf\.gz: night\.edf: "):
        open_recording(path)
    assert list(temporary.iterdir()) == []


def test_a_gzip_that_is_cut_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    packed = gzipped(night(tmp_path, 60))
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    recording = open_recording(packed)
    assert recording.warnings[0] == "the gzip file is cut off; what could be unpacked is used"
    assert "the file is cut off" in recording.warnings[1]
    assert 0 < recording.info.n_samples < 60 * FS_HZ


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzipped(night(tmp_path, 60))
    raw = bytearray(packed.read_bytes())
    raw[-6] ^= 0xFF
    packed.write_bytes(raw)
    with pytest.raises(RecordingError, match="the gzip file is damaged"):
        open_recording(packed)


def test_what_unpacks_to_too_much_is_stopped_while_it_is_written(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_BYTES", 3 << 20)
    bomb = gzipped(tmp_path / "night.edf", b"0       " + bytes(9 << 20))
    with pytest.raises(RecordingError, match="unpacks to more than 0 GiB"):
        open_recording(bomb)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_a_bomb_is_known_by_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(unpacking, "RATIO_FROM_BYTES", 1 << 20)
    raw = night(tmp_path).read_bytes() + bytes(20 << 20)
    path = gzipped(tmp_path / "a.edf", raw) if kind == "gzip" else zipped(tmp_path / "a", {"a.edf": raw})
    with pytest.raises(RecordingError, match="more than 200 times its size"):
        open_recording(path)


def test_sizes_in_the_archive_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_BYTES", 1 << 20)
    raw = night(tmp_path).read_bytes() + bytes(3 << 20)
    path = zipped(tmp_path / "a.zip", {"a.edf": raw})
    lying = path.read_bytes().replace(struct.pack("<I", len(raw)), struct.pack("<I", 100))
    path.write_bytes(lying)
    with pytest.raises(RecordingError):
        open_recording(path)


@pytest.mark.parametrize("name", [b"\0.edf", b"././."])
def test_a_file_without_a_name_is_refused(tmp_path: Path, name: bytes) -> None:
    path = zipped(tmp_path / "a.zip", {"a.edf": night(tmp_path).read_bytes()})
    path.write_bytes(path.read_bytes().replace(b"a.edf", name))
    with pytest.raises(RecordingError, match="a file without a name"):
        open_recording(path)


@pytest.mark.parametrize(
    "name", ["/night.edf", "../night.edf", "a/../../night.edf", "..\\n.edf", "C:\\n.edf"]
)
def test_names_outside_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", {name: night(tmp_path).read_bytes()})
    with pytest.raises(RecordingError, match="names a place outside itself"):
        open_recording(path)


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("night.edf")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RecordingError, match=r"night\.edf is a link"):
        open_recording(tmp_path / "a.zip")


def test_an_encrypted_archive_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"night.edf": night(tmp_path).read_bytes()})
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.find(mark) + place] |= 1
    path.write_bytes(raw)
    with pytest.raises(RecordingError, match="is encrypted"):
        open_recording(path)


def test_archives_within_archives_are_refused(tmp_path: Path) -> None:
    raw = night(tmp_path).read_bytes()
    inner = zipped(tmp_path / "inner.zip", {"night.edf": raw}).read_bytes()
    with pytest.raises(RecordingError, match="packed more than once"):
        open_recording(gzipped(tmp_path / "a", gzip.compress(raw)))
    with pytest.raises(RecordingError, match="packed more than once"):
        open_recording(gzipped(tmp_path / "b", inner))
    with pytest.raises(RecordingError, match="holds no recording"):
        open_recording(zipped(tmp_path / "outer.zip", {"inner.zip": inner}))


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {f"{i}": b"" for i in range(30)})
    with monkeypatch.context() as patched:
        patched.setattr(unpacking, "MOST_FILES", 20)
        with pytest.raises(RecordingError, match="holds 30 files"):
            open_recording(path)
    monkeypatch.setattr(unpacking, "LONGEST_DIRECTORY_BYTES", 500)
    with pytest.raises(RecordingError, match="its directory is too long"):
        open_recording(path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    raw = night(tmp_path).read_bytes()
    path = zipped(tmp_path / "a.zip", {"a.edf": raw, "b.edf": raw})
    path.write_bytes(path.read_bytes().replace(b"b.edf", b"a.edf"))
    with pytest.raises(RecordingError, match="two files of one name"):
        open_recording(path)


def test_a_full_disk_is_told_and_nothing_stays(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gzipped(night(tmp_path))
    whole = Path.open

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    def opened(self: Path, mode: str = "r", **options: Any) -> Any:
        file = whole(self, mode, **options)
        return Full(file) if mode == "wb" else file

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(
        RecordingError, match=r"too little room to unpack night\.edf; free space, or set TMPDIR"
    ):
        open_recording(path)
    assert list(temporary.iterdir()) == []


def test_a_missing_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gzipped(night(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(RecordingError, match="no temporary folder can be made here"):
        open_recording(path)


def test_a_source_that_shrinks_after_it_was_unpacked_is_told_by_the_archives_name(
    tmp_path: Path, temporary: Path
) -> None:
    source = open_source(gzipped(night(tmp_path)))
    (unpacked,) = temporary.glob("*/night.edf")
    unpacked.write_bytes(unpacked.read_bytes()[:-300])
    with pytest.raises(RecordingError, match=r"night\.edf\.gz: night\.edf: became shorter"):
        list(source.pieces([0]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data(), kind=st.sampled_from(["gzip", "zip"]))
def test_damaged_archives_never_give_a_traceback(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    path = night(tmp_path, 3)
    if kind == "gzip":
        packed = gzipped(path)
    else:
        packed = zipped(tmp_path / "a.zip", {"night.edf": path.read_bytes(), "b.txt": b"b"})
    raw = bytearray(packed.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packed.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    refusal = refused(packed)
    assert refusal is None or str(packed) in refusal
