"""How far apart pods begin the same step: sixteen processes, sixteen clocks, one Mosquitto, one coordinator.

Run as ``python benchmarks/start_skew.py --windows 9``. Each pod is a process of its own with the product's
core, runner, client, clock and outputs; its own clock is this computer's monotonic clock, put hours aside and
made to run up to 50 ppm fast or slow, so that it has to be measured over MQTT. Its chain is scripted: stable
REM, always. The gaps of limiter and design are set to a second, past what settings allow, for 200 steps in
minutes.

Reported onset: by the pod's own idea of the sanctuary clock, as its log has it. True onset: by the monotonic
clock that all processes of a computer share. Peer: a bare message, and each pod's product client hands the
cue over when it arrives.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, nullcontext
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary
from sanctuary.gateway.site import cue_timing as beat
from sanctuary.gateway.site.clocks import FollowedTime, cadence_of
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.live_site import BrokerWire, RunningSite, start_gateway, watch
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.site import Site, new_boot
from sanctuary.gateway.site.site_clock import open_clock
from sanctuary.gateway.site.stopping import stop_on_signals
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.broker import BrokerEndpoint, open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage
from scripted_pod import NoTable, Scripted, be_pod, one_circle, steps_every

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from recording_output import RecordingOutput

STEPS = 25
STEP_S = 1.0
FIRE = "bench/fire"


def every_second() -> LoadedDesign:
    """Make a design with a step each second."""
    return steps_every(STEP_S, STEPS, duration_s=0.3, length_s=27.0)


class Onsets:
    """What a pod's output was asked to play, with both clocks."""

    def __init__(self, clock: FollowedTime) -> None:
        self.rows: list[dict[str, float]] = []
        self.fired: list[tuple[int, float]] = []
        self._clock = clock

    def now(self) -> float:
        """Give the pod's sanctuary clock; the call that stamps an onset."""
        return self._clock.now()

    def began(self, onset: Any) -> None:
        """Note an onset, with the moment on the clock that all processes share."""
        self.rows.append(
            {"due_s": onset.wanted_s, "reported_s": onset.happened_s, "true_s": time.monotonic()}
        )


async def on_receipt(client: MqttClient, output: RecordingOutput, onsets: Onsets) -> None:
    """Play when a message comes: the peer."""
    cue = Cue(Modality.SOUND, 30.0, 0.3, 0.1)
    async for message in client:
        output.play(cue, 0.0)
        onsets.fired.append((int(message.payload), time.monotonic()))


async def one_pod(settings: SanctuarySettings, number: int, folder: Path) -> None:
    """Be a pod until told to stop, then write down what was played."""
    entry, rng = settings.pods[number], Random(number)
    aside_s, drift = rng.uniform(-6.0, 6.0) * 3600.0, rng.uniform(-50e-6, 50e-6)
    base_s = 3600.0 * 24

    def own(monotonic_s: float) -> float:
        return base_s + aside_s + monotonic_s * (1.0 + drift)

    all_onsets: list[Onsets] = []

    def devices(clock: FollowedTime) -> PodOutputs:
        onsets = Onsets(clock)
        all_onsets.append(onsets)
        output = RecordingOutput(folder / f"{entry.id}.jsonl", onsets.began, clock=onsets.now)
        return PodOutputs(entry.id, {Modality.SOUND: output})

    async def peer(stack: AsyncExitStack) -> Coroutine[Any, Any, None]:
        broker = settings.broker
        fire = MqttClient(f"fire-{entry.id}", broker.host, broker.port, settings=broker)
        await stack.enter_async_context(fire)
        await fire.subscribe(FIRE)
        return on_receipt(fire, RecordingOutput(None, clock=all_onsets[0].now), all_onsets[0])

    log_path, phase_s = folder / entry.id / "events.jsonl", rng.random()
    clock = await be_pod(
        settings, entry.id, log_path, every_second(), devices, own=own, phase_s=phase_s, beside=peer
    )
    if clock is None:
        return
    onsets = all_onsets[0]
    told = {
        "rows": onsets.rows,
        "fired": onsets.fired,
        "uncertainty_s": clock.uncertainty_s,
        "aside_s": aside_s,
        "ppm": drift * 1e6,
    }
    (folder / f"{entry.id}.result").write_text(json.dumps(told))


async def gateway(settings: SanctuarySettings, folder: Path) -> None:
    """Be the coordinator until told to stop."""
    store, boot = SiteStore(settings.site.data_dir), new_boot()
    clock = open_clock(store, "gateway-1", boot, system=False, cadence=cadence_of(settings.clock))
    endpoint = BrokerEndpoint(settings.broker.host, settings.broker.port, "external", "benchmark")
    with stop_on_signals() as stop, ExitStack() as files:
        async with AsyncExitStack() as stack:
            log = EventLog(folder / "gateway" / "events.jsonl")
            files.callback(log.close)
            wire, samples = BrokerWire(settings, store, endpoint, files), Scripted(log, clock, 0.0)
            designs = {"tide": every_second()}
            site = Site(settings, samples, wire, SYSTEM_CLOCK, store, log=log, boot=boot, designs=designs)
            own_utc, sounds = OwnUtc("gateway-1", store), SoundLibrary()
            running = RunningSite(
                site, samples, log, folder, endpoint, clock, stop, clock.now(), own_utc, sounds
            )
            running.gateway = site.open_gateway(clock)
            await start_gateway(running.gateway, settings.site.id, endpoint, stack, stop)
            await watch(running, None, NoTable())  # type: ignore[arg-type]


