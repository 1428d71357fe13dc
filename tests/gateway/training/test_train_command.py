"""`sanctuary train`, as a user would call it, and `replay --model` with what it made."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pytest

from night_files import write_edf, write_hypnogram_csv
from sanctuary.cli import main as cli
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.errors import InputError
from sanctuary.gateway.training.night_loading import load_night
from sanctuary.gateway.training.sources import find_nights
from sanctuary.signal.emission import parse_emission
from signals import bump, pink

FS_HZ = 100.0
STAGES = ("W", "N1", "N2", "N3", "R") * 4
KIND = {"W": (1.0, 14.0), "N1": (1.5, 8.0), "N2": (2.2, 16.0), "N3": (3.0, 40.0), "R": (1.8, 9.0)}


def scored_night(folder, name, seed):
    """Ten minutes in which each stage has a spectrum, and REM saccades, of its own."""
    parts = []
    for epoch, stage in enumerate(STAGES):
        exponent, rms_uv = KIND[stage]
        common = pink(30, FS_HZ, seed=100 * seed + epoch, exponent=exponent, rms_uv=rms_uv)
        sides = np.stack([common + pink(30, FS_HZ, seed=seed + epoch + k, rms_uv=2.0) for k in (7, 8)])
        if stage == "R":
            eye = sum(bump(FS_HZ, common.size, 2.0 + 3.1 * k, 0.5, 90.0) for k in range(8))
            sides += np.stack((eye, -eye))
        parts.append(sides)
    path = write_edf(folder / f"{name}.edf", np.concatenate(parts, axis=1), FS_HZ)
    write_hypnogram_csv(folder / f"{name}.hypnogram.csv", STAGES)
    return path


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights")
    for number, name in enumerate(("ann01a", "ann01b", "bob02a")):
        scored_night(folder, name, number + 1)
    return folder


@pytest.fixture(scope="module")
def model(nights):
    out = nights / "model.json"
    assert cli.run(["train", str(nights), "--out", str(out), "--note", "made for a test"]) == 0
    return out


def test_the_model_says_what_it_was_made_of_and_how_well_it_does(nights, model):
    provenance = parse_emission(model.read_text(), "x").provenance
    assert provenance["note"] == "made for a test"
    assert provenance["persons"] == 2
    assert [row["night"] for row in provenance["data"]] == ["ann01a", "ann01b", "bob02a"]
    first = provenance["data"][0]
    assert first["sha256"] == sha256((nights / "ann01a.edf").read_bytes()).hexdigest()
    assert first["hypnogram_sha256"] == sha256((nights / "ann01a.hypnogram.csv").read_bytes()).hexdigest()
    assert first["epochs"] == len(STAGES)
    assert set(provenance["scores"]) == {"pair", "single"}
    assert provenance["scores"]["pair"]["nights"] == 3
    assert provenance["scores"]["single"]["nights"] == 9


def test_the_same_nights_make_the_same_model(nights, model, tmp_path):
    again = tmp_path / "again.json"
    assert cli.run(["train", str(nights), "--out", str(again), "--note", "made for a test"]) == 0
    assert again.read_text() == model.read_text()


def test_a_night_is_replayed_with_the_model(nights, model, tmp_path, capsys):
    results = []
    for extra in ([], ["--model", str(model)]):
        out = tmp_path / "out.json"
        assert cli.run(["replay", str(nights / "bob02a.edf"), "--json", str(out), *extra]) == 0
        results.append([epoch["p"] for epoch in json.loads(out.read_text())["epochs"]])
    assert results[0] != results[1]
    capsys.readouterr()


def test_a_model_that_uses_measures_is_refused_in_one_sentence(nights, model, tmp_path, capsys):
    body = json.loads(model.read_text()) | {"measures": ["hjorth_mobility", "slow_correlation"]}
    path = tmp_path / "wide.json"
    path.write_text(json.dumps(body))
    assert cli.run(["replay", str(nights / "bob02a.edf"), "--model", str(path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "wide.json: not a usable emission model" in said
    assert "measures that are no longer computed (hjorth_mobility, slow_correlation)" in said


def test_band_powers_alone_make_a_model_without_eyes(tmp_path):
    rng = np.random.default_rng(2)
    means = np.array([[1e1, 4, 6, 2, 1], [2e1, 6, 2, 1, 0.3], [6e1, 8, 2, 1, 0.1], [5e2, 16, 2, 0.4, 0.1]])
    means = np.concatenate((means, [[1.6e1, 5, 1, 0.8, 0.1]]))
    arrays = {}
    for name in ("ann01", "bob02", "cat03"):
        stages = np.repeat(rng.integers(0, 5, 40), 5).astype(np.int8)
        power = means[stages] * rng.lognormal(0.0, 0.2, (200, 5))
        arrays |= {f"{name}_band": power[:, np.newaxis].astype(np.float32), f"{name}_y": stages}
    np.savez(tmp_path / "bands.npz", **arrays)
    out = tmp_path / "model.json"
    assert cli.run(["train", str(tmp_path / "bands.npz"), "--out", str(out)]) == 0
    model = parse_emission(out.read_text(), "x")
    assert set(model.heads) == {"single"}
    assert {row["kind"] for row in model.provenance["data"]} == {"bands"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{empty}", "--out", "{empty}/m.json"], "no scored night"),
        (["{empty}/none", "--out", "{empty}/m.json"], "neither a folder nor a band-power file"),
        (["{nights}", "--out", "/proc/none/m.json"], "the model"),
        (["{nights}", "--out", "{empty}/m.json", "--without", "ann,bob"], "leaves no night"),
        (["{nights}", "--out", "{empty}/m.json", "--without", "bob"], "only one person"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(nights, tmp_path, capsys, arguments, said):
    filled = [each.format(nights=nights, empty=tmp_path) for each in arguments]
    assert cli.run(["train", *filled]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_night_is_never_overwritten_by_the_model(nights, capsys):
    files = sorted(path for path in nights.rglob("*") if path.suffix in (".edf", ".csv"))
    assert len(files) == 6
    before = {path: path.read_bytes() for path in files}
    for path in files:
        assert cli.run(["train", str(nights), "--out", str(path)]) == 2
        assert f"--out {path}: would overwrite {path}" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("text", ["nonsense", "{}", '{"schema": "other"}'])
def test_a_model_that_is_none_is_refused_by_name(nights, tmp_path, capsys, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    assert cli.run(["replay", str(nights / "bob02a.edf"), "--model", str(path)]) == 2
    assert "bad.json" in capsys.readouterr().err
    assert cli.run(["replay", str(nights / "bob02a.edf"), "--model", str(tmp_path / "none.json")]) == 2


def test_a_missing_stage_is_named(tmp_path, capsys):
    for name in ("ann01", "bob02"):
        write_edf(tmp_path / f"{name}.edf", np.stack([pink(90, FS_HZ, seed=k) for k in (1, 2)]), FS_HZ)
        write_hypnogram_csv(tmp_path / f"{name}.hypnogram.csv", ["W", "N1", "N2"])
    assert cli.run(["train", str(tmp_path), "--out", str(tmp_path / "m.json")]) == 2
    assert "no epoch of N3, R" in capsys.readouterr().err


def test_a_pair_gives_each_side_alone_as_well(nights):
    file = find_nights([nights])[0]
    found = load_night(file, "ann", ChainSettings()).nights
    assert [night.name for night in found] == ["ann01a", "ann01a AF7", "ann01a AF8"]
    assert [night.has_eyes for night in found] == [True, False, False]


def test_a_hypnogram_that_scores_nothing_is_refused(tmp_path):
    write_edf(tmp_path / "ann.edf", np.stack([pink(60, FS_HZ, seed=k) for k in (1, 2)]), FS_HZ)
    write_hypnogram_csv(tmp_path / "ann.hypnogram.csv", ["?", "?"])
    with pytest.raises(InputError, match="ann"):
        load_night(find_nights([tmp_path])[0], "ann", ChainSettings())
