"""What everybody in a tortured night shares: true time, the wire, chance, and those who watch."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sanctuary.gateway.torture.outline import Outline
from sanctuary.gateway.torture.watch import Watch
from sanctuary.gateway.torture.wire import TortureWire
from sanctuary.simulator.fleets.agenda import Agenda

SECRET = b"tortured nights"
"""Keys are derived from it; the forger does not have it."""


class WatchedAgenda(Agenda):
    """An `Agenda` that lets somebody look after every event, and stops when told.

    Attributes
    ----------
    events
        So many so far.
    """

    def __init__(self, look: Callable[[float], bool]) -> None:
        super().__init__()
        self._watch_out = look
        self.events = 0

    def run(self, until_s: float) -> None:
        """Let everything happen up to `until_s`, or until `look` says that it is enough."""
        due, look = self._due, self._watch_out
        while due and due[0][0] <= until_s:
            self.now_s, _, deed = heapq.heappop(due)
            deed()
            self.events += 1
            if look(self.now_s):
                return
        self.now_s = max(self.now_s, until_s)


@dataclass(frozen=True, slots=True)
class World:
    """The shared parts.

    Attributes
    ----------
    rng
        Chance for pods and gateways.
    """

    outline: Outline
    agenda: WatchedAgenda
    wire: TortureWire
    watch: Watch
    rng: Random

    @property
    def now_s(self) -> float:
        """True time."""
        return self.agenda.now_s
