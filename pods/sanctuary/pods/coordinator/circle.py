"""A circle as its coordinator knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nacl.signing import VerifyKey

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import InputError
from sanctuary.pods.wire.topics import is_id


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
