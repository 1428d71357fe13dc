"""What a coordinator costs: stage messages of thousands of pods, leases with real signatures, claims, ticks.

::

    python benchmarks/coordinator_load.py [--seconds 30] [--pods 1000 2000 4000 5000 8000] [--in-rem 0.1]

Each pod sends its real `PodState` every 5 s, evenly spread, and where it is offered a window real signed
leases every 2 s; of the circles of four, the share `--in-rem` is in REM all the time. What the pods do is not
counted, what the gateway does is: reading, checking, deciding, signing. A message waits for those before it,
as with one thread; its decision time is from arrival to the last command built; what other programs on the
computer take of its time counts as well. Targets: one core at 1000 messages a second, 99 of 100 decisions
within 50 ms, cost per pod the same at every size.
"""

from __future__ import annotations

import argparse
import heapq
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from nacl.signing import SigningKey

from sanctuary.commons.designs import shipped_design
from sanctuary.gateway.site.coordinator_shell import CoordinatorShell, SimulatedSiteClock
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.effects import IdSource
from sanctuary.pods.mqtt.wire_client import LinkUp, MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, open_command, seal
from sanctuary.pods.protocol.messages import LeaseMessage, Offer, OfferArgs, Open, PodState

SITE = "bench"
STATE_EVERY_S = 5.0
LEASE_EVERY_S = 2.0
TICK_S = 0.25
CIRCLE = 4
SETTLE_S = 50.0
"""Until circles are held and windows are open."""
KEY = SigningKey(b"coordinator".ljust(32))


class NoLog:
    """Takes records and counts them."""

    count = 0

    def write(self, _record: object) -> None:
        """Count."""
        self.count += 1

    def flush(self, **_how: bool) -> bool:
        """Do nothing."""
        return True


@cache
def key_of(pod: str) -> SigningKey:
    """Give the key of a pod."""
    return SigningKey(pod.encode().ljust(32))


@dataclass
class Sleeper:
    """A pod as the wire shows it."""

    name: str
    rem_s: float
    """When its REM begins, and with it that of its circle."""
    in_rem: bool = False
    seq: int = 0
    lease_seq: int = 0
    offer: OfferArgs | None = None
    term: int = 0
    playing: bool = False

    def state(self, now_s: float) -> MqttMessage:
        """Write a snapshot."""
        self.seq += 1
        self.in_rem = now_s >= self.rem_s
        phase = "in_window" if self.playing else "leased" if self.offer else "eligible"
        message = PodState(
            pod=self.name,
            boot="b1",
            seq=self.seq,
            t_s=now_s,
            stage="R" if self.in_rem else "N2",
            p=(0.02, 0.03, 0.05, 0.0, 0.9),
            stable_rem=self.in_rem,
            quality=0.93,
            willing=("commons",),
            state=phase if self.in_rem else "idle",  # type: ignore[arg-type]
            window=self.offer.window if self.offer and self.playing else None,
            lease=self.offer.offer if self.offer else None,
            latch=None,
        )
        message = message.model_copy(update={"willing": (circle_of(self.name),)})
        return MqttMessage(topics.state(SITE, self.name), message.to_bytes())

    def lease(self, now_s: float) -> MqttMessage:
        """Sign a lease."""
        assert self.offer is not None
        self.lease_seq += 1
        offer = self.offer
        message = LeaseMessage(
            site=SITE,
            pod=self.name,
            boot="b1",
            term=self.term,
            offer=offer.offer,
            window=offer.window,
            circle=offer.circle,
            nonce=offer.nonce,
            seq=self.lease_seq,
            playing=self.playing,
            issued_at_s=now_s,
            ttl_s=5.0,
        )
        return MqttMessage(
            topics.event(SITE, self.name, "lease"), seal(Kind.LEASE, message, key_of(self.name))
        )


def rem_s(circle: int, in_rem: float) -> float:
    """Let a share of the circles enter REM, each at its own time."""
    return 18.0 + 22.0 * (circle * 7919 % 1000) / 1000 if circle * 613 % 1000 < 1000 * in_rem else math.inf


def circle_of(pod: str) -> str:
    """Give the circle of a pod."""
    return f"circle-{int(pod[4:]) // CIRCLE}"


