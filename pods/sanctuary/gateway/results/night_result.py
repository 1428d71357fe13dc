"""The result of a night of several pods, schema ``sanctuary.demo.v1``, and what its log says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from sanctuary.gateway.results.replay_result import (
    Epoch,
    GateScores,
    Result,
    ResultPart,
    StageName,
    StageScores,
    Timing,
)
from sanctuary.pods.audit import Violation
from sanctuary.pods.protocol.gateway_records import WindowRecord
from sanctuary.pods.protocol.records import CueRecord, LogLine, PodWindowRecord, records_of
from sanctuary.signal.scoring import GateOpening


class WindowStay(ResultPart):
    """One pod's stay in a window, as the pod logged it; `to_s` is None where it was in to the end."""

    pod: str
    from_s: float
    to_s: float | None
    reason_left: str


class NightWindow(ResultPart):
    """One shared-dream window, as the coordinator logged it; `close_s` is None where open at the end."""

    id: str
    circle: str
    design: str
    open_s: float
    close_s: float | None
    reason_closed: str
    members: tuple[WindowStay, ...]
    """Stays; a pod that came back has several."""
    pods: tuple[str, ...]
    """Pods with a stay, each once."""

    def until(self, end_s: float) -> NightWindow:
        """Give the same window with every open end at `end_s`."""
        close_s = end_s if self.close_s is None else self.close_s
        stays = (
            stay if stay.to_s is not None else stay.model_copy(update={"to_s": close_s})
            for stay in self.members
        )
        return self.model_copy(update={"close_s": close_s, "members": tuple(stays)})

    @property
    def pods_by_number(self) -> list[str]:
        """Pods that took part; ``pod-2`` comes before ``pod-10``."""
        return sorted(self.pods, key=_by_number)


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


class NightCue(ResultPart):
    """One cue that came due at a pod.

    Attributes
    ----------
    reason
        Why it was refused; empty where rendered.
    level
        dBA at the pillow for sound, share of full output otherwise; where refused, as asked for.
    sham
        Counted as rendered, but kept from the output.
    answers
        The pod whose sleeper's eye signal it answers.
    """

    t_s: float
    pod: str
    window: str
    step: int
    outcome: Literal["rendered", "refused"]
    reason: str
    modality: str
    level: float
    sham: bool = False
    answers: str | None = None

    @property
    def is_rendered(self) -> bool:
        return self.outcome == "rendered"


class NightCircle(ResultPart):
    """Pods that share windows, of which design, and how many must be in REM together."""

    id: str
    members: tuple[str, ...]
    quorum: int
    design: str


class ProblemSpan(ResultPart):
    """When something did not work; `to_s` is None where it lasted to the end, `from_s` for a moment."""

    from_s: float
    to_s: float | None


class Problem(ResultPart):
    """One thing that did not work, found from the log.

    Attributes
    ----------
    pod
        Empty where it concerns the whole sanctuary.
    what
        A word for programs; see ``docs/results.md``.
    about
        Which circle, kind of cue or window it concerns, if one.
    reason
        A sentence or a reason word, as far as the log says; may be empty.
    advice
        What to do.
    times, total_s
        How often, and how long together.
    """

    pod: str
    what: str
    about: str
    reason: str
    advice: str
    times: int
    total_s: float
    spans: tuple[ProblemSpan, ...]

    @property
    def first_s(self) -> float:
        return min((one.from_s for one in self.spans), default=0.0)

    @property
    def lasts(self) -> bool:
        """Whether it was not over when the night ended."""
        return any(one.to_s is None for one in self.spans)

    @property
    def has_length(self) -> bool:
        """Whether it is more than moments."""
        return any(one.to_s != one.from_s for one in self.spans)


class PodNight(ResultPart):
    """One pod's night; `simulated` says that nobody slept there, and only then is there a `truth`."""

    sleeper: str
    simulated: bool
    headband: str
    epochs: tuple[Epoch, ...]
    gate: tuple[GateOpening, ...]
    truth: tuple[StageName | None, ...] | None = None


