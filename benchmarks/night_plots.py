"""Pictures for `simulated_nights.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from night_measures import runs
from sanctuary.signal.samples import Stage

SHOWN = (
    *(f"{stage} share %" for stage in ("N1", "N2", "N3", "R")),
    "sleep latency min",
    "sleep efficiency %",
    "WASO min",
    "W bout longest min",
    *(f"{stage} bout mean min" for stage in ("W", "N1", "N2", "N3", "R")),
    *(f"{stage} bouts per h" for stage in ("W", "N1", "N2", "N3", "R")),
    "REM latency min",
    "cycle spread min",
    *(f"cycle {k} min" for k in (1, 2, 3, 4)),
    *(f"REM period {k} min" for k in (1, 2, 3, 4, 5)),
)
N_HYPNOGRAMS = 6
REAL, SIMULATED = "#555555", "#1b7f8c"
_LEVELS = {Stage.W: 4, Stage.R: 3, Stage.N1: 2, Stage.N2: 1, Stage.N3: 0}
_FARTHEST = 5.0


class Row(Protocol):
    """What is drawn of one figure: quantiles (5, 25, 50, 75, 95 %) of real and simulated nights."""

    figure: str
    real: tuple[float, ...]
    simulated: tuple[float, ...]


def draw_nights(path: Path, rows: Sequence[Any], nights: Sequence[NDArray[np.int8]]) -> None:
    """Draw a few simulated hypnograms beside the spread of figures, real and simulated.

    Parameters
    ----------
    path
        PNG to write.
    rows
        Rows of the table, of one set of nights.
    nights
        Simulated nights in 30 s epochs; the first few are shown.
    """
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shape = {"width_ratios": (1.15, 1.0)}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 7.2), gridspec_kw=shape)
    _hypnograms(left, nights[:N_HYPNOGRAMS])
    _spreads(right, {row.figure: row for row in rows})
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _hypnograms(axes: Any, nights: Sequence[NDArray[np.int8]]) -> None:
    ticks, labels = [], []
    for at, night in enumerate(nights):
        base = -6.0 * at
        hours = np.arange(night.size) / 120.0
        axes.step(hours, base + np.vectorize(_LEVELS.get)(night), where="post", lw=0.8, color="#222222")
        for stage, start, n in runs(night):
            if stage is Stage.R:
                level = base + _LEVELS[stage]
                axes.plot([start / 120.0, (start + n) / 120.0], [level, level], lw=4.0, color="#c0504d")
        ticks += [base + level for level in _LEVELS.values()]
        labels += [stage.name for stage in _LEVELS]
    axes.set_yticks(ticks, labels, fontsize=7)
    axes.set_xlabel("hours since lights out")
    axes.set_title("simulated nights, REM in red", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _spreads(axes: Any, rows: dict[str, Row]) -> None:
    """Quantiles of each figure, in interquartile ranges of the real nights from their median."""
    shown = [name for name in SHOWN if name in rows]
    for at, name in enumerate(shown):
        row = rows[name]
        middle, width = row.real[2], max(row.real[3] - row.real[1], 1e-9)
        for values, shift, color in ((row.real, 0.17, REAL), (row.simulated, -0.17, SIMULATED)):
            low, first, median, third, high = np.clip(
                (np.array(values) - middle) / width, -_FARTHEST, _FARTHEST
            )
            height = -at + shift
            axes.plot([low, high], [height, height], lw=1.0, color=color)
            axes.plot([first, third], [height, height], lw=4.5, color=color, solid_capstyle="butt")
            axes.plot([median], [height], "|", ms=7, mew=1.6, color="white")
    axes.set_yticks([-at for at in range(len(shown))], shown, fontsize=7.5)
    axes.set_xlabel("interquartile ranges from the real median")
    axes.plot([], [], lw=4.5, color=REAL, label="25 real nights (DOD-H)")
    axes.plot([], [], lw=4.5, color=SIMULATED, label="simulated")
    axes.legend(fontsize=8, loc="lower center", ncols=2, frameon=False)
    axes.set_title("5 to 95 % (line), quartiles (bar), median", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(-len(shown) - 1.2, 1.0)
