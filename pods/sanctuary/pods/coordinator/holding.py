"""A circle in the hands of this gateway."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sanctuary.pods.coordinator.commander import Commander


@dataclass
class Holding:
    """What a coordinator keeps of a circle that it holds.

    Attributes
    ----------
    active
        Whether commands may be sent now; not while authority has lapsed for a moment.
    """

    term: int
    commander: Commander
    active: bool = True


@dataclass
class Standing:
    """What outlives windows, and in part a change of hands.

    Attributes
    ----------
    last_end_s
        When the last window of the circle closed, seconds on the sanctuary clock; None if none is known of.
    not_before_s
        Until when the circle rests.
    in_force_until_s
        Until when some pod may be in a window on a command of this gateway, sanctuary clock.
    """

    last_end_s: float | None = None
    not_before_s: float = -inf
    in_force_until_s: float = -inf

    def clock_set(self, by_s: float) -> None:
        """Hear that the clock was set: past and rest stay as far away as they were, promises too if later."""
        self.not_before_s += by_s
        self.in_force_until_s += max(0.0, by_s)
        if self.last_end_s is not None:
            self.last_end_s += by_s
