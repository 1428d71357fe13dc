"""A simulated night in simulated time.

Every pod is virtual headband -> pty -> serial driver -> chain -> pod -> broker -> coordinator -> window ->
cue log. The clock is the samples' own: a second passes when every headband has delivered it, and ends when
every message sent in it has been delivered. So no timeout can run out because a broker was slow, and one
seed gives one night.

A simulated fleet: virtual headbands in a process of their own, read through real serial drivers.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import BrokerError, DeviceError, SanctuaryError
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.sleeper_settings import SleeperSettings
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.firmware_bridge.outputs.cue_track import CueTrack
from sanctuary.gateway.results.night_result import NightResult
from sanctuary.gateway.results.replay_result import Timing
from sanctuary.gateway.site.assembly import (
    designs_of,
    sounds_of,
    warn_of_thresholds,
)
from sanctuary.gateway.site.clocks import MeasuredTime
from sanctuary.gateway.site.coordinator_shell import SimulatedSiteClock
from sanctuary.gateway.site.disk import MemoryDisk
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.lacking import GrantWatch, grant_watch
from sanctuary.gateway.site.live_table import LiveTable, Moment
from sanctuary.gateway.site.machine_clock import SimulatedHostClock
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.result import NightFacts, night_result
from sanctuary.gateway.site.site import GatewayLink, PodFittings, PodLink, Site
from sanctuary.gateway.site.stopping import StopFlag
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.barrier import DeliveryBarrier
from sanctuary.pods.mqtt.broker import BrokerEndpoint, open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage, OnLink, OnMessage
from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import EPOCH_S, SampleBlock, StageEstimate
from sanctuary.simulator.hardware import HardwareProcess, HeadbandSpec
from sanctuary.simulator.sleepers.simulated_night import draw_night

CHANNELS = {"AF7": 1, "AF8": 2}
FS_HZ = 250.0
HEADBAND_TIMEOUT_S = 20.0
"""Real seconds of silence after which a virtual headband is given up; a slow machine's worst is two."""


class ReadAhead:
    """Reads one block ahead of the night in a thread of its own, while the night thinks about the last one.

    Parameters
    ----------
    headband, block_s
        Where samples come from, and seconds per block.
    """

    def __init__(self, headband: CytonHeadband, block_s: int, readers: ThreadPoolExecutor) -> None:
        self._headband = headband
        self._n = round(block_s * headband.info.fs_hz)
        self._readers = readers
        self._next: Future[SampleBlock] | None = None

    def take(self) -> SampleBlock:
        """Give the next block.

        Raises
        ------
        DeviceError
            The headband is gone or silent.
        """
        block = (self._next or self._read()).result()
        self._next = self._read()
        return block

    def _read(self) -> Future[SampleBlock]:
        return self._readers.submit(self._headband.read_samples, self._n, HEADBAND_TIMEOUT_S)


def sleeper_specs(pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings) -> list[HeadbandSpec]:
    """Virtual headbands of the simulated pods; all these sleepers lie in one house, side by side."""
    seeds = _seeds(pods)
    return [
        HeadbandSpec.sleeper(pod, seed=seed, hours=hours, settings=sleepers, beside=tuple(seeds.values()))
        for pod, seed in seeds.items()
    ]


def _seeds(pods: tuple[PodEntry, ...]) -> dict[str, int]:
    return {pod.id: pod.headband.seed for pod in pods if isinstance(pod.headband, SimulatedHeadband)}


@contextmanager
def simulated_headbands(
    pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings, block_s: int
) -> Iterator[Mapping[str, ReadAhead]]:
    """Start freely paced virtual headbands for all simulated pods, and a driver and reader for each.

    Yields
    ------
    Readers by pod. All ends with the block: drivers, ports, threads and the process behind them.

    Raises
    ------
    DeviceError
        The virtual hardware does not start or does not answer.
    """
    specs = sleeper_specs(pods, hours, sleepers)
    with ExitStack() as stack:
        readers = stack.enter_context(ThreadPoolExecutor(len(specs), "headband"))
        hardware = stack.enter_context(HardwareProcess(specs, pacing="free"))
        ahead = {}
        for pod, port in hardware.ports.items():
            headband = CytonHeadband(port, CHANNELS)
            stack.callback(headband.close)
            headband.connect()
            headband.start()
            ahead[pod] = ReadAhead(headband, block_s, readers)
        stack.callback(hardware.close)  # first of all: a reader that waits is woken by the end of its port
        yield ahead


