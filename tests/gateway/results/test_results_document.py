"""``docs/results.md`` names every field of every result, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from house import ROOT
from sanctuary.gateway.results.circle_result import CircleResult
from sanctuary.gateway.results.night_result import NightResult
from sanctuary.gateway.results.replay_result import ReplayResult, Result
from sanctuary.virtual_site.batch_results import SimulateResult, TortureResult

TEXT = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
REPLAY, NIGHT, CIRCLE = "sanctuary.replay.v1", "sanctuary.demo.v1", "sanctuary.circle.v1"
SIMULATE, TORTURE = "sanctuary.simulate.v1", "sanctuary.torture.v1"
MESSAGES = {"sent", "delivered", "lost"}
"""Keys of the counts in ``messages``."""


def section(name: str) -> str:
    return TEXT.split(f"## `{name}`")[1].split("\n## ")[0]


def named(text: str) -> set[str]:
    """Every word between backquotes; of a path such as ``gate.openings`` each part."""
    return {part for quoted in re.findall(r"`([\w.]+)`", text) for part in quoted.split(".")}


def rows(text: str) -> Iterator[str]:
    """Fields that have a row of a table."""
    for line in re.findall(r"^\| (`[^|]*) \|", text, flags=re.MULTILINE):
        yield from (part for quoted in re.findall(r"`([\w.]+)`", line) for part in quoted.split("."))


def fields(model: type[Result]) -> set[str]:
    """Names in the JSON of a result, at any depth."""
    schema: dict[str, Any] = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}


@pytest.mark.parametrize(
    ("model", "sections"),
    [
        (ReplayResult, [REPLAY]),
        (NightResult, [NIGHT, REPLAY]),
        (CircleResult, [CIRCLE, NIGHT, REPLAY]),
        (SimulateResult, [SIMULATE, NIGHT]),
        (TortureResult, [TORTURE]),
    ],
)
def test_every_field_is_named(model: type[Result], sections: list[str]) -> None:
    assert fields(model) - set().union(*(named(section(name)) for name in sections)) == set()


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (ReplayResult, REPLAY),
        (NightResult, NIGHT),
        (CircleResult, CIRCLE),
        (SimulateResult, SIMULATE),
        (TortureResult, TORTURE),
    ],
)
def test_every_row_is_a_field(model: type[Result], name: str) -> None:
    assert set(rows(section(name))) - fields(model) - MESSAGES - {"STAGE"} == set()
