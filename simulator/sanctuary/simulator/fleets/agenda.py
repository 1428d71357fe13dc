"""Virtual time: a clock that jumps to the next thing that is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Deed = Callable[[], None]


class Agenda:
    """What happens when, in simulated seconds; things due at one moment happen in the order of planning.

    Attributes
    ----------
    now_s
        The moment that has been reached; it never goes back.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Deed]] = []
        self._planned = 0

    def at(self, t_s: float, deed: Deed) -> None:
        """Plan something for `t_s`; what lies in the past happens next."""
        self._planned += 1
        heapq.heappush(self._due, (max(t_s, self.now_s), self._planned, deed))

    def after(self, delay_s: float, deed: Deed) -> None:
        """Plan something for `delay_s` from now."""
        self.at(self.now_s + delay_s, deed)

    def run(self, until_s: float) -> None:
        """Let everything happen that is due up to `until_s`, also what is planned meanwhile."""
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, deed = heapq.heappop(self._due)
            deed()
        self.now_s = max(self.now_s, until_s)
