"""`sanctuary train` on folders as they are: every warning and everything left out is a line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from night_files import write_edf, write_hypnogram_csv
from sanctuary.cli.main import run
from sanctuary.config.errors import InputError
from sanctuary.gateway.training.sources import find_nights, hypnogram_beside, survey
from signals import pink

FS_HZ = 100.0
STAGES = ("W", "N1", "N2", "N3", "R") * 2
EXPONENTS = {"W": 1.0, "N1": 1.5, "N2": 2.2, "N3": 3.0, "R": 1.8}


def night(
    folder: Path,
    name: str,
    seed: int,
    *,
    stages: Sequence[str] = STAGES,
    scale: float = 1.0,
    labels: Sequence[str] = ("EEG AF7", "EEG AF8"),
) -> Path:
    """Five minutes of two channels, a spectrum for each stage, and its hypnogram; gives the recording."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        np.stack([pink(30, FS_HZ, seed=seed + k, exponent=EXPONENTS[stage], rms_uv=20.0) for k in (1, 2)])
        for stage in STAGES
    ]
    path = folder / f"{name}.edf"
    write_edf(path, scale * np.concatenate(parts, axis=1), FS_HZ, labels, limit=800.0 * scale)
    write_hypnogram_csv(folder / f"{name}.hypnogram.csv", stages)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    night(folder, "SC4001E0-PSG", 1)
    night(folder / "more", "SC4011E0-PSG", 2)
    return folder


def copy(good: Path, folder: Path) -> Path:
    return Path(shutil.copytree(good, folder / "nights"))


def train(folder: Path, out: Path, *more: str) -> int:
    return run(["train", str(folder), "--out", str(out), *more])


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.removeprefix("sanctuary: ") for line in capsys.readouterr().err.splitlines()]


