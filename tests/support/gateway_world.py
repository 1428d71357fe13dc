"""Gateways and a broker in virtual time: links that stall, break unnoticed and repeat, processes that hang.

The broker keeps what MQTT promises and nothing more: on a topic every subscriber receives messages in the
order in which it took them, without a gap while a link lasts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pod_bench import COORDINATOR_KEY, SITE
from sanctuary.config.site_settings import LeadershipSettings
from sanctuary.pods.coordinator import gateway_events as happened
from sanctuary.pods.coordinator.circle import CoordinatorIdentity
from sanctuary.pods.coordinator.claims import LeadershipTimes
from sanctuary.pods.coordinator.gateway_events import LeadershipEffect, Now, StoreTerm
from sanctuary.pods.coordinator.leadership import Leadership
from sanctuary.pods.coordinator.leadership_state import CircleReport, LeadershipState
from sanctuary.pods.effects import IdSource, Publish, Record
from sanctuary.pods.protocol import topics

VALID_FOR_S = 5.0
ONE = "one"


@dataclass
class Link:
    """One connection: what is on its way to the broker, and from it."""

    up: deque[Publish] = field(default_factory=deque)
    down: deque[Publish] = field(default_factory=deque)


@dataclass
class Machine:
    """A computer with a gateway on it."""

    name: str
    clock_s: float
    """What its own clock showed at second 0."""
    leadership: Leadership
    link: Link | None = None
    """As the broker sees it."""
    noticed: bool = True
    """Whether the gateway knows how it stands with the link."""
    unsent: list[Publish] = field(default_factory=list)
    alive: bool = True
    quiet: bool = False
    """Commands nothing though it may."""
    starts: int = 1
    term: int = 0
    in_force_until_s: float = -1e9


class World:
    """Some gateways at one broker, and one circle; whoever may command it does so at every chance."""

    def __init__(self, count: int = 2, settings: LeadershipSettings | None = None) -> None:
        self.now_s = 0.0
        self.names = tuple(f"gateway-{number}" for number in range(1, count + 1))
        self.times = LeadershipTimes.of(settings or LeadershipSettings(), VALID_FOR_S, count)
        self.retained: dict[str, Publish] = {}
        self.records: list[dict[str, object]] = []
        self.effects: list[LeadershipEffect] = []
        self.machines: dict[str, Machine] = {}
        for number, name in enumerate(self.names):
            self.machines[name] = Machine(name, 1000.0 * number, self._leadership(name, 1, 0))

    def _leadership(self, name: str, start: int, floor: int) -> Leadership:
        identity = CoordinatorIdentity(SITE, name, COORDINATOR_KEY, IdSource(f"{name}-{start}"), self.names)
        return Leadership(identity, [(ONE,)], self.times, lambda _: self._report(name), floor)

    def _report(self, name: str) -> CircleReport:
        return CircleReport(False, self.machines[name].in_force_until_s, None)

    # --- faults ---

    def connect(self, name: str, *, resend: bool = False) -> None:
        """Give a gateway a new link; `resend` what the last one did not bring to the broker."""
        machine = self.machines[name]
        self.cut(name)
        self.notice(name)
        machine.link = Link()
        if resend:
            machine.link.up.extend(machine.unsent)
        machine.unsent = []
        machine.link.down.extend(self.retained.values())
        self.handle(name, happened.BrokerLinkRestored())

    def cut(self, name: str, *, will: bool = True) -> None:
        """Break a link; what was on its way is lost, and the gateway has not noticed yet."""
        machine = self.machines[name]
        if machine.link is None:
            return
        machine.unsent = list(machine.link.up)
        machine.link, machine.noticed = None, False
        if will:
            self.publish(machine.leadership.will)

    def notice(self, name: str) -> None:
        """Tell a gateway that its link is broken."""
        if not self.machines[name].noticed:
            self.machines[name].noticed = True
            self.handle(name, happened.BrokerLinkLost())

    def kill(self, name: str, *, will: bool = True) -> None:
        """End a process without warning."""
        self.cut(name, will=will)
        self.machines[name].alive = False
        self.machines[name].unsent = []

    def start(self, name: str, *, forgetful: bool = False) -> None:
        """Start a gateway anew; `forgetful` where its disk was lost."""
        machine = self.machines[name]
        if machine.alive:
            self.kill(name)
        machine.starts += 1
        machine.alive, machine.noticed = True, True
        machine.leadership = self._leadership(name, machine.starts, 0 if forgetful else machine.term)
        self.connect(name)

    def restart_broker(self) -> None:
        """Kill the broker: it forgets everything, and no will is published."""
        for name in self.names:
            self.cut(name, will=False)
        self.retained.clear()

    # --- time ---

    def run(
        self,
        seconds: float,
        *,
        hung: frozenset[str] = frozenset(),
        mute: frozenset[str] = frozenset(),
        deaf: frozenset[str] = frozenset(),
        step_s: float = 0.25,
    ) -> None:
        """Run for some seconds; some processes hang, and some links carry nothing one way."""
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-9:
            self.now_s = min(self.now_s + step_s, end_s)
            self.step(hung, mute, deaf)

    def step(self, hung: frozenset[str], mute: frozenset[str], deaf: frozenset[str]) -> None:
        """Deliver what can be, then tick every gateway."""
        for name, machine in self.machines.items():
            while machine.link is not None and name not in mute and machine.link.up:
                self.publish(machine.link.up.popleft())
        for name, machine in self.machines.items():
            while machine.link is not None and name not in hung | deaf and machine.link.down:
                self._deliver(name, machine.link.down.popleft())
            if machine.alive and name not in hung:
                self._do(name, machine.leadership.tick(self.now(name)))

    def now(self, name: str) -> Now:
        """Give both clocks of a machine."""
        return Now(self.now_s, self.machines[name].clock_s + self.now_s)

    def publish(self, message: Publish) -> None:
        """Retain a message and queue it for every link, as the broker does."""
        self.retained[message.topic] = message
        for machine in self.machines.values():
            if machine.link is not None:
                machine.link.down.append(message)

    def _deliver(self, name: str, message: Publish) -> None:
        topic = topics.parse(message.topic)
        if topic.channel is topics.Channel.CLAIM:
            self.handle(name, happened.ClaimReceived(topic.leaf, message.payload))
        else:
            self.handle(name, happened.GatewayStatusReceived(topic.leaf, message.payload))

    def handle(self, name: str, event: happened.LeadershipEvent) -> None:
        """Give a gateway an event, if it lives."""
        if self.machines[name].alive:
            self._do(name, self.machines[name].leadership.handle(event, self.now(name)))

    def stop(self, name: str) -> None:
        """Stop a gateway in order; everything that it publishes arrives."""
        machine = self.machines[name]
        self._do(name, machine.leadership.stop(self.now(name)))
        while machine.link is not None and machine.link.up:
            self.publish(machine.link.up.popleft())
        machine.link, machine.alive = None, False

    def _do(self, name: str, effects: list[LeadershipEffect]) -> None:
        machine = self.machines[name]
        self.effects += effects
        for effect in effects:
            match effect:
                case Publish() if machine.link is not None:
                    machine.link.up.append(effect)
                case StoreTerm():
                    machine.term = max(machine.term, effect.term)
                case Record():
                    self.records.append(effect.record.to_dict())
        if self.state(name) is LeadershipState.LEADER and not machine.quiet:
            self.command(name)

    # --- what must hold ---

    def command(self, name: str) -> None:
        """Command the circle; nobody else's command may be in force then."""
        for other in self.machines.values():
            if other.name != name and other.in_force_until_s > self.now_s:
                raise AssertionError(
                    f"{name} commands at {self.now_s:.2f}, {other.name} until {other.in_force_until_s:.2f}"
                )
        self.machines[name].in_force_until_s = self.now_s + VALID_FOR_S

    def state(self, name: str) -> LeadershipState:
        """Give the state of a gateway."""
        return self.machines[name].leadership.circles[ONE].state

    def leaders(self) -> list[str]:
        """Name those that live and may command."""
        return [
            name
            for name, machine in self.machines.items()
            if machine.alive and self.state(name) is LeadershipState.LEADER
        ]


def settled(count: int = 2, settings: LeadershipSettings | None = None, for_s: float = 40.0) -> World:
    """Make a world in which one gateway has led the circle for a while."""
    world = World(count, settings)
    for name in world.names:
        world.connect(name)
    world.run(for_s)
    return world
