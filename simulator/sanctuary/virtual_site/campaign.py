"""One tortured night: everybody in it, and the faults that strike them. One seed gives one night."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from sanctuary.pods.audit import Violation
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.gateway_records import FaultRecord
from sanctuary.virtual_site.adversary import Forger
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.failure_trace import Fault, FaultKind, Outline, step_of
from sanctuary.virtual_site.host import World
from sanctuary.virtual_site.torture_gateway import TortureGateway
from sanctuary.virtual_site.torture_pod import TorturePod
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
from sanctuary.virtual_site.virtual_network import VirtualNetwork
from sanctuary.virtual_site.watch import Record, Watch

BOOTED_WITHIN_S = 3.0
WORST_SHARE = 0.5
"""Share of hangs that wait for the worst moment."""
NOTICED_S = (0.1, 6.0)
"""How long a machine takes to notice that its network is gone."""
RECONNECTED_S = 0.5
LATER_S = (0.0, 30.0)
"""How much later a signed withdrawal may arrive once more."""


@dataclass(frozen=True, slots=True, eq=False)
class TorturedNight:
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

    outline: Outline
    violations: list[Violation]
    counts: dict[str, int]
    events: int
    struck: list[int]
    recent: list[Record]


class Torture:
    """A site from lights out to morning.

    Parameters
    ----------
    outline
        The night.
    keep
        Numbers of the faults that are to happen; all where not given.
    """

    def __init__(self, outline: Outline, keep: Collection[int] | None = None) -> None:
        seed = outline.seed
        self._outline = outline
        self._keep = keep
        self._watch = Watch(outline)
        self._agenda = EventQueue(self._looked)
        self._wire_rng = _chance(seed, "wire")
        quality = network_quality(outline.wire, self._wire_rng)
        self._network = VirtualNetwork(self._agenda, quality, keep_alive_s=outline.wire.keep_alive_s)
        self._network.taps.append(self._tapped)
        world = World(outline, self._agenda, self._network, self._watch, _chance(seed, "machines"))
        self._rng = _chance(seed, "faults")
        self._pods = {name: TorturePod(name, world) for name in outline.pods}
        self._gateways = {name: TortureGateway(name, world) for name in outline.gateways}
        self._forger = Forger(world, _chance(seed, "forger"))
        self._struck: list[int] = []
        self._deeds: dict[FaultKind, Callable[[Fault], None]] = {
            FaultKind.DELAY: self._impair,
            FaultKind.LOSS: self._impair,
            FaultKind.REPEAT: self._impair,
            FaultKind.REORDER: self._impair,
            FaultKind.PARTITION: self._partition,
            FaultKind.STALL: self._stall,
            FaultKind.DEAF: lambda fault: self._one_way(fault, Leg.ARRIVAL),
            FaultKind.MUTE: lambda fault: self._one_way(fault, Leg.OUT),
            FaultKind.BROKER_RESTART: self._restart_broker,
            FaultKind.FORGE: lambda fault: self._forger.send(fault.value),
            FaultKind.GHOST: lambda fault: self._forger.haunt(fault.value),
            FaultKind.GATEWAY_CRASH: self._crash,
            FaultKind.GATEWAY_HANG: self._hang,
            FaultKind.GATEWAY_STEP: self._step,
            FaultKind.POD_CRASH: self._crash,
            FaultKind.POD_HANG: self._hang,
            FaultKind.DISK_FULL: self._fill_disk,
            FaultKind.STOP: self._stop,
            FaultKind.WITHDRAW: self._withdraw,
            FaultKind.GRANT: lambda fault: self._pod(fault).grant_anew(),
            FaultKind.WAKE: lambda fault: self._pod(fault).lie_awake(fault.for_s),
            FaultKind.AROUSAL: lambda fault: self._pod(fault).arouse(fault.for_s),
            FaultKind.ELECTRODE_OFF: lambda fault: self._pod(fault).loosen(fault.for_s),
            FaultKind.HEADBAND_LOST: self._take_off,
            FaultKind.SAMPLES_STOP: lambda fault: self._pod(fault).starve(fault.for_s),
        }

    def run(self) -> TorturedNight:
        """Let the night pass, or break it off at the first violation."""
        for machine in (*self._gateways.values(), *self._pods.values()):
            self._agenda.at(self._rng.uniform(0.0, BOOTED_WITHIN_S), machine.boot)
        for number, fault in enumerate(self._outline.faults):
            if self._keep is None or number in self._keep:
                self._agenda.at(fault.at_s, self._striking(number, fault))
        self._agenda.run(self._outline.length_s)
        if not self._watch.violations:
            self._watch.finish()
        return TorturedNight(
            self._outline,
            self._watch.violations,
            dict(self._watch.counts),
            self._agenda.events,
            self._struck,
            [*self._watch.recent],
        )

    def _looked(self, now_s: float) -> bool:
        self._watch.passed(now_s)
        return bool(self._watch.violations)

    def _tapped(self, sender: str, message: Any) -> None:
        self._watch.message(sender, message, self._agenda.now_s)
        self._forger.heard(message)

    # --- what goes wrong ---

    def _striking(self, number: int, fault: Fault) -> Callable[[], None]:
        def strike() -> None:
            self._struck.append(number)
            self._watch.counts[f"fault {fault.kind}"] += 1
            self._watch.recent.append(_told(fault, self._agenda.now_s))
            self._deeds[fault.kind](fault)

        return strike

    def _pod(self, fault: Fault) -> TorturePod:
        return self._pods[fault.who[0]]

    def _machine(self, fault: Fault) -> TorturePod | TortureGateway:
        name = fault.who[0]
        return self._pods[name] if name in self._pods else self._gateways[name]

    def _later(self, fault: Fault, deed: Callable[[], None]) -> None:
        self._agenda.after(fault.for_s, deed)

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
        self._network.impose(fault.for_s, Stall(fault.who[0], self._agenda.now_s + fault.for_s))

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
        machine = self._machine(fault)
        if machine.disk.full:
            return  # what a pod was told meanwhile would be forgotten: a known limit, see docs/torture.md
        machine.crash(will=fault.value < 0.5)
        self._later(fault, machine.boot)

    def _hang(self, fault: Fault) -> None:
        machine, for_s = self._machine(fault), max(3.0, fault.for_s)
        (machine.hang_at_worst if fault.value < WORST_SHARE else machine.hang)(for_s)

    def _step(self, fault: Fault) -> None:
        gateway = self._gateways[fault.who[0]]
        gateway.set_clock(step_of(fault))

    def _fill_disk(self, fault: Fault) -> None:
        disk = self._pod(fault).disk
        disk.full = True

        def free() -> None:
            disk.full = False

        self._later(fault, free)

    def _stop(self, fault: Fault) -> None:
        pod = self._pod(fault)
        pod.befall(happened.StopPressed())
        self._later(fault, lambda: pod.befall(happened.PersonReset()))

    def _withdraw(self, fault: Fault) -> None:
        """Withdraw by hand, by a signed entry, or both; the entry may come twice, and late."""
        pod = self._pod(fault)
        signed = fault.value < 0.6
        raw = b""
        if signed and pod.circles:
            raw = pod.pen.withdraw("*" if fault.value < 0.3 else pod.circles[0].id)
        pod.consent(raw, by_hand=not signed or fault.value < 0.15)
        if signed:
            self._agenda.after(self._rng.uniform(*LATER_S), lambda: pod.consent(raw))
        self._later(fault, lambda: self._make_up(pod))

    def _make_up(self, pod: TorturePod) -> None:
        """Reset and, mostly, grant anew."""
        pod.befall(happened.PersonReset())
        if self._rng.random() < 0.8:
            self._agenda.after(self._rng.uniform(0.5, 10.0), pod.grant_anew)

    def _take_off(self, fault: Fault) -> None:
        pod = self._pod(fault)
        pod.take_off()
        self._later(fault, pod.put_on)


def _told(fault: Fault, t_s: float) -> Record:
    return FaultRecord(t_s=t_s, fault=fault.kind, who=fault.who, for_s=fault.for_s).to_dict()


def _chance(seed: int, concern: str) -> Random:
    return Random(f"torture {seed} {concern}")  # noqa: S311  chance, not secrets


def _not_between_gateways(topic: str) -> bool:
    return "/circles/" not in topic and "/gateways/" not in topic
