"""The pod: takes events, keeps P1 to P7, and gives what is to be done.

Pure: no clock, no I/O, no randomness. Whoever runs it calls `Pod.handle` for every event and at least
once a second with `Ticked`; every silence that P4 asks for is then out within that second. Time never
runs backwards here: an earlier `now_s` counts as the latest one seen, unless it is so much earlier that the
sanctuary clock was set. Then, as when a measurement says that it was set forward, the pod leaves its window,
and its limiter and evidence go on by the new clock: no clock of others can bring two cues nearer together.

The parts, none of which looks into another:

======================== ==================================================================
`evidence`               what is known of the sleeper's REM, of the sanctuary clock, of UTC
`permission`             P1 to P6, and what they say of one moment
`context`, `states`      the phase, the window leased or entered, and the ways between
`command_handler`        the coordinator's commands: guarded, obeyed, answered
`player`, `limiter`      a due step: a cue, or a reason why not
`outgoing`               effects in their order, messages, records
`identity`, `restart`    who the pod is, and what outlives a restart
======================== ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import Grant, UtcRange, Withdrawal
from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import LimiterSettings, PodSettings
from sanctuary.pods.effects import Effect
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.command_handler import AnswerCount, CommandGuard, CommandHandler
from sanctuary.pods.pod.context import PodContext
from sanctuary.pods.pod.evidence import ClockTrust, Evidence, KnownUtc, UtcMark
from sanctuary.pods.pod.identity import PodIdentity, PodMemory
from sanctuary.pods.pod.outgoing import Outgoing, book_records, boot_record, utc_record
from sanctuary.pods.pod.permission import Permission, Refusal, p2_window, p4_silence, permits
from sanctuary.pods.pod.player import Player
from sanctuary.pods.pod.restart import Restart, phase_at_start, recall_consent
from sanctuary.pods.pod.states import ENGAGED, LATCHED, PodPhase, Trigger
from sanctuary.pods.protocol.records import ConsentRecord, EstimateRecord

SET_BACK_S = 0.5
"""Time that goes back by more than this was set back. By less, it may not move: steps of a design are
judged a quarter of a second ahead of their time."""
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
        self._me, self._book, self._own_utc_s = identity, consent, own_utc_s
        self._settings = settings = settings or PodSettings()
        limits = limiter_settings or LimiterSettings()
        self._now_s = -inf
        self._booted = False
        self._requalifying = False
        self._verdict: tuple[bool, bool, bool] | None = None
        self._withdrawn_s: float | None = None
        """When the sleeper last withdrew by hand in this run, sanctuary clock."""
        self._evidence, self._clock = Evidence(settings), ClockTrust(settings)
        self._utc = KnownUtc(UtcMark(utc_at_zero_s))
        self._limiter = Limiter(limits, light_cleared=light_cleared)
        self._outgoing = Outgoing(identity, settings, self._changed_memory)
        recall_consent(consent, memory)
        self._context = PodContext(identity.pod, phase_at_start(memory), self._evidence, self._outgoing)
        self._guard = CommandGuard(identity, settings, memory.terms if memory else {})
        self._answers = AnswerCount(memory.answered if memory else None)
        self._commands = CommandHandler(
            identity,
            settings,
            designs,
            self._context,
            consent,
            self._evidence,
            self._clock,
            self._guard,
            self._answers,
            self._outgoing,
        )
        self._player = Player(
            identity,
            self._context,
            consent,
            self._limiter,
            self._outgoing,
            late_s=settings.late_s,
            gap_s=limits.gap_s,
        )
        self._restart = Restart(
            identity.pod,
            memory,
            own_utc_s,
            context=self._context,
            book=consent,
            limiter=self._limiter,
            utc=self._utc,
            guard=self._guard,
            answers=self._answers,
        )
        self._permission = self.permits(self._now_s)
        self._handlers: dict[type, Callable[[Any, float], None]] = {
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
            happened.UtcHeard: self._on_utc,
            happened.CueUnkept: self._on_unkept,
            happened.CueMissed: self._on_missed,
        }

    @property
    def identity(self) -> PodIdentity:
        return self._me

    @property
    def phase(self) -> PodPhase:
        return self._context.phase

    @property
    def consent(self) -> ConsentBook:
        """The consent that the pod holds; to look at only."""
        return self._book

    @property
    def window(self) -> str | None:
        """The window the pod is in."""
        session = self._context.session
        return session.offer.window if session and session.playing else None

    @property
    def memory(self) -> PodMemory:
        """What must outlive a restart, as it is now; a `Keep` gives it whenever it changes."""
        return self._restart.memory(self._now_s if self._booted else 0.0)

    @property
    def late_s(self) -> float:
        """How far behind its time a step may begin."""
        return self._settings.late_s

    @property
    def next_due_s(self) -> float:
        """When the next step is due; a `Ticked` at that moment keeps pods in step. Infinite for none."""
        return self._context.session.next_due_s if self._context.session else inf

    @property
    def is_counting(self) -> bool:
        """Whether every estimate counts: a lease is out, or REM is being proved anew."""
        proving = self.phase is PodPhase.REQUALIFYING and self._permission.missing is None
        return proving or self.phase in ENGAGED

    def utc(self, now_s: float) -> UtcRange:
        """Say what UTC may be at a moment of the sanctuary clock; a grant must hold in all of it."""
        return self._utc.at(now_s)

    def permits(self, now_s: float) -> Permission | Refusal:
        """Say whether anything may be cued at a moment, or why not."""
        circles, utc = self._me.circles, self._utc.at(now_s)
        return permits(now_s, self._evidence, self._clock, self._book, utc, circles, self._settings)

    def handle(self, event: happened.PodEvent, now_s: float) -> list[Effect]:
        """Handle an event.

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
        back_s = now_s - self._now_s
        set_back = back_s < -SET_BACK_S
        self._now_s = now_s = now_s if set_back else max(self._now_s, now_s)
        self._outgoing.begin(now_s)
        if set_back:
            self._on_clock_set(back_s, now_s)
        if not self._booted:
            self._boot(now_s)
        self._permission = self.permits(now_s)
        if not isinstance(event, happened.Ticked):
            self._leave_in_time(self._permission)
            self._handlers[type(event)](event, now_s)
            self._permission = self.permits(now_s)
        self._settle(self._permission)
        return self._outgoing.drain()

    # --- headband, clock and link ---

    def _on_estimate(self, event: happened.EstimateArrived, now_s: float) -> None:
        estimate = event.estimate
        if not self._evidence.push(estimate, now_s):
            self._outgoing.note("estimate_refused", f"stamped {estimate.t_s:.3f} s")
            return
        usable = estimate.quality >= self._settings.min_quality
        before, self._verdict = self._verdict, (estimate.stable_rem, estimate.arousal, usable)
        if self._verdict != before or self.phase in ENGAGED:
            self._outgoing.record(EstimateRecord.of(self._me.pod, estimate, now_s))
        if estimate.arousal:
            self._limiter.on_arousal(now_s)
            if before is None or not before[1]:
                self._outgoing.note("arousal")
        else:
            self._limiter.on_calm()
        if estimate.eye_signal is not None:
            self._commands.report_eye_signal(self.permits(now_s))

    def _on_samples_missed(self, event: happened.SamplesMissed, _now_s: float) -> None:
        self._outgoing.note("samples_missed", str(event.n_samples))

    def _on_headband_lost(self, event: happened.HeadbandLost, _now_s: float) -> None:
        self._evidence.forget()
        self._verdict = None
        self._outgoing.note("headband_lost", event.reason, cause=event.cause)

    def _on_headband_found(self, _event: happened.HeadbandFound, _now_s: float) -> None:
        self._outgoing.note("headband_found")

    def _on_clock(self, event: happened.ClockMeasured, now_s: float) -> None:
        forward_s = self._clock.set_forward_s(event.offset_s)
        if forward_s:
            self._on_clock_set(forward_s, now_s)
        if self._clock.push(event.uncertainty_s, now_s, event.growth):
            self._outgoing.note(
                "clock_measured", f"{event.offset_s:.6f} s, sure to {event.uncertainty_s:.6f} s"
            )

    def _on_clock_set(self, by_s: float, now_s: float) -> None:
        """Go by the clock as it is now; nothing that was in step by the old one goes on."""
        self._outgoing.note("clock_set", f"{by_s:+.3f} s")
        if self.phase in ENGAGED:
            self._context.leave(Trigger.FALTER, "clock_set", now_s)
        self._evidence.on_clock_set(by_s)
        self._limiter.on_clock_set(by_s)
        self._utc.on_clock_set(by_s)
        self._guard.on_clock_set(by_s, now_s)
        if self._withdrawn_s is not None:
            self._withdrawn_s += by_s
        self._outgoing.hasten_state()
        self._verdict = None

    def _on_utc(self, event: happened.UtcHeard, now_s: float) -> None:
        self._utc.push(event.told, event.own, event.floor_at_zero_s)
        self._clock.on_utc(suffices=event.suffices)
        kept = self._book.withdrawn_here
        if self._withdrawn_s is not None and kept is not None:
            # A withdrawal made in this run moves with the clocks by which grants are judged, but never back.
            self._book.recall_withdrawal(kept[0], self._utc.told_at_zero_s + self._withdrawn_s)
        self._outgoing.record(utc_record(self._me.pod, event, self._utc.at(now_s), now_s))

    def _on_link_lost(self, event: happened.LinkLost, now_s: float) -> None:
        if not self._outgoing.link_up:
            return
        self._outgoing.on_link(up=False)
        self._outgoing.note("link_lost", event.reason)
        if self.phase not in LATCHED:
            self._context.leave(Trigger.LINK_DOWN, "link_lost", now_s)

    def _on_link_restored(self, _event: happened.LinkRestored, _now_s: float) -> None:
        if self._outgoing.link_up:
            return
        self._outgoing.on_link(up=True)
        self._outgoing.note("link_restored")
        if self.phase not in LATCHED:
            self._context.move(Trigger.LINK_UP)

    def _on_command(self, event: happened.CommandReceived, _now_s: float) -> None:
        self._commands.handle(event.payload, self._permission)

    def _on_unkept(self, _event: object, _now_s: float) -> None:
        self._context.take_back()
        self._limiter.take_back()

    def _on_missed(self, event: happened.CueMissed, now_s: float) -> None:
        self._on_unkept(event, now_s)
        self._outgoing.note("cue_missed", f"{event.late_s:.3f} s late")

    # --- people ---

    def _on_stop(self, _event: happened.StopPressed, now_s: float) -> None:
        self._outgoing.note("stop_pressed")
        self._context.leave(Trigger.STOP, "stop_pressed", now_s)

    def _on_reset(self, _event: happened.PersonReset, _now_s: float) -> None:
        self._outgoing.note("person_reset")
        if self.phase in LATCHED:
            self._context.move(Trigger.RESET)
            if not self._outgoing.link_up:
                self._context.move(Trigger.LINK_DOWN)

    def _on_consent(self, event: happened.ConsentPresented, now_s: float) -> None:
        if self._take_entry(event.entry, now_s):
            self._context.leave(Trigger.WITHDRAW, "withdrawn", now_s)

    def _on_withdrawal(self, event: happened.WithdrawalMade, now_s: float) -> None:
        """Withdraw by hand, which holds whatever becomes of the signed entry."""
        if event.entry:
            self._take_entry(event.entry, now_s)
        utc_s = self._utc_s(now_s)
        self._withdrawn_s = now_s
        self._book.withdraw_here(utc_s)
        self._outgoing.record(ConsentRecord.by_hand(self._me.pod, now_s, utc_s, self._book.top_seq))
        self._context.leave(Trigger.WITHDRAW, "withdrawn", now_s)

    def _take_entry(self, raw: bytes, now_s: float) -> bool:
        """Take a signed consent entry; tell whether it ended consent for a circle of this sleeper."""
        book, pod, utc_s = self._book, self._me.pod, self._utc_s(now_s)
        forks = book.forks
        try:
            entry = book.add(raw)
        except ProtocolError as error:
            self._outgoing.record(ConsentRecord.refused(pod, now_s, utc_s, str(error)))
            return False
        if entry is None:
            return False
        self._outgoing.record(ConsentRecord.of(pod, entry.event, now_s, utc_s))
        return book.forks != forks or self._ends_consent(entry.event, now_s)

    def _ends_consent(self, event: Grant | Withdrawal, now_s: float) -> bool:
        if not isinstance(event, Withdrawal):
            return False
        utc = self._utc.at(now_s)
        touched = (circle for circle in self._me.circles if event.touches(circle))
        return any(self._book.in_force(circle, utc) in _WITHDRAWN for circle in touched)

    # --- after every event ---

    def _settle(self, permission: Permission | Refusal) -> None:
        """Leave, silence, play, renew and publish, as the permission of this moment says."""
        self._leave_in_time(permission)
        self._requalify(permission)
        context, ready = self._context, isinstance(permission, Permission)
        if ready and context.phase is PodPhase.IDLE:
            context.move(Trigger.READY)
        elif not ready and context.phase is PodPhase.ELIGIBLE:
            context.move(Trigger.UNREADY)
        session = context.session
        if session is not None:
            if permission.now_s >= session.next_due_s:
                self._player.play(session, permission)
            if permission.missing is None and session.pop_lease(
                permission.now_s, self._settings.lease_renewal_s
            ):
                self._outgoing.lease(session.offer, term=session.term, playing=session.playing)
        leased = (session.offer, session.playing) if session else None
        self._outgoing.state(
            context.phase, leased, self._evidence.last, permission.missing, permission.willing
        )

    def _leave_in_time(self, permission: Permission | Refusal) -> None:
        """Leave the window, and be silent, where P4 asks for it or its time is over."""
        session, now_s = self._context.session, permission.now_s
        if session is None:
            return
        sounding = self._context.is_sounding(now_s)
        refused = p2_window(self._book, permission.grant(session.offer.circle), session.offer)
        lapsed = session.lapsed(now_s, sounding=sounding)
        ending = p4_silence(permission, refused, lapsed, sounding=sounding)
        if ending is not None:
            self._context.leave(ending.trigger, ending.reason, now_s)

    def _requalify(self, permission: Permission | Refusal) -> None:
        """Record an interruption, and its end."""
        if self.phase is not PodPhase.REQUALIFYING:
            self._requalifying = False
            return
        if not self._requalifying:
            self._requalifying = True
            self._outgoing.note("requalifying")
        if permission.missing is None and self._evidence.is_requalified():
            self._context.move(Trigger.PROVED)
            self._requalifying = False
            self._outgoing.note("requalified")

    # --- over a restart ---

    def _boot(self, now_s: float) -> None:
        """Go on from what was kept, and record what the pod starts with."""
        self._booted = True
        self._guard.on_boot(now_s)
        self._restart.recall_limiter(now_s)
        if self._own_utc_s is not None:
            self._utc.own_is(UtcMark(self._own_utc_s - now_s))
        latch = str(self.phase) if self.phase in LATCHED else ""
        self._outgoing.record(boot_record(self._me.pod, latch, self._limiter, now_s))
        for record in book_records(self._me.pod, self._book, now_s, self._utc_s(now_s)):
            self._outgoing.record(record)

    def _changed_memory(self) -> PodMemory | None:
        return self._restart.changed_memory(self._now_s)

    def _utc_s(self, now_s: float) -> float:
        """Turn sanctuary seconds into UTC seconds, as the gateway tells it."""
        return self._utc.told_at_zero_s + now_s
