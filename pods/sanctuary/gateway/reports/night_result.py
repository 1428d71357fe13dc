"""The result of a simulated night of several pods, as its report reads it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from pydantic import AliasChoices, Field, model_validator

from sanctuary.gateway.reports.curves import Hypnogram
from sanctuary.gateway.reports.results import Epoch, Opening, Partial, Scores, StageName, Timing, end_of

INVARIANTS: Mapping[str, str] = {
    "P1": "no cue unless the pod itself reads stable REM now, on fresh and good data",
    "P2": "no cue without a grant in force for this circle, modality, level and design",
    "P3": "no cue past the bounds of the limiter on level, ramp, rate, flashes, count and gap",
    "P4": "stop, withdrawal, arousal, stale EEG or a lost lease silence a pod within a second",
    "P5": "no pod in two windows at once",
    "P6": "no command obeyed twice, after its expiry or out of its term",
    "P7": "every cue, rendered or refused, in the log before it sounds",
    "C1": "no window opened on fewer live leases than its quorum",
    "C4": "every window closed once its leases fell below the quorum",
}
RENDERED = "rendered"


class Member(Partial):
    """One pod's stay in a window."""

    pod: str
    from_s: float | None = None
    to_s: float | None = None


class Window(Partial):
    """One shared-dream window; without `close_s` it was still open at the end."""

    id: str
    circle: str = ""
    open_s: float
    close_s: float | None = None
    pods: tuple[str, ...] = ()
    design: str = ""
    reason_closed: str = ""
    members: tuple[Member, ...] = ()

    def until(self, end_s: float) -> Window:
        """Give the same window with every open end at `end_s`, and every pod's stay told."""
        close_s = end_s if self.close_s is None else self.close_s
        members = self.members or tuple(Member(pod=pod) for pod in self.pods)
        stays = tuple(
            Member(
                pod=member.pod,
                from_s=self.open_s if member.from_s is None else member.from_s,
                to_s=close_s if member.to_s is None else member.to_s,
            )
            for member in members
        )
        return self.model_copy(update={"close_s": close_s, "members": stays})

    @property
    def who(self) -> list[str]:
        """Pods that took part, in alphabetical order; ``pod-2`` comes before ``pod-10``."""
        return sorted({member.pod for member in self.members} or set(self.pods), key=_by_number)


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


class CueRecord(Partial):
    """One cue that came due at a pod."""

    t_s: float
    pod: str
    window: str = ""
    step: int | None = None
    outcome: str = ""
    reason: str = ""
    modality: str = ""
    level: float | None = None
    sham: bool = False
    """Counted as rendered, but kept from the output."""


class Circle(Partial):
    """Sleepers who share windows."""

    id: str
    members: tuple[str, ...] = ()
    quorum: int | None = None
    design: str = ""