@dataclass
class Load:
    """One size."""

    pods: int
    in_rem: float
    now_s: float = 0.0
    queue: list[tuple[float, int, str, str]] = field(default_factory=list)
    count: int = 0
    mail: list[MqttMessage] = field(default_factory=list)

    def __post_init__(self) -> None:
        design = shipped_design("tide")
        self.sleepers = {
            f"pod-{n}": Sleeper(f"pod-{n}", rem_s(n // CIRCLE, self.in_rem)) for n in range(self.pods)
        }
        circles = [
            Circle(
                f"circle-{n}",
                3,
                {f"pod-{p}": key_of(f"pod-{p}").verify_key for p in range(n * CIRCLE, (n + 1) * CIRCLE)},
                design,
            )
            for n in range(self.pods // CIRCLE)
        ]
        core = Gateway(CoordinatorIdentity(SITE, "gateway-1", KEY, IdSource("bench")), circles)
        self.log = NoLog()
        self.runner = CoordinatorShell(
            SITE, core, self.log, self.mail.append, SimulatedSiteClock(lambda: self.now_s, 0.0)
        )
        self.core = core
        self.runner.on_link(LinkUp(session_present=False))
        for n, name in enumerate(self.sleepers):
            self.at(STATE_EVERY_S * n / self.pods, "state", name)
        self.at(0.0, "tick", "")

    def at(self, t_s: float, what: str, name: str) -> None:
        """Plan an arrival."""
        self.count += 1
        heapq.heappush(self.queue, (t_s, self.count, what, name))

    def run(self, until_s: float) -> Iterator[tuple[str, float, float]]:
        """Let time pass; gives kind, arrival and the time that the gateway took (seconds)."""
        while self.queue[0][0] < until_s:
            self.now_s, _, what, name = heapq.heappop(self.queue)
            message = self.arrival(what, name)
            if what != "tick" and message is None:
                continue
            begun_s = time.perf_counter()
            if message is None:
                self.runner.tick()
            else:
                self.runner.on_message(message)
            yield what, self.now_s, time.perf_counter() - begun_s
            for sent in self.mail:
                yield from self.deliver(sent)
            self.mail.clear()

    def arrival(self, what: str, name: str) -> MqttMessage | None:
        """Write what arrives, and plan the next of its kind."""
        if what == "tick":
            self.at(self.now_s + TICK_S, what, name)
            return None
        sleeper = self.sleepers[name]
        if what == "state":
            self.at(self.now_s + STATE_EVERY_S, what, name)
            return sleeper.state(self.now_s)
        if sleeper.offer is None:
            return None
        self.at(self.now_s + LEASE_EVERY_S, what, name)
        return sleeper.lease(self.now_s)

    def deliver(self, message: MqttMessage) -> Iterator[tuple[str, float, float]]:
        """Bring what the gateway sent to pods, or back to itself."""
        topic = topics.parse(message.topic)
        if topic.channel is topics.Channel.CLAIM:
            begun_s = time.perf_counter()
            self.runner.on_message(message)
            yield "claim", self.now_s, time.perf_counter() - begun_s
        elif topic.channel is topics.Channel.COMMAND:
            command = open_command(message.payload, KEY.verify_key)
            sleeper = self.sleepers[topic.pod]
            if isinstance(command, Offer) and sleeper.offer is None:
                sleeper.offer, sleeper.term = command.args, command.term
                self.at(self.now_s + 0.02 + 0.5 * (hash(command.id) % 100) / 100, "lease", topic.pod)
            elif isinstance(command, Open):
                sleeper.playing = True


def measure(pods: int, seconds: float, in_rem: float) -> tuple[float, float, float, float, float, int]:
    """Give messages a second, share of a core, us a pod and second, p99 and longest (ms), windows."""
    load = Load(pods, in_rem)
    for _ in load.run(SETTLE_S):
        pass
    done = list(load.run(SETTLE_S + seconds))
    busy_until_s, waits_s = 0.0, []
    for what, at_s, took_s in done:
        busy_until_s = max(busy_until_s, at_s) + took_s
        if what in ("state", "lease"):
            waits_s.append(busy_until_s - at_s)
    spent_s = sum(took_s for _, _, took_s in done)
    return (
        len(waits_s) / seconds,
        spent_s / seconds,
        1e6 * spent_s / seconds / pods,
        1e3 * float(np.percentile(waits_s, 99)),
        1e3 * max(waits_s),
        len(load.core.windows),
    )


def main() -> None:
    """Measure every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--pods", type=int, nargs="+", default=[1000, 2000, 4000, 5000, 8000])
    parser.add_argument("--in-rem", type=float, default=0.1)
    options = parser.parse_args()
    print("pods  windows  messages/s  core share  us/pod/s  p99 ms  longest ms")
    for pods in options.pods:
        rate, share, each_us, p99_ms, longest_ms, windows = measure(pods, options.seconds, options.in_rem)
        print(
            f"{pods:5d}  {windows:7d}  {rate:10.0f}  {share:10.3f}  {each_us:8.1f}  "
            f"{p99_ms:6.2f}  {longest_ms:10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
