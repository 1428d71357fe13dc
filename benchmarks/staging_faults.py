"""How much of finding REM survives what headbands do at night: lost contact, pops, hum, lost samples.

    python benchmarks/staging_faults.py --nights FOLDER [FOLDER ...] --train FOLDER [FOLDER ...]
        [--seed S] [--cache FOLDER] [--workers N] [--json OUT.json]

Every other night gets faults, all kinds together and each kind alone; each person is judged by a model that
was trained on --train without them. Run with OMP_NUM_THREADS=1. The kinds:

lifted
    One side without contact, three times for 2 to 8 minutes: 50 Hz hum of 200 uV, pink noise of 100 uV rms
    and a drift of some hundred uV in place of its EEG.
off
    Both sides so, for 3 to 6 minutes: twice from a random moment of REM on, once from any moment on.
pops
    Steps that decay within seconds, and spikes of 20 to 100 ms, 300 to 2000 uV, 30 an hour on each side.
mains
    50 Hz of 20 to 60 uV on both sides for an hour.
losses
    5 % of all samples missing on both sides, in bursts of 0.05 to 2 s.

Targets: F1 of REM over all nights falls by at most .03 when every other night has all of them; the gate never
opens while both sides are lifted or every sample of a second is missing. Printed as well: the fall in the
faulty nights alone, F1 without epochs in which nothing could be seen, and how long an open gate stays open
once both sides are lifted.
"""

from __future__ import annotations

import argparse
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from leave_one_out import EPOCH_S, Trial, models, summary, whose, with_rem
from sanctuary.config.chain import ChainSettings
from sanctuary.firmware_bridge.hypnograms.opening import read_hypnogram
from sanctuary.gateway.training.recipe import Recipe
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.signal.chain import Chain
from sanctuary.signal.emission import Emission
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import BoolArray, FloatArray, SampleBlock, Stage, StageEstimate
from sanctuary.signal.scoring import GateOpening, StageArray, confusion, scores

KINDS = ("lifted", "off", "pops", "mains", "losses")
HUM_HZ, HUM_UV, NOISE_UV, DRIFT_UV = 50.0, 200.0, 100.0, 300.0
POPS_PER_H = 30.0
LOST_SHARE = 0.05
TARGETS = {"f1_fall": "<= .03", "openings_without_signal": "0"}

Interval = tuple[int, int]
"""First sample, and the one after the last."""


def noise(
    rng: np.random.Generator, n: int, fs_hz: float, band_hz: tuple[float, float], *, pink: bool
) -> FloatArray:
    """Noise of unit power within a band, white or falling as 1/f."""
    frequencies = np.fft.rfftfreq(n, 1.0 / fs_hz)
    inside = (frequencies >= band_hz[0]) & (frequencies <= band_hz[1])
    weights = inside / np.sqrt(np.maximum(frequencies, band_hz[0])) if pink else inside
    found = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * weights, n)
    return np.asarray(found / found.std())


@dataclass(frozen=True, slots=True, eq=False)
class Spoiled:
    """A night with faults: samples ``(2, n)`` uV, NaN where lost, and ``(n,)`` where no side shows EEG."""

    uv: FloatArray
    nothing: BoolArray


