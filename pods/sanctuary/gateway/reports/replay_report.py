"""The report of one replayed night.

The figures of a replay report. Each returns inline SVG, or None where there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from sanctuary.gateway.reports.curves import (
    ReplayTraces,
    StageTrack,
    differences,
    even_grid,
    shade_limits,
    thinned,
)
from sanctuary.gateway.reports.figures import (
    draw_stages,
    draw_stretches,
    figure_svg,
    name_lane,
    stage_axis,
    time_axis,
)
from sanctuary.gateway.reports.page import (
    STAGE_NAMES,
    Card,
    colour,
    count,
    number,
    percent,
    render,
    span,
    write_page,
)
from sanctuary.gateway.results.replay_result import UNKNOWN, ReplayResult, Scores
from sanctuary.signal.samples import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 1200
"""Most points of one curve: about one per pixel."""


def hypnograms(result: ReplayResult, ours: StageTrack, expert: StageTrack | None) -> Markup | None:
    """Both hypnograms, one above the other, with their differences between."""
    if not ours.onsets_s:
        return None
    label = "Hypnogram as found by Sanctuary"
    if expert is not None:
        label = "Two hypnograms, the expert's above Sanctuary's, and between them marks where they differ"

    def draw(lanes: Sequence[Axes]) -> None:
        for lane, hypnogram in ((lanes[0], expert), (lanes[-1], ours)):
            if hypnogram is not None:
                draw_stages(lane, hypnogram)
                stage_axis(lane)
        if expert is not None:
            _differences(lanes[1], differences(ours, expert))
            name_lane(lanes[0], "Expert")
        name_lane(lanes[-1], "Sanctuary", "live, causal")
        time_axis(lanes, 0.0, result.duration_s, result.started_at)

    return figure_svg("hypnograms", label, (1.35, 0.12, 1.35) if expert else (1.5,), draw, gap_in=0.08)


def _differences(lane: Axes, stretches: list[tuple[float, float]]) -> None:
    lane.set_ylim(0, 1)
    lane.set_yticks([])
    lane.spines["bottom"].set_visible(False)
    draw_stretches(lane, stretches, 0.0, 1.0, colour("alarm"))
    lane.annotate(
        "differ", (0, 0.5), (-6, 0), "axes fraction", "offset points",
        ha="right", va="center", color=colour("alarm"), fontsize=7.5,
    )  # fmt: skip


def rem_and_gate(
    result: ReplayResult, traces: ReplayTraces, ours: StageTrack, expert: StageTrack | None
) -> Markup | None:
    """Probability of REM with the gate's openings shaded, and the expert's REM beneath."""
    t_s, p_rem = _p_rem(result, traces)
    if not t_s.size:
        return None
    openings = [(opening.open_s, opening.close_s) for opening in result.gate]
    label = "Probability of REM over the night, stretches in which the gate was open, and REM as scored"

    def draw(lanes: Sequence[Axes]) -> None:
        curve, gate, rem = lanes
        for start_s, end_s in openings:
            curve.axvspan(start_s, end_s, color=colour("stage-r"), alpha=0.18, linewidth=0)
        curve.plot(t_s, p_rem, color=colour("stage-r"))
        curve.set_ylim(-0.02, 1.04)
        curve.set_yticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        curve.grid(visible=True, axis="y")
        name_lane(curve, "P(REM)", "each second" if traces.p_rem.size else "each epoch")
        scored = expert if expert is not None and expert.known else ours
        stretches = [(run.start_s, run.end_s) for run in scored.runs if run.stage == "R"]
        _strip(gate, "Gate open", openings, "stage-r")
        _strip(rem, "Expert's REM" if scored is expert else "Epochs in REM", stretches, "muted")
        time_axis(lanes, 0.0, result.duration_s, result.started_at)

    return figure_svg("rem-gate", label, (1.5, 0.16, 0.16), draw)


def _p_rem(result: ReplayResult, traces: ReplayTraces) -> tuple[FloatArray, FloatArray]:
    if traces.p_rem.size:
        return thinned(traces.p_rem_t_s, traces.p_rem, _POINTS)
    known = [(epoch.onset_s, p) for epoch in result.epochs if (p := epoch.p.get("R")) is not None]
    return np.array([t_s for t_s, _ in known]), np.array([p for _, p in known])


def _strip(lane: Axes, name: str, stretches: list[tuple[float, float]], part: str) -> None:
    lane.set_ylim(0, 1)
    lane.set_yticks([])
    draw_stretches(lane, stretches, 0.1, 0.8, colour(part))
    lane.annotate(
        name, (0, 0.5), (-6, 0), "axes fraction", "offset points",
        ha="right", va="center", color=colour("muted"), fontsize=8,
    )  # fmt: skip


def spectrogram(result: ReplayResult, traces: ReplayTraces) -> Markup | None:
    """Power over time and frequency."""
    even = even_grid(traces)
    if even is None:
        return None
    grid, extent = even
    low, high = shade_limits(grid)

    def draw(lanes: Sequence[Axes]) -> None:
        lane = lanes[0]
        lane.imshow(
            grid,
            "magma",
            aspect="auto",
            interpolation="none",
            vmin=low,
            vmax=high,
            origin="lower",
            extent=extent,
        )
        time_axis(lanes, 0.0, result.duration_s, result.started_at)
        lane.grid(visible=False)
        lane.set_ylim(extent[2], extent[3])
        lane.set_ylabel("Hz")
        name_lane(lane, "Spectrum")
        scale = lane.inset_axes((0.82, 1.06, 0.18, 0.045))
        shades = np.linspace(low, high, 128)[np.newaxis]
        scale.imshow(shades, "magma", aspect="auto", interpolation="none", extent=(low, high, 0.0, 1.0))
        scale.set_yticks([])
        scale.spines[:].set_visible(False)
        scale.tick_params(labelsize=7.5, length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        scale.annotate(
            "dB", (0, 0.5), (-6, 0), "axes fraction", "offset points", ha="right", va="center", fontsize=8
        )

    label = (
        "Spectrogram of the night: frequency upward, power as brightness, dB re 1 microvolt squared per hertz"
    )
    return figure_svg("spectrogram", label, (1.8,), draw, top_in=0.42)


def eyes_and_muscle(result: ReplayResult, traces: ReplayTraces) -> Markup | None:
    """Rapid eye movements per minute and muscle tone; a lane for each that was measured."""
    given = [
        ("Eyes", "saccades/min", traces.saccades_per_min, "accent"),
        ("Muscle", "tone, dB", traces.emg_db, "window"),
    ]
    measured = [row for row in given if row[2].size and np.isfinite(row[2]).any()]
    if not measured:
        return None

    def draw(lanes: Sequence[Axes]) -> None:
        for lane, (name, unit, values, part) in zip(lanes, measured, strict=True):
            t_s, level = thinned(traces.eye_t_s, values, _POINTS)
            floor = 0.0 if name == "Eyes" else float(np.nanmin(level))
            lane.fill_between(t_s, floor, level, color=colour(part), alpha=0.22, linewidth=0)
            lane.plot(t_s, level, color=colour(part), linewidth=0.9)
            lane.set_ylim(floor, max(float(np.nanmax(level)) * (1.06 if floor == 0.0 else 1.0), floor + 1.0))
            lane.locator_params(axis="y", nbins=4)
            lane.grid(visible=True, axis="y")
            name_lane(lane, name, unit)
        time_axis(lanes, 0.0, result.duration_s, result.started_at)

    label = " and ".join(f"{name} ({unit})" for name, unit, _, _ in measured) + " over the night"
    return figure_svg("eyes-muscle", label, [0.8] * len(measured), draw)


def quality(result: ReplayResult, traces: ReplayTraces) -> Markup | None:
    """Quality of each channel, a lane each."""
    rows = np.atleast_2d(traces.quality) if traces.quality.size else np.empty((0, 0))
    if not rows.size or not np.isfinite(rows).any():
        return None
    names = (
        result.channels
        if len(result.channels) == len(rows)
        else [f"channel {n + 1}" for n in range(len(rows))]
    )

    def draw(lanes: Sequence[Axes]) -> None:
        for lane, name, row in zip(lanes, names, rows, strict=True):
            t_s, level = thinned(traces.quality_t_s, row, _POINTS // 2)
            lane.fill_between(t_s, 0.0, level, color=colour("window"), alpha=0.5, linewidth=0, step="mid")
            lane.set_ylim(0.0, 1.0)
            lane.set_yticks([0.0, 1.0], ["0", "1"])
            name_lane(lane, name)
        time_axis(lanes, 0.0, result.duration_s, result.started_at)

    label = f"Signal quality from 0 to 1 over the night of {', '.join(names)}"
    return figure_svg("quality", label, [0.42] * len(rows), draw)


class StageTime(NamedTuple):
    """Time spent in one stage, as found and as scored."""

    stage: str
    ours_s: float
    expert_s: float | None


def write_replay_report(path: Path, night: ReplayResult, traces: ReplayTraces) -> None:
    """Write the report of one replayed night to `path`, as one HTML file without outside parts.

    Parameters
    ----------
    path
        Written in one step and readable by its owner alone; missing folders are made.
    night
        A known `started_at` turns the axes to clock time.
    traces
        What the figures show beyond that.

    Raises
    ------
    InputError
        `path` cannot be written.
    """
    write_page(path, replay_page(night, traces))


def replay_page(night: ReplayResult, traces: ReplayTraces) -> str:
    """Give the text of the report: the same text for the same values."""
    ours = StageTrack.detected(night.epochs)
    expert = StageTrack.truth(night.truth, ours) if night.truth else None
    values = {
        "night": night,
        "file": PurePath(night.file).name or "a recording",
        "ours": ours,
        "expert": expert,
        "cards": [*_score_cards(night.scores), *_night_cards(night, ours)],
        "times": _stage_times(ours, expert),
        "differ_s": sum(b - a for a, b in differences(ours, expert)) if expert else None,
        "confusion": _confusion(night.scores),
        "openings": night.gate,
        "figures": {
            "hypnograms": hypnograms(night, ours, expert),
            "gate": rem_and_gate(night, traces, ours, expert),
            "spectrogram": spectrogram(night, traces),
            "eyes": eyes_and_muscle(night, traces),
            "quality": quality(night, traces),
        },
    }
    return render("replay.html", values)


def _score_cards(scores: Scores | None) -> list[Card]:
    if scores is None:
        return []
    rem, gate = scores.per_stage["R"], scores.gate
    return [
        Card(number(scores.kappa), "κ (Cohen)", f"five stages, accuracy {percent(scores.accuracy)}"),
        Card(percent(rem.f1), "REM F1", f"precision {percent(rem.precision)}, recall {percent(rem.recall)}"),
        Card(
            percent(gate.rem_share),
            "of REM with the gate open",
            f"{percent(gate.precision)} of open time was REM",
        ),
        Card(
            str(gate.false_windows),
            "stray opening" if gate.false_windows == 1 else "stray openings",
            "less than half of it REM",
        ),
        Card(
            span(gate.latency_s.median), "to open, median", f"slowest tenth beyond {span(gate.latency_s.p90)}"
        ),
    ]


def _night_cards(night: ReplayResult, ours: StageTrack) -> list[Card]:
    open_s = sum(opening.close_s - opening.open_s for opening in night.gate)
    unknown_s = ours.time_in_s(UNKNOWN)
    return [
        Card(span(ours.asleep_s), "asleep", f"{span(ours.time_in_s('R'))} of it in REM, as found"),
        Card(span(open_s), "stable REM", count(len(night.gate), "gate opening")),
        Card(span(unknown_s) if unknown_s else "none", "without a verdict", "signal too poor to say"),
    ]


def _stage_times(ours: StageTrack, expert: StageTrack | None) -> list[StageTime]:
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
