"""A site in virtual time on one computer: pods and coordinator, and whatever goes wrong.

All that runs is what `sanctuary run` runs: one `Site`, its pods and its gateway. The clock is an event queue,
the network is simulated, and what chains say comes with the guests, who are simulated sleepers
(`simulated_guests`) or recorded nights (`recorded_circle`). One seed gives one night.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario_settings import WireSettings
from sanctuary.gateway.site.clocks import MeasuredTime
from sanctuary.gateway.site.coordinator_shell import SimulatedSiteClock
from sanctuary.gateway.site.disk import MemoryDisk
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.machine_clock import SimulatedHostClock
from sanctuary.gateway.site.site import GatewayLink, NoSamples, PodFittings, Site
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.mqtt.wire_client import MqttMessage, OnLink, OnMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.gateway_records import coordinator_record
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.host import DATA, UTC_AT_ZERO_S
from sanctuary.virtual_site.planned_faults import PlannedFault
from sanctuary.virtual_site.transforms import network_quality
from sanctuary.virtual_site.verdicts import Verdicts
from sanctuary.virtual_site.virtual_network import VirtualClient, VirtualNetwork
from sanctuary.virtual_site.virtual_pod import Ear, PodDriver
from sanctuary.virtual_site.virtual_sleeper import OnCue, VirtualSleeper

COORDINATOR_TICK_S = 1.0
NOTICED_S = (0.5, 10.0)
"""How long a pod takes to notice that its network is gone."""
STAGGER_S = 0.01
"""Between the boots of two pods."""
CLOCK_LIMIT_S = 0.05
"""Pods of a fleet ask for the time once a minute, to save work: over a slow wire they know it less well."""


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """Who sleeps in a pod: what the chain says of them, and what they make of cues."""

    verdicts: Verdicts
    on_cue: OnCue = lambda _cue, _at_s, _sleeper: None


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
        How good the network is.
    designs
        As of `Site`.
    """

    boot: str
    secret: bytes
    wire: WireSettings
    designs: Mapping[str, LoadedDesign] | None = None


