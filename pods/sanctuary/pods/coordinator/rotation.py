"""C2: which of several circles is offered a window first.

Circles that share a pod compete for it. Among those that could be proposed at one moment, the one that has
waited longest since the end of its last window comes first; one that never had any has waited longest of
all; ties go by id. Nothing else counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from sanctuary.pods.coordinator.circle import Circle


def groups_of(circles: Iterable[Circle]) -> tuple[tuple[Circle, ...], ...]:
    """Part circles into groups such that no pod is in two of them; each in order of id.

    A circle that shares a pod with one that shares a pod with a third is in the group of both.
    """
    groups: list[list[Circle]] = []
    group_of: dict[str, list[Circle]] = {}
    for circle in sorted(circles, key=lambda one: one.id):
        mine: list[Circle] = []
        for pod in circle.members:
            other = group_of.get(pod)
            if other is not None and other is not mine:
                mine += other
                groups.remove(other)
                group_of.update((pod, mine) for one in other for pod in one.members)
        mine.append(circle)
        groups.append(mine)
        group_of.update(dict.fromkeys(circle.members, mine))
    return tuple(tuple(sorted(group, key=lambda one: one.id)) for group in groups)


def next_in_turn(last_end_s: Mapping[str, float | None]) -> str:
    """Name the circle that is to be offered next.

    Parameters
    ----------
    last_end_s
        End of the last window (seconds) of each circle that could be proposed now; None if it had none.
    """
    return min(last_end_s, key=lambda circle: (_waiting_since_s(last_end_s[circle]), circle))


def contenders(
    chosen: Circle, group: Iterable[Circle], last_end_s: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Give `last_end_s` of those that could have been proposed instead and share a pod with `chosen`."""
    return {
        other.id: last_end_s[other.id]
        for other in group
        if other.id in last_end_s
        and other.id != chosen.id
        and not chosen.members.keys().isdisjoint(other.members)
    }


def _waiting_since_s(last_end_s: float | None) -> float:
    return -inf if last_end_s is None else last_end_s
