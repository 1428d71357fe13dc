"""How many voluntary eye signals are found, and how many are found where there are none.

    python benchmarks/eye_signals.py [--nights FOLDER ...] [--simulated N] [--eog FILE.npz] [--jitter J]
    [--seed S] [--json OUT.json]

Left-right-left-right signals are added to REM of recorded nights (EDF with NAME.hypnogram.csv), of simulated
nights, and to a stretch of real EOG (arrays `data`, left and right in uV, and `sf`). Each runs twice, with
the signals and as it is: what is found in the second run is false. One channel deflects 100 to 250 uV to each
side of the centre, the other 0.6 to 1.0 of that the other way; 0.35 to 0.9 s a movement, 0.1 to 0.2 s rise.
With --jitter each pause and each deflection differs by up to that share.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from eye_tracer import EyeTracer, push_second
from sanctuary.config.chain_settings import EyeSignalSettings
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.eye_signal_pattern import extremes
from sanctuary.signal.eyes import EyeSignalDetector
from sanctuary.signal.samples import BoolArray, EyeSignal, FloatArray, Stage
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper

PER_NIGHT = 8
APART_S = 20.0
CLASSES_UV = ((100.0, 150.0), (150.0, 200.0), (200.0, 250.0))
SACCADE_UV = 70.0
"""Swing of the difference that counts as a saccade in the real EOG."""


@dataclass(frozen=True, slots=True, eq=False)
class Night:
    """Two channels, ``(2, n)`` uV, and the stage of each second."""

    name: str
    fs_hz: int
    uv: FloatArray
    stages: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Added:
    """One signal that was added."""

    start_s: float
    end_s: float
    amp_uv: float


def signal_shape(
    at_s: FloatArray, pace_s: float, rise_s: float, rng: np.random.Generator, jitter: float
) -> tuple[FloatArray, float]:
    """Gaze of height 1 from time 0 on, ``(n,)``, and when it is back at the centre (s)."""
    gaps = pace_s * (1.0 + jitter * rng.uniform(-1.0, 1.0, 4))
    heights = np.array([0.0, 1.0, -1.0, 1.0, -1.0, 0.0])
    heights[1:5] *= 1.0 - jitter * rng.random(4)
    begins = np.concatenate([[0.0], np.cumsum(gaps)])
    shape = np.zeros(at_s.size)
    for begin_s, step in zip(begins, np.diff(heights), strict=True):
        shape += step * (0.5 - 0.5 * np.cos(np.pi * np.clip((at_s - begin_s) / rise_s, 0.0, 1.0)))
    return shape, float(begins[-1] + rise_s)


def add_signals(
    night: Night, count: int, rng: np.random.Generator, jitter: float
) -> tuple[FloatArray, list[Added]]:
    """Add `count` signals at random moments of REM, at least `APART_S` apart."""
    uv, added = night.uv.copy(), list[Added]()
    rem = night.stages == Stage.R
    seconds = np.flatnonzero(rem)
    for start_s in rng.permutation(seconds) + rng.random(seconds.size):
        if len(added) == count:
            break
        pace_s, rise_s, amp_uv = rng.uniform(0.35, 0.9), rng.uniform(0.1, 0.2), rng.uniform(100.0, 250.0)
        first = int(start_s * night.fs_hz)
        at_s = np.arange(first, first + 6 * night.fs_hz) / night.fs_hz - start_s
        shape, length_s = signal_shape(at_s, pace_s, rise_s, rng, jitter)
        around = rem[max(0, int(start_s) - 2) : int(start_s + length_s) + 4]
        if not around.all() or first + at_s.size > uv.shape[1]:
            continue
        if any(abs(start_s - other.start_s) < APART_S for other in added):
            continue
        gains = np.array([[1.0], [-rng.uniform(0.6, 1.0)]])[:: rng.choice((-1, 1))]
        uv[:, first : first + at_s.size] += rng.choice((-1.0, 1.0)) * amp_uv * gains * shape
        added.append(Added(float(start_s), float(start_s + length_s), float(amp_uv)))
    return uv, added


def watch(runs: FloatArray, fs_hz: int) -> tuple[list[list[EyeSignal]], FloatArray]:
    """Signals found in each run of ``(n_runs, 2, n)`` uV, and the traces ``(n_runs, 50 points a second)``."""
    tracer = EyeTracer(float(fs_hz), len(runs))
    watcher = EyeSignalDetector(len(runs), EyeSignalSettings())
    found: list[list[EyeSignal]] = [[] for _ in runs]
    traces = []
    for second in range(runs.shape[2] // fs_hz):
        uv = runs[:, :, second * fs_hz : (second + 1) * fs_hz]
        usable = np.asarray(np.isfinite(uv).all(axis=(1, 2)))
        difference, mean = tracer.second(np.nan_to_num(uv))
        traces.append(difference)
        for row, signal in enumerate(push_second(watcher, second + 1.0, difference, mean, usable)):
            if signal is not None:
                found[row].append(signal)
    return found, np.concatenate(traces, axis=1)


def examine(night: Night, count: int, seed: int, jitter: float) -> dict[str, Any]:
    """List what is found in a night with added signals, and in the night as it is."""
    rng = np.random.default_rng([seed, zlib.crc32(night.name.encode())])
    with_signals, added = add_signals(night, count, rng, jitter)
    (false, found), traces = watch(np.stack([night.uv, with_signals]), night.fs_hz)
    signals = []
    for each in added:
        hit = next((s for s in found if s.start_s < each.end_s and s.end_s > each.start_s), None)
        delay_s = None if hit is None else hit.found_s - each.end_s
        signals.append({"at_s": each.start_s, "amp_uv": each.amp_uv, "delay_s": delay_s})
    turns = extremes(traces[0], SACCADE_UV)
    return {
        "night": night.name,
        "hours": night.stages.size / 3600.0,
        "added": signals,
        "false": [{"at_s": s.start_s, "stage": Stage(int(night.stages[int(s.start_s)])).name} for s in false],
        "saccades": int(turns.size),
    }


def recorded(path: Path) -> Night:
    """Read a recorded night."""
    recording = open_recording(path)
    uv = np.concatenate([block.uv for block in recording.blocks()], axis=1)
    fs_hz = int(recording.info.fs_hz)
    seconds = uv.shape[1] // fs_hz
    epochs = read_hypnogram(path.with_suffix(".hypnogram.csv")).epochs(-(-seconds // 30))
    return Night(path.stem, fs_hz, uv, np.repeat(epochs, 30)[:seconds])


def simulated(seed: int) -> Night:
    """Render a simulated night of 8 h."""
    sleeper = Sleeper(seed, 8.0, 250.0)
    uv = np.concatenate([sleeper.render(60 * 250) for _ in range(480)], axis=1)
    return Night(f"simulated-{seed}", 250, uv, sleeper.truth.stages.astype(np.int8))


def real_eog(path: Path) -> Night:
    """Real EOG, all of it taken as REM."""
    with np.load(path) as file:
        uv, fs_hz = np.asarray(file["data"], dtype=np.float64), int(file["sf"])
    return Night(path.stem, fs_hz, uv, np.full(uv.shape[1] // fs_hz, Stage.R, dtype=np.int8))


def _from_path(path: Path, seed: int, jitter: float) -> dict[str, Any]:
    return examine(recorded(path), PER_NIGHT, seed, jitter)


def _from_seed(night_seed: int, seed: int, jitter: float) -> dict[str, Any]:
    return examine(simulated(night_seed), PER_NIGHT, seed, jitter)


def _mask(signals: list[dict[str, Any]], low_uv: float, high_uv: float) -> BoolArray:
    return np.array(
        [s["delay_s"] is not None for s in signals if low_uv <= s["amp_uv"] < high_uv], dtype=np.bool_
    )


def show(title: str, nights: list[dict[str, Any]]) -> None:
    """Print one source of nights."""
    signals = [signal for night in nights for signal in night["added"]]
    false = [each["stage"] for night in nights for each in night["false"]]
    print(f"\n{title}: {len(nights)} nights, {sum(night['hours'] for night in nights):.1f} h")
    for low_uv, high_uv in (*CLASSES_UV, (0.0, np.inf)):
        hits = _mask(signals, low_uv, high_uv)
        name = f"{low_uv:.0f}-{high_uv:.0f} uV" if low_uv else "all"
        print(f"  {name:>10}: {hits.sum()} of {hits.size} found ({hits.mean() if hits.size else 0.0:.1%})")
    delays = [signal["delay_s"] for signal in signals if signal["delay_s"] is not None]
    if delays:
        print(f"  found {np.median(delays):.1f} s after its end (median; latest {max(delays):.1f} s)")
    if len({night["night"] for night in nights}) < len(nights):
        return  # the same stretch again and again
    stages = ", ".join(f"{name} {false.count(name)}" for name in sorted(set(false))) or "none"
    print(f"  false signals: {len(false) / len(nights):.2f} a night (in all: {stages})")


def main() -> None:
    """Examine what was asked for, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, nargs="*", default=[])
    parser.add_argument("--simulated", type=int, default=0)
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first simulated night")
    parser.add_argument("--eog", type=Path)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {}
    chosen = {"seed": args.seed, "jitter": args.jitter}
    with worker_pool(3) as pool:
        for folder in args.nights:
            results[folder.name] = list(pool.map(partial(_from_path, **chosen), sorted(folder.glob("*.edf"))))
        if args.simulated:
            seeds = range(args.first_seed, args.first_seed + args.simulated)
            results["simulated"] = list(pool.map(partial(_from_seed, **chosen), seeds))
    for title, nights in results.items():
        show(title, nights)
    if args.eog:
        night = real_eog(args.eog)
        results["real EOG"] = [examine(night, 12, args.seed + turn, args.jitter) for turn in range(10)]
        show("real EOG (signals added ten times over)", results["real EOG"])
        turns, false = results["real EOG"][0]["saccades"], len(results["real EOG"][0]["false"])
        print(f"  as it is: {turns} turns of {SACCADE_UV:g} uV or more, {false} claimed as signals")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
