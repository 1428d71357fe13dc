"""A coordinator on its own and the messages of its pods."""

from __future__ import annotations

from typing import Any

from pod_bench import COORDINATOR_KEY, DESIGN, SITE, pod_key, recorded
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.coordinator import Coordinator
from sanctuary.pods.coordinator.gateway_events import GatewayTicked, LeaseReceived, PodStateReceived
from sanctuary.pods.coordinator.windows import (
    WindowPhase,
)
from sanctuary.pods.effects import Effect, IdSource, Publish
from sanctuary.pods.protocol.envelope import Kind, open_command, seal
from sanctuary.pods.protocol.messages import Command, LeaseMessage, Offer, PodState


class CoordinatorBench:
    """A coordinator, and the messages of its pods."""

    def __init__(self, circles: dict[str, tuple[int, tuple[str, ...]]], **settings: Any) -> None:
        made = [
            Circle(name, quorum, {pod: pod_key(pod).verify_key for pod in pods}, DESIGN)
            for name, (quorum, pods) in circles.items()
        ]
        self.now_s = 100.0
        self.coordinator = holding(made, self.now_s, CoordinatorSettings(**settings))
        self.offers: dict[str, Offer] = {}
        self.seqs: dict[str, int] = {}
        self.effects: list[Effect] = []

    def do(self, event: Any) -> list[Command]:
        out = self.coordinator.handle(event, self.now_s)
        self.effects += out
        commands = [
            open_command(e.payload, COORDINATOR_KEY.verify_key) for e in out if isinstance(e, Publish)
        ]
        for command in commands:
            if isinstance(command, Offer):
                self.offers[command.pod] = command
        return commands

    def tick(self, seconds: float) -> list[Command]:
        self.now_s += seconds
        return self.do(GatewayTicked())

    def state(self, pod: str, *, seq: int = 1, speaks: str = "", **changes: Any) -> list[Command]:
        content: dict[str, Any] = {
            "pod": speaks or pod,
            "boot": "b1",
            "seq": seq,
            "t_s": self.now_s,
            "stage": "R",
            "p": None,
            "stable_rem": True,
            "quality": 0.9,
            "willing": ("one", "two"),
            "state": "eligible",
            "window": None,
            "lease": None,
            "latch": None,
        }
        return self.do(PodStateReceived(pod, PodState(**(content | changes)).to_bytes()))

    def lease(self, pod: str, *, key: str = "", topic: str = "", **changes: Any) -> list[Command]:
        return self.do(LeaseReceived(topic or pod, self.lease_payload(pod, key=key, **changes)))

    def lease_payload(self, pod: str, *, key: str = "", **changes: Any) -> bytes:
        offer = self.offers[pod].args
        self.seqs[pod] = self.seqs.get(pod, 0) + 1
        content: dict[str, Any] = {
            "site": SITE,
            "pod": pod,
            "boot": "b1",
            "term": 7,
            "offer": offer.offer,
            "window": offer.window,
            "circle": offer.circle,
            "nonce": offer.nonce,
            "seq": self.seqs[pod],
            "playing": False,
            "issued_at_s": self.now_s,
            "ttl_s": 5.0,
        }
        message = LeaseMessage(**(content | changes))
        return seal(Kind.LEASE, message, pod_key(key or pod))

    def opened(self, *pods: str) -> None:
        for pod in pods:
            self.state(pod)
        for pod in pods:
            self.lease(pod)

    def phases(self) -> list[WindowPhase]:
        return [run.phase for run in self.coordinator.windows]

    def lease_reasons(self) -> list[str]:
        return [record["reason"] for record in recorded(self.effects, "lease")]


def holding(
    circles: list[Circle], now_s: float = 100.0, settings: CoordinatorSettings | None = None
) -> Coordinator:
    """Make a coordinator that holds all its circles in term 7."""
    coordinator = Coordinator(
        CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("gw")), circles, settings
    )
    for circle in circles:
        assert coordinator.hold(circle.id, 7, None, now_s) == []
    return coordinator


def bench(quorum: int = 2, pods: tuple[str, ...] = ("p1", "p2", "p3"), **settings: Any) -> CoordinatorBench:
    return CoordinatorBench({"one": (quorum, pods)}, **settings)


def ops(commands: list[Command]) -> list[tuple[str, str]]:
    return [(command.op, command.pod) for command in commands]


def closed(*pods: str) -> list[tuple[str, str]]:
    return [("close", pod) for pod in pods]
