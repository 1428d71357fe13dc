"""Figures of simulated nights: band powers beside those of real epochs, and what each stage looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.sleeper import Sleeper

_INK, _OURS, _GRID = "#23303b", "#c2571a", "#d5dbe0"
_STRETCH_S = 12


def plot_bands(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Draw one panel per stage: bars are quartiles of real epochs, points and lines the simulated ones."""
    fig, panels = plt.subplots(1, len(STAGES), figsize=(10, 3.0), sharey=True, layout="constrained")
    for panel, stage in zip(panels, STAGES, strict=True):
        of = [row for row in rows if row["stage"] == stage.name]
        at = np.arange(len(of))
        real, ours = (
            np.array([row[key] for row in of]) for key in ("real_quartiles_db", "simulated_quartiles_db")
        )
        panel.bar(at, real[:, 2] - real[:, 0], 0.55, real[:, 0], color=_GRID, label="real, quartiles")
        panel.hlines(real[:, 1], at - 0.27, at + 0.27, color=_INK, label="real, median")
        panel.vlines(at, ours[:, 0], ours[:, 2], color=_OURS)
        panel.plot(at, ours[:, 1], "o", color=_OURS, ms=5, label="simulated, median and quartiles")
        panel.set_title(stage.name)
        labels = [f"{row['band_hz'][0]:g}-{row['band_hz'][1]:g}" for row in of]
        panel.set_xticks(at, labels, rotation=45, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("dB re 1 uV²/Hz")
    panels[2].set_xlabel("band, Hz")
    panels[-1].legend(fontsize=7, frameon=False, loc="upper right")
    return _save(fig, folder / "simulated-bands.png")


def plot_stretches(folder: Path, seed: int = 3, hours: float = 8.0) -> Path:
    """Draw `_STRETCH_S` seconds of AF7 and AF8 from the middle of the longest stretch of each stage."""
    sleeper = Sleeper(seed, hours, 256.0)
    uv = sleeper.render(int(hours * 3600 * 256))
    fig, panels = plt.subplots(len(STAGES), 1, figsize=(10, 6.5), sharex=True, layout="constrained")
    for panel, stage in zip(panels, STAGES, strict=True):
        stretches = [each for each in sleeper.truth.stretches if each.stage is stage]
        chosen = max(stretches[1:] if stage is Stage.W and len(stretches) > 1 else stretches, key=len_s)
        middle = int((chosen.onset_s + chosen.duration_s / 2.0) * 256)
        part = uv[:, middle : middle + _STRETCH_S * 256]
        t_s = np.arange(part.shape[1]) / 256.0
        for row, shift, name in ((0, 60.0, "AF7"), (1, -60.0, "AF8")):
            panel.plot(t_s, part[row] + shift, color=(_INK, _OURS)[row], lw=0.6, label=name)
        panel.set_ylim(-200.0, 200.0)
        panel.set_ylabel(f"{stage.name}\nuV", rotation=0, labelpad=14)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(fontsize=8, frameon=False, ncols=2, loc="upper right")
    panels[-1].set_xlabel("seconds")
    return _save(fig, folder / "simulated-signals.png")


def len_s(stretch: Any) -> float:
    """Length of a stretch."""
    return float(stretch.duration_s)


def _save(fig: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=80)
    plt.close(fig)
    return path
