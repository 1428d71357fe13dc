"""C3: one gateway per circle commands, and another takes over when it dies. The rules, the proof, the table.

Each gateway of a site runs a coordinator. Which circles it may command is decided here, by claims: retained,
signed messages, one topic per circle, that every gateway receives, its own included.

The rules, for one circle
-------------------------
A gateway commands only while

1. it has *authority*: a claim of its own that it sent less than `authority_s` ago has come back to it
   through the broker on the link that it was sent on;
2. it knows of no higher claim (by term);
3. when it began to command, it had listened without a gap for `fence_s`, and at least that long had passed
   since it last received a claim of anybody else (or, after a claim that was given up in order, as long as
   that claim says that its commands last).

`fence_s` is `authority_s` and the longer of `authority_s` and `valid_for_s`. A command keeps a window open
for `valid_for_s` at most, counted from when it was made, however late it arrives. Losing the link, or a
message, ends authority and begins the listening anew.

Why there is never a double window
----------------------------------
What is used of the broker: on one topic every subscriber gets the messages in the order in which the broker
took them, without a gap while its link lasts, its own among them. Clocks may show any time; they must run
equally fast over ten seconds, but for `margin_s`. Nothing is assumed about delays, about retained messages,
or about terms.

Let gateway N begin to command at time `n`, and let X be another whose command, made at `x <= n`, is in force
at `n`: so `x > n - valid_for_s`. X had authority at `x`: by a claim `cx` that it sent after `x - authority_s
> n - fence_s`. N has authority at `n`: by a claim `cn` that it sent after `n - authority_s`. Both passed the
broker, one of them first.

* `cx` first. It passed after `n - fence_s`, when N listened. N received it before its own `cn`, hence before
  `n`, and less than `fence_s` ago. By rule 3, N does not begin at `n`.
* `cn` first, and X began before `cn` passed the broker. Then X had authority at that moment as well, by a
  claim that had passed before `cn`, sent less than `authority_s` earlier, so after `n - 2 authority_s`, which
  is not before `n - fence_s`. The first case, with that claim.
* `cn` first, and X began after it had passed. X then received `cn`, or had not listened for `fence_s` yet. By
  rule 3 it did not begin before `fence_s` after `cn`, which is after `n`.

And X can make no further command after `n`: with authority held without a break from before `n`, the same
three cases apply at any such moment; once the authority has lapsed, X must satisfy rule 3 anew, and N and X
change roles. So between the commands of two gateways all pods are out of the first one's window before the
second one's first command, whether the first crashed, hangs, is cut off or its messages come late. A
broker that restarts and forgets everything cuts every link: all listen for `fence_s`, by which time what was
commanded before has run out. A gateway that is started anew counts its former self as somebody else.

Terms are not needed for this. They settle quickly who of two claimants goes on, and pods refuse what comes
in a lower one. The one that goes back before it has commanded anything gives its claim up in order, so that
the other need not wait for it. A term higher than all that were received, kept over restarts, and unique to
its gateway, is taken with each claim; where pods know a still higher one, their replies make it leap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from zlib import crc32

from sanctuary.pods.coordinator.circle import CoordinatorIdentity
from sanctuary.pods.coordinator.claims import ClaimMonitor, LeadershipTimes, next_term
from sanctuary.pods.coordinator.gateway_events import (
    ClosingReason,
    Hold,
    LeadershipEffect,
    Now,
    Release,
    StoreTerm,
    Suspend,
)
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.gateway_records import LeadershipChange, leadership_record
from sanctuary.pods.protocol.messages import GatewayClaim
from sanctuary.signal.state_table import StateTable, apply

LARGEST_LEAP = 2**20
"""Terms skipped at once; a pod that lies cannot use them up."""
MOST_GOOD_FOR_S = 60.0
"""As `GatewayClaim.good_for_s` admits."""


class LeadershipState(StrEnum):
    """Where a gateway stands with one circle."""

    DISCONNECTED = "disconnected"
    """No link: nothing is received, nothing is led."""
    FOLLOWER = "follower"
    """Another gateway leads the circle, or none does yet."""
    CANDIDATE = "candidate"
    """Our claim is out and has not come back."""
    FENCING = "fencing"
    """It has come back; commands of a former leader may still be in force."""
    LEADER = "leader"
    """Ours to command."""
    SUSPENDED = "suspended"
    """Ours, but our claims have not come back for a while: nothing is commanded."""


class LeadershipTrigger(StrEnum):
    """What moves a gateway."""

    LINK_RESTORED = "link_restored"
    LINK_LOST = "link_lost"
    CLAIMED = "claimed"
    """None else seems to lead the circle, and it is our turn."""
    CONFIRMED = "confirmed"
    """Our claim came back."""
    CLEARED = "cleared"
    """Our authority is in force, and no command of another can be."""
    LAPSED = "lapsed"
    """No claim of ours came back for too long."""
    CONTESTED = "contested"
    """Authority is back, but meanwhile another gateway claimed."""
    OUTBID = "outbid"
    """A higher claim was received."""
    RELEASED = "released"
    """Given up in order: to hand over, or to stop."""


_S, _T = LeadershipState, LeadershipTrigger
_ALWAYS = {_T.LINK_LOST: _S.DISCONNECTED}
_CLAIMING = _ALWAYS | {_T.OUTBID: _S.FOLLOWER, _T.RELEASED: _S.FOLLOWER}

LEADERSHIP_TRANSITIONS: StateTable[LeadershipState, LeadershipTrigger] = {
    _S.DISCONNECTED: _ALWAYS | {_T.LINK_RESTORED: _S.FOLLOWER},
    _S.FOLLOWER: _ALWAYS | {_T.CLAIMED: _S.CANDIDATE},
    _S.CANDIDATE: _CLAIMING | {_T.CONFIRMED: _S.FENCING},
    _S.FENCING: _CLAIMING | {_T.CLEARED: _S.LEADER},
    _S.LEADER: _CLAIMING | {_T.LAPSED: _S.SUSPENDED},
    _S.SUSPENDED: _CLAIMING | {_T.CLEARED: _S.LEADER, _T.CONTESTED: _S.FENCING},
}
LED = frozenset({LeadershipState.LEADER, LeadershipState.SUSPENDED})
"""States in which the coordinator holds the circle."""
CLAIMING = LED | {LeadershipState.CANDIDATE, LeadershipState.FENCING}
"""States in which our claim is renewed."""


@dataclass(frozen=True, slots=True)
class CircleReport:
    """What the coordinator says of a circle.

    Attributes
    ----------
    busy
        A window is proposed or open.
    in_force_until_s
        Until when some pod may be in a window on one of its commands, sanctuary clock.
    last_window_end_s
        UTC seconds; None if there was none.
    """

    busy: bool = False
    in_force_until_s: float = -inf
    last_window_end_s: float | None = None


class CircleLeadership:
    """The leadership of one circle, as one gateway sees it.

    Parameters
    ----------
    report
        Asks the coordinator.
    floor_term
        Highest term used before this start.
    """

    def __init__(
        self,
        circle: str,
        identity: CoordinatorIdentity,
        times: LeadershipTimes,
        report: Callable[[], CircleReport],
        floor_term: int,
    ) -> None:
        self.circle = circle
        self.state = LeadershipState.DISCONNECTED
        self.term = floor_term
        """Ours, or the last that was."""
        self.monitor = ClaimMonitor(times.fence_s, times.margin_s)
        self.since_s = -inf
        """Since when it is ours, own clock."""
        self._identity, self._times, self._report = identity, times, report
        self._seq = 0
        self._unconfirmed: dict[int, tuple[float, bytes]] = {}
        """Claims that have not come back: by number, when they were sent (own clock) and their bytes."""
        self._confirmed_s = -inf
        """When the newest claim that has come back was sent, own clock."""
        self._renew_due_s = -inf
        self._leap = 1
        # So that the claims to many circles do not fall due all at once.
        self._spread = 0.2 + 0.8 * (crc32(circle.encode()) % 100) / 100

    @property
    def authority_until_s(self) -> float:
        """When authority ends if no further claim comes back, own clock."""
        return self._confirmed_s + self._times.authority_s

    # --- the link ---

    def on_link_restored(self, now: Now) -> None:
        self._move(LeadershipTrigger.LINK_RESTORED)
        self.monitor.begin(now.boottime_s)

    def on_link_lost(self, now: Now, out: list[LeadershipEffect]) -> None:
        """Drop all authority."""
        if self.state in CLAIMING:
            reason = ClosingReason.LINK_LOST
            self._leave(LeadershipTrigger.LINK_LOST, "lost", reason, str(reason), now, out)
        elif self.state is not LeadershipState.DISCONNECTED:
            self._move(LeadershipTrigger.LINK_LOST)
        self.monitor.stop()

    # --- claims ---

    def on_own_claim(self, payload: bytes, now: Now, out: list[LeadershipEffect]) -> bool:
        """Count a claim of ours that came back; False if `payload` is none that we wait for."""
        seq = next((seq for seq, (_, sent) in self._unconfirmed.items() if sent == payload), None)
        if seq is None:
            return False
        self._confirmed_s = max(self._confirmed_s, self._unconfirmed[seq][0])
        self._unconfirmed = {later: sent for later, sent in self._unconfirmed.items() if later > seq}
        if self.state is LeadershipState.CANDIDATE:
            self._move(LeadershipTrigger.CONFIRMED)
        self._settle(now, out)
        return True

    def on_claim(self, claim: GatewayClaim, now: Now, out: list[LeadershipEffect]) -> None:
        """Heed a claim of another gateway, or of an earlier start of this one."""
        is_new = self.monitor.push(by_our_clock(claim, now.t_s), now.boottime_s)
        if not is_new or claim.released or self.state not in CLAIMING:
            return
        if (claim.term, claim.boot) > (self.term, self._identity.ids.boot):
            reason, led = f"{ClosingReason.SUPERSEDED}:{claim.gateway}", self.state in LED
            self._leave(LeadershipTrigger.OUTBID, "stepped_down", ClosingReason.SUPERSEDED, reason, now, out)
            if not led:  # nothing was commanded under this claim: say so, that nobody waits it out
                self._send(now, out, released=True)

    def claim(self, now: Now, out: list[LeadershipEffect]) -> None:
        """Claim the circle in a term above all that were ever received."""
        self._move(LeadershipTrigger.CLAIMED)
        self._choose_term(1)
        out.append(StoreTerm(self.term))
        self._confirmed_s, self._unconfirmed = -inf, {}
        self._send(now, out)
        self._record("claimed", "", now, out)

    def raise_term(self, now: Now, out: list[LeadershipEffect]) -> None:
        """Go on in a higher term: some pod knows a higher one. Each leap is twice the last."""
        if self.state not in LED:
            return
        self._leap = min(2 * self._leap, LARGEST_LEAP)
        self._choose_term(self._leap)
        out.append(StoreTerm(self.term))
        self._send(now, out)
        if self.state is LeadershipState.LEADER:
            self._record("leading", "term_raised", now, out)
            out.append(self._hold())

    def give_up(self, reason: ClosingReason, to: str, now: Now, out: list[LeadershipEffect]) -> None:
        """Give the circle up in order; the successor need not wait longer than our commands last."""
        why = f"{reason}:{to}" if to else str(reason)
        self._leave(LeadershipTrigger.RELEASED, "released", reason, why, now, out)
        self._send(now, out, released=True)

    # --- time ---

    def check_authority(self, now: Now, out: list[LeadershipEffect]) -> None:
        """Stop commanding where authority has lapsed."""
        if self.state is LeadershipState.LEADER and now.boottime_s >= self.authority_until_s:
            self._move(LeadershipTrigger.LAPSED)
            out.append(Suspend(self.circle))
            self._record("suspended", "unconfirmed", now, out)

    def tick(self, now: Now, out: list[LeadershipEffect]) -> None:
        """Begin to lead when the fence has passed; renew the claim when due."""
        self._settle(now, out)
        if self.state in CLAIMING and now.boottime_s >= self._renew_due_s:
            self._send(now, out)

    # --- moves ---

    def _settle(self, now: Now, out: list[LeadershipEffect]) -> None:
        """Begin to command, or go on, if nothing bars it."""
        if now.boottime_s >= self.authority_until_s:
            return
        clear = now.boottime_s >= self.monitor.clear_s()
        if clear and self.state in (LeadershipState.FENCING, LeadershipState.SUSPENDED):
            resumed = self.state is LeadershipState.SUSPENDED
            self._move(LeadershipTrigger.CLEARED)
            if not resumed:
                self.since_s = now.boottime_s
            self._record("resumed" if resumed else "leading", "", now, out)
            out.append(self._hold())
        elif self.state is LeadershipState.SUSPENDED:
            self._move(LeadershipTrigger.CONTESTED)
            out.append(Release(self.circle, ClosingReason.CONTESTED, orderly=False))
            self._record("stepped_down", str(ClosingReason.CONTESTED), now, out)

    def _leave(
        self,
        trigger: LeadershipTrigger,
        change: LeadershipChange,
        closing: ClosingReason,
        reason: str,
        now: Now,
        out: list[LeadershipEffect],
    ) -> None:
        before = self.state
        self._move(trigger)
        if before in LED:
            orderly = trigger is LeadershipTrigger.RELEASED and before is LeadershipState.LEADER
            out.append(Release(self.circle, closing, orderly))
        self._record(change, reason, now, out)
        self._unconfirmed = {}

    def _move(self, trigger: LeadershipTrigger) -> None:
        self.state = apply(LEADERSHIP_TRANSITIONS, self.state, trigger, of=f"circle {self.circle}")

    def _choose_term(self, leap: int) -> None:
        above = max(self.term, self.monitor.top_term) + leap - 1
        self.term = next_term(above, self._identity.gateways, self._identity.gateway)

    def _hold(self) -> Hold:
        return Hold(self.circle, self.term, self.monitor.last_window_end_s)

    def _send(self, now: Now, out: list[LeadershipEffect], *, released: bool = False) -> None:
        identity, report = self._identity, self._report()
        self._seq += 1
        in_force_s = max(0.0, report.in_force_until_s - now.t_s)
        claim = GatewayClaim(
            site=identity.site,
            circle=self.circle,
            gateway=identity.gateway,
            boot=identity.ids.boot,
            term=self.term,
            seq=self._seq,
            released=released,
            good_for_s=min(MOST_GOOD_FOR_S, in_force_s if released else self._times.fence_s),
            last_window_end_s=_later(report.last_window_end_s, self.monitor.last_window_end_s),
            issued_at_s=now.t_s,
        )
        payload = seal(Kind.CLAIM, claim, identity.key)
        if not released:
            self._unconfirmed[self._seq] = (now.boottime_s, payload)
            first = self.state is LeadershipState.CANDIDATE and len(self._unconfirmed) == 1
            self._renew_due_s = now.boottime_s + (self._spread if first else 1.0) * self._times.renew_s
            while len(self._unconfirmed) > self._times.most_unconfirmed:
                del self._unconfirmed[next(iter(self._unconfirmed))]
        out.append(Publish(topics.claim(identity.site, self.circle), payload, qos=1, retain=True))

    def _record(self, change: LeadershipChange, reason: str, now: Now, out: list[LeadershipEffect]) -> None:
        left_s = self.authority_until_s - now.boottime_s
        record = leadership_record(
            change,
            self.circle,
            self.term,
            now.t_s,
            gateway=self._identity.gateway,
            reason=reason,
            authority_until_s=now.t_s + left_s if self._confirmed_s > -inf else None,
        )
        out.append(Record(record))


def by_our_clock(claim: GatewayClaim, now_s: float) -> GatewayClaim:
    """Move the end of the last window back by as much as the claim seems to come from the future."""
    ahead_s, end_s = claim.issued_at_s - now_s, claim.last_window_end_s
    if ahead_s <= 0.0 or end_s is None:
        return claim
    return claim.model_copy(update={"last_window_end_s": end_s - ahead_s})


def _later(one_s: float | None, other_s: float | None) -> float | None:
    known = [s for s in (one_s, other_s) if s is not None]
    return max(known, default=None)
