"""Which gateway should hold a circle: the same answer everywhere, without a word between them."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b


def preference(group: str, gateways: Collection[str]) -> list[str]:
    """Order gateways by how much they are wanted for a group of circles, the first most.

    Rendezvous hashing: each gateway is weighed on its own, so that one that comes or goes moves only the
    circles that are its. Circles that share pods are one group, so that one coordinator sees to their turns.
    """
    return sorted(gateways, key=lambda gateway: (_weight(group, gateway), gateway), reverse=True)


def _weight(group: str, gateway: str) -> bytes:
    return blake2b(f"{group}/{gateway}".encode(), digest_size=16).digest()


def next_term(above: int, gateways: tuple[str, ...], gateway: str) -> int:
    """Give the lowest term above `above` that is this gateway's: no two gateways ever use the same."""
    count, index = len(gateways), gateways.index(gateway)
    return ((above - index) // count + 1) * count + index
