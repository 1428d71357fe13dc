"""A night in real time: headbands named in the settings, simulated sleepers for the rest.

The pods, chains and coordinator are those of the simulated night; only the source of samples and the clock
differ.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.config.fleet import PodEntry
from sanctuary.config.headbands import SimulatedHeadband
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.headbands import HeadbandInfo
from sanctuary.firmware_bridge.outputs.base import Onset
from sanctuary.firmware_bridge.outputs.pins import StopButton
from sanctuary.firmware_bridge.outputs.wav import CueTrack
from sanctuary.firmware_bridge.pump import HeadbandPump
from sanctuary.gateway.memories import Memories
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.fleet import CHANNELS, Truth, sleeper_specs
from sanctuary.gateway.night.headbands import simulated, wanted
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live import LiveTable, Moment
from sanctuary.gateway.night.live_pod import LivePod
from sanctuary.gateway.night.outputs import PodOutputs, build_outputs
from sanctuary.gateway.night.people import NightPlan, designs_of, make_coordinator, make_pod
from sanctuary.gateway.night.pod_runner import PodRunner
from sanctuary.gateway.night.result import night_result
from sanctuary.gateway.night.sending import to_message
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.stopping import StopFlag, stop_on_signals
from sanctuary.gateway.recorder import NightRecorder, recover
from sanctuary.pods.pod.outbox import status
from sanctuary.pods.pod.states import LATCHED, PodPhase
from sanctuary.pods.wire.broker import BrokerEndpoint, open_broker
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.link import LinkEvent
from sanctuary.pods.wire.packets import Message
from sanctuary.signal.chain import Chain
from sanctuary.simulator.hardware import HardwareProcess

_LOG = logging.getLogger(__name__)

TICK_S = 0.5
"""Pods want a tick at least once a second."""
CUE_TICK_S = 0.04
"""Devices that render a cue want one far more often."""
LONGEST_NIGHT_H = 16.0
"""Simulated sleepers are drawn for this long; whoever runs on has them awake."""

Display = Callable[[Sequence[PodRunner], Callable[[str, float], str | None]], LiveTable]


@dataclass(slots=True)
class _Vigil:
    """Everything that runs."""

    settings: SanctuarySettings
    store: SiteStore
    folder: Path
    endpoint: BrokerEndpoint
    journal: Journal
    plan: NightPlan
    zero_s: float
    capture: bool
    pods: list[LivePod] = field(default_factory=list)
    coordinator: CoordinatorRunner = field(init=False)
    trouble: str | None = None
    latched: dict[str, PodPhase] | None = None
    latch_told: bool = False

    def now(self) -> float:
        """Give the sanctuary clock: monotonic seconds since the start."""
        return time.monotonic() - self.zero_s


@dataclass(frozen=True, slots=True)
class NightFiles:
    """The result of a night and the folder that it is in."""

    result: dict[str, Any]
    folder: Path


async def run_night(
    settings: SanctuarySettings, hours: float | None, display: Display, *, capture: bool = False
) -> NightFiles:
    """Watch over one night until somebody stops it, or for `hours`; keeps every byte where `capture` asks.

    Raises
    ------
    SanctuaryError
        Something could not be started.
    """
    store = SiteStore(settings.site.data_dir)
    nights = settings.site.data_dir / settings.record.folder
    for earlier in sorted(nights.iterdir()) if nights.is_dir() else []:
        recover(earlier)
    folder = nights / datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    truth = Truth(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    with stop_on_signals() as stop, ExitStack() as files:
        async with AsyncExitStack() as stack:
            vigil = await _begin(settings, store, folder, stack, files, capture=capture)
            with display([pod.runner for pod in vigil.pods], truth.stage_at) as table:
                await _watch(vigil, hours, stop, table)
        for pod in vigil.pods:
            _close(pod)
        _remember(vigil)
        _keep_latched(vigil)
        vigil.journal.flush()
        runners = [pod.runner for pod in vigil.pods]
        result = night_result(settings, runners, vigil.journal.records, truth.epochs, _extra(vigil))
    return NightFiles(result, folder)


async def _begin(
    settings: SanctuarySettings,
    store: SiteStore,
    folder: Path,
    stack: AsyncExitStack,
    files: ExitStack,
    *,
    capture: bool,
) -> _Vigil:
    """Start broker, coordinator, pods and headbands, in this order."""
    designs = designs_of(settings.circles)
    plan = NightPlan(
        settings,
        store.secret(),
        f"n{secrets.token_hex(6)}",
        store.next_term(),
        time.time(),
        {entry.id: store.consent(entry.id) for entry in settings.pods if not entry.is_simulated},
    )
    endpoint = await stack.enter_async_context(open_broker(settings.broker))
    journal = Journal(folder / "events.jsonl")
    files.callback(journal.close)
    vigil = _Vigil(settings, store, folder, endpoint, journal, plan, time.monotonic(), capture)
    await _start_coordinator(vigil, designs, stack)
    ports = _simulated_ports(settings, stack)
    for entry in settings.pods:
        await _start_pod(vigil, entry, designs, ports, stack)
    return vigil


async def _start_coordinator(vigil: _Vigil, designs: Any, stack: AsyncExitStack) -> None:
    site = vigil.settings.site.id
    client = MqttClient(
        f"{site}-coordinator", vigil.endpoint.host, vigil.endpoint.port, settings=vigil.settings.broker
    )
    await stack.enter_async_context(client)
    core = make_coordinator(vigil.plan, designs)
    vigil.coordinator = CoordinatorRunner(site, core, vigil.journal, client.publish, vigil.now)
    for topic in vigil.coordinator.subscriptions:
        client.subscribe(topic)
    await client.connected()
    _task(stack, _listen(vigil, client), "coordinator")


async def _listen(vigil: _Vigil, client: MqttClient) -> None:
    async for message in client:
        vigil.coordinator.message(message, vigil.now())


def _simulated_ports(settings: SanctuarySettings, stack: AsyncExitStack) -> dict[str, str]:
    specs = sleeper_specs(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    if not specs:
        return {}
    return stack.enter_context(HardwareProcess(specs, pacing="realtime")).ports


async def _start_pod(
    vigil: _Vigil, entry: PodEntry, designs: Any, ports: dict[str, str], stack: AsyncExitStack
) -> None:
    settings = vigil.settings
    headband = entry.headband
    if isinstance(headband, SimulatedHeadband):
        device = simulated(ports[entry.id], CHANNELS)
    else:
        device = wanted(headband)
    pod = _core(vigil, entry, designs)
    live: list[LivePod] = []
    client = MqttClient(
        f"{settings.site.id}-{entry.id}",
        vigil.endpoint.host,
        vigil.endpoint.port,
        settings=settings.broker,
        will=to_message(status(pod.identity, "gateway", online=False)),
        on_link=lambda event: _pass_on(live, event, client),
    )
    track = CueTrack(vigil.folder / f"{entry.id}.cues.wav")
    outputs = _outputs(vigil, entry, live, client)
    runner = PodRunner(pod, vigil.journal, track, client.publish, outputs)
    info = device.info
    memory = Memories(settings.site.data_dir).load(entry.sleeper) if entry.remember else None
    chain = Chain(info.fs_hz, info.channels[:2], settings.chain, rail_uv=info.rail_uv[:2], memory=memory)
    live.append(LivePod(runner, chain, info, vigil.zero_s, _recorder(vigil, entry, info)))
    vigil.pods.append(live[0])
    stack.callback(outputs.close)
    _wire_stop_button(entry, live[0], stack)
    await stack.enter_async_context(client)
    for topic in runner.subscriptions:
        client.subscribe(topic)
    await client.connected()
    _task(stack, live[0].listen(client), entry.id)
    _task(stack, live[0].digest(), f"{entry.id} chain")
    capture = device.capture(vigil.folder, entry.id) if vigil.capture and not entry.is_simulated else None
    if capture is not None:
        stack.callback(capture.close)
    pump = HeadbandPump(device.maker(capture), live[0].on_block, live[0].on_lost, live[0].on_found)
    live[0].watch(pump, client)
    pump.start()
    stack.callback(pump.stop)


def _pass_on(live: list[LivePod], event: LinkEvent, client: MqttClient) -> None:
    for pod in live:
        pod.on_link(event, client)


def _outputs(vigil: _Vigil, entry: PodEntry, live: list[LivePod], client: MqttClient) -> PodOutputs:
    """Make the pod's devices; their news reach the loop from whatever thread they come."""

    def publish(topic: str, payload: bytes) -> None:
        client.publish(Message(topic, payload, 0))

    def began(onset: Onset) -> None:
        for pod in live:
            pod.on_onset(onset)

    return build_outputs(entry.id, entry.devices, vigil.settings.site.data_dir, publish, began, vigil.now)


