"""``sanctuary demo`` end to end: headbands, ports, drivers, chains, pods, a real broker, windows and cues."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave

import psutil
import pytest

from sanctuary.cli.main import run
from sanctuary.pods.audit import check_violations

NEIGHBOURS = (
    "sleepers.night.bedtime_jitter_min=0.0",
    "sleepers.night.latency_longest_min=6.0",
    "sleepers.night.rem_latency_shortest_min=85.0",
    "sleepers.night.rem_latency_longest_min=90.0",
    "sleepers.night.cycle_longest_min=92.0",
    "chain.arousal.emg_rise_db=30.0",
    "chain.arousal.beta_rise_db=30.0",
)
"""Two sleepers whose cycles nearly agree, and who are not roused: they share REM within hours."""


def demo(capsys, out, *args):
    code = run(["demo", "--out", str(out), *map(str, args)])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def shared_night(tmp_path_factory):
    out = tmp_path_factory.mktemp("night")
    settings = [part for setting in NEIGHBOURS for part in ("--set", setting)]
    assert run(["demo", "--pods", "2", "--hours", "3.3", "--seed", "2", "--out", str(out), *settings]) == 0
    return out, json.loads((out / "night.json").read_text())


def test_the_result_follows_its_schema(shared_night):
    _, result = shared_night
    assert result["schema"] == "sanctuary.demo.v1"
    assert set(result["pods"]) == {"pod-1", "pod-2"}
    for pod in result["pods"].values():
        assert len(pod["epochs"]) == len(pod["truth"]) == round(3.3 * 120)
        assert set(pod["epochs"][0]) == {"onset_s", "stage", "p", "quality", "rem_density"}
    for cue in result["cues"]:
        assert set(cue) == {"t_s", "pod", "window", "step", "outcome", "reason", "modality", "level"}
    assert {"pod-1", "pod-2", "pooled"} == set(result["detection"])


def test_two_sleepers_in_rem_share_a_window_and_hear_the_same_steps(shared_night):
    _, result = shared_night
    assert result["windows"]
    rendered = [cue for cue in result["cues"] if cue["outcome"] == "rendered"]
    assert {cue["pod"] for cue in rendered} == {"pod-1", "pod-2"}
    together = {(c["window"], c["step"]): set() for c in rendered}
    for cue in rendered:
        together[cue["window"], cue["step"]].add(cue["t_s"])
    assert all(max(times) - min(times) < 1.0 for times in together.values())
    for window in result["windows"]:
        assert set(window["pods"]) <= {"pod-1", "pod-2"}
        assert window["close_s"] is None or window["close_s"] >= window["open_s"]


def test_windows_lie_where_the_gates_were_open(shared_night):
    _, result = shared_night
    for cue in result["cues"]:
        if cue["outcome"] == "rendered":
            gate = result["pods"][cue["pod"]]["gate"]
            assert any(g["open_s"] <= cue["t_s"] <= g["close_s"] for g in gate)


def test_the_log_alone_proves_the_invariants(shared_night):
    out, result = shared_night
    records = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert check_violations(records) == []
    assert result["violations"] == []
    kinds = {record["kind"] for record in records}
    assert {
        "pod",
        "consent",
        "estimate",
        "window",
        "lease",
        "pod_window",
        "command",
        "cue",
        "output",
    } <= kinds


def test_a_doctored_log_is_found_out(shared_night):
    out, _ = shared_night
    records = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    for record in records:
        if record["kind"] == "cue" and record["outcome"] == "rendered":
            record["level"] = 60.0
            break
    assert "P3" in {violation.rule for violation in check_violations(records)}


def test_cues_are_rendered_to_sound(shared_night):
    out, result = shared_night
    for pod in ("pod-1", "pod-2"):
        with wave.open(str(out / f"{pod}.cues.wav")) as track:
            assert track.getnframes() > 0
        index = json.loads((out / f"{pod}.cues.json").read_text())
        cues = [cue for window in index["windows"] for cue in window["cues"]]
        mine = [c for c in result["cues"] if c["pod"] == pod and c["outcome"] == "rendered"]
        assert len(cues) == len(mine)


def test_the_report_is_written(shared_night):
    out, result = shared_night
    text = (out / "report.html").read_text()
    assert "pod-2" in text
    assert f"{len(result['windows'])}" in text


@pytest.mark.parametrize("broker", ["embedded", "auto"])
def test_one_seed_gives_one_night_whatever_the_broker_and_speed(capsys, tmp_path, broker):
    a, b = tmp_path / "a", tmp_path / "b"
    for out in (a, b):
        code, _, err = demo(
            capsys, out, "--pods", 2, "--hours", 0.05, "--seed", 3, "--set", f"broker.kind={broker}"
        )
        assert code == 0, err
    assert (a / "events.jsonl").read_text() == (b / "events.jsonl").read_text()
    one, two = (json.loads((out / "night.json").read_text()) for out in (a, b))
    for result in (one, two):
        for volatile in ("timing", "broker"):
            result.pop(volatile)
    assert one == two


def test_another_seed_gives_another_night(capsys, tmp_path):
    for seed in (1, 2):
        assert demo(capsys, tmp_path / str(seed), "--pods", 2, "--hours", 0.05, "--seed", seed)[0] == 0
    first, second = (json.loads((tmp_path / s / "night.json").read_text()) for s in "12")
    assert first["pods"] != second["pods"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--quorum", 3, "--pods", 2], "--quorum 3"),
        (["--pods", 1], "--pods"),
        (["--hours", -1], "--hours"),
        (["--set", "limiter.max_level_dba=80"], "max_level_dba"),
        (["--set", "broker.kind=external", "--set", "broker.port=1", "--hours", 0.02], "127.0.0.1:1"),
        (["--json", "/proc/no/file.json"], "/proc/no/file.json"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(capsys, tmp_path, args, said):
    code, _, err = demo(capsys, tmp_path, *args)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def wait_for(condition, timeout_s=60.0):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        os.sched_yield()


@pytest.fixture
def begun(tmp_path):
    """A demo in a process of its own that is well under way, and its helpers."""
    command = [sys.executable, "-m", "sanctuary", "demo", "--pods", "2", "--out", str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "events.jsonl"
    try:
        wait_for(lambda: log.exists() and log.stat().st_size > 3000)
        yield child, psutil.Process(child.pid).children(recursive=True)
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_at_any_moment_writes_the_report_and_leaves_nothing_behind(tmp_path, begun, number):
    child, helpers = begun
    assert helpers
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "stopped early" in err
    result = json.loads((tmp_path / "night.json").read_text())
    assert result["interrupted"]
    assert result["duration_s"] > 0
    assert (tmp_path / "report.html").exists()
    assert not [
        helper for helper in helpers if helper.is_running() and helper.status() != psutil.STATUS_ZOMBIE
    ]


def test_a_broker_that_dies_ends_the_night_with_its_report(tmp_path, begun):
    child, helpers = begun
    for helper in helpers:
        if "hardware" not in " ".join(helper.cmdline()):
            helper.kill()
    _, err = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "broken off" in err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "night.json").read_text())["trouble"]
