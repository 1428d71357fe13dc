"""A site in virtual time: pods and coordinator, the shells around them, and whatever goes wrong.

Everything but signals, wire and clock is what runs in a real night: `Pod`, `Gateway`, their runners, their
messages and signatures. The clock is an agenda, the wire is simulated, and what chains say comes with the
guests, who are simulated sleepers (`simulated`) or recorded nights (`gateway.replay.circle`). One seed gives
one night.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario_settings import WireSettings
from sanctuary.firmware_bridge.outputs.output import Cue
from sanctuary.gateway.site.assembly import NightPlan, designs_of, make_gateway, make_pod
from sanctuary.gateway.site.coordinator_shell import CoordinatorRunner
from sanctuary.gateway.site.pod_shell import PodRunner, to_message
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.protocol.gateway_records import coordinator_record
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.planned_faults import PlannedFault
from sanctuary.virtual_site.sleeper import Ear, MemoryLog, Place
from sanctuary.virtual_site.transforms import network_quality
from sanctuary.virtual_site.verdicts import Verdicts
from sanctuary.virtual_site.virtual_network import VirtualClient, VirtualNetwork

UTC_AT_ZERO_S = 1_767_304_800.0
"""2026-01-01 22:00 UTC; a simulated night needs some date, always the same."""
COORDINATOR_TICK_S = 1.0
NOTICED_S = (0.5, 10.0)
"""How long a pod takes to notice that its network is gone."""
STAGGER_S = 0.01
"""Between the boots of two pods."""
CLOCK_LIMIT_S = 0.05
"""Pods of a fleet ask for the time once a minute, to save work: over a slow wire they know it less well."""

Hear = Callable[[Cue, float, Place], None]
"""Hears a cue, at a moment, in a place."""


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """Who sleeps in a pod: what the chain says of them, and what they make of cues."""

    verdicts: Verdicts
    hear: Hear = lambda _cue, _at_s, _place: None


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """What tells one site from another.

    Attributes
    ----------
    boot
        Id of this start.
    secret
        Bytes from which all keys are derived.
    wire
        How good the wire is.
    """

    boot: str
    secret: bytes
    wire: WireSettings


class Site:
    """A site, from lights out to morning.

    Parameters
    ----------
    settings
        As pods and coordinator have them.
    guests
        Who sleeps, by pod.
    spec
        Its keys and its wire.
    agenda
        Virtual time, from 0.
    rng
        Draws what chance decides on the wire and in faults.
    faults
        What goes wrong.
    """

    def __init__(
        self,
        settings: SanctuarySettings,
        guests: Mapping[str, Guest],
        spec: SiteSpec,
        agenda: EventQueue,
        rng: Random,
        faults: Sequence[PlannedFault] = (),
    ) -> None:
        self._settings, self._guests, self._faults = settings, guests, faults
        self._rng, self._agenda = rng, agenda
        self._log = MemoryLog()
        self._keep_alive_s = spec.wire.keep_alive_s
        self._network = VirtualNetwork(
            agenda, network_quality(spec.wire, rng), keep_alive_s=spec.wire.keep_alive_s
        )
        self._clients: dict[str, VirtualClient] = {}
        self._designs = designs_of(settings.circles)
        self._boot, self._secret = spec.boot, spec.secret
        self._starts = self._term = 0
        self._coordinator: CoordinatorRunner | None = None
        self._places = {pod.id: self._place(pod) for pod in settings.pods}

    @property
    def messages(self) -> dict[str, int]:
        """Messages sent, delivered and lost so far."""
        network = self._network
        return {"sent": network.sent, "delivered": network.delivered, "lost": network.lost}

    def sleep(self, until_s: float) -> list[Mapping[str, Any]]:
        """Let the night pass; gives all log records, each writer's in order."""
        self._start_coordinator()
        for number, pod in enumerate(self._places):
            self._agenda.at(STAGGER_S * number, lambda pod=pod: self._boot_pod(pod))  # type: ignore[misc]
        for fault in self._faults:
            self._agenda.at(fault.at_s, lambda fault=fault: self._strike(fault))  # type: ignore[misc]
        self._agenda.every(COORDINATOR_TICK_S, self._tick_coordinator)
        self._agenda.run(until_s)
        for place in self._places.values():
            place.runner.end(self._agenda.now_s)
        return self._log.records

    # --- people and pods ---

    def _place(self, pod: PodEntry) -> Place:
        core, guest = make_pod(self._plan(), pod, self._designs), self._guests[pod.id]
        ear = Ear(lambda cue, at_s: guest.hear(cue, at_s, self._places[pod.id]))
        client = self._clients[pod.id] = self._network.client(
            pod.id,
            will=to_message(status(core.identity, "simulated", online=False)),
            on_link=lambda event: self._on_link(pod.id, event),
            on_message=lambda message: self._places[pod.id].message(message),
        )
        runner = PodRunner(core, self._log, ear, client.publish)
        client.subscribe(*runner.subscriptions)
        return Place(runner, guest.verdicts, self._agenda, self._settings.pod.heartbeat_s)

    def _boot_pod(self, pod: str) -> None:
        self._clients[pod].connect()
        self._places[pod].wake()

    def _on_link(self, pod: str, event: LinkEvent) -> None:
        place = self._places[pod]
        if not isinstance(event, LinkUp):
            place.befall(happened.LinkLost())
            return
        online = status(place.runner.pod.identity, "simulated", online=True)
        self._clients[pod].publish(to_message(online))
        place.befall(happened.LinkRestored())

    # --- the coordinator ---

    def _plan(self) -> NightPlan:
        return NightPlan(self._settings, self._secret, self._boot, self._term, UTC_AT_ZERO_S, {})

    def _start_coordinator(self) -> None:
        """Start one: it knows nothing but what the wire has kept, and the highest term used."""
        self._starts += 1
        name = f"coordinator-{self._starts}"
        self._boot = f"{self._boot.partition('-t')[0]}-t{self._starts}"
        core = make_gateway(self._plan(), self._designs)
        client = self._clients["coordinator"] = self._network.client(
            name,
            will=to_message(core.will),
            on_link=lambda event: runner.on_link(event),
            on_message=lambda message: runner.message(message, self._agenda.now_s),
        )
        runner = CoordinatorRunner(
            self._settings.site.id,
            core,
            self._log,
            client.publish,
            lambda: self._agenda.now_s,
            keep_term=self._keep_term,
        )
        self._coordinator = runner
        self._log.write(coordinator_record("started", self._term, self._agenda.now_s))
        client.subscribe(*runner.subscriptions)
        client.connect()

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
                self._network.cut(fault.pod, fault.for_s, self._rng.uniform(*NOTICED_S))

    def _later(self, fault: PlannedFault, deed: Callable[[], None]) -> None:
        self._agenda.after(fault.for_s, deed)

    def _crash_coordinator(self, for_s: float) -> None:
        if self._coordinator is None:
            return
        self._coordinator = None
        self._log.write(coordinator_record("died", self._term, self._agenda.now_s))
        self._clients["coordinator"].abort(self._keep_alive_s)
        self._agenda.after(for_s, self._start_coordinator)
