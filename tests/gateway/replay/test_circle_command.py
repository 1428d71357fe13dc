"""``sanctuary replay --circle`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from circle_nights import heard
from night_files import write_edf, write_hypnogram_csv
from sanctuary.cli.main import run
from sanctuary.gateway.results.circle_result import CircleResult
from sanctuary.pods.pod import permission
from sanctuary.simulator.sleepers.night_file import edf_bytes, hypnogram_csv
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sanctuary.virtual_site import recorded_circle as circles
from signals import pair

FS_HZ = 128.0
MINUTES = 4
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four short nights of noise; the first three with a hypnogram beside them."""
    found = tmp_path_factory.mktemp("nights")
    for number, name in enumerate("abcd"):
        uv = pair(60 * MINUTES, FS_HZ, seed=number)
        write_edf(found / f"{name}.edf", uv, FS_HZ, ["EEG AF7", "EEG AF8"])
        if name != "d":
            write_hypnogram_csv(found / f"{name}.hypnogram.csv", ["N2"] * 4 + ["R"] * 4)
    return found


def replay(capsys: Capture, *arguments: Any) -> tuple[int, str, str]:
    code = run(["replay", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def circle(capsys: Capture, tmp_path: Path, *arguments: Any) -> tuple[dict[str, Any], str, str]:
    path = tmp_path / "out.json"
    code, out, err = replay(capsys, *arguments, "--circle", "--json", path)
    assert code == 0, err
    return json.loads(path.read_text()), out, err


@pytest.fixture(scope="module")
def slept(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """One simulated night in two beds, whose sleepers are in REM together, with the report's text."""
    place = tmp_path_factory.mktemp("slept")
    sleeper = Sleeper(30, 2.5, FS_HZ)
    for name in ("one", "two"):
        (place / f"{name}.hypnogram.csv").write_text(hypnogram_csv(sleeper.truth))
    raw = b"".join(edf_bytes(sleeper))
    for name in ("one", "two"):
        (place / f"{name}.edf").write_bytes(raw)
    arguments = ["replay", "--circle", f"{place}/one.edf", f"{place}/two.edf", "--design", "lantern"]
    assert run([*arguments, "--json", f"{place}/out.json", "--report", f"{place}/out.html"]) == 0
    return json.loads((place / "out.json").read_text()), (place / "out.html").read_text()


def test_nights_in_rem_together_share_windows_and_cues(slept: tuple[dict[str, Any], str]) -> None:
    result, _ = slept
    assert CircleResult.model_validate(result).to_json() == result
    assert result["schema"] == "sanctuary.circle.v1"
    assert result["windows"]
    assert {window["design"] for window in result["windows"]} == {"lantern"}
    assert result["violations"] == []
    for night in result["pods"].values():
        assert night["offset_s"] == 0
        assert night["replay"]["schema"] == "sanctuary.replay.v1"
        assert night["replay"]["scores"]["epochs_scored"] == 300
    shared = result["shared"]
    assert shared["possible_s"] == shared["per_pod"]["pod-1"]["rem_s"] > 600
    assert 0 < shared["cued_s"] <= shared["windows_s"] <= shared["open_s"] + 10.0
    assert 0 < shared["cues_in_rem"] <= shared["cues"]
    assert shared["cues"] == sum(cue["outcome"] == "rendered" for cue in result["cues"])


def test_hypnograms_beside_the_nights_are_found(capsys: Capture, tmp_path: Path, folder: Path) -> None:
    result, out, err = circle(capsys, tmp_path, folder / "a.edf", folder / "b.edf")
    assert result["shared"]["possible_s"] == 0
    assert err == ""
    assert "a.edf" in out
    assert "assumed: all nights begin at one moment" in out
    assert "assumed: every sleeper consents" in out


def test_named_hypnograms_are_those_of_the_nights_in_order(
    capsys: Capture, tmp_path: Path, folder: Path
) -> None:
    first = write_hypnogram_csv(tmp_path / "first.csv", ["W"] * 8)
    second = write_hypnogram_csv(tmp_path / "second.csv", ["N3"] * 8)
    arguments = (folder / "a.edf", folder / "d.edf", "--hypnogram", first, "--hypnogram", second)
    result, _, _ = circle(capsys, tmp_path, *arguments)
    assert [set(night["replay"]["truth"]) for night in result["pods"].values()] == [{"W"}, {"N3"}]


def test_a_night_without_a_hypnogram_is_named_and_nothing_shared_is_claimed(
    capsys: Capture, tmp_path: Path, folder: Path
) -> None:
    result, out, err = circle(capsys, tmp_path, folder / "a.edf", folder / "d.edf")
    assert "shared" not in result
    assert "warning: pod-2: no hypnogram" in err
    assert "not known" in out


def test_nights_of_other_rates_and_montages_sleep_together(
    capsys: Capture, tmp_path: Path, folder: Path
) -> None:
    other = write_edf(tmp_path / "other.edf", pair(200, 256.0, seed=5), 256.0, ["EEG Fp1", "EEG Fp2"])
    result, _, _ = circle(capsys, tmp_path, folder / "a.edf", other)
    assert [night["replay"]["fs_hz"] for night in result["pods"].values()] == [128.0, 256.0]
    assert result["duration_s"] == 60 * MINUTES


def test_channels_are_those_of_every_night(capsys: Capture, tmp_path: Path, folder: Path) -> None:
    result, _, _ = circle(capsys, tmp_path, folder / "a.edf", folder / "b.edf", "--channels", "AF8")
    assert [night["replay"]["channels"] for night in result["pods"].values()] == [["AF8"], ["AF8"]]


def test_the_same_nights_give_the_same_json_but_for_timing(
    capsys: Capture, tmp_path: Path, folder: Path
) -> None:
    arguments = (folder / "a.edf", folder / "b.edf", folder / "c.edf", "--offset", "pod-2=60")
    first, again = (circle(capsys, tmp_path, *arguments)[0] for _ in range(2))
    for result in (first, again):
        result.pop("timing")
        for night in result["pods"].values():
            night["replay"].pop("timing")
    assert json.dumps(first) == json.dumps(again)
    assert [night["offset_s"] for night in first["pods"].values()] == [0, 60, 0]


def test_a_night_may_begin_before_the_others(capsys: Capture, tmp_path: Path, folder: Path) -> None:
    result, out, _ = circle(
        capsys, tmp_path, folder / "a.edf", folder / "b.edf", "--offset", "pod-2=-30", "--quorum", "2"
    )
    assert [night["offset_s"] for night in result["pods"].values()] == [30, 0]
    assert "offsets given" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b"], "several nights: use --circle"),
        (["a", "--quorum", "2"], "--quorum: goes with --circle"),
        (["a", "--design", "tide"], "--design: goes with --circle"),
        (["a", "--offset", "pod-1=5"], "--offset: goes with --circle"),
        (["a", "--hypnogram", "x.csv", "--hypnogram", "y.csv"], "one hypnogram"),
        (["a", "--circle"], "2 to 64 nights"),
        (["a", "b", "--circle", "--quorum", "1"], "--quorum 1"),
        (["a", "b", "--circle", "--quorum", "3"], "allowed: 2 to 2"),
        (["a", "b", "--circle", "--quorum", "0"], "--quorum 0"),
        (["a", "b", "--circle", "--design", "nope"], "nope"),
        (["a", "b", "--circle", "--design", "missing.toml"], "missing.toml"),
        (["a", "b", "--circle", "--offset", "pod-2"], "POD=SECONDS"),
        (["a", "b", "--circle", "--offset", "pod-2="], "POD=SECONDS"),
        (["a", "b", "--circle", "--offset", "pod-2=1.5"], "whole seconds"),
        (["a", "b", "--circle", "--offset", "pod-2=10m"], "POD=SECONDS"),
        (["a", "b", "--circle", "--offset", "pod-2=9999999"], "POD=SECONDS"),
        (["a", "b", "--circle", "--offset", "pod-3=60"], "pod-1 to pod-2"),
        (["a", "b", "--circle", "--offset", "b.edf=60"], "no such pod"),
        (["a", "b", "--circle", "--offset", "pod-1=5", "--offset", "pod-1=6"], "already"),
        (["a", "b", "--circle", "--offset", "pod-2=240"], "no moment in common"),
        (["a", "b", "--circle", "--hypnogram-offset", "0"], "--hypnogram-offset: is for one hypnogram"),
        (["a", "b", "--circle", "--hypnogram-out", "x.csv"], "--hypnogram-out: a circle has many"),
        (["a", "b", "c", "--circle", "--offset", "pod-1=-240"], "pod-1"),
        (["a", "b", "--circle", "--hypnogram", "x.csv"], "1 for 2 nights"),
        (["a", "b", "--circle", "--hypnogram", "x.csv", "--hypnogram", "y.csv"], "x.csv"),
        (["a", "nobody", "--circle"], "nobody.edf"),
        (["a", "b", "--circle", "--channels", "AF7,TP9"], "TP9"),
        (["a", "b", "--circle", "--remember", "alder"], "--remember"),
        (["a", "b", "--circle", "--model", "nowhere.json"], "nowhere.json"),
        (["a", "b", "--circle", "--report", "/proc/no/out.html"], "/proc/no/out.html"),
        (["a", "b", "--circle", "--set", "limiter.max_level_dba=90"], "max_level_dba"),
        (["a", "b", "--circle", "--set", "chain.gate.minimum_sleep_min=5"], "minimum_sleep_min"),
    ],
)
def test_a_mistake_is_one_sentence_before_any_work(
    capsys: Capture,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    def hear(*_: Any, **__: Any) -> Any:
        raise AssertionError("work was begun")

    monkeypatch.setattr(circles, "hear_night", hear)
    given = [str(folder / f"{each}.edf") if each in ("a", "b", "c", "nobody") else each for each in arguments]
    code, out, err = replay(capsys, *given, "--json", tmp_path / "out.json")
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert "internal error" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_no_night_is_overwritten_by_the_result(capsys: Capture, folder: Path, option: str) -> None:
    nights = [folder / "a.edf", folder / "b.edf"]
    before = [night.read_bytes() for night in nights]
    code, _, err = replay(capsys, *nights, "--circle", option, nights[1])
    assert code == 2
    assert f"{option} {nights[1]}: would overwrite {nights[1]}" in err
    assert [night.read_bytes() for night in nights] == before


def test_a_file_that_is_no_night_is_refused_by_name(capsys: Capture, tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "notes.edf"
    path.write_text("not a night")
    code, out, err = replay(capsys, folder / "a.edf", path, "--circle")
    assert (code, out) == (2, "")
    assert "notes.edf" in err


def test_an_interruption_leaves_nothing_half_written(
    capsys: Capture, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(circles, "hear_night", hear)
    arguments = (folder / "a.edf", folder / "b.edf", "--circle", "--json", tmp_path / "out.json")
    code, _, _ = replay(capsys, *arguments, "--report", tmp_path / "out.html")
    assert code == 130
    assert list(tmp_path.iterdir()) == []


def test_a_broken_invariant_is_told_and_gives_exit_code_2(
    capsys: Capture, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permission, "p1_stable_rem", lambda *_: None)
    heard_nights = iter([heard(900, ((300, 700),)), heard(900, ((300, 400),))])
    monkeypatch.setattr(circles, "hear_night", lambda *_, **__: next(heard_nights))
    path = tmp_path / "out.json"
    code, out, err = replay(capsys, folder / "a.edf", folder / "b.edf", "--circle", "--json", path)
    assert code == 2
    assert "invariants were broken" in err
    assert f"wrote {path}" in out
    assert json.loads(path.read_text())["violations"]
