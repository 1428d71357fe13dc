"""The report of a circle of recorded nights: that of a night of several pods, from another result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Literal

from pydantic import AliasChoices, Field

from sanctuary.gateway.reports.night_report import demo_page
from sanctuary.gateway.reports.page import write_page
from sanctuary.gateway.reports.results import Partial, read_result


class _Member(Partial):
    """One pod's night in the result."""

    offset_s: float = 0.0
    replay: dict[str, Any] = Field(default_factory=dict)


class _CircleResult(Partial):
    """Schema ``sanctuary.circle.v1``, as far as it differs from that of a demo."""

    schema_name: Literal["sanctuary.circle.v1"] = Field(
        validation_alias=AliasChoices("schema", "schema_name")
    )
    duration_s: float = 0.0
    pods: dict[str, _Member] = Field(default_factory=dict)


def write_circle_report(path: Path, result: Mapping[str, Any]) -> None:
    """Write the report of a circle of recorded nights to `path`, as one HTML file without outside parts.

    Parameters
    ----------
    path
        Written in one step and readable by its owner alone; missing folders are made.
    result
        Of schema ``sanctuary.circle.v1``.

    Raises
    ------
    InputError
        `path` cannot be written, or `result` is of another kind.
    """
    write_page(path, circle_page(result))


def circle_page(result: Mapping[str, Any]) -> str:
    """Give the text of the report: the same text for the same values."""
    circle = read_result(_CircleResult, result, "circle result")
    warnings = [
        f"{pod}: {warning}" for pod, night in circle.pods.items() for warning in night.replay["warnings"]
    ]
    return demo_page(
        dict(result)
        | {
            "schema": "sanctuary.demo.v1",
            "recorded": True,
            "hours": circle.duration_s / 3600.0,
            "pods": {pod: _pod(night) for pod, night in circle.pods.items()},
            "detection": {
                pod: scores | {"rem": scores["per_stage"]["R"]}
                for pod, night in circle.pods.items()
                if (scores := night.replay.get("scores"))
            },
            "warnings": warnings,
        }
    )


def _pod(night: _Member) -> dict[str, Any]:
    """Put a night on the circle's clock."""
    replay, offset_s = night.replay, night.offset_s
    return {
        "sleeper": PurePath(replay["file"]).stem,
        "simulated": False,
        "epochs": [epoch | {"onset_s": epoch["onset_s"] + offset_s} for epoch in replay["epochs"]],
        "truth": replay.get("truth", ()),
        "gate": [
            opening | {"open_s": opening["open_s"] + offset_s, "close_s": opening["close_s"] + offset_s}
            for opening in replay["gate"]
        ],
    }
