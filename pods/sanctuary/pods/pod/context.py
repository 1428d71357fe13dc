"""Where a pod stands: its phase, and the window that it has leased or is in.

A `WindowSession` is there exactly while the phase is one of `ENGAGED`. `PodContext` alone moves the phase and
begins and ends the session, so the two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sanctuary.commons.designs import Answer, Ask, DreamDesign, LoadedDesign, answer_number
from sanctuary.pods.pod.evidence import Evidence
from sanctuary.pods.pod.outgoing import Outgoing
from sanctuary.pods.pod.states import TRANSITIONS, PodPhase, Trigger
from sanctuary.pods.protocol.messages import Extend, Offer, Open
from sanctuary.pods.protocol.records import PodWindowEvent, PodWindowRecord
from sanctuary.signal.state_table import apply


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step, or an answer to an eye signal, whose time has come.

    Attributes
    ----------
    number
        Of the step in the design; of an answer, `answer_number`.
    due_s
        Sanctuary clock.
    answers
        The pod whose sleeper made the signal that this answers; empty for a step.
    """

    number: int
    due_s: float
    step: Ask
    answers: str = ""


class WindowSession:
    """One offer leased by one pod, from the lease to the end of its window. All times by the sanctuary clock.

    Parameters
    ----------
    offer
        As admitted.
    design
        The design it names.
    answered_until_s
        When to give up if no `open` comes.

    Attributes
    ----------
    offer, design
        The arguments of the offer, and the design.
    part
        The part of the design that this pod plays, counted from 1.
    term
        Of the last command obeyed.
    playing
        Whether `open` has come.
    start_at_s, zero_s
        From when steps may sound, and when the design begins; infinite before `open`.
    valid_until_s
        Until when the pod may stay unless it is told so again.
    """

    def __init__(self, offer: Offer, design: LoadedDesign, answered_until_s: float) -> None:
        self.offer = offer.args
        self.design: DreamDesign = design.design
        self.part = offer.args.part
        self.term = offer.term
        self.playing = False
        self.start_at_s = self.zero_s = inf
        self.valid_until_s = answered_until_s
        self._lease_due_s = -inf
        self._number = 0
        self._step_due_s = inf
        self._answer: DueStep | None = None

    @property
    def next_due_s(self) -> float:
        """When the next step or answer is due; infinite for none."""
        return self._step_due_s if self._answer is None else min(self._step_due_s, self._answer.due_s)

    @property
    def answer_planned(self) -> bool:
        """Whether an answer is yet to come."""
        return self._answer is not None

    @property
    def times_s(self) -> tuple[float, float] | None:
        """From when, and until when at most, the pod plays; None before `open`."""
        return (self.start_at_s, self.valid_until_s) if self.playing else None

    def matches(self, command: Open) -> bool:
        """Tell whether `open` is about the offer that was leased."""
        args, offer = command.args, self.offer
        return (args.offer, args.window, args.circle, args.design) == (
            offer.offer,
            offer.window,
            offer.circle,
            offer.design,
        )

    def open(self, command: Open) -> None:
        """Take the place that `open` gives, no step before `start_at_s`; renew the lease at once."""
        self.playing = True
        self._lease_due_s = -inf
        self.term = command.term
        self.start_at_s = command.start_at_s
        self.valid_until_s = command.args.valid_until_s
        self.zero_s = command.args.zero_s
        self._find_step(self.design.first_number(command.start_at_s - self.zero_s))

    def extend(self, command: Extend) -> None:
        """Stay for longer, never for shorter."""
        self.term = command.term
        self.valid_until_s = max(self.valid_until_s, command.args.valid_until_s)

    def plan_answer(self, answer: Answer, start_at_s: float, of_pod: str) -> None:
        """Have the design's answer to an eye signal of another pod's sleeper due at `start_at_s`."""
        self._answer = DueStep(answer_number(start_at_s - self.zero_s), start_at_s, answer, of_pod)

    def pop_due(self, now_s: float) -> DueStep | None:
        """Give the next step or answer if its time has come, and go on to what comes after it."""
        if now_s < self.next_due_s:
            return None
        answer = self._answer
        if answer is not None and answer.due_s < self._step_due_s:
            self._answer = None
            return answer
        due = DueStep(self._number, self._step_due_s, self.design.step(self._number))
        self._find_step(self._number + 1)
        return due

    def pop_lease(self, now_s: float, renewal_s: float) -> bool:
        """Tell whether the lease is to be sent again; the next time is `renewal_s` later."""
        if now_s < self._lease_due_s:
            return False
        self._lease_due_s = now_s + renewal_s
        return True

    def lapsed(self, now_s: float, *, sounding: bool) -> str:
        """Say why the session's time is over; empty where it is not."""
        if now_s >= self.valid_until_s:
            return "keepalive_lost" if self.playing else "offer_lapsed"
        over = self.playing and not sounding and now_s >= self.zero_s + self.design.end_s
        return "design_done" if over else ""

    def _find_step(self, number: int) -> None:
        """Go to the first step from `number` on that this pod's part has."""
        mine = self.design.next_for(number, self.part)
        at_s = None if mine is None else self.design.time_of(mine)
        self._number = number if mine is None else mine
        self._step_due_s = inf if at_s is None else self.zero_s + at_s


