"""Hypnograms are laid by the clocks of both files, over midnight; what cannot be reconciled is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import hypnogram_files as files
from hypnogram_files import CODES, STAGES, START, FakeNight, clock, runs, table
from night_files import eeg_like, patch, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import HypnogramOptions
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.readers import open_recording

EXPECTED = [CODES[stage] for stage in STAGES]
NONE = -1
ANONYMOUS = datetime(1985, 1, 1)  # noqa: DTZ001
MAKERS: dict[str, Callable[[], bytes]] = {
    "EDF+": lambda: files.edf(files.edf_stages()),
    "RemLogic": files.remlogic,
    "Domino": files.domino,
    "Luna": files.annot_clock,
    "YASA": lambda: table("Time,Stage", lambda i, s: f"{clock(i, '%Y-%m-%d %H:%M:%S')},{s}"),
}
TIMES_ALONE = ("RemLogic", "Domino", "Luna")


def put(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "night.hypnogram"
    path.write_bytes(raw)
    return path


def night(starts_earlier_s: float, duration_s: float = 1200.0) -> FakeNight:
    return FakeNight(Path("night.edf"), START - timedelta(seconds=starts_earlier_s), duration_s)


@pytest.mark.parametrize("name", MAKERS)
def test_a_scoring_that_begins_later_is_laid_later_and_said(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, MAKERS[name]())
    hypnogram = read_hypnogram(path, night(600.0, 1800.0))
    assert hypnogram.epochs(60).tolist() == [NONE] * 20 + EXPECTED
    assert hypnogram.offset_s == 600.0
    assert [each for each in hypnogram.warnings if "begins 600 s after the recording" in each]


@pytest.mark.parametrize("name", MAKERS)
def test_a_scoring_that_begins_earlier_is_cut_and_said(tmp_path: Path, name: str) -> None:
    hypnogram = read_hypnogram(put(tmp_path, MAKERS[name]()), night(-120.0, 1080.0))
    assert hypnogram.epochs(36).tolist() == EXPECTED[4:]
    assert [each for each in hypnogram.warnings if "begins 120 s before the recording" in each]
    assert [each for each in hypnogram.warnings if "120 s of its scoring lie before" in each]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("before_midnight", [False, True])
def test_midnight_between_the_beginnings_is_passed(tmp_path: Path, name: str, before_midnight: bool) -> None:
    """The scoring begins 23:52; the recording 23:30 the day before, or 00:01 after it."""
    shift_s = 22 * 60.0 if before_midnight else -9 * 60.0
    hypnogram = read_hypnogram(put(tmp_path, MAKERS[name]()), night(shift_s, 3600.0))
    assert hypnogram.offset_s == shift_s
    whole = hypnogram.epochs(120).tolist()
    first = round(shift_s / 30)
    assert whole[max(0, first) : first + 40] == EXPECTED[max(0, -first) :]


@pytest.mark.parametrize("name", MAKERS)
def test_a_second_or_less_is_no_shift_of_an_epoch(tmp_path: Path, name: str) -> None:
    for early_s in (-1.0, -0.4, 0.0, 0.7, 1.0):
        hypnogram = read_hypnogram(put(tmp_path, MAKERS[name]()), night(early_s))
        assert hypnogram.epochs(40).tolist() == EXPECTED
        assert hypnogram.offset_s == (early_s if abs(early_s) >= 1.0 else 0.0)
        assert any("clocks of both" in each for each in hypnogram.warnings) == (abs(early_s) >= 1.0)


@pytest.mark.parametrize("name", MAKERS)
def test_an_offset_from_the_user_wins(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, MAKERS[name]())
    for start in (START, None, START + timedelta(days=100)):
        hypnogram = read_hypnogram(path, FakeNight(start=start), HypnogramOptions(offset_s=-60.0))
        assert hypnogram.epochs(38).tolist() == EXPECTED[2:]


@pytest.mark.parametrize("name", MAKERS)
def test_without_a_clock_of_the_recording_the_offset_is_asked_for(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, MAKERS[name]())
    with pytest.raises(
        RecordingError, match=r"night.edf does not say when it began; say .*--hypnogram-offset"
    ):
        read_hypnogram(path, FakeNight(start=None))


@pytest.mark.parametrize("name", ["EDF+", "YASA"])
@pytest.mark.parametrize("days", [-1, 1, 4000])
def test_dates_that_differ_are_not_bent(tmp_path: Path, name: str, days: int) -> None:
    path = put(tmp_path, MAKERS[name]())
    with pytest.raises(RecordingError, match=r"nothing of it would be scored; .*--hypnogram-offset"):
        read_hypnogram(path, FakeNight(start=START + timedelta(days=days)))


@pytest.mark.parametrize("name", TIMES_ALONE)
def test_times_of_day_need_no_date(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, MAKERS[name]())
    assert read_hypnogram(path, FakeNight(start=START + timedelta(days=4000))).epochs(40).tolist() == EXPECTED


@pytest.mark.parametrize("name", TIMES_ALONE)
def test_times_of_day_that_fit_no_or_several_days_are_asked_for(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, MAKERS[name]())
    with pytest.raises(RecordingError, match=r"on no day lies in night.edf"):
        read_hypnogram(path, night(12 * 3600.0))
    with pytest.raises(RecordingError, match=r"may lie on several days of night.edf"):
        read_hypnogram(path, night(3600.0, 3 * 86400.0))


@pytest.mark.parametrize("hidden", ["scoring", "recording", "both"])
def test_a_hidden_date_leaves_the_times_of_day_and_is_said(tmp_path: Path, hidden: str) -> None:
    raw = files.edf(files.edf_stages(), hidden=hidden != "recording")
    there = START - timedelta(seconds=600)
    if hidden != "scoring":
        there = datetime.combine(ANONYMOUS.date(), there.time())
    hypnogram = read_hypnogram(put(tmp_path, raw), FakeNight(start=there, duration_s=1800.0))
    assert hypnogram.epochs(60).tolist() == [NONE] * 20 + EXPECTED
    assert "is hidden; times of day alone are compared" in hypnogram.warnings[0]
    assert "begins 600 s after" in hypnogram.warnings[1]


def test_hidden_dates_with_a_scoring_after_midnight(tmp_path: Path) -> None:
    """Both say 1 January 1985, though the scoring begins on the next day."""
    start = datetime(2024, 2, 2, 0, 30)  # noqa: DTZ001
    there = datetime(1985, 1, 1, 23, 30)  # noqa: DTZ001
    raw = files.edf(files.edf_stages(), start, hidden=True)
    hypnogram = read_hypnogram(put(tmp_path, raw), FakeNight(start=there, duration_s=7200.0))
    assert hypnogram.offset_s == 3600.0


def test_an_edf_recording_with_a_hidden_date_still_has_a_clock(tmp_path: Path) -> None:
    recording = write_edf(tmp_path / "rec.edf", eeg_like(1200, 100), 100, start=START - timedelta(seconds=30))
    patch(recording, 88, b"Startdate X X X X".ljust(80))
    info = open_recording(recording).info
    assert info.start is None
    hypnogram = read_hypnogram(put(tmp_path, files.edf(files.edf_stages())), info)
    assert hypnogram.offset_s == 30.0


def test_an_edf_scoring_that_gives_no_start_is_laid_on_the_recordings_and_said(tmp_path: Path) -> None:
    path = put(tmp_path, files.edf(files.edf_stages(), None))
    assert read_hypnogram(path, FakeNight(start=None)).warnings == ()
    hypnogram = read_hypnogram(path, FakeNight())
    assert hypnogram.epochs(40).tolist() == EXPECTED
    assert "taken as seconds since the recording's start" in hypnogram.warnings[0]


def test_a_header_with_two_dates_takes_the_one_that_fits_and_says_so(tmp_path: Path) -> None:
    path = put(tmp_path, files.edf(files.edf_stages()))
    patch(path, 88, b"Startdate 05-MAR-2023 X X X".ljust(80))
    hypnogram = read_hypnogram(path, FakeNight())
    assert hypnogram.epochs(40).tolist() == EXPECTED
    assert "gives two dates, 2023-03-05 and 2024-02-01; 2024-02-01 is used" in hypnogram.warnings[0]
    patch(path, 88, b"Startdate 01-FEB-2024 X X X".ljust(80))
    patch(path, 168, b"05.03.23")
    hypnogram = read_hypnogram(path, FakeNight())
    assert hypnogram.epochs(40).tolist() == EXPECTED
    assert "gives two dates, 2024-02-01 and 2023-03-05; 2024-02-01 is used" in hypnogram.warnings[0]


def test_the_subsecond_of_the_first_record_belongs_to_the_start(tmp_path: Path) -> None:
    marks = [(a, b, s) for a, b, s in files.edf_stages()]
    path = put(tmp_path, files.edf(marks, START + timedelta(seconds=29, microseconds=500_000)))
    assert read_hypnogram(path, FakeNight(duration_s=1230.0)).offset_s == 29.5


def test_times_that_begin_at_zero_may_be_elapsed_and_are_asked_for(tmp_path: Path) -> None:
    rows = [f"{a // 3600:02}:{a // 60 % 60:02}:{a % 60:02},{s}" for a, _, s in runs()]
    path = put(tmp_path, files.lines(["time,stage", *rows]))
    with pytest.raises(
        RecordingError, match=r"may be midnight or the beginning; .* 0 if the recording begins"
    ):
        read_hypnogram(path, FakeNight())
    assert read_hypnogram(path, FakeNight(), HypnogramOptions(offset_s=0.0)).epochs(40).tolist() == EXPECTED


def test_a_time_zone_is_not_used_and_said(tmp_path: Path) -> None:
    raw = table("Time,Stage", lambda i, s: f"{clock(i, '%Y-%m-%d %H:%M:%S')}+02:00,{s}")
    hypnogram = read_hypnogram(put(tmp_path, raw), FakeNight())
    assert hypnogram.epochs(40).tolist() == EXPECTED
    assert "time zone" in hypnogram.warnings[0]


def test_a_hypnogram_of_another_place_in_time_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, b"onset_s,duration_s,stage\n1706824800,30,W\n")
    with pytest.raises(RecordingError, match=r"none of its stages lies within the 1200 s of night.edf"):
        read_hypnogram(path, FakeNight())


def test_seconds_and_clocks_are_not_mixed(tmp_path: Path) -> None:
    path = put(tmp_path, b"N2\t30\t60\nR\t23:52:00\t23:53:00\n")
    with pytest.raises(RecordingError, match="mixes times of day with seconds"):
        read_hypnogram(path, FakeNight())


@pytest.mark.parametrize(("count", "kind"), [(30, "shorter"), (60, "longer"), (41, None), (39, None)])
def test_another_length_than_the_recordings_is_said(tmp_path: Path, count: int, kind: str | None) -> None:
    rows = [f"{30 * i},30,N2" for i in range(count)]
    path = put(tmp_path, files.lines(["onset_s,duration_s,stage", *rows]))
    said = read_hypnogram(path, FakeNight()).warnings
    assert said == () if kind is None else (len(said) == 1 and f"is {kind} than the night" in said[0])
