"""Sound files of a design: found by their hash, checked before any night, and named where they are wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from sanctuary.commons.designs import cue_for, load_design
from sanctuary.config.errors import InputError
from sound_files import design_with, sine, wav_bytes, write_design

TONE = wav_bytes(sine())
TONE_SHA256 = hashlib.sha256(TONE).hexdigest()


def test_a_file_is_read_with_its_design(tmp_path: Path) -> None:
    loaded = load_design(write_design(tmp_path, TONE))
    assert list(loaded.files) == [TONE_SHA256]
    assert loaded.files[TONE_SHA256].duration_s == 1.0
    assert cue_for(loaded.design.steps[0]).file_sha256 == TONE_SHA256


def test_the_hash_of_a_design_covers_its_files_by_theirs(tmp_path: Path) -> None:
    one = load_design(write_design(tmp_path / "1", TONE))
    two = load_design(write_design(tmp_path / "2", wav_bytes(sine(500.0))))
    assert one.hash != two.hash


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"RIFF", "no PCM WAV file"),
        (b"", "no PCM WAV file"),
        (TONE[:-100], "cut off"),
        (wav_bytes(sine(), channels=2), "2 channels of 16 bits; mono with 16 bits expected"),
        (wav_bytes(sine(), width=1), "1 channels of 8 bits"),
        (wav_bytes(sine(duration_s=15.1)), r"15.1 s long; at most 15 s"),
        (wav_bytes(sine(), fs_hz=4000), "4000 Hz; 8000 to 48000 Hz expected"),
        (wav_bytes(sine(), fs_hz=96000), "96000 Hz"),
        (wav_bytes(np.zeros(8000)), "silent"),
        (wav_bytes(sine(duration_s=14.0, fs_hz=48000), fs_hz=48000) + b"\0" * 200_000, "more than 1444096"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_line_and_field(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = write_design(tmp_path, content)
    with pytest.raises(InputError, match=rf"seed\.toml:\d+: files\[0\]\.sha256: .*{message}"):
        load_design(path)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    path = write_design(tmp_path, TONE, sha256="ab" * 32)
    with pytest.raises(InputError, match=f"is another file: its SHA-256 is {TONE_SHA256}"):
        load_design(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = write_design(tmp_path, TONE)
    (tmp_path / "files" / f"{TONE_SHA256}.wav").unlink()
    line = path.read_text().splitlines().index(f'sha256 = "{TONE_SHA256}"') + 1
    with pytest.raises(InputError, match=rf"seed\.toml:{line}: files\[0\]\.sha256: .*cannot be read"):
        load_design(path)


def test_bytes_without_their_folder_have_no_files() -> None:
    with pytest.raises(InputError, match="without the folder"):
        load_design(design_with(TONE_SHA256).encode())


def test_a_step_may_not_cut_its_file_off(tmp_path: Path) -> None:
    path = write_design(tmp_path, wav_bytes(sine(duration_s=6.5)))
    with pytest.raises(InputError, match=r"steps\[0\]\.duration_s: shorter than its file, which lasts 6.50"):
        load_design(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[files]]", '[[files]]\nfoo = "x"', r"files\[0\]\.foo"),
        ("file_sha256 = ", "tones_hz = [110.0]\n#", r"files\[0\] is played by no step"),
        ('[[files]]\nsha256 = "', '[[files]]\nsha256 = "00', r"files\[0\]\.sha256"),
    ],
)
def test_the_list_of_files_must_fit_the_steps(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_design(tmp_path, TONE)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        load_design(path)


def test_a_file_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    path = write_design(tmp_path, TONE)
    path.write_text(path.read_text().partition("[[files]]")[0])
    with pytest.raises(InputError, match=r"steps\[0\]\.file_sha256 is not one of files"):
        load_design(path)


def test_a_file_may_be_listed_once(tmp_path: Path) -> None:
    path = write_design(tmp_path, TONE)
    text = path.read_text()
    path.write_text(text + "[[files]]" + text.partition("[[files]]")[2])
    with pytest.raises(InputError, match=r"files\[1\] is listed twice"):
        load_design(path)