class Violation(Partial):
    """A broken invariant, given as a table or as one sentence that begins with its name."""

    rule: str = Field("", validation_alias=AliasChoices("rule", "invariant", "id"))
    text: str = Field("", validation_alias=AliasChoices("text", "detail", "message"))
    subject: str = Field("", validation_alias=AliasChoices("subject", "pod"))
    t_s: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_sentence(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        name, _, rest = given.partition(" ")
        return {"rule": name.rstrip(":"), "text": rest}


class ProblemSpan(Partial):
    """When something did not work; without `to_s`, to the end."""

    from_s: float = 0.0
    to_s: float | None = None


class Problem(Partial):
    """Something that did not work."""

    pod: str = ""
    what: str = ""
    about: str = ""
    reason: str = ""
    advice: str = ""
    total_s: float = 0.0
    spans: tuple[ProblemSpan, ...] = ()

    @property
    def first_s(self) -> float:
        """When it began first."""
        return min((one.from_s for one in self.spans), default=0.0)

    @property
    def lasts(self) -> bool:
        """Whether it was not over when the night ended."""
        return any(one.to_s is None for one in self.spans)

    @property
    def has_length(self) -> bool:
        """Whether it is more than moments."""
        return any(one.to_s != one.from_s for one in self.spans)


class PodNight(Partial):
    """One pod's night."""

    sleeper: str = ""
    simulated: bool | None = None
    """Whether nobody slept there; None in results that do not say."""
    headband: str = ""
    epochs: tuple[Epoch, ...] = ()
    truth: tuple[StageName, ...] = ()
    gate: tuple[Opening, ...] = ()


class SharedPod(Partial):
    """What one pod of a circle of recorded nights had."""

    rem_s: float | None = None
    open_s: float | None = None
    windows_s: float | None = None
    cued_s: float | None = None
    cues: int = 0
    cues_in_rem: int = 0


class Shared(Partial):
    """What a circle of recorded nights shared of the REM that an expert saw."""

    possible_s: float | None = None
    open_s: float | None = None
    windows_s: float | None = None
    windows_in_rem_s: float | None = None
    cued_s: float | None = None
    cued_in_rem_s: float | None = None
    cues: int = 0
    cues_in_rem: int = 0
    per_pod: dict[str, SharedPod] = Field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Share of the REM that could be shared which was spent in windows."""
        if not self.possible_s or self.windows_in_rem_s is None:
            return None
        return self.windows_in_rem_s / self.possible_s


class DemoResult(Partial):
    """Schema ``sanctuary.demo.v1``."""

    schema_name: Literal["sanctuary.demo.v1"] = Field(validation_alias=AliasChoices("schema", "schema_name"))
    version: str = ""
    seed: int | None = None
    hours: float | None = None
    site: str = ""
    pods: dict[str, PodNight] = Field(default_factory=dict)
    circles: tuple[Circle, ...] = ()
    windows: tuple[Window, ...] = ()
    cues: tuple[CueRecord, ...] = ()
    live: bool = False
    """Whether it was slept in real time."""
    recorded: bool = False
    """Whether its pods lived through recorded nights."""
    assumed: tuple[str, ...] = ()
    """What a circle of recorded nights rests on and nobody has told."""
    warnings: tuple[str, ...] = ()
    """What was odd about recordings."""
    shared: Shared | None = None
    problems: tuple[Problem, ...] = ()
    violations: tuple[Violation, ...] | None = None
    """None where the log was not checked."""
    detection: dict[str, Scores | None] = Field(default_factory=dict)
    timing: Timing = Timing()
    interrupted: bool = False
    messages: dict[str, int | float | str | None] = Field(default_factory=dict)
    broker: str = ""

    def is_simulated(self, pod: str) -> bool:
        """Tell whether nobody slept in a pod; of a night that is not live, unless it says otherwise."""
        told = self.pods[pod].simulated
        return told if told is not None else not self.live

    @property
    def end_s(self) -> float:
        """Where the night ends: the hours asked for, or what there is if it was interrupted."""
        ends_s = [end_of(pod.epochs, pod.gate) for pod in self.pods.values()]
        ends_s += [window.close_s or window.open_s for window in self.windows]
        ends_s += [cue.t_s for cue in self.cues]
        seen_s = max(ends_s, default=0.0)
        return seen_s if self.interrupted or not self.hours else max(seen_s, 3600.0 * self.hours)


@dataclass(frozen=True, slots=True)
class Lane:
    """What one pod shows: its name, both hypnograms, and its gate's openings."""

    pod: str
    sleeper: str
    detected: Hypnogram
    truth: Hypnogram
    gate: list[tuple[float, float]]


def lanes_of(demo: DemoResult) -> list[Lane]:
    """Pods in the order given; the truth ends where the night ended."""
    return [_lane(name, pod, demo.end_s) for name, pod in demo.pods.items()]


def _lane(name: str, pod: PodNight, end_s: float) -> Lane:
    detected = Hypnogram.detected(pod.epochs)
    truth = Hypnogram.truth(pod.truth[: ceil(end_s / detected.epoch_s)], detected)
    gate = [(o.open_s, end_s if o.close_s is None else o.close_s) for o in pod.gate]
    return Lane(pod=name, sleeper=pod.sleeper, detected=detected, truth=truth, gate=gate)


def violations_of(demo: DemoResult) -> list[tuple[str, str, int | None]]:
    """Rows of (invariant, what it says, times broken or None where not checked); unlisted ones come last."""
    if demo.violations is None:
        return [(name, text, None) for name, text in INVARIANTS.items()]
    broken = Counter(violation.rule for violation in demo.violations)
    others: list[tuple[str, str, int | None]] = [
        (name or "other", "see below", n) for name, n in sorted(broken.items()) if name not in INVARIANTS
    ]
    return [*((name, text, broken[name]) for name, text in INVARIANTS.items()), *others]


def spreads_s(cues: Sequence[CueRecord]) -> list[float]:
    """For each step that several pods rendered in one window: how far apart their starts were, seconds."""
    starts: dict[tuple[str, int], list[float]] = defaultdict(list)
    for cue in cues:
        if cue.outcome == RENDERED and cue.step is not None:
            starts[cue.window, cue.step].append(cue.t_s)
    return [max(times_s) - min(times_s) for times_s in starts.values() if len(times_s) > 1]
