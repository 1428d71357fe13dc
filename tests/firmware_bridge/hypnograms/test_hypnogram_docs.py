"""docs/hypnograms.md is true: it names every kind that is read, every coding, and every format written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hypnogram_files as files
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import parse_hypnogram
from sanctuary.firmware_bridge.hypnograms.hypnogram_writing import HypnogramFormat
from sanctuary.firmware_bridge.hypnograms.stage_labels import PRESETS, WORDS
from sanctuary.signal.samples import Stage

TEXT = (Path(__file__).parents[3] / "docs" / "hypnograms.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", files.SEEDS)
def test_every_kind_is_in_the_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / "night"
    path.write_bytes(files.SEEDS[name]())
    assert re.search(rf"^\| [^|]*{re.escape(parse_hypnogram(path).kind)}", TEXT, flags=re.MULTILINE)


def test_the_codings_are_those_of_the_table() -> None:
    for name, codes in PRESETS.items():
        row = re.search(rf"^\| `{name}` \| (.*) \|$", TEXT, flags=re.MULTILINE)
        assert row is not None, name
        cells = row[1].split(" | ")
        for stage, cell in zip([*list(Stage)[:5], Stage.UNKNOWN], cells, strict=False):
            numbers = set(re.findall(r"-?[0-9]+", cell))
            if span := re.search(r"([0-9]+) to ([0-9]+)", cell):
                numbers |= {str(i) for i in range(int(span[1]), int(span[2]) + 1)}
            assert numbers == {number for number, meant in codes.items() if meant is stage}, (name, stage)


def test_the_words_of_the_table_mean_what_it_says() -> None:
    for stage, heading in ((Stage.W, "W"), (Stage.N3, "N3"), (Stage.R, "R")):
        row = re.search(rf"^\| {heading} \| ([A-Za-z0-9, ]+) \|$", TEXT, flags=re.MULTILINE)
        assert row is not None
        for word in row[1].split(", "):
            assert WORDS[word.casefold()] is stage


def test_every_format_written_is_named() -> None:
    for kind in HypnogramFormat:
        assert f"| `{kind}` |" in TEXT
