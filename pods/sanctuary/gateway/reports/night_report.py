"""The report of one night of several pods, simulated or in real time.

The figures of a demo report. Each returns inline SVG, or None where there is nothing to draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from sanctuary.gateway.reports.curves import outline, shared_minutes, together_minutes
from sanctuary.gateway.reports.figures import (
    LEVELS,
    draw_stages,
    draw_stretches,
    draw_ticks,
    figure_svg,
    name_lane,
    time_axis,
)
from sanctuary.gateway.reports.night_result import (
    RENDERED,
    CueRecord,
    DemoResult,
    Lane,
    Window,
    lanes_of,
    spreads_s,
    violations_of,
)
from sanctuary.gateway.reports.page import (
    NOTHING,
    Card,
    colour,
    count,
    number,
    percent,
    render,
    span,
    write_page,
)
from sanctuary.gateway.reports.report_sentences import (
    Telling,
    problem_rows,
    problem_story,
    telling_of,
    why_no_window,
)
from sanctuary.gateway.reports.results import read_result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GATE_Y, _CUES_Y, _FLOOR_Y = -1.3, -2.3, -2.7
"""Rows beneath a hypnogram, in stages."""
_ROOMY_IN, _TIGHT_IN = 1.3, 0.78
_MOST_ROOMY = 6
_CLOSE_UP_S, _MARGIN_S = 1500.0, 60.0


def night(demo: DemoResult, lanes_given: Sequence[Lane], windows: Sequence[Window]) -> Markup | None:
    """All pods beneath each other: stages, gate, cues, and the windows that they shared."""
    if not lanes_given:
        return None
    roomy = len(lanes_given) <= _MOST_ROOMY
    circles = sorted({window.circle for window in windows})
    heights_in = [0.06 + 0.2 * max(1, len(circles))] + [_ROOMY_IN if roomy else _TIGHT_IN] * len(lanes_given)

    def draw(lanes: Sequence[Axes]) -> None:
        _draw_windows(lanes[0], windows, circles)
        for lane, given in zip(lanes[1:], lanes_given, strict=True):
            _draw_pod(lane, given, roomy=roomy)
            _shade(lane, given.pod, windows)
            _draw_cues(lane, [cue for cue in demo.cues if cue.pod == given.pod], _CUES_Y, 0.8, 0.5)
        time_axis(lanes, 0.0, demo.end_s, None)
        lanes[0].grid(visible=False)

    truth = "true stages as a thin line, " if any(given.truth.onsets_s for given in lanes_given) else ""
    label = (
        f"Hypnograms of {len(lanes_given)} pods, one beneath the other: {truth}found stages as "
        f"coloured bars, with gate openings, cues and {len(windows)} shared windows"
    )
    return figure_svg("night", label, heights_in, draw, gap_in=0.1)


def _draw_windows(lane: Axes, windows: Sequence[Window], circles: Sequence[str]) -> None:
    lane.set_ylim(-0.1, max(1, len(circles)))
    lane.set_yticks([])
    lane.spines["bottom"].set_visible(False)
    name_lane(lane, "Windows")
    for row, circle in enumerate(reversed(circles)):
        own = [(w.open_s, w.close_s or w.open_s) for w in windows if w.circle == circle]
        draw_stretches(lane, own, row + 0.08, 0.34, colour("window"))
    for ordinal, window in enumerate(windows, 1):
        middle_s = (window.open_s + (window.close_s or window.open_s)) / 2.0
        row = len(circles) - 1 - circles.index(window.circle)
        lane.text(
            middle_s, row + 0.5, str(ordinal), color=colour("window"), fontsize=7.5, ha="center", va="bottom"
        )


def _draw_pod(lane: Axes, given: Lane, *, roomy: bool) -> None:
    draw_stages(lane, given.detected, thickness=0.7, pen=False)
    lane.plot(*outline(given.truth.runs, LEVELS), color=colour("ink"), linewidth=0.75, zorder=4)
    draw_stretches(lane, given.gate, _GATE_Y, 0.45, colour("stage-r"))
    rows = LEVELS | {"gate": _GATE_Y + 0.2, "cues": _CUES_Y + 0.4}
    if not roomy:
        rows = {name: y for name, y in rows.items() if name in ("W", "R", "N3", "cues")}
    lane.set_ylim(_FLOOR_Y, 4.6)
    lane.set_yticks(list(rows.values()), list(rows))
    lane.tick_params(axis="y", labelsize=7.5 if roomy else 6.5)
    name_lane(lane, given.pod, given.sleeper)


def _shade(lane: Axes, pod: str, windows: Sequence[Window]) -> None:
    for window in windows:
        for member in window.members:
            if member.pod == pod and member.from_s is not None and member.to_s is not None:
                lane.axvspan(
                    member.from_s, member.to_s, color=colour("window"), alpha=0.2, linewidth=0, zorder=0.5
                )


def _draw_cues(lane: Axes, cues: Sequence[CueRecord], y: float, height: float, width: float) -> None:
    rendered = [cue.t_s for cue in cues if cue.outcome == RENDERED]
    refused = [cue.t_s for cue in cues if cue.outcome != RENDERED]
    draw_ticks(lane, rendered, y, height, width)
    if refused:
        middle = [y + height / 2] * len(refused)
        lane.plot(
            refused,
            middle,
            linestyle="none",
            marker="x",
            markersize=3.0,
            markeredgewidth=0.8,
            color=colour("alarm"),
        )


def best_window(windows: Sequence[Window]) -> Window | None:
    """Choose the window worth a closer look: most pods, then longest, then first."""
    return max(windows, key=lambda w: (len(w.who), (w.close_s or w.open_s) - w.open_s), default=None)


def close_up(demo: DemoResult, lanes_given: Sequence[Lane], window: Window | None) -> Markup | None:
    """One window, its pods beneath each other: probability of REM, stay in the window, cues in step."""
    if window is None or window.close_s is None:
        return None
    start_s = max(0.0, window.open_s - _MARGIN_S)
    end_s = min(window.close_s + _MARGIN_S, start_s + _CLOSE_UP_S)
    members = [given for given in lanes_given if given.pod in window.who]
    if not members:
        return None

    def draw(lanes: Sequence[Axes]) -> None:
        for lane, given in zip(lanes, members, strict=True):
            _draw_p_rem(lane, demo, given)
            _shade(lane, given.pod, [window])
            draw_stretches(lane, given.gate, -0.16, 0.07, colour("stage-r"))
            _draw_cues(lane, _within(demo.cues, given.pod, start_s, end_s), -0.5, 0.26, 1.0)
            lane.set_ylim(-0.56, 1.05)
            lane.set_yticks([-0.37, -0.12, 0.0, 1.0], ["cues", "gate", "", "1"])
            lane.tick_params(axis="y", labelsize=7.5)
            name_lane(lane, given.pod, "P(REM)")
        time_axis(lanes, start_s, end_s, None)

    label = f"Window {window.id} close up: probability of REM and cues of {', '.join(window.who)}"
    height_in = 0.85 if len(members) <= _MOST_ROOMY else 0.6
    return figure_svg("close-up", label, [height_in] * len(members), draw, gap_in=0.1)


def _within(cues: Sequence[CueRecord], pod: str, start_s: float, end_s: float) -> list[CueRecord]:
    return [cue for cue in cues if cue.pod == pod and start_s <= cue.t_s <= end_s]


def _draw_p_rem(lane: Axes, demo: DemoResult, given: Lane) -> None:
    epochs = demo.pods[given.pod].epochs
    known = [(epoch.onset_s, p) for epoch in epochs if (p := epoch.p.get("R")) is not None]
    if known:
        onsets_s, p_rem = zip(*known, strict=True)
        lane.fill_between(
            onsets_s, 0.0, p_rem, step="post", color=colour("stage-r"), alpha=0.35, linewidth=0, zorder=2
        )
        lane.step(onsets_s, p_rem, where="post", color=colour("stage-r"), linewidth=0.9, zorder=3)


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
    best = best_window(windows)
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
            "night": night(demo, lanes, windows),
            "close_up": close_up(demo, lanes, best),
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
