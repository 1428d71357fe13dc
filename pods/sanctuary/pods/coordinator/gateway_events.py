"""What reaches a gateway, when, and what its leadership asks for.

Events are in the past tense; their payloads are as received, their names are those in the topic. Effects are
imperative, and are to be done in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sanctuary.pods.effects import Publish, Record


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on both clocks.

    Attributes
    ----------
    t_s
        The sanctuary clock, seconds: stands in commands and records; may be set.
    boottime_s
        This computer's own clock, seconds, for authority and fences; it is never set and runs on while the
        computer sleeps.
    """

    # The shell reads `t_s` first. Should the process be suspended between the two readings, then `boottime_s`
    # is the later one: authority is found to have ended, and no command is made. The other way round a
    # command would be given a life that begins after the authority for it has ended.
    t_s: float
    boottime_s: float


# --- of pods ---


@dataclass(frozen=True, slots=True)
class PodStateReceived:
    """A snapshot came on ``up/state``, perhaps an old retained one."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class PodStatusReceived:
    """A pod came or went; the broker sends the latter on its behalf when it dies."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LeaseReceived:
    """A signed lease came on ``up/event/lease``."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class EyeSignalReceived:
    """A signed eye signal came on ``up/event/eye-signal``."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """A reply came on ``up/reply``: what a pod did with a command, perhaps one of another gateway."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class GatewayTicked:
    """Time passed. The shell ticks at least once a second, better four times."""


CoordinatorEvent = (
    PodStateReceived | PodStatusReceived | LeaseReceived | EyeSignalReceived | ReplyReceived | GatewayTicked
)

# --- of gateways and the broker ---


@dataclass(frozen=True, slots=True)
class ClaimReceived:
    """A signed claim to a circle came: an old retained one, another gateway's, or our own come back."""

    circle: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class GatewayStatusReceived:
    """A gateway came or went; the broker sends the latter on its behalf when it dies."""

    gateway: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class BrokerLinkLost:
    """The link to the broker is down."""


@dataclass(frozen=True, slots=True)
class BrokerLinkRestored:
    """The link to the broker is up, and every subscription in force."""


@dataclass(frozen=True, slots=True)
class MessagesLost:
    """Messages were dropped before they were read; a claim may have been among them."""


LeadershipEvent = ClaimReceived | GatewayStatusReceived | BrokerLinkLost | BrokerLinkRestored | MessagesLost
GatewayEvent = CoordinatorEvent | LeadershipEvent

# --- effects of leadership ---


class ClosingReason(StrEnum):
    """Why a window closes; stands in `close` commands and in the records of windows."""

    NO_QUORUM = "no_quorum"
    """Too few answered the offer; nothing was played."""
    QUORUM_LOST = "quorum_lost"
    """Live leases fell below k (C4)."""
    DESIGN_DONE = "design_done"
    MAX_LENGTH = "max_length"
    HANDED_OVER = "handed_over"
    """Another gateway takes the circle, in order."""
    STOPPED = "stopped"
    """This gateway ends its work, in order."""
    TERM_RAISED = "term_raised"
    """A pod knows a higher term than the one that the window was opened in."""
    CLOCK_SET = "clock_set"
    """The sanctuary clock was set back under this gateway."""

    # For the following no `close` is sent, for want of authority; pods fall silent when their time runs out.
    SUPERSEDED = "superseded"
    """A higher claim was received."""
    LINK_LOST = "link_lost"
    """This gateway lost the broker."""
    CONTESTED = "contested"
    """This gateway was cut off, and meanwhile another one claimed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The coordinator may command a circle from now on.

    Attributes
    ----------
    last_window_end_s
        End of the circle's last window as far as claims tell, UTC seconds; None if they tell of none.
    """

    circle: str
    term: int
    last_window_end_s: float | None


@dataclass(frozen=True, slots=True)
class Suspend:
    """The coordinator may not command a circle until the next `Hold`."""

    circle: str


@dataclass(frozen=True, slots=True)
class Release:
    """The coordinator gives a circle up; where not `orderly` it has no authority to close anything."""

    circle: str
    reason: ClosingReason
    orderly: bool


@dataclass(frozen=True, slots=True)
class StoreTerm:
    """Store over a restart that terms up to this one are used up, before what follows is sent."""

    term: int


@dataclass(frozen=True, slots=True)
class WarnOperators:
    """Warn the people who run the site, once."""

    text: str


LeadershipEffect = Publish | Record | Hold | Suspend | Release | StoreTerm | WarnOperators
