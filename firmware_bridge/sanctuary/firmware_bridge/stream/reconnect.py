"""When to connect again to a headband that went away: a state table, without clock or device.

::

    IDLE --start--> CONNECTING --opened--> CONNECTED --samples--> CONNECTED
                      |    ^                   |
                 failed  time passed        failed, or silent for too long
                      v    |                   v
                     WAITING <-----------------+          any --stop--> STOPPED

People hear once that the headband is lost and once that it is back, however many attempts lie between. There
is always another attempt. How long it waits depends on what went wrong: a headband that dropped out is tried
again at once, a radio that is switched off not so often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from sanctuary.config.errors import Cause


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
class Patience:
    """How long to wait before trying again.

    Attributes
    ----------
    first_s, longest_s
        Before the first new attempt; it doubles with each that fails for the same cause, up to the longest.
    """

    first_s: float
    longest_s: float

    def __post_init__(self) -> None:
        """Refuse what would never wait, or never end."""
        if not 0.0 < self.first_s <= self.longest_s:
            raise ValueError(f"{self}: the first wait must be over 0 s, and not over the longest")


PATIENCE: Mapping[Cause, Patience] = {
    Cause.RADIO_OFF: Patience(5.0, 30.0),
    Cause.NOT_FOUND: Patience(1.0, 15.0),
    Cause.REFUSED: Patience(2.0, 60.0),
    Cause.DROPPED: Patience(0.5, 15.0),
    Cause.SILENT: Patience(0.5, 30.0),
}
"""Headbands drop out for a moment and come back; what refuses now mostly waits for a person."""
JITTER = 0.5
"""Waits are spread over this share of themselves: pods that lost their headbands together, by a radio that
failed, do not all come back in the same instant."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be.

    Attributes
    ----------
    patience
        Waits by cause.
    silence_s
        A connection that brings no samples for this long is broken, though it says nothing.
    begin_s
        The same for a connection that has not brought any yet: some headbands take their time to begin.
    steady_s
        A connection that lasts this long was a good one: after it, waits begin at the shortest again.
    """

    patience: Mapping[Cause, Patience] = field(default_factory=lambda: PATIENCE)
    silence_s: float = 2.0
    begin_s: float = 5.0
    steady_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what would never wait for anything."""
        if min(self.silence_s, self.begin_s) <= 0.0 or self.steady_s < 0.0:
            raise ValueError(f"{self}: silence and begin must be over 0 s, the steady time 0 s or more")
        if missing := set(Cause) - set(self.patience):
            raise ValueError(f"no patience for {', '.join(sorted(missing))}")


def alike(first_s: float, longest_s: float) -> Mapping[Cause, Patience]:
    """Give the same patience whatever went wrong."""
    return dict.fromkeys(Cause, Patience(first_s, longest_s))


class Supervisor:
    """The state of one connection; pure.

    Parameters
    ----------
    policy
        How patient to be.
    jitter
        Gives numbers from 0 to 1 that spread the waits; 0.5 leaves them as they are.

    Attributes
    ----------
    cause
        Why it was lost; None while it is not.
    """

    def __init__(self, policy: Policy | None = None, jitter: Callable[[], float] = lambda: 0.5) -> None:
        self._policy = policy if policy is not None else Policy()
        self._jitter = jitter
        self.state = State.IDLE
        self.cause: Cause | None = None
        self._waited: tuple[Cause, float] | None = None
        self._due_s = 0.0
        self._opened_s = 0.0
        self._heard_s: float | None = None
        self._table: dict[tuple[State, Happened], Callable[[float, Cause], list[Action]]] = {
            (State.IDLE, Happened.START): self._connect,
            (State.CONNECTING, Happened.OPENED): self._opened,
            (State.CONNECTING, Happened.FAILED): self._lose,
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

    def handle(self, event: Happened, now_s: float, cause: Cause = Cause.DROPPED) -> list[Action]:
        """Take what happened at `now_s`, monotonic seconds, and why; returns what to do, in order.

        What cannot happen in a state, such as samples from a connection already given up, changes nothing.
        """
        rule = self._table.get((self.state, event))
        return rule(now_s, cause) if rule is not None else []

    def _connect(self, _now_s: float, _cause: Cause) -> list[Action]:
        self.state = State.CONNECTING
        return [Action.CONNECT]

    def _connect_if_due(self, now_s: float, cause: Cause) -> list[Action]:
        return self._connect(now_s, cause) if now_s >= self._due_s else []

    def _opened(self, now_s: float, _cause: Cause) -> list[Action]:
        self.state = State.CONNECTED
        self._opened_s, self._heard_s = now_s, None
        return []

    def _heard(self, now_s: float, _cause: Cause) -> list[Action]:
        self._heard_s = now_s
        lost, self.cause = self.cause is not None, None
        return [Action.SAY_RECOVERED] if lost else []

    def _broken(self, now_s: float, cause: Cause) -> list[Action]:
        if self._heard_s is not None and self._heard_s - self._opened_s >= self._policy.steady_s:
            self._waited = None
        return self._lose(now_s, cause)

    def _broken_if_silent(self, now_s: float, _cause: Cause) -> list[Action]:
        since_s, patience_s = self._heard_s, self._policy.silence_s
        if since_s is None:
            since_s, patience_s = self._opened_s, self._policy.begin_s
        return self._broken(now_s, Cause.SILENT) if now_s - since_s >= patience_s else []

    def _stop(self, _now_s: float, _cause: Cause) -> list[Action]:
        connected = self.state in (State.CONNECTING, State.CONNECTED)
        self.state = State.STOPPED
        return [Action.DISCONNECT] if connected else []

    def _lose(self, now_s: float, cause: Cause) -> list[Action]:
        self.state = State.WAITING
        patience = self._policy.patience[cause]
        wait_s = patience.first_s
        if self._waited is not None and self._waited[0] is cause:
            wait_s = min(2.0 * self._waited[1], patience.longest_s)
        self._waited = (cause, wait_s)
        self._due_s = now_s + wait_s * (1.0 + JITTER * (self._jitter() - 0.5))
        told, self.cause = self.cause is not None, cause
        return [Action.DISCONNECT] if told else [Action.SAY_LOST, Action.DISCONNECT]
