"""Offers, and with them the parts of a design for several voices, shared out among the pods of a window."""

from __future__ import annotations

from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import IdSource
from sanctuary.pods.protocol.messages import OfferArgs


def make_offer(run: WindowRun, pod: str, ids: IdSource, now_s: float) -> OfferArgs:
    """Write the offer of a place in a window, and of a part in its design."""
    loaded = run.circle.design
    return OfferArgs(
        offer=ids.next("o"),
        window=run.id,
        circle=run.circle.id,
        design=loaded.hash,
        modalities=loaded.design.modalities,
        quorum=run.circle.quorum,
        nonce=ids.next("n"),
        part=part_for(run, pod, now_s),
    )


def part_for(run: WindowRun, pod: str, now_s: float) -> int:
    """Choose the part that a pod is offered: the one that fewest others hold, the first of several.

    So the members that are offered a window together get the parts in turn, each part has a pod if there are
    as many pods, and a pod that comes later, or comes back, gets what is missing.
    """
    parts = range(1, run.circle.design.design.parts + 1)
    held = [offer.part for other, offer in run.offers.items() if other != pod and run.holds(other, now_s)]
    return min(parts, key=held.count)
