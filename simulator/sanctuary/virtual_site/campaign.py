"""One tortured night: everybody in it, and the faults that strike them. One seed gives one night."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from sanctuary.pods.audit import Violation
from sanctuary.pods.pod import events as happened
from sanctuary.virtual_site.adversary import Forger
from sanctuary.virtual_site.failure_trace import SITE, Fault, FaultKind, Outline, step_of
from sanctuary.virtual_site.host import WatchedAgenda, World
from sanctuary.virtual_site.torture_gateway import TortureGateway
from sanctuary.virtual_site.torture_pod import TorturePod
from sanctuary.virtual_site.torture_wire import TortureWire
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
        self._agenda = WatchedAgenda(self._looked)
        self._wire = TortureWire(self._agenda, outline.wire, _chance(seed, "wire"), self._tapped)
        world = World(outline, self._agenda, self._wire, self._watch, _chance(seed, "machines"))
        self._rng = _chance(seed, "faults")
        self._pods = {name: TorturePod(name, world) for name in outline.pods}
        self._gateways = {name: TortureGateway(name, world) for name in outline.gateways}
        self._forger = Forger(world, _chance(seed, "forger"))
        self._worse: list[Fault] = []
        self._struck: list[int] = []
        self._deeds: dict[FaultKind, Callable[[Fault], None]] = {
            FaultKind.PARTITION: self._partition,
            FaultKind.STALL: lambda fault: self._wire.stall(fault.who[0], fault.for_s),
            FaultKind.DEAF: lambda fault: self._one_way(fault, out=False),
            FaultKind.MUTE: lambda fault: self._one_way(fault, out=True),
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
            if fault.kind in self._deeds:
                self._deeds[fault.kind](fault)
            else:
                self._worsen(fault)

        return strike

    def _pod(self, fault: Fault) -> TorturePod:
        return self._pods[fault.who[0]]

    def _machine(self, fault: Fault) -> TorturePod | TortureGateway:
        name = fault.who[0]
        return self._pods[name] if name in self._pods else self._gateways[name]

    def _later(self, fault: Fault, deed: Callable[[], None]) -> None:
        self._agenda.after(fault.for_s, deed)

    def _worsen(self, fault: Fault) -> None:
        """Make every message fare worse for a while."""
        assert fault.kind in SITE  # noqa: S101  all others have a deed
        self._worse.append(fault)
        self._set_wire()

        def better() -> None:
            self._worse.remove(fault)
            self._set_wire()

        self._later(fault, better)

    def _set_wire(self) -> None:
        changes: dict[str, float] = {}
        for fault in self._worse:
            name, most = {
                FaultKind.DELAY: ("jitter_s", 3.0),
                FaultKind.LOSS: ("loss", 0.6),
                FaultKind.REPEAT: ("repeat", 0.8),
                FaultKind.REORDER: ("reorder", 1.0),
            }[fault.kind]
            changes[name] = max(changes.get(name, 0.0), most * fault.value)
        if "reorder" in changes:
            changes["jitter_s"] = max(changes.get("jitter_s", 0.0), 0.3)
        self._wire.settings = self._outline.wire.model_copy(update=changes)

    def _partition(self, fault: Fault) -> None:
        """Cut machines off from the broker; each notices after a while, or never if it is over before."""
        for name in fault.who:
            if not self._wire.is_up(name):
                continue
            machine = self._pods.get(name) or self._gateways[name]
            boots = machine.boots
            self._wire.cut(name)
            noticed_s = self._rng.uniform(*NOTICED_S)
            if noticed_s < fault.for_s:
                self._agenda.after(noticed_s, self._lost(name, boots))
            self._later(fault, self._mended(name, boots))

    def _lost(self, name: str, boots: int) -> Callable[[], None]:
        def lost() -> None:
            machine = self._pods.get(name) or self._gateways[name]
            if machine.boots != boots or not machine.up or self._wire.is_up(name):
                return
            if isinstance(machine, TorturePod):
                machine.befall(happened.LinkLost())
            else:
                machine.link_lost()

        return lost

    def _mended(self, name: str, boots: int) -> Callable[[], None]:
        def mended() -> None:
            machine = self._pods.get(name) or self._gateways[name]
            if machine.boots == boots and machine.up and not self._wire.is_up(name):
                self._wire.mend(name)
                machine.soon(machine.link_up)

        return mended

    def _one_way(self, fault: Fault, *, out: bool) -> None:
        name = fault.who[0]
        end = self._wire.close_way(name, out=out)
        machine = self._machine(fault)

        def over() -> None:
            """End it; a connection on which bytes were lost is broken, as TCP would have it."""
            end()
            if machine.up and self._wire.is_up(name):
                self._wire.cut(name)
                self._lost(name, machine.boots)()
                self._agenda.after(RECONNECTED_S, self._mended(name, machine.boots))

        self._later(fault, over)

    def _restart_broker(self, fault: Fault) -> None:
        self._wire.fall(forget=fault.value < 0.5)
        for name in self._wire.clients:
            machine = self._pods.get(name) or self._gateways[name]
            self._agenda.after(self._rng.uniform(0.0, 0.5), self._lost(name, machine.boots))
            self._agenda.after(fault.for_s + self._rng.uniform(0.0, 2.0), self._mended(name, machine.boots))

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
    return {"kind": "fault", "t_s": t_s, "fault": fault.kind, "who": fault.who, "for_s": fault.for_s}


def _chance(seed: int, concern: str) -> Random:
    return Random(f"torture {seed} {concern}")  # noqa: S311  chance, not secrets
