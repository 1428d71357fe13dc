"""Results of many nights in virtual time: schemas ``sanctuary.simulate.v1`` and ``sanctuary.torture.v1``.

As in `sanctuary.gateway.results`, the same class writes and reads. And how many processes share the work.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import Field

from sanctuary.gateway.results.night_result import NightWindow
from sanctuary.gateway.results.replay_result import Result, ResultPart


def sensible_processes(parts: int) -> int:
    """Give the number of processes that helps with work of so many parts: one a core at most."""
    return max(1, min(parts, len(os.sched_getaffinity(0))))


class FleetWindow(NightWindow):
    """A window of one of the nights, which count from 0."""

    night: int


class FleetSleeper(ResultPart):
    """One sleeper's night, in minutes and counts.

    Attributes
    ----------
    rem_min, stable_rem_min
        REM in truth, and with the gate open.
    shared_min, waited_min
        In a window with somebody; with the gate open and in no window.
    windows
        How many the sleeper was in.
    """

    night: int
    pod: str
    circles: tuple[str, ...]
    rem_min: float
    stable_rem_min: float
    shared_min: float
    waited_min: float
    windows: int
    cues_rendered: int
    cues_refused: int
    aroused_by_cues: int
    woken_by_cues: int


class FleetFault(ResultPart):
    """A fault that happened; `pod` is None for the coordinator."""

    night: int
    kind: str
    at_s: float
    for_s: float
    pod: str | None


class FleetViolation(ResultPart):
    """A broken invariant; fields as of `Violation`."""

    night: int
    rule: str
    t_s: float
    subject: str
    text: str


class FleetTotals(ResultPart):
    """Means over all nights; minutes and counts ``per_sleeper`` are of a sleeper and night."""

    windows_per_night: float
    window_mean_min: float | None
    shared_min_per_sleeper: float | None
    stable_rem_min_per_sleeper: float | None
    rem_min_per_sleeper: float | None
    waited_min_per_sleeper: float | None
    cues_rendered_per_sleeper: float
    aroused_by_cues_per_sleeper: float
    woken_by_cues_per_sleeper: float
    sleepers_without_a_window: float
    windows_closed_by: dict[str, int]


class FleetTiming(ResultPart):
    """How long the computation took, and how many processes shared it."""

    wall_s: float
    processes: int
    pod_nights_per_s: float


class SimulateResult(Result):
    """Schema ``sanctuary.simulate.v1``: written by ``sanctuary simulate``."""

    schema_name: Literal["sanctuary.simulate.v1"] = Field(alias="schema")
    seed: int
    nights: int
    signals: bool
    """Whether signals were made and judged by the real chain."""
    scenario: dict[str, Any]
    totals: FleetTotals
    fairness: dict[str, float | None]
    """Jain's index by circle, and ``all``; None where nobody shared anything."""
    messages: dict[str, int]
    windows: tuple[FleetWindow, ...]
    sleepers: tuple[FleetSleeper, ...]
    faults: tuple[FleetFault, ...]
    violations: tuple[FleetViolation, ...]
    timing: FleetTiming


class BrokenNight(ResultPart):
    """The first broken invariant of a night under fault injection; fields as of `Violation`."""

    seed: int
    rule: str
    t_s: float
    subject: str
    text: str


class CampaignTiming(ResultPart):
    """How long the computation took, and how many processes shared it."""

    wall_s: float
    processes: int


class TortureResult(Result):
    """Schema ``sanctuary.torture.v1``: written by ``sanctuary torture``."""

    schema_name: Literal["sanctuary.torture.v1"] = Field(alias="schema")
    seeds: tuple[int, int]
    """First and last."""
    bug: str | None
    """Name of the planted bug."""
    pod_nights: int
    pod_hours: float
    events: int
    nights: int
    counts: dict[str, int]
    violations: tuple[BrokenNight, ...]
    """One for each night that broke a rule."""
    timing: CampaignTiming
