"""Simulated nights against scored ones, figure by figure.

    python benchmarks/simulated_nights.py --nights FOLDER [--per N] [--seed S] [--plots FOLDER]
    [--json OUT.json]

FOLDER holds `dodh.npz` (arrays `<record>_cons`: consensus stages of 30 s epochs; the 25 healthy sleepers to
which the model was fitted: Guillot et al. 2020, MIT) and `sleepedf12_bandpower.npz` (arrays `<night>_y`;
eleven nights of six people that it never saw: Sleep-EDF Expanded, Kemp et al. 2000, ODC-BY 1.0). Against
every real night stand N simulated ones of the same length. A figure is *inside* when the median of
simulated nights lies between the quartiles of the real ones, and a two-sample Kolmogorov-Smirnov test does
not tell the two apart (p of 0.05 and more; Mann-Whitney beside it). All others are named once more at the
end. With 25 nights on one side a test sees only coarse differences, and of 60 figures three would fail by
chance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, mannwhitneyu

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from night_measures import measure, transition_counts
from sanctuary.config.sleeper_settings import NightSettings
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.simulated_night import draw_night

Night = NDArray[np.int8]
Figures = Sequence[Mapping[str, float]]

LEFT_OUT = "SC4011"
"""Cut short, without REM."""
RARE = ("N1 to N3 %", "W to N3 %", "R to N3 %", "N3 to R %")
"""Transitions that most nights do not have; see the matrix."""
PERIOD_ONLY = ("sleep latency min", "sleep efficiency %")
"""Figures that need lights out, which Sleep-EDF does not give."""
FEWEST_NIGHTS = 5
P_LEAST = 0.05
SETTINGS = NightSettings(bedtime_jitter_min=0.0)
AGES_YEARS = (20.0, 30.0, 40.0, 50.0, 60.0, 70.0)
AGED = ("WASO min", "sleep latency min", "sleep efficiency %", "N1 share %")
_EPOCHS_PER_HOUR = 120.0
_LONG_H = 14.0


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one set of nights: quantiles (5, 25, 50, 75, 95 %) and tests."""

    figure: str
    nights: str
    n: int
    real: tuple[float, ...]
    simulated: tuple[float, ...]
    covered: float
    """Share of real nights between the 5th and 95th percentile of simulated ones."""
    ks_p: float
    mann_whitney_p: float
    real_sets_differ: bool
    """Whether the same test tells the two sets of real nights apart."""

    @property
    def inside(self) -> bool:
        """Whether the median lies between the real quartiles and the test finds no difference."""
        return self.median_inside and self.ks_p >= P_LEAST

    @property
    def median_inside(self) -> bool:
        """Whether the simulated median lies between the real quartiles."""
        return self.real[1] <= self.simulated[2] <= self.real[3]

    @property
    def verdict(self) -> str:
        """Verdict in words."""
        if self.inside:
            return "inside"
        what = "another spread" if self.median_inside else "median OUTSIDE"
        return f"{what}{'; so do the real sets' if self.real_sets_differ else ''}"


def load_fitted(folder: Path) -> list[Night]:
    """Nights from lights out to the end."""
    with np.load(folder / "dodh.npz") as data:
        nights = [data[key].astype(np.int8) for key in sorted(data.files) if key.endswith("_cons")]
    return [night[night >= 0] for night in nights]


def load_unseen(folder: Path) -> list[Night]:
    """Nights from the first epoch asleep to the last."""
    with np.load(folder / "sleepedf12_bandpower.npz") as data:
        keys = [key for key in sorted(data.files) if key.endswith("_y") and not key.startswith(LEFT_OUT)]
        return [_period(data[key].astype(np.int8)) for key in keys]


def _period(night: Night) -> Night:
    asleep = np.flatnonzero(night != Stage.W)
    return night[asleep[0] : asleep[-1] + 1]


def same_recording(seed: int, real: Night) -> Night:
    """Simulate a night of the same length from lights out."""
    return draw_night(seed, real.size / _EPOCHS_PER_HOUR, SETTINGS).epochs()


def same_sleep(seed: int, real: Night) -> Night:
    """Simulate a night of the same length from sleep onset."""
    night = _period(draw_night(seed, _LONG_H, SETTINGS).epochs())
    return _period(night[: real.size])


def compare(
    name: str, real: Figures, simulated: Figures, other_real: Figures, skip: Sequence[str]
) -> list[Row]:
    """Rows of all figures that enough real nights have."""
    rows = []
    for figure in sorted({key for each in real for key in each}, key=_order(real)):
        ours, theirs = _values(simulated, figure), _values(real, figure)
        others = _values(other_real, figure)
        if figure in skip or figure in RARE or theirs.size < FEWEST_NIGHTS:
            continue
        low, high = np.percentile(ours, [5, 95])
        rows.append(
            Row(
                figure,
                name,
                theirs.size,
                _quantiles(theirs),
                _quantiles(ours),
                float(((theirs >= low) & (theirs <= high)).mean()),
                float(ks_2samp(theirs, ours).pvalue),
                float(mannwhitneyu(theirs, ours).pvalue),
                others.size >= FEWEST_NIGHTS and float(ks_2samp(theirs, others).pvalue) < P_LEAST,
            )
        )
    return rows


def _order(figures: Figures) -> Callable[[str], tuple[int, str]]:
    names = list(dict.fromkeys(key for each in figures for key in each))
    first = {name: at for at, name in enumerate(names)}
    return lambda name: (first[name], name)


def _values(figures: Figures, figure: str) -> NDArray[np.float64]:
    return np.array([each[figure] for each in figures if figure in each])


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.percentile(values, [5, 25, 50, 75, 95]))


