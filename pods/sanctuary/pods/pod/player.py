"""From a step that is due to a cue that sounds, or to a reason why not: P1, P2, then the limiter (P3).

Nothing but `Player.play` makes a `Render`, and it puts the `Log` of it first (P7).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from sanctuary.commons.consent import ConsentBook, ConsentReason, Refusal
from sanctuary.commons.designs import MIN_GAP_S, cue_for
from sanctuary.firmware_bridge.outputs.output import Cue
from sanctuary.pods.effects import Effect, Log, Render, leaves_room
from sanctuary.pods.limiter import Admitted, Limiter
from sanctuary.pods.pod.evidence import Evidence
from sanctuary.pods.pod.identity import ClockTrust
from sanctuary.pods.pod.records import cue_entry
from sanctuary.pods.pod.session import DueStep, Session
from sanctuary.pods.pod.utc import KnownUtc


class StepReason(StrEnum):
    """Why a step is refused before consent and limiter are asked."""

    LATE = "late"
    KEEPALIVE = "window_not_valid"
    STEP_NEAR = "step_near"
    """An answer that would keep the design's next step from sounding."""
    NO_THRESHOLD = "no_threshold"
    """Its level lies above the sleeper's threshold, which nobody has measured."""


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
    utc
        Grants are given in UTC.
    late_s
        Steps further behind their time are refused.
    threshold_dba
        The sleeper's; None where nobody has measured it.
    shams
        Circles for which nothing sounds: their steps are judged, counted and logged as given.
    gap_s
        The distance that the limiter keeps between two cues.
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
        utc: KnownUtc,
        late_s: float,
        threshold_dba: float | None = None,
        shams: Collection[str] = (),
        gap_s: float = MIN_GAP_S,
    ) -> None:
        self._pod = pod
        self._evidence = evidence
        self._clock = clock
        self._consent = consent
        self._limiter = limiter
        self._keep = keep
        self._utc = utc
        self._late_s = late_s
        self._threshold_dba = threshold_dba
        self._shams = frozenset(shams)
        self._gap_s = gap_s
        self.sounding_until_s = -inf
        """When the last cue rendered ends; of a sham, when it would."""

    def play(self, session: Session, now_s: float, out: list[Effect]) -> None:
        """Take every step that is due and render or refuse it."""
        while (due := session.take_due(now_s)) is not None:
            verdict = self._judge(session, due, now_s)
            self._keep(out)
            sham = session.offer.circle in self._shams
            out.append(Log(cue_entry(self._pod, session, due, verdict.cue, verdict.reason, now_s, sham=sham)))
            if not verdict.reason:
                self.sounding_until_s = now_s + verdict.cue.duration_s
                if not sham:
                    out.append(Render(verdict.cue, due.due_s, session.offer.window, due.number))

    def _judge(self, session: Session, due: DueStep, now_s: float) -> _Verdict:
        asked = cue_for(due.step, self._threshold_dba)
        reason = self._moment_reason(session, due, now_s)
        if reason is None and due.step.level(self._threshold_dba) is None:
            reason = StepReason.NO_THRESHOLD
        if reason is not None:
            return _Verdict(asked, reason)
        cue = self._capped(session, asked, now_s)
        offer = session.offer
        allowed = self._consent.permits(
            offer.circle, cue.modality, cue.level, offer.design, self._utc.at(now_s)
        )
        if isinstance(allowed, Refusal):
            return _Verdict(asked, allowed.reason)
        if due.answers and not allowed.grant.scope.echo:
            return _Verdict(asked, ConsentReason.ECHO)
        limited = self._limiter.admit(cue, now_s)
        return _Verdict(limited.cue) if isinstance(limited, Admitted) else _Verdict(asked, limited.reason)

    def _moment_reason(self, session: Session, due: DueStep, now_s: float) -> str | None:
        if now_s - due.due_s > self._late_s:
            return StepReason.LATE
        if now_s >= session.valid_until_s:
            return StepReason.KEEPALIVE
        if (untimed := self._clock.refusal(now_s)) is not None:
            return untimed
        missing = self._evidence.missing(now_s)
        if missing is None and due.answers and not self._leaves_room(session, due):
            return StepReason.STEP_NEAR
        return missing

    def _leaves_room(self, session: Session, due: DueStep) -> bool:
        """Tell whether the next step will sound, even if this answer begins as late as is allowed."""
        elapsed_s, gap_s = due.due_s - session.zero_s, self._gap_s + self._late_s
        return leaves_room(session.design.design, session.part, elapsed_s, gap_s)

    def _capped(self, session: Session, cue: Cue, now_s: float) -> Cue:
        """Lower the cue to the highest level that the sleeper granted for its modality."""
        grant = self._consent.in_force(session.offer.circle, self._utc.at(now_s))
        if isinstance(grant, Refusal) or cue.modality not in grant.scope.modalities:
            return cue
        return replace(cue, level=min(cue.level, grant.scope.max_level(cue.modality)))
