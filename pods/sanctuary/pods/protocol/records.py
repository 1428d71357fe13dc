"""The records that a night leaves behind, as plain dictionaries, one per line of a log.

`sanctuary.pods.audit` proves the invariants from these alone, so each says what its writer knew when it
acted. All `t_s` are seconds on the sanctuary clock; each writer's records stand in the order of acting.

Records of what does not work, which the shells around pods and gateways write into a night's log.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from sanctuary.signal.samples import EyeSignal


class CueEntry(TypedDict):
    """A step of a design that came due at a pod. Written before anything sounds (P7)."""

    kind: Literal["cue"]
    t_s: float
    pod: str
    window: str
    circle: str
    design: str
    step: int
    due_s: float
    outcome: Literal["rendered", "refused"]
    reason: str
    """Empty where rendered."""
    modality: str
    level: float
    """As rendered; where refused, as asked for. Unit of `Cue.level`."""
    duration_s: float
    fade_s: float
    flash_hz: float
    rgb: list[int]
    """Colour of light; of no meaning for the other modalities."""
    answers: NotRequired[str]
    """The pod whose sleeper's eye signal this answers; `step` is then below zero. Absent for a step."""
    sham: NotRequired[bool]
    """Judged and counted as rendered, but kept from the output: the circle's windows are a sham."""


class OutputRecord(TypedDict):
    """A cue handed to a speaker, lamp or motor; written by whoever hands it over."""

    kind: Literal["output"]
    t_s: float
    pod: str
    window: str
    step: int


class OnsetRecord(TypedDict):
    """When a device says that a cue really began; written by the shell around the device."""

    kind: Literal["onset"]
    t_s: float
    pod: str
    modality: str
    due_s: float
    """When it was to begin."""


class EstimateRecord(TypedDict):
    """What the pod's chain said. Written on a change of verdict, and always while a lease is held."""

    kind: Literal["estimate"]
    t_s: float
    pod: str
    sampled_s: float
    """End of the samples behind it."""
    stage: str
    stable_rem: bool
    arousal: bool
    quality: float


class EyeSignalRecord(TypedDict):
    """A voluntary eye signal of the sleeper; written by the shell, for the morning. It commands nothing."""

    kind: Literal["eye_signal"]
    t_s: float
    pod: str
    start_s: float
    end_s: float
    amplitude_uv: float
    confidence: float
    leftward_first: bool | None


class WindowSignalRecord(TypedDict):
    """An eye signal of the sleeper in a window: told to the coordinator, or kept here for a reason."""

    kind: Literal["window_signal"]
    t_s: float
    pod: str
    window: str
    circle: str
    told: bool
    reason: str


class ConsentRecord(TypedDict):
    """A consent entry taken or refused, or a withdrawal made by hand at the pod."""

    kind: Literal["consent"]
    t_s: float
    utc_s: float
    pod: str
    act: Literal["grant", "withdraw", "withdraw_here", "refused"]
    circle: str
    """``*`` for every circle; empty where refused."""
    seq: int
    design: str
    modalities: list[str]
    caps: dict[str, float]
    """Highest level per modality."""
    nbf: float
    exp: float
    echo: NotRequired[bool]
    """Of a grant: whether eye signals may be answered in other pods, and theirs here."""
    reason: str


class Carried(TypedDict):
    """What a pod's limiter brought over a restart."""

    in_night: int
    """Cues of this night so far."""
    woken: bool
    """Whether nothing may get louder any more."""
    highest: dict[str, float]
    """The most that the next cue of each modality may have."""


class PodRecord(TypedDict):
    """Something that befell a pod. `detail` of ``booted`` is the latch it woke up with, or empty."""

    kind: Literal["pod"]
    t_s: float
    pod: str
    event: Literal[
        "booted",
        "stop_pressed",
        "person_reset",
        "arousal",
        "link_lost",
        "link_restored",
        "headband_lost",
        "headband_found",
        "samples_missed",
        "clock_measured",
        "clock_set",
        "clock_doubted",
        "utc_heard",
        "cue_missed",
        "estimate_refused",
        "requalifying",
        "requalified",
    ]
    detail: str
    cause: NotRequired[str]
    """Of ``headband_lost``: one of `sanctuary.config.errors.Cause`; `detail` says it in words."""
    lamps_in_view: NotRequired[int]
    """Of ``booted``: lamps among which the bounds of flashes are divided."""
    light_cleared: NotRequired[bool]
    """Of ``booted``: whether all who see the lamp said that light does them no harm."""
    utc_range_s: NotRequired[list[float]]
    """Of ``utc_heard``: the earliest and the latest that UTC may be, in all of which a grant must hold."""
    utc_suffices: NotRequired[bool]
    """Of ``utc_heard``: whether anything may be cued by it."""
    carried: NotRequired[Carried]
    """Of ``booted``, where the limiter goes on from before."""