def test_all_that_is_left_out_has_a_line_with_its_reason_and_is_in_the_model(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = copy(good, tmp_path), tmp_path / "m.json"
    night(folder, "small", 3, scale=1e-3)
    (folder / "small.hypnogram.csv").rename(folder / "small.csv")
    shutil.copy(folder / "SC4001E0-PSG.edf", folder / "alone.edf")
    (folder / "orphan.hypnogram.csv").write_text("x")
    (folder / "notes.txt").write_text("x")
    assert train(folder, out) == 0
    told = lines(capsys)
    assert "left out: alone.edf: no hypnogram beside it, such as alone.hypnogram.csv" in told
    assert "left out: orphan.hypnogram.csv: no recording of this name is beside it" in told
    assert any(line.startswith("left out: small: channel 'EEG AF7' varies by 0.0") for line in told)
    assert "not used, by their names neither recordings nor hypnograms of one: notes.txt" in told
    assert "SC4001E0-PSG: only 5 min are scored" in told
    assert "1 of 3 read: SC4001E0-PSG" in told
    assert any(
        line.startswith("nights: 2 used of 4 found; persons: 2 (SC400, SC401); hours scored: 0.2 (W ")
        for line in told
    )
    assert "left out: 2 of 4 nights (alone.edf, small)" in told
    provenance = json.loads(out.read_text())["provenance"]
    assert [each["night"] for each in provenance["left_out"]] == ["alone.edf", "small"]
    assert str(tmp_path) not in out.read_text()
    assert [row["person"] for row in provenance["data"]] == ["SC400", "SC401"]


def test_more_than_half_left_out_is_exit_1_with_the_model_of_the_rest(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = copy(good, tmp_path), tmp_path / "m.json"
    for name in ("a", "b", "c"):
        (folder / f"{name}.edf").write_bytes(b"0")
        (folder / f"{name}.csv").write_bytes(b"0")
    assert train(folder, out) == 1
    assert lines(capsys)[-1] == (
        f"more than half of the nights were left out, 3 of 5: {out} is made of the rest"
    )
    assert len(json.loads(out.read_text())["provenance"]["data"]) == 2


def test_all_left_out_is_exit_2_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "nights", tmp_path / "m.json"
    folder.mkdir()
    for name in ("a.edf", "a.csv", "b.edf"):
        (folder / name).write_bytes(b"0")
    assert train(folder, out) == 2
    told = lines(capsys)
    assert [line for line in told if line.startswith("left out: ")][
        -1
    ] == "left out: 2 of 2 nights (b.edf, a)"
    assert "no night can be used" in told[-1]
    assert not out.exists()


def test_nights_asked_to_be_left_out_are_not_counted(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy(good, tmp_path)
    for name in ("bad1.edf", "bad2.edf", "bad3.edf"):
        (folder / name).write_bytes(b"0")
    assert train(folder, tmp_path / "m.json", "--without", "bad") == 0
    assert not any("bad" in line for line in lines(capsys))


def test_channels_hold_for_all_nights_and_who_lacks_them_is_left_out(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = copy(good, tmp_path), tmp_path / "m.json"
    for path in sorted(folder.rglob("*.edf")):
        night(path.parent, path.stem, 5, labels=("EEG C3-X", "EEG C4-X"))
    night(folder, "other", 6)
    assert train(folder, out, "--channels", "EEG C3-X,EEG C4-X") == 0
    assert any(
        line.startswith("left out: other: there is no channel 'EEG C3-X'; it has 'EEG AF7'")
        for line in lines(capsys)
    )
    assert train(folder, out, "--channels", "A,B,C") == 2
    assert "name one channel, or two" in lines(capsys)[-1]


def test_two_scorings_that_differ_leave_the_night_out_until_one_is_chosen(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = copy(good, tmp_path), tmp_path / "m.json"
    night(folder / "7", "7", 8).rename(folder / "7" / "7.rec")
    (folder / "7" / "7.hypnogram.csv").rename(folder / "7" / "7_1.txt")
    write_hypnogram_csv(folder / "7" / "7_2.txt", ["W", *STAGES[1:-1], "N1"])
    assert train(folder, out) == 0
    assert any("scored twice and not alike, by 7_1.txt and 7_2.txt" in line for line in lines(capsys))
    assert train(folder, out, "--scorer", "2") == 0
    rows = json.loads(out.read_text())["provenance"]["data"]
    assert [(row["night"], row["hypnogram"]) for row in rows if row["night"] == "7"] == [("7", "7_2.txt")]
    shutil.copy(folder / "7" / "7_2.txt", folder / "7" / "7_1.txt")
    capsys.readouterr()
    assert train(folder, out) == 0
    assert "7: 7_2.txt says the same as 7_1.txt" in lines(capsys)


def test_a_copy_under_another_name_is_told(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy(good, tmp_path)
    shutil.copy(folder / "SC4001E0-PSG.edf", folder / "SC4021E0-PSG.edf")
    shutil.copy(folder / "SC4001E0-PSG.hypnogram.csv", folder / "SC4021E0-PSG.hypnogram.csv")
    assert train(folder, tmp_path / "m.json") == 0
    assert any(
        line.startswith("SC4021E0-PSG: byte for byte the recording of SC4001E0-PSG") for line in lines(capsys)
    )


def test_one_link_to_a_night_is_one_night(good: Path, tmp_path: Path) -> None:
    folder = copy(good, tmp_path)
    (folder / "again.edf").symlink_to(folder / "SC4001E0-PSG.edf")
    shutil.copy(folder / "SC4001E0-PSG.hypnogram.csv", folder / "again.csv")
    found = survey([folder])
    assert [each.name for each in found.nights] == ["SC4001E0-PSG", "SC4011E0-PSG"]
    assert [each.reason.partition(" file")[0] for each in found.left_out] == ["the same"]


def test_a_recording_may_be_named_by_itself(good: Path) -> None:
    one, other = good / "SC4001E0-PSG.edf", good / "more" / "SC4011E0-PSG.edf"
    assert [each.path for each in find_nights([one, other])] == [one, other]
    assert [each.path for each in find_nights([good, one])] == [one, other]
    with pytest.raises(InputError, match=r"name the recording"):
        find_nights([good / "SC4001E0-PSG.hypnogram.csv"])


def test_recordings_and_scorings_may_be_in_different_sources(tmp_path: Path) -> None:
    path = night(tmp_path / "edfs", "shhs1-200001", 1)
    scoring = tmp_path / "annotations-events-nsrr" / "shhs1-200001-nsrr.xml"
    scoring.parent.mkdir()
    (tmp_path / "edfs" / "shhs1-200001.hypnogram.csv").rename(scoring)
    (found,) = find_nights([path.parent, scoring.parent])
    assert (found.path, found.hypnogram) == (path, scoring)


def test_the_hypnogram_beside_a_recording_or_a_capture_is_found(tmp_path: Path) -> None:
    for name in (
        "a.capture",
        "a.hypnogram.csv",
        "SC4001E0-PSG.edf",
        "SC4001EC-Hypnogram.edf",
        "b.edf",
        "c.edf",
    ):
        (tmp_path / name).touch()
    assert hypnogram_beside(tmp_path / "a.capture") == tmp_path / "a.hypnogram.csv"
    assert hypnogram_beside(tmp_path / "SC4001E0-PSG.edf") == tmp_path / "SC4001EC-Hypnogram.edf"
    assert hypnogram_beside(tmp_path / "b.edf") is None
    assert hypnogram_beside(tmp_path / "none" / "b.edf") is None
    for name in ("c_1.txt", "c_2.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"several hypnograms are beside it, c_1.txt, c_2.txt"):
        hypnogram_beside(tmp_path / "c.edf")


def test_a_source_of_nothing_is_refused_by_name(good: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=f"{tmp_path}: no scored night in it"):
        survey([good, tmp_path])


def test_a_link_that_leads_nowhere_is_left_out_in_words(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy(good, tmp_path)
    (folder / "gone.edf").symlink_to(tmp_path / "annex" / "key")
    (folder / "gone.csv").write_text("x")
    assert train(folder, tmp_path / "m.json") == 0
    assert any(line.startswith("left out: gone: there is no such file") for line in lines(capsys))
