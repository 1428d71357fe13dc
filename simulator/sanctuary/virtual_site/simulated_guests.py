"""A night of a simulated fleet: sleepers drawn from a seed, in a site of their own.

Keeps what a chain says of a night, some bytes a second, as the verdicts that a site goes by.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

import numpy as np

from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import CircleEntry, PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario_settings import ScenarioSettings
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.sleepers.cue_responses import Response, hearing_threshold_dba
from sanctuary.simulator.sleepers.simulated_night import TruthNight, draw_night
from sanctuary.simulator.sleepers.simulated_sleeper import sleeper_seeds
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.planned_faults import PlannedFault, plan_faults
from sanctuary.virtual_site.simulated_site import CLOCK_LIMIT_S, Guest, SiteSpec, VirtualSite
from sanctuary.virtual_site.verdicts import Verdicts, draw_verdicts
from sanctuary.virtual_site.virtual_sleeper import CueResponses

TOLD_EVERY_S = 300.0
"""How often a night says how far it is, in simulated seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class FleetNight:
    """What came of a night.

    Attributes
    ----------
    settings
        Of the site, as pods and coordinator had them.
    records
        All log records, each writer's in order.
    truths, stable_s
        The sleepers' nights, and for how long their gates were open, by pod.
    responses
        What followed from the cues that each sleeper heard, by pod.
    faults
        Those that happened.
    messages
        Sent, delivered and lost.
    """

    settings: SanctuarySettings
    records: list[Mapping[str, Any]]
    truths: dict[str, TruthNight]
    stable_s: dict[str, int]
    responses: dict[str, list[Response]]
    faults: list[PlannedFault]
    messages: dict[str, int]


def fleet_night(
    scenario: ScenarioSettings,
    seed: int,
    night: int = 0,
    verdicts: Mapping[str, Verdicts] = MappingProxyType({}),
    passed: Callable[[float], None] = lambda _: None,
) -> FleetNight:
    """Sleep one night.

    Parameters
    ----------
    scenario
        Who sleeps, and what goes wrong.
    seed, night
        Choose the sleepers, and which of their nights.
    verdicts
        What chains say, by pod; drawn where not given.
    passed
        Called again and again with the share of the night that has passed since the last call.
    """
    settings = site_settings(scenario, seed, night)
    rng = Random(f"fleet {seed} night {night}")  # noqa: S311  chance, not secrets
    agenda, beside = EventQueue(), neighbours(settings)
    truths = {
        pod.id: draw_night(seed_of(pod), scenario.hours, scenario.sleepers.night, beside.get(pod.id, ()))
        for pod in settings.pods
    }
    answers = {
        pod.id: CueResponses(seed_of(pod), truths[pod.id], scenario.sleepers.responses, agenda)
        for pod in settings.pods
    }
    guests = {}
    for pod in settings.pods:
        said = verdicts.get(pod.id)
        if said is None:
            said = draw_verdicts(truths[pod.id], scenario.verdicts, stream(seed_of(pod), Concern.VERDICTS))
        guests[pod.id] = Guest(said, answers[pod.id].on_cue)
    faults = plan_faults(scenario, rng)
    spec = SiteSpec(f"sim-{seed}-{night}", f"simulated fleet {seed}".encode(), scenario.wire)
    site = VirtualSite(settings, guests, spec, agenda, rng, faults)
    length_s = 3600.0 * scenario.hours
    agenda.every(TOLD_EVERY_S, lambda: passed(TOLD_EVERY_S / length_s))
    records = site.sleep(length_s)
    return FleetNight(
        settings,
        records,
        truths,
        {pod: guest.verdicts.stable_s for pod, guest in guests.items()},
        {pod: answers.responses for pod, answers in answers.items()},
        faults,
        site.messages,
    )


