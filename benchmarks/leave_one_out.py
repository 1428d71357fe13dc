"""Models for benchmarks: each person judged by one that was fitted without them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.gateway.training.fitting import leave_one_person_out
from sanctuary.gateway.training.gathering import Recipe, load_nights
from sanctuary.gateway.training.pairing import person_of
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.chain import Chain
from sanctuary.signal.emission import PAIR, SINGLE, Emission, Head, parse_emission
from sanctuary.signal.emission_training import best_calibration, filtered
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import SampleBlock, Stage
from sanctuary.signal.scoring import confusion, scores
from sanctuary.signal.sleeper_memory import SleeperMemory

EPOCH_S = 30.0


def with_rem(files: Sequence[NightFile]) -> list[NightFile]:
    """Nights in which the expert scored REM."""
    return [f for f in files if f.hypnogram is None or ",R" in f.hypnogram.read_text()]


def whose(file: NightFile) -> str:
    """Whose night it is, as `Recipe` without letters says."""
    return person_of(file.name, file.path.as_posix())


def models(sources: Sequence[Path], recipe: Recipe, cache: Path | None = None) -> dict[str, Emission]:
    """Fit one model for each person in the sources, without that person."""
    files = with_rem(find_nights(sources))
    key = json.dumps([[str(f.path), f.path.stat().st_mtime] for f in files] + [repr(recipe)])
    place = cache / hashlib.sha256(key.encode()).hexdigest()[:16] if cache is not None else None
    if place is not None and place.is_dir():
        return {p.stem: parse_emission(p.read_text(), str(p)) for p in sorted(place.glob("*.json"))}
    nights = load_nights(files, recipe)
    pairs = leave_one_person_out(nights, recipe)
    judged = {
        head: [
            (n.person, filtered(n, m, recipe.settings, eyes=head == PAIR), n.stages)
            for n, m in pairs
            if head in m.heads and (head == SINGLE or n.has_eyes)
        ]
        for head in (PAIR, SINGLE)
    }
    found: dict[str, Emission] = {}
    for night, model in pairs:
        heads = {
            name: Head(
                head.weights,
                best_calibration([(p, y) for by, p, y in judged[name] if by != night.person]),
            )
            for name, head in model.heads.items()
            if night.person not in found
        }
        found.setdefault(night.person, replace(model, heads=heads) if heads else model)
    if place is not None:
        place.mkdir(parents=True)
        for person, model in found.items():
            (place / f"{person}.json").write_text(model.to_json())
    return found


@dataclass(frozen=True, slots=True)
class Trial:
    """How to replay a night: settings, and what is done to its samples first."""

    settings: ChainSettings = field(default_factory=ChainSettings)
    montage: str = "pair"
    """``pair``; ``narrow`` (Fp1 and Fp2, as if 60 % of the difference were left); ``single`` (the mean);
    ``left`` (one side); ``eeg+eog`` (the mean, and the difference)."""

    def samples(self, path: Path) -> tuple[float, tuple[str, ...], np.ndarray[Any, np.dtype[np.float64]]]:
        """Rate, channel names and samples ``(C, n)`` of a recorded pair under this montage."""
        recording = open_recording(path)
        uv = np.concatenate([block.uv for block in recording.blocks()], axis=1)
        mean, difference = uv.mean(axis=0), uv[0] - uv[-1]
        names, rows = {
            "pair": (recording.info.channels, uv),
            "narrow": (("Fp1", "Fp2"), np.stack((mean + 0.3 * difference, mean - 0.3 * difference))),
            "single": (("EEG",), mean[np.newaxis]),
            "left": (recording.info.channels[:1], uv[:1]),
            "eeg+eog": (("EEG Fpz-Cz", "EOG horizontal"), np.stack((mean, difference))),
        }[self.montage]
        return recording.info.fs_hz, names, rows


def replay(
    file: NightFile, emission: Emission, trial: Trial, memory: SleeperMemory | None = None
) -> tuple[dict[str, Any], Any, SleeperMemory]:
    """Scores, confusion table and what was remembered of one night."""
    fs_hz, names, uv = trial.samples(file.path)
    chain = Chain(fs_hz, names, trial.settings, emission=emission, memory=memory)
    stages, log, last_s, ready_s = [], OpeningLog(), 0.0, np.inf
    size = round(60 * fs_hz)
    for start in range(0, uv.shape[1], size):
        for estimate in chain.push(SampleBlock(start, fs_hz, names, uv[:, start : start + size])):
            last_s = estimate.t_s
            log.push(last_s, estimate.stable_rem, estimate.reason)
            if estimate.asleep_min >= trial.settings.gate.minimum_sleep_min:
                ready_s = min(ready_s, last_s)
            if last_s % EPOCH_S == 0:
                stages.append(estimate.stage)
    log.end(last_s)
    detected = np.array(stages, dtype=np.int8)
    assert file.hypnogram is not None
    truth = read_hypnogram(file.hypnogram).epochs(len(detected))
    found = scores(truth, detected, log.openings, EPOCH_S, min(ready_s, last_s))
    return found, confusion(truth, detected), chain.remember()


def replay_all(files: Sequence[NightFile], by_person: dict[str, Emission], trial: Trial) -> list[Any]:
    """Replay nights, several at a time, each with the model of its person."""
    emissions = [by_person[whose(file)] for file in files]
    with worker_pool(os.cpu_count() or 1) as pool:
        return list(pool.map(partial(replay, trial=trial), files, emissions))


def summary(results: Sequence[Any]) -> dict[str, Any]:
    """Pool the scores of several nights."""
    tables = sum(table for _, table, _ in results)
    each = [found for found, _, _ in results]
    f1 = [found["per_stage"]["R"]["f1"] for found in each if found["per_stage"]["R"]["support"]]
    gates = [found["gate"] for found in each]
    latencies = [latency for gate in gates for latency in gate["latencies_s"]]
    precision = [gate["precision"] for gate in gates if gate["precision"] is not None]
    support = tables[: Stage.R].sum(axis=1)
    return {
        "nights": len(each),
        "rem_f1": float(np.mean(f1)),
        "rem_f1_median": float(np.median(f1)),
        "rem_f1_least": float(np.min(f1)),
        "kappa": float(np.mean([found["kappa"] for found in each])),
        "accuracy": float(np.mean([found["accuracy"] for found in each])),
        "not_called_rem": {
            stage.name: float(1.0 - tables[stage, Stage.R] / support[stage])
            for stage in (Stage.W, Stage.N1, Stage.N2, Stage.N3)
        },
        "gate_precision": float(np.mean(precision)) if precision else None,
        "gate_rem_share": float(np.mean([gate["rem_share"] or 0.0 for gate in gates])),
        "gate_openings": float(np.mean([gate["openings"] for gate in gates])),
        "false_openings": float(np.mean([gate["false_openings"] for gate in gates])),
        "false_windows": float(np.mean([gate["false_windows"] for gate in gates])),
        "bouts_found": sum(g["bouts_found"] for g in gates) / max(1, sum(g["bouts"] for g in gates)),
        "latency_median_s": float(np.median(latencies)) if latencies else None,
        "latency_p90_s": float(np.percentile(latencies, 90)) if latencies else None,
        "missed_periods": sum(gate["missed_periods"] for gate in gates),
        "confusion": tables.tolist(),
    }


def line(name: str, found: dict[str, Any]) -> str:
    """One row of a table."""
    share = found["not_called_rem"]
    median_s, p90_s = found["latency_median_s"], found["latency_p90_s"]
    late = "-" if median_s is None else f"{median_s:.0f}/{p90_s:.0f}"
    in_rem, outside = found["gate_precision"] or 0.0, found["false_windows"]
    return (
        f"{name:28s} F1 {found['rem_f1']:.3f} (least {found['rem_f1_least']:.3f})  "
        f"kappa {found['kappa']:.3f}  "
        f"not REM: W {share['W']:.3f} N1 {share['N1']:.3f} N2 {share['N2']:.3f}  "
        f"gate: in REM {in_rem:.3f} share {found['gate_rem_share']:.2f} "
        f"false {found['false_openings']:.2f} (mostly outside {outside:.2f}) "
        f"bouts {found['bouts_found']:.3f} latency {late} s openings {found['gate_openings']:.1f}"
    )
