"""``sanctuary replay`` as a user types it."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from night_files import cut_last_bytes, write_edf, write_hypnogram_csv
from sanctuary.cli.main import run
from sanctuary.firmware_bridge.hypnograms.hypnogram_writing import HypnogramFormat, hypnogram_files
from sanctuary.signal.samples import Stage
from signals import pair

FS_HZ = 128.0
MINUTES = 12
BEGAN = datetime(2024, 2, 1, 22)  # noqa: DTZ001  EDF knows no time zones
STAGES = ["W"] * 8 + ["N2"] * 10 + ["R"] * 6


@pytest.fixture(scope="module")
def uv():
    return pair(60 * MINUTES, FS_HZ, seed=11)


@pytest.fixture
def night(tmp_path, uv):
    return write_edf(tmp_path / "night.edf", uv, FS_HZ, ["EEG AF7", "EEG AF8"])


@pytest.fixture
def hypnogram(tmp_path):
    return write_hypnogram_csv(tmp_path / "night.csv", STAGES)


def replay(capsys, *args):
    code = run(["replay", *map(str, args)])
    said = capsys.readouterr()
    return code, said.out, said.err


def result_of(capsys, tmp_path, *args):
    code, out, err = replay(capsys, *args, "--json", tmp_path / "out.json")
    assert code == 0, err
    return json.loads((tmp_path / "out.json").read_text()), out, err


def test_the_result_follows_its_schema(capsys, tmp_path, night, hypnogram):
    result, out, _ = result_of(capsys, tmp_path, night, "--hypnogram", hypnogram)
    assert result["schema"] == "sanctuary.replay.v1"
    assert result["duration_s"] == 60 * MINUTES
    assert result["channels"] == ["AF7", "AF8"]
    assert result["fs_hz"] == FS_HZ
    assert [e["onset_s"] for e in result["epochs"]] == [30.0 * k for k in range(2 * MINUTES)]
    for epoch in result["epochs"]:
        assert set(epoch["p"]) == {"W", "N1", "N2", "N3", "R"}
        assert sum(epoch["p"].values()) == pytest.approx(1.0, abs=1e-3)
        assert 0.0 <= epoch["quality"] <= 1.0
    assert {"wall_s", "times_real_time"} <= set(result["timing"])
    scores = result["scores"]
    assert {"accuracy", "kappa", "per_stage", "gate"} <= set(scores)
    assert {"precision", "recall", "f1"} <= set(scores["per_stage"]["R"])
    assert {"rem_share", "false_windows", "latency_s"} <= set(scores["gate"])
    assert set(scores["gate"]["latency_s"]) == {"median", "p90"}
    assert "times real time" in out


def test_without_a_hypnogram_there_are_no_scores(capsys, tmp_path, night):
    result, _, _ = result_of(capsys, tmp_path, night)
    assert "scores" not in result


def test_each_epoch_is_judged_without_the_future(capsys, tmp_path, night, uv):
    whole, _, _ = result_of(capsys, tmp_path, night)
    half = uv[:, : uv.shape[1] // 2]
    cut = write_edf(tmp_path / "half.edf", half, FS_HZ, ["EEG AF7", "EEG AF8"])
    first, _, _ = result_of(capsys, tmp_path, cut)
    assert first["epochs"] == whole["epochs"][: len(first["epochs"])]


def test_a_truncated_file_is_used_as_far_as_it_goes_and_said_so(capsys, tmp_path, night):
    cut_last_bytes(night, 61_003)
    result, _, err = result_of(capsys, tmp_path, night)
    assert 20 <= len(result["epochs"]) < 2 * MINUTES
    assert "warning" in err
    assert err.count("\n") == len(result["warnings"])


@pytest.mark.parametrize(("count", "word"), [(10, "shorter"), (40, "longer")])
def test_a_hypnogram_of_another_length_is_said_and_scored_where_both_are(
    capsys, tmp_path, night, count, word
):
    hypnogram = write_hypnogram_csv(tmp_path / "other.csv", ["N2"] * count)
    result, _, err = result_of(capsys, tmp_path, night, "--hypnogram", hypnogram)
    assert word in err
    assert result["scores"]["epochs_scored"] == min(count, 2 * MINUTES)


def test_channels_are_chosen_by_name(capsys, tmp_path, night):
    result, _, _ = result_of(capsys, tmp_path, night, "--channels", "AF8")
    assert result["channels"] == ["AF8"]


def test_the_report_is_one_self_contained_file(capsys, tmp_path, night, hypnogram):
    report = tmp_path / "report.html"
    code, out, _ = replay(capsys, night, "--hypnogram", hypnogram, "--report", report)
    assert code == 0
    assert f"wrote {report}" in out
    text = report.read_text()
    assert "night.edf" in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("unit_factor", [1e-3, 1e-6])
def test_units_are_honoured(capsys, tmp_path, uv, unit_factor):
    unit = {1e-3: "mV", 1e-6: "V"}[unit_factor]
    labels = ["EEG AF7", "EEG AF8"]
    reference = write_edf(tmp_path / "uv.edf", uv, FS_HZ, labels)
    other = write_edf(
        tmp_path / "other.edf", uv * unit_factor, FS_HZ, labels, unit=unit, limit=0.5 * unit_factor / 1e-3
    )
    a, _, _ = result_of(capsys, tmp_path, reference)
    b, _, _ = result_of(capsys, tmp_path, other)
    assert [e["quality"] for e in a["epochs"]] == [e["quality"] for e in b["epochs"]]
    agree = np.mean([x["stage"] == y["stage"] for x, y in zip(a["epochs"], b["epochs"], strict=True)])
    assert agree > 0.9


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["missing.edf"], "missing.edf"),
        (["{night}", "--hypnogram", "nobody.csv"], "nobody.csv"),
        (["{night}", "--channels", "AF7,TP9"], "TP9"),
        (["{night}", "--channels", "AF7,AF8,Fpz"], "--channels"),
        (["{night}", "--json", "{tmp}"], "directory"),
        (["{night}", "--json", "/proc/no/out.json"], "/proc/no/out.json"),
        (["{night}", "--set", "chain.gate.enter_p_rem=2"], "enter_p_rem"),
        (["{night}", "--wrong"], "--wrong"),
        ([], "NIGHT"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(capsys, tmp_path, night, args, said):
    code, out, err = replay(capsys, *(a.format(night=night, tmp=tmp_path) for a in args))
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert out == ""


def test_a_rate_below_100_hz_is_refused_with_the_reason(capsys, tmp_path):
    slow = write_edf(tmp_path / "slow.edf", pair(60, 64.0), 64.0, ["AF7", "AF8"])
    code, _, err = replay(capsys, slow)
    assert code == 2
    assert "100" in err
    assert "slow.edf" in err


def test_nothing_is_written_when_the_night_cannot_be_read(capsys, tmp_path):
    code, _, _ = replay(capsys, tmp_path / "missing.edf", "--json", tmp_path / "out.json")
    assert code == 2
    assert not (tmp_path / "out.json").exists()


@pytest.fixture
def dated(tmp_path, uv):
    return write_edf(tmp_path / "dated.edf", uv, FS_HZ, ["EEG AF7", "EEG AF8"], start=BEGAN)


def test_a_hypnogram_that_begins_later_is_laid_by_both_clocks_and_said(capsys, tmp_path, dated):
    start = BEGAN + timedelta(minutes=2)
    body = hypnogram_files(Path("x.edf"), [Stage.R] * 20, 30.0, start, HypnogramFormat.EDF)
    (tmp_path / "h.edf").write_bytes(body[Path("x.edf")])
    result, _, err = result_of(capsys, tmp_path, dated, "--hypnogram", tmp_path / "h.edf")
    assert result["truth"] == [None] * 4 + ["R"] * 20
    assert result["hypnogram"] == {"file": "h.edf", "kind": "EDF+ annotations", "offset_s": 120.0}
    assert "begins 120 s after the recording" in err


def test_offset_epochs_and_numbers_are_the_users_to_say(capsys, tmp_path, night):
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("0\n5\n" * 12)
    code, _, err = replay(capsys, night, "--hypnogram", numbers)
    assert code == 2
    assert "--stages" in err
    said = ("--stages", "rk", "--epoch-s", "15", "--hypnogram-offset", "-30")
    result, _, _ = result_of(capsys, tmp_path, night, "--hypnogram", numbers, *said)
    assert result["truth"][:13] == ["W"] * 11 + [None] * 2


@pytest.mark.parametrize("name", ["found.csv", "found.edf", "found.tsv"])
def test_the_stages_found_are_written_and_read_again(capsys, tmp_path, dated, name):
    out = tmp_path / name
    result, said, _ = result_of(capsys, tmp_path, dated, "--hypnogram-out", out)
    assert f"wrote {out}" in said
    again, _, err = result_of(capsys, tmp_path, dated, "--hypnogram", out)
    assert "warning" not in err
    found = [epoch["stage"] for epoch in result["epochs"]]
    assert again["truth"] == [None if stage == "unknown" else stage for stage in found]


@pytest.mark.parametrize("option", ["--json", "--report", "--hypnogram-out"])
def test_a_pipe_or_a_device_is_never_replaced_by_a_file(capsys, tmp_path, night, option):
    pipe, link = tmp_path / "p.csv", tmp_path / "stdout.csv"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        code, _, err = replay(capsys, night, option, path)
        assert code == 2
        assert f"{path}: is a device or a pipe" in err
    assert pipe.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--hypnogram-out", "out.xml"], "csv, edf, bids, yasa"),
        (["--hypnogram-out", "{night}"], "would overwrite"),
        (["--hypnogram-out", "{tmp}/a.tsv", "--json", "{tmp}/a.json"], "would overwrite"),
        (["--json", "{night}"], "--json {night}: would overwrite {night}"),
        (["--report", "{night}"], "--report {night}: would overwrite {night}"),
        (["--json", "{tmp}/a", "--report", "{tmp}/../{tmp.name}/a"], "would overwrite"),
        (["--hypnogram-format", "csv"], "--hypnogram-out"),
        (["--hypnogram-out", "/proc/no/out.csv"], "/proc/no/out.csv"),
        (["--epoch-s", "20"], "give --hypnogram"),
        (["--stages", "klingon"], "--stages klingon"),
        (["--epoch-s", "-1"], "--epoch-s -1"),
    ],
)
def test_hypnogram_options_without_sense_are_refused_before_the_work(capsys, tmp_path, night, args, said):
    before = night.read_bytes()
    code, out, err = replay(capsys, night, *(a.format(night=night, tmp=tmp_path) for a in args))
    assert code == 2
    assert said.format(night=night) in err
    assert out == ""
    assert night.read_bytes() == before