class Spoiler:
    """Puts faults into one night, the same ones for the same seed and kind, alone or together."""

    def __init__(self, uv: FloatArray, fs_hz: float, truth: StageArray, seed: Sequence[int]) -> None:
        self._uv, self._fs_hz, self._truth, self._seed = uv.copy(), fs_hz, truth, seed
        self._n = uv.shape[1]
        self._nothing = np.zeros(self._n, dtype=bool)

    def spoil(self, kinds: Sequence[str]) -> Spoiled:
        """Apply kinds; losses come last, since nothing survives them."""
        faults = {
            "mains": self._mains,
            "pops": self._pops,
            "lifted": self._lifted,
            "off": self._off,
            "losses": self._losses,
        }
        for number, (kind, fault) in enumerate(faults.items()):
            if kind in kinds:
                fault(np.random.default_rng([*self._seed, number]))
        return Spoiled(self._uv, self._nothing)

    def _mains(self, rng: np.random.Generator) -> None:
        a, b = self._stretch(rng, 3600.0)
        hum = np.sin(2.0 * np.pi * HUM_HZ * np.arange(b - a) / self._fs_hz + rng.uniform(0.0, 6.0))
        self._uv[:, a:b] += rng.uniform(20.0, 60.0, (2, 1)) * hum

    def _pops(self, rng: np.random.Generator) -> None:
        for side in self._uv:
            for at in rng.integers(0, self._n, rng.poisson(POPS_PER_H * self._hours)):
                size_uv = rng.uniform(300.0, 2000.0) * rng.choice((-1.0, 1.0))
                if rng.random() < 0.5:
                    points = max(3, self._samples(rng.uniform(0.02, 0.1)))
                    shape = np.sin(np.pi * np.linspace(0.0, 1.0, points))
                else:
                    decay_s = rng.uniform(0.3, 3.0)
                    shape = np.exp(-np.arange(self._samples(5.0 * decay_s)) / (decay_s * self._fs_hz))
                side[at : at + shape.size] += size_uv * shape[: self._n - at]

    def _lifted(self, rng: np.random.Generator) -> None:
        for _ in range(3):
            self._lift(rng, [int(rng.integers(2))], self._stretch(rng, rng.uniform(120.0, 480.0)))

    def _off(self, rng: np.random.Generator) -> None:
        rem = np.flatnonzero(self._truth == Stage.R)
        starts_s = [*(EPOCH_S * (rng.choice(rem, 2) + rng.random(2))), rng.uniform(0.0, 3600.0 * self._hours)]
        for start_s in starts_s:
            a = self._samples(start_s)
            span = a, min(self._n, a + self._samples(rng.uniform(180.0, 360.0)))
            self._lift(rng, [0, 1], span)
            self._nothing[slice(*span)] = True

    def _losses(self, rng: np.random.Generator) -> None:
        lost = np.zeros(self._n, dtype=bool)
        missing = 0
        while missing < LOST_SHARE * self._n:
            size = self._samples(rng.uniform(0.05, 2.0))
            at = int(rng.integers(self._n - size))
            missing += size - int(lost[at : at + size].sum())
            lost[at : at + size] = True
        self._uv[:, lost] = np.nan
        self._nothing |= lost

    def _lift(self, rng: np.random.Generator, sides: Sequence[int], span: Interval) -> None:
        """Replace EEG by what a free electrode picks up."""
        n = span[1] - span[0]
        t_s = np.arange(n) / self._fs_hz
        phase = rng.uniform(0.0, 2.0 * np.pi)
        for side in sides:
            hum = HUM_UV * np.sin(2.0 * np.pi * HUM_HZ * t_s + phase + 0.3 * rng.standard_normal())
            broad = NOISE_UV * noise(rng, n, self._fs_hz, (0.3, 0.5 * self._fs_hz), pink=True)
            drift = DRIFT_UV * noise(rng, n, self._fs_hz, (1.0 / 60.0, 0.2), pink=True)
            self._uv[side, slice(*span)] = hum + broad + drift

    def _stretch(self, rng: np.random.Generator, length_s: float) -> Interval:
        size = min(self._n, self._samples(length_s))
        a = int(rng.integers(self._n - size + 1))
        return a, a + size

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._fs_hz)

    @property
    def _hours(self) -> float:
        return float(self._n / self._fs_hz / 3600.0)


def truth_of(file: NightFile, n_epochs: int) -> StageArray:
    """Give the expert's stages of a night."""
    assert file.hypnogram is not None
    return read_hypnogram(file.hypnogram).epochs(n_epochs)


def watch(
    uv: FloatArray, fs_hz: float, names: tuple[str, ...], emission: Emission, settings: ChainSettings
) -> Iterator[StageEstimate]:
    """Replay samples ``(C, n)``, a minute at a time; one estimate a second."""
    chain = Chain(fs_hz, names, settings, emission=emission)
    size = round(60 * fs_hz)
    for start in range(0, uv.shape[1], size):
        yield from chain.push(SampleBlock(start, fs_hz, names, uv[:, start : start + size]))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One replayed night.

    `result` is as `leave_one_out.replay` gives it, `seen_f1` leaves out epochs mostly without any signal.
    """

    result: tuple[dict[str, Any], Any, None]
    seen_f1: float
    openings_without_signal: int
    close_after_s: list[float]


def judge(file: NightFile, emission: Emission, kinds: Sequence[str], seed: int, trial: Trial) -> Outcome:
    """Replay one night with these kinds of fault."""
    fs_hz, names, clean_uv = trial.samples(file.path)
    truth = truth_of(file, int(clean_uv.shape[1] / fs_hz // EPOCH_S))
    spoiled = Spoiler(clean_uv, fs_hz, truth, [seed, zlib.crc32(file.name.encode())]).spoil(kinds)
    log, stages, ready_s, last_s = OpeningLog(), [], np.inf, 0.0
    for estimate in watch(spoiled.uv, fs_hz, names, emission, trial.settings):
        last_s = estimate.t_s
        log.verdict(last_s, estimate.stable_rem, estimate.reason)
        if estimate.asleep_min >= trial.settings.gate.minimum_sleep_min:
            ready_s = min(ready_s, last_s)
        if last_s % EPOCH_S == 0:
            stages.append(estimate.stage)
    log.end(last_s)
    detected = np.array(stages, dtype=np.int8)
    truth = truth[: detected.size]
    found = scores(truth, detected, log.openings, EPOCH_S, min(ready_s, last_s))
    nothing = _by(spoiled.nothing, round(fs_hz)).mean(axis=1)
    blind = _by(nothing, round(EPOCH_S)).mean(axis=1)[: truth.size] > 0.5
    seen = np.where(blind, Stage.UNKNOWN, truth).astype(np.int8)
    seen_f1 = scores(seen, detected, [], EPOCH_S)["per_stage"]["R"]["f1"] or 0.0
    openings = log.openings
    during = sum(1 for each in openings if nothing[int(each.open_s) - 1] > 0.99)
    return Outcome((found, confusion(truth, detected), None), seen_f1, during, _closings(openings, nothing))


def _by(values: Any, size: int) -> Any:
    return values[: values.size // size * size].reshape(-1, size)


def _closings(openings: Sequence[GateOpening], nothing: FloatArray) -> list[float]:
    """How long a gate that was open stayed so, for each stretch of ten seconds or more without signal."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], nothing > 0.99, [0])).astype(np.int8)))
    found = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        if b - a >= 10:
            found += [o.close_s - float(a) for o in openings if o.open_s <= a < o.close_s]
    return found


