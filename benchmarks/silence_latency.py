"""How long a pod sounds on after its sleeper has said no: fifty pods in windows, on Mosquitto under load.

Run as ``python benchmarks/silence_latency.py --rounds 12``. Half of the pods are stopped at their own button
(as the pin's thread does it), half by a signed withdrawal that another process publishes. Measured is the
time until the pod's output is told to stop. In the same run, between the withdrawals, the same process
publishes empty messages to a bare paho client. A third process keeps the broker busy.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sanctuary.commons.entries import Withdrawal, WithdrawnScope, key_id, seal
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import CircleEntry, PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.assembly import NightPlan, derive_key, designs_of, make_gateway, make_pod
from sanctuary.gateway.site.coordinator_shell import CoordinatorShell, SimulatedSiteClock
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell, to_message
from sanctuary.pods.mqtt.broker import BrokerEndpoint, open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp, MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.protocol import topics
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.virtual_site.virtual_pod import Ear

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from recording_output import RecordingOutput

PODS, CIRCLE_SIZE, ENOUGH = 50, 10, 9
LOAD_PER_S, LOAD_BYTES = 250, 200
SECRET = b"benchmark"
PING = "bench/ping"
PATIENCE_S = 40.0
DESIGN = """
schema = "sanctuary.design.v1"
title = "Long tone"
author = "Benchmark"
licence = "CC0-1.0"
length_s = 20.0
looping = true
[[steps]]
at_s = 0.0
modality = "sound"
level_dba = 30.0
duration_s = 12.0
fade_s = 1.0
tones_hz = [110.0]
"""


def now_s() -> float:
    """Read the machine's monotonic clock, the same in every process."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def settings_for(folder: Path) -> SanctuarySettings:
    """Fifty pods in five circles."""
    design = folder / "long-tone.toml"
    design.write_text(DESIGN)
    names = [f"pod-{number}" for number in range(1, PODS + 1)]
    pods = tuple(
        PodEntry(id=name, sleeper=f"s-{name}", headband=SimulatedHeadband(kind="simulated", seed=1))
        for name in names
    )
    circles = tuple(
        CircleEntry(
            id=f"circle-{at}", members=tuple(names[at : at + CIRCLE_SIZE]), quorum=2, design=str(design)
        )
        for at in range(0, PODS, CIRCLE_SIZE)
    )
    return SanctuarySettings().model_copy(update={"pods": pods, "circles": circles})


# --- the other processes ---


def _without_nagle(_client: paho.Client, _data: object, sock: object) -> None:
    assert isinstance(sock, socket.socket)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def bare_client(name: str, port: int) -> paho.Client:
    """Make a paho client as anybody would, but without Nagle's delay, which is no fault of the broker."""
    client = paho.Client(CallbackAPIVersion.VERSION2, name)
    client.on_socket_open = _without_nagle
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def keep_busy(port: int, stop: threading.Event) -> None:
    """Publish and read at a steady rate until told to stop."""
    client, reader = bare_client("load", port), bare_client("load-reader", port)
    reader.subscribe("load/#", 1)
    begun_s, number = now_s(), 0
    while not stop.is_set():
        client.publish(f"load/{number % 50}", bytes(LOAD_BYTES), 1)
        number += 1
        time.sleep(max(0.0, begun_s + number / LOAD_PER_S - now_s()))
    client.disconnect()
    reader.disconnect()


def send_on_demand(port: int, orders: Connection) -> None:
    """Publish what the parent hands over; answer with the moment before."""
    client = bare_client("sleeper", port)
    while (order := orders.recv()) is not None:
        topic, payload = order
        begun_s = now_s()
        client.publish(topic, payload, 1)
        orders.send(begun_s)
    client.disconnect()


# --- the house ---


class TimedOutput(RecordingOutput):
    """Notes when it was first told to stop."""

    stopped_s: float | None = None

    def stop(self, now_s_: float) -> None:
        """Be silent."""
        super().stop(now_s_)
        self.stopped_s = self.stopped_s or now_s()


@dataclass
class Bed:
    """One pod and its output."""

    entry: PodEntry
    runner: PodShell
    sound: TimedOutput
    client: MqttClient

    @property
    def sounds(self) -> bool:
        """Whether a cue is being rendered."""
        return self.sound.busy