class Detection(ResultPart):
    """Stages found against the truth, of one pod or of all; the gate's only of one."""

    accuracy: float | None
    kappa: float | None
    rem: StageScores
    rem_specificity: dict[str, float | None]
    gate: GateScores | None = None


class NightResult(Result):
    """Schema ``sanctuary.demo.v1``: written by ``sanctuary demo``, ``run`` and ``pod``."""

    schema_name: Literal["sanctuary.demo.v1"] = Field(alias="schema")
    site: str
    live: bool
    """Whether it was slept in real time."""
    seed: int | None = None
    """Of a simulated night."""
    hours: float
    """As asked for; as slept, where it was cut short or had no set end."""
    duration_s: float
    """As slept."""
    broker: str
    interrupted: bool
    trouble: str | None
    """What broke the night off, if anything did."""
    messages: dict[str, int] = Field(default_factory=dict)
    timing: Timing
    epoch_s: float
    circles: tuple[NightCircle, ...]
    pods: dict[str, PodNight]
    windows: tuple[NightWindow, ...]
    cues: tuple[NightCue, ...]
    problems: tuple[Problem, ...]
    violations: tuple[Violation, ...]
    detection: dict[str, Detection]
    """By pod with a known truth, and ``pooled``; empty where nobody is simulated."""

    @property
    def end_s(self) -> float:
        """End of the night, seconds: the hours asked for, or what there is if it was interrupted."""
        ends_s = [self.duration_s if self.interrupted else 3600.0 * self.hours]
        ends_s += [pod.epochs[-1].onset_s + self.epoch_s for pod in self.pods.values() if pod.epochs]
        ends_s += [opening.close_s for pod in self.pods.values() for opening in pod.gate]
        ends_s += [window.close_s or window.open_s for window in self.windows]
        ends_s += [cue.t_s for cue in self.cues]
        return max(ends_s)


def windows_of(lines: Sequence[LogLine], designs: Mapping[str, str]) -> tuple[NightWindow, ...]:
    """Give the windows that opened, by time, with each pod's stays as the pods themselves logged them.

    Parameters
    ----------
    lines
        Of the log, each writer's in order.
    designs
        Name of each circle's design.
    """
    stays: dict[str, list[WindowStay]] = {}
    for record in records_of(PodWindowRecord, lines):
        _note_stay(stays.setdefault(record.window, []), record)
    windows: dict[str, NightWindow] = {}
    for noted in records_of(WindowRecord, lines):
        if noted.event == "opened":
            members = tuple(stays.get(noted.window, ()))
            windows[noted.window] = NightWindow(
                id=noted.window,
                circle=noted.circle,
                design=designs[noted.circle],
                open_s=noted.t_s,
                close_s=None,
                reason_closed="",
                members=members,
                pods=tuple(sorted({stay.pod for stay in members})),
            )
        elif noted.event == "closed" and noted.window in windows:
            closed = {"close_s": noted.t_s, "reason_closed": noted.reason}
            windows[noted.window] = windows[noted.window].model_copy(update=closed)
    return tuple(sorted(windows.values(), key=lambda window: (window.open_s, window.id)))


def _note_stay(stays: list[WindowStay], record: PodWindowRecord) -> None:
    if record.event == "opened":
        stays.append(WindowStay(pod=record.pod, from_s=record.t_s, to_s=None, reason_left=""))
    elif record.event == "left":
        left = {"to_s": record.t_s, "reason_left": record.reason}
        stays[:] = [
            stay.model_copy(update=left) if stay.pod == record.pod and stay.to_s is None else stay
            for stay in stays
        ]


def cues_of(lines: Iterable[LogLine]) -> tuple[NightCue, ...]:
    """Give the cues that came due, rendered or refused, in the order logged."""
    return tuple(
        NightCue(
            t_s=cue.t_s,
            pod=cue.pod,
            window=cue.window,
            step=cue.step,
            outcome=cue.outcome,
            reason=cue.reason,
            modality=cue.modality,
            level=cue.level,
            sham=cue.sham is True,
            answers=cue.answers,
        )
        for cue in records_of(CueRecord, lines)
    )
