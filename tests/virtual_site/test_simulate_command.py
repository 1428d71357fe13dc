"""``sanctuary simulate``: the table, the result and its schema, and mistakes in one sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from house import ROOT
from sanctuary.cli.console import LINE_EVERY_S, progress
from sanctuary.cli.main import run
from sanctuary.config.loading import load_model
from sanctuary.config.scenario_settings import ScenarioSettings
from sanctuary.virtual_site import batch_results
from sanctuary.virtual_site import fleet as simulation
from sanctuary.virtual_site.batch_results import FleetViolation, SimulateResult
from sanctuary.virtual_site.fleet import NightMeasures
from sanctuary.virtual_site.simulated_guests import FleetNight


def simulated(tmp_path: Path, name: str, *arguments: str) -> dict[str, Any]:
    path = tmp_path / name
    assert run(["simulate", "--pods", "4", "--set", "hours=2.5", "--json", str(path), *arguments]) == 0
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_the_result_follows_its_schema_and_only_timing_varies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = simulated(tmp_path, "a.json"), simulated(tmp_path, "b.json")
    assert SimulateResult.model_validate(first).to_json() == first
    assert first.pop("timing") != {}
    again.pop("timing")
    assert first == again
    assert len(first["sleepers"]) == 4
    assert "invariants broken" in capsys.readouterr().out


def test_the_example_is_a_scenario_and_shows_the_defaults() -> None:
    path = ROOT / "docs" / "scenario.example.toml"
    scenario = load_model(ScenarioSettings, path=path).settings
    assert {fault.kind for fault in scenario.faults} == {"arousal", "coordinator_crash"}
    usual = ScenarioSettings()
    shown = {
        line.split("=")[0].strip("# "): line.split("=")[1].split("#")[0].strip()
        for line in path.read_text().splitlines()
        if line.startswith("# ") and " = " in line and '"' not in line
    }
    for table in (usual.verdicts, usual.wire, usual.rates, usual.coordinator):
        for name, value in table.model_dump().items():
            if name in shown:
                assert float(shown[name]) == value, name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pods = 1", "pods = 1"),
        ("podz = 4", "podz"),
        ('[[faults]]\nkind = "fire"\nat_min = 1', "faults[0].kind"),
        ('[[faults]]\nkind = "stop"\nat_min = 1', "befalls one pod: name it"),
        ('[[faults]]\nkind = "coordinator_crash"\nat_min = 1\npod = "pod-1"', "leave it out"),
        ('[[faults]]\nkind = "stop"\nat_min = 1\npod = "pod-9"', "there are pod-1 to pod-8"),
        ('[[circles]]\nid = "a"\nmembers = ["pod-1", "bed-2"]', 'circles[0].members[1] = "bed-2" is no pod'),
        ("[wire]\nloss = 1.0", "wire.loss = 1.0"),
        ("[verdicts]\nlatency_p90_s = 10.0", "latency_p90_s must not be below"),
        ('design = "storm"', "no such design"),
    ],
)
def test_a_mistake_in_a_scenario_is_named(
    tmp_path: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    assert run(["simulate", "--scenario", str(path)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_broken_invariants_are_told_and_make_it_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = simulation.night_measures

    def spoilt(*arguments: Any) -> NightMeasures:
        broken = FleetViolation(night=0, rule="P1", t_s=5.0, subject="pod-1", text="sounded in N3")
        return replace(measure(*arguments), violations=(broken,))

    monkeypatch.setattr(simulation, "night_measures", spoilt)
    path = tmp_path / "out.json"
    assert run(["simulate", "--pods", "2", "--set", "hours=0.2", "--json", str(path)]) == 2
    assert "P1 broken in night 0 at 5.0 s: pod-1: sounded in N3" in capsys.readouterr().err
    assert json.loads(path.read_text())["violations"]


def test_ctrl_c_gives_the_result_of_the_nights_that_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch_results, "sensible_processes", lambda _: 1)
    short = ["simulate", "--pods", "2", "--set", "hours=0.3"]
    whole, part = tmp_path / "whole.json", tmp_path / "part.json"
    assert run([*short, "--nights", "2", "--json", str(whole)]) == 0
    measure = simulation.night_measures

    def interrupted(night: FleetNight, number: int) -> NightMeasures:
        if number == 2:
            raise KeyboardInterrupt
        return measure(night, number)

    monkeypatch.setattr(simulation, "night_measures", interrupted)
    assert run([*short, "--nights", "5", "--json", str(part)]) == 130
    assert "stopped early; what follows is of the first 2 of 5 nights" in capsys.readouterr().err
    found, expected = json.loads(part.read_text()), json.loads(whole.read_text())
    assert found.pop("timing") != expected.pop("timing")
    assert found == expected


def test_ctrl_c_before_a_night_is_over_gives_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> NightMeasures:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "night_measures", interrupted)
    path = tmp_path / "out.json"
    assert run(["simulate", "--pods", "2", "--set", "hours=0.2", "--json", str(path)]) == 130
    assert capsys.readouterr().out == ""
    assert not path.exists()


def test_ctrl_c_in_a_terminal_ends_all_processes_and_keeps_what_is_over(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    program = "from sanctuary.cli import console, main; console.LINE_EVERY_S = 0.0; main.main()"
    options = ["--pods", "2", "--set", "hours=0.5", "--nights", "2000", "--json", str(path)]
    with subprocess.Popen(
        [sys.executable, "-c", program, "simulate", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        first = next(line for line in process.stderr if float(line.split()[1]) >= 3.0)
        os.killpg(process.pid, signal.SIGINT)
        out, told = process.communicate(timeout=120.0)
    assert first.endswith("of 2000 nights simulated\n")
    assert process.returncode == 130
    assert "Traceback" not in told
    result = SimulateResult.model_validate_json(path.read_text())
    assert f"stopped early; what follows is of the first {result.nights} of 2000 nights" in told
    assert 1 <= result.nights < 2000
    assert {sleeper.night for sleeper in result.sleepers} == set(range(result.nights))
    assert f"2 sleepers, {result.nights} night" in out


def test_how_far_it_is_is_told_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = [0.0]
    with progress("nights", 10.0, lambda done: f"{done:g} of 10", lambda: now_s[0]) as step:
        for now_s[0] in np.arange(0.0, 3.5 * LINE_EVERY_S, 1.0):
            step(now_s[0] / 10.0)
    assert capsys.readouterr().err.splitlines() == [
        f"sanctuary: {k * LINE_EVERY_S / 10.0:g} of 10" for k in (1, 2, 3)
    ]
