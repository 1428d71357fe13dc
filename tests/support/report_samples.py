"""Made-up but plausible results to build reports of: cycles of 90 minutes, REM growing towards morning."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.gateway.reports.curves import ReplayTraces
from sanctuary.gateway.reports.night_report import night_page
from sanctuary.gateway.reports.replay_report import replay_page
from sanctuary.gateway.results.night_result import NightResult
from sanctuary.gateway.results.replay_result import ReplayResult

EPOCH_S = 30.0
NAMES = ("W", "N1", "N2", "N3", "R")
_FLIPS = {"W": "N1", "N1": "N2", "N2": "N1", "N3": "N2", "R": "N1"}


def stages(hours: float, seed: int = 1) -> list[str]:
    """A night's true stages, one per 30 s."""
    rng = np.random.default_rng(seed)
    out = ["W"] * int(rng.integers(12, 40)) + ["N1"] * 8
    cycle = 0
    while len(out) < hours * 120:
        deep, rem = max(4, 70 - 22 * cycle), min(70, 14 + 16 * cycle) + int(rng.integers(-6, 7))
        out += ["N2"] * int(rng.integers(20, 40)) + ["N3"] * (deep + int(rng.integers(-4, 5))) + ["N2"] * 24
        out += ["R"] * rem + ["W"] * int(rng.integers(1, 5)) + ["N1"] * 4
        cycle += 1
    return out[: round(hours * 120)]


def epochs(truth: list[str], seed: int = 1) -> list[dict[str, Any]]:
    """What a good but fallible chain makes of `truth`."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, Any]] = []
    for i, true in enumerate(truth):
        doubt = 0.35 if i and truth[i - 1] != true else 0.1
        stage = _FLIPS[true] if rng.random() < doubt else true
        weights = rng.uniform(0.01, 0.12, 5)
        weights[NAMES.index(stage)] += 0.9
        p = dict(zip(NAMES, np.round(weights / weights.sum(), 3).tolist(), strict=True))
        quality = float(np.clip(rng.normal(0.92, 0.05), 0, 1))
        epoch = {"onset_s": i * EPOCH_S, "stage": stage, "p": p, "quality": round(quality, 3)}
        out.append(epoch | {"rem_density": 12.0 if stage == "R" else 0.0})
    return out


def lose_signal(found: list[dict[str, Any]], first: int, n: int) -> None:
    """Make `n` epochs useless."""
    for epoch in found[first : first + n]:
        epoch.update(stage="unknown", quality=0.05)


def openings(truth: list[str], delay_s: float = 75.0) -> list[dict[str, Any]]:
    """A gate that opens some time into each long enough REM period."""
    out: list[dict[str, Any]] = []
    start: float | None = None
    for i, stage in enumerate([*truth, "W"]):
        if stage == "R" and start is None:
            start = i * EPOCH_S
        elif stage != "R" and start is not None:
            if i * EPOCH_S - start > delay_s + 60:
                reason = ("rem-ended", "waking", "arousal")[len(out) % 3]
                out.append({"open_s": start + delay_s, "close_s": i * EPOCH_S - 15.0, "reason": reason})
            start = None
    return out


def scores(truth: list[str], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Scores as in ``sanctuary.replay.v1``."""
    table = np.zeros((5, 5), dtype=int)
    for true, epoch in zip(truth, found, strict=True):
        if epoch["stage"] in NAMES:
            table[NAMES.index(true), NAMES.index(epoch["stage"])] += 1
    per_stage = {}
    for i, name in enumerate(NAMES):
        hits, support, called = table[i, i], table[i].sum(), table[:, i].sum()
        per_stage[name] = {
            "precision": float(hits / called) if called else None,
            "recall": float(hits / support) if support else None,
            "f1": float(2 * hits / (support + called)) if support + called else None,
            "specificity": float(1 - (called - hits) / max(1, table.sum() - support)),
            "support": int(support),
        }
    total = max(1, int(table.sum()))
    agreed = np.trace(table) / total
    chance = float(table.sum(axis=1) @ table.sum(axis=0)) / total**2
    return {
        "reference": "made up",
        "epochs_scored": int(table.sum()),
        "refused_share": 0.012,
        "accuracy": float(agreed),
        "kappa": float((agreed - chance) / (1 - chance)) if chance < 1 else None,
        "per_stage": per_stage,
        "rem_specificity": dict.fromkeys(NAMES[:4], 0.99),
        "confusion": table.tolist(),
        "gate": {
            "openings": 6,
            "ready_s": 1800.0,
            "rem_share": 0.714,
            "precision": 0.961,
            "false_windows": 1,
            "false_openings": 0,
            "bouts": 5,
            "bouts_found": 4,
            "latencies_s": [60.0, 82.0, 141.0],
            "rem_periods": 5,
            "missed_periods": 1,
            "latency_s": {"median": 82.0, "p90": 141.0},
        },
    }


