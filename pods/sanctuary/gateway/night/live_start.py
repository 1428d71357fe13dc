"""Starts a night in real time: broker, coordinator, pods and headbands, in this order."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.config.fleet import PodEntry
from sanctuary.config.headbands import SimulatedHeadband
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.captures.writing import CaptureWriter
from sanctuary.firmware_bridge.headbands import HeadbandInfo
from sanctuary.firmware_bridge.outputs.base import Onset
from sanctuary.firmware_bridge.outputs.pins import StopButton
from sanctuary.firmware_bridge.outputs.wav import CueTrack
from sanctuary.firmware_bridge.pump import HeadbandPump
from sanctuary.gateway.memories import Memories
from sanctuary.gateway.night.fleet import CHANNELS, sleeper_specs
from sanctuary.gateway.night.gateway_line import GatewayLine
from sanctuary.gateway.night.headbands import simulated, wanted
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live_pod import LivePod
from sanctuary.gateway.night.outputs import PodOutputs, build_outputs, lamp_of
from sanctuary.gateway.night.people import NightPlan, designs_of, make_gateway, make_pod
from sanctuary.gateway.night.pod_memories import MemoryKeeper, PodMemories
from sanctuary.gateway.night.pod_runner import PodRunner
from sanctuary.gateway.night.sending import to_message
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.vigil import Vigil
from sanctuary.gateway.recorder import NightRecorder
from sanctuary.pods.pod.memory import PodMemory
from sanctuary.pods.pod.outbox import status
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.wire.broker import open_broker
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.link import LinkEvent, LinkUp
from sanctuary.pods.wire.packets import Message
from sanctuary.signal.chain import Chain
from sanctuary.simulator.hardware import HardwareProcess

_LOG = logging.getLogger(__name__)

LONGEST_NIGHT_H = 16.0
"""Simulated sleepers are drawn for this long; whoever runs on has them awake."""


async def begin(
    settings: SanctuarySettings,
    store: SiteStore,
    folder: Path,
    stack: AsyncExitStack,
    files: ExitStack,
    *,
    capture: bool,
) -> Vigil:
    """Start broker, coordinator, pods and headbands, in this order."""
    designs = designs_of(settings.circles)
    plan = NightPlan(
        settings,
        store.secret(),
        f"n{secrets.token_hex(6)}",
        store.term(),
        time.time(),
        {entry.id: store.consent(entry.id) for entry in settings.pods if not entry.is_simulated},
    )
    endpoint = await stack.enter_async_context(open_broker(settings.broker))
    journal = Journal(folder / "events.jsonl")
    files.callback(journal.close)
    vigil = Vigil(settings, store, folder, endpoint, journal, plan, time.monotonic(), capture)
    await _start_coordinator(vigil, designs, stack)
    ports = _simulated_ports(settings, stack)
    for entry in settings.pods:
        await _start_pod(vigil, entry, designs, ports, stack)
    return vigil


async def _start_coordinator(vigil: Vigil, designs: Any, stack: AsyncExitStack) -> None:
    line = GatewayLine(
        vigil.settings,
        make_gateway(vigil.plan, designs),
        vigil.endpoint,
        vigil.journal,
        vigil.now,
        vigil.store.keep_term,
    )
    vigil.coordinator = line.runner
    await stack.enter_async_context(line.client)
    await line.open()
    _task(stack, line.listen(), "coordinator")


def _simulated_ports(settings: SanctuarySettings, stack: AsyncExitStack) -> dict[str, str]:
    specs = sleeper_specs(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    if not specs:
        return {}
    return stack.enter_context(HardwareProcess(specs, pacing="realtime")).ports


async def _start_pod(
    vigil: Vigil, entry: PodEntry, designs: Any, ports: dict[str, str], stack: AsyncExitStack
) -> None:
    settings = vigil.settings
    headband = entry.headband
    if isinstance(headband, SimulatedHeadband):
        device = simulated(ports[entry.id], CHANNELS)
    else:
        device = wanted(headband)
    memories = PodMemories(settings.site.data_dir)
    core = _core(vigil, entry, designs, memories.load(entry.id))
    live: list[LivePod] = []
    client = MqttClient(
        f"{settings.site.id}-{entry.id}",
        vigil.endpoint.host,
        vigil.endpoint.port,
        settings=settings.broker,
        will=to_message(status(core.identity, "gateway", online=False)),
        on_link=lambda event: _pass_on(live, event, client),
    )
    outputs = await _outputs(vigil, entry, live, stack)
    track = CueTrack(vigil.folder / f"{entry.id}.cues.wav")
    keep = None if entry.is_simulated else partial(_keep_consent, vigil.store, entry.id)
    keeper = MemoryKeeper(memories)
    runner = PodRunner(core, vigil.journal, track, client.publish, outputs, keep, keeper)
    pod = _live_pod(vigil, entry, runner, device.info)
    live.append(pod)
    vigil.pods.append(pod)
    _wire_stop_button(entry, pod, stack)
    await stack.enter_async_context(client)
    for topic in runner.subscriptions:
        client.subscribe(topic)
    await client.connected()
    _task(stack, pod.listen(client), entry.id)
    _task(stack, pod.digest(), f"{entry.id} chain")
    capture = device.capture(vigil.folder, entry.id) if vigil.capture and not entry.is_simulated else None
    pump = HeadbandPump(device.maker(capture), pod.on_block, pod.on_lost, pod.on_found)
    pod.watch(pump, client)
    vigil.pumps.append(pump)
    pump.start()
    stack.callback(_let_go, pump, capture)


def _live_pod(vigil: Vigil, entry: PodEntry, runner: PodRunner, info: HeadbandInfo) -> LivePod:
    settings = vigil.settings
    memory = Memories(settings.site.data_dir).load(entry.sleeper) if entry.remember else None
    chain = Chain(info.fs_hz, info.channels[:2], settings.chain, rail_uv=info.rail_uv[:2], memory=memory)
    return LivePod(runner, chain, info, vigil.zero_s, _recording(vigil, entry, info))


def _keep_consent(store: SiteStore, pod: str, entry: bytes) -> None:
    """Keep an entry that came in the night; one that cannot be kept holds all the same until the morning."""
    try:
        store.keep_consent(pod, entry)
    except SanctuaryError as error:
        _LOG.error("%s: %s; this entry has to be given anew after a restart", pod, error)


def _let_go(pump: HeadbandPump, capture: CaptureWriter | None) -> None:
    """Stop a pump, unless it has been told to, and finish its capture, unless its thread still writes."""
    if not pump.stopped:
        stop_pump(pump)
    if capture is not None and not pump.running:
        capture.close()


def stop_pump(pump: HeadbandPump) -> None:
    """Stop a pump; what had ended it before is told, and costs the others nothing."""
    try:
        pump.stop()
    except Exception as error:
        _LOG.error("a headband was not read to the end: %s", error)


def _pass_on(live: list[LivePod], event: LinkEvent, client: MqttClient) -> None:
    for pod in live:
        pod.on_link(event, client)


async def _outputs(vigil: Vigil, entry: PodEntry, live: list[LivePod], stack: AsyncExitStack) -> PodOutputs:
    """Make the pod's devices; their news reach the loop from whatever thread they come."""
    clients: list[MqttClient] = []

    def publish(topic: str, payload: bytes, qos: int) -> None:
        for client in clients:
            client.publish(Message(topic, payload, 1 if qos else 0))

    def began(onset: Onset) -> None:
        for pod in live:
            pod.on_onset(onset)

    data_dir = vigil.settings.site.data_dir
    outputs = build_outputs(entry.id, entry.devices, data_dir, publish, began, vigil.now)
    if (lamp := lamp_of(entry.devices)) is not None:
        off = lamp.off()
        client = _lamp_client(vigil, entry, Message(off.topic, off.payload, 1), outputs)
        clients.append(client)
        await stack.enter_async_context(client)
    stack.callback(outputs.close)
    return outputs


