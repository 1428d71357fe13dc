"""A conversation of pods and a coordinator recorded on the wire, and given to fresh ones as somebody likes.

Both houses live through the same script in virtual time: estimates, stops and resets come to the pods at the
same moments. Only in the recording do their messages reach anybody; afterwards what was recorded does, in
whatever order, as often and as late as the plan says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from answering import SPACED
from fake_wire import House
from pod_bench import COORDINATOR_KEY, estimate
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.effects import Publish, Render
from sanctuary.pods.pod.events import PersonReset, StopPressed
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import open_command
from sanctuary.pods.protocol.messages import Command
from sanctuary.signal.samples import StageEstimate

END_S = 260.0
QUICK = CoordinatorSettings(refractory_s=60.0)


@dataclass(frozen=True)
class Delivery:
    """A message, and when it arrives."""

    at_s: float
    message: Publish


Plan = Callable[[Delivery], Iterable[float]]
"""Says when a recorded delivery is to arrive instead: never, once or often."""


def asleep(name: str, t_s: float) -> StageEstimate:
    """Two windows: sleepers stir one by one and come back, and then both leave REM at once."""
    awake = {"pod-1": (110.0, 125.0), "pod-2": (110.0, 125.0), "pod-3": (85.0, 95.0)}[name]
    return estimate(t_s, rem=not awake[0] <= t_s < awake[1])


class ScriptedHouse(House):
    """A house in which the same things happen to the sleepers every time."""

    def __init__(self) -> None:
        super().__init__(1, settings=QUICK, design=SPACED, echo=("pod-1", "pod-2", "pod-3"))
        self.opened = 0
        for name in self.names:
            self.states[name] = partial(asleep, name)
        self.at(60.0, lambda: self.do("pod-2", StopPressed()))
        self.at(24.0, lambda: self.look("pod-1"))
        self.at(75.0, lambda: self.look("pod-3"))
        self.at(195.0, lambda: self.look("pod-2"))
        self.at(70.0, lambda: self.do("pod-2", PersonReset()))

    def cues(self, pod: str) -> list[tuple[float, Render]]:
        """Give what a pod rendered, and when."""
        return [(now_s, cue) for name, cue, now_s in self.renders if name == pod]

    def windows_opened(self) -> list[str]:
        """Give the windows that the coordinator opened."""
        return [line["window"] for line in self.windows("opened")]

    def entered(self, pod: str) -> list[tuple[str, str]]:
        """Give the windows that a pod entered, with the offers by which it did."""
        return [
            (line["window"], line["offer"])
            for line in self.lines
            if line["kind"] == "pod_window" and line["pod"] == pod and line["event"] == "opened"
        ]


class RecordingHouse(ScriptedHouse):
    """Sleeps, and keeps every message that arrives."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        super().__init__()

    def _deliver(self, message: Publish) -> None:
        self.deliveries.append(Delivery(self.now_s, message))
        super()._deliver(message)

    def commands(self, pod: str) -> list[Command]:
        """Give the true commands to a pod."""
        return [
            open_command(delivery.message.payload, COORDINATOR_KEY.verify_key)
            for delivery in self.deliveries
            if topics.parse(delivery.message.topic) == topics.Topic("harbour", topics.Channel.COMMAND, pod)
        ]


class ReplayedHouse(ScriptedHouse):
    """Sleeps through the same script, but hears the recording, as planned, and nothing else."""

    def __init__(self, recording: Iterable[Delivery], plan: Plan) -> None:
        super().__init__()
        for delivery in recording:
            for at_s in plan(delivery):
                self.at(at_s, partial(self._deliver, delivery.message))

    def send(self, message: Publish) -> None:
        """Let nobody hear what these pods say."""

    def pod_lines(self) -> list[Mapping[str, Any]]:
        """Give what the pods wrote; the coordinator of this house commands nobody."""
        return [line for line in self.lines if line["kind"] not in ("window", "lease", "refused_message")]


def as_recorded(delivery: Delivery) -> Iterable[float]:
    """Change nothing."""
    return (delivery.at_s,)


def with_repeats(seed: int, chance: float, late_s: float) -> Plan:
    """Deliver everything on time, and some of it again, and again, up to `late_s` later."""
    random = Random(seed)

    def plan(delivery: Delivery) -> Iterable[float]:
        yield delivery.at_s
        while random.random() < chance:
            yield delivery.at_s + random.uniform(0.0, late_s)

    return plan


def in_disorder(seed: int, chance: float, late_s: float) -> Plan:
    """Deliver some of it late, so that messages overtake each other, some of it often, some never."""
    random = Random(seed)

    def plan(delivery: Delivery) -> Iterable[float]:
        delayed = random.random() < chance
        yield delivery.at_s + (random.uniform(0.0, late_s) if delayed else 0.0)
        while random.random() < chance:
            yield delivery.at_s + random.uniform(0.0, late_s)

    return plan
