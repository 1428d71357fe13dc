"""Records of a night's log that gateways, the shells around pods, and fault injection write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sanctuary.pods.protocol.records import LogRecord, record
from sanctuary.signal.samples import EyeSignal

# --- gateways ---

WindowEvent = Literal["proposed", "opened", "joined", "extended", "closed", "eye_signal", "answered"]


@record("window")
class WindowRecord(LogRecord):
    """A window as seen by the coordinator.

    ``closed`` says that the coordinator commands nothing more in it. For the reasons ``superseded``,
    ``link_lost`` and ``contested`` no `close` went out: pods stay until the last `valid_until_s` at most.

    Attributes
    ----------
    live
        Pods with a live lease.
    valid_until_s
        Until when pods may stay on the strength of all commands so far; only rises. None before `open`.
    contenders
        With ``proposed`` (C2): each circle held by this gateway that shares a pod with this one and could
        have been proposed at this moment in its place, and when its last window ended (None if it had none).
    """

    t_s: float
    gateway: str
    circle: str
    window: str
    event: WindowEvent
    term: int
    quorum: int
    live: tuple[str, ...]
    valid_until_s: float | None
    reason: str
    contenders: Mapping[str, float | None]


LeadershipChange = Literal["claimed", "leading", "suspended", "resumed", "stepped_down", "released", "lost"]


@record("leadership")
class LeadershipRecord(LogRecord):
    """A gateway becomes a candidate for a circle, its leader, or neither any more.

    It may command the circle only after ``leading`` or ``resumed`` and before the next record of the same
    circle and gateway with another event, and only while `t_s` is before `authority_until_s`, which moves on
    with every claim that comes back. ``claimed``: it claims in `term` and waits. ``suspended``: authority has
    lapsed because no claim came back from the broker. ``stepped_down``: another gateway's higher claim was
    received, or one while authority had lapsed. ``released``: given up in order. ``lost``: the link is down.

    Version 1 had the kind ``tenure``, no `schema`, and ``holding`` for ``leading``; it is still read.

    Attributes
    ----------
    reason
        Who or what brought it about: ``superseded:<gateway>``, ``handed_over:<gateway>``, ``stopped``, ...
    authority_until_s
        When authority ends, or ended, if no further claim comes back; None before the first came back. A
        gateway that hung writes ``suspended`` late, but this says when it was no longer entitled to command.
    """

    t_s: float
    gateway: str
    circle: str
    term: int
    event: LeadershipChange
    reason: str
    authority_until_s: float | None
    schema: Literal["gateway.leadership.v2"] = "gateway.leadership.v2"


@record("coordinator")
class CoordinatorRecord(LogRecord):
    """A coordinator began or died; written by the shell around it.

    `term` is the highest that its gateway had used by then.
    """

    t_s: float
    gateway: str
    event: Literal["started", "died"]
    term: int


@record("lease")
class LeaseRecord(LogRecord):
    """A lease that the coordinator admitted or refused."""

    t_s: float
    pod: str
    window: str
    offer: str
    seq: int
    expires_s: float
    accepted: bool
    reason: str


MessageKind = Literal["state", "status", "reply", "claim", "gateway_status", "eye_signal"]


@record("refused_message")
class RefusedMessage(LogRecord):
    """A message that a gateway could not use; `pod` is the circle of a claim, or a gateway."""

    t_s: float
    pod: str
    about: MessageKind
    reason: str


@record("clock")
class ClockRecord(LogRecord):
    """What became of a computer's own clock; written by the program that runs there.

    Attributes
    ----------
    gateway
        The gateway, or the pod where only a pod runs there.
    event
        ``behind``: it says less than a synchronised clock has said before. ``slept``: the computer slept.
    by_s
        Of ``stepped``: by how much it was set forward; of ``behind`` and ``slept``, how much. Else 0.
    """

    t_s: float
    gateway: str
    event: Literal["synchronised", "unsynchronised", "stepped", "behind", "slept"]
    by_s: float
    detail: str


# --- shells ---


@record("output")
class OutputRecord(LogRecord):
    """A cue handed to a speaker, lamp or motor; written by the shell that performs `Render`."""

    t_s: float
    pod: str
    window: str
    step: int


@record("onset")
class OnsetRecord(LogRecord):
    """When a device says that a cue really began; `due_s` is when it was to begin."""

    t_s: float
    pod: str
    modality: str
    due_s: float


@record("eye_signal")
class EyeSignalRecord(LogRecord):
    """A voluntary eye signal of the sleeper, for the morning; it commands nothing.

    `start_s` and `end_s` are on the headband's sample clock; other fields as of `EyeSignal`.
    """

    t_s: float
    pod: str
    start_s: float
    end_s: float
    amplitude_uv: float
    confidence: float
    leftward_first: bool | None


TroubleKind = Literal[
    "no_grant",
    "no_circle",
    "no_output",
    "output_failed",
    "samples_dropped",
    "chain_failed",
    "not_recorded",
    "log_unwritten",
    "broker_died",
    "site_shared",
]
TroubleEvent = Literal["began", "ended", "noted"]


@record("trouble")
class TroubleRecord(LogRecord):
    """Something that does not work, or works again; it commands nothing.

    Attributes
    ----------
    event
        ``noted``: it has no end that could be told.
    pod
        Empty where it concerns the whole program.
    about
        Which circle or kind of cue; empty where there is but one. What began ends under the same name.
    """

    t_s: float
    pod: str = ""
    what: TroubleKind
    event: TroubleEvent
    about: str = ""
    detail: str = ""


# --- fault injection; none of these is in the log of a night ---


@record("hang")
class HangRecord(LogRecord):
    """A pod, or a gateway (then `pod` is empty), hangs until `until_s`."""

    t_s: float
    pod: str
    until_s: float
    gateway: str | None = None


@record("kept")
class KeptRecord(LogRecord):
    """The entry of a cue is on the disk: a crash from now on does not lose it."""

    t_s: float
    pod: str
    window: str
    step: int


@record("fault")
class FaultRecord(LogRecord):
    """A fault begins; `who` is empty where it is everybody's."""

    t_s: float
    fault: str
    who: tuple[str, ...]
    for_s: float


