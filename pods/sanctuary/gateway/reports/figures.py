"""From drawing to inline SVG: text as text, colours as CSS variables, the same bytes every time.

matplotlib is imported when the first figure is drawn, and only its object-oriented half. A figure is a column
of lanes that share their left and right edges, so that time lines up down the whole page.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from io import StringIO
from threading import Thread
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from sanctuary.gateway.reports.palette import STAND_IN, colour, variable

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
