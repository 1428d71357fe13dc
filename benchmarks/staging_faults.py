"""How much of finding REM survives what headbands do at night: lost contact, pops, hum, lost samples.

    python benchmarks/staging_faults.py --nights FOLDER [FOLDER ...] (--train FOLDER [FOLDER ...] | --shipped)
        [--losses] [--only TEXT] [--seed S] [--cache FOLDER] [--workers N] [--json OUT.json]

Every other night gets faults, all kinds together and each kind alone; each person is judged by a model that
was trained on --train without them, or, with --shipped, by the package's own, which may have seen them: then
only differences mean anything. Run with OMP_NUM_THREADS=1. The kinds:

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

With --losses every night is replayed without loss and with each of `night_faults.LOSSES` instead, or with
those whose name holds the text of --only: what radios lose, from single samples to bursts. Printed against
the night without loss: F1 of REM in the mean, its fall in the mean and in the worst night, time with the gate
open as a share (of all nights, and the furthest from 1), the share of epochs called unknown, quality, and
seconds of arousal. Targets: single samples and packets of 12 samples up to 2 % cost at most .01 of F1 and 5 %
of the time with the gate open.
"""

from __future__ import annotations

import argparse
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from leave_one_out import EPOCH_S, Trial, models, summary, whose, with_rem
from night_faults import KINDS, LOSSES, Loss, Spoiler
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.gateway.training.gathering import Recipe
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.chain import Chain
from sanctuary.signal.emission import Emission, default_emission
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import FloatArray, SampleBlock, Stage, StageEstimate
from sanctuary.signal.scoring import GateOpening, StageArray, confusion, scores

TARGETS = {
    "f1_fall": "<= .03",
    "openings_without_signal": "0",
    "f1_fall with losses up to 2 %": "<= .01",
    "open_share with losses up to 2 %": ">= .95",
}


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
        log.push(last_s, estimate.stable_rem, estimate.reason)
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


@dataclass(frozen=True, slots=True, eq=False)
class LossyNight:
    """One night with one kind of loss: F1 of REM, and what the gate and the chain said of it."""

    f1: float
    open_s: int
    unknown: float
    quality: float
    arousal_s: int


def lose(task: tuple[NightFile, Emission, Loss], seed: int, trial: Trial) -> LossyNight:
    """Replay one night with one kind of loss."""
    file, emission, loss = task
    fs_hz, names, uv = trial.samples(file.path)
    rng = np.random.default_rng([seed, zlib.crc32(file.name.encode()), zlib.crc32(loss.name.encode())])
    uv[loss.draw(rng, uv.shape, fs_hz)] = np.nan
    estimates = list(watch(uv, fs_hz, names, emission, trial.settings))
    detected = np.array([e.stage for e in estimates if e.t_s % EPOCH_S == 0], dtype=np.int8)
    found = scores(truth_of(file, detected.size), detected, [], EPOCH_S)
    return LossyNight(
        found["per_stage"]["R"]["f1"] or 0.0,
        sum(e.stable_rem for e in estimates),
        float(np.mean(detected == Stage.UNKNOWN)),
        float(np.mean([e.quality for e in estimates])),
        sum(e.arousal for e in estimates),
    )


def compare(loss: Loss, nights: Sequence[LossyNight], control: Sequence[LossyNight]) -> dict[str, Any]:
    """Compare nights with one kind of loss with the same nights without."""
    falls = [before.f1 - night.f1 for before, night in zip(control, nights, strict=True)]
    opened = [n.open_s / b.open_s for b, n in zip(control, nights, strict=True) if b.open_s]
    return {
        "loss": loss.name,
        "f1": float(np.mean([night.f1 for night in nights])),
        "f1_fall": float(np.mean(falls)),
        "f1_fall_worst": max(falls),
        "open_share": sum(n.open_s for n in nights) / max(1, sum(n.open_s for n in control)),
        "open_share_furthest": max(opened, key=lambda share: abs(share - 1.0), default=1.0),
        "unknown": float(np.mean([night.unknown for night in nights])),
        "quality": float(np.mean([night.quality for night in nights])),
        "arousal_s": float(np.mean([night.arousal_s for night in nights])),
    }


LOSSES_HEAD = """| lost | REM F1 | fall (worst) | gate open (furthest) | unknown | quality | arousal |
|---|---|---|---|---|---|---|"""


def losses_row(row: dict[str, Any]) -> str:
    """Write one row of the table of losses, as it stands on a page."""
    return (
        f"| {row['loss']} | {row['f1']:.3f} | {row['f1_fall']:+.3f} ({row['f1_fall_worst']:+.3f}) "
        f"| {row['open_share']:.1%} ({row['open_share_furthest']:.1%}) | {row['unknown']:.1%} "
        f"| {row['quality']:.3f} | {row['arousal_s']:.0f} s |"
    )


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


def faults(
    files: Sequence[NightFile], emissions: Sequence[Emission], trial: Trial, options: argparse.Namespace
) -> dict[str, Any]:
    """Spoil every other night with all faults and each alone, and print what that costs."""
    found = {}
    with worker_pool(options.workers) as pool:
        run = partial(judge, seed=options.seed, trial=trial)
        clean = list(pool.map(partial(run, kinds=()), files, emissions))
        for name, kinds in (("all", KINDS), *((kind, (kind,)) for kind in KINDS)):
            faulty = list(pool.map(partial(run, kinds=kinds), files[::2], emissions[::2]))
            found[name] = cohort(clean, faulty)
    table(found)
    every = found["all"]
    print(f"F1 clean {every['f1_clean']:.3f}, fall {every['f1_fall']:+.3f} (target {TARGETS['f1_fall']})")
    print(f"openings without signal {every['openings_without_signal']} (target none)")
    return found


def losses(
    files: Sequence[NightFile], emissions: Sequence[Emission], trial: Trial, options: argparse.Namespace
) -> dict[str, Any]:
    """Replay every night with each kind of loss, and print what that costs."""
    some = [loss for loss in LOSSES if loss is LOSSES[0] or options.only in loss.name]
    tasks = [(file, mine, loss) for loss in some for file, mine in zip(files, emissions, strict=True)]
    control: list[LossyNight] = []
    rows = []
    print(LOSSES_HEAD, flush=True)
    with worker_pool(options.workers) as pool:
        nights = pool.map(partial(lose, seed=options.seed, trial=trial), tasks)
        for loss in some:
            those = list(islice(nights, len(files)))
            control = control or those
            rows.append(compare(loss, those, control))
            print(losses_row(rows[-1]), flush=True)
    return {"nights": [file.name for file in files], "losses": rows}


def main() -> None:
    """Train, spoil, replay, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=Path, nargs="+", required=True)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--train", type=Path, nargs="+")
    model.add_argument("--shipped", action="store_true", help="judge by the package's own model")
    parser.add_argument(
        "--losses", action="store_true", help="lose samples in many ways, instead of all faults"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="with --losses: those named so alone")
    parser.add_argument("--cache", type=Path, help="folder that keeps trained models for the next run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    settings = ChainSettings()
    files = with_rem(find_nights(options.nights))
    if options.shipped:
        emissions = [default_emission()] * len(files)
    else:
        by_person = models(options.train, Recipe(settings), options.cache)
        emissions = [by_person[whose(file)] for file in files]
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    spoilt = len(files) if options.losses else len(files[::2])
    print(f"{len(files)} nights, {spoilt} with faults; OMP_NUM_THREADS {threads}")
    found = (losses if options.losses else faults)(files, emissions, Trial(settings), options)
    if options.json is not None:
        options.json.write_text(json.dumps({"targets": TARGETS, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
