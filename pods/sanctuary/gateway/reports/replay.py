"""The report of one replayed night."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from sanctuary.gateway.reports import replay_figures as figures
from sanctuary.gateway.reports.cards import Card
from sanctuary.gateway.reports.hypnogram import Hypnogram, differences
from sanctuary.gateway.reports.page import render, write_page
from sanctuary.gateway.reports.palette import STAGE_NAMES
from sanctuary.gateway.reports.results import UNKNOWN, ReplayResult, Scores, read_result
from sanctuary.gateway.reports.traces import ReplayTraces
from sanctuary.gateway.reports.wording import NOTHING, count, number, percent, span


class StageTime(NamedTuple):
    """Time spent in one stage, as found and as scored."""

    stage: str
    ours_s: float
    expert_s: float | None


def write_replay_report(path: Path, result: Mapping[str, Any], traces: ReplayTraces) -> None:
    """Write the report of one replayed night to `path`, as one HTML file without outside parts.

    Parameters
    ----------
    path
        Written in one step and readable by its owner alone; missing folders are made.
    result
        Of schema ``sanctuary.replay.v1``. Nulls and missing parts are taken as not known. An optional
        ``started_at`` (ISO 8601, local time) turns the axes to clock time.
    traces
        What the figures show beyond that.

    Raises
    ------
    InputError
        `path` cannot be written, or `result` is of another kind.
    """
    write_page(path, replay_page(result, traces))


def replay_page(result: Mapping[str, Any], traces: ReplayTraces) -> str:
    """Give the text of the report: the same text for the same values."""
    night = read_result(ReplayResult, result, "replay result")
    ours = Hypnogram.detected(night.epochs)
    expert = Hypnogram.truth(night.truth, ours) if night.truth else None
    values = {
        "night": night,
        "file": PurePath(night.file).name or "a recording",
        "ours": ours,
        "expert": expert,
        "cards": [*_score_cards(night.scores), *_night_cards(night, ours)],
        "times": _stage_times(ours, expert),
        "differ_s": sum(b - a for a, b in differences(ours, expert)) if expert else None,
        "confusion": _confusion(night.scores),
        "openings": list(zip(night.gate, figures.openings_until(night), strict=True)),
        "figures": {
            "hypnograms": figures.hypnograms(night, ours, expert),
            "gate": figures.rem_and_gate(night, traces, ours, expert),
            "spectrogram": figures.spectrogram(night, traces),
            "eyes": figures.eyes_and_muscle(night, traces),
            "quality": figures.quality(night, traces),
        },
    }
    return render("replay.html", values)


def _score_cards(scores: Scores | None) -> list[Card]:
    if scores is None:
        return []
    rem, gate = scores.per_stage.get("R", scores.rem), scores.gate
    return [
        Card(number(scores.kappa), "κ (Cohen)", f"five stages, accuracy {percent(scores.accuracy)}"),
        Card(percent(rem.f1), "REM F1", f"precision {percent(rem.precision)}, recall {percent(rem.recall)}"),
        Card(
            percent(gate.rem_share),
            "of REM with the gate open",
            f"{percent(gate.precision)} of open time was REM",
        ),
        Card(
            NOTHING if gate.false_windows is None else str(gate.false_windows),
            "stray opening" if gate.false_windows == 1 else "stray openings",
            "less than half of it REM",
        ),
        Card(
            span(gate.latency_s.median), "to open, median", f"slowest tenth beyond {span(gate.latency_s.p90)}"
        ),
    ]


def _night_cards(night: ReplayResult, ours: Hypnogram) -> list[Card]:
    open_s = sum(close_s - open_s for open_s, close_s in figures.openings_until(night))
    unknown_s = ours.time_in_s(UNKNOWN)
    return [
        Card(span(ours.asleep_s), "asleep", f"{span(ours.time_in_s('R'))} of it in REM, as found"),
        Card(span(open_s), "stable REM", count(len(night.gate), "gate opening")),
        Card(span(unknown_s) if unknown_s else "none", "without a verdict", "signal too poor to say"),
    ]


def _stage_times(ours: Hypnogram, expert: Hypnogram | None) -> list[StageTime]:
    return [
        StageTime(stage, ours.time_in_s(stage), expert.time_in_s(stage) if expert else None)
        for stage in (*STAGE_NAMES, UNKNOWN)
    ]


def _confusion(scores: Scores | None) -> list[tuple[str, int, list[tuple[int, float | None]]]] | None:
    """Rows of (the expert's stage, its epochs, (epochs, share of the row) per stage found), W to R."""
    if scores is None or not any(map(any, scores.confusion)):
        return None
    return [
        (stage, sum(row), [(cell, cell / sum(row) if sum(row) else None) for cell in row])
        for stage, row in zip(("W", "N1", "N2", "N3", "R"), scores.confusion, strict=False)
    ]
