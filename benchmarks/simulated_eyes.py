"""Rapid eye movements of real and simulated REM, found and measured in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, peak_widths, sosfiltfilt

FloatArray = NDArray[np.float64]

BAND_HZ = (0.5, 5.0)
LEAST_UV, MOST_UV = 50.0, 325.0
WIDTH_S = (0.1, 1.2)
BURST_GAP_S = 8.0
"""Band, smallest and largest deflection of the difference, width at half height, and what parts bursts."""


@dataclass(frozen=True, slots=True, eq=False)
class Movements:
    """Eye movements of a stretch of REM: when, how high, how wide, and how long the stretch is."""

    onsets_s: FloatArray
    heights_uv: FloatArray
    widths_s: FloatArray
    duration_s: float

    def measures(self) -> dict[str, float]:
        """Medians and rates; a burst ends where nothing moves for `BURST_GAP_S`."""
        gaps_s = np.diff(self.onsets_s)
        bursts = np.split(self.onsets_s, np.flatnonzero(gaps_s > BURST_GAP_S) + 1)
        minutes = max(self.duration_s / 60.0, 1e-9)
        few = self.onsets_s.size < 3
        return {
            "movements per minute": self.onsets_s.size / minutes,
            "height, uV": np.nan if few else float(np.median(self.heights_uv)),
            "height, 90th centile, uV": np.nan if few else float(np.percentile(self.heights_uv, 90)),
            "width at half height, s": np.nan if few else float(np.median(self.widths_s)),
            "interval inside a burst, s": np.nan if few else float(np.median(gaps_s[gaps_s <= BURST_GAP_S])),
            "bursts per minute": 0.0 if few else len(bursts) / minutes,
            "movements per burst": np.nan if few else float(np.mean([len(burst) for burst in bursts])),
        }


def find_movements(uv: FloatArray, fs_hz: float) -> Movements:
    """Find deflections of the difference ``uv[0] - uv[1]`` halved, either way, where the sides disagree."""
    if uv.shape[1] < 10 * fs_hz:
        return Movements(np.empty(0), np.empty(0), np.empty(0), uv.shape[1] / fs_hz)
    sos = butter(2, BAND_HZ, "bandpass", fs=fs_hz, output="sos")
    left, right = sosfiltfilt(sos, uv, axis=1)
    difference = 0.5 * (left - right)
    height = np.abs(difference)
    at, _ = find_peaks(height, height=LEAST_UV, distance=max(1, round(0.15 * fs_hz)))
    opposite = left[at] * right[at] < 0.0
    at = at[opposite & (height[at] <= MOST_UV)]
    widths_s = peak_widths(height, at)[0] / fs_hz
    fits = (widths_s >= WIDTH_S[0]) & (widths_s <= WIDTH_S[1])
    return Movements(at[fits] / fs_hz, height[at[fits]], widths_s[fits], uv.shape[1] / fs_hz)


def real_movements(path: Path) -> Movements:
    """Movements of a recorded stretch of EOG."""
    with np.load(path) as data:
        return find_movements(np.asarray(data["data"], dtype=np.float64)[:2], float(data["sf"]))


def eye_rows(real: Movements, simulated: list[Movements]) -> list[dict[str, Any]]:
    """Print and give one row per measure: the real value, and where it ranks among the sleepers' own."""
    rows = []
    ours = [each.measures() for each in simulated]
    print(f"eye movements in REM   real ({real.duration_s:.0f} s)   simulated: 10th, 50th, 90th centile")
    for name, value in real.measures().items():
        found = np.array([measures[name] for measures in ours])
        found = found[np.isfinite(found)]
        low, middle, high = np.percentile(found, [10, 50, 90])
        rank = float((found < value).mean())
        rows.append({"measure": name, "real": value, "simulated": [low, middle, high], "rank": rank})
        print(
            f"{name:28s} {value:8.2f}        {low:8.2f} {middle:8.2f} {high:8.2f}   "
            f"real one above {rank:.0%} of sleepers"
        )
    return rows