def site_settings(scenario: ScenarioSettings, seed: int, night: int) -> SanctuarySettings:
    """Put the settings of a site together from a scenario."""
    seeds = sleeper_seeds(scenario.pods, seed * 100_003 + night)
    pods = tuple(
        PodEntry(
            id=f"pod-{number}",
            sleeper=f"sleeper-{number}",
            headband=SimulatedHeadband(kind="simulated", seed=own),
            threshold_dba=hearing_threshold_dba(stream(own, Concern.HEARING)),
        )
        for number, own in enumerate(seeds, start=1)
    )
    pod = scenario.pod.model_copy(update={"clock_uncertainty_limit_s": CLOCK_LIMIT_S})
    return SanctuarySettings(pod=pod, limiter=scenario.limiter, coordinator=scenario.coordinator).model_copy(
        update={"pods": pods, "circles": circles_of(scenario)}
    )


def seed_of(pod: PodEntry) -> int:
    """Give the seed of a simulated sleeper."""
    return pod.headband.seed if isinstance(pod.headband, SimulatedHeadband) else 0


def neighbours(settings: SanctuarySettings) -> dict[str, tuple[int, ...]]:
    """Give, for each pod, the seeds of those who share a circle with its sleeper: they sleep side by side."""
    seeds = {pod.id: seed_of(pod) for pod in settings.pods}
    mates: dict[str, dict[str, None]] = {}
    for circle in settings.circles:
        for pod in circle.members:
            mates.setdefault(pod, {}).update(dict.fromkeys(circle.members))
    return {pod: tuple(seeds[mate] for mate in sorted(names)) for pod, names in mates.items()}


def circles_of(scenario: ScenarioSettings) -> tuple[CircleEntry, ...]:
    """Give the circles that the scenario names, or else neighbours by `circle_size`."""
    if scenario.circles:
        return scenario.circles
    size = min(scenario.circle_size, scenario.pods)
    count = scenario.pods // size
    names = [f"pod-{number}" for number in range(1, scenario.pods + 1)]
    groups = [names[at * size : (at + 1) * size] for at in range(count)]
    groups[-1] += names[count * size :]
    return tuple(
        CircleEntry(
            id=f"circle-{number}",
            members=tuple(group),
            quorum=min(scenario.quorum, len(group)),
            design=scenario.design,
        )
        for number, group in enumerate(groups, start=1)
    )


POOR, STABLE, AROUSAL = 1, 2, 4


class VerdictLog:
    """Collects the estimates of one sleeper.

    Parameters
    ----------
    min_quality
        Signal quality below which a pod takes an estimate for proof of nothing.
    """

    def __init__(self, min_quality: float) -> None:
        self._min_quality = min_quality
        self._stages, self._flags, self._asleep_min = bytearray(), bytearray(), array("d")

    def estimate(self, estimate: StageEstimate) -> None:
        """Take the next estimate, in order of time; seconds without one count as too poor to say."""
        while len(self._flags) + 1 < round(estimate.t_s):
            self._add(Stage.W, POOR, self._asleep_min[-1] if self._asleep_min else 0.0)
        poor = estimate.quality < self._min_quality or estimate.stage is Stage.UNKNOWN
        flags = POOR * poor | STABLE * estimate.stable_rem | AROUSAL * estimate.arousal
        self._add(Stage(max(Stage.W, estimate.stage)), flags, estimate.asleep_min)

    def verdicts(self, offset_s: int = 0, length_s: int | None = None) -> Verdicts:
        """Give all verdicts on a clock on which the night begins at `offset_s`.

        Parameters
        ----------
        length_s
            Seconds in all; before and after the night there is no signal. By default the night ends it.
        """
        known = len(self._flags)
        if length_s is None:
            length_s = offset_s + known
        pad = (offset_s, max(0, length_s - offset_s - known))
        flags = np.pad(np.frombuffer(bytes(self._flags), np.uint8), pad, constant_values=POOR)[:length_s]
        stages = np.pad(np.frombuffer(bytes(self._stages), np.int8), pad, constant_values=Stage.W)
        asleep_min = np.pad(np.array(self._asleep_min), pad, mode="edge" if known else "constant")
        asleep_min[:offset_s] = 0.0
        return Verdicts(
            stages[:length_s],
            (flags & STABLE) > 0,
            (flags & AROUSAL) > 0,
            (flags & POOR) > 0,
            asleep_min[:length_s],
        )

    def _add(self, stage: Stage, flags: int, asleep_min: float) -> None:
        self._stages.append(stage)
        self._flags.append(flags)
        self._asleep_min.append(asleep_min)
