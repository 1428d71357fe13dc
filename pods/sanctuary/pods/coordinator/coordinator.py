"""The coordinator: liveness, nothing else. Safety sits in the pods.

It offers a window to the members of a circle when at least k are in stable REM and willing, opens it only
on k live leases (C1), keeps it alive, lets others join, and closes it when live leases fall below k (C4).
Circles that compete for the same pods take turns (C2). It commands only circles that it has been told to
hold, in the term it was told (C3). Pure, like the pod.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.circle import Circle, circles_of, keys_of
from sanctuary.pods.coordinator.closing import ClosingReason
from sanctuary.pods.coordinator.commander import Commander
from sanctuary.pods.coordinator.echoes import EchoDesk, hear_eye_signal
from sanctuary.pods.coordinator.events import (
    CoordinatorEvent,
    EyeSignalReceived,
    LeaseReceived,
    PodStateReceived,
    PodStatusReceived,
    ReplyReceived,
    Ticked,
)
from sanctuary.pods.coordinator.holding import Holding, Standing
from sanctuary.pods.coordinator.leases import LeaseDesk, lease_record
from sanctuary.pods.coordinator.office import Office
from sanctuary.pods.coordinator.replies import refused, refuses_term
from sanctuary.pods.coordinator.roster import Roster
from sanctuary.pods.coordinator.rotation import contenders, groups_of, next_in_turn
from sanctuary.pods.coordinator.usher import Usher
from sanctuary.pods.coordinator.windows import LeaseReason, WindowPhase, WindowRun, WindowTrigger
from sanctuary.pods.effects import Effect, Record

SET_BACK_S = 0.1
"""Time that goes back by more than this was set back."""


class Coordinator:
    """The coordinator of one gateway; of several gateways each has one, and a circle is held by one of them.

    Parameters
    ----------
    circles
        Tonight's; a sleeper may be in several, a pod is in one window at most.
    """

    def __init__(
        self, office: Office, circles: Iterable[Circle], settings: CoordinatorSettings | None = None
    ) -> None:
        self._office = office
        circles = tuple(circles)
        keys = keys_of(circles)
        self._circles = {circle.id: circle for circle in circles}
        self._settings = settings or CoordinatorSettings()
        self._circles_of = circles_of(circles)
        self._groups = groups_of(circles)
        self._group_of = {circle.id: group for group in self._groups for circle in group}
        self._roster = Roster(frozenset(keys), self._settings.state_age_limit_s)
        self._desk = LeaseDesk(office.site, keys)
        self._echoes = EchoDesk(office.site, keys, self._settings)
        self._holdings: dict[str, Holding] = {}
        self._standings = {circle.id: Standing() for circle in circles}
        self._usher = Usher(office.ids, self._settings, self._holdings, self._standings)
        self._runs: dict[str, WindowRun] = {}
        self._outdated: set[str] = set()
        self._now_s = -inf

    @property
    def windows(self) -> tuple[WindowRun, ...]:
        """Windows proposed or open now."""
        return tuple(self._runs.values())

    @property
    def groups(self) -> tuple[tuple[Circle, ...], ...]:
        """Circles, grouped so that no pod is in two groups."""
        return self._groups

    def is_busy(self, circle: str) -> bool:
        """Tell whether a window of `circle` is proposed or open here."""
        return circle in self._runs

    def standing(self, circle: str) -> Standing:
        """Tell what is known of a circle's past."""
        return self._standings[circle]

    # --- whose circle it is ---

    def hold(self, circle: str, term: int, last_end_s: float | None, now_s: float) -> list[Effect]:
        """Begin to command a circle, or go on after a pause; a window of an earlier term ends.

        Parameters
        ----------
        last_end_s
            When its last window ended as far as another gateway knew, sanctuary clock.
        """
        out: list[Effect] = []
        now_s = self._come_to(now_s, out)
        office, standing = self._office, self._standings[circle]
        if last_end_s is not None and last_end_s > now_s:  # of a clock that was set since
            last_end_s = now_s if standing.last_end_s is None else None
        if last_end_s is not None and last_end_s > (standing.last_end_s or -inf):
            standing.last_end_s = last_end_s
            standing.not_before_s = max(
                standing.not_before_s, standing.last_end_s + self._settings.refractory_s
            )
        held = self._holdings.get(circle)
        if held is None or held.term != term:
            commander = Commander(office.site, office.key, term, office.ids)
            held = self._holdings[circle] = Holding(term, commander)
        held.active = True
        run = self._runs.get(circle)
        if run is not None and run.term != term:
            self._end(run, ClosingReason.TERM_RAISED, 0.0, now_s, out)
        return out

    def suspend(self, circle: str) -> None:
        """Send no command for a circle until it is held again; its window is not forgotten."""
        if circle in self._holdings:
            self._holdings[circle].active = False

    def release(self, circle: str, reason: ClosingReason, now_s: float, *, orderly: bool) -> list[Effect]:
        """Give a circle up; its window is closed in order while there is the authority to, else forgotten."""
        out: list[Effect] = []
        now_s = self._come_to(now_s, out)
        run = self._runs.get(circle)
        if run is not None and orderly and self._is_active(circle):
            self._end(run, reason, self._settings.refractory_s, now_s, out)
        elif run is not None:
            self._forget(run, reason, now_s, out)
        self._holdings.pop(circle, None)
        return out

    def clock_set_forward(self, by_s: float, now_s: float) -> list[Effect]:
        """Hear that the clock was set forward, as only another clock can tell: no rest is over sooner.

        One that was set back shows by itself.
        """
        out: list[Effect] = []
        self._clock_set(by_s, now_s, out)
        return out

    def take_outdated(self) -> list[str]:
        """Name circles of which a pod knows a higher term than ours, each once."""
        outdated = sorted(self._outdated)
        self._outdated.clear()
        return outdated

    # --- what reaches the coordinator ---

    def handle(self, event: CoordinatorEvent, now_s: float) -> list[Effect]:
        """Take an event; the effects are to be done in order.

        Time passes before the event counts: a lease that comes after the quorum lapsed revives nothing. What
        a pod says concerns its own circles; time passes for the others with the next tick.
        """
        out: list[Effect] = []
        now_s = self._come_to(now_s, out)
        if isinstance(event, Ticked):
            for run in tuple(self._runs.values()):
                self._advance(run, now_s, out)
            for group in self._groups:
                self._consider(group, now_s, out)
            return out
        circles = self._circles_of.get(event.pod, ())
        self._advance_all(circles, now_s, out)
        match event:
            case PodStateReceived():
                self._on_state(event, now_s, out)
            case PodStatusReceived():
                self._on_status(event, now_s, out)
            case LeaseReceived():
                self._on_lease(event, now_s, out)
            case EyeSignalReceived():
                self._on_eye_signal(event, now_s, out)
            case ReplyReceived():
                self._on_reply(event, now_s, out)
                return out
        self._advance_all(circles, now_s, out)
        for group in {id(group): group for c in circles if (group := self._group_of[c.id])}.values():
            self._consider(group, now_s, out)
        return out

    def _on_state(self, event: PodStateReceived, now_s: float, out: list[Effect]) -> None:
        try:
            self._roster.take_state(event.pod, event.payload)
        except ProtocolError as error:
            out.append(refused(event.pod, "state", str(error), now_s))

    def _on_status(self, event: PodStatusReceived, now_s: float, out: list[Effect]) -> None:
        try:
            online = self._roster.take_status(event.pod, event.payload)
        except ProtocolError as error:
            out.append(refused(event.pod, "status", str(error), now_s))
            return
        if not online:
            for run in self._runs_of(event.pod):
                run.drop(event.pod)

    def _on_lease(self, event: LeaseReceived, now_s: float, out: list[Effect]) -> None:
        if self._is_others(event.pod):
            return
        lease = self._desk.read(event.pod, event.payload)
        if lease is None:
            out.append(lease_record(event.pod, None, LeaseReason.UNREADABLE, now_s))
        elif lease.circle in self._holdings or lease.circle not in self._circles:
            reason = self._desk.take(event.pod, lease, self._runs.get(lease.circle), now_s)
            out.append(lease_record(event.pod, lease, reason, now_s))

    def _on_eye_signal(self, event: EyeSignalReceived, now_s: float, out: list[Effect]) -> None:
        if not self._is_others(event.pod):
            out += hear_eye_signal(self._echoes, event, self._runs, self._holdings, now_s)

    def _is_others(self, pod: str) -> bool:
        circles = self._circles_of.get(pod)
        return circles is not None and not any(circle.id in self._holdings for circle in circles)

    def _on_reply(self, event: ReplyReceived, now_s: float, out: list[Effect]) -> None:
        try:
            command = refuses_term(event.pod, event.payload)
        except ProtocolError as error:
            out.append(refused(event.pod, "reply", str(error), now_s))
            return
        for circle in self._circles_of.get(event.pod, ()):
            held = self._holdings.get(circle.id)
            if command is not None and held is not None and held.commander.has_sent(command):
                self._outdated.add(circle.id)

    # --- windows ---

    def _advance_all(self, circles: Iterable[Circle], now_s: float, out: list[Effect]) -> None:
        for circle in circles:
            run = self._runs.get(circle.id)
            if run is not None:
                self._advance(run, now_s, out)

    def _advance(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        if not self._is_active(run.circle.id):
            if run.phase is WindowPhase.PROPOSED and now_s >= run.deadline_s:
                self._forget(run, ClosingReason.NO_QUORUM, now_s, out)
            elif run.phase is WindowPhase.OPEN and len(run.live(now_s)) < run.circle.quorum:
                self._forget(run, ClosingReason.QUORUM_LOST, now_s, out)
        elif run.phase is WindowPhase.PROPOSED:
            self._await_quorum(run, now_s, out)
        else:
            self._keep_open(run, now_s, out)

    def _consider(self, group: tuple[Circle, ...], now_s: float, out: list[Effect]) -> None:
        """Propose windows where enough members could come, in turn (C2)."""
        while waiting := self._waiting(group, now_s):
            chosen = self._circles[next_in_turn(waiting)]
            self._propose(chosen, contenders(chosen, group, waiting), now_s, out)

    def _waiting(self, group: tuple[Circle, ...], now_s: float) -> dict[str, float | None]:
        """Give the circles that could be proposed now, and when their last windows ended."""
        able = (circle.id for circle in group if self._could_begin(circle, now_s))
        return {circle: self._standings[circle].last_end_s for circle in able}

    def _could_begin(self, circle: Circle, now_s: float) -> bool:
        ready = self._roster.ready
        if sum(pod in ready for pod in circle.members) < circle.quorum:
            return False
        if circle.id in self._runs or not self._is_active(circle.id):
            return False
        if now_s < self._standings[circle.id].not_before_s:
            return False
        return len(self._able(circle, now_s)) >= circle.quorum

    def _propose(
        self, circle: Circle, others: dict[str, float | None], now_s: float, out: list[Effect]
    ) -> None:
        able = self._able(circle, now_s)
        run = WindowRun(
            self._office.ids.next("w"),
            circle,
            self._holdings[circle.id].term,
            now_s + self._settings.offer_expiry_s,
            self._office.gateway,
        )
        self._runs[circle.id] = run
        out.append(Record(run.record("proposed", now_s, contenders=others)))
        for pod in able:
            self._usher.offer(run, pod, now_s, out)

    def _await_quorum(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Open on k live leases, once all have answered or the time is up (C1)."""
        live = run.live(now_s)
        if len(live) < len(run.offers) and now_s < run.deadline_s:
            return
        if len(live) < run.circle.quorum:
            self._end(run, ClosingReason.NO_QUORUM, self._settings.offer_backoff_s, now_s, out)
            return
        s = self._settings
        run.move(WindowTrigger.QUORUM_LEASED)
        run.zero_s = now_s + s.lead_s
        run.end_s = min(now_s + s.max_window_s, run.zero_s + run.circle.design.design.end_s)
        run.valid_until_s = min(now_s + s.valid_for_s, run.end_s)
        run.extend_due_s = now_s + s.extend_every_s
        out.append(Record(run.record("opened", now_s)))
        for pod in live:
            self._usher.open(run, pod, now_s, out)

    def _keep_open(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Close when it is time (C4); otherwise extend, and let more members in."""
        rest_s = self._settings.refractory_s
        if len(run.live(now_s)) < run.circle.quorum:
            self._end(run, ClosingReason.QUORUM_LOST, rest_s, now_s, out)
            return
        if now_s >= run.end_s:
            played_out = run.end_s == run.zero_s + run.circle.design.design.end_s
            reason = ClosingReason.DESIGN_DONE if played_out else ClosingReason.MAX_LENGTH
            self._end(run, reason, rest_s, now_s, out)
            return
        if now_s >= run.extend_due_s:
            self._usher.extend(run, now_s, out)
            out.append(Record(run.record("extended", now_s)))
        self._let_in(run, now_s, out)

    def _let_in(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Open for those that leased and do not play; offer a place to those that could come."""
        s = self._settings
        if run.end_s - now_s < s.offer_expiry_s + s.lead_s:
            return
        for pod in run.live(now_s):
            sent_s = run.opened_s.get(pod)
            silent = sent_s is not None and not run.leases[pod].playing
            unheard = silent and now_s - (sent_s or 0.0) >= s.reopen_after_s
            if sent_s is None or unheard:
                self._usher.open(run, pod, now_s, out)
                out.append(Record(run.record("joined", now_s, pod)))
        for pod in self._able(run.circle, now_s):
            if now_s >= run.offered_until_s.get(pod, -inf) + s.offer_backoff_s:
                run.drop(pod)
                self._usher.offer(run, pod, now_s, out)

    def _able(self, circle: Circle, now_s: float) -> list[str]:
        """Name the members that could lease now and are in no window, nor offered one."""
        return [
            pod
            for pod in sorted(circle.members)
            if self._roster.is_eligible(pod, circle.id, now_s)
            and not any(run.holds(pod, now_s) for run in self._runs_of(pod))
        ]

    def _end(
        self, run: WindowRun, reason: ClosingReason, pause_s: float, now_s: float, out: list[Effect]
    ) -> None:
        """Close, tell all who were ever asked in, and leave the circle in peace for a while."""
        self._usher.close(run, reason, now_s, out)
        self._forget(run, reason, now_s, out)
        standing = self._standings[run.circle.id]
        standing.not_before_s = max(now_s + pause_s, standing.in_force_until_s)

    def _forget(self, run: WindowRun, reason: ClosingReason, now_s: float, out: list[Effect]) -> None:
        """Have no more to do with a window; what it was counts for whose turn it is, and for its rest.

        Pods that heard nothing of it may stay for a few seconds more; by the end of the rest they are gone.
        """
        if run.phase is WindowPhase.OPEN:
            standing = self._standings[run.circle.id]
            standing.last_end_s = now_s
            standing.not_before_s = now_s + self._settings.refractory_s
        run.move(WindowTrigger.END)
        del self._runs[run.circle.id]
        out.append(Record(run.record("closed", now_s, reason)))

    def _come_to(self, now_s: float, out: list[Effect]) -> float:
        """Go by the clock as it is now; where it was set back, no window timed by the old one goes on."""
        back_s = self._now_s - now_s
        if not SET_BACK_S < back_s < inf:
            self._now_s = max(self._now_s, now_s)
            return self._now_s
        self._clock_set(-back_s, now_s, out)
        return now_s

    def _clock_set(self, by_s: float, now_s: float, out: list[Effect]) -> None:
        self._now_s = now_s
        for standing in self._standings.values():
            standing.clock_set(by_s)
        for run in tuple(self._runs.values()):
            if self._is_active(run.circle.id):
                self._end(run, ClosingReason.CLOCK_SET, self._settings.refractory_s, now_s, out)
            else:
                self._forget(run, ClosingReason.CLOCK_SET, now_s, out)

    def _is_active(self, circle: str) -> bool:
        held = self._holdings.get(circle)
        return held is not None and held.active

    def _runs_of(self, pod: str) -> list[WindowRun]:
        """Give the windows that `pod` could be in."""
        found = (self._runs.get(circle.id) for circle in self._circles_of.get(pod, ()))
        return [run for run in found if run is not None]
