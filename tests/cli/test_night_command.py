"""``sanctuary night``: a simulated night as files that others can read, whole or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import edfio
import numpy as np
import pytest

from sanctuary.cli.main import run
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.night_file import edf_bytes, hypnogram_csv, marks
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper

FS_HZ = 100
SHORT = ("--hours", "0.5", "--fs-hz", str(FS_HZ), "--seed", "7")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nights") / "night.edf"
    assert run(["night", str(path), *SHORT]) == 0
    return path


def test_edfio_reads_the_signal_of_the_sleeper(night: Path) -> None:
    edf = edfio.read_edf(night)
    assert [signal.label for signal in edf.signals] == ["EEG AF7", "EEG AF8"]
    assert all(signal.sampling_frequency == FS_HZ for signal in edf.signals)
    assert edf.num_data_records == 1800
    wanted = Sleeper(7, 0.5, float(FS_HZ)).render(1800 * FS_HZ)
    found = np.stack([signal.data for signal in edf.signals])
    assert np.abs(found - wanted).max() < 0.1


def test_the_truth_stands_beside_it_as_annotations(night: Path) -> None:
    truth = Sleeper(7, 0.5, float(FS_HZ)).truth
    notes = edfio.read_edf(night).annotations
    stages = [note for note in notes if note.text.startswith("Sleep stage ")]
    assert {note.text.removeprefix("Sleep stage ") for note in stages} <= {"W", "N1", "N2", "N3", "R"}
    assert [note.onset for note in stages[1:]] == [(n.onset + (n.duration or 0.0)) for n in stages[:-1]]
    epochs = np.repeat(
        [Stage[note.text.removeprefix("Sleep stage ")] for note in stages],
        [round((note.duration or 0.0) / 30.0) for note in stages],
    )
    assert np.array_equal(epochs, truth.epochs())
    for text, episodes in (("EEG arousal", truth.arousals), ("Body turn", truth.turns)):
        onsets = [note.onset for note in notes if note.text == text]
        assert onsets == pytest.approx([each.onset_s for each in episodes], abs=1e-5)
    assert sum(note.text == "Lights out" for note in notes) == 1


def test_our_own_reader_takes_the_csv_and_the_annotations_for_the_same_hypnogram(night: Path) -> None:
    truth = Sleeper(7, 0.5, float(FS_HZ)).truth
    recording = open_recording(night)
    assert recording.info.channels == ("AF7", "AF8")
    assert recording.info.duration_s == 1800.0
    for path in (night, night.with_suffix(".hypnogram.csv")):
        assert np.array_equal(read_hypnogram(path).epochs(60), truth.epochs())


def test_replay_takes_both_files(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", str(night), "--hypnogram", str(night.with_suffix(".hypnogram.csv"))]) == 0
    assert "kappa" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_bytes_in_another_process(night: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.edf"
    command = [sys.executable, "-P", "-m", "sanctuary", "night", str(again), *SHORT]
    subprocess.run(command, check=True, capture_output=True)
    for suffix in (".edf", ".hypnogram.csv"):
        one, other = (hashlib.sha256(p.with_suffix(suffix).read_bytes()).digest() for p in (night, again))
        assert one == other


def test_other_seeds_and_settings_give_other_nights(night: Path, tmp_path: Path) -> None:
    arguments = [
        (*SHORT[:-1], "8"),
        (*SHORT, "--set", 'sleepers.disturbances.events=[{kind = "breath"}]'),
        (*SHORT, "--set", "sleepers.night.turns_per_hour=20"),
    ]
    nights = {night.read_bytes()}
    for number, chosen in enumerate(arguments):
        path = tmp_path / f"{number}.edf"
        assert run(["night", str(path), *chosen]) == 0
        nights.add(path.read_bytes())
    assert len(nights) == 4


def test_cues_leave_marks(tmp_path: Path) -> None:
    cues, path = tmp_path / "cues.csv", tmp_path / "cued.edf"
    cues.write_text("at_s,modality,level\n900,sound,100\n1300.5,light,0.1\n", encoding="utf-8")
    assert run(["night", str(path), *SHORT, "--cues", str(cues)]) == 0
    notes = edfio.read_edf(path).annotations
    told = {note.onset: note.text for note in notes if note.text.startswith("Cue ")}
    assert list(told) == [900.0, 1300.5]
    assert told[900.0].startswith("Cue sound 100 dBA: a")
    sleeper = Sleeper(7, 0.5, float(FS_HZ))
    sleeper.stimulate(100.0, Modality.SOUND, 900.0)
    sleeper.stimulate(0.1, Modality.LIGHT, 1300.5)
    assert sorted(mark.text for mark in marks(sleeper)) == sorted(note.text for note in notes)
    assert path.with_suffix(".hypnogram.csv").read_text() == hypnogram_csv(sleeper.truth)


def _refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["night.txt"], "ends with .edf"),
        (["night.edf", "--hours", "0"], "--hours"),
        (["night.edf", "--hours", "25"], "--hours"),
        (["night.edf", "--fs-hz", "100.5"], "whole number"),
        (["night.edf", "--seed", "-1"], "--seed"),
        (["night.edf", "--cues", "none.csv"], "none.csv"),
        (["night.edf", "--set", "sleepers.nonsense=1"], "nonsense"),
        (["/dev/null/night.edf"], "night.edf"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in _refused(["night", *arguments], capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1"),
        ("time,what\n", "line 1"),
        ("at_s,modality,level\n10,sound\n", "line 2"),
        ("at_s,modality,level\n10,smell,3\n", "line 2"),
        ("at_s,modality,level\n10,sound,30\n\n5,sound,30\n", "line 3"),
        ("at_s,modality,level\n10,sound,loud\n", "line 2"),
    ],
)
def test_impossible_cues_are_told_by_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cues = tmp_path / "cues.csv"
    cues.write_text(text, encoding="utf-8")
    assert message in _refused(["night", str(tmp_path / "n.edf"), *SHORT, "--cues", str(cues)], capsys)
    assert list(tmp_path.iterdir()) == [cues]


def test_a_night_that_fails_half_way_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "night.edf"
    path.write_bytes(b"the night before")

    def full(_sleeper: Sleeper, _n: int) -> np.ndarray:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Sleeper, "render", full)
    assert "No space left" in _refused(["night", str(path), *SHORT], capsys)
    assert path.read_bytes() == b"the night before"
    assert list(tmp_path.iterdir()) == [path]


def test_marks_find_room_in_any_night() -> None:
    sleeper = Sleeper(7, 0.1, 100.0)
    for at_s in range(1, 300):
        sleeper.stimulate(30.0, Modality.SOUND, float(at_s))
    assert sum(1 for _ in edf_bytes(sleeper)) == 361
    crowded = Sleeper(7, 0.1, 100.0)
    for number in range(3000):
        crowded.stimulate(30.0, Modality.SOUND, number / 10.0)
    with pytest.raises(ValueError, match="marks do not fit"):
        list(edf_bytes(crowded))
