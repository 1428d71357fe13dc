"""The pod's states and every way between them.

The table is the whole truth: a trigger that a state does not list is a mistake of the caller, raises and
changes nothing. What goes out with a move (silence, a lease, a record) is `Pod`'s business, and so is what
must be true before a trigger is used. `docs/images/pod-states.svg` is drawn from it.

* Only `IN_WINDOW` may sound, and only `OPEN` after `LEASE` leads there.
* From every state, the stop control and a withdrawal lead to a latch that nothing but a person's reset ends.
* What broke off while it was going on (link, headband, sleep: `LINK_DOWN`, `FALTER`), or what a person had
  stopped, must be proved anew: those ways lead through `REQUALIFYING`, which `PROVED` alone leaves for
  `IDLE`. What ends in order (`LEAVE`) leads to `IDLE` directly.
* A lost link changes nothing while latched; a reset without a link goes on to `CUT_OFF`.
"""

from __future__ import annotations

from enum import StrEnum

from sanctuary.signal.state_table import StateTable


class PodPhase(StrEnum):
    """Where a pod stands."""

    OFFLINE = "offline"
    """No broker since the pod was switched on. No lease, no window, nothing sounds."""
    CUT_OFF = "cut_off"
    """The broker was lost, or the pod was restarted in the midst of things. Else as `OFFLINE`."""
    IDLE = "idle"
    """Link up. The sleeper is not in stable REM, or is not willing, or the clock is not sure."""
    REQUALIFYING = "requalifying"
    """Link up, after an interruption. Stable REM has not yet been seen without a break for long enough."""
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
    """The window or offer ended in order."""
    FALTER = "falter"
    """The proof of stable REM broke off: arousal, another stage, or no good data."""
    PROVED = "proved"
    """Stable REM, without a break, for `PodSettings.requalify_s`."""
    STOP = "stop"
    WITHDRAW = "withdraw"
    RESET = "reset"


ENGAGED = frozenset({PodPhase.LEASED, PodPhase.IN_WINDOW})
"""States in which a lease is out."""
LATCHED = frozenset({PodPhase.STOPPED, PodPhase.WITHDRAWN})
"""States that only a person's reset ends."""
INTERRUPTED = frozenset({PodPhase.CUT_OFF, PodPhase.REQUALIFYING, *ENGAGED})
"""States in which a restart would leave something to prove anew."""

_P, _T = PodPhase, Trigger
_STOPS = {_T.STOP: _P.STOPPED, _T.WITHDRAW: _P.WITHDRAWN}
_DOWN = {_T.LINK_DOWN: _P.CUT_OFF, **_STOPS}
_OUT = {_T.LEAVE: _P.IDLE, _T.FALTER: _P.REQUALIFYING, **_DOWN}

TRANSITIONS: StateTable[PodPhase, Trigger] = {
    _P.OFFLINE: {_T.LINK_UP: _P.IDLE, **_STOPS},
    _P.CUT_OFF: {_T.LINK_UP: _P.REQUALIFYING, **_STOPS},
    _P.IDLE: {_T.READY: _P.ELIGIBLE, **_DOWN},
    _P.REQUALIFYING: {_T.PROVED: _P.IDLE, **_DOWN},
    _P.ELIGIBLE: {_T.UNREADY: _P.IDLE, _T.LEASE: _P.LEASED, **_DOWN},
    _P.LEASED: {_T.OPEN: _P.IN_WINDOW, **_OUT},
    _P.IN_WINDOW: _OUT,
    _P.STOPPED: {_T.RESET: _P.REQUALIFYING, **_STOPS},
    _P.WITHDRAWN: {_T.RESET: _P.REQUALIFYING, _T.STOP: _P.WITHDRAWN, _T.WITHDRAW: _P.WITHDRAWN},
}