class House:
    """One generation of pods and their coordinator, in one loop as `sanctuary run` has them."""

    def __init__(self, settings: SanctuarySettings, endpoint: BrokerEndpoint, generation: int) -> None:
        self._settings, self._endpoint = settings, endpoint
        self._plan = NightPlan(settings, SECRET, f"g{generation}", generation, time.time() - now_s(), {})
        self._designs = designs_of(settings.circles)
        self._log = EventLog()
        self.beds: list[Bed] = []

    async def open(self, stack: AsyncExitStack) -> None:
        """Start everything."""
        site, broker = self._settings.site.id, self._settings.broker
        client = MqttClient("coordinator", self._endpoint.host, self._endpoint.port, settings=broker)
        await stack.enter_async_context(client)
        core = make_gateway(self._plan, self._designs)
        self._coordinator = CoordinatorShell(
            site, core, self._log, client.publish, SimulatedSiteClock(now_s, 0.0)
        )
        for topic in self._coordinator.subscriptions:
            client.subscribe(topic)
        await client.connected()
        self._coordinator.on_link(LinkUp(session_present=False))
        task = asyncio.create_task(self._listen(client, self._coordinator.on_message))
        stack.callback(task.cancel)
        for entry in self._settings.pods:
            await self._open_bed(entry, stack)
        ticking = asyncio.create_task(self._tick())
        stack.callback(ticking.cancel)

    async def _open_bed(self, entry: PodEntry, stack: AsyncExitStack) -> None:
        pod = make_pod(self._plan, entry, self._designs)
        sound = TimedOutput(clock=now_s)
        will = to_message(status(pod.identity, "bench", online=False))
        client = MqttClient(
            entry.id,
            self._endpoint.host,
            self._endpoint.port,
            settings=self._settings.broker,
            will=will,
            on_link=lambda event: self._linked(bed, event),
        )
        outputs = PodOutputs(entry.id, {Modality.SOUND: sound})
        runner = PodShell(pod, self._log, Ear(lambda _c, _t: None), client.publish, outputs)
        bed = Bed(entry, runner, sound, client)
        await stack.enter_async_context(client)
        for topic in runner.subscriptions:
            client.subscribe(topic)
        await client.connected()
        task = asyncio.create_task(self._listen(client, lambda message: runner.on_message(message, now_s())))
        stack.callback(task.cancel)
        self.beds.append(bed)

    async def _listen(self, client: MqttClient, on_message: Callable[[MqttMessage], None]) -> None:
        async for message in client:
            on_message(message)

    def _linked(self, bed: Bed, event: LinkEvent) -> None:
        if isinstance(event, LinkUp):
            bed.client.publish(to_message(status(bed.runner.pod.identity, "bench", online=True)))
            bed.runner.handle(happened.LinkRestored(), now_s())
        else:
            bed.runner.handle(happened.LinkLost(), now_s())

    async def _tick(self) -> None:
        p = (0.02, 0.02, 0.02, 0.02, 0.92)
        while True:
            for bed in self.beds:
                at_s = now_s()
                bed.runner.on_estimate(StageEstimate(at_s, p, Stage.R, True, False, 0.95, "open"), at_s)
                bed.runner.tick(at_s)
                await asyncio.sleep(0)
            self._coordinator.tick()
            await asyncio.sleep(0.2)


async def measure_round(house: House, sender: Connection, heard: list[float]) -> tuple[list[float], ...]:
    """Stop and withdraw pods that sound, one after another; give both delays and those of the bare client."""
    local, across, bare = list[float](), list[float](), list[float]()
    for at in range(0, PODS, CIRCLE_SIZE):
        circle = house.beds[at : at + CIRCLE_SIZE]
        end_s = now_s() + PATIENCE_S
        while sum(bed.sounds for bed in circle) < ENOUGH and now_s() < end_s:
            await asyncio.sleep(0.02)
        for all_, new in zip((local, across, bare), await measure_circle(circle, sender, heard), strict=True):
            all_ += new
    return local, across, bare