class VirtualSite:
    """A site, from lights out to morning.

    Parameters
    ----------
    settings
        As pods and coordinator have them.
    guests
        Who sleeps, by pod.
    spec
        Its keys and its network.
    events
        Virtual time, from 0.
    rng
        Draws what chance decides on the network and in faults.
    faults
        What goes wrong.

    Attributes
    ----------
    log, store, network
        What everything here writes to, keeps its files in, and talks over.
    drivers, sleepers
        By pod; the former once it has started.
    """

    def __init__(
        self,
        settings: SanctuarySettings,
        guests: Mapping[str, Guest],
        spec: SiteSpec,
        events: EventQueue,
        rng: Random,
        faults: Sequence[PlannedFault] = (),
    ) -> None:
        self._settings, self._spec, self._faults = settings, spec, faults
        self._rng, self._events = rng, events
        self.log = EventLog()
        self.store = SiteStore(DATA, MemoryDisk())
        quality = network_quality(spec.wire, rng)
        self.network = VirtualNetwork(events, quality, keep_alive_s=spec.wire.keep_alive_s)
        self._site = Site(
            settings,
            NoSamples(),
            self,
            SimulatedHostClock(self._now, UTC_AT_ZERO_S),
            self.store,
            log=self.log,
            boot=spec.boot,
            secret=spec.secret,
            designs=spec.designs,
            firmware="simulated",
        )
        self._gateway: GatewayLink[VirtualClient] | None = None
        self._gateway_starts = 0
        self.drivers: dict[str, PodDriver] = {}
        self._guests = guests
        self.sleepers = {pod: VirtualSleeper(guest.verdicts, events) for pod, guest in guests.items()}

    @property
    def messages(self) -> dict[str, int]:
        """Messages sent, delivered and lost so far."""
        network = self.network
        return {"sent": network.sent, "delivered": network.delivered, "lost": network.lost}

    def sleep(self, until_s: float) -> list[Mapping[str, Any]]:
        """Let the night pass; gives all log records, each writer's in order."""
        self.start()
        self._events.run(until_s)
        for driver in self.drivers.values():
            driver.shell.end(self._now())
        return self.log.records

    @property
    def coordinator(self) -> Gateway | None:
        """The core of the gateway; None while it is down."""
        return None if self._gateway is None else self._gateway.shell.core

    def start(self) -> None:
        """Plan that everything starts, and everything that goes wrong."""
        self._start_gateway()
        for number, entry in enumerate(self._settings.pods):
            self._events.at(STAGGER_S * number, partial(self._open_pod, entry))
        for fault in self._faults:
            self._events.at(fault.at_s, partial(self._inject, fault))
        self._events.every(COORDINATOR_TICK_S, self._tick_gateway)

    def client(
        self,
        name: str,
        *,
        will: MqttMessage,
        on_link: OnLink,
        on_message: OnMessage,
        lasting: bool = False,  # noqa: ARG002  nothing outlives a virtual site
    ) -> VirtualClient:
        """Make a client of the network, as a `Wire`."""

        def message(message: MqttMessage) -> None:
            driver = self.drivers.get(name)
            if driver is None:
                on_message(message)
            else:
                driver.do(lambda: on_message(message))

        return self.network.client(name, will=will, on_link=on_link, on_message=message)

    def _now(self) -> float:
        return self._events.now_s

    # --- pods and the coordinator ---

    def _open_pod(self, entry: PodEntry) -> None:
        sleeper, on_cue = self.sleepers[entry.id], self._guests[entry.id].on_cue
        link = self._site.link_pod(entry)
        ear = Ear(lambda cue, at_s: on_cue(cue, at_s, sleeper))
        time = MeasuredTime(link.identity.boot)
        shell = self._site.open_pod(entry, link, UTC_AT_ZERO_S, PodFittings(time, ear))
        heartbeat_s = self._settings.pod.heartbeat_s
        driver = PodDriver(shell, sleeper, self._events, heartbeat_s, self._now)
        self.drivers[entry.id] = sleeper.driver = driver
        link.attach(shell, self._now)
        link.client.connect()
        driver.look()

    def _start_gateway(self) -> None:
        """Start one: it knows nothing but what the network has kept, and the highest term used."""
        self._gateway_starts += 1
        clock = SimulatedSiteClock(self._now, UTC_AT_ZERO_S)
        boot = f"{self._spec.boot}-t{self._gateway_starts}"
        link = self._gateway = self._site.open_gateway(clock, boot=boot)
        self.log.write(coordinator_record("started", self.store.term(), self._now()))
        link.client.subscribe(*link.shell.subscriptions)
        link.begin()
        link.client.connect()

    def _tick_gateway(self) -> None:
        if self._gateway is not None:
            self._gateway.shell.tick()

    def crash_gateway(self, for_s: float) -> None:
        """Let the gateway die, and begin anew after so many seconds."""
        if self._gateway is None:
            return
        link, self._gateway = self._gateway, None
        self.log.write(coordinator_record("died", self.store.term(), self._now()))
        link.client.abort(self._spec.wire.keep_alive_s)
        self._events.after(for_s, self._start_gateway)

    # --- what goes wrong ---

    def _inject(self, fault: PlannedFault) -> None:
        if fault.pod is None:
            self.crash_gateway(fault.for_s)
            return
        driver, sleeper = self.drivers[fault.pod], self.sleepers[fault.pod]
        match fault.kind:
            case "stop":
                driver.handle(happened.StopPressed())
                self._later(fault, lambda: driver.handle(happened.PersonReset()))
            case "withdraw":
                driver.handle(happened.WithdrawalMade())
            case "headband_lost":
                driver.handle(sleeper.take_off())
                self._later(fault, lambda: driver.handle(sleeper.put_on()))
            case "electrode_off":
                sleeper.loosen(fault.for_s)
            case "arousal":
                sleeper.arouse(fault.for_s)
            case "network_cut":
                self.network.cut(fault.pod, fault.for_s, self._rng.uniform(*NOTICED_S))

    def _later(self, fault: PlannedFault, action: Callable[[], None]) -> None:
        self._events.after(fault.for_s, action)
