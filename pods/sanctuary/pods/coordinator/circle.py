"""The circles of a night, the groups that they form, and the coordinator that speaks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nacl.signing import SigningKey, VerifyKey

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import InputError
from sanctuary.pods.effects import IdSource
from sanctuary.pods.protocol.topics import is_id


@dataclass(frozen=True)
class CoordinatorIdentity:
    """A gateway in its role as coordinator.

    Attributes
    ----------
    site, gateway
        Their ids.
    key
        Signs commands and claims; the same for all gateways of a site.
    ids
        Source of ids that were never used before; its boot tells this start from others.
    gateways
        Ids of all gateways of the site, in the same order everywhere.
    """

    site: str
    gateway: str
    key: SigningKey
    ids: IdSource
    gateways: tuple[str, ...] = ("gateway-1",)


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
    design_end_s
        Seconds from its zero after which nothing is left to play; infinite for a design that repeats.

    Raises
    ------
    InputError
        An id is malformed, or the circle could never have a window, or could have one with a single pod.
    """

    id: str
    quorum: int
    members: Mapping[str, VerifyKey]
    design: LoadedDesign
    design_end_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "design_end_s", self.design.design.end_s)
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
    """Give the key of each pod.

    Raises
    ------
    InputError
        Two circles have the same id, or a pod has different keys in two of them.
    """
    if len({circle.id for circle in circles}) != len(circles):
        raise InputError("circles: two of them have the same id")
    keys: dict[str, VerifyKey] = {}
    for circle in circles:
        for pod, key in circle.members.items():
            if keys.setdefault(pod, key) != key:
                raise InputError(f"circle {circle.id!r}: pod {pod!r} has another key in another circle")
    return keys


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