class Truth:
    """What the simulated sleepers really do."""

    def __init__(self, pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings) -> None:
        seeds = _seeds(pods)
        self._nights = {
            pod: draw_night(seed, hours, sleepers.night, tuple(seeds.values())) for pod, seed in seeds.items()
        }
        self.epochs: dict[str, NDArray[np.int8]] = {
            pod: night.epochs(EPOCH_S) for pod, night in self._nights.items()
        }

    def stage_at(self, pod: str, t_s: float) -> str | None:
        """Name the stage of a pod's sleeper at `t_s`; None for a person."""
        night = self._nights.get(pod)
        return night.stage_at(t_s).name if night is not None else None


LIGHTS_OUT_UTC_S = 1_767_304_800.0
"""2026-01-01 22:00 UTC; a simulated night needs some date, always the same."""
BLOCK_S = 10
"""Seconds of samples that go through a chain at a time, for speed. Each estimate waits for its own second."""
SETTLE_TIMEOUT_S = 20.0
MAX_ROUNDS = 20
"""Rounds of messages within one second; offers, leases, `open` and its replies take four."""

Watcher = Callable[[Moment], None]
Display = Callable[[Sequence[PodShell], Callable[[str, float], str | None]], LiveTable]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asks for.

    Attributes
    ----------
    speed
        Most simulated seconds per real second; None for as fast as it goes.
    """

    hours: float
    seed: int
    out: Path
    speed: float | None = None


@dataclass(slots=True)
class _Night:
    """Everything that runs; makes the clients and feeds the pods of its `Site`."""

    settings: SanctuarySettings
    options: DemoOptions
    endpoint: BrokerEndpoint
    log: EventLog
    barrier: DeliveryBarrier
    stop: StopFlag
    gateway: GatewayLink[_CountingClient] = field(init=False)
    links: list[PodLink[_CountingClient]] = field(default_factory=list)
    pods: list[PodShell] = field(default_factory=list)
    chains: dict[str, Chain] = field(default_factory=dict)
    estimates: dict[str, deque[StageEstimate]] = field(default_factory=dict)
    grants: dict[str, GrantWatch] = field(default_factory=dict)
    now_s: float = 0.0
    trouble: str | None = None

    @property
    def clients(self) -> list[_CountingClient]:
        return [self.gateway.client, *(link.client for link in self.links)]

    def client(
        self,
        name: str,
        *,
        will: MqttMessage,
        on_link: OnLink,
        on_message: OnMessage,  # noqa: ARG002  messages are drained, all at the end of a second
        lasting: bool = False,  # noqa: ARG002  nobody comes back to a simulated night
    ) -> _CountingClient:
        """Make a client, as a `Wire`."""
        return _CountingClient(
            f"{self.settings.site.id}-{name}",
            self.endpoint.host,
            self.endpoint.port,
            settings=self.settings.broker,
            will=will,
            on_link=on_link,
            observer=self.barrier,
        )

    def attach(self, entry: PodEntry, _pod: PodShell) -> None:
        """Feed a pod from its simulated headband, as `Samples`."""
        self.estimates[entry.id] = deque()
        self.chains[entry.id] = Chain(FS_HZ, tuple(CHANNELS), self.settings.chain)


class _CountingClient(MqttClient):
    """Counts what it sends."""

    sent = 0

    def publish(self, message: MqttMessage) -> asyncio.Future[None]:
        self.sent += 1
        return super().publish(message)


async def run_demo(
    settings: SanctuarySettings, options: DemoOptions, display: Display, stop: StopFlag
) -> NightResult:
    """Sleep one simulated night; returns its result, also of a night that was broken off.

    Raises
    ------
    SanctuaryError
        Something could not be started.
    """
    began_s = time.perf_counter()
    truth = Truth(settings.pods, options.hours, settings.sleepers)
    with ExitStack() as files:
        async with AsyncExitStack() as stack:
            endpoint = await stack.enter_async_context(open_broker(settings.broker))
            log = EventLog(_fresh(options.out / "events.jsonl"))
            files.callback(log.close)
            night = _Night(settings, options, endpoint, log, DeliveryBarrier(), stop)
            await _people(night, stack)
            headbands = stack.enter_context(
                simulated_headbands(settings.pods, options.hours, settings.sleepers, BLOCK_S)
            )
            with display(night.pods, truth.stage_at) as table:
                slept_s = time.perf_counter()
                await _sleep(night, headbands, table.update, slept_s)
            for pod in night.pods:
                pod.end(night.now_s)
        log.flush()
        wall_s = time.perf_counter() - began_s
        return night_result(
            settings,
            night.pods,
            log.records,
            truth.epochs,
            _facts(night, wall_s),
            end_s=night.now_s,
        )


def _fresh(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


async def _people(night: _Night, stack: AsyncExitStack) -> None:
    """Put coordinator and pods on the wire."""
    settings, options = night.settings, night.options
    designs = designs_of(settings.circles)
    warn_of_thresholds(settings, designs)
    sounds = sounds_of(designs.values())
    site = Site(
        settings,
        night,
        night,
        SimulatedHostClock(lambda: night.now_s, LIGHTS_OUT_UTC_S),
        SiteStore(options.out, MemoryDisk()),
        log=night.log,
        boot=f"demo-{options.seed}",
        secret=f"simulated night {options.seed}".encode(),
        designs=designs,
        firmware="simulated",
    )
    night.gateway = site.open_gateway(SimulatedSiteClock(lambda: night.now_s, LIGHTS_OUT_UTC_S))
    await _enter(night, night.gateway.client, stack)
    await night.gateway.client.subscribe(*night.gateway.shell.subscriptions)
    night.gateway.begin()
    for entry in settings.pods:
        link = site.link_pod(entry)
        await _enter(night, link.client, stack)
        track = CueTrack(options.out / f"{entry.id}.cues.wav", sounds=sounds)
        time_of = MeasuredTime(link.identity.boot)
        pod = site.open_pod(entry, link, LIGHTS_OUT_UTC_S, PodFittings(time_of, track))
        await link.client.subscribe(*pod.subscriptions)
        night.links.append(link)
        night.pods.append(pod)
        night.grants[entry.id] = grant_watch(settings, entry, pod.pod, designs, night.log)
    for link, pod in zip(night.links, night.pods, strict=True):
        link.attach(pod, lambda: night.now_s)


async def _enter(night: _Night, client: _CountingClient, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(client)
    night.stop.when_hurried(client.hurry)
    await client.connected()


async def _sleep(night: _Night, headbands: Mapping[str, ReadAhead], watch: Watcher, began_s: float) -> None:
    """Let the night pass, second by second."""
    end_s = night.options.hours * 3600.0
    try:
        while night.now_s + 1.0 <= end_s and not night.stop.is_set:
            await _second(night, headbands)
            real_s = time.perf_counter() - began_s
            if night.options.speed is not None and night.now_s / night.options.speed > real_s:
                await night.stop.wait(night.now_s / night.options.speed - real_s)
            watch(_moment(night, end_s, real_s))
    except (BrokerError, DeviceError) as error:
        night.trouble = str(error)


async def _second(night: _Night, headbands: Mapping[str, ReadAhead]) -> None:
    night.now_s += 1.0
    now_s = night.now_s
    for pod in night.pods:
        estimates = night.estimates[pod.id]
        if not estimates:
            estimates.extend(night.chains[pod.id].push(headbands[pod.id].take()))
        pod.on_estimate(estimates.popleft(), now_s)
        pod.tick(now_s)
        night.grants[pod.id].look(now_s)
    night.gateway.shell.tick()
    await _deliver(night)
    night.log.flush()


async def _deliver(night: _Night) -> None:
    """Deliver what was sent, and what was sent in answer, until nobody has anything more to say."""
    for _ in range(MAX_ROUNDS):
        await asyncio.sleep(0)
        await night.barrier.settled(SETTLE_TIMEOUT_S)
        if not night.endpoint.alive():
            raise BrokerError(f"{night.endpoint.description}: it died in the night")
        # Every inbox is emptied before anybody answers: an answer may arrive while others are still read.
        to_gateway = _drained(night.gateway.client)
        to_pods = [(link, _drained(link.client)) for link in night.links]
        if not to_gateway and not any(messages for _, messages in to_pods):
            return
        for message in to_gateway:
            night.gateway.shell.on_message(message)
        for link, messages in to_pods:
            for message in messages:
                link.on_message(message)
    raise SanctuaryError(f"more than {MAX_ROUNDS} rounds of messages within one second")


def _drained(client: MqttClient) -> list[MqttMessage]:
    """Take what has arrived, ordered by topic, so that the order owes nothing to the broker."""
    return sorted(client.drain(), key=lambda message: message.topic)


def _moment(night: _Night, end_s: float, real_s: float) -> Moment:
    return Moment(
        night.now_s,
        end_s,
        night.now_s / real_s if real_s else 0.0,
        night.gateway.shell.open_windows,
        night.gateway.shell.opened,
    )


def _facts(night: _Night, wall_s: float) -> NightFacts:
    interrupted = night.stop.is_set or night.trouble is not None
    return NightFacts(
        live=False,
        seed=night.options.seed,
        hours=round(night.now_s / 3600.0, 4) if interrupted else night.options.hours,
        duration_s=night.now_s,
        broker=night.endpoint.description,
        interrupted=interrupted,
        trouble=night.trouble,
        messages={"sent": sum(client.sent for client in night.clients)},
        timing=Timing(wall_s=round(wall_s, 2), times_real_time=round(night.now_s / wall_s, 1)),
    )
