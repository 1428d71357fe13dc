"""Parts of a design for several voices, shared out among the pods of a window."""

from __future__ import annotations

from sanctuary.pods.coordinator.windows import WindowRun


def part_for(run: WindowRun, pod: str, now_s: float) -> int:
    """Choose the part that a pod is offered: the one that fewest others hold, the first of several.

    So the members that are offered a window together get the parts in turn, each part has a pod if there are
    as many pods, and a pod that comes later, or comes back, gets what is missing.
    """
    parts = range(1, run.circle.design.design.parts + 1)
    held = [offer.part for other, offer in run.offers.items() if other != pod and run.holds(other, now_s)]
    return min(parts, key=held.count)
