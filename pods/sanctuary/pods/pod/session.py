"""What a pod holds while it is engaged: the offer it leased and, once open, the place in the design."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sanctuary.commons.designs import Ask, LoadedDesign
from sanctuary.pods.effects import answer_number
from sanctuary.pods.protocol.messages import Echo, Offer, Open
from sanctuary.pods.protocol.records import PodWindowRecord


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step, or an answer to an eye signal, whose time has come.

    Attributes
    ----------
    number
        Of the step in the design; of an answer, `answer_number`.
    answers
        The pod whose sleeper made the signal that this answers; empty for a step.
    """

    number: int
    due_s: float
    step: Ask
    answers: str = ""


class Session:
    """One offer leased by one pod, from the lease to the end of its window.

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
    part
        The part of the design that this pod plays, counted from 1.
    """

    def __init__(self, offer: Offer, design: LoadedDesign, answered_until_s: float) -> None:
        self.offer = offer.args
        self.term = offer.term
        self.design = design
        self.answered_until_s = answered_until_s
        self.valid_until_s = -inf
        self.start_at_s = inf
        self.playing = False
        self.part = offer.args.part
        self.zero_s = inf
        self._number = 0
        self._step_due_s = inf
        self._answer: DueStep | None = None
        self.lease_due_s = -inf

    @property
    def next_due_s(self) -> float:
        """When the next step or answer is due; infinite for none."""
        return self._step_due_s if self._answer is None else min(self._step_due_s, self._answer.due_s)

    @property
    def answer_planned(self) -> bool:
        """Whether an answer is yet to come."""
        return self._answer is not None

    def plan_answer(self, command: Echo) -> None:
        """Let the design's answer be due when `command` says."""
        answer = self.design.design.answer
        if answer is not None:
            number = answer_number(command.start_at_s - self.zero_s)
            self._answer = DueStep(number, command.start_at_s, answer, command.args.of_pod)

    def matches(self, command: Open) -> bool:
        """Tell whether `open` speaks of the offer that was leased."""
        args, offer = command.args, self.offer
        return (args.offer, args.window, args.circle, args.design) == (
            offer.offer,
            offer.window,
            offer.circle,
            offer.design,
        )

    def begin(self, command: Open) -> None:
        """Take the place in the design that `open` gives: no step before `start_at_s`."""
        self.playing = True
        self.term = command.term
        self.start_at_s = command.start_at_s
        self.valid_until_s = command.args.valid_until_s
        self.zero_s = command.args.zero_s
        self._find_next(self.design.design.first_number(command.start_at_s - self.zero_s))

    def take_due(self, now_s: float) -> DueStep | None:
        """Take the next step or answer if its time has come, and go on to what comes after it."""
        if now_s < self.next_due_s:
            return None
        answer = self._answer
        if answer is not None and answer.due_s < self._step_due_s:
            self._answer = None
            return answer
        due = DueStep(self._number, self._step_due_s, self.design.design.step(self._number))
        self._find_next(self._number + 1)
        return due

    def is_played_out(self, now_s: float) -> bool:
        """Tell whether the design is over."""
        return self.playing and now_s >= self.zero_s + self.design.design.end_s

    def expiry(self) -> float:
        """When the pod must leave unless it hears from the coordinator."""
        return self.valid_until_s if self.playing else self.answered_until_s

    def record(self, event: str, pod: str, now_s: float, reason: str = "") -> PodWindowRecord:
        """Describe a change of this session for the log."""
        return {
            "kind": "pod_window",
            "t_s": now_s,
            "pod": pod,
            "event": event,  # type: ignore[typeddict-item]
            "window": self.offer.window,
            "offer": self.offer.offer,
            "circle": self.offer.circle,
            "design": self.offer.design,
            "term": self.term,
            "start_at_s": self.start_at_s if self.playing else None,
            "valid_until_s": self.valid_until_s if self.playing else None,
            "reason": reason,
        }

    def _find_next(self, number: int) -> None:
        """Go to the first step from `number` on that this pod's part has."""
        design = self.design.design
        mine = design.next_for(number, self.part)
        at_s = None if mine is None else design.time_of(mine)
        self._number = number if mine is None else mine
        self._step_due_s = inf if at_s is None else self.zero_s + at_s
