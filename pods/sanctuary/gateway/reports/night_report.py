"""The report of one night of several pods: simulated, in real time, or a circle of recorded nights."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sanctuary.gateway.reports.night_figures import (
    Lane,
    best_window,
    close_up_figure,
    lanes_of,
    night_figure,
)
from sanctuary.gateway.reports.page import Card, count, number, percent, render, span, write_page
from sanctuary.gateway.reports.report_sentences import (
    NightWords,
    problem_rows,
    problem_story,
    why_no_window,
    words_of,
)
from sanctuary.gateway.results.circle_result import CircleResult, shared_minutes, together_minutes
from sanctuary.gateway.results.night_result import Detection, NightCue, NightResult, NightWindow
from sanctuary.pods.audit import Violation
from sanctuary.pods.audit.invariants import INVARIANTS, PROVED_FROM_LOG


class PodRow(NamedTuple):
    """One line of the table of pods."""

    lane: Lane
    gate_s: float
    windows: int
    rendered: int
    refused: int
    has_signal: bool
    """Whether its headband ever brought anything."""


class ModalityRow(NamedTuple):
    """What was rendered in one modality."""

    modality: str
    rendered: int
    lowest: float
    highest: float


def write_night_report(path: Path, night: NightResult) -> None:
    """Write the report of a night to `path`, as one HTML file without outside parts.

    Parameters
    ----------
    path
        Written in one step and readable by its owner alone; missing folders are made.

    Raises
    ------
    InputError
        `path` cannot be written.
    """
    write_page(path, night_page(night))


def write_circle_report(path: Path, circle: CircleResult) -> None:
    """Write the report of a circle of recorded nights, as `write_night_report` does."""
    write_page(path, circle_page(circle))


def circle_page(circle: CircleResult) -> str:
    """Give the text of the report of a circle: the same text for the same values."""
    return night_page(circle.as_night(), circle)


def night_page(night: NightResult, circle: CircleResult | None = None) -> str:
    """Give the text of the report: the same text for the same values.

    Parameters
    ----------
    circle
        The circle of recorded nights that `night` was made from, if it was.
    """
    end_s = night.end_s
    lanes = lanes_of(night)
    windows = [window.until(end_s) for window in night.windows]
    words = words_of(night, recorded=circle is not None)
    best = best_window(windows)
    together = together_minutes(windows)
    values = {
        "night": night,
        "circle": circle,
        "end_s": end_s,
        "words": words,
        "story": _story(night, words, together),
        "problems": problem_rows(night),
        "why_no_window": why_no_window(night),
        "cards": _cards(night, circle, together),
        "lanes": lanes,
        "rows": [_pod_row(lane, night, windows) for lane in lanes],
        "windows": windows,
        "still_open": {window.id for window in night.windows if window.close_s is None},
        "best_number": windows.index(best) + 1 if best else None,
        "outcomes": _outcomes(night.cues),
        "modalities": _modalities(night.cues),
        "matrix": _matrix([lane.pod for lane in lanes], windows),
        "detection": _detection(night),
        "invariants": violations_of(night.violations),
        "figures": {
            "night": night_figure(night, lanes, windows),
            "close_up": close_up_figure(night, lanes, best),
        },
    }
    return render("night.html", values)


def violations_of(violations: Sequence[Violation]) -> list[tuple[str, str, str]]:
    """Give rows of (invariant, what it says, how often it was broken) for every invariant.

    Rules that are no invariant of this version come last.
    """
    broken = Counter(violation.rule for violation in violations)
    others = [(name, "see below", str(n)) for name, n in sorted(broken.items()) if name not in INVARIANTS]
    return [*((name, says, _times(name, broken[name])) for name, says in INVARIANTS.items()), *others]


def _times(name: str, n: int) -> str:
    # the log holds no messages; that they have no field for samples is a matter of their schemas
    return str(n) if n else "none" if name in PROVED_FROM_LOG else "none: no message has a field for samples"


def spreads_s(cues: Sequence[NightCue]) -> list[float]:
    """Give how far apart pods began each step that several rendered in one window, seconds."""
    starts: dict[tuple[str, int], list[float]] = defaultdict(list)
    for cue in cues:
        if cue.is_rendered:
            starts[cue.window, cue.step].append(cue.t_s)
    return [max(times_s) - min(times_s) for times_s in starts.values() if len(times_s) > 1]


def _story(night: NightResult, words: NightWords, together: float) -> str:
    rendered = sum(cue.is_rendered for cue in night.cues)
    told = f"{words.who}, {span(night.end_s)} of night"
    if night.interrupted:
        told += ", then interrupted"
    windows = f"{count(len(night.windows), 'shared window')} opened"
    if night.windows:
        windows += f", for {span(60.0 * together)} of REM side by side"
    cues = f"{count(rendered, 'cue')} rendered and {len(night.cues) - rendered or 'none'} refused"
    return f"{told}: {windows}; {cues}; {_broken(len(night.violations))}{problem_story(night)}."


def _broken(n: int) -> str:
    if not n:
        return "no safety invariant broken"
    return "a safety invariant broken once" if n == 1 else f"safety invariants broken {n} times"


def _cards(night: NightResult, circle: CircleResult | None, together: float) -> list[Card]:
    rendered = sum(cue.is_rendered for cue in night.cues)
    spreads = spreads_s(night.cues)
    pooled = night.detection.get("pooled")
    cards = [
        Card(str(len(night.windows)), "shared windows", f"{count(len(night.circles), 'circle')} of sleepers"),
        Card(span(60.0 * together), "in REM side by side", "two or more in one window"),
        Card(str(rendered), "cues rendered", f"{len(night.cues) - rendered} refused by a pod"),
    ]
    if spreads:
        note = f"starts of one step across pods; widest {span(max(spreads))}"
        cards.append(Card(span(median(spreads)), "apart, median", note))
    if pooled is not None:
        cards.append(Card(percent(pooled.rem.f1), "REM F1, pooled", f"five-stage κ {number(pooled.kappa)}"))
    if circle is not None and circle.shared is not None:
        possible = f"{span(circle.shared.possible_s)} by the expert, after the least sleep"
        cards.append(Card(percent(circle.shared.share), "of the REM that could be shared", possible))
    n = len(night.violations)
    return [*cards, Card(str(n), "violations", "of safety invariants, from the log", alarm=n > 0)]


def _pod_row(lane: Lane, night: NightResult, windows: Sequence[NightWindow]) -> PodRow:
    outcomes = [cue.is_rendered for cue in night.cues if cue.pod == lane.pod]
    return PodRow(
        lane,
        gate_s=sum(close_s - open_s for open_s, close_s in lane.gate),
        windows=sum(lane.pod in window.pods for window in windows),
        rendered=sum(outcomes),
        refused=len(outcomes) - sum(outcomes),
        has_signal=bool(night.pods[lane.pod].epochs),
    )


def _outcomes(cues: Sequence[NightCue]) -> list[tuple[str, str, int]]:
    """Give rows of (outcome, reason, cues): rendered first, then by how often."""
    counts = Counter((cue.outcome, _reason(cue)) for cue in cues)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] != "rendered", -item[1], item[0]))
    return [(outcome, reason, n) for (outcome, reason), n in ordered]


def _reason(cue: NightCue) -> str:
    if not cue.is_rendered:
        return cue.reason
    return "sham: nothing sounded" if cue.sham else ""


def _modalities(cues: Sequence[NightCue]) -> list[ModalityRow]:
    levels: dict[str, list[float]] = defaultdict(list)
    for cue in cues:
        if cue.is_rendered:
            levels[cue.modality].append(cue.level)
    return [ModalityRow(name, len(own), min(own), max(own)) for name, own in sorted(levels.items())]


def _matrix(pods: Sequence[str], windows: Sequence[NightWindow]) -> list[tuple[str, list[float | None]]]:
    """Give shared minutes of every pod with every other; None with itself. Empty if no two met."""
    minutes = shared_minutes(windows)
    if not minutes:
        return []
    return [(a, [None if a == b else minutes.get((min(a, b), max(a, b)), 0.0) for b in pods]) for a in pods]


def _detection(night: NightResult) -> list[tuple[str, Detection]]:
    return sorted(night.detection.items(), key=lambda row: row[0] == "pooled")
