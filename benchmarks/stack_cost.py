"""What one more sleeper costs: the chain of many sleepers on one core, pushed one second at a time.

    python benchmarks/stack_cost.py [--sizes 1,2,4,16,64,256] [--seconds 60] [--repeats 3] [--profile N]
        [--json OUT.json]

Stacks of growing size, two channels of 256 Hz, get one second of samples at a time, as a room of pods would.
The process is bound to one core and one thread (set OMP_NUM_THREADS=1). Each size warms up for 30 s first, so
that all windows are full. Several rounds over all sizes; for each the round with the least median second.
Measured: microseconds for each sleeper and second, the cost of each further sleeper (differences between
sizes), and how far the largest stack departs from the straight line through the others.

Target: at most 100 us per sleeper and second with 256 sleepers (one core would carry ten thousand).
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.signal.chain import SleeperStack
from sanctuary.signal.samples import FloatArray

FS_HZ = 256
SECOND_US = 1e6
WARM_UP_S = 30
DISTINCT_S = 64
"""Seconds of different noise, used round and round."""
TARGETS = {"us_per_sleeper_second_of_largest": "<= 100"}


def one_core() -> int | None:
    """Bind this process to one of its cores where the system can; returns which."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def seconds_of_noise(n_sleepers: int, seed: int = 1) -> FloatArray:
    """Make seconds of EEG-like noise, ``(DISTINCT_S, n_sleepers, 2, 256)``, about 20 uV, falling as 1/f."""
    rng = np.random.default_rng(seed)
    n = DISTINCT_S * FS_HZ
    weights = 1.0 / np.sqrt(np.maximum(np.fft.rfftfreq(n, 1.0 / FS_HZ), 0.3))
    found = np.empty((DISTINCT_S, n_sleepers, 2, FS_HZ))
    for row in range(n_sleepers):
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal((3, n))) * weights, n)
        pair = (noise[:1] + noise[1:]) * (20.0 / np.sqrt(2.0) / noise.std())
        found[:, row] = pair.reshape(2, DISTINCT_S, FS_HZ).transpose(1, 0, 2)
    return found


class Pushed:
    """A stack that is given one second after the other."""

    def __init__(self, noise: FloatArray) -> None:
        self._noise = noise
        self._stack = SleeperStack(noise.shape[1], FS_HZ, ("AF7", "AF8"))
        self._second = 0

    def seconds(self, count: int) -> FloatArray:
        """Push `count` seconds; returns what each took, us, shape ``(count,)``."""
        took = np.empty(count)
        for k in range(count):
            block = self._noise[self._second % DISTINCT_S]
            began_s = time.perf_counter()
            self._stack.push(self._second * FS_HZ, block)
            took[k] = (time.perf_counter() - began_s) * SECOND_US
            self._second += 1
        return took


def measure(sizes: list[int], seconds: int, repeats: int) -> dict[int, FloatArray]:
    """Microseconds of each second for each size, from the round with the least median."""
    noise = seconds_of_noise(max(sizes))
    best: dict[int, FloatArray] = {}
    for _ in range(repeats):
        for size in sizes:
            pushed = Pushed(np.ascontiguousarray(noise[:, :size]))
            pushed.seconds(WARM_UP_S)
            took = pushed.seconds(seconds)
            if size not in best or np.median(took) < np.median(best[size]):
                best[size] = took
    return best


def summary(best: dict[int, FloatArray]) -> dict[str, Any]:
    """Costs by size, differences, and the departure from a straight line."""
    sizes = sorted(best)
    total = {size: float(best[size].mean()) for size in sizes}
    rows = [
        {
            "sleepers": size,
            "us_per_second": total[size],
            "us_per_sleeper_second": total[size] / size,
            "us_median_per_sleeper_second": float(np.median(best[size])) / size,
            "us_worst_second": float(best[size].max()),
            "sleepers_one_core_carries": SECOND_US / (total[size] / size),
        }
        for size in sizes
    ]
    further = {f"{a} to {b}": (total[b] - total[a]) / (b - a) for a, b in pairwise(sizes)}
    found: dict[str, Any] = {
        "targets": TARGETS,
        "sizes": rows,
        "us_per_further_sleeper": further,
        "us_per_sleeper_second_of_largest": total[sizes[-1]] / sizes[-1],
    }
    if len(sizes) > 2:
        slope, fixed = np.polyfit(sizes[:-1], [total[size] for size in sizes[:-1]], 1)
        line_us = float(slope * sizes[-1] + fixed)
        found |= {"us_fixed": float(fixed), "largest_over_line": total[sizes[-1]] / line_us}
    return found


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    print("sleepers  us/second  us/sleeper-second  (median)  worst second ms  one core carries")
    for row in found["sizes"]:
        print(
            f"{row['sleepers']:8d} {row['us_per_second']:10.0f} {row['us_per_sleeper_second']:18.1f} "
            f"{row['us_median_per_sleeper_second']:9.1f} {row['us_worst_second'] / 1000:16.1f} "
            f"{row['sleepers_one_core_carries']:17.0f}"
        )
    for step, cost_us in found["us_per_further_sleeper"].items():
        print(f"each further sleeper, {step:>10s}: {cost_us:7.1f} us a second")
    if "largest_over_line" in found:
        over = found["largest_over_line"]
        print(f"fixed {found['us_fixed']:.0f} us; largest over the others' line: {over:.2f}")
    target = TARGETS["us_per_sleeper_second_of_largest"]
    largest_us = found["us_per_sleeper_second_of_largest"]
    print(f"largest: {largest_us:.1f} us per sleeper and second (target {target})")


def profile(size: int, seconds: int, rows: int) -> None:
    """Print where the time of a stack goes."""
    pushed = Pushed(seconds_of_noise(size))
    pushed.seconds(WARM_UP_S)
    profiler = cProfile.Profile()
    profiler.runcall(pushed.seconds, seconds)
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(rows)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1,2,4,16,64,256")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", type=int, default=0, metavar="N", help="print the N dearest functions")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    core, threads = one_core(), os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"core {core if core is not None else 'any'}, OMP_NUM_THREADS {threads}")
    sizes = sorted(int(size) for size in arguments.sizes.split(","))
    found = summary(measure(sizes, arguments.seconds, arguments.repeats))
    show(found)
    if arguments.profile:
        profile(sizes[-1], arguments.seconds, arguments.profile)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
