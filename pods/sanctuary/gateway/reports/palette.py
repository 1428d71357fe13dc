"""The colours of pages and figures, by the part they play, for light and for dark.

Figures are drawn with a stand-in colour per part, which becomes a CSS variable when the figure enters the
page (`sanctuary.gateway.reports.figures`): page and figures change theme together. The stages stay apart from
each other for readers with protanopia, deuteranopia or tritanopia, and from the background by 3:1 (WCAG 2.2,
1.4.11); text by 4.5:1 (1.4.3). The tests hold this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
