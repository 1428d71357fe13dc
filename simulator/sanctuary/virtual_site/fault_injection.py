"""One tortured night: everybody in it, and the faults that strike them. One seed gives one night."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from sanctuary.config.pod_settings import CircleEntry, PodEntry
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.assembly import derive_key
from sanctuary.pods.audit import Violation
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.gateway_records import FaultRecord
from sanctuary.virtual_site.adversary import Adversary
from sanctuary.virtual_site.consent_signer import DAY_S, ConsentSigner, evening_grants
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.faults import Fault, FaultKind, fails_power, step_of, utc_step_of
from sanctuary.virtual_site.host import UTC_AT_ZERO_S, HostWorld, VirtualClock
from sanctuary.virtual_site.online_audit import OnlineAudit, Record
from sanctuary.virtual_site.scenario import SECRET, Scenario
from sanctuary.virtual_site.transforms import (
    Delay,
    Duplicate,
    Leg,
    Loss,
    OneWayLoss,
    Reorder,
    Stall,
    Transform,
    network_quality,
)
from sanctuary.virtual_site.virtual_gateway import VirtualGateway
from sanctuary.virtual_site.virtual_network import VirtualNetwork
from sanctuary.virtual_site.virtual_pod import VirtualPod
from sanctuary.virtual_site.virtual_sleeper import VirtualSleeper

BOOTED_WITHIN_S = 3.0
WORST_SHARE = 0.5
"""Share of hangs that wait for the worst moment."""
NOTICED_S = (0.1, 6.0)
"""How long a machine takes to notice that its network is gone."""
RECONNECTED_S = 0.5
LATER_S = (0.0, 30.0)
"""How much later a signed withdrawal may arrive once more."""


@dataclass(frozen=True, slots=True, eq=False)
class InjectedNight:
    """What came of a night.

    Attributes
    ----------
    violations
        Found until the night was broken off; empty for a good one.
    counts
        Windows, cues, messages and the like.
    events
        Simulated events.
    struck
        Numbers of the faults that happened.
    recent
        The last records.
    """

    scenario: Scenario
    violations: list[Violation]
    counts: dict[str, int]
    events: int
    struck: list[int]
    recent: list[Record]


class FaultInjection:
    """A site from lights out to morning, each pod and each gateway on a computer of its own.

    Parameters
    ----------
    scenario
        The night.
    keep
        Numbers of the faults that are to happen; all where not given.
    """

    def __init__(self, scenario: Scenario, keep: Collection[int] | None = None) -> None:
        seed = scenario.seed
        self._scenario = scenario
        self._keep = keep
        self._audit = OnlineAudit(scenario)
        self._events = EventQueue(self._looked)
        self._wire_rng = _chance(seed, "wire")
        quality = network_quality(scenario.wire, self._wire_rng)
        self._network = VirtualNetwork(self._events, quality, keep_alive_s=scenario.wire.keep_alive_s)
        self._network.taps.append(self._tapped)
        hosts_rng = _chance(seed, "machines")
        world = HostWorld(
            scenario.settings,
            scenario.designs,
            SECRET,
            self._events,
            self._network,
            scenario.wire.delay_s,
            self._recorded,
            self._audit.true_record,
            hosts_rng,
        )
        self._rng = _chance(seed, "faults")
        self._sleepers: dict[str, ConsentSigner] = {}
        self._pods = {entry.id: self._pod_of(entry, world) for entry in scenario.settings.pods}
        self._gateways = {name: VirtualGateway(name, world, self._clock(name)) for name in scenario.gateways}
        self._adversary = Adversary(world, _chance(seed, "forger"), self._forged)
        self._struck: list[int] = []
        self._actions: dict[FaultKind, Callable[[Fault], None]] = {
            FaultKind.DELAY: self._impair,
            FaultKind.LOSS: self._impair,
            FaultKind.REPEAT: self._impair,
            FaultKind.REORDER: self._impair,
            FaultKind.PARTITION: self._partition,
            FaultKind.STALL: self._stall,
            FaultKind.DEAF: lambda fault: self._one_way(fault, Leg.ARRIVAL),
            FaultKind.MUTE: lambda fault: self._one_way(fault, Leg.OUT),
            FaultKind.BROKER_RESTART: self._restart_broker,
            FaultKind.FORGE: lambda fault: self._adversary.send(fault.value),
            FaultKind.GHOST: lambda fault: self._adversary.haunt(fault.value),
            FaultKind.GATEWAY_CRASH: self._crash,
            FaultKind.GATEWAY_HANG: self._hang,
            FaultKind.GATEWAY_STEP: self._step,
            FaultKind.POD_CRASH: self._crash,
            FaultKind.POD_HANG: self._hang,
            FaultKind.DISK_FULL: self._fill_disk,
            FaultKind.STOP: self._stop,
            FaultKind.WITHDRAW: self._withdraw,
            FaultKind.GRANT: lambda fault: self._grant_anew(fault.who[0]),
            FaultKind.WAKE: lambda fault: self._pod(fault).sleeper.lie_awake(fault.for_s),
            FaultKind.AROUSAL: lambda fault: self._pod(fault).sleeper.arouse(fault.for_s),
            FaultKind.ELECTRODE_OFF: lambda fault: self._pod(fault).sleeper.loosen(fault.for_s),
            FaultKind.HEADBAND_LOST: self._take_off,
            FaultKind.SAMPLES_STOP: lambda fault: self._pod(fault).sleeper.starve(fault.for_s),
            FaultKind.POD_CLOCK_STEP: lambda fault: self._pod(fault).clock.step(step_of(fault)),
            FaultKind.POD_UTC_STEP: lambda fault: self._pod(fault).clock.set_utc(utc_step_of(fault)),
        }

    def run(self) -> InjectedNight:
        """Let the night pass, or break it off at the first violation."""
        with quiet_shells():
            return self._run()

    def _run(self) -> InjectedNight:
        for host in (*self._gateways.values(), *self._pods.values()):
            self._events.at(self._rng.uniform(0.0, BOOTED_WITHIN_S), host.boot)
        for number, fault in enumerate(self._scenario.faults):
            if self._keep is None or number in self._keep:
                self._events.at(fault.at_s, self._injecting(number, fault))
        self._events.run(self._scenario.length_s)
        if not self._audit.violations:
            self._audit.finish()
        return InjectedNight(
            self._scenario,
            self._audit.violations,
            dict(self._audit.counts),
            self._events.events,
            self._struck,
            [*self._audit.recent],
        )

    def _pod_of(self, entry: PodEntry, world: HostWorld) -> VirtualPod:
        """Put a pod on a computer, and what its sleeper agrees to in the evening on its disk."""
        scenario, name = self._scenario, entry.id
        signer = self._sleepers[name] = ConsentSigner(
            derive_key(SECRET, "sleeper", name), scenario.settings.site.id
        )
        sleeper = VirtualSleeper(scenario.verdicts(name), self._events)
        pod = VirtualPod(
            entry,
            world,
            self._clock(name),
            sleeper,
            scenario.ahead_s,
            ends_with_clock=scenario.ends_with_clock,
        )
        for raw in evening_grants(signer, self._circles_of(name), scenario.designs, world.rng):
            pod.store.keep_consent(name, raw)
        return pod

    def _clock(self, name: str) -> VirtualClock:
        wrong = self._scenario.clocks[name]
        return VirtualClock(self._events, wrong.offset_s, wrong.drift)

    def _circles_of(self, pod: str) -> tuple[CircleEntry, ...]:
        return tuple(circle for circle in self._scenario.settings.circles if pod in circle.members)

    def _recorded(self, host: str, record: Record) -> None:
        true_s = self._events.now_s
        if record["kind"] == "estimate":
            self._audit.record(record, true_s, sampled_s=self._pods[host].sampled_s)
        else:
            self._audit.record(record, true_s)

    def _forged(self) -> None:
        self._audit.counts["forged messages"] += 1

    def _looked(self, now_s: float) -> bool:
        self._audit.passed(now_s)
        return bool(self._audit.violations)

    def _tapped(self, sender: str, message: MqttMessage) -> None:
        self._audit.message(sender, message, self._events.now_s)
        self._adversary.on_message(message)

    # --- what goes wrong ---

    def _injecting(self, number: int, fault: Fault) -> Callable[[], None]:
        def inject() -> None:
            self._struck.append(number)
            self._audit.counts[f"fault {fault.kind}"] += 1
            self._audit.recent.append(_fault_record(fault, self._events.now_s))
            self._actions[fault.kind](fault)

        return inject

    def _pod(self, fault: Fault) -> VirtualPod:
        return self._pods[fault.who[0]]

    def _host(self, fault: Fault) -> VirtualPod | VirtualGateway:
        name = fault.who[0]
        return self._pods[name] if name in self._pods else self._gateways[name]

    def _later(self, fault: Fault, action: Callable[[], None]) -> None:
        self._events.after(fault.for_s, action)

    def _impair(self, fault: Fault) -> None:
        """Make every message fare worse for a while; but not lose what gateways tell each other."""
        share, rng = fault.value, self._wire_rng
        transforms: dict[FaultKind, tuple[Transform, ...]] = {
            FaultKind.DELAY: (Delay(0.0, 3.0 * share, rng),),
            FaultKind.LOSS: (Loss(0.6 * share, rng, _not_between_gateways),),
            FaultKind.REPEAT: (Duplicate(0.8 * share, rng),),
            FaultKind.REORDER: (Reorder(share, rng, _not_between_gateways), Delay(0.0, 0.3, rng)),
        }
        self._network.impose(fault.for_s, *transforms[fault.kind])

    def _stall(self, fault: Fault) -> None:
        self._network.impose(fault.for_s, Stall(fault.who[0], self._events.now_s + fault.for_s))

    def _partition(self, fault: Fault) -> None:
        """Cut machines off from the broker; each notices after a while, or never if it is over before."""
        for name in fault.who:
            if self._network.is_connected(name):
                self._network.cut(name, fault.for_s, self._rng.uniform(*NOTICED_S))

    def _one_way(self, fault: Fault, leg: Leg) -> None:
        """Lose one way of a link; afterwards it is broken, as TCP has it where bytes were lost."""
        name = fault.who[0]
        self._network.impose(fault.for_s, OneWayLoss(name, leg))
        self._later(fault, lambda: self._network.cut(name, RECONNECTED_S, 0.0))

    def _restart_broker(self, fault: Fault) -> None:
        self._network.restart_broker(fault.for_s, self._rng, forget=fault.value < 0.5)

    def _crash(self, fault: Fault) -> None:
        host = self._host(fault)
        host.crash(will=fault.value < 0.5, power=fails_power(fault))
        self._later(fault, host.boot)

    def _hang(self, fault: Fault) -> None:
        host, for_s = self._host(fault), max(3.0, fault.for_s)
        (host.hang_at_worst if fault.value < WORST_SHARE else host.hang)(for_s)

    def _step(self, fault: Fault) -> None:
        self._gateways[fault.who[0]].set_clock(step_of(fault))

    def _fill_disk(self, fault: Fault) -> None:
        disk = self._pod(fault).disk
        disk.fill()
        self._later(fault, disk.empty)

    def _stop(self, fault: Fault) -> None:
        pod = self._pod(fault)
        pod.handle(happened.StopPressed())
        self._later(fault, lambda: pod.handle(happened.PersonReset()))

    def _withdraw(self, fault: Fault) -> None:
        """Withdraw by hand, by a signed entry, or both; the entry may come twice, and late."""
        pod, circles = self._pod(fault), self._circles_of(fault.who[0])
        signed = fault.value < 0.6
        raw = b""
        if signed and circles:
            raw = self._sleepers[pod.name].withdraw("*" if fault.value < 0.3 else circles[0].id)
        if not signed or fault.value < 0.15:
            pod.handle(happened.WithdrawalMade(raw))
        else:
            pod.present_consent(raw)
        if signed:
            self._events.after(self._rng.uniform(*LATER_S), lambda: pod.present_consent(raw))
        self._later(fault, lambda: self._make_up(pod))

    def _make_up(self, pod: VirtualPod) -> None:
        """Reset and, mostly, grant anew."""
        pod.handle(happened.PersonReset())
        if self._rng.random() < 0.8:
            self._events.after(self._rng.uniform(0.5, 10.0), lambda: self._grant_anew(pod.name))

    def _grant_anew(self, pod: str) -> None:
        """Grant everything anew, as after a withdrawal."""
        utc_s = UTC_AT_ZERO_S + self._events.now_s
        for circle in self._circles_of(pod):
            design = self._scenario.designs[circle.design].hash
            raw = self._sleepers[pod].grant(circle.id, design, tuple(Modality), utc_s + 0.5, utc_s + DAY_S)
            self._pods[pod].present_consent(raw)

    def _take_off(self, fault: Fault) -> None:
        pod = self._pod(fault)
        pod.handle(pod.sleeper.take_off())
        self._later(fault, lambda: pod.handle(pod.sleeper.put_on()))


def _fault_record(fault: Fault, t_s: float) -> Record:
    return FaultRecord(t_s=t_s, fault=fault.kind, who=fault.who, for_s=fault.for_s).to_dict()


def _chance(seed: int, concern: str) -> Random:
    return Random(f"torture {seed} {concern}")  # noqa: S311  chance, not secrets


def _not_between_gateways(topic: str) -> bool:
    return "/circles/" not in topic and "/gateways/" not in topic


@contextmanager
def quiet_shells() -> Iterator[None]:
    """Let the shells log nothing: what they would tell people is caused on purpose, thousands of times."""
    log = logging.getLogger("sanctuary.gateway.site")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
