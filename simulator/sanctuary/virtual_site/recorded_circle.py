"""A circle of recorded nights: what each one's chain says, and the windows that come of it in virtual time.

Every night goes through its own chain; then the real pods, limiter, coordinator and audit live through the
night together, in a site in virtual time. The result follows the schema ``sanctuary.circle.v1``.

What a circle shared of the REM that an expert saw; pure. The figures are defined in docs/results.md.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import floor
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import InputError
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import PodEntry, SimulatedGrant
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario_settings import WireSettings
from sanctuary.config.site_settings import SiteSettings
from sanctuary.gateway.replay.recorded_night import OpenedNight, Progress, replay_night
from sanctuary.gateway.results.circle_result import (
    CircleResult,
    RecordedPod,
    SharedPod,
    SharedTime,
    Stays,
    Stretch,
    length_s,
    overlaps,
    stays_of,
    together_s,
)
from sanctuary.gateway.results.night_result import NightWindow, cues_of, windows_of
from sanctuary.gateway.results.replay_result import ReplayResult, Timing
from sanctuary.gateway.site.assembly import in_one_circle
from sanctuary.gateway.site.result import broken_invariants, circles_of
from sanctuary.pods.protocol.records import CueRecord, LogLine, records_of
from sanctuary.signal.emission import Emission
from sanctuary.signal.samples import EPOCH_S, Stage
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.simulated_guests import VerdictLog
from sanctuary.virtual_site.simulated_site import Guest, SiteSpec, VirtualSite


@dataclass(frozen=True, slots=True)
class SleptNight:
    """One pod's night on the clock of its circle, as stretches that do not overlap, in seconds.

    Attributes
    ----------
    rem
        What the expert calls REM.
    ready_s
        From when on the expert has seen the least sleep after which anybody is cued; infinite for never.
    gate
        Stable REM as the chain saw it.
    """

    rem: Sequence[Stretch]
    ready_s: float
    gate: Sequence[Stretch]

    @property
    def possible(self) -> list[Stretch]:
        """REM in which the sleeper could be cued."""
        return overlaps(self.rem, [(self.ready_s, float("inf"))])


def slept_night(
    stages: NDArray[np.int8], minimum_sleep_min: float, gate: Iterable[Stretch], offset_s: float
) -> SleptNight:
    """Put one night together.

    Parameters
    ----------
    stages
        Shape ``(n_seconds,)``: the expert's `Stage` of each second of the recording.
    minimum_sleep_min
        Minutes of sleep, by the expert, before which nobody is cued.
    gate
        Openings, on the recording's own clock.
    offset_s
        When the recording begins on the circle's clock.
    """
    asleep_s = np.cumsum(stages > Stage.W)
    ready = int(np.searchsorted(asleep_s, 60.0 * minimum_sleep_min))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (stages == Stage.R).astype(np.int8), [0]])))
    rem = [(offset_s + float(a), offset_s + float(b)) for a, b in edges.reshape(-1, 2)]
    return SleptNight(
        rem,
        offset_s + ready + 1.0 if ready < len(stages) else float("inf"),
        [(offset_s + open_s, offset_s + close_s) for open_s, close_s in gate],
    )


def shared_figures(
    nights: Mapping[str, SleptNight],
    quorum: int,
    windows: Sequence[NightWindow],
    cues: Iterable[CueRecord],
) -> SharedTime:
    """Compute what a circle shared.

    Parameters
    ----------
    nights
        By pod.
    windows
        As in the result, each stay with an end.
    cues
        Of the log, in order of time.
    """
    rendered = [cue for cue in cues if cue.outcome == "rendered"]
    stays = [(window.id, stays_of(window)) for window in windows]
    cued = [_cued(window, by_pod, rendered) for window, by_pod in stays]
    within = [by_pod for _, by_pod in stays]
    per_pod = {
        pod: SharedPod(
            rem_s=_tidy(length_s(night.possible)),
            open_s=_tidy(length_s(night.gate)),
            windows_s=_tidy(sum(length_s(by_pod.get(pod, ())) for by_pod in within)),
            cued_s=_tidy(sum(length_s(by_pod.get(pod, ())) for by_pod in cued)),
            cues=sum(cue.pod == pod for cue in rendered),
            cues_in_rem=sum(
                any(a <= cue.t_s < b for a, b in night.rem) for cue in rendered if cue.pod == pod
            ),
        )
        for pod, night in nights.items()
    }
    return SharedTime(
        possible_s=_tidy(together_s((night.possible for night in nights.values()), quorum)),
        open_s=_tidy(together_s((night.gate for night in nights.values()), quorum)),
        windows_s=_together(within, quorum),
        windows_in_rem_s=_together(_in_rem(within, nights), quorum),
        cued_s=_together(cued, quorum),
        cued_in_rem_s=_together(_in_rem(cued, nights), quorum),
        cues=sum(each.cues for each in per_pod.values()),
        cues_in_rem=sum(each.cues_in_rem for each in per_pod.values()),
        per_pod=per_pod,
    )


def _cued(window: str, stays: Stays, rendered: Iterable[CueRecord]) -> Stays:
    """For each pod: from its first cue in a window to the end of its last, while it is in."""
    spans: dict[str, list[float]] = defaultdict(list)
    for cue in rendered:
        if cue.window == window:
            spans[cue.pod] += (cue.t_s, cue.t_s + cue.duration_s)
    return {pod: overlaps(stays.get(pod, ()), [(min(t_s), max(t_s))]) for pod, t_s in spans.items()}


def _in_rem(stays: Iterable[Stays], nights: Mapping[str, SleptNight]) -> list[Stays]:
    return [{pod: overlaps(mine, nights[pod].rem) for pod, mine in each.items()} for each in stays]


def _together(stays: Iterable[Stays], quorum: int) -> float:
    return _tidy(sum(together_s(each.values(), quorum) for each in stays))


def _tidy(seconds: float) -> float:
    """Round to a millisecond: no more is known."""
    return round(seconds, 3)


MOST_PODS = 64
LONGEST_S = 24 * 3600
"""Grants of one evening hold no longer."""
AFTER_S = 30.0
"""The site goes on for so long after the last sample, so that whatever is open closes of itself."""
WIRE = WireSettings(delay_s=0.005, jitter_s=0.0)
"""A message takes 5 ms, as in a house; nothing is left to chance, so the same nights give the same result."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardNight:
    """What a chain said of one recorded night.

    Attributes
    ----------
    result
        As of ``sanctuary replay``.
    verdicts
        What pods are told.
    stages
        Shape ``(n_seconds,)``: the expert's `Stage` of each second; None without a hypnogram.
    """

    result: ReplayResult
    verdicts: VerdictLog
    stages: NDArray[np.int8] | None

    @property
    def length_s(self) -> int:
        """Whole seconds."""
        return int(self.result.duration_s)