def _process(ordinary: bool, work: Any, *arguments: Any) -> None:
    logging.basicConfig(level=logging.WARNING)
    if ordinary:
        beat.first_in_line = nullcontext  # type: ignore[assignment]
    asyncio.run(work(*arguments))


async def fire_away(settings: SanctuarySettings, shots: int) -> None:
    """Publish what the peer plays on."""
    async with MqttClient(
        "fire", settings.broker.host, settings.broker.port, settings=settings.broker
    ) as client:
        await client.connected()
        for number in range(shots):
            client.publish(MqttMessage(FIRE, str(number).encode(), 0))
            await asyncio.sleep(0.25)


async def play(settings: SanctuarySettings, folder: Path, options: argparse.Namespace) -> None:
    """Start everything, wait for the windows to be over, and fire."""
    fork = multiprocessing.get_context("fork")
    people: list[tuple[Any, ...]] = [(gateway, settings, folder)]
    people += [(one_pod, settings, number, folder) for number in range(len(settings.pods))]
    processes = [fork.Process(target=_process, args=(options.ordinary, *each)) for each in people]
    for process in processes:
        process.start()
    try:
        wanted, last = options.windows * STEPS, folder / f"{settings.pods[-1].id}.jsonl"
        for _ in range(options.windows * 60 + 60):
            await asyncio.sleep(1.0)
            if last.exists() and last.read_text().count('"cue"') >= wanted:
                break
        await asyncio.sleep(2.0)
        await fire_away(settings, options.shots)
        await asyncio.sleep(1.0)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            await asyncio.to_thread(process.join, 20.0)


def spreads(groups: dict[Any, list[float]], pods: int) -> list[float]:
    """Spread of each moment at which all pods took part (ms)."""
    return [1e3 * (max(group) - min(group)) for group in groups.values() if len(group) == pods]


def percentiles(values: Sequence[float]) -> str:
    """Median, 95th and 99th percentile, and the greatest."""
    ordered = sorted(values)
    if not ordered:
        return "none"
    picked = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99)]
    return " / ".join(f"{value:.2f}" for value in (*picked, ordered[-1])) + f" ms (n = {len(ordered)})"


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


def results(folder: Path, settings: SanctuarySettings) -> Iterator[dict[str, Any]]:
    """Read what the pods wrote down."""
    for entry in settings.pods:
        path = folder / f"{entry.id}.result"
        if path.exists():
            yield json.loads(path.read_text())


def report(folder: Path, settings: SanctuarySettings) -> None:
    """Print the figures."""
    told, pods = list(results(folder, settings)), len(settings.pods)
    reported: dict[Any, list[float]] = {}
    true: dict[Any, list[float]] = {}
    fired: dict[Any, list[float]] = {}
    late: list[float] = []
    for each in told:
        for row in each["rows"]:
            step = round(row["due_s"], 3)
            reported.setdefault(step, []).append(row["reported_s"])
            true.setdefault(step, []).append(row["true_s"])
            late.append(1e3 * (row["reported_s"] - row["due_s"]))
        for number, at_s in each["fired"]:
            fired.setdefault(number, []).append(at_s)
    print(f"{len(told)} of {pods} pods told; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"clocks aside by up to {max(abs(each['aside_s']) for each in told) / 3600:.1f} h, ", end="")
    print(f"running off by up to {max(abs(each['ppm']) for each in told):.0f} ppm")
    print(f"stated uncertainty at the end: {max(each['uncertainty_s'] for each in told) * 1e3:.2f} ms")
    print(f"steps: {len(reported)}; cues: {len(late)}")
    print(f"onset after it was due:         p50/p95/p99/max {percentiles(late)}")
    ours, truth, peer = spreads(reported, pods), spreads(true, pods), spreads(fired, pods)
    print(f"skew of a step, as reported:    p50/p95/p99/max {percentiles(ours)}")
    print(f"skew of a step, true:           p50/p95/p99/max {percentiles(truth)}")
    print(f"skew when playing on receipt:   p50/p95/p99/max {percentiles(peer)}")
    if truth and peer:
        medians = statistics.median(peer) / statistics.median(truth)
        print(f"on receipt / true, p99: {_p99(peer) / _p99(truth):.1f}; median: {medians:.1f}")


async def run(arguments: argparse.Namespace) -> None:
    """Measure."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with open_broker(BrokerSettings(kind="mosquitto")) as endpoint:
            settings = one_circle(folder, endpoint.port, arguments.pods, gap_s=0.5)
            SiteStore(settings.site.data_dir).secret()
            await play(settings, folder, arguments)
        report(folder, settings)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pods", type=int, default=16)
    parser.add_argument("--windows", type=int, default=9)
    parser.add_argument(
        "--ordinary", action="store_true", help="as on a system that allows no real-time priority"
    )
    parser.add_argument("--shots", type=int, default=225)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
