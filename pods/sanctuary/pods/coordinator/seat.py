"""One circle as one gateway sees it: watch, claim, wait, hold. See `tenure` for why this is safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal
from zlib import crc32

from sanctuary.pods.coordinator.choice import next_term
from sanctuary.pods.coordinator.closing import ClosingReason
from sanctuary.pods.coordinator.hearing import Hearing
from sanctuary.pods.coordinator.office import Now, Office
from sanctuary.pods.coordinator.seat_phases import HELD, IN_PLAY, SEAT_TRANSITIONS, SeatPhase, SeatTrigger
from sanctuary.pods.coordinator.tenure_effects import Hold, KeepTerm, Release, Suspend, TenureEffect
from sanctuary.pods.coordinator.times import TenureTimes
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.messages import GatewayClaim

LARGEST_LEAP = 2**20
"""Terms skipped at once; a pod that lies cannot use them up."""

Event = Literal["claimed", "holding", "suspended", "resumed", "stepped_down", "released", "lost"]


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


class Seat:
    """A gateway's place at one circle.

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
        office: Office,
        times: TenureTimes,
        report: Callable[[], CircleReport],
        floor_term: int,
    ) -> None:
        self.circle = circle
        self.phase = SeatPhase.DEAF
        self.term = floor_term
        """Ours, or the last that was."""
        self.hearing = Hearing(times.fence_s, times.margin_s)
        self.since_s = -inf
        """Since when it is ours, own clock."""
        self._office, self._times, self._report = office, times, report
        self._seq = 0
        self._out: dict[int, tuple[float, bytes]] = {}
        self._echoed_s = -inf
        self._renew_due_s = -inf
        self._leap = 1
        self._spread = 0.2 + 0.8 * (crc32(circle.encode()) % 100) / 100
        """So that the claims to many circles do not fall due all at once."""

    @property
    def authority_until_s(self) -> float:
        """When authority ends if no further claim comes back, own clock."""
        return self._echoed_s + self._times.authority_s

    # --- the link ---

    def link_restored(self, now: Now) -> None:
        """Begin to listen."""
        self._move(SeatTrigger.LINK_RESTORED)
        self.hearing.begin(now.alive_s)

    def link_lost(self, now: Now, out: list[TenureEffect]) -> None:
        """Forget all authority."""
        if self.phase in IN_PLAY:
            reason = ClosingReason.LINK_LOST
            self._leave(SeatTrigger.LINK_LOST, "lost", reason, str(reason), now, out)
        elif self.phase is not SeatPhase.DEAF:
            self._move(SeatTrigger.LINK_LOST)
        self.hearing.stop()

    # --- claims ---

    def echo(self, payload: bytes, now: Now, out: list[TenureEffect]) -> bool:
        """Take a claim of our own that came back; False if it is none that we wait for."""
        seq = next((seq for seq, (_, sent) in self._out.items() if sent == payload), None)
        if seq is None:
            return False
        self._echoed_s = max(self._echoed_s, self._out[seq][0])
        self._out = {later: sent for later, sent in self._out.items() if later > seq}
        if self.phase is SeatPhase.CLAIMED:
            self._move(SeatTrigger.ECHO)
        self._settle(now, out)
        return True

    def hear(self, claim: GatewayClaim, now: Now, out: list[TenureEffect]) -> None:
        """Take a claim of another gateway, or of an earlier start of this one."""
        heard = self.hearing.take(by_our_clock(claim, now.t_s), now.alive_s)
        if not heard or claim.released or self.phase not in IN_PLAY:
            return
        if (claim.term, claim.boot) > (self.term, self._office.ids.boot):
            reason, held = f"{ClosingReason.SUPERSEDED}:{claim.gateway}", self.phase in HELD
            self._leave(SeatTrigger.OUTBID, "stepped_down", ClosingReason.SUPERSEDED, reason, now, out)
            if not held:  # we commanded nothing under this claim: say so, that nobody waits it out
                self._send(now, out, released=True)

    def claim(self, now: Now, out: list[TenureEffect]) -> None:
        """Claim the circle in a term above all that were ever heard of."""
        self._choose_term(1)
        out.append(KeepTerm(self.term))
        self._move(SeatTrigger.CLAIM)
        self._echoed_s, self._out = -inf, {}
        self._send(now, out)
        self._record("claimed", "", now, out)

    def raise_term(self, now: Now, out: list[TenureEffect]) -> None:
        """Go on in a higher term: some pod knows a higher one. Each leap is twice the last."""
        if self.phase not in HELD:
            return
        self._leap = min(2 * self._leap, LARGEST_LEAP)
        self._choose_term(self._leap)
        out.append(KeepTerm(self.term))
        self._send(now, out)
        if self.phase is SeatPhase.HOLDING:
            self._record("holding", "term_raised", now, out)
            out.append(self._hold())

    def give_up(self, reason: ClosingReason, to: str, now: Now, out: list[TenureEffect]) -> None:
        """Give the circle up in order; the successor need not wait longer than our commands last."""
        why = f"{reason}:{to}" if to else str(reason)
        self._leave(SeatTrigger.GIVE_UP, "released", reason, why, now, out)
        self._send(now, out, released=True)

    # --- time ---

    def pass_time(self, now: Now, out: list[TenureEffect]) -> None:
        """Stop commanding where authority has lapsed."""
        if self.phase is SeatPhase.HOLDING and now.alive_s >= self.authority_until_s:
            self._move(SeatTrigger.LAPSE)
            out.append(Suspend(self.circle))
            self._record("suspended", "no_echo", now, out)

    def tick(self, now: Now, out: list[TenureEffect]) -> None:
        """Hold when the fence is down; renew the claim."""
        self._settle(now, out)
        if self.phase in IN_PLAY and now.alive_s >= self._renew_due_s:
            self._send(now, out)

    # --- moves ---

    def _settle(self, now: Now, out: list[TenureEffect]) -> None:
        """Begin to command, or go on, if nothing stands in the way."""
        if now.alive_s >= self.authority_until_s:
            return
        clear = now.alive_s >= self.hearing.clear_s()
        if clear and self.phase in (SeatPhase.FENCED, SeatPhase.SUSPENDED):
            resumed = self.phase is SeatPhase.SUSPENDED
            self._move(SeatTrigger.CLEAR)
            if not resumed:
                self.since_s = now.alive_s
            self._record("resumed" if resumed else "holding", "", now, out)
            out.append(self._hold())
        elif self.phase is SeatPhase.SUSPENDED:
            self._move(SeatTrigger.CONTEST)
            out.append(Release(self.circle, ClosingReason.CONTESTED, orderly=False))
            self._record("stepped_down", str(ClosingReason.CONTESTED), now, out)

    def _leave(
        self,
        trigger: SeatTrigger,
        event: Event,
        closing: ClosingReason,
        reason: str,
        now: Now,
        out: list[TenureEffect],
    ) -> None:
        if self.phase in HELD:
            orderly = trigger is SeatTrigger.GIVE_UP and self.phase is SeatPhase.HOLDING
            out.append(Release(self.circle, closing, orderly))
        self._move(trigger)
        self._record(event, reason, now, out)
        self._out = {}

    def _move(self, trigger: SeatTrigger) -> None:
        self.phase = SEAT_TRANSITIONS[self.phase][trigger]

    def _choose_term(self, leap: int) -> None:
        above = max(self.term, self.hearing.top_term) + leap - 1
        self.term = next_term(above, self._office.gateways, self._office.gateway)

    def _hold(self) -> Hold:
        return Hold(self.circle, self.term, self.hearing.last_window_end_s)

    def _send(self, now: Now, out: list[TenureEffect], *, released: bool = False) -> None:
        office, report = self._office, self._report()
        self._seq += 1
        in_force_s = max(0.0, report.in_force_until_s - now.t_s)
        claim = GatewayClaim(
            site=office.site,
            circle=self.circle,
            gateway=office.gateway,
            boot=office.ids.boot,
            term=self.term,
            seq=self._seq,
            released=released,
            good_for_s=min(60.0, in_force_s if released else self._times.fence_s),
            last_window_end_s=_later(report.last_window_end_s, self.hearing.last_window_end_s),
            issued_at_s=now.t_s,
        )
        payload = seal(Kind.CLAIM, claim, office.key)
        if not released:
            self._out[self._seq] = (now.alive_s, payload)
            spread = self._spread if self.phase is SeatPhase.CLAIMED and len(self._out) == 1 else 1.0
            self._renew_due_s = now.alive_s + spread * self._times.renew_s
            while len(self._out) > self._times.most_out:
                del self._out[next(iter(self._out))]
        out.append(Publish(topics.claim(office.site, self.circle), payload, qos=1, retain=True))

    def _record(self, event: Event, reason: str, now: Now, out: list[TenureEffect]) -> None:
        echoed = self._echoed_s > -inf
        left_s = self.authority_until_s - now.alive_s
        out.append(
            Record(
                {
                    "kind": "tenure",
                    "t_s": now.t_s,
                    "gateway": self._office.gateway,
                    "circle": self.circle,
                    "term": self.term,
                    "event": event,
                    "reason": reason,
                    "authority_until_s": now.t_s + left_s if echoed else None,
                }
            )
        )


def by_our_clock(claim: GatewayClaim, now_s: float) -> GatewayClaim:
    """Move the end of the last window by as much as the claim seems to come from the future."""
    ahead_s, end_s = claim.issued_at_s - now_s, claim.last_window_end_s
    if ahead_s <= 0.0 or end_s is None:
        return claim
    return claim.model_copy(update={"last_window_end_s": end_s - ahead_s})


def _later(one_s: float | None, other_s: float | None) -> float | None:
    known = [s for s in (one_s, other_s) if s is not None]
    return max(known, default=None)