async def measure_circle(
    circle: list[Bed], sender: Connection, heard: list[float]
) -> tuple[list[float], ...]:
    """Do so in one circle; when one pod is left its window closes, so that it does not count."""
    local, across, bare = list[float](), list[float](), list[float]()
    for number, bed in enumerate(circle):
        await asyncio.sleep(0.05)
        if not bed.sounds:
            continue
        bed.sound.stopped_s = None
        loop = asyncio.get_running_loop()
        if number % 2:
            begun_s = await asyncio.to_thread(press, bed, loop)
        else:
            topic = topics.consent("harbour", bed.entry.id)
            begun_s = await asyncio.to_thread(order, sender, topic, entry_of(bed))
        await wait_until(lambda bed=bed: bed.sound.stopped_s is not None)  # type: ignore[misc]
        (local if number % 2 else across).append((bed.sound.stopped_s or 0.0) - begun_s)
        heard.clear()
        begun_s = await asyncio.to_thread(order, sender, PING, b"")
        await wait_until(lambda: bool(heard))
        bare.append(heard[0] - begun_s)
    return local, across, bare


def press(bed: Bed, loop: asyncio.AbstractEventLoop) -> float:
    """Do what the thread of a button does."""
    begun_s = now_s()
    loop.call_soon_threadsafe(lambda: bed.runner.handle(happened.StopPressed(), now_s()))
    return begun_s


def order(sender: Connection, topic: str, payload: bytes) -> float:
    """Have the other process publish something."""
    sender.send((topic, payload))
    return float(sender.recv())


def entry_of(bed: Bed) -> bytes:
    """Sign the sleeper's withdrawal."""
    key = derive_key(SECRET, "sleeper", bed.entry.sleeper)
    event = Withdrawal(who=key_id(key), seq=2, nonce="bench", scope=WithdrawnScope(circle="*"))
    return seal(key, "harbour", event)


async def wait_until(met: Callable[[], bool]) -> None:
    """Wait, looking rarely enough not to disturb."""
    async with asyncio.timeout(10.0):
        while not met():
            await asyncio.sleep(0.002)


async def run(rounds: int) -> None:
    """Measure and print."""
    context = multiprocessing.get_context("spawn")
    local, across, bare = list[float](), list[float](), list[float]()
    heard: list[float] = []
    with TemporaryDirectory() as folder:
        settings = settings_for(Path(folder))
        async with open_broker(BrokerSettings(kind="mosquitto")) as endpoint:
            ours, theirs = context.Pipe()
            stop = context.Event()
            children = [
                context.Process(target=send_on_demand, args=(endpoint.port, theirs)),
                context.Process(target=keep_busy, args=(endpoint.port, stop)),
            ]
            for child in children:
                child.start()
            reader = bare_client("reader", endpoint.port)
            reader.on_message = lambda _c, _u, _m: heard.append(now_s())
            reader.subscribe(PING, 1)
            for generation in range(1, rounds + 1):
                async with AsyncExitStack() as stack:
                    house = House(settings, endpoint, generation)
                    await house.open(stack)
                    found = await measure_round(house, ours, heard)
                for all_, new in zip((local, across, bare), found, strict=True):
                    all_ += new
                print(f"round {generation}: {len(found[0])} stopped, {len(found[1])} withdrawn", flush=True)
            stop.set()
            ours.send(None)
            for child in children:
                child.join()
            reader.disconnect()
            reader.loop_stop()
    tell("stop at the pod", local)
    tell("withdrawal across the broker", across)
    tell("bare paho, across the broker", bare)
    print(f"withdrawal / bare paho: median {ratio(across, bare, 50):.1f}, p99 {ratio(across, bare, 99):.1f}")


def tell(what: str, delays_s: list[float]) -> None:
    """Print one line."""
    at = statistics.quantiles(delays_s, n=100)
    print(
        f"{what:<30} n {len(delays_s):4}  median {1e3 * at[49]:6.2f}  p99 {1e3 * at[98]:6.2f}"
        f"  worst {1e3 * max(delays_s):6.2f} ms"
    )


def ratio(one: list[float], other: list[float], percent: int) -> float:
    """Compare a centile of two lists."""
    return statistics.quantiles(one, n=100)[percent - 1] / statistics.quantiles(other, n=100)[percent - 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    asyncio.run(run(parser.parse_args().rounds))
