"""How well the times of samples are known after an hour of jittery Bluetooth, against two usual ways.

    python benchmarks/sample_clock.py [--hours 1] [--json OUT.json]

Packets of twelve samples at 256 Hz come at connection events of 15 ms, are repeated, stall and come in bursts
(``tests/support/faulty_links.py``); the headband's crystal is off by as much as the first column says. Each
way says, as a packet arrives and with what it knows by then, when its last sample was taken; printed is the
error from a minute on, median, 99th centile and worst, milliseconds.

* ours: a line through the least delayed arrivals of the last ten minutes;
* arrival: the moment of arrival, as BrainFlow stamps packets;
* regression: a line through all arrivals, recursively, in the manner of muse-lsl.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from faulty_links import arrivals
from sanctuary.firmware_bridge.stream.sample_rate import RateFit

FS_HZ = 256.0
PER_PACKET = 12
SETTLED_S = 60.0
PPM = (0, 50, -50, 500, 5000, -5000)
SEED = 11


class Clock(Protocol):
    """One way to say when the last sample of a packet was taken."""

    def stamp(self, index: int, at_s: float) -> float:
        """Take a packet's last index and its time of arrival; returns when that sample was taken."""


class Ours:
    """The running fit of the product."""

    def __init__(self) -> None:
        self._fit = RateFit(FS_HZ)

    def stamp(self, index: int, at_s: float) -> float:
        """Learn, and ask the fit."""
        self._fit.observe(index, at_s)
        return self._fit.time_of(index)


class Arrival:
    """The time of arrival itself."""

    def stamp(self, _index: int, at_s: float) -> float:
        """Give it as it is."""
        return at_s


class Regression:
    """Recursive least squares of arrival on index: offset and period, all packets alike."""

    def __init__(self) -> None:
        self._theta = np.array([0.0, 1.0 / FS_HZ])
        self._p = np.diag([1e4, 1e-4])

    def stamp(self, index: int, at_s: float) -> float:
        """Update offset and period, and read the line."""
        x = np.array([1.0, float(index)])
        gain = self._p @ x / (1.0 + x @ self._p @ x)
        self._theta = self._theta + gain * (at_s - x @ self._theta)
        self._p = self._p - np.outer(gain, x @ self._p)
        return float(x @ self._theta)


WAYS: dict[str, Callable[[], Clock]] = {"ours": Ours, "arrival": Arrival, "regression": Regression}


def errors_ms(ppm: float, hours: float) -> dict[str, dict[str, float]]:
    """Let all ways stamp the same packets."""
    clocks = {name: make() for name, make in WAYS.items()}
    errors: dict[str, list[float]] = {name: [] for name in WAYS}
    for index, taken_s, arrived_s in arrivals(hours * 3600.0, FS_HZ * (1 + ppm * 1e-6), PER_PACKET, SEED):
        for name, clock in clocks.items():
            stamped_s = clock.stamp(index, arrived_s)
            if taken_s > SETTLED_S:
                errors[name].append(1000.0 * abs(stamped_s - taken_s))
    return {
        name: dict(
            zip(
                ("median", "p99", "worst"),
                (float(x) for x in np.percentile(each, [50, 99, 100])),
                strict=True,
            )
        )
        for name, each in errors.items()
    }


def main() -> None:
    """Print a line for each crystal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    print(f"{'ppm':>6}  " + "  ".join(f"{name:>24}" for name in WAYS))
    for ppm in PPM:
        results[ppm] = errors_ms(ppm, options.hours)
        cells = (f"{e['median']:6.1f} / {e['p99']:6.1f} / {e['worst']:6.0f}" for e in results[ppm].values())
        print(f"{ppm:6}  " + "  ".join(f"{cell:>24}" for cell in cells), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
