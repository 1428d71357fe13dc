"""How fast the gate closes when a sleeper stirs, and how often the arousal flag comes without reason.

    python benchmarks/arousal_latency.py --nights FOLDER [FOLDER ...] --train FOLDER [FOLDER ...]
        [--per-night N] [--seed S] [--cache FOLDER] [--workers N] [--json OUT.json]

Each night is replayed twice. First as it is: when is the gate open in the expert's REM, and how many arousal
flags rise in an hour of REM (the nights hold no annotated arousals, so all of them count as false). Then
with bursts at random moments of that open time, at least five minutes apart: 3 to 15 s of muscle noise (25 to
100 Hz or as far as the file reaches, 20 to 40 uV rms, each side its own), with alpha (10 to 20 uV rms) and
beta (5 to 10 uV rms) common to both sides, faded in over 0.1 s. A burst counts if the gate was open when it
began. Latency runs from its first sample to the end of the second at which the gate is no longer open, as a
pod would learn of it; a gate that is still open after 30 s counts as not closed. Each person is judged by a
model trained on --train without them. Run with OMP_NUM_THREADS=1.

Target: closed within 3 s of the burst.
"""

from __future__ import annotations

import argparse
import json
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from leave_one_out import EPOCH_S, Trial, models, whose, with_rem
from night_faults import noise
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.gateway.training.gathering import Recipe
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.emission import Emission
from sanctuary.signal.samples import BoolArray, FloatArray, Stage, StageEstimate
from staging_faults import truth_of, watch