class PodContext:
    """The phase of a pod and its window session, moved by the table of `states` alone.

    Parameters
    ----------
    phase
        Where the pod goes on after a restart.

    Attributes
    ----------
    phase, session
        To look at; changed by the methods alone.
    """

    def __init__(self, pod: str, phase: PodPhase, evidence: Evidence, outgoing: Outgoing) -> None:
        self.phase = phase
        self.session: WindowSession | None = None
        self._pod, self._evidence, self._outgoing = pod, evidence, outgoing
        self._sounding_until_s = -inf

    def move(self, trigger: Trigger) -> None:
        """Follow the table.

        Raises
        ------
        LookupError
            The phase knows no such trigger.
        """
        self.phase = apply(TRANSITIONS, self.phase, trigger, of="pod")
        if self.phase is PodPhase.REQUALIFYING:
            self._evidence.begin_anew()

    def on_new_night(self) -> None:
        """Drop what the night before left to be proved anew; only before the first event."""
        if self.phase is PodPhase.CUT_OFF:
            self.phase = PodPhase.OFFLINE

    # --- the window ---

    def lease(self, session: WindowSession, now_s: float) -> None:
        """Take up an offer; the lease itself goes out while it is true."""
        self.move(Trigger.LEASE)
        self.session = session
        self._record("leased", session, now_s)

    def open(self, session: WindowSession, command: Open, now_s: float) -> None:
        """Enter the window of the leased offer."""
        self.move(Trigger.OPEN)
        session.open(command)
        self._record("opened", session, now_s)

    def extend(self, session: WindowSession, command: Extend, now_s: float) -> None:
        session.extend(command)
        self._record("extended", session, now_s)

    def session_of(self, window: str) -> WindowSession | None:
        """Give the session of a window; None where the pod has leased no place in it."""
        return self.session if self.session is not None and self.session.offer.window == window else None

    def leave(self, trigger: Trigger, reason: str, now_s: float) -> None:
        """Fall silent first, then move by `trigger` and give up lease and window if there are any."""
        session = self.session
        if session is None or session.playing or trigger is not Trigger.LEAVE:
            self.silence(reason)
        self.move(trigger)
        if session is not None:
            self.session = None
            self._record("left", session, now_s, reason)
            self._outgoing.lease(session.offer, term=session.term, playing=session.playing, released=True)

    # --- what sounds ---

    def sound(self, until_s: float) -> None:
        """Note until when the cue that begins now sounds; of a sham, would sound."""
        self._sounding_until_s = until_s

    def is_sounding(self, now_s: float) -> bool:
        return now_s < self._sounding_until_s

    def silence(self, reason: str) -> None:
        """Stop every output."""
        self.take_back()
        self._outgoing.silence(reason)

    def take_back(self) -> None:
        """Note that nothing sounds any more, or that the last cue never did."""
        self._sounding_until_s = -inf

    def _record(self, event: PodWindowEvent, session: WindowSession, now_s: float, reason: str = "") -> None:
        offer, (start_at_s, valid_until_s) = session.offer, session.times_s or (None, None)
        self._outgoing.record(
            PodWindowRecord(
                t_s=now_s,
                pod=self._pod,
                event=event,
                window=offer.window,
                offer=offer.offer,
                circle=offer.circle,
                design=offer.design,
                term=session.term,
                start_at_s=start_at_s,
                valid_until_s=valid_until_s,
                reason=reason,
            )
        )
