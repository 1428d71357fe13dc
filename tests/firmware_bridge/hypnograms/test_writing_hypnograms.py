"""What is written is read back as the same stages."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypnogram_files import FakeNight
from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.hypnograms.hypnogram_writing import (
    HypnogramFormat,
    format_for,
    hypnogram_files,
)
from sanctuary.signal.samples import Stage

W, N1, N2, N3, R, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R, Stage.UNKNOWN
START = datetime(2024, 2, 1, 22, 10, 3, 250_000)  # noqa: DTZ001


@settings(max_examples=40)
@given(
    stages=st.lists(st.sampled_from(list(Stage)), min_size=1, max_size=60).filter(
        lambda stages: any(stage is not NONE for stage in stages)
    ),
    start=st.one_of(st.none(), st.datetimes(datetime(1986, 1, 1), datetime(2080, 1, 1))),  # noqa: DTZ001
    kind=st.sampled_from(list(HypnogramFormat)),
    rest_s=st.floats(0.0, 29.9),
)
def test_what_is_written_is_read_back(
    stages: list[Stage], start: datetime | None, kind: HypnogramFormat, rest_s: float
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "night.out"
        for place, body in hypnogram_files(path, stages, 30.0, start, kind).items():
            place.write_bytes(body)
        night = FakeNight(Path(folder) / "night.edf", start, 30.0 * len(stages) + rest_s)
        hypnogram = read_hypnogram(path, night)
    assert hypnogram.epochs(len(stages)).tolist() == stages
    assert hypnogram.warnings == ()


def test_our_csv() -> None:
    (body,) = hypnogram_files(Path("a.csv"), [W, R, NONE], 30.0, None, HypnogramFormat.CSV).values()
    assert body == b"onset_s,duration_s,stage\n0,30,W\n30,30,R\n60,30,?\n"


def test_long_nights_are_written_without_exponents() -> None:
    stages = [W] * 40_000
    (body,) = hypnogram_files(Path("a.csv"), stages, 30.0, None, HypnogramFormat.CSV).values()
    assert body.splitlines()[-1] == b"1199970,30,W"


def test_yasa() -> None:
    (body,) = hypnogram_files(Path("a.csv"), [W, N2, R, NONE], 30.0, None, HypnogramFormat.YASA).values()
    assert body == b"Epoch,Stage\n0,WAKE\n1,N2\n2,REM\n3,UNS\n"


def test_bids_joins_runs_and_says_what_its_levels_are() -> None:
    written = hypnogram_files(Path("a.tsv"), [N2, N2, NONE, R], 30.0, None, HypnogramFormat.BIDS)
    assert written[Path("a.tsv")] == b"onset\tduration\tstage\n0\t60\tN2\n60\t30\t?\n90\t30\tR\n"
    levels = json.loads(written[Path("a.json")])["stage"]["Levels"]
    assert set(levels) == {"W", "N1", "N2", "N3", "R", "?"}


def test_edf_begins_when_the_recording_does() -> None:
    (body,) = hypnogram_files(Path("a.edf"), [N2], 30.0, START, HypnogramFormat.EDF).values()
    assert body[88:184].split() == [
        b"Startdate", b"01-FEB-2024", b"X", b"X", b"X", b"01.02.2422.10.03",
    ]  # fmt: skip
    assert b"+0.25\x1530\x14Sleep stage N2\x14" in body


@pytest.mark.parametrize(
    ("name", "given_name", "kind"),
    [
        ("a.csv", None, "csv"), ("a.EDF", None, "edf"), ("a.tsv", None, "bids"), ("a.txt", None, "csv"),
        ("a.csv", "yasa", "yasa"), ("a", "EDF", "edf"),
    ],
)  # fmt: skip
def test_the_ending_says_the_format_unless_it_is_named(name: str, given_name: str | None, kind: str) -> None:
    assert format_for(Path(name), given_name) == kind


@pytest.mark.parametrize(("name", "given_name"), [("a.xml", None), ("a", None), ("a.csv", "xml")])
def test_other_formats_are_refused_with_those_that_are_written(name: str, given_name: str | None) -> None:
    with pytest.raises(InputError, match="csv, edf, bids, yasa"):
        format_for(Path(name), given_name)


@pytest.mark.parametrize("kind", list(HypnogramFormat))
def test_nothing_is_written_of_no_epochs(kind: HypnogramFormat) -> None:
    with pytest.raises(InputError, match="shorter than one epoch"):
        hypnogram_files(Path("a.csv"), [], 30.0, None, kind)