class SilenceRecord(TypedDict):
    """A pod silenced its outputs."""

    kind: Literal["silence"]
    t_s: float
    pod: str
    reason: str


class PodWindowRecord(TypedDict):
    """A window as seen by a pod."""

    kind: Literal["pod_window"]
    t_s: float
    pod: str
    event: Literal["leased", "opened", "extended", "left"]
    window: str
    offer: str
    circle: str
    design: str
    term: int
    start_at_s: float | None
    valid_until_s: float | None
    reason: str


class CommandRecord(TypedDict):
    """A command obeyed or refused. Unsigned ones have neither id, term nor expiry."""

    kind: Literal["command"]
    t_s: float
    pod: str
    id: str | None
    op: str
    circle: str
    """Empty where unsigned."""
    term: int | None
    expires_at_s: float | None
    obeyed: bool
    reason: str


class WindowRecord(TypedDict):
    """A window as seen by the coordinator.

    ``closed`` says that the coordinator commands nothing more in it. For the reasons ``superseded``,
    ``link_lost`` and ``contested`` no `close` went out: pods stay until the last `valid_until_s` at most.
    """

    kind: Literal["window"]
    t_s: float
    gateway: str
    circle: str
    window: str
    event: Literal["proposed", "opened", "joined", "extended", "closed", "eye_signal", "answered"]
    term: int
    quorum: int
    live: list[str]
    """Pods with a live lease."""
    valid_until_s: float | None
    """Until when pods may stay on the strength of all commands so far; only rises. None before `open`."""
    reason: str
    contenders: dict[str, float | None]
    """With ``proposed`` (C2): each circle held by this gateway that shares a pod with this one and could have
    been proposed at this moment in its place, and when its last window ended (sanctuary clock; null if it
    had none)."""


LeadershipChange = Literal["claimed", "leading", "suspended", "resumed", "stepped_down", "released", "lost"]


class LeadershipRecord(TypedDict):
    """A gateway becomes a candidate for a circle, its leader, or neither any more.

    It may command the circle only after ``leading`` or ``resumed`` and before the next record of the same
    circle and gateway with another event, and only while `t_s` is before `authority_until_s`, which moves on
    with every claim that comes back. ``claimed``: it claims in `term` and waits. ``suspended``: authority has
    lapsed because no claim came back from the broker. ``stepped_down``: another gateway's higher claim was
    received, or one while authority had lapsed. ``released``: given up in order. ``lost``: the link is down.

    Version 1 had the kind ``tenure``, no `schema`, and ``holding`` for ``leading``; the audit reads both.
    """

    kind: Literal["leadership"]
    schema: Literal["gateway.leadership.v2"]
    t_s: float
    gateway: str
    circle: str
    term: int
    event: LeadershipChange
    reason: str
    """Who or what brought it about: ``superseded:<gateway>``, ``handed_over:<gateway>``, ``stopped``, ..."""
    authority_until_s: float | None
    """When authority ends, or ended, if no further claim comes back; sanctuary clock; null before the first
    came back. A gateway that hung writes ``suspended`` late, but this says when it was no longer entitled to
    command."""


class CoordinatorRecord(TypedDict):
    """A coordinator began or died; written by whoever sees it, which a coordinator that dies does not."""

    kind: Literal["coordinator"]
    t_s: float
    gateway: str
    event: Literal["started", "died"]
    term: int
    """Highest that its gateway had used by then."""


