"""The pod's states and every way between them.

The table is the whole truth: a trigger that a state does not list is a mistake of the caller, raises and
changes nothing. What goes out with a move (silence, a lease, a record) is `Pod`'s business. From every
state, the stop control, a withdrawal and (unless latched) a lost link lead out of anything that could
sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PodPhase(StrEnum):
    """Where a pod stands."""

    OFFLINE = "offline"
    """No broker. No lease, no window, nothing sounds."""
    IDLE = "idle"
    """Link up. The sleeper is not in stable REM, or is not willing, or the clock is not sure."""
    ELIGIBLE = "eligible"
    """Stable REM on fresh data, a grant in force for some circle, clock sure. No lease given."""
    LEASED = "leased"
    """As `ELIGIBLE`, and a lease for one offer is out and renewed. The window is not open here."""
    IN_WINDOW = "in_window"
    """As `LEASED`, and `open` has come. From `start_at_s` on, steps may sound."""
    STOPPED = "stopped"
    """The stop control was used. Nothing sounds until a person resets, whatever the link does."""
    WITHDRAWN = "withdrawn"
    """Consent was withdrawn. As `STOPPED`; after the reset a new grant is needed as well."""


class Trigger(StrEnum):
    """What moves a pod."""

    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    READY = "ready"
    UNREADY = "unready"
    LEASE = "lease"
    OPEN = "open"
    LEAVE = "leave"
    STOP = "stop"
    WITHDRAW = "withdraw"
    RESET = "reset"


ENGAGED = frozenset({PodPhase.LEASED, PodPhase.IN_WINDOW})
"""States in which a lease is out."""
LATCHED = frozenset({PodPhase.STOPPED, PodPhase.WITHDRAWN})
"""States that only a person's reset ends."""

_P, _T = PodPhase, Trigger
_STOPS = {_T.STOP: _P.STOPPED, _T.WITHDRAW: _P.WITHDRAWN}

TRANSITIONS: Mapping[PodPhase, Mapping[Trigger, PodPhase]] = {
    _P.OFFLINE: {_T.LINK_UP: _P.IDLE, **_STOPS},
    _P.IDLE: {_T.READY: _P.ELIGIBLE, _T.LINK_DOWN: _P.OFFLINE, **_STOPS},
    _P.ELIGIBLE: {_T.UNREADY: _P.IDLE, _T.LEASE: _P.LEASED, _T.LINK_DOWN: _P.OFFLINE, **_STOPS},
    _P.LEASED: {_T.OPEN: _P.IN_WINDOW, _T.LEAVE: _P.IDLE, _T.LINK_DOWN: _P.OFFLINE, **_STOPS},
    _P.IN_WINDOW: {_T.LEAVE: _P.IDLE, _T.LINK_DOWN: _P.OFFLINE, **_STOPS},
    _P.STOPPED: {_T.RESET: _P.IDLE, **_STOPS},
    _P.WITHDRAWN: {_T.RESET: _P.IDLE, _T.STOP: _P.WITHDRAWN, _T.WITHDRAW: _P.WITHDRAWN},
}


def after(phase: PodPhase, trigger: Trigger) -> PodPhase:
    """Look up a move.

    Raises
    ------
    LookupError
        `phase` knows no such trigger.
    """
    moves = TRANSITIONS[phase]
    if trigger not in moves:
        raise LookupError(f"pod: {trigger} does not apply in state {phase}")
    return moves[trigger]
