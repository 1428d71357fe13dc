"""A window from proposal to close, and the leases that hold it open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from sanctuary.pods.coordinator.circle import Circle
from sanctuary.pods.protocol.messages import LeaseMessage, OfferArgs
from sanctuary.pods.protocol.records import WindowRecord


class WindowPhase(StrEnum):
    """Where a window stands."""

    PROPOSED = "proposed"
    """Offers are out to at least k eligible pods. Nothing plays."""
    OPEN = "open"
    """At least k live leases when it opened; kept alive by `extend` while there are k (C1, C4)."""
    CLOSED = "closed"
    """No pod is kept in it any more; those that miss `close` fall silent when their time runs out."""


class WindowTrigger(StrEnum):
    """What moves a window."""

    QUORUM_LEASED = "quorum_leased"
    END = "end"


WINDOW_TRANSITIONS: Mapping[WindowPhase, Mapping[WindowTrigger, WindowPhase]] = {
    WindowPhase.PROPOSED: {
        WindowTrigger.QUORUM_LEASED: WindowPhase.OPEN,
        WindowTrigger.END: WindowPhase.CLOSED,
    },
    WindowPhase.OPEN: {WindowTrigger.END: WindowPhase.CLOSED},
    WindowPhase.CLOSED: {},
}


class LeaseReason(StrEnum):
    """Why a lease was not taken."""

    UNREADABLE = "unreadable"
    """Malformed, unsigned, or of a pod that is in no circle."""
    OTHER_SITE = "other_site"
    OTHER_POD = "other_pod"
    OTHER_TERM = "other_term"
    NO_WINDOW = "no_such_window"
    NO_OFFER = "no_such_offer"
    REPEATED = "repeated"
    """Not newer than the last of this boot: a duplicate or replay."""
    LAPSED = "lapsed"
    """Older on arrival than its own life."""


@dataclass
class LiveLease:
    """The newest lease of one pod."""

    expires_s: float
    playing: bool


@dataclass
class WindowRun:
    """One window.

    Attributes
    ----------
    deadline_s
        When the proposal falls through.
    offers, offered_until_s
        The newest offer to each pod, and until when it may be answered.
    opened_s
        When each pod was last sent `open`.
    zero_s, end_s
        Zero of the design and end of the window, once open.
    answers
        When each pod was asked to begin an answer to an eye signal.
    """

    id: str
    circle: Circle
    term: int
    deadline_s: float
    gateway: str = ""
    phase: WindowPhase = WindowPhase.PROPOSED
    offers: dict[str, OfferArgs] = field(default_factory=dict)
    offered_until_s: dict[str, float] = field(default_factory=dict)
    leases: dict[str, LiveLease] = field(default_factory=dict)
    opened_s: dict[str, float] = field(default_factory=dict)
    zero_s: float = inf
    end_s: float = inf
    valid_until_s: float | None = None
    extend_due_s: float = -inf
    answers: dict[str, list[float]] = field(default_factory=dict)

    def move(self, trigger: WindowTrigger) -> None:
        """Follow the table.

        Raises
        ------
        LookupError
            The table knows no such move.
        """
        moves = WINDOW_TRANSITIONS[self.phase]
        if trigger not in moves:
            raise LookupError(f"window {self.id}: {trigger} does not apply in state {self.phase}")
        self.phase = moves[trigger]

    def take(self, lease: LeaseMessage, now_s: float) -> LeaseReason | None:
        """Take a lease that was found genuine and new, or give the reason why not.

        A pod's clock may be ahead, never to its gain: a lease lives `ttl_s` from its arrival at most.
        """
        offer = self.offers.get(lease.pod)
        if offer is None or (lease.offer, lease.nonce, lease.circle) != (
            offer.offer,
            offer.nonce,
            offer.circle,
        ):
            return LeaseReason.NO_OFFER
        if lease.ttl_s == 0.0:
            self.drop(lease.pod)
            return None
        expires_s = min(lease.issued_at_s, now_s) + lease.ttl_s
        if expires_s <= now_s:
            return LeaseReason.LAPSED
        self.leases[lease.pod] = LiveLease(expires_s, lease.playing)
        return None

    def drop(self, pod: str) -> None:
        """Let go of a pod that left; it may be offered a place again."""
        self.leases.pop(pod, None)
        self.opened_s.pop(pod, None)

    def live(self, now_s: float) -> list[str]:
        """Name the pods with a live lease."""
        return sorted(pod for pod, lease in self.leases.items() if lease.expires_s > now_s)

    def playing(self, now_s: float) -> list[str]:
        """Name the pods with a live lease that are in the window already."""
        return [pod for pod in self.live(now_s) if self.leases[pod].playing]

    def holds(self, pod: str, now_s: float) -> bool:
        """Tell whether `pod` is in this window, or could still answer its offer."""
        lease = self.leases.get(pod)
        leased = lease is not None and lease.expires_s > now_s
        return leased or self.offered_until_s.get(pod, -inf) > now_s

    def record(
        self,
        event: str,
        now_s: float,
        reason: str = "",
        contenders: Mapping[str, float | None] | None = None,
    ) -> WindowRecord:
        """Describe a change of this window for the log; `contenders` go with ``proposed``."""
        return {
            "kind": "window",
            "t_s": now_s,
            "gateway": self.gateway,
            "circle": self.circle.id,
            "window": self.id,
            "event": event,  # type: ignore[typeddict-item]
            "term": self.term,
            "quorum": self.circle.quorum,
            "live": self.live(now_s),
            "valid_until_s": self.valid_until_s,
            "reason": str(reason),
            "contenders": dict(contenders or {}),
        }
