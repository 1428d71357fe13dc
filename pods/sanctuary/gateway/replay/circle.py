"""A circle of recorded nights: what each one's chain says, and the windows that come of it in virtual time.

Every night goes through its own chain; then the real pods, limiter, coordinator and audit live through the
night together, in a site in virtual time. The result follows the schema ``sanctuary.circle.v1``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import floor
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import InputError
from sanctuary.config.fleet import PodEntry, SimulatedGrant
from sanctuary.config.headbands import SimulatedHeadband
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario import WireSettings
from sanctuary.config.site import SiteSettings
from sanctuary.gateway.fleet.site import Guest, Site, SiteSpec
from sanctuary.gateway.fleet.verdict_log import VerdictLog
from sanctuary.gateway.night.people import in_one_circle
from sanctuary.gateway.night.result import circles_of, cues_of, violations_of, windows_of
from sanctuary.gateway.replay.circle_figures import shared_figures, slept_night
from sanctuary.gateway.replay.epochs import EPOCH_S
from sanctuary.gateway.replay.night import OpenedNight, Progress, replay_night
from sanctuary.signal.emission import Emission
from sanctuary.simulator.fleets.agenda import Agenda

SCHEMA = "sanctuary.circle.v1"
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

    result: dict[str, Any]
    verdicts: VerdictLog
    stages: NDArray[np.int8] | None

    @property
    def length_s(self) -> int:
        """Whole seconds."""
        return int(self.result["duration_s"])


def hear_night(
    night: OpenedNight,
    settings: SanctuarySettings,
    progress: Progress = lambda _: None,
    emission: Emission | None = None,
) -> HeardNight:
    """Push one night through its chain."""
    verdicts = VerdictLog(settings.pod.min_quality)
    replayed = replay_night(
        night, settings.chain, progress, emission=emission, traced=False, listener=verdicts.estimate
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
) -> dict[str, Any]:
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
    site = Site(settings, guests, SiteSpec("recorded", b"recorded nights", WIRE), Agenda(), rng)
    records = site.sleep(end_s + AFTER_S)
    circle = settings.circles[0]
    windows = windows_of(records, {circle.id: circle.design})
    result = {
        "schema": SCHEMA,
        "version": version("dream-sanctuary"),
        "duration_s": end_s,
        "epoch_s": EPOCH_S,
        "assumed": _assumed(settings, offsets_s),
        "circles": circles_of(settings),
        "pods": {
            pod: {"offset_s": offset_s, "replay": night.result} for pod, (night, offset_s) in by_pod.items()
        },
        "windows": windows,
        "cues": cues_of(records),
        "violations": violations_of(settings, records),
        "messages": site.messages,
    }
    shared = _shared(settings, by_pod, windows, records)
    if shared is not None:
        result["shared"] = shared
    return result | {"timing": {"wall_s": round(time.perf_counter() - began_s, 3)}}


def _shared(
    settings: SanctuarySettings,
    by_pod: Mapping[str, tuple[HeardNight, int]],
    windows: Sequence[Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """Figures that take every night's hypnogram."""
    slept = {}
    for pod, (night, offset_s) in by_pod.items():
        if night.stages is None:
            return None
        gate = [(opening["open_s"], opening["close_s"]) for opening in night.result["gate"]]
        minimum_sleep_min = settings.chain.gate.minimum_sleep_min
        slept[pod] = slept_night(night.stages, minimum_sleep_min, gate, offset_s)
    cues = [record for record in records if record["kind"] == "cue"]
    return shared_figures(slept, settings.circles[0].quorum, windows, cues)


def _assumed(settings: SanctuarySettings, offsets_s: Sequence[int]) -> list[str]:
    """Say what nobody has told and the result rests on."""
    grant = settings.circles[0].simulated_grant
    begin = "all nights begin at one moment" if not any(offsets_s) else "nights begin at the offsets given"
    what = " and ".join(_granted(grant)) or "nothing"
    return [
        f"{begin}, with their first samples, whatever times their files name",
        f"every sleeper consents to this circle's design: {what}",
        "sleep goes on as recorded: no cue wakes anybody",
    ]


def _granted(grant: SimulatedGrant) -> Iterator[str]:
    for modality in grant.modalities:
        limit = f"{grant.max_level_dba:g} dBA" if modality == "sound" else f"{100 * grant.max_share:g} %"
        yield f"{modality} up to {limit}"
