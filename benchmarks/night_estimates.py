"""What scored nights say about the numbers of simulated ones, beside the numbers in use.

    python benchmarks/night_estimates.py --nights FOLDER

FOLDER holds `dodh.npz` (see `simulated_nights.py`). Nights are cut into cycles at their REM periods and
cycles into descent, deep sleep, light sleep and REM; what is counted in each part is printed beside what
`sanctuary.simulator.sleepers` uses. These estimates were the start. The numbers in use depart from them
where whole nights came out better: medians of bouts, because scoring in 30 s hides short ones and rounds
the rest; amounts by cycle, because cycles with a REM period passed over count as one here.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from night_measures import find_rem_periods, measure, runs
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.bout_model import CHANCES, LAWS, CyclePart
from simulated_nights import load_fitted

Night = NDArray[np.int8]
CYCLES = 5
AMOUNTS = ("non-REM sleep", "N3", "before N3", "REM")
_FEWEST = 8


@dataclass(slots=True)
class Estimates:
    """What was counted.

    Attributes
    ----------
    amounts_min
        Minutes by cycle (from 0) and kind.
    bouts
        Epochs of every bout that ended by itself, by part and stage.
    ways
        How often each stage was left for each other, by part.
    """

    amounts_min: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    bouts: dict[tuple[CyclePart, Stage], list[int]] = field(default_factory=lambda: defaultdict(list))
    ways: dict[tuple[CyclePart, Stage, Stage], int] = field(default_factory=lambda: defaultdict(int))

    def add(self, night: Night) -> None:
        """Count one night."""
        asleep = np.flatnonzero(night != Stage.W)
        night, start = night[asleep[0] : asleep[-1] + 1], 0
        for cycle, period in enumerate(find_rem_periods(night)):
            quiet = night[start : period.start]
            deep = np.flatnonzero(quiet == Stage.N3)
            self._amounts(cycle, quiet, deep, period.rem)
            first, last = (int(deep[0]), int(deep[-1]) + 1) if deep.size else (0, 0)
            self._bouts(CyclePart.FIRST if cycle == 0 else CyclePart.LIGHT, quiet[:first])
            self._bouts(CyclePart.DEEP, quiet[first:last])
            self._bouts(CyclePart.LIGHT, quiet[last:])
            self._bouts(CyclePart.REM, night[period.start : period.end])
            start = period.end

    def _amounts(self, cycle: int, quiet: Night, deep: NDArray[np.intp], rem: int) -> None:
        slept = quiet != Stage.W
        found = {"non-REM sleep": int(slept.sum()), "N3": deep.size, "REM": rem}
        if deep.size:
            found["before N3"] = int(slept[: deep[0]].sum())
        for kind, epochs in found.items():
            self.amounts_min[cycle, kind].append(epochs / 2.0)

    def _bouts(self, part: CyclePart, epochs: Night) -> None:
        found = list(runs(epochs)) if epochs.size else []
        for (stage, _, n), (to, _, _) in pairwise(found):
            self.bouts[part, stage].append(n)
            self.ways[part, stage, to] += 1


def show_amounts(estimates: Estimates) -> None:
    """Print minutes by cycle."""
    print("minutes by cycle: median (standard deviation of the logarithm, where above 0) of n")
    for kind in AMOUNTS:
        cells = []
        for cycle in range(CYCLES):
            values = np.array(estimates.amounts_min[cycle, kind])
            spread = np.log(values[values > 0]).std() if (values > 0).sum() > 1 else float("nan")
            cells.append(f"{np.median(values):6.1f} ({spread:4.2f}) of {values.size:2d}")
        print(f"  {kind:14s}" + "".join(f"{cell:>22s}" for cell in cells))


def show_bouts(estimates: Estimates) -> None:
    """Print lengths of bouts and where they lead, counted and in use."""
    print("\nbouts: median and mean (s), counted; median (s) and spread in use; chances, counted / in use")
    for part in CyclePart:
        for stage in LAWS[part]:
            lengths_s = 30.0 * np.array(estimates.bouts[part, stage])
            if lengths_s.size < _FEWEST:
                continue
            law, counted = LAWS[part][stage], f"{np.median(lengths_s):6.0f} {lengths_s.mean():6.0f}"
            print(
                f"  {part.name:6s}{stage.name:3s} n {lengths_s.size:3d}  {counted}   "
                f"{law.median_s:6.0f} {law.spread:4.2f}   {_ways(estimates, part, stage)}"
            )


def _ways(estimates: Estimates, part: CyclePart, stage: Stage) -> str:
    counts = {to: estimates.ways[part, stage, to] for to in STAGES if estimates.ways[part, stage, to]}
    total, used = sum(counts.values()), CHANCES[part][stage]
    return ", ".join(f"{to.name} {n / total:.2f} / {used.get(to, 0.0):.2f}" for to, n in counts.items())


def estimate(nights: Sequence[Night]) -> Estimates:
    """Count all nights."""
    estimates = Estimates()
    for night in nights:
        estimates.add(night)
    return estimates


def show_experts(folder: Path) -> None:
    """Print how long bouts are in the eyes of each expert alone, beside the consensus of the five."""
    with np.load(folder / "dodh.npz") as data:
        alone = [
            one[one >= 0].astype(np.int8)
            for key in data.files
            if not key.endswith("_cons")
            for one in data[key]
        ]
    print("\nmean bout (min), median across nights: experts alone / their consensus")
    nights = (alone, load_fitted(folder))
    figures = [[measure(night) for night in each if (night != Stage.W).any()] for each in nights]
    for stage in STAGES:
        name = f"{stage.name} bout mean min"
        one, five = (np.median([found[name] for found in each if name in found]) for each in figures)
        print(f"  {stage.name:3s}{one:6.1f} / {five:.1f}")


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, required=True)
    folder = parser.parse_args().nights
    estimates = estimate(load_fitted(folder))
    show_amounts(estimates)
    show_bouts(estimates)
    show_experts(folder)


if __name__ == "__main__":
    main()
