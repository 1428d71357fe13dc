"""What circles of recorded nights share: REM that could be shared, and what of it they spent in windows.

    python benchmarks/circle_of_nights.py --nights FOLDER [FOLDER ...]
        (--train FOLDER [FOLDER ...] | --shipped) [--circles N] [--size N] [--quorum N] [--design NAME]
        [--cache FOLDER] [--json OUT.json]

Folders hold nights with hypnograms beside them; a person is the first five letters of a name. Each person is
judged by a model that was trained on --train without that person; with --shipped by the package's own, which
may have seen them. Every night goes through its chain once. Circles are drawn by --seed: nobody twice in one,
every night about equally often, no circle twice. All begin with their first samples. The figures are those of
`sanctuary replay --circle` (docs/results.md). Exits with 1 where an invariant was broken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from leave_one_out import models, whose, with_rem
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.loading import load_settings, parse_override
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.replay.recorded_night import open_night
from sanctuary.gateway.training.gathering import Recipe
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.signal.emission import default_emission
from sanctuary.virtual_site.recorded_circle import HeardNight, circle_night, circle_settings, hear_night

TRIES = 1000
TIMES = ("possible_s", "open_s", "windows_s", "windows_in_rem_s", "cued_s", "cued_in_rem_s")
HEADING = (
    "| nights | possible | gates open | in windows | of that in REM | cued | of that in REM "
    "| share of possible | cues | in REM |\n|---|---|---|---|---|---|---|---|---|---|"
)


def draw_circles(
    nights: Sequence[NightFile], size: int, count: int, rng: Random
) -> Iterator[list[NightFile]]:
    """Draw circles: of those who were in the fewest so far, by chance, and no person twice."""
    used: Counter[Path] = Counter()
    seen: set[frozenset[Path]] = set()
    for _ in range(TRIES):
        if len(seen) == count:
            return
        circle: dict[str, NightFile] = {}
        for night in sorted(nights, key=lambda night: (used[night.path], rng.random())):
            if len(circle) < size:
                circle.setdefault(whose(night), night)
        paths = frozenset(night.path for night in circle.values())
        if len(circle) < size:
            raise SystemExit(f"{size} in a circle, but only {len(circle)} persons in the folders")
        used.update(paths)
        if paths not in seen:
            seen.add(paths)
            yield sorted(circle.values(), key=lambda night: night.name)


def hear(
    nights: Sequence[NightFile], settings: SanctuarySettings, train: Sequence[Path], cache: Path | None
) -> dict[Path, HeardNight]:
    """Push every night through its chain, with the model of its person."""
    by_person = models(train, Recipe(ChainSettings()), cache) if train else {}
    heard = {}
    for night in nights:
        emission = by_person[whose(night)] if train else default_emission()
        heard[night.path] = hear_night(open_night(night.path, night.hypnogram), settings, emission=emission)
        print(f"heard {night.name}", file=sys.stderr, flush=True)
    return heard


def line(name: str, figures: dict[str, Any]) -> str:
    """Give one row of the table; times in minutes."""
    share = figures["share"]
    times = [f"{figures[key] / 60:.1f}" for key in TIMES]
    cues = [f"{figures[key]:.3g}" for key in ("cues", "cues_in_rem")]
    return " | ".join([f"| {name}", *times, "-" if share is None else f"{share:.2f}", *cues]) + " |"


def mean(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the mean circle; its share is that of the sums."""
    found: dict[str, Any] = {
        key: float(np.mean([row[key] for row in rows])) for key in (*TIMES, "cues", "cues_in_rem")
    }
    return found | {"share": share_of(found)}


def share_of(figures: dict[str, Any]) -> float | None:
    """Give the share of the REM that could be shared which was spent in windows."""
    return figures["windows_in_rem_s"] / figures["possible_s"] if figures["possible_s"] else None


def main() -> int:
    """Hear, draw, sleep, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, nargs="+", required=True)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--train", type=Path, nargs="+", default=[])
    model.add_argument("--shipped", action="store_true")
    parser.add_argument("--circles", type=int, default=12)
    parser.add_argument("--size", type=int, default=4)
    parser.add_argument("--quorum", type=int, default=2)
    parser.add_argument("--design", default="tide")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    loaded = load_settings(None, {}, [parse_override(each) for each in args.set]).settings
    settings = circle_settings(loaded, args.size, args.quorum, args.design)
    files = with_rem(find_nights(args.nights))
    heard = hear(files, settings, args.train, args.cache)
    rows, broken = [], 0
    print(HEADING)
    for circle in draw_circles(files, args.size, args.circles, Random(args.seed)):
        result = circle_night(settings, [heard[night.path] for night in circle], [0] * args.size)
        broken += len(result.violations)
        names = ", ".join(night.name for night in circle)
        assert result.shared is not None  # every night has a hypnogram
        shared = result.shared.model_dump()
        rows.append({"nights": names, **shared} | {"share": share_of(shared)})
        print(line(names, rows[-1]), flush=True)
    print(line(f"mean of {len(rows)}", mean(rows)))
    print(f"{broken} invariants broken", file=sys.stderr)
    if args.json:
        args.json.write_text(json.dumps({"circles": rows, "mean": mean(rows)}, indent=1))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
