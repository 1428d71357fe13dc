"""When to connect again to a headband that went away: a state table, without clock or device.

::

    IDLE --START--> CONNECTING --OPENED--> CONNECTED --SAMPLES--> CONNECTED
                      |    ^                   |
                   FAILED  TIME_PASSED     FAILED, TIME_PASSED
                      v    |                   v
                     WAITING <-----------------+          any --STOP--> STOPPED

Time that passes is an event of the table only once it is due: the wait is over, or the connection has been
silent for too long. The loss of a headband is reported once, and so is its return, however many attempts lie
between. There is always another attempt. How long it waits depends on what went wrong: a headband that
dropped out is tried again at once, a radio that is switched off not so often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from sanctuary.config.errors import Cause
from sanctuary.signal.state_table import StateTable, apply_listed


class ConnectionState(Enum):
    """Where the connection stands."""

    IDLE = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    WAITING = auto()
    STOPPED = auto()


class ConnectionEvent(Enum):
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


class ConnectionAction(Enum):
    """What to do now."""

    CONNECT = auto()
    """Open a new connection and start it; then say `OPENED` or `FAILED`."""
    DISCONNECT = auto()
    REPORT_LOST = auto()
    REPORT_RECOVERED = auto()


TRANSITIONS: StateTable[ConnectionState, ConnectionEvent] = {
    ConnectionState.IDLE: {
        ConnectionEvent.START: ConnectionState.CONNECTING,
        ConnectionEvent.STOP: ConnectionState.STOPPED,
    },
    ConnectionState.CONNECTING: {
        ConnectionEvent.OPENED: ConnectionState.CONNECTED,
        ConnectionEvent.FAILED: ConnectionState.WAITING,
        ConnectionEvent.STOP: ConnectionState.STOPPED,
    },
    ConnectionState.CONNECTED: {
        ConnectionEvent.SAMPLES: ConnectionState.CONNECTED,
        ConnectionEvent.FAILED: ConnectionState.WAITING,
        ConnectionEvent.TIME_PASSED: ConnectionState.WAITING,
        ConnectionEvent.STOP: ConnectionState.STOPPED,
    },
    ConnectionState.WAITING: {
        ConnectionEvent.TIME_PASSED: ConnectionState.CONNECTING,
        ConnectionEvent.STOP: ConnectionState.STOPPED,
    },
    ConnectionState.STOPPED: {},
}
"""What a state does not list, such as samples from a connection already given up, changes nothing."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before trying again.

    Attributes
    ----------
    first_s, longest_s
        Before the first new attempt; it doubles with each that fails for the same cause, up to the longest.
    """

    first_s: float
    longest_s: float

    def __post_init__(self) -> None:
        if not 0.0 < self.first_s <= self.longest_s:
            raise ValueError(f"{self}: the first wait must be over 0 s, and not over the longest")


BACKOFFS: Mapping[Cause, Backoff] = {
    Cause.RADIO_OFF: Backoff(5.0, 30.0),
    Cause.NOT_FOUND: Backoff(1.0, 15.0),
    Cause.REFUSED: Backoff(2.0, 60.0),
    Cause.DROPPED: Backoff(0.5, 15.0),
    Cause.SILENT: Backoff(0.5, 30.0),
}
"""Headbands drop out for a moment and come back; what refuses now mostly waits for a person."""
JITTER = 0.5
"""Waits are spread over this share of themselves: pods that lost their headbands together, by a radio that
failed, do not all come back in the same instant."""


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long to wait for samples, and between attempts.

    Attributes
    ----------
    backoffs
        Waits by cause.
    silence_s
        A connection that brings no samples for this long is broken, though it says nothing.
    begin_s
        The same for a connection that has not brought any yet: some headbands take their time to begin.
    steady_s
        A connection that lasts this long was a good one: after it, waits begin at the shortest again.
    """

    backoffs: Mapping[Cause, Backoff] = field(default_factory=lambda: BACKOFFS)
    silence_s: float = 2.0
    begin_s: float = 5.0
    steady_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what would never wait for anything."""
        if min(self.silence_s, self.begin_s) <= 0.0 or self.steady_s < 0.0:
            raise ValueError(f"{self}: silence and begin must be over 0 s, the steady time 0 s or more")
        if missing := set(Cause) - set(self.backoffs):
            raise ValueError(f"no backoff for {', '.join(sorted(missing))}")


def same_backoff(first_s: float, longest_s: float) -> Mapping[Cause, Backoff]:
    """Give the same backoff whatever went wrong."""
    return dict.fromkeys(Cause, Backoff(first_s, longest_s))


class ReconnectSupervisor:
    """The state of one connection; pure.

    Parameters
    ----------
    policy
        How long to wait.
    jitter
        Gives numbers from 0 to 1 that spread the waits; 0.5 leaves them as they are.

    Attributes
    ----------
    cause
        Why it was lost; None while it is not.
    """

    def __init__(
        self, policy: ReconnectPolicy | None = None, jitter: Callable[[], float] = lambda: 0.5
    ) -> None:
        self._policy = policy if policy is not None else ReconnectPolicy()
        self._jitter = jitter
        self.state = ConnectionState.IDLE
        self.cause: Cause | None = None
        self._waited: tuple[Cause, float] | None = None
        self._due_s = 0.0
        self._opened_s = 0.0
        self._newest_s: float | None = None
        """When samples came last over this connection; None before the first."""

    @property
    def due_s(self) -> float | None:
        """When the next attempt is due; None unless waiting."""
        return self._due_s if self.state is ConnectionState.WAITING else None

    def handle(
        self, event: ConnectionEvent, now_s: float, cause: Cause = Cause.DROPPED
    ) -> list[ConnectionAction]:
        """Apply what happened at `now_s`, monotonic seconds, and why; returns what to do, in order."""
        if event is ConnectionEvent.TIME_PASSED and not self._is_time_up(now_s):
            return []
        before, self.state = self.state, apply_listed(TRANSITIONS, self.state, event)
        match self.state:
            case ConnectionState.CONNECTED if event is ConnectionEvent.SAMPLES:
                return self._on_samples(now_s)
            case after if after is before:
                return []
            case ConnectionState.CONNECTING:
                return [ConnectionAction.CONNECT]
            case ConnectionState.CONNECTED:
                self._opened_s, self._newest_s = now_s, None
                return []
            case ConnectionState.WAITING:
                if before is ConnectionState.CONNECTED and self._was_steady():
                    self._waited = None
                return self._on_loss(now_s, Cause.SILENT if event is ConnectionEvent.TIME_PASSED else cause)
            case _:
                return (
                    [ConnectionAction.DISCONNECT]
                    if before in (ConnectionState.CONNECTING, ConnectionState.CONNECTED)
                    else []
                )

    def _is_time_up(self, now_s: float) -> bool:
        """Tell whether a wait is over, or a connection has been silent for too long."""
        if self.state is ConnectionState.WAITING:
            return now_s >= self._due_s
        if self._newest_s is None:
            return now_s - self._opened_s >= self._policy.begin_s
        return now_s - self._newest_s >= self._policy.silence_s

    def _was_steady(self) -> bool:
        return self._newest_s is not None and self._newest_s - self._opened_s >= self._policy.steady_s

    def _on_samples(self, now_s: float) -> list[ConnectionAction]:
        self._newest_s = now_s
        lost, self.cause = self.cause is not None, None
        return [ConnectionAction.REPORT_RECOVERED] if lost else []

    def _on_loss(self, now_s: float, cause: Cause) -> list[ConnectionAction]:
        backoff = self._policy.backoffs[cause]
        wait_s = backoff.first_s
        if self._waited is not None and self._waited[0] is cause:
            wait_s = min(2.0 * self._waited[1], backoff.longest_s)
        self._waited = (cause, wait_s)
        self._due_s = now_s + wait_s * (1.0 + JITTER * (self._jitter() - 0.5))
        reported, self.cause = self.cause is not None, cause
        return (
            [ConnectionAction.DISCONNECT]
            if reported
            else [ConnectionAction.REPORT_LOST, ConnectionAction.DISCONNECT]
        )
