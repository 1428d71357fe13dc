"""When to try a lost headband again, and when to say so: a policy without clock or port.

::

    CONNECTED --LOST--> WAITING --DUE--> OPENING --FOUND--> CONNECTED
                          ^                 |
                          +-----LOST--------+

Waits double from `FIRST_WAIT_S` to `LONGEST_WAIT_S`, and begin anew once a headband has delivered. Lost and
found are said once each, however many attempts lie between.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
"""A sleeper who plugs the dongle in again is not left waiting longer."""


class SupervisorState(Enum):
    """What is true in each state."""

    OPENING = "opening"
    """An attempt to open the headband is due or under way."""
    CONNECTED = "connected"
    """Samples arrive."""
    WAITING = "waiting"
    """Lost; the next attempt is not due yet."""


class HeadbandEvent(Enum):
    """What befalls a headband."""

    FOUND = "found"
    LOST = "lost"
    DUE = "due"


TRANSITIONS: Mapping[SupervisorState, Mapping[HeadbandEvent, SupervisorState]] = {
    SupervisorState.OPENING: {
        HeadbandEvent.FOUND: SupervisorState.CONNECTED,
        HeadbandEvent.LOST: SupervisorState.WAITING,
    },
    SupervisorState.CONNECTED: {HeadbandEvent.LOST: SupervisorState.WAITING},
    SupervisorState.WAITING: {HeadbandEvent.DUE: SupervisorState.OPENING},
}
"""An event that is not listed changes nothing."""


class Supervisor:
    """Keeps one headband's state and waits."""

    def __init__(self) -> None:
        self.state = SupervisorState.OPENING
        self._wait_s = FIRST_WAIT_S
        self._due_s = 0.0
        self._told_lost = False

    def found(self) -> bool:
        """Note that samples arrive; tell whether to say that the headband is back."""
        self._move(HeadbandEvent.FOUND)
        self._wait_s = FIRST_WAIT_S
        told, self._told_lost = self._told_lost, False
        return told

    def lost(self, now_s: float) -> bool:
        """Note that the headband went away or cannot be opened; tell whether to say so."""
        self._move(HeadbandEvent.LOST)
        self._due_s = now_s + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, LONGEST_WAIT_S)
        told, self._told_lost = self._told_lost, True
        return not told

    def wait_s(self, now_s: float) -> float:
        """Tell the time until the next attempt; 0 when it is due."""
        left_s = self._due_s - now_s
        if self.state is SupervisorState.WAITING and left_s <= 0.0:
            self._move(HeadbandEvent.DUE)
        return max(0.0, left_s) if self.state is SupervisorState.WAITING else 0.0

    def _move(self, event: HeadbandEvent) -> None:
        self.state = TRANSITIONS[self.state].get(event, self.state)
