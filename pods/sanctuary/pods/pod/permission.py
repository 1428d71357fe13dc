"""The rules P1 to P6 of docs/safety.md, each one function, and the permission that they give for a moment.

`permits` is asked once for a moment. Its answer is passed to everything that depends on it, so that no two
parts of a pod can judge one tick differently. Each rule gives the reason why not, or None where it has no
objection. P3 is `Limiter.admit`, and P7 is `Outgoing.cue`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.entries import Grant, UtcRange
from sanctuary.config.site_settings import PodSettings
from sanctuary.firmware_bridge.cues import Cue
from sanctuary.pods.pod.evidence import AT_ONCE, ClockReason, ClockTrust, Evidence, EvidenceReason
from sanctuary.pods.pod.states import ENGAGED, LATCHED, PodPhase, Trigger
from sanctuary.pods.protocol.messages import Command, OfferArgs
from sanctuary.signal.samples import StageEstimate

MAX_REMEMBERED = 1024
"""Ids of commands in memory; a coordinator sends a few in the life of one command."""


class CommandReason(StrEnum):
    """Why a command was refused."""

    UNSIGNED = "unsigned"
    """Not signed by a coordinator of this sanctuary."""
    MALFORMED = "malformed"
    OTHER_SITE = "other_site"
    OTHER_POD = "other_pod"
    NOT_MEMBER = "not_a_member"
    """About a circle that is none of this sleeper's."""
    EXPIRED = "expired"
    EXPIRES_TOO_FAR = "expires_too_far"
    FROM_FUTURE = "issued_in_the_future"
    """By this pod's clock, so that it or the gateway's is wrong."""
    BEFORE_BOOT = "issued_before_boot"
    OLD_TERM = "old_term"
    DUPLICATE = "duplicate"
    TOO_MANY = "too_many"
    # What the pod's state adds:
    LATCHED = "latched"
    OFFLINE = "offline"
    ENGAGED = "engaged_elsewhere"
    NOT_ELIGIBLE = "not_eligible"
    UNKNOWN_DESIGN = "unknown_design"
    NO_LEASE = "no_such_lease"
    TOO_SOON = "start_too_soon"
    TOO_FAR = "start_too_far"
    BAD_ZERO = "zero_after_start"
    KEEPALIVE = "valid_too_long"
    NOT_IN_WINDOW = "not_in_window"
    NO_PART = "no_such_part"
    NO_ANSWER = "no_answer"
    """The design has no answer to an eye signal, or none for this part."""
    OWN_SIGNAL = "own_signal"
    TOO_MANY_ANSWERS = "too_many_answers"
    """In this window, or while one is planned already."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What P1, P2 and the clock say at one moment.

    Attributes
    ----------
    now_s
        The moment, sanctuary clock.
    missing
        Why stable REM is not proved (P1); None where it is.
    lost
        Whether that proof has been missing for `PodSettings.lost_s`.
    untimed
        Why nothing may be played by what is known of the time; None where it may.
    consent
        By circle of the sleeper, the grant in force (P2), or why none is.
    """

    now_s: float
    missing: EvidenceReason | None
    lost: bool
    untimed: ClockReason | None
    consent: Mapping[str, Grant | ConsentReason]

    @property
    def willing(self) -> tuple[str, ...]:
        """Circles for which a grant is in force."""
        return tuple(circle for circle, found in self.consent.items() if isinstance(found, Grant))

    def grant(self, circle: str) -> Grant | ConsentReason:
        """Give the grant in force for a circle of the sleeper, or why none is."""
        return self.consent.get(circle, ConsentReason.NO_GRANT)


@dataclass(frozen=True, slots=True)
class Permission(Assessment):
    """Stable REM is proved, the clock is sure, and a grant is in force for some circle."""


@dataclass(frozen=True, slots=True)
class Refusal(Assessment):
    """Nothing may be cued, and no lease given, at this moment.

    Attributes
    ----------
    reason
        The first of the reasons why.
    """

    reason: ClockReason | EvidenceReason | ConsentReason


def permits(
    now_s: float,
    evidence: Evidence,
    clock: ClockTrust,
    book: ConsentBook,
    utc: UtcRange,
    circles: Iterable[str],
    settings: PodSettings,
) -> Permission | Refusal:
    """Say whether anything may be cued now, or why not. The phase and the lease are asked where they stand.

    Parameters
    ----------
    utc
        What UTC may be now; a grant must hold in all of it.
    circles
        Those of the sleeper.
    """
    missing = p1_stable_rem(evidence.last, now_s, settings)
    lost, untimed = evidence.is_lost(now_s), clock.refusal(now_s)
    consent = {circle: book.in_force(circle, utc) for circle in circles}
    found = list(consent.values())
    refused = None if any(isinstance(one, Grant) for one in found) else next(iter(found), None)
    reason = untimed or missing or (refused if isinstance(refused, ConsentReason) else None)
    if reason is None and found:
        return Permission(now_s, missing, lost, untimed, consent)
    return Refusal(now_s, missing, lost, untimed, consent, reason or ConsentReason.NO_GRANT)


