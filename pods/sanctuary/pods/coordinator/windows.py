"""A window from proposal to close, and the leases that keep it open (C1, C4).

A window is proposed to the members of a circle that could come, opens on live leases of at least k of them,
and is extended while there are k. What is sent to pods is in `commands`; when, in `coordinator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from nacl.signing import VerifyKey

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.circle import Circle
from sanctuary.pods.effects import Record
from sanctuary.pods.protocol.envelope import open_lease
from sanctuary.pods.protocol.gateway_records import LeaseRecord, WindowEvent, WindowRecord
from sanctuary.pods.protocol.messages import LeaseMessage, OfferArgs
from sanctuary.signal.state_table import StateTable, apply


class WindowPhase(StrEnum):
    """Where a window stands."""

    PROPOSED = "proposed"
    """Offers are out to at least k eligible pods. Nothing plays."""
    OPEN = "open"
    """At least k live leases when it opened; kept open by `extend` while there are k (C1, C4)."""
    CLOSED = "closed"
    """No pod is kept in it any more; those that miss `close` fall silent when their time runs out."""


class WindowTrigger(StrEnum):
    """What moves a window."""

    QUORUM_LEASED = "quorum_leased"
    END = "end"


WINDOW_TRANSITIONS: StateTable[WindowPhase, WindowTrigger] = {
    WindowPhase.PROPOSED: {
        WindowTrigger.QUORUM_LEASED: WindowPhase.OPEN,
        WindowTrigger.END: WindowPhase.CLOSED,
    },
    WindowPhase.OPEN: {WindowTrigger.END: WindowPhase.CLOSED},
    WindowPhase.CLOSED: {},
}


class LeaseReason(StrEnum):
    """Why a lease was refused."""

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
    """The newest lease of one pod; `expires_s` on the sanctuary clock."""

    expires_s: float
    playing: bool


@dataclass
class WindowRun:
    """One window; all times are seconds on the sanctuary clock.

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
    valid_until_s
        Until when pods may stay on the strength of all commands so far; None before `open`.
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
        """Follow the table; raises `LookupError` where it lists no such move, and changes nothing."""
        self.phase = apply(WINDOW_TRANSITIONS, self.phase, trigger, of=f"window {self.id}")

    def open(self, now_s: float, settings: CoordinatorSettings) -> None:
        """Open on the leases that live; the design begins `lead_s` from now."""
        self.move(WindowTrigger.QUORUM_LEASED)
        self.zero_s = now_s + settings.lead_s
        self.end_s = min(now_s + settings.max_window_s, self.design_end_s)
        self.valid_until_s = min(now_s + settings.valid_for_s, self.end_s)
        self.extend_due_s = now_s + settings.extend_every_s

    @property
    def design_end_s(self) -> float:
        """When the design has been played once it has begun; infinite for one that repeats."""
        return self.zero_s + self.circle.design_end_s

    @property
    def plays_to_the_end(self) -> bool:
        return self.end_s == self.design_end_s

    def accept(self, lease: LeaseMessage, now_s: float) -> LeaseReason | None:
        """Enter a lease that `LeaseGuard` found genuine and new; give the reason where it is refused."""
        offer = self.offers.get(lease.pod)
        if offer is None or (lease.offer, lease.nonce, lease.circle) != (
            offer.offer,
            offer.nonce,
            offer.circle,
        ):
            return LeaseReason.NO_OFFER
        if lease.ttl_s == 0.0:  # the pod takes its promise back
            self.drop(lease.pod)
            return None
        expires_s = expiry_s(lease, now_s)
        if expires_s <= now_s:
            return LeaseReason.LAPSED
        self.leases[lease.pod] = LiveLease(expires_s, lease.playing)
        return None

    def drop(self, pod: str) -> None:
        """Remove a pod that left; it may be offered a place again."""
        self.leases.pop(pod, None)
        self.opened_s.pop(pod, None)

    def live(self, now_s: float) -> list[str]:
        """Name the pods with a live lease, in alphabetical order."""
        return sorted(pod for pod, lease in self.leases.items() if lease.expires_s > now_s)

    def playing(self, now_s: float) -> list[str]:
        """Name the pods with a live lease that are in the window already, in alphabetical order."""
        return [pod for pod in self.live(now_s) if self.leases[pod].playing]

    def holds(self, pod: str, now_s: float) -> bool:
        """Tell whether `pod` is in this window, or could still answer its offer."""
        lease = self.leases.get(pod)
        leased = lease is not None and lease.expires_s > now_s
        return leased or self.offered_until_s.get(pod, -inf) > now_s

    def record(
        self,
        event: WindowEvent,
        now_s: float,
        reason: str = "",
        contenders: Mapping[str, float | None] | None = None,
    ) -> WindowRecord:
        """Describe a change of this window for the log; `contenders` go with ``proposed``."""
        return WindowRecord(
            t_s=now_s,
            gateway=self.gateway,
            circle=self.circle.id,
            window=self.id,
            event=event,
            term=self.term,
            quorum=self.circle.quorum,
            live=tuple(self.live(now_s)),
            valid_until_s=self.valid_until_s,
            reason=str(reason),
            contenders=dict(contenders or {}),
        )


class LeaseGuard:
    """Admits leases that are genuine, of the right term and offer, and newer than the last.

    Parameters
    ----------
    site
        Id of the sanctuary.
    keys
        That sign the leases of each pod.
    """

    def __init__(self, site: str, keys: Mapping[str, VerifyKey]) -> None:
        self._site = site
        self._keys = keys
        self._seqs: dict[str, tuple[str, int]] = {}

    def read(self, pod: str, payload: bytes) -> LeaseMessage | None:
        """Check the signature and read; None for what is not a lease of this pod's key."""
        try:
            return open_lease(payload, self._keys[pod])
        except (KeyError, ProtocolError):
            return None

    def admit(self, pod: str, lease: LeaseMessage, run: WindowRun | None, now_s: float) -> LeaseReason | None:
        """Enter a lease into the window of its circle; give the reason where it is refused.

        Parameters
        ----------
        pod
            Named by the topic on which the lease came.
        run
            The window of the circle that the lease names; None if it has none.
        """
        if lease.site != self._site:
            return LeaseReason.OTHER_SITE
        if lease.pod != pod:
            return LeaseReason.OTHER_POD
        if run is None or run.id != lease.window:
            return LeaseReason.NO_WINDOW
        if lease.term != run.term:
            return LeaseReason.OTHER_TERM
        boot, seq = self._seqs.get(pod, ("", 0))
        if lease.boot == boot and lease.seq <= seq:
            return LeaseReason.REPEATED
        reason = run.accept(lease, now_s)
        if reason is None:
            self._seqs[pod] = (lease.boot, lease.seq)
        return reason


def expiry_s(lease: LeaseMessage, now_s: float) -> float:
    """Say when a lease ends that arrives now, seconds on the sanctuary clock."""
    # A pod's clock may be ahead, but gains nothing by it: a lease lives `ttl_s` from its arrival at most.
    return min(lease.issued_at_s, now_s) + lease.ttl_s


def lease_record(pod: str, lease: LeaseMessage | None, reason: LeaseReason | None, now_s: float) -> Record:
    """Describe a lease that was admitted, or refused for `reason`; `lease` is None where unreadable."""
    return Record(
        LeaseRecord(
            t_s=now_s,
            pod=pod,
            window=lease.window if lease else "",
            offer=lease.offer if lease else "",
            seq=lease.seq if lease else 0,
            expires_s=expiry_s(lease, now_s) if lease and lease.ttl_s else now_s,
            accepted=reason is None,
            reason=str(reason or ""),
        )
    )