def hear_night(
    night: OpenedNight,
    settings: SanctuarySettings,
    progress: Progress = lambda _: None,
    emission: Emission | None = None,
) -> HeardNight:
    """Push one night through its chain."""
    verdicts = VerdictLog(settings.pod.min_quality)
    replayed = replay_night(
        night, settings.chain, progress, emission=emission, traced=False, on_estimate=verdicts.estimate
    )
    stages = None if night.hypnogram is None else night.hypnogram.epochs(floor(night.duration_s), 1.0)
    return HeardNight(replayed.result, verdicts, stages)


def circle_settings(
    settings: SanctuarySettings, pods: int, quorum: int, design: str | None = None
) -> SanctuarySettings:
    """Give the settings of a circle of recorded nights in ``pod-1`` and so on, at a site of its own.

    A hearing threshold that the settings know of a pod of that name is kept. Recorded sleepers grant what
    simulated ones of the first circle do, but for answers to eye signals: nobody lies there to be answered.
    """
    thresholds = {pod.id: pod.threshold_dba for pod in settings.pods}
    names = [f"pod-{number}" for number in range(1, pods + 1)]
    entries = [
        PodEntry(
            id=name,
            sleeper=f"recorded-{name}",
            headband=SimulatedHeadband(kind="simulated"),
            threshold_dba=thresholds.get(name),
        )
        for name in names
    ]
    grant = settings.circles[0].simulated_grant if settings.circles else SimulatedGrant()
    changed: dict[str, Any] = {
        "quorum": quorum,
        "simulated_grant": grant.model_copy(update={"echo": False}),
        **({} if design is None else {"design": design}),
    }
    own = settings.model_copy(update={"site": SiteSettings(id=settings.site.id)})
    return in_one_circle(own, entries, **changed)


def aligned(offsets_s: Sequence[int]) -> list[int]:
    """Shift offsets so that none is below zero: a night that begins earlier begins the circle's."""
    first_s = min(0, *offsets_s)
    return [offset_s - first_s for offset_s in offsets_s]


