"""C3: one gateway per circle commands, and another takes over when it dies.

Each gateway of a site runs a coordinator. Which circles it may command is decided here, by claims: retained,
signed messages, one topic per circle, that every gateway hears, its own included.

The rules, for one circle
-------------------------
A gateway commands only while

1. it has *authority*: a claim of its own that it sent less than `authority_s` ago has come back to it
   through the broker on the link that it was sent on;
2. it knows of no higher claim (by term);
3. when it began to command, it had listened without a gap for `fence_s`, and at
   least that long had passed since it last heard a claim of anybody else (or, after a claim that was given
   up in order, as long as that claim says that its commands last).

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

* `cx` first. It passed after `n - fence_s`, when N listened. N heard it before its own `cn`, hence before
  `n`, and less than `fence_s` ago. By rule 3, N does not begin at `n`.
* `cn` first, and X began before `cn` passed the broker. Then X had authority at that moment as well, by a
  claim that had passed before `cn`, sent less than `authority_s` earlier, so after `n - 2 authority_s`, which
  is not before `n - fence_s`. The first case, with that claim.
* `cn` first, and X began after it had passed. X then heard `cn`, or had not listened for `fence_s` yet. By
  rule 3 it did not begin before `fence_s` after `cn`, which is after `n`.

And X can make no further command after `n`: with authority held without a break from before `n`, the same
three cases apply at any such moment; once the authority has lapsed, X must satisfy rule 3 anew, and N and X
change roles. So between the commands of two gateways all pods are out of the first one's window before the
second one's first command, whether the first crashed, hangs, is cut off or its messages come late. A
broker that restarts and forgets everything cuts every link: all listen for `fence_s`, by which time what was
commanded before has run out. A gateway that is started anew counts its former self as somebody else.

Terms are not needed for this. They settle quickly who of two claimants goes on, and pods refuse what comes
in a lower one. The one that goes back before it has commanded anything gives its claim up in order, so that
the other need not wait for it. A term higher than all that were heard of, kept over restarts, and unique to
its gateway, is taken with each claim; where pods know a still higher one, their replies make it leap.

Who should hold what
--------------------
Claims are made by the gateway that rendezvous hashing prefers among those present (`choice`), and by the
others a second later each, should it not. A gateway that has come back gets its circles from whoever holds
them once it has been there for `settle_s` and while no window runs. All this may be mistaken without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Literal

from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.pods.coordinator.closing import ClosingReason
from sanctuary.pods.coordinator.events import (
    ClaimReceived,
    GatewayStatusReceived,
    LinkLost,
    LinkRestored,
    MessagesLost,
    TenureEvent,
)
from sanctuary.pods.coordinator.office import Now, Office
from sanctuary.pods.coordinator.presence import Presence
from sanctuary.pods.coordinator.seat import CircleReport, Seat
from sanctuary.pods.coordinator.seat_phases import SeatPhase
from sanctuary.pods.coordinator.tenure_effects import Complain, TenureEffect
from sanctuary.pods.coordinator.times import TenureTimes
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import open_claim
from sanctuary.pods.protocol.messages import GatewayClaim, GatewayStatus, read


class Tenure:
    """Which circles this gateway may command.

    Parameters
    ----------
    groups
        Ids of circles; those that share pods in one group.
    report
        Asks the coordinator about a circle.
    floor_term
        Highest term that this gateway used before it was started.

    Raises
    ------
    InputError
        The gateway is none of the site's.
    """

    def __init__(
        self,
        office: Office,
        groups: Iterable[tuple[str, ...]],
        times: TenureTimes,
        report: Callable[[str], CircleReport],
        floor_term: int = 0,
    ) -> None:
        if office.gateway not in office.gateways:
            raise InputError(
                f"gateway {office.gateway!r}: none of site.gateways ({', '.join(office.gateways)})"
            )
        self._office, self._times, self._report = office, times, report
        self._group_of = {circle: group[0] for group in groups for circle in group}
        self._seats = {
            circle: Seat(circle, office, times, lambda circle=circle: report(circle), floor_term)  # type: ignore[misc]
            for circle in sorted(self._group_of)
        }
        self._presence = Presence(office.gateway, office.gateways)
        self._key = office.key.verify_key
        self._heirs: dict[str, tuple[str, str]] = {}
        self._not_before_s: dict[str, float] = {}
        self._complained: set[str] = set()
        self._lapse_s = inf
        self._linked = False
        self._stopped = False

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Where this gateway stands with each circle."""
        return self._seats

    def others(self, now: Now) -> list[str]:
        """Name the other gateways that have been there for a while, in the order of the settings."""
        return self._presence.settled(now.alive_s, self._times.settle_s)

    @property
    def will(self) -> Publish:
        """What the broker is to say when this gateway dies."""
        return self._status(online=False)

    def handle(self, event: TenureEvent, now: Now) -> list[TenureEffect]:
        """Take an event; the effects are to be done in order."""
        out = self.pass_time(now)
        match event:
            case ClaimReceived():
                self._on_claim(event, now, out)
                self._expect_lapse(event.circle)
            case GatewayStatusReceived():
                self._on_status(event, now, out)
            case LinkLost():
                self._on_link_lost(now, out)
            case LinkRestored():
                self._on_link_restored(now, out)
            case MessagesLost() if self._linked:
                self._on_link_lost(now, out)
                self._on_link_restored(now, out)
        return out

    def pass_time(self, now: Now) -> list[TenureEffect]:
        """Give authority up where it has lapsed; to be called before anything is commanded."""
        out: list[TenureEffect] = []
        if now.alive_s >= self._lapse_s:
            for seat in self._seats.values():
                seat.pass_time(now, out)
            self._lapse_s = inf
            self._expect_lapse(*self._seats)
        return out

    def tick(self, now: Now) -> list[TenureEffect]:
        """Claim, renew, begin to hold, hand over: whatever it is time for."""
        out = self.pass_time(now)
        if self._linked and not self._stopped:
            for seat in self._seats.values():
                if seat.phase is SeatPhase.WATCHING:
                    self._watch(seat, now, out)
                else:
                    seat.tick(now, out)
                    self._hand_over(seat, now, out)
                    self._expect_lapse(seat.circle)
        return out

    def raise_term(self, circle: str, now: Now) -> list[TenureEffect]:
        """Go on in a higher term: a pod of `circle` knows one."""
        out: list[TenureEffect] = []
        self._seats[circle].raise_term(now, out)
        return out

    def stop(self, now: Now) -> list[TenureEffect]:
        """Give everything up in order and take leave."""
        out = self.pass_time(now)
        self._stopped = True
        for seat in self._seats.values():
            if seat.phase not in (SeatPhase.DEAF, SeatPhase.WATCHING):
                seat.give_up(ClosingReason.STOPPED, "", now, out)
        if self._linked:
            out.append(self._status(online=False))
        return out

    # --- what is heard ---

    def _on_claim(self, event: ClaimReceived, now: Now, out: list[TenureEffect]) -> None:
        seat = self._seats.get(event.circle)
        if seat is None or seat.echo(event.payload, now, out):
            return
        try:
            claim = self._read(event)
        except ProtocolError as error:
            out.append(_refused(event.circle, "claim", str(error), now))
            self._complain(f"a claim to circle {event.circle} cannot be used ({error})", out)
            return
        if (claim.gateway, claim.boot) == (self._office.gateway, self._office.ids.boot):
            return  # an old one of our own
        if claim.gateway not in self._office.gateways:
            self._complain(
                f"gateway {claim.gateway} claims circle {claim.circle} and is none of site.gateways", out
            )
        seat.hear(claim, now, out)
        heir = self._heirs.get(event.circle)
        if heir == (claim.gateway, claim.boot):
            del self._heirs[event.circle]

    def _read(self, event: ClaimReceived) -> GatewayClaim:
        claim = open_claim(event.payload, self._key)
        if (claim.site, claim.circle) != (self._office.site, event.circle):
            raise ProtocolError(f"claim to {event.circle}: speaks of {claim.circle} of {claim.site}")
        return claim

    def _on_status(self, event: GatewayStatusReceived, now: Now, out: list[TenureEffect]) -> None:
        try:
            status = read(GatewayStatus, event.payload)
            if status.gateway != event.gateway:
                raise ProtocolError(f"status of {event.gateway}: speaks for {status.gateway}")
        except ProtocolError as error:
            out.append(_refused(event.gateway, "gateway_status", str(error), now))
            return
        if status.gateway != self._office.gateway:
            self._presence.take(status, now.alive_s)
        elif not status.online and not self._stopped:
            out.append(self._status(online=True))  # the late will of an earlier start

    def _on_link_lost(self, now: Now, out: list[TenureEffect]) -> None:
        self._linked = False
        self._presence.forget()
        for seat in self._seats.values():
            seat.link_lost(now, out)

    def _on_link_restored(self, now: Now, out: list[TenureEffect]) -> None:
        if self._linked:
            self._on_link_lost(now, out)
        self._linked = True
        for seat in self._seats.values():
            seat.link_restored(now)
        if not self._stopped:
            out.append(self._status(online=True))

    # --- whose turn it is ---

    def _watch(self, seat: Seat, now: Now, out: list[TenureEffect]) -> None:
        """Claim a circle that nobody holds, after those that are wanted more had their chance."""
        rank = self._presence.rank(self._group_of[seat.circle])
        due_s = seat.hearing.quiet_since_s(self._times.silence_s) + rank * self._times.patience_s
        if now.alive_s < max(due_s, self._not_before_s.get(seat.circle, -inf)):
            return
        heir = self._heirs.pop(seat.circle, None)
        if heir is not None:
            self._presence.decline(heir)
        seat.claim(now, out)

    def _hand_over(self, seat: Seat, now: Now, out: list[TenureEffect]) -> None:
        """Let the gateway that is wanted more have the circle, while nothing happens there."""
        settle_s = self._times.settle_s
        if seat.phase is not SeatPhase.HOLDING or now.alive_s - seat.since_s < settle_s:
            return
        heir = self._presence.heir(self._group_of[seat.circle], now.alive_s, settle_s)
        if heir is None or self._report(seat.circle).busy:
            return
        seat.give_up(ClosingReason.HANDED_OVER, heir[0], now, out)
        self._heirs[seat.circle] = heir
        self._not_before_s[seat.circle] = now.alive_s + self._times.silence_s + self._times.patience_s

    # --- odds and ends ---

    def _expect_lapse(self, *circles: str) -> None:
        """Look at the seats again no later than the first of them can lapse."""
        for circle in circles:
            seat = self._seats.get(circle)
            if seat is not None and seat.phase is SeatPhase.HOLDING:
                self._lapse_s = min(self._lapse_s, seat.authority_until_s)

    def _status(self, *, online: bool) -> Publish:
        office = self._office
        message = GatewayStatus(gateway=office.gateway, boot=office.ids.boot, online=online)
        topic = topics.gateway_status(office.site, office.gateway)
        return Publish(topic, message.to_bytes(), qos=1, retain=True)

    def _complain(self, text: str, out: list[TenureEffect]) -> None:
        """Tell each kind of trouble once."""
        kind = text.partition(" ")[0] + text.rpartition("(")[2]
        if kind not in self._complained:
            self._complained.add(kind)
            out.append(Complain(text))


def _refused(about: str, what: Literal["claim", "gateway_status"], reason: str, now: Now) -> Record:
    return Record({"kind": "refused_message", "t_s": now.t_s, "pod": about, "about": what, "reason": reason})
