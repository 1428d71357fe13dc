"""How well the chain finds REM in recorded nights, leaving one person out.

    python benchmarks/staging_accuracy.py --bands BANDS.npz --train FOLDER [FOLDER ...] --test FOLDER
    [--json OUT.json]

For each person (the first five characters of a night's name) the emission is trained without that person and
the person's nights in the test folder are replayed through the whole chain. With --shipped the package's
own emission is used for every night instead. With --yasa, YASA (an offline stager that sees the whole
night) runs beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.chain import ChainSettings
from sanctuary.firmware_bridge.recordings.edf import open_recording
from sanctuary.firmware_bridge.recordings.hypnogram import read_hypnogram
from sanctuary.signal.chain import Chain
from sanctuary.signal.emission import Emission, default_emission
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import Stage
from sanctuary.signal.scoring import confusion, rem_specificity, scores, stage_scores
from train_emission import epoch_features, eye_cells, load_bands, night_of, nights_in, train

EPOCH_S = 30.0


def replay(path: Path, emission: Emission) -> tuple[dict[str, Any], list[list[int]], float]:
    """Scores, confusion table and seconds taken of one night."""
    began_s = time.perf_counter()
    recording = open_recording(path)
    info = recording.info
    chain = Chain(info.fs_hz, info.channels, ChainSettings(), emission=emission, rail_uv=info.rail_uv)
    stages, log, last_s = [], OpeningLog(), 0.0
    for block in recording.blocks():
        for estimate in chain.push(block):
            last_s = estimate.t_s
            log.verdict(last_s, estimate.stable_rem, estimate.reason)
            if last_s % EPOCH_S == 0:
                stages.append(estimate.stage)
    log.end(last_s)
    wall_s = time.perf_counter() - began_s
    detected = np.array(stages, dtype=np.int8)
    truth = read_hypnogram(path.with_suffix(".hypnogram.csv")).epochs(len(detected))
    return scores(truth, detected, log.openings, EPOCH_S), confusion(truth, detected).tolist(), wall_s


def yasa_rem_f1(path: Path) -> float | None:
    """REM F1 of YASA with EEG = mean and EOG = difference of the two channels."""
    import mne
    import yasa

    recording = open_recording(path)
    uv = np.concatenate([block.uv for block in recording.blocks()], axis=1)
    data = np.stack((uv.mean(axis=0), uv[0] - uv[1])) * 1e-6
    raw = mne.io.RawArray(data, mne.create_info(["EEG", "EOG"], recording.info.fs_hz, "eeg"), verbose="error")
    names = yasa.SleepStaging(raw, eeg_name="EEG", eog_name="EOG").predict()
    codes = {"W": 0, "WAKE": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4, "REM": 4}
    labels = names.hypno.to_numpy() if hasattr(names, "hypno") else names
    detected = np.array([codes[str(name)] for name in labels], dtype=np.int8)
    truth = read_hypnogram(path.with_suffix(".hypnogram.csv")).epochs(len(detected))
    return stage_scores(confusion(truth, detected), Stage.R)["f1"]


def main() -> None:
    """Train, replay, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bands", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--yasa", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    tests = nights_in([args.test])
    models = _models(args, tests)
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(replay, tests, [models[night_of(path)[:5]] for path in tests]))
        peers = list(pool.map(yasa_rem_f1, tests)) if args.yasa else [None] * len(tests)
    pooled = np.zeros((5, 6), dtype=np.int64)
    for path, (result, table, wall_s), peer in zip(tests, results, peers, strict=True):
        pooled += np.array(table)
        _print_night(night_of(path), result, wall_s, peer)
    _print_pooled(results, pooled, [f1 for f1 in peers if f1 is not None])
    if args.json:
        args.json.write_text(
            json.dumps({night_of(p): r[0] for p, r in zip(tests, results, strict=True)}, indent=1)
        )


def _models(args: argparse.Namespace, tests: list[Path]) -> dict[str, Emission]:
    persons = sorted({night_of(path)[:5] for path in tests})
    if args.shipped:
        return dict.fromkeys(persons, default_emission())
    paths, bands = nights_in(args.train), load_bands(args.bands)
    with ProcessPoolExecutor() as pool:
        features = list(pool.map(epoch_features, paths))
    eyes = {path: eye_cells(*found) for path, found in zip(paths, features, strict=True)}
    return {person: train(bands, eyes, [person], {}) for person in persons}


def _print_night(name: str, result: dict[str, Any], wall_s: float, peer: float | None) -> None:
    rem, gate = result["per_stage"]["R"], result["gate"]
    spec = " ".join(f"{k} {v:.3f}" for k, v in result["rem_specificity"].items() if v is not None)
    print(
        f"{name}  acc {result['accuracy']:.3f}  kappa {result['kappa']:.3f}  REM F1 {rem['f1']:.3f} "
        f"(precision {rem['precision']:.3f}, recall {rem['recall']:.3f})  not REM: {spec}  "
        f"gate: share {gate['rem_share']:.2f} precision {gate['precision'] or 0:.2f} "
        f"false {gate['false_windows']} latency {gate['latency_s']['median']} s  [{wall_s:.1f} s]"
        + (f"  YASA F1 {peer:.3f}" if peer else "")
    )


def _print_pooled(results: list[Any], pooled: Any, peers: list[float]) -> None:
    f1 = [r[0]["per_stage"]["R"]["f1"] for r in results]
    spread = f"mean {np.mean(f1):.3f}  median {np.median(f1):.3f}  least {min(f1):.3f}"
    print(f"\nREM F1 {spread}  ({len(f1)} nights)")
    for stage in ("W", "N1", "N2", "N3"):
        each = [share for r in results if (share := r[0]["rem_specificity"][stage]) is not None]
        together = rem_specificity(pooled)[stage]
        print(f"  {stage} not called REM: pooled {together:.3f}, mean {np.mean(each):.3f}")
    accuracy, kappa = ([r[0][key] for r in results] for key in ("accuracy", "kappa"))
    print(f"  accuracy {np.mean(accuracy):.3f}  kappa {np.mean(kappa):.3f}")
    gates = [r[0]["gate"] for r in results]
    latencies = [g["latency_s"]["median"] for g in gates if g["latency_s"]["median"] is not None]
    precisions = [g["precision"] for g in gates if g["precision"] is not None]
    share, false = (np.mean([g[key] for g in gates]) for key in ("rem_share", "false_windows"))
    print(
        f"  gate: share of REM {share:.3f}, precision {np.mean(precisions):.3f}, "
        f"false windows a night {false:.2f}, latency median {np.median(latencies):.0f} s"
    )
    if peers:
        peer = float(np.mean(peers))
        print(f"  YASA (sees the whole night): REM F1 mean {peer:.3f}; ratio {np.mean(f1) / peer:.2f}")


if __name__ == "__main__":
    main()
