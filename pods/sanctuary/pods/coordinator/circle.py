"""A circle as its coordinator knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nacl.signing import VerifyKey

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import InputError
from sanctuary.pods.protocol.topics import is_id


@dataclass(frozen=True)
class Circle:
    """Sleepers who share windows.

    Attributes
    ----------
    quorum
        k of k of n: fewest pods in a window; at least 2.
    members
        Tonight's pods of the members, with the keys that sign their leases.
    design
        What is played tonight.
    """

    id: str
    quorum: int
    members: Mapping[str, VerifyKey]
    design: LoadedDesign

    def __post_init__(self) -> None:
        """Refuse a circle that could never have a window, or could have one alone."""
        for name in (self.id, *self.members):
            if not is_id(name):
                raise InputError(f"id {name!r}: 1 to 64 of a-z, 0-9 and - expected")
        if not 2 <= self.quorum <= len(self.members):
            raise InputError(
                f"circle {self.id!r}: quorum {self.quorum} of {len(self.members)} members; "
                "at least 2 and at most all of them"
            )


def circles_of(circles: tuple[Circle, ...]) -> dict[str, tuple[Circle, ...]]:
    """Give the circles of each pod."""
    found: dict[str, tuple[Circle, ...]] = {}
    for circle in circles:
        for pod in circle.members:
            found[pod] = (*found.get(pod, ()), circle)
    return found


def keys_of(circles: tuple[Circle, ...]) -> dict[str, VerifyKey]:
    """Give the key of each pod; raises `InputError` where circles do not agree."""
    if len({circle.id for circle in circles}) != len(circles):
        raise InputError("circles: two of them have the same id")
    keys: dict[str, VerifyKey] = {}
    for circle in circles:
        for pod, key in circle.members.items():
            if keys.setdefault(pod, key) != key:
                raise InputError(f"circle {circle.id!r}: pod {pod!r} has another key in another circle")
    return keys