def _lamp_client(vigil: Vigil, entry: PodEntry, dark: Message, outputs: PodOutputs) -> MqttClient:
    """Make a client for a lamp alone, whose last will is darkness: whatever becomes of us, it goes dark."""

    def on_link(event: LinkEvent) -> None:
        if isinstance(event, LinkUp):
            outputs.linked()

    return MqttClient(
        f"{vigil.settings.site.id}-{entry.id}-lamp",
        vigil.endpoint.host,
        vigil.endpoint.port,
        settings=vigil.settings.broker,
        will=dark,
        on_link=on_link,
    )


def _wire_stop_button(entry: PodEntry, pod: LivePod, stack: AsyncExitStack) -> None:
    button = entry.devices.stop_button
    if button is not None:
        stack.callback(StopButton(button.pin, pod.on_stop_button).close)


def _core(vigil: Vigil, entry: PodEntry, designs: Any, memory: PodMemory | None) -> Pod:
    try:
        return make_pod(vigil.plan, entry, designs, memory)
    except ProtocolError as error:
        where = vigil.store.folder / "consent" / entry.id
        raise SanctuaryError(f"{where}: {error}; remove the entry, or have it signed anew") from error


def _recording(
    vigil: Vigil, entry: PodEntry, info: HeadbandInfo
) -> Callable[[datetime], NightRecorder] | None:
    """Give what begins the pod's recording once its first sample is there; None where nothing is recorded."""
    if not vigil.settings.record.edf:
        return None

    def begin_recording(start: datetime) -> NightRecorder:
        return NightRecorder(
            vigil.folder,
            entry.id,
            info.fs_hz,
            info.channels,
            start,
            rail_uv=max(info.rail_uv),
            sleeper=entry.sleeper,
        )

    return begin_recording


def _task(stack: AsyncExitStack, work: Any, name: str) -> None:
    """Run `work` until the night ends; a mistake in it is told, never swallowed."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_told)
    stack.callback(task.cancel)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("%s ended: %s", task.get_name(), error, exc_info=error)
