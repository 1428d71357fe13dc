"""The report of one night of several pods, simulated or in real time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from sanctuary.gateway.reports import demo_figures as figures
from sanctuary.gateway.reports.cards import Card
from sanctuary.gateway.reports.demo_result import (
    RENDERED,
    CueRecord,
    DemoResult,
    Lane,
    Window,
    lanes_of,
    spreads_s,
    violations_of,
)
from sanctuary.gateway.reports.page import render, write_page
from sanctuary.gateway.reports.results import read_result
from sanctuary.gateway.reports.shared import shared_minutes, together_minutes
from sanctuary.gateway.reports.telling import (
    Telling,
    problem_rows,
    problem_story,
    telling_of,
    why_no_window,
)
from sanctuary.gateway.reports.wording import NOTHING, count, number, percent, span


class PodRow(NamedTuple):
    """One line of the table of pods."""

    lane: Lane
    gate_s: float
    windows: int
    rendered: int
    refused: int
    heard: bool
    """Whether its headband ever brought anything."""


class ModalityRow(NamedTuple):
    """What was rendered in one modality."""

    modality: str
    rendered: int
    softest: float | None
    loudest: float | None


def write_demo_report(path: Path, result: Mapping[str, Any]) -> None:
    """Write the report of a night to `path`, as one HTML file without outside parts.

    Parameters
    ----------
    path
        Written in one step and readable by its owner alone; missing folders are made.
    result
        Of schema ``sanctuary.demo.v1``. Nulls and missing parts are taken as not known.

    Raises
    ------
    InputError
        `path` cannot be written, or `result` is of another kind.
    """
    write_page(path, demo_page(result))


def demo_page(result: Mapping[str, Any]) -> str:
    """Give the text of the report: the same text for the same values."""
    demo = read_result(DemoResult, result, "demo result")
    end_s = demo.end_s
    lanes = lanes_of(demo)
    windows = [window.until(end_s) for window in demo.windows]
    telling = telling_of(demo)
    best = figures.best_window(windows)
    together = together_minutes(window.model_dump() for window in windows)
    values = {
        "demo": demo,
        "end_s": end_s,
        "telling": telling,
        "story": _story(demo, telling, together),
        "problems": problem_rows(demo),
        "why_no_window": why_no_window(demo),
        "cards": _cards(demo, together),
        "lanes": lanes,
        "rows": [_pod_row(lane, demo, windows) for lane in lanes],
        "windows": windows,
        "still_open": {window.id for window in demo.windows if window.close_s is None},
        "best": best,
        "best_number": windows.index(best) + 1 if best else None,
        "outcomes": _outcomes(demo.cues),
        "modalities": _modalities(demo.cues),
        "matrix": _matrix([lane.pod for lane in lanes], windows),
        "detection": _detection(demo),
        "invariants": violations_of(demo),
        "figures": {
            "night": figures.night(demo, lanes, windows),
            "close_up": figures.close_up(demo, lanes, best),
        },
    }
    return render("demo.html", values)


def _story(demo: DemoResult, telling: Telling, together: float) -> str:
    rendered = sum(cue.outcome == RENDERED for cue in demo.cues)
    night = f"{telling.who}, {span(demo.end_s)} of night"
    if demo.interrupted:
        night += ", then interrupted"
    windows = f"{count(len(demo.windows), 'shared window')} opened"
    if demo.windows:
        windows += f", for {span(60.0 * together)} of REM side by side"
    cues = f"{count(rendered, 'cue')} rendered and {len(demo.cues) - rendered or 'none'} refused"
    return f"{night}: {windows}; {cues}; {_broken(demo)}{problem_story(demo)}."


def _broken(demo: DemoResult) -> str:
    if demo.violations is None:
        return "safety invariants not checked"
    if not demo.violations:
        return "no safety invariant broken"
    n = len(demo.violations)
    return "a safety invariant broken once" if n == 1 else f"safety invariants broken {n} times"


def _cards(demo: DemoResult, together: float) -> list[Card]:
    rendered = sum(cue.outcome == RENDERED for cue in demo.cues)
    spreads = spreads_s(demo.cues)
    pooled = demo.detection.get("pooled")
    cards = [
        Card(str(len(demo.windows)), "shared windows", f"{count(len(demo.circles), 'circle')} of sleepers"),
        Card(span(60.0 * together), "in REM side by side", "two or more in one window"),
        Card(str(rendered), "cues rendered", f"{len(demo.cues) - rendered} refused by a pod"),
    ]
    if spreads:
        cards.append(
            Card(
                span(median(spreads)),
                "apart, median",
                f"starts of one step across pods; widest {span(max(spreads))}",
            )
        )
    if pooled is not None:
        cards.append(Card(percent(pooled.rem.f1), "REM F1, pooled", f"five-stage κ {number(pooled.kappa)}"))
    broken = demo.violations
    value = NOTHING if broken is None else str(len(broken))
    if demo.shared is not None:
        possible = f"{span(demo.shared.possible_s)} by the expert, after the least sleep"
        cards.append(Card(percent(demo.shared.share), "of the REM that could be shared", possible))
    return [*cards, Card(value, "violations", "of safety invariants, from the log", alarm=bool(broken))]


def _pod_row(lane: Lane, demo: DemoResult, windows: Sequence[Window]) -> PodRow:
    outcomes = [cue.outcome == RENDERED for cue in demo.cues if cue.pod == lane.pod]
    return PodRow(
        lane,
        gate_s=sum(close_s - open_s for open_s, close_s in lane.gate),
        windows=sum(lane.pod in window.who for window in windows),
        rendered=sum(outcomes),
        refused=len(outcomes) - sum(outcomes),
        heard=bool(demo.pods[lane.pod].epochs),
    )


def _outcomes(cues: Sequence[CueRecord]) -> list[tuple[str, str, int]]:
    """Rows of (outcome, reason, cues): rendered first, then by how often."""
    counts = Counter((cue.outcome, _reason(cue)) for cue in cues)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] != RENDERED, -item[1], item[0]))
    return [(outcome, reason, n) for (outcome, reason), n in ordered]


def _reason(cue: CueRecord) -> str:
    if cue.outcome != RENDERED:
        return cue.reason
    return "sham: nothing sounded" if cue.sham else ""


def _modalities(cues: Sequence[CueRecord]) -> list[ModalityRow]:
    rows = []
    for modality in sorted({cue.modality for cue in cues if cue.outcome == RENDERED and cue.modality}):
        own = [cue for cue in cues if cue.outcome == RENDERED and cue.modality == modality]
        levels = [cue.level for cue in own if cue.level is not None]
        rows.append(ModalityRow(modality, len(own), min(levels, default=None), max(levels, default=None)))
    return rows


def _matrix(pods: Sequence[str], windows: Sequence[Window]) -> list[tuple[str, list[float | None]]]:
    """Shared minutes of every pod with every other; None with itself. Empty if no two met."""
    minutes = shared_minutes(window.model_dump() for window in windows)
    if not minutes:
        return []
    return [(a, [None if a == b else minutes.get((min(a, b), max(a, b)), 0.0) for b in pods]) for a in pods]


def _detection(demo: DemoResult) -> list[tuple[str, Any]]:
    rows = [(name, scores) for name, scores in demo.detection.items() if scores is not None]
    return sorted(rows, key=lambda row: row[0] == "pooled")
