"""Hypnograms from CSV, text and EDF+ annotations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sanctuary.firmware_bridge.recordings.hypnogram import Hypnogram, Scored, read_hypnogram, stage_of

from night_files import eeg_like, write_edf, write_hypnogram_csv, write_hypnogram_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.opening import open_recording
from sanctuary.signal.samples import Stage

W, N1, N2, N3, R, UNKNOWN = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R, Stage.UNKNOWN


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "night.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("W", W), ("wake", W), ("N1", N1), ("S1", N1), ("n2", N2), ("N3", N3), ("N4", N3), ("S4", N3),
        ("R", R), ("REM", R), ("Sleep stage W", W), ("Sleep stage 1", N1),
        ("Sleep stage 3", N3), ("Sleep stage 4", N3),
        ("sleep  stage R", R), ("Stage N2", N2), ("Sleep stage ?", UNKNOWN), ("Movement time", UNKNOWN),
        ("?", UNKNOWN), (" MT ", UNKNOWN),
    ],
)  # fmt: skip
def test_names_of_aasm_and_of_rechtschaffen_and_kales(name: str, stage: Stage) -> None:
    assert stage_of(name) is stage


@pytest.mark.parametrize(
    "name", ["", "5", "0", "2", "N5", "NREM", "Sleep stage 5", "Lights off", "sleep stage"]
)
def test_other_names_and_bare_numbers_are_no_stage(name: str) -> None:
    assert stage_of(name) is None


def test_csv_gives_an_epoch_per_row(tmp_path: Path) -> None:
    path = write_hypnogram_csv(tmp_path / "night.csv", ["W", "N1", "N2", "N3", "R", "?"])
    epochs = read_hypnogram(path).epochs(6)
    assert epochs.dtype == np.int8
    assert epochs.tolist() == [0, 1, 2, 3, 4, -1]


def test_a_shorter_hypnogram_leaves_the_rest_unknown_and_a_longer_one_is_cut(tmp_path: Path) -> None:
    hypnogram = read_hypnogram(write_hypnogram_csv(tmp_path / "night.csv", ["W", "R", "R"]))
    assert hypnogram.epochs(5).tolist() == [W, R, R, UNKNOWN, UNKNOWN]
    assert hypnogram.epochs(2).tolist() == [W, R]
    assert hypnogram.epochs(0).tolist() == []


def test_csv_with_mark_spaces_quotes_blank_lines_and_windows_ends(tmp_path: Path) -> None:
    text = '\ufeffOnset_s, duration_s ,stage\r\n\r\n0,"60","Sleep stage 2"\r\n60.0, 30 , rem \r\n\r\n'
    assert read_hypnogram(written(tmp_path, text)).epochs(3).tolist() == [N2, N2, R]


def test_rows_may_be_of_any_length_and_leave_gaps(tmp_path: Path) -> None:
    text = "onset_s,duration_s,stage\n0,20,W\n20,20,N1\n40,20,N1\n120,45,R\n"
    assert read_hypnogram(written(tmp_path, text)).epochs(6).tolist() == [W, N1, UNKNOWN, UNKNOWN, R, R]


def test_epochs_of_another_length(tmp_path: Path) -> None:
    hypnogram = read_hypnogram(write_hypnogram_csv(tmp_path / "night.csv", ["W", "R"], 20.0))
    assert hypnogram.epochs(4, epoch_s=10.0).tolist() == [W, W, R, R]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("30,30,N7", r"line 3: 'N7' is no sleep stage; use W, N1"),
        ("30,30,4", "line 3: '4' is no sleep stage; numbers mean different stages"),
        ("30,30,", "line 3: '' is no sleep stage"),
        ("thirty,30,R", "line 3: onset_s is 'thirty'; expected seconds"),
        ("30,nan,R", "line 3: duration_s is 'nan'"),
        ("inf,30,R", "line 3: onset_s is 'inf'"),
        ("-30,30,R", "line 3: onset_s is '-30'"),
        ("30,-30,R", "line 3: duration_s is '-30'"),
        ("30,0,R", "line 3: duration_s is 0"),
        ("29,30,R", "line 3: starts at 29 s, before the stage above it ends at 30 s"),
        ("30,30", "line 3: 2 columns; expected 3"),
        ("30;30;R", "line 3: 1 columns"),
        ("30,30,R,x", "line 3: 4 columns"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, row: str, message: str) -> None:
    path = written(tmp_path, f"onset_s,duration_s,stage\n0,30,W\n{row}\n")
    with pytest.raises(RecordingError, match=message) as caught:
        read_hypnogram(path)
    assert str(caught.value).startswith(f"{path}, line 3")


def test_text_with_one_stage_a_line(tmp_path: Path) -> None:
    assert read_hypnogram(written(tmp_path, "W\nS2\nREM\nN4\n\n")).epochs(5).tolist() == [
        W,
        N2,
        R,
        N3,
        UNKNOWN,
    ]


@pytest.mark.parametrize(("text", "line"), [("W\n\nR\n", 2), ("W\nR\nfoo\n", 3), ("W\n2\n", 2)])
def test_a_bad_line_of_text_is_named(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(RecordingError, match=f"line {line}: "):
        read_hypnogram(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the hypnogram is empty"),
        ("\ufeff \n\n", "the hypnogram is empty"),
        ("time,stage\n0,W\n", r"line 1 is 'time,stage'; expected the header onset_s,duration_s,stage"),
        ("onset_s,duration_s,stage\n", "no sleep stages in it"),
        ("?\n?\n", "no sleep stages in it"),
    ],
)
def test_files_without_stages_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        read_hypnogram(written(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "night.csv"
    path.write_bytes(b"\x80\x81\xff" * 30)
    with pytest.raises(RecordingError, match="this is no hypnogram"):
        read_hypnogram(path)


def test_a_monstrous_csv_cell_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="line 2: no CSV"):
        read_hypnogram(written(tmp_path, "onset_s,duration_s,stage\n" + "9" * 200_000))


def test_a_missing_hypnogram_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no such file"):
        read_hypnogram(tmp_path / "none.csv")


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
    assert read_hypnogram(path).epochs(9).tolist() == [W, W, N1, N2, N3, N3, UNKNOWN, R, UNKNOWN]


def test_annotations_of_the_night_itself_are_its_hypnogram(tmp_path: Path) -> None:
    marks = [(0.0, 30.0, "Sleep stage W"), (12.0, None, "Lights off"), (30.0, 30.0, "Sleep stage R")]
    path = write_edf(tmp_path / "night.edf", eeg_like(60, 128), 128, annotations=marks)
    assert read_hypnogram(path).epochs(2).tolist() == [W, R]
    assert open_recording(path).info.n_samples == 60 * 128


def test_annotations_without_duration_last_to_the_next_or_an_epoch(tmp_path: Path) -> None:
    marks = [(0.0, None, "Sleep stage N2"), (30.0, None, "Sleep stage R"), (90.0, None, "Sleep stage W")]
    path = write_hypnogram_edf(tmp_path / "night.edf", marks)
    assert read_hypnogram(path).epochs(4).tolist() == [N2, R, UNKNOWN, W]


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([(0, 30, "Sleep stage X")], "annotation at 0 s: 'Sleep stage X' is no sleep stage"),
        ([(0, 60, "Sleep stage W"), (30, 30, "Sleep stage R")], "annotation at 30 s: starts at 30 s, before"),
        ([(0, 30, "Lights off")], "no sleep stages in it"),
    ],
)
def test_unusable_annotations_are_refused(tmp_path: Path, marks: list[Any], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        read_hypnogram(write_hypnogram_edf(tmp_path / "night.edf", marks))


@given(
    pieces=st.lists(
        st.tuples(st.floats(0.0, 50.0), st.floats(0.5, 200.0), st.sampled_from(list(Stage))), max_size=20
    ),
    n_epochs=st.integers(0, 60),
)
def test_epochs_take_the_stage_that_fills_most_of_them(
    pieces: list[tuple[float, float, Stage]], n_epochs: int
) -> None:
    scored, end_s = [], 0.0
    for gap_s, duration_s, stage in pieces:
        scored.append(Scored(end_s + gap_s, duration_s, stage))
        end_s = scored[-1].onset_s + duration_s
    epochs = Hypnogram(Path("night.csv"), tuple(scored)).epochs(n_epochs)
    assert len(epochs) == n_epochs
    for i, found in enumerate(epochs):
        filled = dict.fromkeys(Stage, 0.0)
        for piece in scored:
            overlap = min(30.0 * (i + 1), piece.onset_s + piece.duration_s) - max(30.0 * i, piece.onset_s)
            filled[piece.stage] += max(0.0, overlap)
        del filled[UNKNOWN]
        total = sum(filled.values())
        if math.isclose(total, 15.0, abs_tol=0.01):
            continue
        if total < 15.0:
            assert found == UNKNOWN
        else:
            assert filled[Stage(found)] == pytest.approx(max(filled.values()), abs=1e-6)
