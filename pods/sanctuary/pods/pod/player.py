"""From a step that is due to a cue that sounds, or to a reason why not.

A step is judged at its moment by its own time, the permission of that moment (P1, the clock), the grant (P2)
and the limiter (P3), in this order. Nothing but `Player.play` makes a `Render`, and only `Outgoing.cue` takes
one, behind its `Log` (P7).
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.designs import MIN_GAP_S, cue_for, leaves_room
from sanctuary.commons.entries import Grant
from sanctuary.firmware_bridge.cues import Cue
from sanctuary.pods.effects import Render
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod.context import DueStep, PodContext, WindowSession
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.outgoing import Outgoing
from sanctuary.pods.pod.permission import Permission, Refusal, p2_consent
from sanctuary.pods.protocol.records import CueRecord


class StepReason(StrEnum):
    """Why a step is refused before consent and limiter are asked."""

    LATE = "late"
    KEEPALIVE = "window_not_valid"
    STEP_NEAR = "step_near"
    """An answer that would keep the design's next step from sounding."""
    NO_THRESHOLD = "no_threshold"
    """Its level lies above the sleeper's threshold, which nobody has measured."""


class Player:
    """Judge each step at the moment it is due.

    Parameters
    ----------
    late_s
        Steps further behind their time are refused.
    gap_s
        The distance that the limiter keeps between the beginnings of two cues.
    """

    def __init__(
        self,
        identity: PodIdentity,
        context: PodContext,
        book: ConsentBook,
        limiter: Limiter,
        outgoing: Outgoing,
        *,
        late_s: float,
        gap_s: float = MIN_GAP_S,
    ) -> None:
        self._pod, self._shams = identity.pod, frozenset(identity.shams)
        self._threshold_dba = identity.threshold_dba
        self._context, self._book, self._limiter, self._outgoing = context, book, limiter, outgoing
        self._late_s, self._gap_s = late_s, gap_s

    def play(self, session: WindowSession, permission: Permission | Refusal) -> None:
        """Render or refuse every step that is due.

        Parameters
        ----------
        permission
            Of this moment.
        """
        now_s, offer = permission.now_s, session.offer
        while (due := session.pop_due(now_s)) is not None:
            cue, reason = self._judge(session, due, permission)
            sham = offer.circle in self._shams
            entry = CueRecord.of(
                self._pod,
                offer,
                cue,
                reason,
                now_s,
                step=due.number,
                due_s=due.due_s,
                answers=due.answers,
                sham=sham,
            )
            silent = bool(reason) or sham
            self._outgoing.cue(entry, None if silent else Render(cue, due.due_s, offer.window, due.number))
            if not reason:
                self._context.sound(now_s + cue.duration_s)

    def _judge(
        self, session: WindowSession, due: DueStep, permission: Permission | Refusal
    ) -> tuple[Cue, str]:
        """Give the cue as it may sound and an empty reason, or as it was asked for and why it may not."""
        asked, offer = cue_for(due.step, self._threshold_dba), session.offer
        reason = self._step_reason(session, due, permission)
        if reason is not None:
            return asked, reason
        grant = permission.grant(offer.circle)
        cue = _capped(asked, grant)
        refused = p2_consent(self._book, grant, cue, offer.design, answers=bool(due.answers))
        if refused is not None:
            return asked, refused
        limited = self._limiter.admit(cue, permission.now_s)
        return (limited, "") if isinstance(limited, Cue) else (asked, limited)

    def _step_reason(
        self, session: WindowSession, due: DueStep, permission: Permission | Refusal
    ) -> str | None:
        now_s = permission.now_s
        if now_s - due.due_s > self._late_s:
            return StepReason.LATE
        if now_s >= session.valid_until_s:
            return StepReason.KEEPALIVE
        if isinstance(permission, Refusal):
            return permission.reason
        if due.answers and not self._leaves_room(session, due):
            return StepReason.STEP_NEAR
        return StepReason.NO_THRESHOLD if due.step.level(self._threshold_dba) is None else None

    def _leaves_room(self, session: WindowSession, due: DueStep) -> bool:
        """Tell whether the next step will sound, even if this answer begins as late as is allowed."""
        elapsed_s, gap_s = due.due_s - session.zero_s, self._gap_s + self._late_s
        return leaves_room(session.design, session.part, elapsed_s, gap_s)


def _capped(cue: Cue, grant: Grant | ConsentReason) -> Cue:
    """Lower the cue to the highest level that the sleeper granted for its modality."""
    if isinstance(grant, ConsentReason) or cue.modality not in grant.scope.modalities:
        return cue
    return replace(cue, level=min(cue.level, grant.scope.max_level(cue.modality)))
