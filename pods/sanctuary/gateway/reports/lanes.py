"""What lanes of different figures have in common: the axis of time, hypnograms, stretches, labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from sanctuary.gateway.reports.hypnogram import Hypnogram, outline
from sanctuary.gateway.reports.palette import STAGE_NAMES, colour, stage_colour
from sanctuary.gateway.reports.results import UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = {stage: float(level) for stage, level in zip(STAGE_NAMES, (4, 3, 2, 1, 0), strict=True)}
_STEPS_S = (5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_TICKS = 13
_LONGEST_NAME = 15


def time_ticks(start_s: float, end_s: float, started_at: datetime | None) -> tuple[list[float], list[str]]:
    """Choose round moments and their labels: clock time if the start is known, else h:mm."""
    offset_s = 0.0
    if started_at is not None:
        offset_s = started_at.hour * 3600.0 + started_at.minute * 60.0 + started_at.second
    step_s = next((s for s in _STEPS_S if (end_s - start_s) / s <= _MOST_TICKS), _STEPS_S[-1])
    first = ceil((start_s + offset_s) / step_s)
    ticks_s = [n * step_s - offset_s for n in range(first, int((end_s + offset_s) // step_s) + 1)]
    return ticks_s, [_tick(tick_s, step_s, started_at) for tick_s in ticks_s]


def _tick(t_s: float, step_s: float, started_at: datetime | None) -> str:
    if started_at is not None:
        return (started_at + timedelta(seconds=round(t_s))).strftime("%H:%M:%S" if step_s < 60 else "%H:%M")
    whole = round(t_s)
    hours_minutes = f"{whole // 3600}:{whole % 3600 // 60:02d}"
    return f"{hours_minutes}:{whole % 60:02d}" if step_s < 60 else hours_minutes


def time_axis(lanes: Sequence[Axes], start_s: float, end_s: float, started_at: datetime | None) -> None:
    """Give all lanes the same stretch of time; the last one shows it."""
    end_s = max(end_s, start_s + 1.0)
    ticks_s, labels = time_ticks(start_s, end_s, started_at)
    for lane in lanes:
        lane.set_xlim(start_s, end_s)
        lane.set_xticks(ticks_s)
        lane.grid(visible=True, axis="x")
    lanes[-1].set_xticks(ticks_s, labels)
    lanes[-1].tick_params(bottom=True, labelbottom=True)
    unit = "h:mm:ss" if labels[0].count(":") == 2 else "h:mm"
    lanes[-1].set_xlabel("clock time" if started_at is not None else f"time since the start ({unit})")


def draw_stages(lane: Axes, hypnogram: Hypnogram, thickness: float = 0.62, *, pen: bool = True) -> None:
    """Draw each run as a bar at its stage's height, thinly connected; unknown runs as a pale band."""
    runs = hypnogram.runs
    if pen:
        lane.plot(*outline(runs, LEVELS), color=colour("muted"), linewidth=0.6, alpha=0.7, zorder=2)
    for stage in STAGE_NAMES:
        bars = [(run.start_s, run.end_s) for run in runs if run.stage == stage]
        draw_stretches(lane, bars, LEVELS[stage] - thickness / 2, thickness, stage_colour(stage))
    for run in runs:
        if run.stage == UNKNOWN:
            lane.axvspan(
                run.start_s, run.end_s, color=colour("stage-unknown"), alpha=0.16, linewidth=0, zorder=1
            )


def stage_axis(lane: Axes, *, below: float = 0.55) -> None:
    """Name the stages at the left; `below` makes room under N3."""
    lane.set_ylim(-below, 4.55)
    lane.set_yticks(list(LEVELS.values()), list(LEVELS))
    for label, stage in zip(lane.get_yticklabels(), LEVELS, strict=True):
        label.set_color(stage_colour(stage) if stage == "R" else colour("muted"))
        label.set_fontweight("bold" if stage == "R" else "normal")


def draw_stretches(
    lane: Axes, stretches: Iterable[tuple[float, float]], y: float, height: float, shade: str
) -> None:
    """Draw stretches of time as bars from `y` upward, all as one path: a night has hundreds."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = [
        point
        for start_s, end_s in stretches
        if end_s > start_s
        for point in ((start_s, y), (start_s, y + height), (end_s, y + height), (end_s, y), (start_s, y))
    ]
    if corners:
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
        lane.add_patch(PathPatch(Path(corners, codes), facecolor=shade, linewidth=0, zorder=3))


def draw_ticks(lane: Axes, times_s: Sequence[float], y: float, height: float, width: float) -> None:
    """Draw an upright line at each time, all as one path."""
    nan = float("nan")
    corners_s = [corner for t_s in times_s for corner in (t_s, t_s, nan)]
    lane.plot(corners_s, [y, y + height, nan] * len(times_s), color=colour("ink"), linewidth=width, zorder=5)


def name_lane(lane: Axes, name: str, detail: str = "") -> None:
    """Write a lane's name in the left margin."""
    lane.annotate(
        shown(name),
        (0, 1),
        (-88, -1),
        "axes fraction",
        "offset points",
        va="top",
        fontweight="bold",
        fontsize=9,
    )
    if detail:
        lane.annotate(
            shown(detail), (0, 1), (-88, -13), "axes fraction", "offset points",
            va="top", color=colour("muted"), fontsize=7.5,
        )  # fmt: skip


def shown(name: str) -> str:
    """Shorten `name` to what the margin holds, without characters that cannot be drawn."""
    clean = "".join(char for char in name if char.isprintable())
    return clean if len(clean) <= _LONGEST_NAME else clean[: _LONGEST_NAME - 1] + "…"
