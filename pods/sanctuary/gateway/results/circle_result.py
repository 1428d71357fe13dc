"""The result of a circle of recorded nights, schema ``sanctuary.circle.v1``, and its figures of shared time.

The figures are defined in ``docs/results.md``. A stretch is a pair of seconds (start, end).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import PurePath
from typing import Literal

from pydantic import Field

from sanctuary.gateway.results.night_result import (
    Detection,
    NightCircle,
    NightCue,
    NightResult,
    NightWindow,
    PodNight,
)
from sanctuary.gateway.results.replay_result import ReplayResult, Result, ResultPart, Timing
from sanctuary.pods.audit import Violation
from sanctuary.signal.scoring import GateOpening

Stretch = tuple[float, float]
Stays = Mapping[str, Sequence[Stretch]]
"""Stretches in one window, by pod; those of one pod do not overlap."""


class RecordedPod(ResultPart):
    """One pod of the circle: when its recording begins, and what a replay of it alone gives."""

    offset_s: int
    replay: ReplayResult


class SharedPod(ResultPart):
    """What one pod had of the REM that the expert saw."""

    rem_s: float
    open_s: float
    windows_s: float
    cued_s: float
    cues: int
    cues_in_rem: int


class SharedTime(ResultPart):
    """What the circle shared of the REM that the expert saw."""

    possible_s: float
    open_s: float
    windows_s: float
    windows_in_rem_s: float
    cued_s: float
    cued_in_rem_s: float
    cues: int
    cues_in_rem: int
    per_pod: dict[str, SharedPod]

    @property
    def share(self) -> float | None:
        """Share of the REM that could be shared which was spent in windows; None where there was none."""
        return self.windows_in_rem_s / self.possible_s if self.possible_s else None


class CircleResult(Result):
    """Schema ``sanctuary.circle.v1``: written by ``sanctuary replay --circle``."""

    schema_name: Literal["sanctuary.circle.v1"] = Field(alias="schema")
    duration_s: int
    epoch_s: float
    assumed: tuple[str, ...]
    """What the result assumes."""
    circles: tuple[NightCircle, ...]
    pods: dict[str, RecordedPod]
    windows: tuple[NightWindow, ...]
    cues: tuple[NightCue, ...]
    violations: tuple[Violation, ...]
    messages: dict[str, int]
    shared: SharedTime | None = None
    timing: Timing

    @property
    def warnings(self) -> list[str]:
        """What was odd about recordings and hypnograms, with the pod."""
        return [f"{pod}: {text}" for pod, night in self.pods.items() for text in night.replay.warnings]

    def as_night(self) -> NightResult:
        """Give it as a night of several pods, all on the circle's clock."""
        return NightResult(
            schema="sanctuary.demo.v1",
            version=self.version,
            site="",
            live=False,
            hours=self.duration_s / 3600.0,
            duration_s=self.duration_s,
            broker="",
            interrupted=False,
            trouble=None,
            messages=self.messages,
            timing=self.timing,
            epoch_s=self.epoch_s,
            circles=self.circles,
            pods={pod: _on_circle_clock(night) for pod, night in self.pods.items()},
            windows=self.windows,
            cues=self.cues,
            problems=(),
            violations=self.violations,
            detection={
                pod: Detection(
                    accuracy=scores.accuracy,
                    kappa=scores.kappa,
                    rem=scores.per_stage["R"],
                    rem_specificity=scores.rem_specificity,
                    gate=scores.gate,
                )
                for pod, night in self.pods.items()
                if (scores := night.replay.scores) is not None
            },
        )


def _on_circle_clock(night: RecordedPod) -> PodNight:
    replay, offset_s = night.replay, night.offset_s
    return PodNight(
        sleeper=PurePath(replay.file).stem,
        simulated=False,
        headband="",
        epochs=tuple(
            epoch.model_copy(update={"onset_s": epoch.onset_s + offset_s}) for epoch in replay.epochs
        ),
        gate=tuple(GateOpening(o.open_s + offset_s, o.close_s + offset_s, o.reason) for o in replay.gate),
        truth=replay.truth,
    )


def shared_minutes(windows: Iterable[NightWindow]) -> dict[tuple[str, str], float]:
    """Give the minutes that each pair of pods spent in windows together.

    Returns
    -------
    Keys are pairs in alphabetical order; every pair that met in a window has one. A stay without an end
    counts for nothing.
    """
    shared: dict[tuple[str, str], float] = defaultdict(float)
    for window in windows:
        stays = stays_of(window)
        for a, b in combinations(sorted(stays), 2):
            shared[a, b] += length_s(overlaps(stays[a], stays[b])) / 60.0
    return dict(shared)


def together_minutes(windows: Iterable[NightWindow]) -> float:
    """Give the minutes with two or more pods in one window, summed over windows."""
    return sum(together_s(stays_of(window).values()) for window in windows) / 60.0


def stays_of(window: NightWindow) -> dict[str, list[Stretch]]:
    """Give the stretches that each pod was in a window; a stay without an end is left out."""
    stays: dict[str, list[Stretch]] = defaultdict(list)
    for stay in window.members:
        known = stays[stay.pod]
        if stay.to_s is not None and stay.to_s > stay.from_s:
            known.append((stay.from_s, stay.to_s))
    return {pod: _merged(stretches) for pod, stretches in stays.items()}


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for start_s, end_s in sorted(stretches):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
        else:
            merged.append((start_s, end_s))
    return merged


def overlaps(first: Iterable[Stretch], second: Sequence[Stretch]) -> list[Stretch]:
    """Give the stretches that two lists have in common; none of a list overlap each other."""
    return [(max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second if a[0] < b[1] and b[0] < a[1]]


def length_s(stretches: Iterable[Stretch]) -> float:
    return sum(end_s - start_s for start_s, end_s in stretches)


def together_s(lists: Iterable[Iterable[Stretch]], least: int = 2) -> float:
    """Give the time that lies in `least` or more of the lists, in each of which no stretches overlap."""
    steps = sorted(step for stretches in lists for a, b in stretches for step in ((a, 1), (b, -1)))
    total_s, inside, before_s = 0.0, 0, 0.0
    for t_s, step in steps:
        total_s += t_s - before_s if inside >= least else 0.0
        inside, before_s = inside + step, t_s
    return total_s
