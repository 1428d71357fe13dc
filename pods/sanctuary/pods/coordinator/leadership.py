"""The leadership of all circles of a site, as one gateway sees it (C3).

What one gateway may command, why two never may at once, and the table of states are in `leadership_state`;
what is known of the others is in `claims`. Here is who claims and who hands over:

Circles are claimed by the gateway that rendezvous hashing prefers among those present, and by the others a
second later each, should it not. A gateway that has come back gets its circles from whoever leads them once
it has been present for `settle_s` and while no window runs. All this may be mistaken without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf

from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.pods.coordinator.circle import CoordinatorIdentity
from sanctuary.pods.coordinator.claims import LeadershipTimes, PresentGateways
from sanctuary.pods.coordinator.gateway_events import (
    BrokerLinkLost,
    BrokerLinkRestored,
    ClaimReceived,
    ClosingReason,
    GatewayStatusReceived,
    LeadershipEffect,
    LeadershipEvent,
    MessagesLost,
    Now,
    WarnOperators,
)
from sanctuary.pods.coordinator.leadership_state import (
    CLAIMING,
    CircleLeadership,
    CircleReport,
    LeadershipState,
)
from sanctuary.pods.effects import Publish, Record
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import open_claim
from sanctuary.pods.protocol.gateway_records import refused_message_record
from sanctuary.pods.protocol.messages import GatewayClaim, GatewayStatus, read


class Leadership:
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
        identity: CoordinatorIdentity,
        groups: Iterable[tuple[str, ...]],
        times: LeadershipTimes,
        report: Callable[[str], CircleReport],
        floor_term: int = 0,
    ) -> None:
        if identity.gateway not in identity.gateways:
            raise InputError(
                f"gateway {identity.gateway!r}: none of site.gateways ({', '.join(identity.gateways)})"
            )
        self._identity, self._times, self._report = identity, times, report
        self._group_of = {circle: group[0] for group in groups for circle in group}
        self._circles = {
            circle: CircleLeadership(circle, identity, times, partial(report, circle), floor_term)
            for circle in sorted(self._group_of)
        }
        self._present = PresentGateways(identity.gateway, identity.gateways)
        self._key = identity.key.verify_key
        self._successors: dict[str, tuple[str, str]] = {}
        """By circle that was handed over and not claimed yet: the gateway, and its start."""
        self._not_before_s: dict[str, float] = {}
        self._warned: set[str] = set()
        self._lapse_s = inf
        self._linked = False
        self._stopped = False

    @property
    def circles(self) -> Mapping[str, CircleLeadership]:
        """Where this gateway stands with each circle."""
        return self._circles

    def others(self, now: Now) -> list[str]:
        """Name the other gateways that have been present for `settle_s`, in the order of the settings."""
        return self._present.settled(now.boottime_s, self._times.settle_s)

    @property
    def will(self) -> Publish:
        """What the broker publishes when this gateway dies."""
        return self._status(online=False)

    def handle(self, event: LeadershipEvent, now: Now) -> list[LeadershipEffect]:
        """Handle an event; the effects are to be done in order."""
        out = self.check_authority(now)
        match event:
            case ClaimReceived():
                self._on_claim(event, now, out)
                self._expect_lapse(event.circle)
            case GatewayStatusReceived():
                self._on_status(event, now, out)
            case BrokerLinkLost():
                self._on_link_lost(now, out)
            case BrokerLinkRestored():
                self._on_link_restored(now, out)
            case MessagesLost() if self._linked:
                # A claim may be among them: as good as a gap in the link.
                self._on_link_lost(now, out)
                self._on_link_restored(now, out)
        return out

    def check_authority(self, now: Now) -> list[LeadershipEffect]:
        """Suspend circles whose authority has lapsed; to be called before anything is commanded."""
        out: list[LeadershipEffect] = []
        if now.boottime_s >= self._lapse_s:
            for circle in self._circles.values():
                circle.check_authority(now, out)
            self._lapse_s = inf
            self._expect_lapse(*self._circles)
        return out

    def tick(self, now: Now) -> list[LeadershipEffect]:
        """Claim, renew, begin to lead, hand over: whatever is due."""
        out = self.check_authority(now)
        if self._linked and not self._stopped:
            for circle in self._circles.values():
                if circle.state is LeadershipState.FOLLOWER:
                    self._claim_if_due(circle, now, out)
                else:
                    circle.tick(now, out)
                    self._hand_over_if_due(circle, now, out)
                    self._expect_lapse(circle.circle)
        return out

    def raise_term(self, circle: str, now: Now) -> list[LeadershipEffect]:
        """Go on in a higher term: a pod of `circle` knows one."""
        out: list[LeadershipEffect] = []
        self._circles[circle].raise_term(now, out)
        return out

    def stop(self, now: Now) -> list[LeadershipEffect]:
        """Give every circle up in order, and publish that this gateway goes."""
        out = self.check_authority(now)
        self._stopped = True
        for circle in self._circles.values():
            if circle.state in CLAIMING:
                circle.give_up(ClosingReason.STOPPED, "", now, out)
        if self._linked:
            out.append(self._status(online=False))
        return out

    # --- events ---

    def _on_claim(self, event: ClaimReceived, now: Now, out: list[LeadershipEffect]) -> None:
        circle = self._circles.get(event.circle)
        if circle is None or circle.on_own_claim(event.payload, now, out):
            return
        try:
            claim = self._read(event)
        except ProtocolError as error:
            out.append(Record(refused_message_record(event.circle, "claim", str(error), now.t_s)))
            self._warn(f"a claim to circle {event.circle} cannot be used ({error})", out)
            return
        if (claim.gateway, claim.boot) == (self._identity.gateway, self._identity.ids.boot):
            return  # an old one of our own
        if claim.gateway not in self._identity.gateways:
            self._warn(
                f"gateway {claim.gateway} claims circle {claim.circle} and is none of site.gateways", out
            )
        circle.on_claim(claim, now, out)
        if self._successors.get(event.circle) == (claim.gateway, claim.boot):
            del self._successors[event.circle]

    def _read(self, event: ClaimReceived) -> GatewayClaim:
        claim = open_claim(event.payload, self._key)
        if (claim.site, claim.circle) != (self._identity.site, event.circle):
            raise ProtocolError(f"claim to {event.circle}: speaks of {claim.circle} of {claim.site}")
        return claim

    def _on_status(self, event: GatewayStatusReceived, now: Now, out: list[LeadershipEffect]) -> None:
        try:
            status = read(GatewayStatus, event.payload)
            if status.gateway != event.gateway:
                raise ProtocolError(f"status of {event.gateway}: speaks for {status.gateway}")
        except ProtocolError as error:
            out.append(Record(refused_message_record(event.gateway, "gateway_status", str(error), now.t_s)))
            return
        if status.gateway != self._identity.gateway:
            self._present.push(status, now.boottime_s)
        elif not status.online and not self._stopped:
            out.append(self._status(online=True))  # the late will of an earlier start

    def _on_link_lost(self, now: Now, out: list[LeadershipEffect]) -> None:
        self._linked = False
        self._present.forget()
        for circle in self._circles.values():
            circle.on_link_lost(now, out)

    def _on_link_restored(self, now: Now, out: list[LeadershipEffect]) -> None:
        if self._linked:
            self._on_link_lost(now, out)
        self._linked = True
        for circle in self._circles.values():
            circle.on_link_restored(now)
        if not self._stopped:
            out.append(self._status(online=True))

    # --- who leads ---

    def _claim_if_due(self, circle: CircleLeadership, now: Now, out: list[LeadershipEffect]) -> None:
        """Claim a circle that none leads, after those that are preferred had their chance."""
        rank = self._present.rank(self._group_of[circle.circle])
        due_s = circle.monitor.quiet_since_s(self._times.silence_s) + rank * self._times.patience_s
        if now.boottime_s < max(due_s, self._not_before_s.get(circle.circle, -inf)):
            return
        successor = self._successors.pop(circle.circle, None)
        if successor is not None:
            self._present.decline(successor)
        circle.claim(now, out)

    def _hand_over_if_due(self, circle: CircleLeadership, now: Now, out: list[LeadershipEffect]) -> None:
        """Hand the circle to the gateway that is preferred to this one, while no window runs there."""
        settle_s = self._times.settle_s
        if circle.state is not LeadershipState.LEADER or now.boottime_s - circle.since_s < settle_s:
            return
        successor = self._present.successor(self._group_of[circle.circle], now.boottime_s, settle_s)
        if successor is None or self._report(circle.circle).busy:
            return
        circle.give_up(ClosingReason.HANDED_OVER, successor[0], now, out)
        self._successors[circle.circle] = successor
        self._not_before_s[circle.circle] = now.boottime_s + self._times.silence_s + self._times.patience_s

    # --- helpers ---

    def _expect_lapse(self, *circles: str) -> None:
        """Check authority again no later than the first of these circles can lapse."""
        for name in circles:
            circle = self._circles.get(name)
            if circle is not None and circle.state is LeadershipState.LEADER:
                self._lapse_s = min(self._lapse_s, circle.authority_until_s)

    def _status(self, *, online: bool) -> Publish:
        identity = self._identity
        message = GatewayStatus(gateway=identity.gateway, boot=identity.ids.boot, online=online)
        topic = topics.gateway_status(identity.site, identity.gateway)
        return Publish(topic, message.to_bytes(), qos=1, retain=True)

    def _warn(self, text: str, out: list[LeadershipEffect]) -> None:
        """Warn once of each kind of trouble: its first word, and the error in brackets."""
        kind = text.partition(" ")[0] + text.rpartition("(")[2]
        if kind not in self._warned:
            self._warned.add(kind)
            out.append(WarnOperators(text))
