"""Real pods and a real coordinator over a real broker, second by second, with a tap on the wire.

Only the chains are made up: what they say is scripted. Time is the caller's; a second ends when everything
that was sent in it has arrived.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pod_bench import estimate
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Cue
from sanctuary.gateway.site.assembly import NightPlan, designs_of, make_gateway, make_pod
from sanctuary.gateway.site.coordinator_shell import CoordinatorShell, SimulatedSiteClock
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_shell import PodShell, to_message
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.mqtt.barrier import DeliveryBarrier
from sanctuary.pods.mqtt.broker import BrokerEndpoint, open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import LinkUp, MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.outgoing import status
from sanctuary.signal.samples import StageEstimate
from sanctuary.virtual_site.virtual_pod import Ear

UTC_AT_ZERO_S = 1_800_000_000.0
SECRET = b"wire house"
PATIENCE_S = 20.0
Said = Callable[[str, float], StageEstimate | None]


class Witness(DeliveryBarrier):
    """A barrier that also notes every message as its sender published it."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[MqttMessage] = []

    def sending(self, client_id: str, message: MqttMessage) -> None:
        self.published.append(message)
        super().sending(client_id, message)


@dataclass
class WireHouse:
    """A site on a broker."""

    settings: SanctuarySettings
    endpoint: BrokerEndpoint
    stack: AsyncExitStack
    said: Said = lambda _, t_s: estimate(t_s)
    now_s: float = 0.0
    witness: Witness = field(default_factory=Witness)
    log: EventLog = field(default_factory=EventLog)
    heard: list[tuple[str, Cue, float]] = field(default_factory=list)
    clients: dict[str, MqttClient] = field(default_factory=dict)
    pods: dict[str, PodShell] = field(default_factory=dict)
    tapped: list[MqttMessage] = field(default_factory=list)

    async def begin(self) -> None:
        """Put the tap, the coordinator and the pods on the wire."""
        plan = NightPlan(self.settings, SECRET, "w1", 0, UTC_AT_ZERO_S, {})
        designs = designs_of(self.settings.circles)
        tap = await self._client("tap")
        await tap.subscribe("sanctuary/#")
        core = self.core = make_gateway(plan, designs)
        client = await self._client("coordinator", to_message(core.will))
        self.coordinator = CoordinatorShell(
            self.settings.site.id,
            core,
            self.log,
            client.publish,
            SimulatedSiteClock(lambda: self.now_s, UTC_AT_ZERO_S),
        )
        await client.subscribe(*self.coordinator.subscriptions)
        self.coordinator.on_link(LinkUp(session_present=False))
        for entry in self.settings.pods:
            core = make_pod(plan, entry, designs)
            client = await self._client(entry.id, to_message(status(core.identity, "test", online=False)))
            ear = Ear(lambda cue, at_s, name=entry.id: self.heard.append((name, cue, at_s)))
            runner = self.pods[entry.id] = PodShell(core, self.log, ear, client.publish)
            await client.subscribe(*runner.subscriptions)
            client.publish(to_message(status(core.identity, "test", online=True)))
            runner.handle(happened.LinkRestored(), self.now_s)

    @property
    def runs(self) -> tuple[WindowRun, ...]:
        """Windows proposed or open now."""
        return self.core.windows

    async def sleep(self, seconds: int) -> None:
        """Let seconds pass."""
        for _ in range(seconds):
            self.now_s += 1.0
            for name, runner in self.pods.items():
                said = self.said(name, self.now_s)
                if said is not None:
                    runner.on_estimate(said, self.now_s)
                runner.tick(self.now_s)
            self.coordinator.tick()
            await self.deliver()

    async def deliver(self) -> None:
        """Carry messages until nobody has anything more to say."""
        while True:
            await self.witness.settled(PATIENCE_S)
            inboxes = {
                name: sorted(client.drain(), key=lambda m: m.topic) for name, client in self.clients.items()
            }
            self.tapped += inboxes["tap"]
            if not any(inboxes.values()):
                return
            for message in inboxes["coordinator"]:
                self.coordinator.on_message(message)
            for name, runner in self.pods.items():
                for message in inboxes.get(name, ()):
                    runner.on_message(message, self.now_s)

    async def kill(self, pod: str) -> None:
        """Let a pod die, so that the broker says so for it."""
        del self.pods[pod]
        await self.clients.pop(pod).abort()
        await self.deliver()

    def say(self, message: MqttMessage) -> None:
        """Publish something as a device that is neither pod nor coordinator."""
        self.clients["tap"].publish(message)

    async def retained(self) -> list[MqttMessage]:
        """Ask anew what is retained."""
        client = await self._client("late")
        await client.subscribe("sanctuary/#")
        await self.witness.settled(PATIENCE_S)
        return client.drain()

    def records(self, kind: str, event: str = "") -> list[Any]:
        """Give the log records of one kind."""
        found = [record for record in self.log.records if record["kind"] == kind]
        return [record for record in found if not event or record["event"] == event]

    async def _client(self, name: str, will: MqttMessage | None = None) -> MqttClient:
        client = MqttClient(
            f"{self.settings.site.id}-{name}",
            self.endpoint.host,
            self.endpoint.port,
            settings=self.settings.broker,
            will=will,
            observer=self.witness,
        )
        await self.stack.enter_async_context(client)
        await client.connected()
        self.clients[name] = client
        return client


@asynccontextmanager
async def wire_house(kind: str, design: str = "tide", **grant: Any) -> AsyncIterator[WireHouse]:
    """Three pods in one circle of two, on a broker of this kind."""
    names = ("pod-1", "pod-2", "pod-3")
    settings = SanctuarySettings.model_validate(
        {
            "pods": [
                {"id": name, "sleeper": f"s{name}", "headband": {"kind": "simulated", "seed": number}}
                for number, name in enumerate(names)
            ],
            "circles": [
                {"id": "commons", "members": names, "quorum": 2, "design": design, "simulated_grant": grant}
            ],
            "broker": {"kind": kind, "connect_timeout_s": PATIENCE_S},
        }
    )
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(open_broker(settings.broker))
        house = WireHouse(settings, endpoint, stack)
        await house.begin()
        yield house
