"""From a step that is due to a cue that sounds, or to a reason why not: P1, P2, then the limiter (P3).

Nothing but `Player.play` makes a `Render`, and it puts the `Log` of it first (P7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from sanctuary.commons.consent import ConsentBook, Refusal
from sanctuary.commons.designs import cue_for
from sanctuary.firmware_bridge.outputs.cue import Cue
from sanctuary.pods.effects import Effect, Log, Render
from sanctuary.pods.limiter import Admitted, Limiter
from sanctuary.pods.pod.evidence import Evidence
from sanctuary.pods.pod.identity import ClockTrust
from sanctuary.pods.pod.records import cue_entry
from sanctuary.pods.pod.session import DueStep, Session


class StepReason(StrEnum):
    """Why a step is refused before consent and limiter are asked."""

    LATE = "late"
    CLOCK = "clock_uncertain"
    KEEPALIVE = "window_not_valid"


@dataclass(frozen=True, slots=True)
class _Verdict:
    cue: Cue
    reason: str = ""


class Player:
    """Judge each step at the moment it is due.

    Parameters
    ----------
    keep
        Asks the shell to keep what the limiter counted, before the cue of it sounds.
    utc_at_zero_s
        UTC seconds at second 0 of the sanctuary clock; grants are given in UTC.
    late_s
        Steps further behind their time are refused.
    """

    def __init__(
        self,
        pod: str,
        evidence: Evidence,
        clock: ClockTrust,
        consent: ConsentBook,
        limiter: Limiter,
        keep: Callable[[list[Effect]], None],
        *,
        utc_at_zero_s: float,
        late_s: float,
    ) -> None:
        self._pod = pod
        self._evidence = evidence
        self._clock = clock
        self._consent = consent
        self._limiter = limiter
        self._keep = keep
        self._utc_at_zero_s = utc_at_zero_s
        self._late_s = late_s
        self.sounding_until_s = -inf
        """When the last cue rendered ends."""

    def play(self, session: Session, now_s: float, out: list[Effect]) -> None:
        """Take every step that is due and render or refuse it."""
        while (due := session.take_due(now_s)) is not None:
            verdict = self._judge(session, due, now_s)
            self._keep(out)
            out.append(Log(cue_entry(self._pod, session, due, verdict.cue, verdict.reason, now_s)))
            if not verdict.reason:
                self.sounding_until_s = now_s + verdict.cue.duration_s
                out.append(Render(verdict.cue, due.due_s, session.offer.window, due.number))

    def _judge(self, session: Session, due: DueStep, now_s: float) -> _Verdict:
        asked = cue_for(due.step)
        reason = self._moment_reason(session, due, now_s)
        if reason is not None:
            return _Verdict(asked, reason)
        cue = self._capped(session, asked, now_s)
        offer = session.offer
        allowed = self._consent.permits(
            offer.circle, cue.modality, cue.level, offer.design, self._utc_at_zero_s + now_s
        )
        if isinstance(allowed, Refusal):
            return _Verdict(asked, allowed.reason)
        limited = self._limiter.admit(cue, now_s)
        return _Verdict(limited.cue) if isinstance(limited, Admitted) else _Verdict(asked, limited.reason)

    def _moment_reason(self, session: Session, due: DueStep, now_s: float) -> str | None:
        if now_s - due.due_s > self._late_s:
            return StepReason.LATE
        if now_s >= session.valid_until_s:
            return StepReason.KEEPALIVE
        if not self._clock.is_sure(now_s):
            return StepReason.CLOCK
        return self._evidence.missing(now_s)

    def _capped(self, session: Session, cue: Cue, now_s: float) -> Cue:
        """Lower the cue to the highest level that the sleeper granted for its modality."""
        grant = self._consent.in_force(session.offer.circle, self._utc_at_zero_s + now_s)
        if isinstance(grant, Refusal) or cue.modality not in grant.scope.modalities:
            return cue
        return replace(cue, level=min(cue.level, grant.scope.max_level(cue.modality)))
