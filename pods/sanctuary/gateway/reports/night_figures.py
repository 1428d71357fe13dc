"""The figures of the report of a night. Each is inline SVG, or None where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from markupsafe import Markup

from sanctuary.gateway.reports.curves import StageTrack, outline
from sanctuary.gateway.reports.figures import (
    LEVELS,
    draw_stages,
    draw_stretches,
    draw_ticks,
    figure_svg,
    name_lane,
    time_axis,
)
from sanctuary.gateway.reports.page import colour
from sanctuary.gateway.results.night_result import NightCue, NightResult, NightWindow, PodNight

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GATE_Y, _CUES_Y, _FLOOR_Y = -1.3, -2.3, -2.7
"""Rows beneath a hypnogram, in stages."""
_ROOMY_IN, _TIGHT_IN = 1.3, 0.78
_MOST_ROOMY = 6
_CLOSE_UP_S, _MARGIN_S = 1500.0, 60.0


@dataclass(frozen=True, slots=True)
class Lane:
    """What one pod shows: its name, both hypnograms, and its gate's openings as (start, end), seconds."""

    pod: str
    sleeper: str
    detected: StageTrack
    truth: StageTrack
    gate: list[tuple[float, float]]


def lanes_of(night: NightResult) -> list[Lane]:
    """Give the pods in the order given; the truth ends where the night ended."""
    return [_lane(name, pod, night.end_s) for name, pod in night.pods.items()]


def _lane(name: str, pod: PodNight, end_s: float) -> Lane:
    detected = StageTrack.detected(pod.epochs)
    truth = StageTrack.truth((pod.truth or ())[: ceil(end_s / detected.epoch_s)], detected)
    return Lane(name, pod.sleeper, detected, truth, [(o.open_s, o.close_s) for o in pod.gate])


def night_figure(
    night: NightResult, pod_lanes: Sequence[Lane], windows: Sequence[NightWindow]
) -> Markup | None:
    """All pods beneath each other: stages, gate, cues, and the windows that they shared."""
    if not pod_lanes:
        return None
    roomy = len(pod_lanes) <= _MOST_ROOMY
    circles = sorted({window.circle for window in windows})
    heights_in = [0.06 + 0.2 * max(1, len(circles))] + [_ROOMY_IN if roomy else _TIGHT_IN] * len(pod_lanes)

    def draw(lanes: Sequence[Axes]) -> None:
        _draw_windows(lanes[0], windows, circles)
        for lane, given in zip(lanes[1:], pod_lanes, strict=True):
            _draw_pod(lane, given, roomy=roomy)
            _shade(lane, given.pod, windows)
            _draw_cues(lane, [cue for cue in night.cues if cue.pod == given.pod], _CUES_Y, 0.8, 0.5)
        time_axis(lanes, 0.0, night.end_s, None)
        lanes[0].grid(visible=False)

    truth = "true stages as a thin line, " if any(given.truth.onsets_s for given in pod_lanes) else ""
    label = (
        f"Hypnograms of {len(pod_lanes)} pods, one beneath the other: {truth}found stages as "
        f"coloured bars, with gate openings, cues and {len(windows)} shared windows"
    )
    return figure_svg("night", label, heights_in, draw, gap_in=0.1)


def _draw_windows(lane: Axes, windows: Sequence[NightWindow], circles: Sequence[str]) -> None:
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
    draw_stages(lane, given.detected, thickness=0.7, joined=False)
    lane.plot(*outline(given.truth.runs, LEVELS), color=colour("ink"), linewidth=0.75, zorder=4)
    draw_stretches(lane, given.gate, _GATE_Y, 0.45, colour("stage-r"))
    rows = LEVELS | {"gate": _GATE_Y + 0.2, "cues": _CUES_Y + 0.4}
    if not roomy:
        rows = {name: y for name, y in rows.items() if name in ("W", "R", "N3", "cues")}
    lane.set_ylim(_FLOOR_Y, 4.6)
    lane.set_yticks(list(rows.values()), list(rows))
    lane.tick_params(axis="y", labelsize=7.5 if roomy else 6.5)
    name_lane(lane, given.pod, given.sleeper)


def _shade(lane: Axes, pod: str, windows: Sequence[NightWindow]) -> None:
    for window in windows:
        for member in window.members:
            if member.pod == pod and member.to_s is not None:
                lane.axvspan(
                    member.from_s, member.to_s, color=colour("window"), alpha=0.2, linewidth=0, zorder=0.5
                )


def _draw_cues(lane: Axes, cues: Sequence[NightCue], y: float, height: float, width: float) -> None:
    rendered = [cue.t_s for cue in cues if cue.is_rendered]
    refused = [cue.t_s for cue in cues if not cue.is_rendered]
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


def best_window(windows: Sequence[NightWindow]) -> NightWindow | None:
    """Choose the window worth a closer look: most pods, then longest, then first."""
    return max(
        windows, key=lambda w: (len(w.pods_by_number), (w.close_s or w.open_s) - w.open_s), default=None
    )


def close_up_figure(
    night: NightResult, pod_lanes: Sequence[Lane], window: NightWindow | None
) -> Markup | None:
    """One window, its pods beneath each other: probability of REM, stay in the window, cues in step."""
    if window is None or window.close_s is None:
        return None
    start_s = max(0.0, window.open_s - _MARGIN_S)
    end_s = min(window.close_s + _MARGIN_S, start_s + _CLOSE_UP_S)
    members = [given for given in pod_lanes if given.pod in window.pods_by_number]
    if not members:
        return None

    def draw(lanes: Sequence[Axes]) -> None:
        for lane, given in zip(lanes, members, strict=True):
            _draw_p_rem(lane, night, given)
            _shade(lane, given.pod, [window])
            draw_stretches(lane, given.gate, -0.16, 0.07, colour("stage-r"))
            _draw_cues(lane, _within(night.cues, given.pod, start_s, end_s), -0.5, 0.26, 1.0)
            lane.set_ylim(-0.56, 1.05)
            lane.set_yticks([-0.37, -0.12, 0.0, 1.0], ["cues", "gate", "", "1"])
            lane.tick_params(axis="y", labelsize=7.5)
            name_lane(lane, given.pod, "P(REM)")
        time_axis(lanes, start_s, end_s, None)

    label = f"Window {window.id} close up: probability of REM and cues of {', '.join(window.pods_by_number)}"
    height_in = 0.85 if len(members) <= _MOST_ROOMY else 0.6
    return figure_svg("close-up", label, [height_in] * len(members), draw, gap_in=0.1)


def _within(cues: Sequence[NightCue], pod: str, start_s: float, end_s: float) -> list[NightCue]:
    return [cue for cue in cues if cue.pod == pod and start_s <= cue.t_s <= end_s]


def _draw_p_rem(lane: Axes, night: NightResult, given: Lane) -> None:
    epochs = night.pods[given.pod].epochs
    if epochs:
        onsets_s, p_rem = [epoch.onset_s for epoch in epochs], [epoch.p["R"] for epoch in epochs]
        lane.fill_between(
            onsets_s, 0.0, p_rem, step="post", color=colour("stage-r"), alpha=0.35, linewidth=0, zorder=2
        )
        lane.step(onsets_s, p_rem, where="post", color=colour("stage-r"), linewidth=0.9, zorder=3)