def shared_rem_min(nights: Sequence[Night]) -> float:
    """Minutes that two of these sleepers are in REM together, mean over all pairs."""
    shared = []
    for a, b in combinations(nights, 2):
        n = min(a.size, b.size)
        shared.append(float(((a[:n] == Stage.R) & (b[:n] == Stage.R)).sum()) / 2.0)
    return float(np.mean(shared))


def transition_matrix(nights: Sequence[Night]) -> NDArray[np.float64]:
    """Chances (percent) per epoch, all nights together."""
    counts = np.sum([transition_counts(_period(night)) for night in nights], axis=0)
    return np.asarray(100.0 * counts / counts.sum(axis=1, keepdims=True))


def show(rows: Sequence[Row]) -> None:
    """Print the table, and the names of the rows outside."""
    head = f"{'figure':22s} {'nights':9s} {'n':>2s}  {'real: median (quartiles)':27s} "
    print(head + f"{'simulated: median (quartiles)':29s} {'covered':>7s} {'KS p':>5s} {'M-W p':>5s}  verdict")
    for row in rows:
        spans = [f"{q[2]:6.1f} ({q[1]:6.1f} - {q[3]:6.1f})" for q in (row.real, row.simulated)]
        print(
            f"{row.figure:22s} {row.nights:9s} {row.n:2d}  {spans[0]:27s} {spans[1]:29s} "
            f"{100.0 * row.covered:6.0f}% {row.ks_p:5.2f} {row.mann_whitney_p:5.2f}  {row.verdict}"
        )
    for name in dict.fromkeys(row.nights for row in rows):
        mine = [row for row in rows if row.nights == name]
        outside = [row for row in mine if not row.inside]
        print(f"\n{name}: {len(mine) - len(outside)} of {len(mine)} figures inside; outside:")
        for row in outside:
            print(f"  {row.figure}: {row.verdict} (KS p {row.ks_p:.3f})")


def show_matrix(real: NDArray[np.float64], simulated: NDArray[np.float64]) -> None:
    """Print both transition matrices."""
    print("\nchance (%) from one epoch to the next, real / simulated, all fitted nights together")
    print("from   " + "".join(f"{'to ' + stage.name:>16s}" for stage in STAGES))
    for stage in STAGES:
        cells = (f"{real[stage, to]:7.2f} /{simulated[stage, to]:6.2f}" for to in STAGES)
        print(f"{stage.name:4s}   " + "".join(f"{cell:>16s}" for cell in cells))


def per_decade(n: int, seed: int) -> dict[str, float]:
    """Change of figures with ten years of age: slopes of `n` nights of 8 h at each of several ages."""
    found: dict[str, list[float]] = {}
    for age in AGES_YEARS:
        settings = SETTINGS.model_copy(update={"age_years": age})
        nights = [draw_night(seed * 1_000_000 + k, 8.0, settings) for k in range(n)]
        figures = [measure(night.epochs()) for night in nights]
        for name in AGED:
            found.setdefault(name, []).append(float(np.mean(_values(figures, name))))
        asleep_h = [float((night.stages != Stage.W).sum()) / 3600.0 for night in nights]
        found.setdefault("sleep min", []).append(60.0 * float(np.mean(asleep_h)))
        rates = [len(night.arousals) / h for night, h in zip(nights, asleep_h, strict=True)]
        found.setdefault("arousals per h", []).append(float(np.mean(rates)))
    return {name: 10.0 * float(np.polyfit(AGES_YEARS, values, 1)[0]) for name, values in found.items()}


def main() -> None:
    """Measure, compare, print; draw and write what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, required=True)
    parser.add_argument("--per", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    fitted, unseen = load_fitted(args.nights), load_unseen(args.nights)
    seeds = iter(range(args.seed * 1_000_000, 2**32))
    groups = [[same_recording(next(seeds), real) for real in fitted] for _ in range(args.per)]
    like_fitted = [night for group in groups for night in group]
    like_unseen = [same_sleep(next(seeds), real) for _ in range(args.per) for real in unseen]
    figures = [[measure(n) for n in nights] for nights in (fitted, unseen, like_fitted, like_unseen)]
    rows = compare("DOD-H", figures[0], figures[2], figures[1], ())
    rows += compare("Sleep-EDF", figures[1], figures[3], figures[0], PERIOD_ONLY)
    show(rows)
    matrices = transition_matrix(fitted), transition_matrix(like_fitted)
    show_matrix(*matrices)
    real_shared, shared = shared_rem_min(fitted), [shared_rem_min(group) for group in groups]
    low, high = np.percentile(shared, [5, 95])
    print(
        f"\ntwo strangers share {real_shared:.1f} min of REM a night (DOD-H, all pairs); simulated groups of "
        f"{len(fitted)}: {np.mean(shared):.1f} min (5 to 95 %: {low:.1f} to {high:.1f})"
    )
    aged = per_decade(10 * args.per, args.seed)
    print("change per decade of age: " + ", ".join(f"{name} {value:+.1f}" for name, value in aged.items()))
    if args.plots is not None:
        from night_plots import draw_nights

        args.plots.mkdir(parents=True, exist_ok=True)
        picture = args.plots / "simulated-nights.png"
        draw_nights(picture, [row for row in rows if row.nights == "DOD-H"], groups[0])
        print(f"wrote {picture}")
    if args.json is not None:
        written: dict[str, Any] = {
            "rows": [asdict(row) | {"verdict": row.verdict} for row in rows],
            "transitions_percent": {"real": matrices[0].tolist(), "simulated": matrices[1].tolist()},
            "per_decade": aged,
            "shared_rem_min": {"real": real_shared, "simulated_groups": shared},
        }
        args.json.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
