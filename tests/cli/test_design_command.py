"""``sanctuary design``: what authors see, hear and sign, and what they are told when something is wrong."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pod_bench import DESIGN, DESIGN_TOML
from sanctuary.cli.main import run
from sanctuary.commons.designs.design_files import Signed, judge_signature
from sanctuary.commons.entries import key_id, signing_key
from sanctuary.firmware_bridge.outputs.sound_rendering import lmax_db
from sound_files import sine, wav_bytes, write_design

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("SANCTUARY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def write(name: str = "mine.toml", text: str = DESIGN_TOML) -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def heard(path: Path) -> tuple[np.ndarray, int]:
    import wave

    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768, file.getframerate()


# --- check ---


def test_a_design_that_fits_is_listed_and_passes(capsys: Capture) -> None:
    assert run(["design", "check", "spoken-seed"]) == 0
    out = capsys.readouterr().out
    for text in ("Spoken seed", "unsigned", '"Look around. You are dreaming.", 2.8 s, CC0-1.0'):
        assert text in out
    assert "8 steps in a window of 10 min: 8 as asked, 0 refused" in out


def test_what_would_be_refused_is_told_with_the_setting_and_by_the_exit_code(capsys: Capture) -> None:
    assert run(["design", "check", "lantern", "--lamps", "4"]) == 1
    out = capsys.readouterr().out
    assert "12 steps in a window of 8 min: 3 as asked, 3 lowered, 6 refused" in out
    assert "limiter.max_flash_hz = 1, divided by 4 lamps in view" in out


def test_steps_refused_for_one_reason_stand_in_one_row(capsys: Capture) -> None:
    write()
    assert run(["design", "check", "mine.toml"]) == 1
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "cues_per_block" in line]
    assert "15 to 63" in row


def test_the_settings_in_force_are_those_that_count(capsys: Capture) -> None:
    assert run(["design", "check", "amber-breath", "--set", "limiter.gap_s=40"]) == 1
    assert "limiter.gap_s = 40" in capsys.readouterr().out


def test_the_threshold_is_said_whether_given_or_taken_for_granted(capsys: Capture) -> None:
    assert run(["design", "check", "tone-ladder"]) == 0
    assert (
        "threshold of the sleeper taken to lie at 30 dBA; a pod without threshold_dba refuses"
        in capsys.readouterr().out
    )
    assert run(["design", "check", "tone-ladder", "--threshold", "40"]) == 0
    out = capsys.readouterr().out
    assert "threshold of the sleeper at 40 dBA" in out
    assert "12 lowered" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "storm"], "'storm': neither a file nor one that is shipped; there are amber-breath, duet"),
        (["show", "storm.toml"], "storm.toml: cannot be read: No such file or directory"),
        (["check", "."], ".: cannot be read: Is a directory"),
        (["check", "broken.toml"], "broken.toml: not TOML"),
        (["preview", "broken.toml", "--out", "p"], "broken.toml: not TOML"),
        (["sign", "broken.toml", "--key", "k", "--new-key"], "broken.toml: not TOML"),
        (["check", "loud.toml"], "loud.toml:11: steps[0].level_dba"),
        (["check", "tide", "--threshold", "46"], "--threshold"),
        (["check", "tide", "--lamps", "0"], "--lamps"),
        (["preview", "tide"], "--out"),
        (["sign", "mine.toml"], "--key"),
        (["sign", "mine.toml", "--key", "none"], "none: no such key; make one with --new-key"),
        (["sign", "tide", "--key", "k", "--new-key"], "tide: cannot be read"),
        (["sign", "mine.toml", "--key", "mine.toml"], "mine.toml: others may read this key"),
        (["sign", "mine.toml", "--key", "short"], "short: no key; a key file holds exactly 32 bytes"),
        (["preview", "tide", "--out", "mine.toml"], "mine.toml/tide.wav: cannot write the sound here"),
    ],
)
def test_wrong_input_is_told_in_one_sentence_and_leaves_nothing(
    arguments: list[str], message: str, capsys: Capture
) -> None:
    write()
    write("broken.toml", "title = ")
    write("loud.toml", DESIGN_TOML.replace("34.0", "46.0"))
    write("short", "x").chmod(0o600)
    before = sorted(Path.cwd().rglob("*"))
    assert run(["design", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert sorted(Path.cwd().rglob("*")) == before


# --- preview ---


def test_a_preview_sounds_as_the_limiter_lets_it(capsys: Capture) -> None:
    write()
    assert run(["design", "preview", "mine.toml", "--out", "p"]) == 0
    samples, fs_hz = heard(Path("p/mine.wav"))
    assert samples.size == 72 * fs_hz
    first, last = samples[: 7 * fs_hz], samples[48 * fs_hz : 55 * fs_hz]
    assert 70 + lmax_db(first, fs_hz) == pytest.approx(30.0, abs=0.1)
    assert 70 + lmax_db(last, fs_hz) == pytest.approx(31.0, abs=0.1)
    assert not samples[7 * fs_hz : 48 * fs_hz].any()
    assert Path("p/mine.png").read_bytes().startswith(b"\x89PNG")
    assert "full scale stands for 70 dBA at the pillow" in capsys.readouterr().out
    assert sorted(path.name for path in Path("p").iterdir()) == ["mine.png", "mine.wav"]


def test_a_preview_speaks_the_sound_file_of_a_design(tmp_path: Path) -> None:
    path = write_design(tmp_path / "d", wav_bytes(sine(800.0, 1.5)))
    assert run(["design", "preview", str(path), "--out", "p"]) == 0
    samples, fs_hz = heard(Path("p/seed.wav"))
    spectrum = np.abs(np.fft.rfft(samples[: 2 * fs_hz]))
    assert np.argmax(spectrum) * fs_hz / (2 * fs_hz) == pytest.approx(800.0, abs=2.0)
    assert 29.0 < 70 + lmax_db(samples[: 2 * fs_hz], fs_hz) <= 30.0  # its fades take a little off


def test_a_preview_goes_by_the_threshold(capsys: Capture) -> None:
    assert run(["design", "preview", "tone-ladder", "--out", "p", "--threshold", "26"]) == 0
    samples, fs_hz = heard(Path("p/tone-ladder.wav"))
    assert 70 + lmax_db(samples[: 6 * fs_hz], fs_hz) == pytest.approx(22.0, abs=0.1)
    assert "threshold of the sleeper at 26 dBA" in capsys.readouterr().out


def test_a_preview_of_silence_is_silent() -> None:
    assert run(["design", "preview", "silence", "--out", "p"]) == 0
    assert not heard(Path("p/silence.wav"))[0].any()


# --- sign and show ---


def test_a_signed_design_names_its_author_until_it_is_changed(capsys: Capture) -> None:
    path = write()
    assert run(["design", "sign", "mine.toml", "--key", "k", "--new-key"]) == 0
    assert Path("k").stat().st_mode & 0o777 == 0o600
    who = key_id(signing_key(Path("k").read_bytes()))
    assert judge_signature(Path("mine.toml.sig").read_bytes(), DESIGN.hash) == Signed(who)
    capsys.readouterr()
    assert run(["design", "show", "mine.toml"]) == 0
    assert f"signed by {who}" in capsys.readouterr().out
    path.write_text(DESIGN_TOML + "# a word\n")
    assert run(["design", "show", "mine.toml"]) == 0
    assert "does not fit: made for another file" in capsys.readouterr().out


def test_a_key_signs_again_and_is_never_written_over(capsys: Capture) -> None:
    write()
    assert run(["design", "sign", "mine.toml", "--key", "k", "--new-key"]) == 0
    key, note = Path("k").read_bytes(), Path("mine.toml.sig").read_bytes()
    assert run(["design", "sign", "mine.toml", "--key", "k", "--new-key"]) == 2
    assert "k: is there already" in capsys.readouterr().err
    assert run(["design", "sign", "mine.toml", "--key", "k"]) == 0
    assert (Path("k").read_bytes(), Path("mine.toml.sig").read_bytes()) == (key, note)


def test_a_signature_that_is_none_is_no_reason_to_stop(capsys: Capture) -> None:
    write()
    Path("mine.toml.sig").write_bytes(b"\xff" * 2000)
    assert run(["design", "show", "mine.toml"]) == 0
    assert "does not fit: longer than 1024 bytes" in capsys.readouterr().out


def test_show_lists_parts_steps_and_the_answer(capsys: Capture) -> None:
    assert run(["design", "show", "duet"]) == 0
    out = capsys.readouterr().out
    assert "7 for part 1, 7 for part 2" in out
    assert "to lrlr of another: sound, 29 dBA, 4 s, 783.99, 1174.66 Hz, at most 3 a window" in out
    (row,) = [line for line in out.splitlines() if "294, 588 Hz" in line and "0:20" in line]
    assert [cell.strip() for cell in row.split("│")[1:6]] == ["1", "0:20", "2", "sound", "28 dBA"]


def test_show_has_no_table_for_silence(capsys: Capture) -> None:
    assert run(["design", "show", "silence"]) == 0
    out = capsys.readouterr().out
    assert "none: silent" in out
    assert "│" not in out


def test_a_copy_of_a_shipped_design_has_its_hash(capsys: Capture) -> None:
    shutil.copy(str(files("sanctuary.config") / "designs" / "lantern.toml"), "copy.toml")
    hashes = []
    for name in ("lantern", "copy.toml"):
        assert run(["design", "show", name]) == 0
        hashes += [line.split()[-1] for line in capsys.readouterr().out.splitlines() if "SHA-256" in line]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]
