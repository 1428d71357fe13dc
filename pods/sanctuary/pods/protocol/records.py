"""Records of a night's log, one JSON object a line: the same class makes, writes and reads a kind.

`sanctuary.pods.audit` proves the invariants from the lines alone, so each record says what its writer knew
when it acted. All `t_s` are seconds on the sanctuary clock; each writer's records stand in the order of
acting. The audit takes the lines as mappings, not these classes: a mistake in a class must not hide itself.

A field with the default None is left out of the line while it is None; every other field is always there.
Records of gateways, shells and fault injection are in `sanctuary.pods.protocol.gateway_records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

from sanctuary.commons.entries import EVERY_CIRCLE, Grant, Withdrawal
from sanctuary.firmware_bridge.cues import Cue
from sanctuary.pods.protocol.messages import Command, OfferArgs
from sanctuary.signal.samples import StageEstimate

LogLine = Mapping[str, Any]
KINDS: dict[str, type[LogRecord]] = {}
"""Class of each kind."""


class LogRecord:
    """Base of all records."""

    __slots__ = ()
    kind: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    """Fields that every line of the kind has, in the order written."""
    optional: ClassVar[tuple[str, ...]]

    t_s: float

    def to_dict(self) -> dict[str, Any]:
        """Give the object that is written as one line."""
        line: dict[str, Any] = {"kind": self.kind}
        for name in self.names:
            line[name] = getattr(self, name)
        for name in self.optional:
            if (value := getattr(self, name)) is not None:
                line[name] = value
        return line

    @classmethod
    def from_dict(cls, line: LogLine) -> Self:
        """Read a line of this kind; what this version does not know is passed over.

        Raises
        ------
        TypeError
            A field is missing.
        """
        known = {name: _frozen(line[name]) for name in (*cls.names, *cls.optional) if name in line}
        return cls(**known)


Kept = TypeVar("Kept", bound=LogRecord)


def records_of(kind: type[Kept], lines: Iterable[LogLine]) -> Iterator[Kept]:
    """Read the lines of one kind, in their order."""
    return (kind.from_dict(line) for line in lines if line["kind"] == kind.kind)


def read_record(line: LogLine) -> LogRecord:
    """Read a line of any kind.

    Raises
    ------
    KeyError
        The kind is unknown.
    """
    line = upgraded(line)
    return KINDS[line["kind"]].from_dict(line)


def upgraded(line: LogLine) -> LogLine:
    """Give a line of an older version of the log as this version writes it."""
    if line["kind"] != "tenure":
        return line
    event = "leading" if line["event"] == "holding" else line["event"]
    reason = "unconfirmed" if line["reason"] == "no_echo" else line["reason"]
    changes = {"kind": "leadership", "schema": "gateway.leadership.v2", "event": event, "reason": reason}
    return {**line, **changes}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(kind: str) -> Callable[[type[Kept]], type[Kept]]:
    """Make a class the frozen record of a kind."""

    def made(cls: type[Kept]) -> type[Kept]:
        found = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        of = fields(found)  # type: ignore[arg-type]  # the decorator has just made it a dataclass
        found.kind = kind
        found.names = tuple(field.name for field in of if field.default is not None)
        found.optional = tuple(field.name for field in of if field.default is None)
        KINDS[kind] = found
        return found

    return made


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@record("cue")
class CueRecord(LogRecord):
    """A step of a design that came due at a pod. Written before anything sounds (P7).

    Attributes
    ----------
    outcome, reason
        ``rendered``, or ``refused`` and why; the reason is empty where rendered.
    level
        As rendered; where refused, as asked for. Unit of `Cue.level`.
    rgb
        Colour of light; of no meaning for the other modalities.
    answers
        The pod whose sleeper's eye signal this answers; `step` is then below zero. None for a step.
    sham
        True where it was judged and counted as rendered but kept from the output, as in a sham window.
    """

    t_s: float
    pod: str
    window: str
    circle: str
    design: str
    step: int
    due_s: float
    outcome: Literal["rendered", "refused"]
    reason: str
    modality: str
    level: float
    duration_s: float
    fade_s: float
    flash_hz: float
    rgb: tuple[int, ...]
    answers: str | None = None
    sham: Literal[True] | None = None

    @classmethod
    def of(
        cls,
        pod: str,
        offer: OfferArgs,
        cue: Cue,
        reason: str,
        now_s: float,
        *,
        step: int,
        due_s: float,
        answers: str = "",
        sham: bool = False,
    ) -> CueRecord:
        """Describe a step that came due; an empty `reason` says that it is rendered, or given as a sham."""
        return cls(
            t_s=now_s,
            pod=pod,
            window=offer.window,
            circle=offer.circle,
            design=offer.design,
            step=step,
            due_s=due_s,
            outcome="refused" if reason else "rendered",
            reason=str(reason),
            modality=str(cue.modality),
            level=cue.level,
            duration_s=cue.duration_s,
            fade_s=cue.fade_s,
            flash_hz=cue.flash_hz,
            rgb=cue.rgb,
            answers=answers or None,
            sham=True if sham and not reason else None,
        )

    def refused(self, reason: str) -> CueRecord:
        """Give the record of the same cue refused, unless it was refused already."""
        return replace(self, outcome="refused", reason=reason) if self.outcome == "rendered" else self


@record("estimate")
class EstimateRecord(LogRecord):
    """What the pod's chain said. Written on a change of verdict, and always while a lease is held.

    `sampled_s` is the end of the samples behind it.
    """

    t_s: float
    pod: str
    sampled_s: float
    stage: str
    stable_rem: bool
    arousal: bool
    quality: float

    @classmethod
    def of(cls, pod: str, estimate: StageEstimate, now_s: float) -> EstimateRecord:
        return cls(
            t_s=now_s,
            pod=pod,
            sampled_s=estimate.t_s,
            stage=estimate.stage.name,
            stable_rem=estimate.stable_rem,
            arousal=estimate.arousal,
            quality=estimate.quality,
        )


@record("window_signal")
class WindowSignalRecord(LogRecord):
    """An eye signal of the sleeper in a window: reported to the coordinator, or not for a reason."""

    t_s: float
    pod: str
    window: str
    circle: str
    told: bool
    reason: str


@record("consent")
class ConsentRecord(LogRecord):
    """A consent entry admitted or refused, or a withdrawal made by hand at the pod.

    Attributes
    ----------
    circle
        ``*`` for every circle; empty where refused.
    caps
        Highest level by modality.
    nbf, exp
        From when to when a grant is in force, UTC seconds.
    echo
        Of a grant: whether eye signals may be answered in other pods, and theirs here.
    """

    t_s: float
    utc_s: float
    pod: str
    act: Literal["grant", "withdraw", "withdraw_here", "refused"]
    circle: str = ""
    seq: int = 0
    design: str = ""
    modalities: tuple[str, ...] = ()
    caps: Mapping[str, float]
    nbf: float = 0.0
    exp: float = 0.0
    reason: str = ""
    echo: bool | None = None

    @classmethod
    def of(cls, pod: str, event: Grant | Withdrawal, now_s: float, utc_s: float) -> ConsentRecord:
        """Describe a consent entry that was admitted."""
        scope = event.scope
        if isinstance(event, Withdrawal):
            return cls(
                t_s=now_s, utc_s=utc_s, pod=pod, act="withdraw", circle=scope.circle, seq=event.seq, caps={}
            )
        return cls(
            t_s=now_s,
            utc_s=utc_s,
            pod=pod,
            act="grant",
            circle=scope.circle,
            seq=event.seq,
            design=event.design,
            modalities=tuple(str(modality) for modality in event.scope.modalities),
            caps={str(modality): event.scope.max_level(modality) for modality in event.scope.modalities},
            nbf=event.nbf,
            exp=event.exp,
            echo=event.scope.echo,
        )

    @classmethod
    def by_hand(cls, pod: str, now_s: float, utc_s: float, top_seq: int) -> ConsentRecord:
        """Describe a withdrawal made by hand."""
        return cls(
            t_s=now_s, utc_s=utc_s, pod=pod, act="withdraw_here", circle=EVERY_CIRCLE, seq=top_seq, caps={}
        )

    @classmethod
    def refused(cls, pod: str, now_s: float, utc_s: float, reason: str) -> ConsentRecord:
        return cls(t_s=now_s, utc_s=utc_s, pod=pod, act="refused", reason=reason, caps={})


PodEventName = Literal[
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
    "crashed",
]


@record("pod")
class PodRecord(LogRecord):
    """An event of a pod.

    Attributes
    ----------
    event
        ``crashed`` is written by fault injection alone: a pod that crashes writes nothing.
    detail
        Of ``booted``: the latch that the pod started with, or empty.
    cause
        Of ``headband_lost``: one of `sanctuary.config.errors.Cause`; `detail` says it in words.
    lamps_in_view, light_cleared
        Of ``booted``: lamps among which the bounds of flashes are divided, and whether all who see the lamp
        said that light does them no harm.
    carried
        Of ``booted``, where the limiter goes on from before: ``in_night`` (cues of this night so far),
        ``woken`` (whether nothing may get louder any more) and ``highest`` (most that the next cue of each
        modality may have).
    utc_range_s, utc_suffices
        Of ``utc_heard``: the earliest and the latest that UTC may be, in all of which a grant must hold, and
        whether anything may be cued by it.
    """

    t_s: float
    pod: str
    event: PodEventName
    detail: str = ""
    cause: str | None = None
    lamps_in_view: int | None = None
    light_cleared: bool | None = None
    carried: Mapping[str, Any] | None = None
    utc_range_s: tuple[float, ...] | None = None
    utc_suffices: bool | None = None


@record("silence")
class SilenceRecord(LogRecord):
    """A pod silenced its outputs."""

    t_s: float
    pod: str
    reason: str


PodWindowEvent = Literal["leased", "opened", "extended", "left"]


@record("pod_window")
class PodWindowRecord(LogRecord):
    """A window as seen by a pod; the times are None while it is not open there."""

    t_s: float
    pod: str
    event: PodWindowEvent
    window: str
    offer: str
    circle: str
    design: str
    term: int
    start_at_s: float | None
    valid_until_s: float | None
    reason: str


@record("command")
class CommandRecord(LogRecord):
    """A command obeyed or refused. Unsigned ones have neither id, circle, term nor expiry."""

    t_s: float
    pod: str
    id: str | None
    op: str
    circle: str
    term: int | None
    expires_at_s: float | None
    obeyed: bool
    reason: str

    @classmethod
    def of(cls, pod: str, command: Command | None, reason: str, now_s: float) -> CommandRecord:
        """Describe a command; an empty `reason` says that it was obeyed."""
        return cls(
            t_s=now_s,
            pod=pod,
            id=command.id if command else None,
            op=command.op if command else "",
            circle=command.args.circle if command else "",
            term=command.term if command else None,
            expires_at_s=command.expires_at_s if command else None,
            obeyed=not reason,
            reason=str(reason),
        )
