"""Tables: the columns found, and the row named where one is wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hypnogram_files import FakeNight
from night_files import write_hypnogram_csv
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import hypnogram_options
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.signal.samples import Stage

W, N1, N2, N3, R, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R, Stage.UNKNOWN


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "night.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_gives_an_epoch_per_row(tmp_path: Path) -> None:
    path = write_hypnogram_csv(tmp_path / "night.csv", ["W", "N1", "N2", "N3", "R", "?"])
    epochs = read_hypnogram(path).epochs(6)
    assert epochs.dtype == np.int8
    assert epochs.tolist() == [0, 1, 2, 3, 4, -1]


def test_a_shorter_hypnogram_leaves_the_rest_unknown_and_a_longer_one_is_cut(tmp_path: Path) -> None:
    hypnogram = read_hypnogram(write_hypnogram_csv(tmp_path / "night.csv", ["W", "R", "R"]))
    assert hypnogram.epochs(5).tolist() == [W, R, R, NONE, NONE]
    assert hypnogram.epochs(2).tolist() == [W, R]
    assert hypnogram.epochs(0).tolist() == []


def test_csv_with_mark_spaces_quotes_blank_lines_and_windows_ends(tmp_path: Path) -> None:
    text = '\ufeffOnset_s, duration_s ,stage\r\n\r\n0,"60","Sleep stage 2"\r\n60.0, 30 , rem \r\n\r\n'
    assert read_hypnogram(written(tmp_path, text)).epochs(3).tolist() == [N2, N2, R]


def test_rows_may_be_of_any_length_in_any_order_and_leave_gaps(tmp_path: Path) -> None:
    text = "onset_s,duration_s,stage\n120,45,R\n0,20,W\n20,20,N1\n40,20,N1\n"
    assert read_hypnogram(written(tmp_path, text)).epochs(6).tolist() == [W, N1, NONE, NONE, R, R]


def test_epochs_of_another_length(tmp_path: Path) -> None:
    hypnogram = read_hypnogram(write_hypnogram_csv(tmp_path / "night.csv", ["W", "R"], 20.0))
    assert hypnogram.epochs(4, epoch_s=10.0).tolist() == [W, W, R, R]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("30,30,4", "line 3: numbers \\(4\\) mean different stages"),
        ("thirty,30,R", "line 3: onset s is 'thirty'; expected seconds"),
        ("30,nope,R", "line 3: duration s is 'nope'"),
        ("inf,30,R", "line 3: onset s is 'inf'"),
        ("1e300,30,R", "line 3: onset s is '1e300'"),
        ("30,-30,R", "line 3: lasts -30 s"),
        ("29.5,30,R", None),
        ("28,30,R", "line 3: R from 28 s, but line 2 says W until 30 s; if these are two scorers"),
        ("30,30", "line 3: 2 columns; expected 3"),
        ("30;30;R", "line 3: 1 columns"),
        ("30,30,R,x", "line 3: 4 columns"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, row: str, message: str | None) -> None:
    path = written(tmp_path, f"onset_s,duration_s,stage\n0,30,W\n{row}\n")
    if message is None:
        assert "up to 1 s before the stage above ends" in read_hypnogram(path).warnings[0]
        return
    with pytest.raises(RecordingError, match=message) as caught:
        read_hypnogram(path)
    assert str(caught.value).startswith(f"{path}, line 3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onset_s,duration_s,stage\n", "no sleep stages in it"),
        ("?\n?\n", r"no sleep stages in it \(list of stages\): it has '\?' \(2\)"),
        ("onset,stage\n0,foo\n30,bar\n", r"no sleep stages in it \(table\): it has 'foo' \(1\), 'bar' \(1\)"),
        ("onset,trial_type\n0,go\n30,stop\n", r"no sleep stages in it \(table\)"),
        ("onset,duration\n0,30\n30,30\n", "none of its columns onset, duration holds sleep stages"),
        ("Wann;Was\n5;W\n35;N1\n", "its column 'wann' is not known, but looks like times"),
        ("0,40,W\n30,20,N1\n50,30,N2\n", "neither how long each stage lasts nor where it ends"),
        (
            "epoch,anna,ben\n1,W,W\n2,N1,N2\n3,N2,N2\n",
            "line 3: N1 in column 'anna', N2 in 'ben'",
        ),
        (",stage\n7,W\n30,N1\n", "its column 'without a name' is not known, but looks like times"),
        ("time,stage\n22:00,W\n", "line 2: time is '22:00'; expected seconds, or times as 22:00:30"),
        ("0,1,2,W\n1,2,3,N1\n", "4 columns without a header"),
        ("0,30,W\n30,N1\n", "line 2: 2 columns; the first line has 3"),
        ("epoch,stage\n5,W\n6,N1\n", "begins with epoch 5, so whether epochs count from 0 or 1 is not known"),
        ("epoch,stage\n1,W\nx,N1\n", "line 3: the epoch is 'x'"),
        ("time,stage\n22:00:00,W\n60,N1\n", "line 3: '60' is no time of day"),
        ('onset,stage\n0,W\n"1,200",N1\n', "line 3: '1,200' may be thousands or a decimal comma"),
        ("onset_s,duration_s,stage\n" + "9" * 200_000, "line 2: no CSV"),
    ],
)
def test_tables_that_leave_something_open_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        read_hypnogram(written(tmp_path, text))


def test_an_unknown_word_is_left_unscored_and_said_once(tmp_path: Path) -> None:
    text = "onset_s,duration_s,stage\n0,30,W\n30,30,N7\n60,30,N7\n90,30,foo\n120,30,R\n"
    path = written(tmp_path, text)
    hypnogram = read_hypnogram(path)
    assert hypnogram.epochs(5).tolist() == [W, NONE, NONE, NONE, R]
    assert hypnogram.warnings == (
        f"{path}: 'N7' is no stage that is known (2 times, first at line 3); left unscored",
        f"{path}: 'foo' is no stage that is known (once at line 5); left unscored",
    )


def test_events_beside_stages_are_left_alone_unless_they_look_like_one(tmp_path: Path) -> None:
    text = (
        "onset\tduration\ttrial_type\n0\t30\tN2\n4\t2\tspindle\n5\t3\tartifact\n9\t0\t17\n"
        "30\t30\tSleep stage X\n60\t30\tR\n"
    )
    hypnogram = read_hypnogram(written(tmp_path, text))
    assert hypnogram.epochs(3).tolist() == [N2, NONE, R]
    assert len(hypnogram.warnings) == 1
    assert "'Sleep stage X' is no stage that is known" in hypnogram.warnings[0]


def test_a_wrong_preset_that_meets_an_impossible_number_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "0\n1\n2\n3\n5\n")
    assert read_hypnogram(path, None, hypnogram_options(stages="aasm5")).epochs(5).tolist() == [
        W,
        N1,
        N2,
        N3,
        R,
    ]
    with pytest.raises(RecordingError, match=r"line 5: 5 means nothing by --stages; .* aasm5 \("):
        read_hypnogram(path, None, hypnogram_options(stages="yasa"))


@pytest.mark.parametrize("codes", [(0, 4), (0, 1, 2, 3, 4)])
def test_four_after_sleep_stage_is_not_guessed_where_wake_is_zero(
    tmp_path: Path, codes: tuple[int, ...]
) -> None:
    rows = [f"{30 * i},30,Sleep stage {code}" for i, code in enumerate(codes)]
    path = written(tmp_path, "\n".join(["onset_s,duration_s,stage", *rows]))
    with pytest.raises(RecordingError, match="4 may be N3 or REM"):
        read_hypnogram(path)
    assert read_hypnogram(path, None, hypnogram_options(stages="yasa")).epochs(len(codes))[-1] == R


def test_the_same_epoch_twice_alike_is_used_once_and_said(tmp_path: Path) -> None:
    text = "onset_s,duration_s,stage\n0,30,W\n30,30,N2\n30,30,N2\n60,30,R\n45,20,?\n"
    path = written(tmp_path, text)
    hypnogram = read_hypnogram(path)
    assert hypnogram.epochs(3).tolist() == [W, N2, R]
    assert hypnogram.warnings == (f"{path}: 1 stage (line 4) is scored twice alike; used once",)


def test_what_lies_before_the_beginning_is_cut_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "onset_s,duration_s,stage\n-60,30,N1\n-30,60,W\n30,30,N2\n")
    hypnogram = read_hypnogram(path)
    assert hypnogram.epochs(2).tolist() == [W, N2]
    assert hypnogram.warnings == (
        f"{path}: 60 s of its scoring lie before the recording's beginning and are left out",
    )


@pytest.mark.parametrize(
    "text",
    [
        ",stage\n0,W\n1,N2\n2,R\n",
        "Unnamed: 0;hypno\n1;W\n2;N2\n3;R\n",
        "subject,epoch,stage\nS1,0,W\nS1,1,N2\nS1,2,R\n",
        "Beginn;Dauer;Stadium\n0,0;30,0;Wach\n30,0;30,0;N2\n60,0;30,0;REM\n",
        "epoch,anna,ben\n1,W,W\n2,N2,?\n3,R,R\n",
        "0,20,W\n30,20,N2\n60,30,R\n",
        "# made by hand\nonset,stage\n0,W\n30,N2\n60,R\n",
    ],
)
def test_tables_of_many_dresses(tmp_path: Path, text: str) -> None:
    assert read_hypnogram(written(tmp_path, text)).epochs(3).tolist() == [W, N2, R]


def test_numbers_with_exponents_are_whole_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f"{code:.18e}\n" for code in (0, 2, 4, -1)))
    assert read_hypnogram(path, None, hypnogram_options(stages="yasa")).epochs(4).tolist() == [W, N2, R, NONE]


def test_a_date_in_a_column_of_its_own_counts(tmp_path: Path) -> None:
    times = ("01.02.2024;23:59:00", "01.02.2024;23:59:30", "02.02.2024;00:00:00")
    path = written(tmp_path, "\n".join(["Date;Time;Stage", *(f"{time};N2" for time in times)]))
    night = FakeNight(start=datetime(2024, 2, 1, 23, 58), duration_s=180.0)  # noqa: DTZ001
    assert read_hypnogram(path, night).offset_s == 60.0
    with pytest.raises(RecordingError, match="nothing of it would be scored"):
        read_hypnogram(path, FakeNight(start=datetime(2024, 3, 1, 23, 58)))  # noqa: DTZ001
