"""What a pod knows of UTC, by which grants begin and end: the stricter of all clocks judges.

The gateway tells UTC, signed; the pod's own computer has one besides. Each may be kept by a time service or
by nobody, and each may be set in the night. So UTC is a range, and a grant must hold in all of it:

* it is over as soon as any clock says so, also one that nobody keeps, and also what a kept clock said before
  it was set back;
* it has begun once every clock says so that a time service keeps, also by what such a clock said before it
  was set forward. Only where nobody keeps any clock do all of them count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from sanctuary.commons.entries import UtcRange


@dataclass(frozen=True, slots=True)
class UtcMark:
    """UTC by one clock.

    Attributes
    ----------
    at_zero_s
        UTC seconds at second 0 of the sanctuary clock.
    synchronised
        Whether a time service keeps that clock.
    """

    at_zero_s: float
    synchronised: bool = True


class KnownUtc:
    """UTC by every clock that a pod hears of.

    Parameters
    ----------
    told
        What the gateway tells.
    own
        What the pod's own computer says; None where there is no such clock, as in virtual time.
    """

    def __init__(self, told: UtcMark, own: UtcMark | None = None) -> None:
        self._told, self._own = told, own
        self._low_s, self._high_s = inf, -inf

    @property
    def told_at_zero_s(self) -> float:
        """UTC seconds at second 0, as the gateway tells; for records and for what is kept."""
        return self._told.at_zero_s

    def own_is(self, own: UtcMark) -> None:
        """Take what the own computer says, before anything was heard."""
        self._own = own

    def heard(self, told: UtcMark, own: UtcMark | None, floor_at_zero_s: float | None) -> None:
        """Take what the clocks say now.

        Parameters
        ----------
        floor_at_zero_s
            UTC at second 0 by the latest that a kept clock ever said here; None where nothing was kept.
        """
        self._told, self._own = told, own
        for mark in self._marks:
            if mark.synchronised:
                self._low_s = min(self._low_s, mark.at_zero_s)
                self._high_s = max(self._high_s, mark.at_zero_s)
        if floor_at_zero_s is not None:
            self._high_s = max(self._high_s, floor_at_zero_s)

    def clock_set(self, by_s: float) -> None:
        """Hear that the sanctuary clock was set: UTC is what it was. The gateway tells its own part anew."""
        if self._own is not None:
            self._own = replace(self._own, at_zero_s=self._own.at_zero_s - by_s)
        self._low_s -= by_s
        self._high_s -= by_s

    def at(self, now_s: float) -> UtcRange:
        """Say what UTC may be at a moment of the sanctuary clock."""
        marks = self._marks
        kept = [mark for mark in marks if mark.synchronised] or marks
        earliest_s = min(self._low_s, *(mark.at_zero_s for mark in kept))
        latest_s = max(self._high_s, *(mark.at_zero_s for mark in marks))
        return UtcRange(now_s + min(earliest_s, latest_s), now_s + latest_s)

    @property
    def _marks(self) -> tuple[UtcMark, ...]:
        return (self._told,) if self._own is None else (self._told, self._own)
