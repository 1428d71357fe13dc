"""How long pods were in a window together, and stretches of time that several have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

Stretch = tuple[float, float]


def shared_minutes(windows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Minutes that each pair of pods spent in windows together.

    Parameters
    ----------
    windows
        Of schema ``sanctuary.demo.v1``. Where ``members`` tells who was in from when to when, that counts;
        else each of ``pods`` counts as in from ``open_s`` to ``close_s``. A stretch without a beginning or an
        end counts for nothing.

    Returns
    -------
    Keys are pairs in alphabetical order; every pair that met in a window has one.
    """
    shared: dict[tuple[str, str], float] = defaultdict(float)
    for window in windows:
        stays = stays_of(window)
        for a, b in combinations(sorted(stays), 2):
            shared[a, b] += _overlap_s(stays[a], stays[b]) / 60.0
    return dict(shared)


def together_minutes(windows: Iterable[Mapping[str, Any]]) -> float:
    """Minutes with two or more pods in one window, summed over windows; who was in as in `shared_minutes`."""
    return sum(together_s(stays_of(window).values()) for window in windows) / 60.0


def stays_of(window: Mapping[str, Any]) -> dict[str, list[Stretch]]:
    """When each pod was in a window, as in `shared_minutes`."""
    stays: dict[str, list[Stretch]] = defaultdict(list)
    for member in window.get("members") or ():
        stays[member["pod"]].append((member.get("from_s"), member.get("to_s")))
    if not stays:
        whole = (window.get("open_s"), window.get("close_s"))
        stays.update({pod: [whole] for pod in window.get("pods") or ()})
    return {pod: _merged(stretches) for pod, stretches in stays.items()}


def _merged(stretches: Iterable[tuple[float | None, float | None]]) -> list[Stretch]:
    known = sorted((a, b) for a, b in stretches if a is not None and b is not None and b > a)
    merged: list[Stretch] = []
    for start_s, end_s in known:
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
        else:
            merged.append((start_s, end_s))
    return merged


def overlaps(first: Iterable[Stretch], second: Sequence[Stretch]) -> list[Stretch]:
    """Give the stretches that two lists have in common; none of a list overlap each other."""
    return [(max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second if a[0] < b[1] and b[0] < a[1]]


def length_s(stretches: Iterable[Stretch]) -> float:
    """Sum of their lengths."""
    return sum(end_s - start_s for start_s, end_s in stretches)


def _overlap_s(first: list[Stretch], second: list[Stretch]) -> float:
    return length_s(overlaps(first, second))


def together_s(lists: Iterable[Iterable[Stretch]], least: int = 2) -> float:
    """Time that lies in `least` or more of the lists, in each of which no stretches overlap."""
    steps = sorted(step for stretches in lists for a, b in stretches for step in ((a, 1), (b, -1)))
    total_s, inside, before_s = 0.0, 0, 0.0
    for t_s, step in steps:
        total_s += t_s - before_s if inside >= least else 0.0
        inside, before_s = inside + step, t_s
    return total_s