APART_S = 300.0
GIVEN_UP_S = 30
EMG_HZ, ALPHA_HZ, BETA_HZ = (25.0, 100.0), (8.0, 13.0), (13.0, 30.0)
TARGETS = {"latency_worst_s": "<= 3"}


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of one burst; `latency_s` is None if the gate stayed open."""

    start_s: float
    length_s: float
    emg_uv: float
    latency_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One night: bursts, how many of them found the gate shut, and flags in REM as it is."""

    closings: list[Closing]
    missed: int
    rem_h: float
    flags: int
    flagged_s: int


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst to insert."""

    start: int
    length_s: float
    emg_uv: float

    def add(self, uv: FloatArray, fs_hz: float, rng: np.random.Generator) -> None:
        """Add it to samples ``(2, n)``, uV."""
        n = min(round(self.length_s * fs_hz), uv.shape[1] - self.start)
        high_hz = min(EMG_HZ[1], 0.45 * fs_hz)
        fade = np.minimum(1.0, np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) / (0.1 * fs_hz))
        waking = rng.uniform(10.0, 20.0) * noise(rng, n, fs_hz, ALPHA_HZ, pink=False)
        waking += rng.uniform(5.0, 10.0) * noise(rng, n, fs_hz, BETA_HZ, pink=False)
        for side in uv[:, self.start : self.start + n]:
            muscle = self.emg_uv * noise(rng, n, fs_hz, (EMG_HZ[0], high_hz), pink=False)
            side += fade * (waking + muscle)


def place(open_rem: BoolArray, fs_hz: float, count: int, rng: np.random.Generator) -> list[Burst]:
    """Choose random moments of the open seconds, `APART_S` apart, not on whole seconds."""
    chosen: list[float] = []
    for second in rng.permutation(np.flatnonzero(open_rem)):
        start_s = second + rng.random()
        if len(chosen) < count and all(abs(start_s - other) >= APART_S for other in chosen):
            chosen.append(start_s)
    return [
        Burst(round(start_s * fs_hz), rng.uniform(3.0, 15.0), rng.uniform(20.0, 40.0))
        for start_s in sorted(chosen)
    ]


def judge(file: NightFile, emission: Emission, per_night: int, seed: int, trial: Trial) -> Outcome:
    """Replay one night as it is and with bursts."""
    fs_hz, names, uv = trial.samples(file.path)
    clean = list(watch(uv, fs_hz, names, emission, trial.settings))
    rem = np.repeat(truth_of(file, int(len(clean) // EPOCH_S)) == Stage.R, round(EPOCH_S))
    flagged = np.array([estimate.arousal for estimate in clean])[: rem.size]
    is_open = np.array([estimate.stable_rem for estimate in clean])[: rem.size]
    rising = flagged & ~np.concatenate(([False], flagged[:-1]))
    rng = np.random.default_rng([seed, zlib.crc32(file.name.encode())])
    # A burst in second k meets the verdict of the second before.
    bursts = place(rem & np.concatenate(([False], is_open[:-1])) & is_open, fs_hz, per_night, rng)
    stirred = uv.copy()
    for burst in bursts:
        burst.add(stirred, fs_hz, rng)
    estimates = list(watch(stirred, fs_hz, names, emission, trial.settings))
    closings = [closing(estimates, burst, fs_hz) for burst in bursts]
    return Outcome(
        [each for each in closings if each is not None],
        closings.count(None),
        float(rem.sum()) / 3600.0,
        int((rising & rem).sum()),
        int((flagged & rem).sum()),
    )


def closing(estimates: Sequence[StageEstimate], burst: Burst, fs_hz: float) -> Closing | None:
    """When the gate closed after a burst; None if it was not open when the burst began."""
    start_s = burst.start / fs_hz
    first = int(start_s)
    if first < 1 or not estimates[first - 1].stable_rem:
        return None
    for estimate in estimates[first : first + GIVEN_UP_S]:
        if not estimate.stable_rem:
            return Closing(
                start_s, burst.length_s, burst.emg_uv, estimate.t_s - start_s, str(estimate.reason)
            )
    return Closing(start_s, burst.length_s, burst.emg_uv, None, "open")


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Pool all nights."""
    closings = [each for outcome in outcomes for each in outcome.closings]
    latencies = [each.latency_s for each in closings if each.latency_s is not None]
    rem_h = sum(outcome.rem_h for outcome in outcomes)
    return {
        "targets": TARGETS,
        "nights": len(outcomes),
        "bursts": len(closings),
        "gate_already_shut": sum(outcome.missed for outcome in outcomes),
        "not_closed": len(closings) - len(latencies),
        "latency_median_s": float(np.median(latencies)) if latencies else None,
        "latency_p90_s": float(np.percentile(latencies, 90)) if latencies else None,
        "latency_worst_s": max(latencies, default=None),
        "within_3_s": sum(1 for each in latencies if each <= 3.0) / max(1, len(closings)),
        "reasons": dict(Counter(each.reason for each in closings)),
        "rem_h": rem_h,
        "flags_per_h_of_rem": sum(outcome.flags for outcome in outcomes) / rem_h,
        "flagged_share_of_rem": sum(outcome.flagged_s for outcome in outcomes) / (3600.0 * rem_h),
        "slow": [
            {
                "start_s": each.start_s,
                "length_s": each.length_s,
                "emg_uv": each.emg_uv,
                "latency_s": each.latency_s,
            }
            for each in closings
            if each.latency_s is None or each.latency_s > 3.0
        ],
    }


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    print(
        f"{found['bursts']} bursts in {found['nights']} nights ({found['gate_already_shut']} more met a shut "
        f"gate); not closed within {GIVEN_UP_S} s: {found['not_closed']}"
    )
    if found["bursts"] > found["not_closed"]:
        print(
            f"burst to gate closed: median {found['latency_median_s']:.2f} s, 90th percentile "
            f"{found['latency_p90_s']:.2f} s, worst {found['latency_worst_s']:.2f} s (target "
            f"{TARGETS['latency_worst_s']} s); within 3 s {found['within_3_s']:.3f}"
        )
    print(f"reasons: {found['reasons']}")
    print(
        f"without bursts: {found['flags_per_h_of_rem']:.2f} arousal flags an hour of REM "
        f"({found['rem_h']:.1f} h), up for {100 * found['flagged_share_of_rem']:.2f} % of it"
    )


def main() -> None:
    """Train, replay twice, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, nargs="+", required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, help="folder that keeps trained models for the next run")
    parser.add_argument("--per-night", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    settings = ChainSettings()
    by_person = models(arguments.train, Recipe(settings), arguments.cache)
    files = with_rem(find_nights(arguments.nights))
    emissions = [by_person[whose(file)] for file in files]
    run = partial(judge, per_night=arguments.per_night, seed=arguments.seed, trial=Trial(settings))
    with worker_pool(arguments.workers) as pool:
        found = summary(list(pool.map(run, files, emissions)))
    print(f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS')}")
    show(found)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
