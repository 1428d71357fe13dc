"""What of a pod's parts outlives a restart: gathered for its memory, and given back to them from it."""

from __future__ import annotations

from typing import NamedTuple

from sanctuary.commons.consent import ConsentBook
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod.command_handler import AnswerCount, CommandGuard
from sanctuary.pods.pod.context import PodContext
from sanctuary.pods.pod.evidence import KnownUtc
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.pods.pod.states import INTERRUPTED, LATCHED, PodPhase

CLOCKS_DIFFER_S = 2.0
"""Two clocks that count the time of a restart differently by less may only have been read late."""


class _Kept(NamedTuple):
    """What a change of asks for a new memory; cheap to compare after every event."""

    latch: PodPhase | None
    requalify: bool
    withdrawn_here: tuple[int, float] | None
    answered: tuple[str, int] | None
    consent_seq: int
    limiter_version: int
    terms: dict[str, int]


class Restart:
    """The memory of one pod, read from its parts.

    Parameters
    ----------
    memory
        What was kept before this run; None for a pod that was never up.
    own_utc_s
        UTC seconds by the pod's own computer; None where it has no clock, as in virtual time.
    """

    def __init__(
        self,
        pod: str,
        memory: PodMemory | None,
        own_utc_s: float | None,
        *,
        context: PodContext,
        book: ConsentBook,
        limiter: Limiter,
        utc: KnownUtc,
        guard: CommandGuard,
        answers: AnswerCount,
    ) -> None:
        self._pod, self._memory, self._own_utc_s = pod, memory, own_utc_s
        self._context, self._book, self._limiter, self._utc = context, book, limiter, utc
        self._guard, self._answers = guard, answers
        self._kept = self._to_keep()

    def memory(self, now_s: float) -> PodMemory:
        """Give what must outlive a restart, as it is now (sanctuary clock)."""
        kept, at_zero_s = self._to_keep(), self._utc.told_at_zero_s
        return PodMemory.model_validate(
            {
                "pod": self._pod,
                "who": self._book.who,
                "terms": kept.terms,
                "latch": str(kept.latch) if kept.latch else None,
                "withdrawn_here": kept.withdrawn_here,
                "requalify": kept.requalify,
                "answered": kept.answered,
                "consent_seq": kept.consent_seq,
                "kept_utc_s": at_zero_s + now_s,
                "limiter": self._limiter.memory(at_zero_s),
            }
        )

    def changed_memory(self, now_s: float) -> PodMemory | None:
        """Give the memory if it has changed since it was given last."""
        if (kept := self._to_keep()) == self._kept:
            return None
        self._kept = kept
        return self.memory(now_s)

    def recall_limiter(self, now_s: float) -> None:
        """Let the limiter go on where it was, if that was in this night; another night begins anew."""
        memory, at_zero_s = self._memory, self._utc.told_at_zero_s
        if memory is None:
            return
        utc_s, own_utc_s = at_zero_s + now_s, self._own_utc_s
        gained_s = 0.0 if own_utc_s is None else memory.gained_s(utc_s, own_utc_s)
        limiter = memory.limiter.moved(gained_s) if gained_s > CLOCKS_DIFFER_S else memory.limiter
        if limiter.is_over(utc_s):
            self._context.on_new_night()
        else:
            self._limiter.recall(limiter, at_zero_s, now_s)

    def _to_keep(self) -> _Kept:
        phase = self._context.phase
        return _Kept(
            phase if phase in LATCHED else None,
            phase in INTERRUPTED,
            self._book.withdrawn_here,
            self._answers.kept,
            self._book.top_seq,
            self._limiter.version,
            dict(self._guard.terms),
        )


def phase_at_start(memory: PodMemory | None) -> PodPhase:
    """Give the phase in which a pod goes on after a restart."""
    if memory is None:
        return PodPhase.OFFLINE
    if memory.latch is not None:
        return PodPhase(memory.latch)
    return PodPhase.CUT_OFF if memory.requalify else PodPhase.OFFLINE


def recall_consent(book: ConsentBook, memory: PodMemory | None) -> None:
    """Have a book go on from what was kept of it; what is kept of another sleeper's concerns it not."""
    if memory is not None and memory.who in ("", book.who):
        book.expect(memory.consent_seq)
        if memory.withdrawn_here is not None:
            book.recall_withdrawal(*memory.withdrawn_here)