def check_overlap(lengths_s: Sequence[float], offsets_s: Sequence[int], quorum: int) -> None:
    """See that nights have a time in common.

    Raises
    ------
    InputError
        A night lies beyond all others, no moment belongs to `quorum` nights, or all takes more than a day.
    """
    spans = [(float(at_s), at_s + long_s) for at_s, long_s in zip(offsets_s, lengths_s, strict=True)]
    for number, (begin_s, end_s) in enumerate(spans, start=1):
        others = [span for other, span in enumerate(spans, start=1) if other != number]
        if not any(begin_s < end and begin < end_s for begin, end in others):
            raise InputError(
                f"--offset: the night of pod-{number}, {begin_s:g} to {end_s:g} s, has no moment in common "
                "with any other; choose offsets below the others' length"
            )
    together = max(sum(begin <= at_s < end for begin, end in spans) for at_s, _ in spans)
    if together < quorum:
        raise InputError(
            f"--offset: never are {quorum} nights recorded at once, so --quorum {quorum} cannot be reached"
        )
    if max(end for _, end in spans) > LONGEST_S:
        raise InputError("the circle's night would last more than 24 h; choose shorter nights or offsets")


def circle_night(
    settings: SanctuarySettings, nights: Sequence[HeardNight], offsets_s: Sequence[int]
) -> CircleResult:
    """Let the pods of a circle live through their nights together.

    Parameters
    ----------
    settings
        Of `circle_settings`.
    nights
        In the order of the pods.
    offsets_s
        When each begins on the circle's clock; none below zero.

    Returns
    -------
    The result. ``timing`` is that of the pods alone; every other field depends on the arguments alone.
    """
    began_s = time.perf_counter()
    names = [pod.id for pod in settings.pods]
    by_pod = dict(zip(names, zip(nights, offsets_s, strict=True), strict=True))
    end_s = max(offset_s + night.length_s for night, offset_s in by_pod.values())
    guests = {
        pod: Guest(night.verdicts.verdicts(offset_s, end_s + round(AFTER_S)))
        for pod, (night, offset_s) in by_pod.items()
    }
    rng = Random("recorded nights")  # noqa: S311  on this wire nothing is drawn
    site = VirtualSite(settings, guests, SiteSpec("recorded", b"recorded nights", WIRE), EventQueue(), rng)
    records = site.sleep(end_s + AFTER_S)
    circle = settings.circles[0]
    windows = windows_of(records, {circle.id: circle.design})
    return CircleResult(
        schema="sanctuary.circle.v1",
        version=version("dream-sanctuary"),
        duration_s=end_s,
        epoch_s=EPOCH_S,
        assumed=_assumed(settings, offsets_s),
        circles=circles_of(settings),
        pods={
            pod: RecordedPod(offset_s=offset_s, replay=night.result)
            for pod, (night, offset_s) in by_pod.items()
        },
        windows=windows,
        cues=cues_of(records),
        violations=broken_invariants(settings, records),
        messages=site.messages,
        shared=_shared(settings, by_pod, windows, records),
        timing=Timing(wall_s=round(time.perf_counter() - began_s, 3)),
    )


def _shared(
    settings: SanctuarySettings,
    by_pod: Mapping[str, tuple[HeardNight, int]],
    windows: Sequence[NightWindow],
    lines: Sequence[LogLine],
) -> SharedTime | None:
    """Figures that take every night's hypnogram."""
    slept = {}
    for pod, (night, offset_s) in by_pod.items():
        if night.stages is None:
            return None
        gate = [(opening.open_s, opening.close_s) for opening in night.result.gate]
        minimum_sleep_min = settings.chain.gate.minimum_sleep_min
        slept[pod] = slept_night(night.stages, minimum_sleep_min, gate, offset_s)
    cues = records_of(CueRecord, lines)
    return shared_figures(slept, settings.circles[0].quorum, windows, cues)


def _assumed(settings: SanctuarySettings, offsets_s: Sequence[int]) -> tuple[str, ...]:
    """Say what nobody has told and the result rests on."""
    grant = settings.circles[0].simulated_grant
    begin = "all nights begin at one moment" if not any(offsets_s) else "nights begin at the offsets given"
    what = " and ".join(_granted(grant)) or "nothing"
    return (
        f"{begin}, with their first samples, whatever times their files name",
        f"every sleeper consents to this circle's design: {what}",
        "sleep goes on as recorded: no cue wakes anybody",
    )


def _granted(grant: SimulatedGrant) -> Iterator[str]:
    for modality in grant.modalities:
        limit = f"{grant.max_level_dba:g} dBA" if modality == "sound" else f"{100 * grant.max_share:g} %"
        yield f"{modality} up to {limit}"
