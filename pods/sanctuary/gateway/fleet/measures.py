"""What nights of a fleet came to: sharing, waiting, fairness, faults, broken invariants; pure.

Fairness is Jain's index over the sleepers of a circle, of the minutes that each shared for each minute of
stable REM: 1 where all had the same, 1/n where one had everything (Jain, Chiu and Hawe 1984).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from sanctuary.gateway.fleet.simulated import FleetNight
from sanctuary.gateway.night.result import cues_of, violations_of, windows_of
from sanctuary.signal.samples import Stage

LogLine = Mapping[str, Any]


def night_measures(night: FleetNight, number: int) -> dict[str, Any]:
    """Measure one night.

    Returns
    -------
    ``windows``, ``sleepers``, ``faults``, ``violations``, ``messages``: lists and objects as in
    ``sanctuary.simulate.v1``, each element with its night.
    """
    windows = windows_of(night.records, {circle.id: circle.design for circle in night.settings.circles})
    return {
        "windows": [{"night": number, **window} for window in windows],
        "sleepers": _sleepers(night, windows, number),
        "faults": [{"night": number, **asdict(fault)} for fault in night.faults],
        "violations": [
            {"night": number, **broken} for broken in violations_of(night.settings, night.records)
        ],
        "messages": night.messages,
    }


def totals(sleepers: Sequence[LogLine], windows: Sequence[LogLine], nights: int) -> dict[str, Any]:
    """Sum all nights up."""
    lengths_min = [
        (window["close_s"] - window["open_s"]) / 60.0 for window in windows if window["close_s"] is not None
    ]
    n = len(sleepers)
    return {
        "windows_per_night": len(windows) / nights,
        "window_mean_min": _mean(lengths_min),
        "shared_min_per_sleeper": _mean([each["shared_min"] for each in sleepers]),
        "stable_rem_min_per_sleeper": _mean([each["stable_rem_min"] for each in sleepers]),
        "rem_min_per_sleeper": _mean([each["rem_min"] for each in sleepers]),
        "waited_min_per_sleeper": _mean([each["waited_min"] for each in sleepers]),
        "cues_rendered_per_sleeper": sum(each["cues_rendered"] for each in sleepers) / n,
        "aroused_by_cues_per_sleeper": sum(each["aroused_by_cues"] for each in sleepers) / n,
        "woken_by_cues_per_sleeper": sum(each["woken_by_cues"] for each in sleepers) / n,
        "sleepers_without_a_window": sum(not each["windows"] for each in sleepers) / n,
        "windows_closed_by": dict(sorted(Counter(window["reason_closed"] for window in windows).items())),
    }


def fairness(sleepers: Sequence[LogLine]) -> dict[str, float | None]:
    """Jain's index of each circle over all nights, and of all sleepers."""
    shared: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    stable: dict[str, float] = defaultdict(float)
    for each in sleepers:
        stable[each["pod"]] += each["stable_rem_min"]
        for circle in each["circles"]:
            shared[circle][each["pod"]] += each["shared_min"]
    found = {
        circle: jain([minutes / stable[pod] for pod, minutes in by_pod.items() if stable[pod] > 0.0])
        for circle, by_pod in sorted(shared.items())
    }
    everybody = {pod: minutes for by_pod in shared.values() for pod, minutes in by_pod.items()}
    found["all"] = jain([minutes / stable[pod] for pod, minutes in everybody.items() if stable[pod] > 0.0])
    return found


def jain(shares: Iterable[float]) -> float | None:
    """Jain's index; None where nobody had anything."""
    values = list(shares)
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def _sleepers(night: FleetNight, windows: Sequence[LogLine], number: int) -> list[dict[str, Any]]:
    in_window: dict[str, float] = defaultdict(float)
    visited: dict[str, set[str]] = defaultdict(set)
    for window in windows:
        for member in window["members"]:
            visited[member["pod"]].add(window["id"])
            if member["to_s"] is not None:
                in_window[member["pod"]] += (member["to_s"] - member["from_s"]) / 60.0
    shared = _shared_min(windows)
    outcomes = Counter((cue["pod"], cue["outcome"]) for cue in cues_of(night.records))
    return [
        {
            "night": number,
            "pod": pod,
            "circles": [circle.id for circle in night.settings.circles if pod in circle.members],
            "rem_min": float((truth.stages == Stage.R).sum()) / 60.0,
            "stable_rem_min": night.stable_s[pod] / 60.0,
            "shared_min": round(shared[pod], 3),
            "waited_min": round(max(0.0, night.stable_s[pod] / 60.0 - in_window[pod]), 3),
            "windows": len(visited[pod]),
            "cues_rendered": outcomes[pod, "rendered"],
            "cues_refused": outcomes[pod, "refused"],
            "aroused_by_cues": sum(each.arousal is not None for each in night.responses[pod]),
            "woken_by_cues": sum(each.awake is not None for each in night.responses[pod]),
        }
        for pod, truth in night.truths.items()
    ]


def _shared_min(windows: Sequence[LogLine]) -> dict[str, float]:
    """Minutes that each pod was in a window while somebody else was in it too."""
    found: dict[str, float] = defaultdict(float)
    for window in windows:
        stays = [(m["pod"], m["from_s"], m["to_s"]) for m in window["members"] if m["to_s"] is not None]
        edges = sorted({edge for _, begin, end in stays for edge in (begin, end)})
        for begin, end in pairwise(edges):
            inside = {pod for pod, from_s, to_s in stays if from_s <= begin and to_s >= end}
            if len(inside) > 1:
                for pod in inside:
                    found[pod] += (end - begin) / 60.0
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
