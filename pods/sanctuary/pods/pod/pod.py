"""The pod: takes what befalls it, keeps P1 to P7, says what is to be done.

Pure: no clock, no I/O, no randomness. Whoever runs it calls `Pod.handle` for every event and at least
once a second with `Ticked`; every silence that P4 asks for is then out within that second. Time never
runs backwards here: an earlier `now_s` counts as the latest one seen, unless it is so much earlier that the
sanctuary clock was set. Then, as when a measurement says that it was set forward, the pod leaves its window,
and its limiter and evidence go on by the new clock: no clock of others can bring two cues nearer together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from sanctuary.commons.consent import ConsentBook, Refusal
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import UtcRange
from sanctuary.config.site_settings import LimiterSettings, PodSettings
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod import records
from sanctuary.pods.pod.body import Body
from sanctuary.pods.pod.consenting import Consenting
from sanctuary.pods.pod.echoes import tell_eye_signal
from sanctuary.pods.pod.evidence import AT_ONCE, EvidenceReason
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.memory import PodMemory
from sanctuary.pods.pod.orders import Orders, consent_reason
from sanctuary.pods.pod.session import Session
from sanctuary.pods.pod.snapshot import Heartbeat
from sanctuary.pods.pod.states import ENGAGED, LATCHED, PodPhase, Trigger
from sanctuary.pods.pod.utc import UtcMark

SET_FORWARD_S = 0.1
"""A clock that is found to be behind by more than this was set; by less, it was only measured better."""
SET_BACK_S = 0.5
"""Time that goes back by more than this was set back. By less, it may stand still: steps of a design are
judged a quarter of a second ahead of their time."""


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
    light_cleared
        Whether everybody who sees this pod's lamp has said that light does them no harm; without, there is
        none.
    memory
        What the last `Keep` held before the pod went down; a restart is no reset. None for a pod that was
        never up.
    own_utc_s
        UTC seconds by the pod's own computer, which may tell that the sanctuary clock was set meanwhile.
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
        light_cleared: bool = False,
        memory: PodMemory | None = None,
        own_utc_s: float | None = None,
    ) -> None:
        self._body = Body(
            identity,
            consent,
            settings or PodSettings(),
            limiter_settings or LimiterSettings(),
            utc_at_zero_s,
            memory,
            light_cleared=light_cleared,
        )
        self._memory, self._own_utc_s = memory, own_utc_s
        self._orders = Orders(self._body, designs)
        consenting = Consenting(self._body)
        self._heartbeat = Heartbeat(self._body.settings)
        self._booted = False
        self._requalifying = False
        self._verdict: tuple[bool, bool, bool] | None = None
        self._now_s = -inf
        self._offset_s: float | None = None
        self._handlers: dict[type, Callable[[Any, float, list[Effect]], None]] = {
            happened.EstimateArrived: self._on_estimate,
            happened.SamplesMissed: self._on_samples_missed,
            happened.HeadbandLost: self._on_headband_lost,
            happened.HeadbandFound: self._on_headband_found,
            happened.LinkLost: self._on_link_lost,
            happened.LinkRestored: self._on_link_restored,
            happened.CommandReceived: self._on_command,
            happened.ConsentPresented: consenting.presented,
            happened.WithdrawalMade: consenting.withdrawn,
            happened.StopPressed: self._on_stop,
            happened.PersonReset: self._on_reset,
            happened.ClockMeasured: self._on_clock,
            happened.UtcHeard: self._on_utc,
            happened.CueUnkept: self._on_unkept,
            happened.CueMissed: self._on_missed,
            happened.Ticked: self._on_tick,
        }

    @property
    def identity(self) -> PodIdentity:
        """Ids and keys."""
        return self._body.identity

    @property
    def phase(self) -> PodPhase:
        """Where the pod stands."""
        return self._body.phase

    @property
    def consent(self) -> ConsentBook:
        """The consent that the pod holds; to look at only."""
        return self._body.consent

    def utc(self, now_s: float) -> UtcRange:
        """Say what UTC may be at a moment of the sanctuary clock; a grant must hold in all of it."""
        return self._body.utc.at(now_s)

    @property
    def memory(self) -> PodMemory:
        """What must outlive a restart; a `Keep` gives it whenever it changes."""
        return self._body.memory

    @property
    def is_counting(self) -> bool:
        """Whether every estimate counts: a lease is out, or REM is being proved anew."""
        body = self._body
        proving = body.phase is PodPhase.REQUALIFYING and body.evidence.missing(self._now_s) is None
        return proving or body.phase in ENGAGED

    @property
    def window(self) -> str | None:
        """The window the pod is in."""
        session = self._body.session
        return session.offer.window if session and session.playing else None

    @property
    def late_s(self) -> float:
        """How far behind its time a step may begin."""
        return self._body.settings.late_s

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
        out: list[Effect] = []
        if now_s < self._now_s - SET_BACK_S:
            back_s, self._now_s = now_s - self._now_s, now_s
            self._clock_set(back_s, now_s, out)
        now_s = self._now_s = self._body.now_s = max(self._now_s, now_s)
        if not self._booted:
            self._boot(now_s, out)
        if self._body.session is not None:
            self._pass_time(now_s, out)
        self._handlers[type(event)](event, now_s, out)
        self._settle(now_s, out)
        self._body.keep(out)
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
        else:
            body.limiter.calm()
        if estimate.eye_signal is not None:
            tell_eye_signal(body, now_s, out)

    def _on_samples_missed(self, event: happened.SamplesMissed, now_s: float, out: list[Effect]) -> None:
        self._body.note("samples_missed", now_s, out, str(event.n_samples))

    def _on_headband_lost(self, event: happened.HeadbandLost, now_s: float, out: list[Effect]) -> None:
        self._body.evidence.forget()
        self._verdict = None
        self._body.note("headband_lost", now_s, out, event.reason, cause=event.cause)

    def _on_headband_found(self, _event: happened.HeadbandFound, now_s: float, out: list[Effect]) -> None:
        self._body.note("headband_found", now_s, out)

    def _on_clock(self, event: happened.ClockMeasured, now_s: float, out: list[Effect]) -> None:
        before_s, self._offset_s = self._offset_s, event.offset_s
        if before_s is not None and event.offset_s - before_s > SET_FORWARD_S:
            self._clock_set(event.offset_s - before_s, now_s, out)
        if self._body.clock.measured(event.uncertainty_s, now_s, event.growth):
            detail = f"{event.offset_s:.6f} s, sure to {event.uncertainty_s:.6f} s"
            self._body.note("clock_measured", now_s, out, detail)

    def _on_utc(self, event: happened.UtcHeard, now_s: float, out: list[Effect]) -> None:
        body = self._body
        body.hear_utc(event.told, event.own, event.floor_at_zero_s)
        body.clock.utc_suffices = event.suffices
        out.append(Record(records.utc_record(body.identity.pod, event, body.utc.at(now_s), now_s)))

    def _clock_set(self, by_s: float, now_s: float, out: list[Effect]) -> None:
        """Go by the clock as it is now; nothing that was in step by the old one goes on."""
        body = self._body
        body.note("clock_set", now_s, out, f"{by_s:+.3f} s")
        if body.phase in ENGAGED:
            body.quit(Trigger.FALTER, "clock_set", now_s, out)
        body.clock_set(by_s)
        self._orders.clock_set(by_s, now_s)
        self._heartbeat.hasten()
        self._verdict = None

    def _on_link_lost(self, event: happened.LinkLost, now_s: float, out: list[Effect]) -> None:
        body = self._body
        if not body.link_up:
            return
        body.link_up = False
        body.note("link_lost", now_s, out, event.reason)
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

    def _on_unkept(self, _event: object, _now_s: float, _out: list[Effect]) -> None:
        self._body.player.sounding_until_s = -inf
        self._body.limiter.take_back()

    def _on_missed(self, event: happened.CueMissed, now_s: float, out: list[Effect]) -> None:
        self._on_unkept(event, now_s, out)
        self._body.note("cue_missed", now_s, out, f"{event.late_s:.3f} s late")

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

    def _boot(self, now_s: float, out: list[Effect]) -> None:
        """Go on from what was kept, and record what the pod woke up with."""
        body, pod = self._body, self.identity.pod
        self._booted = True
        self._orders.booted(now_s)
        if self._memory is not None:
            body.recall(self._memory, now_s, self._own_utc_s)
        if self._own_utc_s is not None:
            body.utc.own_is(UtcMark(self._own_utc_s - now_s))
        latch = str(self.phase) if self.phase in LATCHED else ""
        out.append(Record(records.boot_record(pod, latch, body.limiter, now_s)))
        out.extend(map(Record, records.book_records(pod, body.consent, now_s, body.utc_s(now_s))))

    # --- after every event ---

    def _settle(self, now_s: float, out: list[Effect]) -> None:
        """Leave, silence, play, renew and tell, as the time and the evidence now ask."""
        body = self._body
        missing = self._pass_time(now_s, out)
        willing = self._willing(now_s)
        self._requalify(now_s, out)
        ready = missing is None and bool(willing) and body.clock.refusal(now_s) is None
        if ready and body.phase is PodPhase.IDLE:
            body.move(Trigger.READY)
        elif not ready and body.phase is PodPhase.ELIGIBLE:
            body.move(Trigger.UNREADY)
        if body.session is not None:
            self._go_on(body.session, missing, now_s, out)
        if body.link_up:
            self._tell_state(missing, willing, now_s, out)

    def _requalify(self, now_s: float, out: list[Effect]) -> None:
        """Note an interruption, and its end."""
        body = self._body
        if body.phase is not PodPhase.REQUALIFYING:
            self._requalifying = False
            return
        if not self._requalifying:
            self._requalifying = True
            body.note("requalifying", now_s, out)
        if body.evidence.is_requalified(now_s):
            body.move(Trigger.PROVED)
            self._requalifying = False
            body.note("requalified", now_s, out)

    def _pass_time(self, now_s: float, out: list[Effect]) -> EvidenceReason | None:
        """Leave and fall silent where it is time to; say what proof of stable REM is missing."""
        body = self._body
        missing = body.evidence.missing(now_s)
        if body.session is not None:
            if missing is not None and self._falters(missing, now_s):
                body.quit(Trigger.FALTER, missing, now_s, out)
            elif (reason := self._leave_reason(body.session, now_s)) is not None:
                body.quit(Trigger.LEAVE, reason, now_s, out)
        return missing

    def _falters(self, missing: EvidenceReason, now_s: float) -> bool:
        """Tell whether the pod must leave: it has to fall silent, or there is nothing to wait for."""
        body = self._body
        sounding = now_s < body.player.sounding_until_s
        return sounding or missing in AT_ONCE or body.evidence.is_lost(now_s)

    def _leave_reason(self, session: Session, now_s: float) -> str | None:
        body = self._body
        refusal = consent_reason(body.consent, session.offer, body.utc.at(now_s))
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
        utc, book = self._body.utc.at(now_s), self._body.consent
        return tuple(c for c in self.identity.circles if not isinstance(book.in_force(c, utc), Refusal))

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
            told_state = body.outbox.state(body.phase, session, last, willing, seq, now_s, stable_rem=stable)
            body.send(told_state, out)
