"""What a gateway decides: leadership says which circles it commands, the coordinator commands them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from sanctuary.config.site_settings import CoordinatorSettings, LeadershipSettings
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.claims import LeadershipTimes
from sanctuary.pods.coordinator.coordinator import Coordinator
from sanctuary.pods.coordinator.gateway_events import (
    GatewayEvent,
    GatewayTicked,
    Hold,
    LeadershipEffect,
    LeadershipEvent,
    Now,
    Release,
    StoreTerm,
    Suspend,
    WarnOperators,
)
from sanctuary.pods.coordinator.leadership import Leadership
from sanctuary.pods.coordinator.leadership_state import LED, CircleReport
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import Effect, Publish

GatewayEffect = Effect | StoreTerm | WarnOperators

SET_FORWARD_S = 2.0
"""A sanctuary clock that gains more than this on the computer's own between two events was set. Below, one of
the two may only have been read late; a rest that is so much shorter still outlasts every window."""


class Gateway:
    """Everything that a gateway decides for the circles of its site.

    Parameters
    ----------
    utc_at_zero_s
        UTC seconds at second 0 of the sanctuary clock.
    floor_term
        As for `Leadership`.

    Raises
    ------
    InputError
        The circles do not agree with each other, or the gateway is none of the site's.
    """

    def __init__(
        self,
        identity: CoordinatorIdentity,
        circles: Iterable[Circle],
        settings: CoordinatorSettings | None = None,
        leadership_settings: LeadershipSettings | None = None,
        *,
        utc_at_zero_s: float = 0.0,
        floor_term: int = 0,
    ) -> None:
        settings = settings or CoordinatorSettings()
        self.id = identity.gateway
        self.key = identity.key
        self.utc_at_zero_s = utc_at_zero_s
        self._coordinator = Coordinator(identity, circles, settings)
        times = LeadershipTimes.of(
            leadership_settings or LeadershipSettings(), settings.valid_for_s, len(identity.gateways)
        )
        groups = [tuple(circle.id for circle in group) for group in self._coordinator.groups]
        self._leadership = Leadership(identity, groups, times, self._report, floor_term)
        self._ahead_s = -inf

    @property
    def windows(self) -> tuple[WindowRun, ...]:
        """Windows proposed or open now."""
        return self._coordinator.windows

    @property
    def held(self) -> tuple[str, ...]:
        """Circles that this gateway leads."""
        return tuple(name for name, circle in self._leadership.circles.items() if circle.state in LED)

    @property
    def leadership(self) -> Leadership:
        return self._leadership

    @property
    def will(self) -> Publish:
        """What the broker publishes when this gateway dies."""
        return self._leadership.will

    def handle(self, event: GatewayEvent, now: Now) -> list[GatewayEffect]:
        """Handle an event; the effects are to be done in order."""
        out: list[GatewayEffect] = []
        if isinstance(event, LeadershipEvent):
            self._do(self._leadership.handle(event, now), now, out)
            return out
        # Authority is checked before anything is commanded: a gateway that hung finds here that it lapsed.
        ticked = isinstance(event, GatewayTicked)
        effects = self._leadership.tick(now) if ticked else self._leadership.check_authority(now)
        self._do(effects, now, out)
        self._compare_clocks(now, out)
        out += self._coordinator.handle(event, now.t_s)
        for circle in self._coordinator.pop_outdated():
            self._do(self._leadership.raise_term(circle, now), now, out)
        return out

    def stop(self, now: Now) -> list[GatewayEffect]:
        """Close all windows, give all circles up and publish that this gateway goes."""
        out: list[GatewayEffect] = []
        self._do(self._leadership.stop(now), now, out)
        return out

    def _compare_clocks(self, now: Now, out: list[GatewayEffect]) -> None:
        """Find by the computer's own clock whether the sanctuary clock was set forward."""
        ahead_s = now.t_s - now.boottime_s
        by_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        if SET_FORWARD_S < by_s < inf:
            out += self._coordinator.clock_set_forward(by_s, now.t_s)

    def _do(self, effects: Sequence[LeadershipEffect], now: Now, out: list[GatewayEffect]) -> None:
        for effect in effects:
            match effect:
                case Hold():
                    end_s = effect.last_window_end_s
                    known_s = None if end_s is None else end_s - self.utc_at_zero_s
                    out += self._coordinator.hold(effect.circle, effect.term, known_s, now.t_s)
                case Suspend():
                    self._coordinator.suspend(effect.circle)
                case Release():
                    orderly = effect.orderly
                    out += self._coordinator.release(effect.circle, effect.reason, now.t_s, orderly=orderly)
                case _:
                    out.append(effect)

    def _report(self, circle: str) -> CircleReport:
        history = self._coordinator.history(circle)
        end_s = history.last_end_s
        return CircleReport(
            self._coordinator.is_busy(circle),
            history.in_force_until_s,
            None if end_s is None else end_s + self.utc_at_zero_s,
        )
