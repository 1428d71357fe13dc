"""The coordinator: liveness only. Safety sits in the pods.

It offers a window to the members of a circle when at least k are in stable REM and willing, opens it only
on k live leases (C1), keeps it alive, lets others join, and closes it when live leases fall below k (C4).
Circles that compete for the same pods take turns (C2). It commands only circles that it has been told to
hold, in the term it was told (C3). Pure, like the pod: time is an argument, what it asks for are effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity, circles_of, groups_of, keys_of
from sanctuary.pods.coordinator.command_writer import CommandWriter, HeldCircle, Invitations, refuses_term
from sanctuary.pods.coordinator.eye_signal_answers import EyeSignalGuard, answer_eye_signal
from sanctuary.pods.coordinator.gateway_events import (
    ClosingReason,
    CoordinatorEvent,
    EyeSignalReceived,
    GatewayTicked,
    LeaseReceived,
    PodStateReceived,
    PodStatusReceived,
    ReplyReceived,
)
from sanctuary.pods.coordinator.turns import CircleHistory, PodDirectory, contenders, next_in_turn
from sanctuary.pods.coordinator.windows import (
    LeaseGuard,
    LeaseReason,
    WindowPhase,
    WindowRun,
    WindowTrigger,
    lease_record,
)
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.protocol.gateway_records import refused_message_record

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
        self,
        identity: CoordinatorIdentity,
        circles: Iterable[Circle],
        settings: CoordinatorSettings | None = None,
    ) -> None:
        self._identity = identity
        circles = tuple(circles)
        keys = keys_of(circles)
        self._circles = {circle.id: circle for circle in circles}
        self._settings = settings or CoordinatorSettings()
        self._circles_of = circles_of(circles)
        self._groups = groups_of(circles)
        self._group_of = {circle.id: group for group in self._groups for circle in group}
        self._directory = PodDirectory(frozenset(keys), self._settings.state_age_limit_s)
        self._lease_guard = LeaseGuard(identity.site, keys)
        self._eye_signal_guard = EyeSignalGuard(identity.site, keys, self._settings)
        self._held: dict[str, HeldCircle] = {}
        self._histories = {circle.id: CircleHistory() for circle in circles}
        self._invitations = Invitations(identity.ids, self._settings, self._held, self._histories)
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

    def history(self, circle: str) -> CircleHistory:
        return self._histories[circle]

    # --- leadership ---

    def hold(self, circle: str, term: int, last_end_s: float | None, now_s: float) -> list[Effect]:
        """Begin to command a circle, or go on after a pause; a window of an earlier term ends.

        Parameters
        ----------
        last_end_s
            When its last window ended as far as another gateway knew, sanctuary clock; None if unknown.
        """
        out: list[Effect] = []
        now_s = self._update_clock(now_s, out)
        identity, history = self._identity, self._histories[circle]
        if last_end_s is not None and last_end_s > now_s:  # of a clock that was set since
            last_end_s = now_s if history.last_end_s is None else None
        if last_end_s is not None:
            history.note_end(last_end_s, self._settings.refractory_s)
        held = self._held.get(circle)
        if held is None or held.term != term:
            writer = CommandWriter(identity.site, identity.key, term, identity.ids)
            held = self._held[circle] = HeldCircle(term, writer)
        held.active = True
        run = self._runs.get(circle)
        if run is not None and run.term != term:
            self._end(run, ClosingReason.TERM_RAISED, 0.0, now_s, out)
        return out

    def suspend(self, circle: str) -> None:
        """Send no command for a circle until it is held again; its window is not forgotten."""
        if circle in self._held:
            self._held[circle].active = False

    def release(self, circle: str, reason: ClosingReason, now_s: float, *, orderly: bool) -> list[Effect]:
        """Give a circle up; its window is closed in order while there is the authority to, else forgotten."""
        out: list[Effect] = []
        now_s = self._update_clock(now_s, out)
        run = self._runs.get(circle)
        if run is not None and orderly and self._is_active(circle):
            self._end(run, reason, self._settings.refractory_s, now_s, out)
        elif run is not None:
            self._forget(run, reason, now_s, out)
        self._held.pop(circle, None)
        return out

    def clock_set_forward(self, by_s: float, now_s: float) -> list[Effect]:
        """Handle a clock that was set forward by `by_s`, as only another clock can tell: rests stay as long.

        One that was set back shows by itself.
        """
        out: list[Effect] = []
        self._clock_set(by_s, now_s, out)
        return out

    def pop_outdated(self) -> list[str]:
        """Name circles of which a pod knows a higher term than ours, each once."""
        outdated = sorted(self._outdated)
        self._outdated.clear()
        return outdated

    # --- events ---

    def handle(self, event: CoordinatorEvent, now_s: float) -> list[Effect]:
        """Handle an event; the effects are to be done in order."""
        # Windows are brought up to now before the event counts: a lease that comes after the quorum lapsed
        # revives nothing. What a pod says concerns its own circles; the others wait for the next tick.
        out: list[Effect] = []
        now_s = self._update_clock(now_s, out)
        if isinstance(event, GatewayTicked):
            for run in tuple(self._runs.values()):
                self._advance(run, now_s, out)
            for group in self._groups:
                self._propose_in_turn(group, now_s, out)
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
            self._propose_in_turn(group, now_s, out)
        return out

    def _on_state(self, event: PodStateReceived, now_s: float, out: list[Effect]) -> None:
        try:
            self._directory.update_state(event.pod, event.payload)
        except ProtocolError as error:
            out.append(Record(refused_message_record(event.pod, "state", str(error), now_s)))

    def _on_status(self, event: PodStatusReceived, now_s: float, out: list[Effect]) -> None:
        try:
            online = self._directory.update_status(event.pod, event.payload)
        except ProtocolError as error:
            out.append(Record(refused_message_record(event.pod, "status", str(error), now_s)))
            return
        if not online:
            for run in self._runs_of(event.pod):
                run.drop(event.pod)

    def _on_lease(self, event: LeaseReceived, now_s: float, out: list[Effect]) -> None:
        if self._is_others(event.pod):
            return
        lease = self._lease_guard.read(event.pod, event.payload)
        if lease is None:
            out.append(lease_record(event.pod, None, LeaseReason.UNREADABLE, now_s))
        elif lease.circle in self._held or lease.circle not in self._circles:
            reason = self._lease_guard.admit(event.pod, lease, self._runs.get(lease.circle), now_s)
            out.append(lease_record(event.pod, lease, reason, now_s))

    def _on_eye_signal(self, event: EyeSignalReceived, now_s: float, out: list[Effect]) -> None:
        if not self._is_others(event.pod):
            out += answer_eye_signal(self._eye_signal_guard, event, self._runs, self._held, now_s)

    def _is_others(self, pod: str) -> bool:
        circles = self._circles_of.get(pod)
        return circles is not None and not any(circle.id in self._held for circle in circles)

    def _on_reply(self, event: ReplyReceived, now_s: float, out: list[Effect]) -> None:
        try:
            command = refuses_term(event.pod, event.payload)
        except ProtocolError as error:
            out.append(Record(refused_message_record(event.pod, "reply", str(error), now_s)))
            return
        for circle in self._circles_of.get(event.pod, ()):
            held = self._held.get(circle.id)
            if command is not None and held is not None and held.writer.has_sent(command):
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

    def _propose_in_turn(self, group: tuple[Circle, ...], now_s: float, out: list[Effect]) -> None:
        """Propose windows where enough members could come, in turn (C2)."""
        while waiting := self._waiting(group, now_s):
            chosen = self._circles[next_in_turn(waiting)]
            self._propose(chosen, contenders(chosen, group, waiting), now_s, out)

    def _waiting(self, group: tuple[Circle, ...], now_s: float) -> dict[str, float | None]:
        """Give the circles that could be proposed now, and when their last windows ended."""
        able = (circle.id for circle in group if self._could_propose(circle, now_s))
        return {circle: self._histories[circle].last_end_s for circle in able}

    def _could_propose(self, circle: Circle, now_s: float) -> bool:
        ready = self._directory.ready
        if sum(pod in ready for pod in circle.members) < circle.quorum:
            return False
        if circle.id in self._runs or not self._is_active(circle.id):
            return False
        if now_s < self._histories[circle.id].not_before_s:
            return False
        return len(self._available(circle, now_s)) >= circle.quorum

    def _propose(
        self, circle: Circle, others: dict[str, float | None], now_s: float, out: list[Effect]
    ) -> None:
        able = self._available(circle, now_s)
        run = WindowRun(
            self._identity.ids.next("w"),
            circle,
            self._held[circle.id].term,
            now_s + self._settings.offer_expiry_s,
            self._identity.gateway,
        )
        self._runs[circle.id] = run
        out.append(Record(run.record("proposed", now_s, contenders=others)))
        for pod in able:
            self._invitations.offer(run, pod, now_s, out)

    def _await_quorum(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Open on k live leases, once all have answered or the time is up (C1)."""
        live = run.live(now_s)
        if len(live) < len(run.offers) and now_s < run.deadline_s:
            return
        if len(live) < run.circle.quorum:
            self._end(run, ClosingReason.NO_QUORUM, self._settings.offer_backoff_s, now_s, out)
            return
        run.open(now_s, self._settings)
        out.append(Record(run.record("opened", now_s)))
        for pod in live:
            self._invitations.open(run, pod, now_s, out)

    def _keep_open(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Close when it is time (C4); otherwise extend, and let more members in."""
        rest_s = self._settings.refractory_s
        if len(run.live(now_s)) < run.circle.quorum:
            self._end(run, ClosingReason.QUORUM_LOST, rest_s, now_s, out)
            return
        if now_s >= run.end_s:
            reason = ClosingReason.DESIGN_DONE if run.plays_to_the_end else ClosingReason.MAX_LENGTH
            self._end(run, reason, rest_s, now_s, out)
            return
        if now_s >= run.extend_due_s:
            self._invitations.extend(run, now_s, out)
            out.append(Record(run.record("extended", now_s)))
        self._let_join(run, now_s, out)

    def _let_join(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Open for those that leased and do not play; offer a place to those that could come."""
        s = self._settings
        if run.end_s - now_s < s.offer_expiry_s + s.lead_s:
            return
        for pod in run.live(now_s):
            sent_s = run.opened_s.get(pod)
            silent = sent_s is not None and not run.leases[pod].playing
            missed = silent and now_s - (sent_s or 0.0) >= s.reopen_after_s
            if sent_s is None or missed:
                self._invitations.open(run, pod, now_s, out)
                out.append(Record(run.record("joined", now_s, pod)))
        for pod in self._available(run.circle, now_s):
            if now_s >= run.offered_until_s.get(pod, -inf) + s.offer_backoff_s:
                run.drop(pod)
                self._invitations.offer(run, pod, now_s, out)

    def _available(self, circle: Circle, now_s: float) -> list[str]:
        """Name the members that could lease now and are in no window, nor offered one."""
        return [
            pod
            for pod in sorted(circle.members)
            if self._directory.is_eligible(pod, circle.id, now_s)
            and not any(run.holds(pod, now_s) for run in self._runs_of(pod))
        ]

    def _end(
        self, run: WindowRun, reason: ClosingReason, pause_s: float, now_s: float, out: list[Effect]
    ) -> None:
        """Close, tell all that were ever offered a place, and let the circle rest for `pause_s`."""
        self._invitations.close(run, reason, now_s, out)
        self._forget(run, reason, now_s, out)
        history = self._histories[run.circle.id]
        history.not_before_s = max(now_s + pause_s, history.in_force_until_s)

    def _forget(self, run: WindowRun, reason: ClosingReason, now_s: float, out: list[Effect]) -> None:
        """Drop a window without a command; if it was open, its end counts for turns and for the rest."""
        # Pods that are not told may stay for a few seconds more; by the end of the rest they are out.
        if run.phase is WindowPhase.OPEN:
            history = self._histories[run.circle.id]
            history.last_end_s = now_s
            history.not_before_s = now_s + self._settings.refractory_s
        run.move(WindowTrigger.END)
        del self._runs[run.circle.id]
        out.append(Record(run.record("closed", now_s, reason)))

    def _update_clock(self, now_s: float, out: list[Effect]) -> float:
        """Give the time to go by; where the clock was set back, no window timed by the old one goes on."""
        back_s = self._now_s - now_s
        if not SET_BACK_S < back_s < inf:
            self._now_s = max(self._now_s, now_s)
            return self._now_s
        self._clock_set(-back_s, now_s, out)
        return now_s

    def _clock_set(self, by_s: float, now_s: float, out: list[Effect]) -> None:
        self._now_s = now_s
        for history in self._histories.values():
            history.clock_set(by_s)
        for run in tuple(self._runs.values()):
            if self._is_active(run.circle.id):
                self._end(run, ClosingReason.CLOCK_SET, self._settings.refractory_s, now_s, out)
            else:
                self._forget(run, ClosingReason.CLOCK_SET, now_s, out)

    def _is_active(self, circle: str) -> bool:
        held = self._held.get(circle)
        return held is not None and held.active

    def _runs_of(self, pod: str) -> list[WindowRun]:
        """Give the windows that `pod` could be in."""
        found = (self._runs.get(circle.id) for circle in self._circles_of.get(pod, ()))
        return [run for run in found if run is not None]
