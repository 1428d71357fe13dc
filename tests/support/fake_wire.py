"""Pods and a coordinator joined by a wire that loses, repeats, delays and reorders, in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from random import Random
from typing import Any

from pod_bench import (
    CIRCLE,
    COORDINATOR_KEY,
    DESIGN,
    ORIGIN,
    SITE,
    UTC_AT_ZERO_S,
    estimate,
    grant,
    pod_key,
    sealed,
)
from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import key_id, signing_key
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator import gateway_events as reached
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.coordinator import Coordinator
from sanctuary.pods.effects import Effect, IdSource, Log, Publish, Record, Render
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.gateway_records import output_record
from sanctuary.signal.samples import EyeSignal, StageEstimate

LRLR = EyeSignal(1.0, 4.0, 5.0, 200.0, 0.8, True)


@dataclass(frozen=True)
class Faults:
    """How bad the wire is; chances are per delivery."""

    loss: float = 0.0
    repeat: float = 0.0
    delay_s: float = 0.05
    """Longest delay; each delivery draws its own, so messages overtake each other."""


@dataclass
class House:
    """A site in virtual time."""

    seed: int
    faults: Faults = field(default_factory=Faults)
    names: tuple[str, ...] = ("pod-1", "pod-2", "pod-3")
    quorum: int = 2
    settings: CoordinatorSettings = field(default_factory=CoordinatorSettings)
    design: LoadedDesign = DESIGN
    echo: tuple[str, ...] = ()
    """Pods whose sleepers agreed that eye signals are answered."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.now_s = 0.0
        self.lines: list[Mapping[str, Any]] = []
        self.renders: list[tuple[str, Render, float]] = []
        self.states: dict[str, Callable[[float], StageEstimate | None]] = {}
        self.looking: set[str] = set()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.pods = {name: self._pod(name) for name in self.names}
        members = {name: pod_key(name).verify_key for name in self.names}
        identity = CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("gw1"))
        circle = Circle(CIRCLE, self.quorum, members, self.design)
        self.coordinator = Coordinator(identity, [circle], self.settings)
        self.coordinator.hold(CIRCLE, 1, None, 0.0)
        for name in self.names:
            self.states[name] = lambda t_s: estimate(t_s)
        self._start()

    def _pod(self, name: str) -> Pod:
        sleeper = signing_key(name.encode().rjust(32, b"!")[:32])
        book = ConsentBook(ORIGIN, key_id(sleeper))
        given = grant(key=sleeper, design=self.design.hash)
        scope = given.scope.model_copy(update={"echo": name in self.echo})
        book.add(sealed(given.model_copy(update={"scope": scope}), sleeper))
        me = PodIdentity(SITE, name, f"boot-{name}", pod_key(name), COORDINATOR_KEY.verify_key, (CIRCLE,))
        return Pod(me, consent=book, designs=[self.design], utc_at_zero_s=UTC_AT_ZERO_S, light_cleared=True)

    def _start(self) -> None:
        for index, name in enumerate(self.names):
            self.do(name, happened.LinkRestored())
            self.do(name, happened.ClockMeasured(0.0, 0.002))
            self.send(status(self.pods[name].identity, "1", online=True))
            self.at(0.1 * (index + 1), partial(self._second, name))
        self.at(0.5, self._coordinator_second)

    def at(self, t_s: float, what: Callable[[], None]) -> None:
        """Plan something."""
        self._count += 1
        heapq.heappush(self._queue, (t_s, self._count, what))

    def run(self, until_s: float) -> None:
        """Let everything planned up to then happen."""
        while self._queue and self._queue[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._queue)
            what()
        self.now_s = until_s

    def do(self, name: str, event: happened.PodEvent) -> None:
        """Give a pod an event and do as it says."""
        pod = self.pods[name]
        for effect in pod.handle(event, self.now_s):
            if isinstance(effect, Log):
                self.lines.append(effect.entry.to_dict())
            elif isinstance(effect, Render):
                self.renders.append((name, effect, self.now_s))
                self.lines.append(output_record(name, effect.window, effect.step, self.now_s).to_dict())
            else:
                self._common(effect)
        if pod.next_due_s < self.now_s + 1.0:
            self.at(max(self.now_s, pod.next_due_s), lambda: self._step(name, pod.next_due_s))

    def send(self, message: Publish) -> None:
        """Put a message on the wire."""
        if self.random.random() < self.faults.loss:
            return
        copies = 2 if self.random.random() < self.faults.repeat else 1
        for _ in range(copies):
            self.at(
                self.now_s + self.random.uniform(0.0, self.faults.delay_s), lambda: self._deliver(message)
            )

    def look(self, name: str) -> None:
        """Let a sleeper make the voluntary eye signal with the next estimate."""
        self.looking.add(name)

    def windows(self, event: str) -> list[Mapping[str, Any]]:
        """The coordinator's window records of one kind."""
        return [line for line in self.lines if line["kind"] == "window" and line["event"] == event]

    def _step(self, name: str, due_s: float) -> None:
        if due_s <= self.now_s:
            self.do(name, happened.Ticked())

    def _second(self, name: str) -> None:
        said = self.states[name](self.now_s)
        if said is not None and name in self.looking:
            self.looking.remove(name)
            said = replace(said, eye_signal=LRLR)
        if ceil(self.now_s) % 60 == 0:
            self.do(name, happened.ClockMeasured(0.0, 0.002))
        if said is not None:
            self.do(name, happened.EstimateArrived(said))
        self.do(name, happened.Ticked())
        self.at(self.now_s + 1.0, lambda: self._second(name))

    def _coordinator_second(self) -> None:
        self._coordinate(reached.GatewayTicked())
        self.at(self.now_s + 1.0, self._coordinator_second)

    def _coordinate(self, event: reached.CoordinatorEvent) -> None:
        for effect in self.coordinator.handle(event, self.now_s):
            self._common(effect)

    def _common(self, effect: Effect) -> None:
        if isinstance(effect, Publish):
            self.send(effect)
        elif isinstance(effect, Record):
            self.lines.append(effect.record.to_dict())

    def _deliver(self, message: Publish) -> None:
        topic = topics.parse(message.topic)
        match topic.channel:
            case topics.Channel.BROADCAST:
                for name in self.names:
                    self.do(name, happened.CommandReceived(message.payload))
            case topics.Channel.COMMAND:
                self.do(topic.pod, happened.CommandReceived(message.payload))
            case topics.Channel.STATE:
                self._coordinate(reached.PodStateReceived(topic.pod, message.payload))
            case topics.Channel.STATUS:
                self._coordinate(reached.PodStatusReceived(topic.pod, message.payload))
            case topics.Channel.EVENT if topic.leaf == "eye-signal":
                self._coordinate(reached.EyeSignalReceived(topic.pod, message.payload))
            case topics.Channel.EVENT:
                self._coordinate(reached.LeaseReceived(topic.pod, message.payload))