def _wire_stop_button(entry: PodEntry, pod: LivePod, stack: AsyncExitStack) -> None:
    button = entry.devices.stop_button
    if button is not None:
        stack.callback(StopButton(button.pin, pod.on_stop_button).close)


def _core(vigil: _Vigil, entry: PodEntry, designs: Any) -> Any:
    try:
        return make_pod(vigil.plan, entry, designs, latched=vigil.store.latched().get(entry.id))
    except ProtocolError as error:
        where = vigil.store.folder / "consent" / entry.id
        raise SanctuaryError(f"{where}: {error}; remove the entry, or have it signed anew") from error


def _recorder(vigil: _Vigil, entry: PodEntry, info: HeadbandInfo) -> NightRecorder | None:
    if not vigil.settings.record.edf:
        return None
    return NightRecorder(
        vigil.folder,
        entry.id,
        info.fs_hz,
        info.channels,
        datetime.now().astimezone(),
        rail_uv=max(info.rail_uv),
        sleeper=entry.sleeper,
    )


async def _watch(vigil: _Vigil, hours: float | None, stop: StopFlag, table: LiveTable) -> None:
    """Let time pass: a tick every half second, and one at every step that is due."""
    end_s = hours * 3600.0 if hours is not None else None
    broker_told = False
    while not stop.is_set:
        now_s = vigil.now()
        if end_s is not None and now_s >= end_s:
            return
        for pod in vigil.pods:
            pod.runner.tick(now_s)
            pod.tell_state()
        vigil.coordinator.tick(now_s)
        vigil.journal.flush()
        _keep_latched(vigil)
        if not broker_told and not vigil.endpoint.alive():
            broker_told = True
            vigil.trouble = f"{vigil.endpoint.description}: it died in the night; no window opened after that"
            _LOG.warning("%s; recording goes on", vigil.trouble)
        table.update(Moment(now_s, end_s, 1.0, vigil.coordinator.open_windows, vigil.coordinator.opened))
        due_s = min((pod.runner.pod.next_due_s for pod in vigil.pods), default=now_s + TICK_S)
        if any(pod.runner.outputs.busy for pod in vigil.pods):
            due_s = min(due_s, now_s + CUE_TICK_S)
        await stop.wait(max(0.0, min(now_s + TICK_S, due_s) - vigil.now()))


