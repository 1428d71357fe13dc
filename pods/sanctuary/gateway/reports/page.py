"""From values to one HTML file: escaped templates, everything inlined, written whole or not at all.

Numbers, times and reasons are written for people; what is undefined or not given reads as a dash.

Colours of pages and figures go by their part, for light and for dark.

Figures are drawn with a stand-in colour per part, which becomes a CSS variable when the figure enters the
page (`sanctuary.gateway.reports.figures`): page and figures change theme together. The stages stay apart from
each other for readers with protanopia, deuteranopia or tritanopia, and from the background by 3:1 (WCAG 2.2,
1.4.11); text by 4.5:1 (1.4.3). The tests hold this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from sanctuary.gateway.files import write_whole

NOTHING = "\N{EN DASH}"

REASONS: Mapping[str, str] = {
    # the gate
    "stable_rem": "stable REM",
    "too_early": "too early in the night",
    "rem_not_sure": "REM no longer sure",
    "entropy_high": "stages too alike to tell",
    "evidence_low": "too little that speaks for REM now",
    "just_closed": "closed a moment ago",
    "rem_in_doubt": "nothing spoke for REM any more",
    "no_signal": "signal lost",
    "rem_ended": "REM ended",
    "waking": "waking up",
    "arousal": "sign of arousal",
    "refractory": "quiet time after an arousal",
    "night_ended": "the night ended",
    # a pod's own evidence
    "no_estimate": "no estimate yet",
    "stale_eeg": "EEG not fresh",
    "low_quality": "signal quality too low",
    "not_stable_rem": "not in stable REM",
    # the limiter
    "malformed": "cue malformed",
    "too_long": "cue too long",
    "too_short_to_fade": "cue too short for its fades",
    "photosensitive": "no light: somebody who sees it is photosensitive, or was not asked",
    "saturated_red": "saturated red is not shown",
    "flash_too_short": "lit for too short a time",
    "flash_rate": "flashes too fast",
    "flashes_per_cue": "too many flashes in one cue",
    "flashes_per_hour": "too many flashes in one hour",
    "too_soon": "too soon after the cue before",
    "still_sounding": "the cue before still sounds",
    "block_full": "block of cues full, resting",
    "night_budget": "budget of cues for the night spent",
    "arousal_quiet": "quiet time after an arousal",
    "too_soft": "would be too soft to matter",
    # the moment, and consent
    "late": "came too late to be in step",
    "clock_uncertain": "clock not sure enough",
    "clock_unsynchronised": "no time service keeps the clock",
    "no_threshold": "the sleeper's threshold is not known",
    "clock_set": "the clock was set",
    "clock_doubted": "a clock was wrong",
    "entries_missing": "consent entries were lost",
    "window_not_valid": "window no longer valid",
    "memory_not_kept": "the pod's memory could not be kept",
    "log_not_kept": "the log could not be written",
    "no_grant": "no grant given",
    "withdrawn": "consent withdrawn",
    "forked": "grants contradict each other",
    "uncited_withdrawal": "new grant does not name the withdrawal before it",
    "grant_not_yet_in_force": "grant not yet in force",
    "grant_expired": "grant expired",
    "modality_not_granted": "modality not granted",
    "level_above_grant": "louder or brighter than granted",
    "design_not_granted": "design not granted",
    "echo_not_granted": "answers to eye signals not granted",
    "step_near": "too near to the design's next step",
    # the coordinator
    "no_quorum": "too few answered",
    "quorum_lost": "fewer leases than the quorum",
}


def percent(share: float | None) -> str:
    """Read 0.834 as ``83 %``; one decimal where rounding would make a perfect or a zero score of it."""
    if share is None:
        return NOTHING
    whole = f"{100.0 * share:.0f}"
    exact = share in (0.0, 1.0)
    return f"{whole} %" if exact or whole not in ("0", "100") else f"{100.0 * share:.1f} %"


def number(value: float | None, decimals: int = 2) -> str:
    """Write a plain number with a fixed count of decimals."""
    return NOTHING if value is None else f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def span(seconds: float | None) -> str:
    """Write a length of time: ``7 h 58 min``, ``12 min``, ``45 s``, ``12 ms``."""
    if seconds is None:
        return NOTHING
    if seconds >= 3570.0:
        minutes = round(seconds / 60.0)
        return f"{minutes // 60} h" + (f" {minutes % 60:02d} min" if minutes % 60 else "")
    if seconds >= 59.5:
        whole = round(seconds)
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole < 600 and whole % 60 else "")
    if seconds == 0.0 or seconds >= 1.0:
        return f"{seconds:.0f} s" if seconds >= 10.0 or seconds == round(seconds) else f"{seconds:.1f} s"
    return f"{1000.0 * seconds:.0f} ms"


def moment(t_s: float | None, started_at: datetime | None = None) -> str:
    """Write a moment of the night: clock time if the start is known, else ``h:mm:ss`` since the start."""
    if t_s is None:
        return NOTHING
    if started_at is not None:
        return (started_at + timedelta(seconds=round(t_s))).strftime("%H:%M:%S")
    whole = round(t_s)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def reason(code: str | None) -> str:
    """Write a machine-readable reason."""
    if not code:
        return NOTHING
    key = code.replace("-", "_")
    return REASONS.get(key, key.replace("_", " ").strip())


def count(n: int, one: str, many: str | None = None) -> str:
    """Write ``1 window``, ``3 windows``, ``no windows``."""
    return f"{n or 'no'} {one if n == 1 else many or one + 's'}"


STAGE_NAMES = ("W", "R", "N1", "N2", "N3")
"""From the top of a hypnogram to the bottom."""


@dataclass(frozen=True, slots=True)
class Shade:
    """One part's colour on a light and on a dark page, as ``#rrggbb``."""

    light: str
    dark: str