def replay_result(
    hours: float = 8.0, *, scored: bool = True, seed: int = 1, **changes: Any
) -> dict[str, Any]:
    """A result of schema ``sanctuary.replay.v1``."""
    truth = stages(hours, seed)
    found = epochs(truth, seed)
    lose_signal(found, len(found) // 2, min(9, len(found) // 4))
    result = {
        "schema": "sanctuary.replay.v1",
        "version": "0.1.0",
        "file": "nights/harbour-2026-03-14-lark.edf",
        "started_at": None,
        "duration_s": len(truth) * EPOCH_S,
        "channels": ["AF7", "AF8"],
        "fs_hz": 256.0,
        "epoch_s": EPOCH_S,
        "eye_signals": [],
        "epochs": found,
        "gate": openings(truth),
        "timing": {"wall_s": 14.2, "times_real_time": 2028.0},
        "warnings": ["AF8: 12 s without samples at 4:31:07"],
    }
    if scored:
        result |= {"scores": scores(truth, found), "truth": truth}
    return result | changes


def replay_traces(result: dict[str, Any], n_channels: int = 2, seed: int = 1) -> ReplayTraces:
    """Traces to go with `result`, one value per second."""
    rng = np.random.default_rng(seed)
    found = [epoch["stage"] for epoch in result["epochs"]]
    n = len(found) * 30
    t_s = np.arange(1.0, n + 1.0)
    p_epoch = np.array([epoch["p"]["R"] for epoch in result["epochs"]])
    p_rem = np.clip(_smooth(np.repeat(p_epoch, 30), 45) + rng.normal(0, 0.02, n), 0, 1)
    in_rem = np.repeat([stage == "R" for stage in found], 30)
    awake = np.repeat([stage in ("W", "unknown") for stage in found], 30)
    quality = np.clip(rng.normal(0.93, 0.03, (n_channels, n)), 0, 1)
    quality[:, np.repeat([stage == "unknown" for stage in found], 30)] = 0.06
    freq_hz = np.arange(0.5, 40.0, 0.5)
    spectrum_t_s = np.linspace(15.0, 30.0 * len(found) - 15.0, len(found))
    return ReplayTraces(
        spectrogram_db=_spectrogram(found, freq_hz, rng),
        spectrogram_freq_hz=freq_hz,
        spectrogram_t_s=spectrum_t_s,
        p_rem_t_s=t_s,
        p_rem=p_rem,
        quality_t_s=t_s,
        quality=quality,
        eye_t_s=t_s,
        saccades_per_min=_smooth(np.where(in_rem, rng.gamma(2.0, 5.0, n), rng.gamma(1.0, 0.8, n)), 60),
        emg_db=_smooth(np.where(in_rem, -14.0, np.where(awake, 2.0, -8.0)) + rng.normal(0, 2, n), 30),
    )


def _smooth(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.convolve(values, np.ones(n) / n, mode="same")


def _spectrogram(
    found: list[str], freq_hz: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    slope = {"W": -1.1, "N1": -1.5, "N2": -1.9, "N3": -2.4, "R": -1.6, "unknown": -0.3}
    rise = {"W": 14.0, "N1": 16.0, "N2": 22.0, "N3": 30.0, "R": 15.0, "unknown": 30.0}
    db = np.array([rise[s] + 10 * slope[s] * np.log10(freq_hz + 0.5) for s in found]).T
    spindles = np.array([5.0 if s == "N2" else 0.0 for s in found])
    alpha = np.array([6.0 if s == "W" else 0.0 for s in found])
    db += spindles * np.exp(-(((freq_hz[:, None] - 13.0) / 1.2) ** 2))
    db += alpha * np.exp(-(((freq_hz[:, None] - 10.0) / 1.0) ** 2))
    return np.asarray(db + rng.normal(0, 1.3, db.shape))


def demo_result(hours: float = 8.0, n_pods: int = 4, *, seed: int = 7, **changes: Any) -> dict[str, Any]:
    """A result of schema ``sanctuary.demo.v1``."""
    sleepers = ("Lark", "Heron", "Wren", "Swift", "Owl", "Crane", "Finch", "Rook")
    truths = {f"pod-{n + 1}": stages(hours, seed + n) for n in range(n_pods)}
    found = {pod: epochs(truth, seed + n) for n, (pod, truth) in enumerate(truths.items())}
    pods = {
        pod: {
            "sleeper": sleepers[n % len(sleepers)],
            "simulated": True,
            "headband": "simulated",
            "epochs": found[pod],
            "truth": truth,
            "gate": openings(truth),
        }
        for n, (pod, truth) in enumerate(truths.items())
    }
    windows = _windows(pods, quorum=min(3, n_pods) if n_pods > 1 else 2)
    detection = {pod: _detection(scores(truths[pod], found[pod])) for pod in pods}
    pooled = _detection(scores(list(chain(*truths.values())), list(chain(*found.values()))))
    detection["pooled"] = {name: value for name, value in pooled.items() if name != "gate"}
    result = {
        "schema": "sanctuary.demo.v1",
        "version": "0.1.0",
        "seed": seed,
        "hours": hours,
        "duration_s": 3600.0 * hours,
        "site": "harbour",
        "live": False,
        "trouble": None,
        "epoch_s": EPOCH_S,
        "problems": [],
        "pods": pods,
        "circles": [{"id": "tide", "members": list(pods), "quorum": min(3, n_pods), "design": "lantern"}],
        "windows": windows,
        "cues": _cues(windows),
        "violations": [],
        "detection": detection,
        "timing": {"wall_s": 31.4, "times_real_time": 917.0},
        "interrupted": False,
        "messages": {"up/state": 9120, "lease": 212, "command": 64},
        "broker": "amqtt, embedded",
    }
    return result | changes


def _detection(scored: dict[str, Any]) -> dict[str, Any]:
    kept = {name: scored[name] for name in ("accuracy", "kappa", "rem_specificity", "gate")}
    return kept | {"rem": scored["per_stage"]["R"]}


def night_html(result: Any) -> str:
    """The report of a night as read from its JSON."""
    return night_page(NightResult.model_validate(result))


def replay_html(result: Any, traces: ReplayTraces) -> str:
    """The report of a replay as read from its JSON."""
    return replay_page(ReplayResult.model_validate(result), traces)


def window(name: str, pods: list[str], open_s: float, close_s: float | None) -> dict[str, Any]:
    """A window in which all pods are from beginning to end."""
    stays = [{"pod": pod, "from_s": open_s, "to_s": close_s, "reason_left": ""} for pod in pods]
    return {
        "id": name,
        "circle": "tide",
        "design": "lantern",
        "open_s": open_s,
        "close_s": close_s,
        "reason_closed": "quorum_lost",
        "members": stays,
        "pods": sorted(pods),
    }


def _windows(pods: dict[str, Any], quorum: int) -> list[dict[str, Any]]:
    """Windows wherever at least `quorum` gates are open at once."""
    spans = {pod: [(g["open_s"], g["close_s"]) for g in night["gate"]] for pod, night in pods.items()}
    moments = sorted({t for own in spans.values() for stretch in own for t in stretch})
    out: list[dict[str, Any]] = []
    for start, end in pairwise(moments):
        inside = [pod for pod, own in spans.items() if any(a <= start and end <= b for a, b in own)]
        if len(inside) < quorum:
            continue
        if out and out[-1]["close_s"] == start:
            out[-1]["close_s"] = end
        else:
            out.append(window(f"w-{len(out) + 1:03d}", [], start, end))
        for pod in inside:
            _stay(out[-1], pod, start, end)
    return out


def _stay(entered: dict[str, Any], pod: str, start_s: float, end_s: float) -> None:
    for member in entered["members"]:
        if member["pod"] == pod and member["to_s"] == start_s:
            member["to_s"] = end_s
            return
    entered["members"].append({"pod": pod, "from_s": start_s, "to_s": end_s, "reason_left": "closed"})
    entered["pods"] = sorted({*entered["pods"], pod})


def _cues(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for opened in windows:
        for step, t_s in enumerate(np.arange(opened["open_s"] + 10.0, opened["close_s"], 40.0)):
            for n, member in enumerate(opened["members"]):
                if not member["from_s"] <= t_s <= member["to_s"]:
                    continue
                refused = (step + n) % 7 == 6
                modality = ("sound", "light", "haptic")[step % 3]
                out.append(
                    {
                        "t_s": float(t_s) + 0.004 * n,
                        "pod": member["pod"],
                        "window": opened["id"],
                        "step": step,
                        "outcome": "refused" if refused else "rendered",
                        "reason": ("block_full", "arousal_quiet", "modality_not_granted")[step % 3]
                        if refused
                        else "",
                        "modality": modality,
                        "level": 34.0 + 0.5 * step if modality == "sound" else 0.08 + 0.01 * step,
                    }
                )
    return out