def _remember(vigil: _Vigil) -> None:
    """Keep what the night taught of those sleepers who agreed to it."""
    memories = Memories(vigil.settings.site.data_dir)
    for entry, pod in zip(vigil.settings.pods, vigil.pods, strict=True):
        if entry.remember:
            try:
                memories.learn(entry.sleeper, pod.remember())
            except SanctuaryError as error:
                _LOG.warning("%s: %s; the night itself is complete", entry.id, error)


def _keep_latched(vigil: _Vigil) -> None:
    """Keep which pods are stopped or withdrawn as soon as that changes: a crash is no reset."""
    latched = {pod.runner.id: phase for pod in vigil.pods if (phase := pod.runner.pod.phase) in LATCHED}
    if latched == vigil.latched:
        return
    try:
        vigil.store.keep_latched(latched)
        vigil.latched = latched
    except SanctuaryError as error:
        if not vigil.latch_told:
            _LOG.error("%s", error)
        vigil.latch_told = True


def _task(stack: AsyncExitStack, work: Any, name: str) -> None:
    """Run `work` until the night ends; a mistake in it is told, never swallowed."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_told)
    stack.callback(task.cancel)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("%s ended: %s", task.get_name(), error, exc_info=error)


def _close(pod: LivePod) -> None:
    try:
        pod.close()
    except SanctuaryError as error:
        _LOG.error("%s", error)


def _extra(vigil: _Vigil) -> dict[str, Any]:
    now_s = vigil.now()
    return {
        "hours": round(now_s / 3600.0, 4),
        "duration_s": round(now_s, 3),
        "broker": vigil.endpoint.description,
        "interrupted": False,
        "trouble": vigil.trouble,
        "timing": {"wall_s": round(now_s, 2), "times_real_time": 1.0},
    }