# --- makers ---


def leadership_record(
    event: LeadershipChange,
    circle: str,
    term: int,
    t_s: float,
    *,
    gateway: str,
    reason: str,
    authority_until_s: float | None,
) -> LeadershipRecord:
    """Describe what a gateway has become for a circle."""
    return LeadershipRecord(
        t_s=t_s,
        gateway=gateway,
        circle=circle,
        term=term,
        event=event,
        reason=reason,
        authority_until_s=authority_until_s,
    )


def coordinator_record(
    event: Literal["started", "died"], term: int, t_s: float, gateway: str = "gateway-1"
) -> CoordinatorRecord:
    return CoordinatorRecord(t_s=t_s, gateway=gateway, event=event, term=term)


def refused_message_record(about_id: str, about: MessageKind, reason: str, t_s: float) -> RefusedMessage:
    """Describe a message that a gateway cannot use; `about_id` is of the pod, circle or gateway concerned."""
    return RefusedMessage(t_s=t_s, pod=about_id, about=about, reason=reason)


def output_record(pod: str, window: str, step: int, t_s: float) -> OutputRecord:
    return OutputRecord(t_s=t_s, pod=pod, window=window, step=step)


def onset_record(pod: str, modality: str, due_s: float, t_s: float) -> OnsetRecord:
    return OnsetRecord(t_s=round(t_s, 4), pod=pod, modality=modality, due_s=round(due_s, 4))


def eye_signal_record(pod: str, signal: EyeSignal, t_s: float) -> EyeSignalRecord:
    return EyeSignalRecord(
        t_s=t_s,
        pod=pod,
        start_s=round(signal.start_s, 2),
        end_s=round(signal.end_s, 2),
        amplitude_uv=round(signal.amplitude_uv, 1),
        confidence=round(signal.confidence, 3),
        leftward_first=signal.leftward_first,
    )


def trouble_record(
    what: TroubleKind,
    event: TroubleEvent,
    t_s: float,
    *,
    pod: str = "",
    about: str = "",
    detail: str = "",
) -> TroubleRecord:
    return TroubleRecord(t_s=t_s, pod=pod, what=what, event=event, about=about, detail=detail)