def p1_stable_rem(last: StageEstimate | None, now_s: float, settings: PodSettings) -> EvidenceReason | None:
    """Allow no cue unless this pod's own chain says stable REM now, on a fresh and good estimate."""
    if last is None:
        return EvidenceReason.NO_ESTIMATE
    if last.arousal:
        return EvidenceReason.AROUSAL
    if now_s - last.t_s >= settings.stale_s:
        return EvidenceReason.STALE
    if not last.quality >= settings.min_quality:
        return EvidenceReason.LOW_QUALITY
    return None if last.stable_rem else EvidenceReason.NOT_REM


def p2_consent(
    book: ConsentBook, grant: Grant | ConsentReason, cue: Cue, design: str, *, answers: bool
) -> ConsentReason | None:
    """Allow no cue without a grant in force for this circle, modality, level and design.

    Parameters
    ----------
    grant
        For the circle, as found in force by every clock at hand, or why none is.
    design
        Hash of the design that the cue is of.
    answers
        Whether the cue answers an eye signal of another sleeper, which the grant must allow besides.
    """
    if isinstance(grant, ConsentReason):
        return grant
    reason = book.refusal(grant, cue.modality, cue.level, design)
    if reason is None and answers and not grant.scope.echo:
        return ConsentReason.ECHO
    return reason


def p2_window(book: ConsentBook, grant: Grant | ConsentReason, offer: OfferArgs) -> ConsentReason | None:
    """Allow no window without a grant in force for its circle and design, and for some modality that it uses.

    A design without any modality, which is silent, needs a grant of the design alone.
    """
    if isinstance(grant, ConsentReason):
        return grant
    if not book.covers_design(grant, offer.design):
        return ConsentReason.DESIGN
    granted = any(modality in grant.scope.modalities for modality in offer.modalities)
    return None if granted or not offer.modalities else ConsentReason.MODALITY


class Ending(NamedTuple):
    """Why a pod must leave its window or offer, and by which move."""

    trigger: Trigger
    reason: str


def p4_silence(
    found: Assessment, refused: ConsentReason | None, lapsed: str, *, sounding: bool
) -> Ending | None:
    """Leave a window, silent within the tick, for arousal, stale EEG, lost consent or a lost lease.

    The stop control, a withdrawal and a lost link are moves of their own, from every state.

    Parameters
    ----------
    refused
        Why the sleeper's grants do not cover the window any more.
    lapsed
        Why its time is over; empty where it is not.
    sounding
        Whether a cue sounds. If none does, poor or stale data may recover for `PodSettings.lost_s`.
    """
    missing = found.missing
    if missing is not None and (sounding or missing in AT_ONCE or found.lost):
        return Ending(Trigger.FALTER, missing)
    if refused is not None:
        return Ending(Trigger.LEAVE, refused)
    return Ending(Trigger.LEAVE, lapsed) if lapsed else None


def p5_one_window(phase: PodPhase) -> CommandReason | None:
    """Enter one window at most: no offer is taken up while a lease is out, or latched, or offline."""
    if phase in LATCHED:
        return CommandReason.LATCHED
    if phase in ENGAGED:
        return CommandReason.ENGAGED
    return CommandReason.OFFLINE if phase is PodPhase.OFFLINE else None


def p6_command(
    command: Command,
    now_s: float,
    *,
    seen: Mapping[str, float],
    term: int,
    booted_s: float,
    settings: PodSettings,
) -> CommandReason | None:
    """Obey a command once at most, before it expires, in the highest term of its circle.

    Parameters
    ----------
    seen
        Ids of earlier commands, and when each expires.
    term
        The highest of its circle so far.
    booted_s
        When this run of the pod began: it has forgotten the ids from before.
    """
    if now_s >= command.expires_at_s:
        return CommandReason.EXPIRED
    # What lives longer than this could outlive the memory of its id.
    if command.expires_at_s > now_s + settings.command_life_limit_s:
        return CommandReason.EXPIRES_TOO_FAR
    if command.issued_at_s < booted_s:
        return CommandReason.BEFORE_BOOT
    if command.term < term:
        return CommandReason.OLD_TERM
    if command.id in seen:
        return CommandReason.DUPLICATE
    # A full memory refuses rather than forgets.
    full = len(seen) >= MAX_REMEMBERED and all(expires_s > now_s for expires_s in seen.values())
    return CommandReason.TOO_MANY if full else None
