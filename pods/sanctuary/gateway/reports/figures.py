"""From drawing to inline SVG: text as text, colours as CSS variables, the same bytes every time.

matplotlib is imported when the first figure is drawn, and only its object-oriented half. A figure is a column
of lanes that share their left and right edges, so that time lines up down the whole page.

What lanes of different figures have in common: the axis of time, hypnograms, stretches, labels.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from io import StringIO
from math import ceil
from threading import Thread
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from sanctuary.gateway.reports.curves import StageTrack, outline
from sanctuary.gateway.reports.page import STAGE_NAMES, STAND_IN, colour, stage_colour, variable
from sanctuary.gateway.results.replay_result import UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

WIDTH_IN, LEFT_IN, RIGHT_IN, BOTTOM_IN = 11.0, 1.3, 0.25, 0.46
_POINTS_PER_INCH = 72

_HEAD = re.compile(r"\A.*?<svg[^>]*>", re.DOTALL)
_DROPPED = re.compile(
    r"<!--.*?-->|<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<defs>\s*</defs>", re.DOTALL
)
_GROUP_ID = re.compile(r'<g id="[^"]*"')
_STAND_IN = re.compile(rf"(?<=: ){STAND_IN}([0-9a-f]{{2}})")
_PATH = re.compile(r'(?<= d=")[^"]*')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_BETWEEN = re.compile(r">\s+<")


def warm_up() -> None:
    """Import matplotlib in the background, so that a report asked for in a hurry does not wait for it."""
    modules = ("matplotlib.figure", "matplotlib.backends.backend_svg")
    Thread(target=lambda: [import_module(name) for name in modules], name="warm-up", daemon=True).start()


def figure_svg(
    name: str,
    label: str,
    heights_in: Sequence[float],
    draw: Callable[[Sequence[Axes]], None],
    gap_in: float = 0.12,
    top_in: float = 0.12,
) -> Markup:
    """Draw a column of lanes as an inline SVG.

    Parameters
    ----------
    name
        Unique within its page.
    label
        What the figure shows, for readers who do not see it.
    heights_in
        Height of each lane, inches, from the top down.
    draw
        Draws on the lanes; each has no ticks and no frame yet.
    gap_in
        Space between lanes, inches.
    top_in
        Space above the first, inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    height_in = top_in + BOTTOM_IN + sum(heights_in) + gap_in * (len(heights_in) - 1)
    out = StringIO()
    with mpl.rc_context(_style(name)), warnings.catch_warnings():
        # The browser's fonts draw the text; what matplotlib's own font lacks does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH_IN, height_in))
        feet_in = [top_in + sum(heights_in[: i + 1]) + gap_in * i for i in range(len(heights_in))]
        lanes = [
            figure.add_axes(
                (
                    LEFT_IN / WIDTH_IN,
                    1 - foot_in / height_in,
                    (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
                    h_in / height_in,
                )
            )
            for foot_in, h_in in zip(feet_in, heights_in, strict=True)
        ]
        for lane in lanes:
            _bare(lane)
        draw(lanes)
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inline(out.getvalue(), name, label, height_in)


def _style(name: str) -> dict[RcKeyType, Any]:
    ink, muted, line = colour("ink"), colour("muted"), colour("line")
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.parse_math": False,
        "font.size": 8.5,
        "text.color": ink,
        "axes.edgecolor": line,
        "axes.labelcolor": muted,
        "axes.labelsize": 8.5,
        "axes.facecolor": "none",
        "axes.linewidth": 0.8,
        "axes.unicode_minus": True,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.0,
        "xtick.major.size": 3.0,
        "ytick.major.size": 0.0,
        "grid.color": line,
        "grid.linewidth": 0.7,
        "lines.linewidth": 1.1,
        "lines.solid_joinstyle": "round",
        "path.simplify": True,
    }


def _bare(lane: Axes) -> None:
    for side in ("top", "right", "left"):
        lane.spines[side].set_visible(False)
    lane.tick_params(bottom=False, labelbottom=False)
    lane.set_axisbelow(True)


def _inline(svg: str, name: str, label: str, height_in: float) -> Markup:
    width, height = WIDTH_IN * _POINTS_PER_INCH, height_in * _POINTS_PER_INCH
    head = (
        f'<svg class="figure" viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{name}-label">'
        f'<title id="{name}-label">{escape(label)}</title>'
    )
    body = _DROPPED.sub("", _HEAD.sub("", svg))
    body = _GROUP_ID.sub("<g", body).replace("xlink:href", "href")
    body = _STAND_IN.sub(lambda match: variable(int(match[1], 16)), body)
    body = _PATH.sub(lambda match: _short(match[0]), body)
    return Markup(head + _BETWEEN.sub("><", body.strip()))  # noqa: S704 - matplotlib escapes the text it draws


def _short(path: str) -> str:
    rounded = _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), path)
    return " ".join(rounded.split())


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


def draw_stages(lane: Axes, hypnogram: StageTrack, thickness: float = 0.62, *, joined: bool = True) -> None:
    """Draw each run as a bar at its stage's height, thinly connected; unknown runs as a pale band."""
    runs = hypnogram.runs
    if joined:
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
