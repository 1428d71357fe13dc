"""Where a gateway stands with one circle, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class SeatPhase(StrEnum):
    """Where a gateway stands with one circle."""

    DEAF = "deaf"
    """No link: nothing is heard, nothing is held."""
    WATCHING = "watching"
    """Another gateway holds the circle, or nobody does yet."""
    CLAIMED = "claimed"
    """Our claim is out and has not come back."""
    FENCED = "fenced"
    """It has come back; commands of a former holder may still be in force."""
    HOLDING = "holding"
    """Ours to command."""
    SUSPENDED = "suspended"
    """Ours, but our claims have not come back for a while: nothing is commanded."""


class SeatTrigger(StrEnum):
    """What moves a gateway."""

    LINK_RESTORED = "link_restored"
    LINK_LOST = "link_lost"
    CLAIM = "claim"
    """Nobody else seems to hold the circle, and it is our turn."""
    ECHO = "echo"
    """Our claim came back."""
    CLEAR = "clear"
    """Our authority is in force, and no command of another can be."""
    LAPSE = "lapse"
    """No claim of ours came back for too long."""
    CONTEST = "contest"
    """Authority is back, but meanwhile another gateway claimed."""
    OUTBID = "outbid"
    """A higher claim was heard."""
    GIVE_UP = "give_up"
    """In order: to hand over, or to stop."""


_P, _T = SeatPhase, SeatTrigger
_ALWAYS = {_T.LINK_LOST: _P.DEAF}
_IN_PLAY = _ALWAYS | {_T.OUTBID: _P.WATCHING, _T.GIVE_UP: _P.WATCHING}

SEAT_TRANSITIONS: Mapping[SeatPhase, Mapping[SeatTrigger, SeatPhase]] = {
    _P.DEAF: _ALWAYS | {_T.LINK_RESTORED: _P.WATCHING},
    _P.WATCHING: _ALWAYS | {_T.CLAIM: _P.CLAIMED},
    _P.CLAIMED: _IN_PLAY | {_T.ECHO: _P.FENCED},
    _P.FENCED: _IN_PLAY | {_T.CLEAR: _P.HOLDING},
    _P.HOLDING: _IN_PLAY | {_T.LAPSE: _P.SUSPENDED},
    _P.SUSPENDED: _IN_PLAY | {_T.CLEAR: _P.HOLDING, _T.CONTEST: _P.FENCED},
}
HELD = frozenset({SeatPhase.HOLDING, SeatPhase.SUSPENDED})
"""The coordinator knows the circle as ours."""
IN_PLAY = HELD | {SeatPhase.CLAIMED, SeatPhase.FENCED}
"""We claim."""
