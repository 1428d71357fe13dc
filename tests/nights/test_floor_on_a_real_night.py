"""A floor under detection: one night whose spectra and stages are real, replayed as a user would.

The model that ships has seen this person's spectra, so this is no estimate of accuracy
(`benchmarks/staging_accuracy.py` gives that, leaving persons out); it catches a chain that broke.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sanctuary.cli.main import run

NIGHTS = Path(__file__).parents[3] / "shared" / "nights"
NIGHT = "SC4062"

pytestmark = pytest.mark.skipif(
    not (NIGHTS / "twin.py").exists(), reason="recorded nights are not on this machine"
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    command = [sys.executable, "twin.py", NIGHT, "--out", str(folder), "--seed", "11", "--fs", "128"]
    subprocess.run(command, cwd=NIGHTS, check=True, capture_output=True)
    out = folder / "out.json"
    hypnogram = folder / f"{NIGHT}.hypnogram.csv"
    code = run(["replay", str(folder / f"{NIGHT}.edf"), "--hypnogram", str(hypnogram), "--json", str(out)])
    assert code == 0
    return json.loads(out.read_text())


def test_rem_is_found(result):
    assert result["scores"]["per_stage"]["R"]["f1"] >= 0.75


@pytest.mark.parametrize("stage", ["W", "N1", "N2", "N3"])
def test_other_stages_are_not_called_rem(result, stage):
    assert result["scores"]["rem_specificity"][stage] >= 0.95


def test_the_gate_opens_in_rem(result):
    gate = result["scores"]["gate"]
    assert gate["rem_share"] >= 0.5
    assert gate["precision"] >= 0.8
    assert gate["false_windows"] <= 1
