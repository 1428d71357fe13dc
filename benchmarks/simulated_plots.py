"""Figures of simulated nights: band powers beside those of real epochs, and what each stage looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper

_INK, _OURS, _GRID = "#23303b", "#c2571a", "#d5dbe0"
_STRETCH_S, _FS_HZ = 12, 256

FloatArray = NDArray[np.float64]


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
    handles, labels = panels[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return _save(fig, folder / "simulated-bands.png")


def plot_stretches(folder: Path, seed: int = 3, hours: float = 8.0) -> Path:
    """Draw `_STRETCH_S` seconds of AF7 and AF8 of each stage, livelier than four fifths of all."""
    sleeper = Sleeper(seed, hours, float(_FS_HZ))
    uv = sleeper.render(int(hours * 3600 * _FS_HZ))
    fig, panels = plt.subplots(len(STAGES), 1, figsize=(10, 6.5), sharex=True, layout="constrained")
    for panel, stage in zip(panels, STAGES, strict=True):
        first = _lively_s(uv, sleeper.truth.stages, stage) * _FS_HZ
        part = uv[:, first : first + _STRETCH_S * _FS_HZ]
        t_s = np.arange(part.shape[1]) / _FS_HZ
        for row, shift, name in ((0, 60.0, "AF7"), (1, -60.0, "AF8")):
            panel.plot(t_s, part[row] + shift, color=(_INK, _OURS)[row], lw=0.6, label=name)
        panel.set_ylim(-220.0, 220.0)
        panel.set_ylabel(f"{stage.name}\nuV", rotation=0, labelpad=14)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(fontsize=8, frameon=False, ncols=2, loc="upper right")
    panels[-1].set_xlabel("seconds")
    return _save(fig, folder / "simulated-signals.png")


def _lively_s(uv: FloatArray, stages: NDArray[np.int8], stage: Stage) -> int:
    """Start of a stretch wholly in a stage: of the difference where eyes move, else of the mean."""
    n = stages.size // _STRETCH_S
    inside = (stages[: n * _STRETCH_S].reshape(n, _STRETCH_S) == stage).all(axis=1)
    course = uv.mean(axis=0) if stage in (Stage.N2, Stage.N3) else uv[0] - uv[1]
    height = np.ptp(course[: n * _STRETCH_S * _FS_HZ].reshape(n, -1), axis=1)[inside]
    rank = int(0.8 * (height.size - 1))
    return int(np.flatnonzero(inside)[np.argsort(height)[rank]]) * _STRETCH_S


def _save(fig: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=80)
    plt.close(fig)
    return path
