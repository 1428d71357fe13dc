"""A gateway's two minds in one: tenure says which circles are ours, the coordinator does the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from sanctuary.config.site_settings import CoordinatorSettings, TenureSettings
from sanctuary.pods.coordinator.circle import Circle
from sanctuary.pods.coordinator.coordinator import Coordinator
from sanctuary.pods.coordinator.events import (
    ClaimReceived,
    GatewayEvent,
    GatewayStatusReceived,
    LinkLost,
    LinkRestored,
    MessagesLost,
    Ticked,
)
from sanctuary.pods.coordinator.office import Now, Office
from sanctuary.pods.coordinator.seat import CircleReport
from sanctuary.pods.coordinator.seat_phases import HELD
from sanctuary.pods.coordinator.tenure import Tenure
from sanctuary.pods.coordinator.tenure_effects import (
    Complain,
    Hold,
    KeepTerm,
    Release,
    Suspend,
    TenureEffect,
)
from sanctuary.pods.coordinator.times import TenureTimes
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import Effect, Publish

GatewayEffect = Effect | KeepTerm | Complain

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
        As for `Tenure`.

    Raises
    ------
    InputError
        The circles do not agree with each other, or the gateway is none of the site's.
    """

    def __init__(
        self,
        office: Office,
        circles: Iterable[Circle],
        settings: CoordinatorSettings | None = None,
        tenure_settings: TenureSettings | None = None,
        *,
        utc_at_zero_s: float = 0.0,
        floor_term: int = 0,
    ) -> None:
        settings = settings or CoordinatorSettings()
        self.id = office.gateway
        self.key = office.key
        self.utc_at_zero_s = utc_at_zero_s
        self._coordinator = Coordinator(office, circles, settings)
        times = TenureTimes.of(
            tenure_settings or TenureSettings(), settings.valid_for_s, len(office.gateways)
        )
        groups = [tuple(circle.id for circle in group) for group in self._coordinator.groups]
        self._tenure = Tenure(office, groups, times, self._report, floor_term)
        self._ahead_s = -inf

    @property
    def windows(self) -> tuple[WindowRun, ...]:
        """Windows proposed or open now."""
        return self._coordinator.windows

    @property
    def held(self) -> tuple[str, ...]:
        """Circles that are ours."""
        return tuple(circle for circle, seat in self._tenure.seats.items() if seat.phase in HELD)

    @property
    def tenure(self) -> Tenure:
        """Who holds what."""
        return self._tenure

    @property
    def will(self) -> Publish:
        """What the broker is to say when this gateway dies."""
        return self._tenure.will

    def handle(self, event: GatewayEvent, now: Now) -> list[GatewayEffect]:
        """Take an event; the effects are to be done in order."""
        out: list[GatewayEffect] = []
        if isinstance(event, ClaimReceived | GatewayStatusReceived | LinkLost | LinkRestored | MessagesLost):
            self._do(self._tenure.handle(event, now), now, out)
            return out
        passed = self._tenure.tick(now) if isinstance(event, Ticked) else self._tenure.pass_time(now)
        self._do(passed, now, out)
        self._compare_clocks(now, out)
        out += self._coordinator.handle(event, now.t_s)
        for circle in self._coordinator.take_outdated():
            self._do(self._tenure.raise_term(circle, now), now, out)
        return out

    def stop(self, now: Now) -> list[GatewayEffect]:
        """Close all windows, give all circles up and take leave."""
        out: list[GatewayEffect] = []
        self._do(self._tenure.stop(now), now, out)
        return out

    def _compare_clocks(self, now: Now, out: list[GatewayEffect]) -> None:
        """See by the computer's own clock that the sanctuary clock was set forward."""
        ahead_s = now.t_s - now.alive_s
        by_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        if SET_FORWARD_S < by_s < inf:
            out += self._coordinator.clock_set_forward(by_s, now.t_s)

    def _do(self, effects: Sequence[TenureEffect], now: Now, out: list[GatewayEffect]) -> None:
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
        standing = self._coordinator.standing(circle)
        end_s = standing.last_end_s
        return CircleReport(
            self._coordinator.is_busy(circle),
            standing.in_force_until_s,
            None if end_s is None else end_s + self.utc_at_zero_s,
        )
