"""Stages without a duration hold until the next one, as far as that can be true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hypnogram_files import FakeNight
from night_files import eeg_like, write_edf, write_hypnogram_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.signal.samples import Stage

W, N1, N2, N3, R, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R, Stage.UNKNOWN


def night(seconds: float) -> FakeNight:
    return FakeNight(Path("other.edf"), None, seconds)


def test_sleep_edf_annotations(tmp_path: Path) -> None:
    path = write_hypnogram_edf(
        tmp_path / "SC-Hypnogram.edf",
        [
            (0, 60, "Sleep stage W"),
            (60, 30, "Sleep stage 1"),
            (90, 30, "Sleep stage 2"),
            (120, 30, "Sleep stage 3"),
            (150, 30, "Sleep stage 4"),
            (180, 30, "Movement time"),
            (210, 30, "Sleep stage R"),
            (240, 3000, "Sleep stage ?"),
        ],
    )
    hypnogram = read_hypnogram(path, night(270.0))
    assert hypnogram.epochs(9).tolist() == [W, W, N1, N2, N3, N3, NONE, R, NONE]
    assert hypnogram.warnings == ()


def test_annotations_of_the_night_itself_are_its_hypnogram(tmp_path: Path) -> None:
    marks = [(0.0, 30.0, "Sleep stage W"), (12.0, None, "Lights off"), (30.0, 30.0, "Sleep stage R")]
    path = write_edf(tmp_path / "night.edf", eeg_like(60, 128), 128, annotations=marks)
    info = open_recording(path).info
    hypnogram = read_hypnogram(path, info)
    assert hypnogram.epochs(2).tolist() == [W, R]
    assert hypnogram.warnings == ()


@pytest.mark.parametrize("duration_s", [None, 0.0])
def test_marks_of_changes_hold_until_the_next_and_the_last_to_the_end(
    tmp_path: Path, duration_s: float | None
) -> None:
    marks = [(0.0, duration_s, "Sleep stage N2"), (60.0, duration_s, "R"), (150.0, duration_s, "Stage W")]
    path = write_hypnogram_edf(tmp_path / "night.edf", marks)
    hypnogram = read_hypnogram(path, night(240.0))
    assert hypnogram.epochs(8).tolist() == [N2, N2, R, R, R, W, W, W]
    assert hypnogram.warnings == (
        f"{path}: 3 stages have no duration; each holds until the next one, the last (W at 150 s) for 90 s",
    )


def test_the_last_holds_for_one_epoch_where_the_recording_is_not_known(tmp_path: Path) -> None:
    path = write_hypnogram_edf(tmp_path / "night.edf", [(0.0, None, "N2"), (60.0, None, "R")])
    assert read_hypnogram(path).epochs(5).tolist() == [N2, N2, R, NONE, NONE]


def test_a_word_for_none_ends_a_hold_and_an_artefact_does_not(tmp_path: Path) -> None:
    marks = [(0.0, None, "N2"), (40.0, 5.0, "Artifact"), (60.0, None, "Movement time"), (90.0, None, "N2")]
    path = write_hypnogram_edf(tmp_path / "night.edf", marks)
    assert read_hypnogram(path, night(120.0)).epochs(4).tolist() == [N2, N2, NONE, N2]


def test_an_unknown_stage_ends_a_hold(tmp_path: Path) -> None:
    marks = [(0.0, None, "N2"), (60.0, None, "Sleep stage X"), (90.0, None, "N2")]
    path = write_hypnogram_edf(tmp_path / "night.edf", marks)
    assert read_hypnogram(path, night(120.0)).epochs(4).tolist() == [N2, N2, NONE, N2]


def test_a_scoring_that_marks_every_epoch_keeps_its_holes(tmp_path: Path) -> None:
    marks = [(20.0 * i, None, "N2" if i < 30 else "R") for i in range(60) if i not in (12, 13, 14)]
    path = write_hypnogram_edf(tmp_path / "night.edf", marks)
    hypnogram = read_hypnogram(path, night(1260.0))
    found = hypnogram.epochs(63, 20.0).tolist()
    assert found == [N2] * 12 + [NONE] * 3 + [N2] * 15 + [R] * 30 + [NONE] * 3
    assert hypnogram.warnings[0] == f"{path}: holes between its epochs of 20 s (1) are left unscored"


@pytest.mark.parametrize(("stage", "kept"), [("N2", [N2, NONE]), ("W", [W, W])])
def test_sleep_is_not_held_for_hours_but_waking_is(tmp_path: Path, stage: str, kept: list[Stage]) -> None:
    marks = [(0.0, None, stage), (9000.0, None, "R"), (9060.0, None, "W")]
    path = write_hypnogram_edf(tmp_path / "night.edf", marks)
    hypnogram = read_hypnogram(path, night(9120.0))
    assert hypnogram.epochs(304)[[0, 100]].tolist() == kept
    assert any("would last more than 2 h" in each for each in hypnogram.warnings) == (stage == "N2")


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([(0, 30, "Stage X")], r"no sleep stages in it \(EDF\+ annotations\): it has 'Stage X' \(1\)"),
        ([(0, 60, "Sleep stage W"), (30, 30, "R")], "annotation at 30 s: R from 30 s, but annotation at 0"),
        ([(0, 30, "Lights off")], r"no sleep stages in it .*'Lights off' \(1\)"),
        ([(0, 30, "W"), (30, 30, "Sleep stage 5")], r"annotation at 30 s: numbers \(5\) mean different"),
        ([(0, 30, "1"), (30, 30, "2")], r"numbers \(1, 2\) mean different stages .* yasa"),
    ],
)  # fmt: skip
def test_unusable_annotations_are_refused(tmp_path: Path, marks: list[Any], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        read_hypnogram(write_hypnogram_edf(tmp_path / "night.edf", marks))
