"""Who sees which lamp, and what follows for each pod's light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sanctuary.config.findings import Finding
from sanctuary.config.fleet import PodEntry


@dataclass(frozen=True, slots=True)
class LampRules:
    """What one pod's lamp must keep to.

    Attributes
    ----------
    lamps_in_view
        Most lamps that any sleeper sees who sees this one; the bounds of flashes are divided by it.
    cleared
        Whether everybody who sees this lamp has said that light does them no harm.
    """

    lamps_in_view: int
    cleared: bool


def lamp_rules(pod: str, pods: Sequence[PodEntry], at_least: int = 1) -> LampRules:
    """Find the rules for the lamp of one pod.

    A lamp answers for all who see it, not only for the sleeper beneath it: where each of the *n* lamps that
    a sleeper sees keeps to the *n*-th part of a bound, all of them together keep to the bound.

    Parameters
    ----------
    at_least
        `LimiterSettings.lamps_in_view`.
    """
    onlookers = [entry for entry in pods if entry.id == pod or pod in entry.sees]
    counts = [len(lamps_of(entry, pods)) for entry in onlookers]
    return LampRules(max([at_least, *counts]), all(_is_cleared(entry) for entry in onlookers))


def lamps_of(entry: PodEntry, pods: Sequence[PodEntry]) -> list[str]:
    """Name the pods whose lamps the sleeper of `entry` sees, the own one among them."""
    return [one.id for one in pods if "light" in one.outputs and (one.id == entry.id or one.id in entry.sees)]


def sight_findings(pods: Sequence[PodEntry]) -> Iterator[Finding]:
    """Find pods that are said to be seen and are not there, or are named twice, or see themselves."""
    known = [pod.id for pod in pods]
    for at, pod in enumerate(pods):
        for position, seen in enumerate(pod.sees):
            path = (at, "sees", position)
            if seen == pod.id:
                yield Finding(path, f'= "{seen}" is this pod itself, whose lamp counts in any case')
            elif seen not in known:
                near = get_close_matches(seen, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"pods: {', '.join(known)}"
                yield Finding(path, f'= "{seen}" is not the id of a pod; {hint}')
            elif seen in pod.sees[:position]:
                yield Finding(path, f'= "{seen}" stands in the list already')


def _is_cleared(entry: PodEntry) -> bool:
    asked = entry.photosensitive
    return entry.is_simulated if asked is None else not asked
