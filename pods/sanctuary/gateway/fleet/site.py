"""One night of a fleet in virtual time: pods, coordinators, the wire between them, and what goes wrong.

The pods, the coordinator and the shells around them are those of a real night; only the clock, the wire and
the verdicts are made up. One seed gives one night, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from sanctuary.config.fleet import CircleEntry, PodEntry
from sanctuary.config.headbands import SimulatedHeadband
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario import ScenarioSettings
from sanctuary.gateway.fleet.faults import PlannedFault, plan_faults
from sanctuary.gateway.fleet.hearing import Hearing
from sanctuary.gateway.fleet.log import Ear, MemoryLog
from sanctuary.gateway.fleet.place import Place, look_after
from sanctuary.gateway.fleet.wire import VirtualWire
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.people import NightPlan, designs_of, make_gateway, make_pod
from sanctuary.gateway.night.pod_runner import PodRunner
from sanctuary.gateway.night.sending import to_message
from sanctuary.pods.logs import coordinator_record
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.outbox import status
from sanctuary.pods.wire.link import LinkUp
from sanctuary.simulator.fleets.agenda import Agenda
from sanctuary.simulator.fleets.drawing import draw_verdicts
from sanctuary.simulator.fleets.verdicts import Verdicts
from sanctuary.simulator.physiology.randomness import Concern, stream
from sanctuary.simulator.sleepers.circle import sleeper_seeds
from sanctuary.simulator.sleepers.night import draw_night
from sanctuary.simulator.sleepers.responses import Response, heard_awake_dba
from sanctuary.simulator.sleepers.truth import TruthNight

UTC_AT_ZERO_S = 1_767_304_800.0
"""2026-01-01 22:00 UTC; a simulated night needs some date, always the same."""
COORDINATOR_TICK_S = 1.0
NOTICED_S = (0.5, 10.0)
"""How long a pod takes to notice that its network is gone."""
STAGGER_S = 0.01
"""Between the boots of two pods."""


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


CLOCK_LIMIT_S = 0.05
"""Pods of a fleet ask for the time once a minute, to save work: over a slow wire they know it less well."""


class Site:
    """A site, from lights out to morning.

    Parameters
    ----------
    scenario
        Who sleeps, and what goes wrong.
    seed, night
        Choose the sleepers, and which of their nights.
    verdicts
        What chains say, by pod; drawn where not given.
    """

    def __init__(
        self,
        scenario: ScenarioSettings,
        seed: int,
        night: int = 0,
        verdicts: Mapping[str, Verdicts] = MappingProxyType({}),
    ) -> None:
        self._scenario, self._given = scenario, verdicts
        self._settings = site_settings(scenario, seed, night)
        self._rng = Random(f"fleet {seed} night {night}")  # noqa: S311  chance, not secrets
        self._agenda = Agenda()
        self._log = MemoryLog()
        self._wire = VirtualWire(self._agenda, scenario.wire, self._rng)
        self._designs = designs_of(self._settings.circles)
        self._boot = f"sim-{seed}-{night}"
        self._secret = f"simulated fleet {seed}".encode()
        self._starts = self._term = 0
        self._coordinator: CoordinatorRunner | None = None
        self._beside = neighbours(self._settings)
        self._truths = {pod.id: self._truth(pod) for pod in self._settings.pods}
        self._hearings: dict[str, Hearing] = {}
        self._places = {pod.id: self._place(pod) for pod in self._settings.pods}
        self._faults = plan_faults(scenario, self._rng)

    def sleep(self) -> FleetNight:
        """Let the night pass."""
        self._start_coordinator()
        for number, pod in enumerate(self._places):
            self._agenda.at(STAGGER_S * number, lambda pod=pod: self._boot_pod(pod))  # type: ignore[misc]
        for fault in self._faults:
            self._agenda.at(fault.at_s, lambda fault=fault: self._strike(fault))  # type: ignore[misc]
        look_after(self._tick_coordinator, self._agenda, COORDINATOR_TICK_S)
        self._agenda.run(3600.0 * self._scenario.hours)
        for place in self._places.values():
            place.runner.end(self._agenda.now_s)
        return FleetNight(
            self._settings,
            self._log.records,
            self._truths,
            {pod: place.verdicts.stable_s for pod, place in self._places.items()},
            {pod: hearing.responses for pod, hearing in self._hearings.items()},
            self._faults,
            {"sent": self._wire.sent, "delivered": self._wire.delivered, "lost": self._wire.lost},
        )

    # --- people and pods ---

    def _truth(self, pod: PodEntry) -> TruthNight:
        night = self._scenario.sleepers.night
        return draw_night(seed_of(pod), self._scenario.hours, night, self._beside.get(pod.id, ()))

    def _place(self, pod: PodEntry) -> Place:
        verdicts = self._given.get(pod.id)
        if verdicts is None:
            rng = stream(seed_of(pod), Concern.VERDICTS)
            verdicts = draw_verdicts(self._truths[pod.id], self._scenario.verdicts, rng)
        core = make_pod(self._plan(), pod, self._designs)
        hearing = Hearing(seed_of(pod), self._truths[pod.id], self._scenario.sleepers.responses, self._agenda)
        self._hearings[pod.id] = hearing
        ear = Ear(lambda cue, at_s: hearing.hear(cue, at_s, self._places[pod.id]))
        runner = PodRunner(core, self._log, ear, lambda message: self._wire.send(pod.id, message))
        return Place(runner, verdicts, self._agenda, self._settings.pod.heartbeat_s)

    def _boot_pod(self, pod: str) -> None:
        place = self._places[pod]
        identity = place.runner.pod.identity
        will = to_message(status(identity, "simulated", online=False))
        self._wire.join(pod, place.runner.subscriptions, place.message, will)
        self._go_online(pod)
        place.wake()

    def _go_online(self, pod: str) -> None:
        place = self._places[pod]
        self._wire.send(pod, to_message(status(place.runner.pod.identity, "simulated", online=True)))
        place.befall(happened.LinkRestored())

    # --- the coordinator ---

    def _plan(self) -> NightPlan:
        return NightPlan(self._settings, self._secret, self._boot, self._term, UTC_AT_ZERO_S, {})

    def _start_coordinator(self) -> None:
        """Start one: it knows nothing but what the wire has kept, and the highest term used."""
        self._starts += 1
        name = f"coordinator-{self._starts}"
        self._boot = f"{self._boot.partition('-t')[0]}-t{self._starts}"
        runner = CoordinatorRunner(
            self._settings.site.id,
            make_gateway(self._plan(), self._designs),
            self._log,
            lambda message: self._wire.send(name, message),
            lambda: self._agenda.now_s,
            keep_term=self._keep_term,
        )
        self._coordinator = runner
        self._log.write(coordinator_record("started", self._term, self._agenda.now_s))
        self._wire.join(
            name,
            runner.subscriptions,
            lambda message: runner.message(message, self._agenda.now_s),
            runner.will,
        )
        runner.on_link(LinkUp(session_present=False))

    def _keep_term(self, term: int) -> None:
        self._term = max(self._term, term)

    def _tick_coordinator(self) -> None:
        if self._coordinator is not None:
            self._coordinator.tick(self._agenda.now_s)

    # --- what goes wrong ---

    def _strike(self, fault: PlannedFault) -> None:
        if fault.pod is None:
            self._crash_coordinator(fault.for_s)
            return
        place = self._places[fault.pod]
        match fault.kind:
            case "stop":
                place.befall(happened.StopPressed())
                self._later(fault, lambda: place.befall(happened.PersonReset()))
            case "withdraw":
                place.befall(happened.WithdrawalMade())
            case "headband_lost":
                place.take_off()
                self._later(fault, place.put_on)
            case "electrode_off":
                place.loosen(fault.for_s)
            case "arousal":
                place.arouse(fault.for_s)
            case "network_cut":
                self._cut(fault.pod, fault)

    def _later(self, fault: PlannedFault, deed: Callable[[], None]) -> None:
        self._agenda.after(fault.for_s, deed)

    def _cut(self, pod: str, fault: PlannedFault) -> None:
        """Cut a pod off; it notices after a while, or never if the network is back before."""
        self._wire.cut(pod)
        noticed_s = self._rng.uniform(*NOTICED_S)
        if noticed_s < fault.for_s:
            self._agenda.after(noticed_s, lambda: self._places[pod].befall(happened.LinkLost()))
        self._later(fault, lambda: self._mend(pod))

    def _mend(self, pod: str) -> None:
        self._wire.mend(pod)
        self._go_online(pod)

    def _crash_coordinator(self, for_s: float) -> None:
        if self._coordinator is None:
            return
        self._coordinator = None
        self._log.write(coordinator_record("died", self._term, self._agenda.now_s))
        self._wire.leave(f"coordinator-{self._starts}", will=True)
        self._agenda.after(for_s, self._start_coordinator)


def site_settings(scenario: ScenarioSettings, seed: int, night: int) -> SanctuarySettings:
    """Put the settings of a site together from a scenario."""
    seeds = sleeper_seeds(scenario.pods, seed * 100_003 + night)
    pods = tuple(
        PodEntry(
            id=f"pod-{number}",
            sleeper=f"sleeper-{number}",
            headband=SimulatedHeadband(kind="simulated", seed=own),
            threshold_dba=heard_awake_dba(stream(own, Concern.HEARING)),
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