class ClockRecord(TypedDict):
    """What became of a computer's own clock; written by the program that runs there."""

    kind: Literal["clock"]
    t_s: float
    gateway: str
    """The gateway, or the pod where only a pod runs there."""
    event: Literal["synchronised", "unsynchronised", "stepped", "behind", "slept"]
    """``behind``: it says less than a synchronised clock has said before. ``slept``: the computer slept."""
    by_s: float
    """Of ``stepped``: by how much it was set forward; of ``behind`` and ``slept``, how much. Else 0."""
    detail: str


class LeaseRecord(TypedDict):
    """A lease that the coordinator took or refused."""

    kind: Literal["lease"]
    t_s: float
    pod: str
    window: str
    offer: str
    seq: int
    expires_s: float
    accepted: bool
    reason: str


MessageKind = Literal["state", "status", "reply", "claim", "gateway_status", "eye_signal"]


class RefusedMessage(TypedDict):
    """A message that a gateway could not use; `pod` is the circle of a claim, or a gateway."""

    kind: Literal["refused_message"]
    t_s: float
    pod: str
    about: MessageKind
    reason: str


LogRecord = (
    EstimateRecord
    | WindowSignalRecord
    | ConsentRecord
    | PodRecord
    | SilenceRecord
    | PodWindowRecord
    | CommandRecord
    | WindowRecord
    | LeadershipRecord
    | CoordinatorRecord
    | ClockRecord
    | LeaseRecord
    | RefusedMessage
)


def coordinator_record(
    event: Literal["started", "died"], term: int, t_s: float, gateway: str = "gateway-1"
) -> CoordinatorRecord:
    """Note that the coordinator of a gateway began or died."""
    return {"kind": "coordinator", "t_s": t_s, "gateway": gateway, "event": event, "term": term}


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
    """Note what a gateway has become for a circle."""
    return {
        "kind": "leadership",
        "schema": "gateway.leadership.v2",
        "t_s": t_s,
        "gateway": gateway,
        "circle": circle,
        "term": term,
        "event": event,
        "reason": reason,
        "authority_until_s": authority_until_s,
    }


def refused_message_record(about_id: str, about: MessageKind, reason: str, t_s: float) -> RefusedMessage:
    """Note a message that a gateway cannot use; `about_id` is of the pod, circle or gateway concerned."""
    return {"kind": "refused_message", "t_s": t_s, "pod": about_id, "about": about, "reason": reason}


def output_record(pod: str, window: str, step: int, t_s: float) -> OutputRecord:
    """Note that a cue was handed to an output; the shell that performs `Render` writes this."""
    return {"kind": "output", "t_s": t_s, "pod": pod, "window": window, "step": step}


def onset_record(pod: str, modality: str, due_s: float, t_s: float) -> OnsetRecord:
    """Note when a cue began at a device."""
    return {
        "kind": "onset",
        "t_s": round(t_s, 4),
        "pod": pod,
        "modality": modality,
        "due_s": round(due_s, 4),
    }


def eye_signal_record(pod: str, signal: EyeSignal, t_s: float) -> EyeSignalRecord:
    """Note a voluntary eye signal; its own times are on the sample clock."""
    return {
        "kind": "eye_signal",
        "t_s": t_s,
        "pod": pod,
        "start_s": round(signal.start_s, 2),
        "end_s": round(signal.end_s, 2),
        "amplitude_uv": round(signal.amplitude_uv, 1),
        "confidence": round(signal.confidence, 3),
        "leftward_first": signal.leftward_first,
    }


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


class TroubleRecord(TypedDict):
    """Something that does not work, as the shell around a pod sees it; it commands nothing."""

    kind: Literal["trouble"]
    t_s: float
    pod: str
    """Empty where it concerns the whole program."""
    what: TroubleKind
    event: TroubleEvent
    """``noted``: it has no end that could be told."""
    about: str
    """Which circle or kind of cue; empty where there is but one. What began ends under the same name."""
    detail: str


def trouble_record(
    what: TroubleKind,
    event: TroubleEvent,
    t_s: float,
    *,
    pod: str = "",
    about: str = "",
    detail: str = "",
) -> TroubleRecord:
    """Note that something does not work, or works again."""
    return {
        "kind": "trouble",
        "t_s": t_s,
        "pod": pod,
        "what": what,
        "event": event,
        "about": about,
        "detail": detail,
    }
