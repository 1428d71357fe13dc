"""Virtual time: a clock that jumps to the next thing that is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], None]
AfterEach = Callable[[float], bool]


class EventQueue:
    """What happens when, in simulated seconds; what is due at one moment happens in the order of planning.

    Parameters
    ----------
    after_each
        Called after each event with its time; `run` ends at once where it answers true.

    Attributes
    ----------
    now_s
        The moment that has been reached; it never goes back.
    events
        So many so far.
    """

    def __init__(self, after_each: AfterEach | None = None) -> None:
        self.now_s = 0.0
        self.events = 0
        self._after_each = after_each
        self._due: list[tuple[float, int, Action]] = []
        self._planned = 0

    def at(self, t_s: float, action: Action) -> None:
        """Plan an action for `t_s`; what lies in the past is done next."""
        self._planned += 1
        heapq.heappush(self._due, (max(t_s, self.now_s), self._planned, action))

    def after(self, delay_s: float, action: Action) -> None:
        """Plan an action for `delay_s` from now."""
        self.at(self.now_s + delay_s, action)

    def every(self, period_s: float, action: Action) -> None:
        """Plan an action for `period_s` from now, and again and again."""

        def again() -> None:
            action()
            self.after(period_s, again)

        self.after(period_s, again)

    def run(self, until_s: float) -> None:
        """Do everything that is due up to `until_s`, also what is planned meanwhile."""
        due, after_each = self._due, self._after_each
        while due and due[0][0] <= until_s:
            self.now_s, _, action = heapq.heappop(due)
            action()
            self.events += 1
            if after_each is not None and after_each(self.now_s):
                return
        self.now_s = max(self.now_s, until_s)
