"""How much REM sleepers have at the same time: real strangers, and simulated circles with several settings.

    python benchmarks/sleepers_together.py [--nights FOLDER] [--circles N] [--seed S] [--json OUT.json]

FOLDER holds `dodh.npz` (see `simulated_nights.py`): all lights out at the same moment, mean over 2000
circles of four drawn from the 25 sleepers. Simulated circles sleep 8 h, N of four, with the jitter of
bedtimes that the settings have.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.simulated_night import draw_night
from sanctuary.simulator.sleepers.simulated_sleeper import sleeper_seeds
from simulated_nights import SETTINGS, load_fitted

CIRCLE = 4
HOURS = 8.0
REAL_CIRCLES = 2000
VARIANTS = {
    "simulated, lights out together": SETTINGS,
    "simulated": NightSettings(),
    "coupling 0.5": NightSettings(coupling=0.5),
    "coupling 1": NightSettings(coupling=1.0),
    "variety 0.5": NightSettings(variety=0.5),
    "variety 0, REM spread 0.2": NightSettings(variety=0.0, rem_bout_spread=0.2),
}


@dataclass(frozen=True, slots=True)
class Together:
    """Means over circles: agreement of two members (percent of epochs), and minutes of common REM."""

    same_stage_percent: float
    pair_min: float
    two_of_four_min: float
    three_of_four_min: float
    four_of_four_min: float


def together(circles: Sequence[Sequence[NDArray[np.int8]]]) -> Together:
    """Measure circles of nights in 30 s epochs."""
    found = []
    for circle in circles:
        n = min(night.size for night in circle)
        stages = np.stack([night[:n] for night in circle])
        pairs = list(combinations(stages, 2))
        in_rem = (stages == Stage.R).sum(axis=0)
        found.append(
            (
                100.0 * np.mean([(a == b).mean() for a, b in pairs]),
                np.mean([((a == Stage.R) & (b == Stage.R)).sum() / 2.0 for a, b in pairs]),
                *((in_rem >= k).sum() / 2.0 for k in (2, 3, 4)),
            )
        )
    return Together(*(float(value) for value in np.mean(found, axis=0)))


def real_circles(folder: Path, seed: int) -> list[list[NDArray[np.int8]]]:
    """Circles of people who never met."""
    nights, rng = load_fitted(folder), np.random.default_rng(seed)
    draws = (rng.choice(len(nights), CIRCLE, replace=False) for _ in range(REAL_CIRCLES))
    return [[nights[at] for at in drawn] for drawn in draws]


def simulated_circles(settings: NightSettings, n: int, seed: int) -> list[list[NDArray[np.int8]]]:
    """Circles as the settings have them."""
    circles = []
    for number in range(n):
        seeds = sleeper_seeds(CIRCLE, 1000 * seed + number)
        circles.append([draw_night(own, HOURS, settings, seeds).epochs() for own in seeds])
    return circles


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path)
    parser.add_argument("--circles", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found: dict[str, Together] = {}
    if args.nights is not None:
        found["real (DOD-H), lights out together"] = together(real_circles(args.nights, args.seed))
    for name, settings in VARIANTS.items():
        found[name] = together(simulated_circles(settings, args.circles, args.seed))
    print(f"{'circle of four':36s} same stage  REM min: a pair  2 of 4  3 of 4  all 4")
    for name, one in found.items():
        print(
            f"{name:36s} {one.same_stage_percent:9.1f}% {one.pair_min:16.1f} {one.two_of_four_min:7.1f} "
            f"{one.three_of_four_min:7.1f} {one.four_of_four_min:6.1f}"
        )
    if args.json is not None:
        args.json.write_text(json.dumps({name: asdict(one) for name, one in found.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
