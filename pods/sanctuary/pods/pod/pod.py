"""The pod: takes what befalls it, keeps P1 to P7, says what is to be done.

Pure: no clock, no I/O, no randomness. Whoever runs it calls `Pod.handle` for every event and at least
once a second with `Ticked`; every silence that P4 asks for is then out within that second. Time never
runs backwards here: an earlier `now_s` counts as the latest one seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from sanctuary.commons.consent import ConsentBook, ConsentReason, Refusal
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import Grant, Withdrawal
from sanctuary.config.coordination import LimiterSettings, PodSettings
from sanctuary.config.errors import ProtocolError
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod import records
from sanctuary.pods.pod.body import Body
from sanctuary.pods.pod.echoes import tell_eye_signal
from sanctuary.pods.pod.evidence import CONTRARY, EvidenceReason
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.orders import Orders, consent_reason
from sanctuary.pods.pod.session import Session
from sanctuary.pods.pod.snapshot import Heartbeat
from sanctuary.pods.pod.states import ENGAGED, LATCHED, PodPhase, Trigger

_WITHDRAWN = frozenset({ConsentReason.WITHDRAWN, ConsentReason.FORKED, ConsentReason.UNCITED_WITHDRAWAL})


class Pod:
    """One sleeping place for one night.

    Parameters
    ----------
    identity
        Ids and keys.
    consent
        What the sleeper has agreed to so far; the shell loads it from its own store.
    designs
        The designs on board; a window with another is refused.
    utc_at_zero_s
        UTC seconds at second 0 of the sanctuary clock.
    latched
        `STOPPED` or `WITHDRAWN` where the pod was so when it last went down; a restart is no reset.
    terms
        What `terms` gave before the pod went down.
    """

    def __init__(
        self,
        identity: PodIdentity,
        *,
        consent: ConsentBook,
        designs: Iterable[LoadedDesign],
        utc_at_zero_s: float,
        settings: PodSettings | None = None,
        limiter_settings: LimiterSettings | None = None,
        latched: PodPhase | None = None,
        terms: Mapping[str, int] | None = None,
    ) -> None:
        self._body = Body(
            identity, consent, settings or PodSettings(), limiter_settings or LimiterSettings(), utc_at_zero_s
        )
        if latched is not None:
            self._body.move(Trigger.WITHDRAW if latched is PodPhase.WITHDRAWN else Trigger.STOP)
        self._orders = Orders(self._body, designs, terms or {})
        self._heartbeat = Heartbeat(self._body.settings)
        self._booted = False
        self._verdict: tuple[bool, bool, bool] | None = None
        self._now_s = -inf
        self._handlers: dict[type, Callable[[Any, float, list[Effect]], None]] = {
            happened.EstimateArrived: self._on_estimate,
            happened.SamplesMissed: self._on_samples_missed,
            happened.HeadbandLost: self._on_headband_lost,
            happened.HeadbandFound: self._on_headband_found,
            happened.LinkLost: self._on_link_lost,
            happened.LinkRestored: self._on_link_restored,
            happened.CommandReceived: self._on_command,
            happened.ConsentPresented: self._on_consent,
            happened.WithdrawalMade: self._on_withdrawal,
            happened.StopPressed: self._on_stop,
            happened.PersonReset: self._on_reset,
            happened.ClockMeasured: self._on_clock,
            happened.Ticked: self._on_tick,
        }

    @property
    def identity(self) -> PodIdentity:
        """Ids and keys."""
        return self._body.identity

    @property
    def phase(self) -> PodPhase:
        """Where the pod stands; the shell keeps `STOPPED` and `WITHDRAWN` over a restart."""
        return self._body.phase

    @property
    def terms(self) -> Mapping[str, int]:
        """Highest term obeyed for each circle; the shell keeps it over a restart."""
        return self._orders.terms

    @property
    def window(self) -> str | None:
        """The window the pod is in."""
        session = self._body.session
        return session.offer.window if session and session.playing else None

    @property
    def next_due_s(self) -> float:
        """When the next step is due; a `Ticked` at that moment keeps pods in step. Infinite for none."""
        return self._body.session.next_due_s if self._body.session else inf

    def handle(self, event: happened.PodEvent, now_s: float) -> list[Effect]:
        """Take an event.

        Time passes before the event counts: an `extend` that comes too late revives nothing.

        Parameters
        ----------
        now_s
            Sanctuary clock.

        Returns
        -------
        list of Effect
            To be done in this order.
        """
        now_s = self._now_s = max(self._now_s, now_s)
        out: list[Effect] = []
        if not self._booted:
            self._boot(now_s, out)
        if self._body.session is not None:
            self._pass_time(now_s, out)
        self._handlers[type(event)](event, now_s, out)
        self._settle(now_s, out)
        return out

    # --- headband, clock and link ---

    def _on_estimate(self, event: happened.EstimateArrived, now_s: float, out: list[Effect]) -> None:
        body, estimate = self._body, event.estimate
        if not body.evidence.take(estimate, now_s):
            body.note("estimate_refused", now_s, out, f"stamped {estimate.t_s:.3f} s")
            return
        usable = estimate.quality >= body.settings.min_quality
        before, self._verdict = self._verdict, (estimate.stable_rem, estimate.arousal, usable)
        if self._verdict != before or body.phase in ENGAGED:
            out.append(Record(records.estimate_record(body.identity.pod, estimate, now_s)))
        if estimate.arousal:
            body.limiter.arousal(now_s)
            if before is None or not before[1]:
                body.note("arousal", now_s, out)
        if estimate.eye_signal is not None:
            tell_eye_signal(body, now_s, out)

    def _on_samples_missed(self, event: happened.SamplesMissed, now_s: float, out: list[Effect]) -> None:
        self._body.note("samples_missed", now_s, out, str(event.n_samples))

    def _on_headband_lost(self, _event: happened.HeadbandLost, now_s: float, out: list[Effect]) -> None:
        self._body.evidence.forget()
        self._verdict = None
        self._body.note("headband_lost", now_s, out)

    def _on_headband_found(self, _event: happened.HeadbandFound, now_s: float, out: list[Effect]) -> None:
        self._body.note("headband_found", now_s, out)

    def _on_clock(self, event: happened.ClockMeasured, now_s: float, out: list[Effect]) -> None:
        if self._body.clock.measured(event.uncertainty_s, now_s, event.growth):
            detail = f"{event.offset_s:.6f} s, sure to {event.uncertainty_s:.6f} s"
            self._body.note("clock_measured", now_s, out, detail)

    def _on_link_lost(self, _event: happened.LinkLost, now_s: float, out: list[Effect]) -> None:
        body = self._body
        if not body.link_up:
            return
        body.link_up = False
        body.note("link_lost", now_s, out)
        if body.phase not in LATCHED:
            body.quit(Trigger.LINK_DOWN, "link_lost", now_s, out)

    def _on_link_restored(self, _event: happened.LinkRestored, now_s: float, out: list[Effect]) -> None:
        body = self._body
        if body.link_up:
            return
        body.link_up = True
        self._heartbeat.hasten()
        body.note("link_restored", now_s, out)
        if body.phase not in LATCHED:
            body.move(Trigger.LINK_UP)

    def _on_command(self, event: happened.CommandReceived, now_s: float, out: list[Effect]) -> None:
        self._orders.receive(event.payload, now_s, out)

    def _on_tick(self, _event: happened.Ticked, now_s: float, out: list[Effect]) -> None:
        """Do nothing here: `_settle` looks at the time."""

    # --- people ---

    def _on_stop(self, _event: happened.StopPressed, now_s: float, out: list[Effect]) -> None:
        self._body.note("stop_pressed", now_s, out)
        self._body.quit(Trigger.STOP, "stop_pressed", now_s, out)

    def _on_reset(self, _event: happened.PersonReset, now_s: float, out: list[Effect]) -> None:
        body = self._body
        body.note("person_reset", now_s, out)
        if body.phase in LATCHED:
            body.move(Trigger.RESET)
            if not body.link_up:
                body.move(Trigger.LINK_DOWN)

    def _on_withdrawal(self, event: happened.WithdrawalMade, now_s: float, out: list[Effect]) -> None:
        body = self._body
        if event.entry:
            self._take_entry(event.entry, now_s, out)
        utc_s = body.utc_s(now_s)
        body.consent.withdraw_here(utc_s)
        out.append(Record(records.withdrawal_record(body.identity.pod, now_s, utc_s, body.consent.top_seq)))
        body.quit(Trigger.WITHDRAW, "withdrawn", now_s, out)

    def _on_consent(self, event: happened.ConsentPresented, now_s: float, out: list[Effect]) -> None:
        if self._take_entry(event.entry, now_s, out):
            self._body.quit(Trigger.WITHDRAW, "withdrawn", now_s, out)

    def _take_entry(self, raw: bytes, now_s: float, out: list[Effect]) -> bool:
        """Take a consent entry; tell whether it ended consent for a circle of this sleeper."""
        book, pod, utc_s = self._body.consent, self.identity.pod, self._body.utc_s(now_s)
        forks = book.forks
        try:
            entry = book.add(raw)
        except ProtocolError as error:
            out.append(Record(records.refused_consent_record(pod, now_s, utc_s, str(error))))
            return False
        if entry is None:
            return False
        out.append(Record(records.consent_record(pod, entry.event, now_s, utc_s)))
        return book.forks != forks or self._ends_consent(entry.event, utc_s)

    def _ends_consent(self, event: Grant | Withdrawal, utc_s: float) -> bool:
        if not isinstance(event, Withdrawal):
            return False
        touched = (circle for circle in self.identity.circles if event.touches(circle))
        verdicts = (self._body.consent.in_force(circle, utc_s) for circle in touched)
        return any(isinstance(verdict, Refusal) and verdict.reason in _WITHDRAWN for verdict in verdicts)

    def _boot(self, now_s: float, out: list[Effect]) -> None:
        """Record latch and consent that the pod woke up with, so that its log stands alone."""
        self._booted = True
        self._orders.booted(now_s)
        self._body.note("booted", now_s, out, str(self.phase) if self.phase in LATCHED else "")
        book, pod, utc_s = self._body.consent, self.identity.pod, self._body.utc_s(now_s)
        out.extend(Record(records.consent_record(pod, entry.event, now_s, utc_s)) for entry in book.entries)
        if book.withdrawn_here is not None:
            seq, at_utc_s = book.withdrawn_here
            out.append(Record(records.withdrawal_record(pod, now_s, at_utc_s, seq)))

    # --- after every event ---

    def _settle(self, now_s: float, out: list[Effect]) -> None:
        """Leave, silence, play, renew and tell, as the time and the evidence now ask."""
        body = self._body
        missing = self._pass_time(now_s, out)
        willing = self._willing(now_s)
        ready = missing is None and bool(willing) and body.clock.is_sure(now_s)
        if ready and body.phase is PodPhase.IDLE:
            body.move(Trigger.READY)
        elif not ready and body.phase is PodPhase.ELIGIBLE:
            body.move(Trigger.UNREADY)
        if body.session is not None:
            self._go_on(body.session, missing, now_s, out)
        if body.link_up:
            self._tell_state(missing, willing, now_s, out)

    def _pass_time(self, now_s: float, out: list[Effect]) -> EvidenceReason | None:
        """Leave and fall silent where it is time to; say what proof of stable REM is missing."""
        body = self._body
        missing = body.evidence.missing(now_s)
        if body.session is not None:
            reason = self._leave_reason(body.session, missing, now_s)
            if reason is not None:
                body.quit(Trigger.LEAVE, reason, now_s, out)
        if missing is not None and now_s < body.player.sounding_until_s:
            body.silence(missing, now_s, out)
        return missing

    def _leave_reason(self, session: Session, missing: EvidenceReason | None, now_s: float) -> str | None:
        body = self._body
        if missing is not None and (missing in CONTRARY or body.evidence.is_lost(now_s)):
            return missing
        refusal = consent_reason(body.consent, session.offer, body.utc_s(now_s))
        if refusal is not None:
            return refusal
        if now_s >= session.expiry():
            return "keepalive_lost" if session.playing else "offer_lapsed"
        over = session.is_played_out(now_s) and now_s >= body.player.sounding_until_s
        return "design_done" if over else None

    def _go_on(
        self, session: Session, missing: EvidenceReason | None, now_s: float, out: list[Effect]
    ) -> None:
        """Play what is due; renew the lease while it is true."""
        body = self._body
        body.player.play(session, now_s, out)
        if missing is None and now_s >= session.lease_due_s:
            session.lease_due_s = now_s + body.settings.lease_renewal_s
            body.send(body.outbox.lease(session, now_s), out)

    def _willing(self, now_s: float) -> tuple[str, ...]:
        utc_s, book = self._body.utc_s(now_s), self._body.consent
        return tuple(c for c in self.identity.circles if not isinstance(book.in_force(c, utc_s), Refusal))

    def _tell_state(
        self, missing: EvidenceReason | None, willing: tuple[str, ...], now_s: float, out: list[Effect]
    ) -> None:
        body = self._body
        session, last = body.session, body.evidence.last
        engaged = (session.offer.offer, session.playing) if session else None
        told = (body.phase, missing, last.stage if last else None, willing, engaged)
        if self._heartbeat.is_due(told, now_s):
            self._heartbeat.sent(told, now_s)
            stable, seq = missing is None, self._heartbeat.seq
            out.append(body.outbox.state(body.phase, session, last, willing, seq, now_s, stable_rem=stable))
