"""Band powers and eye movements of simulated sleepers beside real nights.

    python benchmarks/simulated_signals.py --nights FOLDER [--sleepers N] [--hours H] [--seed S]
        [--plots FOLDER] [--json OUT.json]

FOLDER holds two sets of measurements of real nights: `sleepedf12_bandpower.npz` (of each night `NIGHT_band`,
shape (epochs, derivations, bands), the first derivation Fpz-Cz, uV^2/Hz, and `NIGHT_y`, the expert's stages)
and, if it is there, `rem_eog_256hz.npz` (`data`, left and right EOG in uV, and `sf`). For each stage and band
the median over all epochs of the simulated sleepers (mean of AF7 and AF8, 256 Hz) should lie between the
quartiles of all real epochs, nights pooled and cut to 30 min around sleep; beside them stands the range of
the quartiles of the nights' own medians, which is narrower. Ends with 1 if a row lies outside the first.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper, sleeper_seeds
from simulated_eyes import Movements, eye_rows, find_movements, real_movements

FloatArray = NDArray[np.float64]

FS_HZ = 256
EPOCH_S = 30
AROUND_SLEEP = 60
"""Epochs before and after sleep that count."""
BANDS_HZ = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 50.0))
POOR = "SC4011"
"""A night that is cut short and has no REM."""


class Night:
    """One night: density (dB) by epoch and band, stage by epoch, eye movements in REM."""

    def __init__(self, db: FloatArray, stages: NDArray[np.int8], movements: Movements | None = None) -> None:
        asleep = np.flatnonzero(stages != Stage.W)
        kept = slice(max(0, asleep[0] - AROUND_SLEEP), asleep[-1] + AROUND_SLEEP + 1)
        self.db, self.stages, self.movements = db[kept], stages[kept], movements

    def median(self, stage: Stage) -> FloatArray:
        """Median of each band over the epochs of a stage; NaN without any."""
        chosen = self.db[self.stages == stage]
        return np.median(chosen, axis=0) if len(chosen) else np.full(len(BANDS_HZ), np.nan)


def real_nights(path: Path) -> list[Night]:
    """Measured nights of people."""
    with np.load(path) as data:
        names = sorted(key[:-2] for key in data.files if key.endswith("_y"))
        return [
            Night(10.0 * np.log10(np.maximum(data[f"{name}_band"][:, 0], 1e-6)), data[f"{name}_y"])
            for name in names
            if name != POOR
        ]


def band_powers_db(uv: FloatArray) -> FloatArray:
    """Density in `BANDS_HZ` of each epoch of ``(n,)`` uV, dB re 1 uV^2/Hz: 4 s Hann windows, half over."""
    freq_hz, density = welch(uv.reshape(-1, EPOCH_S * FS_HZ), FS_HZ, nperseg=4 * FS_HZ, axis=1)
    bands = [density[:, (freq_hz >= low) & (freq_hz < high)].mean(axis=1) for low, high in BANDS_HZ]
    return np.asarray(10.0 * np.log10(np.stack(bands, axis=1)))


def simulated_night(seed: int, hours: float) -> Night:
    """Render and measure one simulated night."""
    sleeper = Sleeper(seed, hours, float(FS_HZ))
    stages = sleeper.truth.epochs()
    uv = sleeper.render(len(stages) * EPOCH_S * FS_HZ)
    rem = np.repeat(stages == Stage.R, EPOCH_S * FS_HZ)
    return Night(band_powers_db(uv.mean(axis=0)), stages, find_movements(uv[:, rem], FS_HZ))


def band_rows(real: list[Night], simulated: list[Night]) -> list[dict[str, Any]]:
    """One row per stage and band."""
    rows = []
    for stage in STAGES:
        epochs = np.concatenate([night.db[night.stages == stage] for night in real])
        ours = np.concatenate([night.db[night.stages == stage] for night in simulated])
        nights = np.array([night.median(stage) for night in real])
        for band, (low_hz, high_hz) in enumerate(BANDS_HZ):
            quartiles = np.percentile(epochs[:, band], [25, 50, 75])
            found = np.percentile(ours[:, band], [25, 50, 75])
            between = np.nanpercentile(nights[:, band], [25, 75])
            rows.append(
                {
                    "stage": stage.name,
                    "band_hz": [low_hz, high_hz],
                    "real_quartiles_db": [round(float(x), 2) for x in quartiles],
                    "simulated_quartiles_db": [round(float(x), 2) for x in found],
                    "real_night_quartiles_db": [round(float(x), 2) for x in between],
                    "inside": bool(quartiles[0] <= found[1] <= quartiles[2]),
                    "inside_of_nights": bool(between[0] <= found[1] <= between[1]),
                }
            )
    return rows


def _print_bands(rows: list[dict[str, Any]]) -> None:
    print("dB re 1 uV^2/Hz   real epochs: quartiles   simulated: quartiles     nights' medians")
    for row in rows:
        low_hz, high_hz = row["band_hz"]
        real, ours, nights = (
            " ".join(f"{db:6.1f}" for db in row[key])
            for key in ("real_quartiles_db", "simulated_quartiles_db", "real_night_quartiles_db")
        )
        verdict = "inside" if row["inside"] else "OUTSIDE"
        if not row["inside_of_nights"]:
            verdict += ", outside of the nights"
        print(
            f"{row['stage']:3s} {low_hz:4.1f}-{high_hz:<4.0f} Hz  {real}     {ours}     {nights}   {verdict}"
        )


def main() -> int:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, required=True)
    parser.add_argument("--sleepers", type=int, default=20)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    real = real_nights(args.nights / "sleepedf12_bandpower.npz")
    with worker_pool(2) as pool:
        seeds = sleeper_seeds(args.sleepers, args.seed)
        simulated = list(pool.map(partial(simulated_night, hours=args.hours), seeds))
    rows = band_rows(real, simulated)
    _print_bands(rows)
    eyes: list[dict[str, Any]] = []
    eog = args.nights / "rem_eog_256hz.npz"
    if eog.is_file():
        eyes = eye_rows(real_movements(eog), [night.movements for night in simulated if night.movements])
    outside = [row for row in rows if not row["inside"]]
    print(f"{len(rows) - len(outside)} of {len(rows)} rows inside the quartiles of real epochs")
    if args.plots:
        from simulated_plots import plot_bands, plot_stretches

        for path in (plot_bands(args.plots, rows), plot_stretches(args.plots)):
            print(f"wrote {path}")
    if args.json:
        args.json.write_text(json.dumps({"bands": rows, "eyes": eyes}, indent=1))
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
