"""What tenure asks for, beside messages and records."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.pods.coordinator.closing import ClosingReason
from sanctuary.pods.effects import Publish, Record


@dataclass(frozen=True, slots=True)
class Hold:
    """The coordinator may command a circle from now on.

    Attributes
    ----------
    last_window_end_s
        As far as claims tell, UTC seconds.
    """

    circle: str
    term: int
    last_window_end_s: float | None


@dataclass(frozen=True, slots=True)
class Suspend:
    """The coordinator may not command a circle until the next `Hold`."""

    circle: str


@dataclass(frozen=True, slots=True)
class Release:
    """The coordinator gives a circle up; where not `orderly` it has no authority to close anything."""

    circle: str
    reason: ClosingReason
    orderly: bool


@dataclass(frozen=True, slots=True)
class KeepTerm:
    """Remember over a restart that terms up to this one are used up; before what follows is sent."""

    term: int


@dataclass(frozen=True, slots=True)
class Complain:
    """Tell the people who run the site, once."""

    text: str


TenureEffect = Publish | Record | Hold | Suspend | Release | KeepTerm | Complain
