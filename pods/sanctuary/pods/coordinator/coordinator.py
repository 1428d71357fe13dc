"""The coordinator: liveness, nothing else. Safety sits in the pods.

It offers a window to the members of a circle when at least k are in stable REM and willing, opens it only
on k live leases (C1), keeps it alive, lets others join, and closes it when live leases fall below k (C4).
Pure, like the pod; the shell calls `Coordinator.handle` for every message and once a second with `Ticked`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from nacl.signing import SigningKey, VerifyKey

from sanctuary.config.coordination import CoordinatorSettings
from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.pods.coordinator.circle import Circle
from sanctuary.pods.coordinator.commander import Commander
from sanctuary.pods.coordinator.echoes import EchoDesk, hear_eye_signal
from sanctuary.pods.coordinator.events import (
    CoordinatorEvent,
    EyeSignalReceived,
    LeaseReceived,
    PodStateReceived,
    PodStatusReceived,
    Ticked,
)
from sanctuary.pods.coordinator.parts import part_for
from sanctuary.pods.coordinator.roster import Roster
from sanctuary.pods.coordinator.windows import LeaseReason, WindowPhase, WindowRun, WindowTrigger
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.ids import IdSource
from sanctuary.pods.wire.envelope import open_lease
from sanctuary.pods.wire.messages import LeaseMessage, OfferArgs


class Coordinator:
    """One coordinator of all circles of a site, for one term.

    Parameters
    ----------
    circles
        Tonight's; a sleeper may be in several, a pod is in one window at most.
    key
        Signs the commands.
    term
        Higher than that of every coordinator before; the shell keeps count.
    ids
        Source of ids that were never used before.
    """

    def __init__(
        self,
        site: str,
        circles: Iterable[Circle],
        *,
        key: SigningKey,
        term: int,
        ids: IdSource,
        settings: CoordinatorSettings | None = None,
    ) -> None:
        self._site = site
        self._circles = tuple(circles)
        self._settings = settings or CoordinatorSettings()
        self._term = term
        self._ids = ids
        self._commander = Commander(site, key, term, ids)
        self._keys = _keys_of(self._circles)
        self._circles_of = {
            pod: tuple(circle for circle in self._circles if pod in circle.members) for pod in self._keys
        }
        self._roster = Roster(frozenset(self._keys), self._settings.state_age_limit_s)
        self._echoes = EchoDesk(site, self._keys, self._settings)
        self._runs: dict[str, WindowRun] = {}
        self._not_before_s: dict[str, float] = {}
        self._lease_seqs: dict[str, tuple[str, int]] = {}
        self._now_s = -inf

    @property
    def windows(self) -> tuple[WindowRun, ...]:
        """Windows proposed or open now."""
        return tuple(self._runs.values())

    def handle(self, event: CoordinatorEvent, now_s: float) -> list[Effect]:
        """Take an event; the effects are to be done in order.

        Time passes before the event counts: a lease that comes after the quorum lapsed revives nothing. What
        a pod says concerns its own circles; time passes for the others with the next tick.
        """
        now_s = self._now_s = max(self._now_s, now_s)
        out: list[Effect] = []
        circles = self._circles if isinstance(event, Ticked) else self._circles_of.get(event.pod, ())
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
            case Ticked():
                return out
        self._advance_all(circles, now_s, out)
        return out

    # --- what reaches the coordinator ---

    def _on_state(self, event: PodStateReceived, now_s: float, out: list[Effect]) -> None:
        try:
            self._roster.take_state(event.pod, event.payload)
        except ProtocolError as error:
            out.append(_refused(event.pod, "state", str(error), now_s))

    def _on_status(self, event: PodStatusReceived, now_s: float, out: list[Effect]) -> None:
        try:
            online = self._roster.take_status(event.pod, event.payload)
        except ProtocolError as error:
            out.append(_refused(event.pod, "status", str(error), now_s))
            return
        if not online:
            for run in self._runs.values():
                run.drop(event.pod)

    def _on_lease(self, event: LeaseReceived, now_s: float, out: list[Effect]) -> None:
        try:
            if event.pod not in self._keys:
                raise ProtocolError(f"pod {event.pod[:70]!r}: in no circle of this sanctuary")
            lease = open_lease(event.payload, self._keys[event.pod])
        except ProtocolError:
            out.append(_lease_record(event.pod, None, LeaseReason.UNREADABLE, now_s))
            return
        reason = self._take_lease(event.pod, lease, now_s)
        out.append(_lease_record(event.pod, lease, reason, now_s))

    def _on_eye_signal(self, event: EyeSignalReceived, now_s: float, out: list[Effect]) -> None:
        signal = self._echoes.read(event.pod, event.payload)
        run = self._runs.get(signal.circle) if signal is not None else None
        out += hear_eye_signal(self._echoes, event.pod, signal, run, self._commander, now_s)

    def _take_lease(self, pod: str, lease: LeaseMessage, now_s: float) -> LeaseReason | None:
        if lease.site != self._site:
            return LeaseReason.OTHER_SITE
        if lease.pod != pod:
            return LeaseReason.OTHER_POD
        if lease.term != self._term:
            return LeaseReason.OTHER_TERM
        run = next((run for run in self._runs.values() if run.id == lease.window), None)
        if run is None:
            return LeaseReason.NO_WINDOW
        boot, seq = self._lease_seqs.get(pod, ("", 0))
        if lease.boot == boot and lease.seq <= seq:
            return LeaseReason.REPEATED
        reason = run.take(lease, now_s)
        if reason is None:
            self._lease_seqs[pod] = (lease.boot, lease.seq)
        return reason

    # --- windows ---

    def _advance_all(self, circles: Iterable[Circle], now_s: float, out: list[Effect]) -> None:
        for circle in circles:
            self._advance(circle, now_s, out)

    def _advance(self, circle: Circle, now_s: float, out: list[Effect]) -> None:
        run = self._runs.get(circle.id)
        if run is None:
            self._consider(circle, now_s, out)
        elif run.phase is WindowPhase.PROPOSED:
            self._await_quorum(run, now_s, out)
        else:
            self._keep_open(run, now_s, out)

    def _consider(self, circle: Circle, now_s: float, out: list[Effect]) -> None:
        """Propose a window where enough members could come."""
        ready = self._roster.ready
        if sum(pod in ready for pod in circle.members) < circle.quorum:
            return
        if now_s < self._not_before_s.get(circle.id, -inf):
            return
        able = self._able(circle, now_s)
        if len(able) < circle.quorum:
            return
        run = WindowRun(self._ids.next("w"), circle, self._term, now_s + self._settings.offer_expiry_s)
        self._runs[circle.id] = run
        out.append(Record(run.record("proposed", now_s)))
        for pod in able:
            self._offer(run, pod, now_s, out)

    def _await_quorum(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Open on k live leases, once all have answered or the time is up (C1)."""
        live = run.live(now_s)
        if len(live) < len(run.offers) and now_s < run.deadline_s:
            return
        if len(live) < run.circle.quorum:
            self._end(run, "no_quorum", self._settings.offer_backoff_s, now_s, out)
            return
        s = self._settings
        run.move(WindowTrigger.QUORUM_LEASED)
        run.zero_s = now_s + s.lead_s
        run.end_s = min(now_s + s.max_window_s, run.zero_s + run.circle.design.design.end_s)
        run.valid_until_s = min(now_s + s.valid_for_s, run.end_s)
        run.extend_due_s = now_s + s.extend_every_s
        out.append(Record(run.record("opened", now_s)))
        for pod in live:
            self._open(run, pod, now_s, out)

    def _keep_open(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Close when it is time (C4); otherwise extend, and let more members in."""
        if len(run.live(now_s)) < run.circle.quorum:
            self._end(run, "quorum_lost", self._settings.refractory_s, now_s, out)
            return
        if now_s >= run.end_s:
            played_out = run.end_s == run.zero_s + run.circle.design.design.end_s
            self._end(
                run, "design_done" if played_out else "max_length", self._settings.refractory_s, now_s, out
            )
            return
        if now_s >= run.extend_due_s:
            self._extend(run, now_s, out)
            out.append(Record(run.record("extended", now_s)))
        self._let_in(run, now_s, out)

    def _let_in(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Open for those that leased and do not play; offer a place to those that could come."""
        s = self._settings
        if run.end_s - now_s < s.offer_expiry_s + s.lead_s:
            return
        for pod in run.live(now_s):
            sent_s = run.opened_s.get(pod)
            unheard = (
                sent_s is not None and not run.leases[pod].playing and now_s - sent_s >= s.reopen_after_s
            )
            if sent_s is None or unheard:
                self._open(run, pod, now_s, out)
                out.append(Record(run.record("joined", now_s, pod)))
        for pod in self._able(run.circle, now_s):
            if now_s >= run.offered_until_s.get(pod, -inf) + s.offer_backoff_s:
                run.drop(pod)
                self._offer(run, pod, now_s, out)

    def _able(self, circle: Circle, now_s: float) -> list[str]:
        """Name the members that could lease now and are in no window, nor offered one."""
        return [
            pod
            for pod in sorted(circle.members)
            if self._roster.is_eligible(pod, circle.id, now_s)
            and not any(run.holds(pod, now_s) for run in self._runs.values())
        ]

    def _offer(self, run: WindowRun, pod: str, now_s: float, out: list[Effect]) -> None:
        loaded = run.circle.design
        offer = OfferArgs(
            offer=self._ids.next("o"),
            window=run.id,
            circle=run.circle.id,
            design=loaded.hash,
            modalities=loaded.design.modalities,
            quorum=run.circle.quorum,
            nonce=self._ids.next("n"),
            part=part_for(run, pod, now_s),
        )
        until_s = now_s + self._settings.offer_expiry_s
        run.offers[pod], run.offered_until_s[pod] = offer, until_s
        out.append(self._commander.offer(pod, offer, now_s, until_s))

    def _open(self, run: WindowRun, pod: str, now_s: float, out: list[Effect]) -> None:
        """Send `open`; a joiner's place in the design is that of the others."""
        start_at_s = now_s + self._settings.lead_s
        valid_until_s = min(now_s + self._settings.valid_for_s, run.end_s)
        run.opened_s[pod] = now_s
        run.valid_until_s = max(run.valid_until_s or -inf, valid_until_s)
        command = self._commander.open(
            pod,
            run.offers[pod],
            now_s,
            start_at_s=start_at_s,
            zero_s=run.zero_s,
            valid_until_s=valid_until_s,
        )
        out.append(command)

    def _extend(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        run.valid_until_s = min(now_s + self._settings.valid_for_s, run.end_s)
        run.extend_due_s = now_s + self._settings.extend_every_s
        out += [
            self._commander.extend(pod, run.id, run.circle.id, now_s, run.valid_until_s)
            for pod in run.playing(now_s)
        ]

    def _end(self, run: WindowRun, reason: str, pause_s: float, now_s: float, out: list[Effect]) -> None:
        """Close, tell all who were ever asked in, and leave the circle in peace for a while."""
        run.move(WindowTrigger.END)
        del self._runs[run.circle.id]
        self._not_before_s[run.circle.id] = now_s + pause_s
        until_s = now_s + self._settings.valid_for_s
        out += [
            self._commander.close(pod, run.id, run.circle.id, now_s, until_s, reason)
            for pod in sorted(run.offers)
        ]
        out.append(Record(run.record("closed", now_s, reason)))


def _keys_of(circles: tuple[Circle, ...]) -> dict[str, VerifyKey]:
    if len({circle.id for circle in circles}) != len(circles):
        raise InputError("circles: two of them have the same id")
    keys: dict[str, VerifyKey] = {}
    for circle in circles:
        for pod, key in circle.members.items():
            if keys.setdefault(pod, key) != key:
                raise InputError(f"circle {circle.id!r}: pod {pod!r} has another key in another circle")
    return keys


def _refused(pod: str, about: str, reason: str, now_s: float) -> Record:
    return Record(
        {
            "kind": "refused_message",
            "t_s": now_s,
            "pod": pod,
            "about": "state" if about == "state" else "status",
            "reason": reason,
        }
    )


def _lease_record(pod: str, lease: LeaseMessage | None, reason: LeaseReason | None, now_s: float) -> Record:
    return Record(
        {
            "kind": "lease",
            "t_s": now_s,
            "pod": pod,
            "window": lease.window if lease else "",
            "offer": lease.offer if lease else "",
            "seq": lease.seq if lease else 0,
            "expires_s": min(lease.issued_at_s, now_s) + lease.ttl_s if lease and lease.ttl_s else now_s,
            "accepted": reason is None,
            "reason": str(reason or ""),
        }
    )