PALETTE: Mapping[str, Shade] = {
    "page": Shade("#f5f3ee", "#0c1020"),
    "card": Shade("#ffffff", "#141a30"),
    "ink": Shade("#1e2340", "#e9ecf8"),
    "muted": Shade("#5a6180", "#a3adcd"),
    "line": Shade("#dcd9e2", "#2a3252"),
    "accent": Shade("#4a3fa0", "#b3a8ff"),
    "window": Shade("#0a785d", "#5fd6b3"),
    "alarm": Shade("#a3161c", "#ff9a8f"),
    "stage-w": Shade("#bf8700", "#f5c451"),
    "stage-r": Shade("#c2274f", "#f2607f"),
    "stage-n1": Shade("#3e9fc4", "#a9ddf5"),
    "stage-n2": Shade("#2363ae", "#4f9de0"),
    "stage-n3": Shade("#2b1f6b", "#7059dc"),
    "stage-unknown": Shade("#7d8096", "#7a83a3"),
}

_PARTS = tuple(PALETTE)
STAND_IN = "#fe01"
"""What every stand-in colour begins with; the last two digits number the part."""


def colour(part: str) -> str:
    """Stand-in colour of `part`, to draw with."""
    return f"{STAND_IN}{_PARTS.index(part):02x}"


def stage_colour(stage: str) -> str:
    """Stand-in colour of a stage, or of no verdict."""
    return colour(f"stage-{stage.lower()}" if stage in STAGE_NAMES else "stage-unknown")


def variable(number: int) -> str:
    """CSS for the part behind the stand-in colour with this number."""
    return f"var(--{_PARTS[number]})"


def css_variables() -> str:
    """Style rules that give every part its colour: light, dark where preferred, and light on paper."""
    light = "".join(f"--{part}:{shade.light};" for part, shade in PALETTE.items())
    dark = "".join(f"--{part}:{shade.dark};" for part, shade in PALETTE.items())
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sanctuary.gateway.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": percent,
        "number": number,
        "span": span,
        "moment": moment,
        "reason": reason,
    }
    environment.globals["count"] = count
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill `template` in; text is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(values, css_variables=css_variables())


def write_page(path: Path, text: str) -> None:
    """Put `text` at `path` in one step (see `write_whole` for what it raises)."""
    write_whole(path, text, "the report")


class Card(NamedTuple):
    """A figure at the top of a report: its value, what it is, and a note on it."""

    value: str
    name: str
    note: str
    alarm: bool = False
    """Whether it shows something that must not be."""
