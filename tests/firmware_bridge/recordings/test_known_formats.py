"""Files that are recognised and not read are named for what they are, with the way to EDF."""

from __future__ import annotations

from pathlib import Path

import pytest

from night_files import eeg_like, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.known import KNOWN, known_format
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source

NOT_READ = [
    (
        "zmax.hyp",
        b"\x00\x80\x01",
        "this is ZMax's raw recording, which is not read here; export it with HDRec",
    ),
    ("a.muse", b"\x12\x05", "a Muse recording in its binary form"),
    ("a.rml", b"<?xml version='1.0'?><PatientStudy>", "Philips Alice"),
    ("a.slp", b"\x01", "Compumedics"),
    ("a.erd", b"\x01", "Natus"),
    ("a.ebm", b"Embla data file\x1a", "Embla"),
    ("a.trc", b"* MICROMED  Brain-Quick", "Micromed"),
    ("100.hea", b"100 2 360 650000\n", r"WFDB \(PhysioNet\) record.*mit2edf"),
    ("100.dat", b"\xe3\x33\xf3", "a binary data file"),
    ("a.mat", b"MATLAB 5.0 MAT-file, Platform", "MATLAB.*edfio"),
    ("a.mat", b"MATLAB 7.3 MAT-file, Platform", "MATLAB"),
    ("psg.h5", b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5, as the Dreem"),
    ("a.nwb", b"\x89HDF\r\n\x1a\n" + bytes(30), "NWB"),
    ("a.parquet", b"PAR1" + bytes(30), "Parquet"),
    ("a.npy", b"\x93NUMPY\x01\x00", "a NumPy array"),
    ("a.npz", b"PK\x03\x04" + bytes(30), "NumPy arrays"),
    ("a.xlsx", b"PK\x03\x04" + bytes(30), "Excel.*CSV"),
    ("a.tar", bytes(257) + b"ustar" + bytes(300), "a tar archive"),
    ("a.7z", b"7z\xbc\xaf\x27\x1c", "7z archive"),
    ("a.rar", b"Rar!\x1a\x07\x00", "RAR"),
    ("a.xz", b"\xfd7zXZ\x00", "xz"),
    ("a.pdf", b"%PDF-1.7", "a PDF"),
    ("a.png", b"\x89PNG\r\n", "a picture"),
    ("a.wav", b"RIFF\x00\x00\x00\x00WAVEfmt ", "a sound file"),
    ("a.mp4", b"\x00\x00\x00\x18ftypmp42", "a video"),
    ("night.edf", b"<!DOCTYPE html><html>", "a web page, which is not read here; the download went wrong"),
    ("night.edf", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ("night.edf", b"../.git/annex/objects/xx", "git-annex"),
    ("n.xml", b"<?xml version='1.0'?><CMPStudyConfig>", "--hypnogram"),
    ("a.eeg", b"\x01\x02", r"name the header beside it \(\.vhdr\)"),
    ("a.fdt", b"\x01\x02", r"name the \.set file"),
    ("n.edf", b"sanctuary-capture 1 {}", "under a name that ends in .capture"),
    ("a.bin", b"\x01\x02\x03", "not a recording of a kind that is read here; convert it to EDF first"),
]


@pytest.mark.parametrize(("name", "head", "message"), NOT_READ)
def test_what_is_not_read_is_named_with_the_way_to_edf(
    tmp_path: Path, name: str, head: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(head)
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    for name in ("night.mat", "night.hyp", "night.dat", "night.vhdr", "night"):
        path = write_edf(tmp_path / name, eeg_like(3, 128), 128)
        assert open_recording(path).info.format == "EDF"


def test_each_known_format_says_what_to_do() -> None:
    for known in KNOWN:
        assert known.marks or known.suffixes, known
        assert known.way, known
        assert not known.way.endswith("."), known
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in known.suffixes)


def test_each_known_format_can_be_reached() -> None:
    for known in KNOWN:
        heads = [bytes(at) + mark + bytes(8) for at, mark in known.marks] or [b"\x01\x02\x03"]
        names = [f"x{suffix}" for suffix in known.suffixes] or ["x"]
        reached = [known_format(head, name) is known for head in heads for name in names]
        assert any(reached), known.what


def test_a_format_of_mne_under_another_ending_is_named_with_the_ending_to_give_it(tmp_path: Path) -> None:
    path = tmp_path / "night.bin"
    path.write_bytes(b"GDF 2.20" + bytes(600))
    with pytest.raises(RecordingError, match=r"night.bin: this is GDF, .*give it the ending \.gdf"):
        open_source(path)
