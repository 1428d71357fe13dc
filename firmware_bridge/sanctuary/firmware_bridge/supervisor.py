"""When to connect again to a headband that went away: a state table, without clock or device.

::

    IDLE --start--> CONNECTING --opened--> CONNECTED --samples--> CONNECTED
                      |    ^                   |
                 failed  time passed        failed, or silent for too long
                      v    |                   v
                     WAITING <-----------------+          any --stop--> STOPPED

People hear once that the headband is lost and once that it is back, however many attempts lie between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto


class State(Enum):
    """Where the connection stands."""

    IDLE = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    WAITING = auto()
    STOPPED = auto()


class Happened(Enum):
    """What can happen to a connection."""

    START = auto()
    OPENED = auto()
    SAMPLES = auto()
    """Samples came."""
    FAILED = auto()
    """It could not be opened, or broke."""
    TIME_PASSED = auto()
    """Nothing came."""
    STOP = auto()


class Action(Enum):
    """What to do now."""

    CONNECT = auto()
    """Open a new connection and start it; then say `OPENED` or `FAILED`."""
    DISCONNECT = auto()
    SAY_LOST = auto()
    SAY_RECOVERED = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be.

    Attributes
    ----------
    first_wait_s, longest_wait_s
        Time before the first new attempt; it doubles with each that fails, up to the longest.
    silence_s
        A connection that brings no samples for this long is broken, though it says nothing.
    steady_s
        A connection that lasts this long was a good one: after it, waits begin at the shortest again.
    """

    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    silence_s: float = 5.0
    steady_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what would never wait, or never end."""
        if not 0.0 < self.first_wait_s <= self.longest_wait_s:
            raise ValueError(f"{self}: the first wait must be over 0 s, and not over the longest")
        if self.silence_s <= 0.0 or self.steady_s < 0.0:
            raise ValueError(f"{self}: the silence must be over 0 s, the steady time 0 s or more")


class Supervisor:
    """The state of one connection; pure.

    Parameters
    ----------
    policy
        How patient to be.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy if policy is not None else Policy()
        self.state = State.IDLE
        self._wait_s = self._policy.first_wait_s
        self._due_s = 0.0
        self._opened_s = 0.0
        self._heard_s = 0.0
        self._said_lost = False
        self._table: dict[tuple[State, Happened], Callable[[float], list[Action]]] = {
            (State.IDLE, Happened.START): self._connect,
            (State.CONNECTING, Happened.OPENED): self._opened,
            (State.CONNECTING, Happened.FAILED): self._not_opened,
            (State.CONNECTED, Happened.SAMPLES): self._heard,
            (State.CONNECTED, Happened.TIME_PASSED): self._broken_if_silent,
            (State.CONNECTED, Happened.FAILED): self._broken,
            (State.WAITING, Happened.TIME_PASSED): self._connect_if_due,
            (State.IDLE, Happened.STOP): self._stop,
            (State.CONNECTING, Happened.STOP): self._stop,
            (State.CONNECTED, Happened.STOP): self._stop,
            (State.WAITING, Happened.STOP): self._stop,
        }

    @property
    def due_s(self) -> float | None:
        """When the next attempt is due; None unless waiting."""
        return self._due_s if self.state is State.WAITING else None

    def handle(self, event: Happened, now_s: float) -> list[Action]:
        """Take what happened at `now_s`, monotonic seconds; returns what to do, in order.

        What cannot happen in a state, such as samples from a connection already given up, changes nothing.
        """
        rule = self._table.get((self.state, event))
        return rule(now_s) if rule is not None else []

    def _connect(self, _now_s: float) -> list[Action]:
        self.state = State.CONNECTING
        return [Action.CONNECT]

    def _connect_if_due(self, now_s: float) -> list[Action]:
        return self._connect(now_s) if now_s >= self._due_s else []

    def _opened(self, now_s: float) -> list[Action]:
        self.state = State.CONNECTED
        self._opened_s = self._heard_s = now_s
        return []

    def _heard(self, now_s: float) -> list[Action]:
        self._heard_s = now_s
        said, self._said_lost = self._said_lost, False
        return [Action.SAY_RECOVERED] if said else []

    def _not_opened(self, now_s: float) -> list[Action]:
        return [Action.DISCONNECT, *self._lose(now_s)]

    def _broken(self, now_s: float) -> list[Action]:
        if self._heard_s - self._opened_s >= self._policy.steady_s:
            self._wait_s = self._policy.first_wait_s
        return [Action.DISCONNECT, *self._lose(now_s)]

    def _broken_if_silent(self, now_s: float) -> list[Action]:
        return self._broken(now_s) if now_s - self._heard_s >= self._policy.silence_s else []

    def _stop(self, _now_s: float) -> list[Action]:
        connected = self.state in (State.CONNECTING, State.CONNECTED)
        self.state = State.STOPPED
        return [Action.DISCONNECT] if connected else []

    def _lose(self, now_s: float) -> list[Action]:
        self.state = State.WAITING
        self._due_s = now_s + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, self._policy.longest_wait_s)
        said, self._said_lost = self._said_lost, True
        return [] if said else [Action.SAY_LOST]