def cohort(clean: Sequence[Outcome], faulty: Sequence[Outcome]) -> dict[str, Any]:
    """Compare all nights clean with every other night faulty."""
    mixed = list(clean)
    mixed[::2] = faulty
    before, after = summary([o.result for o in clean]), summary([o.result for o in mixed])
    half_before, half = summary([o.result for o in clean[::2]]), summary([o.result for o in faulty])
    close_s = [each for o in faulty for each in o.close_after_s]
    return {
        "f1_clean": before["rem_f1"],
        "f1_faulty": after["rem_f1"],
        "f1_fall": before["rem_f1"] - after["rem_f1"],
        "half_f1_clean": half_before["rem_f1"],
        "half_f1_faulty": half["rem_f1"],
        "half_f1_fall": half_before["rem_f1"] - half["rem_f1"],
        "half_f1_where_seen": float(np.mean([o.seen_f1 for o in faulty])),
        "half_kappa_fall": half_before["kappa"] - half["kappa"],
        "half_refused": float(np.mean([o.result[0]["refused_share"] for o in faulty])),
        "half_gate_precision": half["gate_precision"],
        "half_gate_rem_share": half["gate_rem_share"],
        "half_false_openings": half["false_openings"],
        "half_false_openings_clean": half_before["false_openings"],
        "openings_without_signal": sum(o.openings_without_signal for o in faulty),
        "close_after_s_worst": max(close_s, default=None),
    }


def table(found: dict[str, dict[str, Any]]) -> None:
    """Print one row for each kind."""
    print(
        "faults    F1 all  fall | faulty half: F1   fall  where seen  kappa fall  refused  gate in REM  "
        "share  false/night (clean)  openings w/o signal  closed after (worst s)"
    )
    for name, of in found.items():
        worst_s = of["close_after_s_worst"]
        print(
            f"{name:8s} {of['f1_faulty']:7.3f} {of['f1_fall']:+.3f} | {of['half_f1_faulty']:15.3f} "
            f"{of['half_f1_fall']:+.3f} {of['half_f1_where_seen']:11.3f} {of['half_kappa_fall']:+11.3f} "
            f"{of['half_refused']:8.3f} {of['half_gate_precision'] or 0:12.3f} "
            f"{of['half_gate_rem_share']:6.2f} {of['half_false_openings']:12.2f} "
            f"({of['half_false_openings_clean']:.2f}) {of['openings_without_signal']:18d} "
            f"{'-' if worst_s is None else format(worst_s, '.0f'):>15s}"
        )


def main() -> None:
    """Train, spoil, replay, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, nargs="+", required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, help="folder that keeps trained models for the next run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    settings = ChainSettings()
    by_person = models(arguments.train, Recipe(settings), arguments.cache)
    files = with_rem(find_nights(arguments.nights))
    emissions = [by_person[whose(file)] for file in files]
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"{len(files)} nights, {len(files[::2])} with faults; OMP_NUM_THREADS {threads}")
    trial, found = Trial(settings), {}
    with ProcessPoolExecutor(arguments.workers) as pool:
        run = partial(judge, seed=arguments.seed, trial=trial)
        clean = list(pool.map(partial(run, kinds=()), files, emissions))
        for name, kinds in (("all", KINDS), *((kind, (kind,)) for kind in KINDS)):
            faulty = list(pool.map(partial(run, kinds=kinds), files[::2], emissions[::2]))
            found[name] = cohort(clean, faulty)
    table(found)
    every = found["all"]
    print(f"F1 clean {every['f1_clean']:.3f}, fall {every['f1_fall']:+.3f} (target {TARGETS['f1_fall']})")
    print(f"openings without signal {every['openings_without_signal']} (target none)")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"targets": TARGETS, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
