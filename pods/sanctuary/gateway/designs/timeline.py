"""A rehearsed design as a picture: one lane for each kind of cue of each part, along the time of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.lamps import swells
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundFile, envelope
from sanctuary.gateway.designs.preview import Rehearsal, Rehearsed
from sanctuary.gateway.reports.page import PALETTE
from sanctuary.signal.samples import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, LANE_IN, HEAD_IN, FOOT_IN, LEFT_IN, RIGHT_IN, GAP_IN = 11.0, 1.35, 0.72, 0.72, 1.25, 0.2, 0.16
DPI = 100
RANGES = {Modality.SOUND: (20.0, 45.0), Modality.LIGHT: (0.0, 0.2), Modality.HAPTIC: (0.0, 0.2)}
"""What a lane shows at least, in the unit of `Cue.level`."""
UNITS = {Modality.SOUND: "dBA", Modality.LIGHT: "share", Modality.HAPTIC: "share"}
_POINTS = 120
"""Points of the outline of one cue."""


@dataclass(frozen=True, slots=True)
class _Lane:
    title: str
    modality: Modality
    steps: tuple[Rehearsed, ...]


def timeline_png(
    title: str, subtitle: str, rehearsal: Rehearsal, files: Mapping[str, SoundFile] | None = None
) -> bytes:
    """Draw a rehearsal.

    Parameters
    ----------
    title, subtitle
        Two lines above the picture.
    files
        The design's sound files; their cues are drawn in the shape of their samples.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    lanes = _lanes(rehearsal)
    height_in = HEAD_IN + FOOT_IN + LANE_IN * max(1, len(lanes)) + GAP_IN * max(0, len(lanes) - 1)
    out = BytesIO()
    with mpl.rc_context({"text.parse_math": False, "font.size": 8.5, "axes.edgecolor": _ink("line")}):
        figure = Figure(figsize=(WIDTH_IN, height_in), facecolor=_ink("card"))
        top = 1.0 - 0.24 / height_in
        figure.text(LEFT_IN / WIDTH_IN, top, title, color=_ink("ink"), fontsize=12, va="center")
        top -= 0.24 / height_in
        figure.text(LEFT_IN / WIDTH_IN, top, subtitle, color=_ink("muted"), va="center")
        width = (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN
        for number in range(max(1, len(lanes))):
            foot_in = height_in - HEAD_IN - LANE_IN * (number + 1) - GAP_IN * number
            axes = figure.add_axes((LEFT_IN / WIDTH_IN, foot_in / height_in, width, LANE_IN / height_in))
            is_last = number >= len(lanes) - 1
            _prepare(axes, rehearsal.window_s, labels=is_last)
            if lanes:
                _draw_lane(axes, lanes[number], files or {})
            else:
                _draw_silence(axes)
        legend = "filled: as the limiter lets it through     line: as asked for, if more     cross: refused"
        figure.text(LEFT_IN / WIDTH_IN, 0.14 / height_in, legend, color=_ink("muted"), va="center")
        figure.savefig(out, format="png", dpi=DPI, facecolor=_ink("card"), metadata={"Software": None})
    return out.getvalue()


def _lanes(rehearsal: Rehearsal) -> list[_Lane]:
    several = len(rehearsal.parts) > 1
    return [
        _Lane(f"part {part}\n{modality}" if several else str(modality), modality, mine)
        for part, steps in rehearsal.parts.items()
        for modality in Modality
        if (mine := tuple(step for step in steps if step.asked.modality is modality))
    ]


def _prepare(axes: Axes, window_s: float, *, labels: bool) -> None:
    """Lay time along the lane, in minutes."""
    every_s = next((e for e in (10, 30, 60, 120, 300, 600, 1800, 3600) if window_s / e <= 12), 7200)
    ticks_s = [every_s * n for n in range(ceil(window_s / every_s) + 1) if every_s * n <= window_s]
    axes.set_xlim(-0.01 * window_s, 1.01 * window_s)
    names = [f"{t // 60:d}:{t % 60:02d}" for t in ticks_s] if labels else []
    axes.set_xticks(ticks_s, names if labels else [""] * len(ticks_s))
    axes.tick_params(axis="x", colors=_ink("muted"), length=3 if labels else 0)
    axes.tick_params(axis="y", colors=_ink("muted"), length=0)
    axes.grid(axis="x", color=_ink("line"), linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_facecolor(_ink("card"))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if labels:
        axes.set_xlabel("minutes of the window", color=_ink("muted"))


def _draw_lane(axes: Axes, lane: _Lane, files: Mapping[str, SoundFile]) -> None:
    low, high = RANGES[lane.modality]
    levels = [cue.level for step in lane.steps for cue in (step.asked, step.given) if cue is not None]
    low, high = min(low, *levels, high), max(high, *(1.1 * level for level in levels))
    axes.set_ylim(low, high)
    axes.set_ylabel(
        f"{lane.title}\n{UNITS[lane.modality]}", color=_ink("ink"), rotation=0, ha="right", va="center"
    )
    axes.grid(axis="y", color=_ink("line"), linewidth=0.4)
    for step in lane.steps:
        _draw_step(axes, step, low, files)


def _draw_step(axes: Axes, step: Rehearsed, low: float, files: Mapping[str, SoundFile]) -> None:
    if step.given is None:
        t_s, share = _shape(step.asked, files)
        axes.plot(step.at_s + t_s, low + (step.asked.level - low) * share, color=_ink("alarm"), linewidth=0.8)
        middle_s = step.at_s + step.asked.duration_s / 2
        axes.plot([middle_s], [low + 0.5 * (step.asked.level - low)], "x", color=_ink("alarm"), markersize=5)
        return
    t_s, share = _shape(step.given, files)
    fill = _fill(step.given)
    axes.fill_between(step.at_s + t_s, low, low + (step.given.level - low) * share, color=fill, linewidth=0)
    if step.verdict == "lowered":
        t_s, share = _shape(step.asked, files)
        axes.plot(step.at_s + t_s, low + (step.asked.level - low) * share, color=_ink("ink"), linewidth=0.5)


def _draw_silence(axes: Axes) -> None:
    axes.set_yticks([])
    axes.set_ylim(0.0, 1.0)
    axes.text(0.5, 0.5, "silence", transform=axes.transAxes, color=_ink("muted"), ha="center", va="center")


def _shape(cue: Cue, files: Mapping[str, SoundFile]) -> tuple[FloatArray, FloatArray]:
    """Outline of a cue: seconds from its start, and share of its level."""
    if cue.modality is Modality.LIGHT and cue.flash_hz > 0.0:
        return _flashes(cue)
    file = files.get(cue.file_sha256)
    if file is not None:
        return _outline(file, cue.duration_s)
    t_s = np.linspace(0.0, cue.duration_s, _POINTS)
    return t_s, envelope(_POINTS, round(_POINTS * cue.fade_s / cue.duration_s))


def _flashes(cue: Cue) -> tuple[FloatArray, FloatArray]:
    t_s, share = [0.0], [0.0]
    for swell in swells(cue):
        t_s += [swell.at_s, swell.at_s + swell.fade_s, swell.at_s + swell.length_s - swell.fade_s]
        t_s += [swell.at_s + swell.length_s]
        share += [0.0, 1.0, 1.0, 0.0]
    return np.array([*t_s, cue.duration_s]), np.array([*share, 0.0])


def _outline(file: SoundFile, duration_s: float) -> tuple[FloatArray, FloatArray]:
    """Loudest sample of each short piece of a file."""
    size = max(1, round(0.05 * file.fs_hz))
    padded = np.pad(np.abs(file.samples), (0, -file.samples.size % size))
    peaks = padded.reshape(-1, size).max(axis=1)
    t_s = (np.arange(peaks.size) + 0.5) * size / file.fs_hz
    return np.array([0.0, *t_s, duration_s]), np.array([0.0, *(peaks / peaks.max()), 0.0])


def _fill(cue: Cue) -> str:
    if cue.modality is Modality.LIGHT:
        return "#{:02x}{:02x}{:02x}".format(*cue.rgb)
    return _ink("accent") if cue.modality is Modality.SOUND else _ink("window")


def _ink(part: str) -> str:
    return PALETTE[part].light
