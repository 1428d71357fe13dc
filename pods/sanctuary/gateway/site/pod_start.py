"""Starts one pod of a night in real time: its link, its devices, its core, its headband, in this order."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import PodEntry
from sanctuary.firmware_bridge.headbands.headband import HeadbandInfo
from sanctuary.firmware_bridge.outputs.cue_track import CueTrack
from sanctuary.firmware_bridge.outputs.output import Onset
from sanctuary.firmware_bridge.outputs.pins import StopButton
from sanctuary.firmware_bridge.recordings.capture import CaptureWriter
from sanctuary.firmware_bridge.recordings.part_file import Report
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.firmware_bridge.stream.reader import HeadbandPump
from sanctuary.gateway.site.assembly import NightPlan, Vigil, identity_of, make_pod
from sanctuary.gateway.site.clocks import PodTime
from sanctuary.gateway.site.cue_timing import AHEAD_S
from sanctuary.gateway.site.demo import CHANNELS
from sanctuary.gateway.site.headband_start import simulated, wanted
from sanctuary.gateway.site.lacking import grant_watch, note_what_is_not_there
from sanctuary.gateway.site.live_pod import BeginRecording, LivePod
from sanctuary.gateway.site.machine_clock import alive_s, boot_id
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs, build_outputs, lamp_of
from sanctuary.gateway.site.pod_shell import PodRunner, to_message
from sanctuary.gateway.site.stopping import run_beside
from sanctuary.gateway.site.storage import ConsentKeeper, MemoryKeeper, PodMemories
from sanctuary.gateway.sleeper_memories import Memories
from sanctuary.pods.mqtt.broker import BrokerEndpoint
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.queues import Outbox
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp, MqttMessage
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.protocol.contract import is_lasting
from sanctuary.signal.chain import Chain

_LOG = logging.getLogger(__name__)

Designs = Mapping[str, LoadedDesign]


class PodLink:
    """A pod's client, and who hears of its link: nobody, until the pod is there.

    Parameters
    ----------
    plan
        Of the night: whose pod it is, and its boot.
    outbox
        Where what must outlive a crash waits for the broker; None keeps it in memory.
    """

    def __init__(
        self, plan: NightPlan, entry: PodEntry, endpoint: BrokerEndpoint, outbox: Outbox | None = None
    ) -> None:
        self._pods: list[LivePod] = []
        self.client = MqttClient(
            plan.client_id(entry.id),
            endpoint.host,
            endpoint.port,
            settings=plan.settings.broker,
            will=to_message(status(identity_of(plan, entry), "gateway", online=False)),
            outbox=outbox,
            lasting=is_lasting,
            on_link=self._pass_on,
        )

    def attach(self, pod: LivePod) -> None:
        """Tell this pod from now on, and at once where the link is up."""
        self._pods.append(pod)
        if self.client.is_connected:
            pod.on_link(LinkUp(session_present=False), self.client)

    def _pass_on(self, event: LinkEvent) -> None:
        for pod in self._pods:
            pod.on_link(event, self.client)


class PodClocks(NamedTuple):
    """How a pod measures the sanctuary clock, and what it hears of UTC."""

    time: PodTime
    utc: PodUtc


async def start_pod(
    vigil: Vigil,
    entry: PodEntry,
    designs: Designs,
    link: PodLink,
    clocks: PodClocks,
    ports: dict[str, str],
    stack: AsyncExitStack,
) -> None:
    """Start a pod whose link has been entered.

    Parameters
    ----------
    clocks
        How it knows the time.
    ports
        Of simulated headbands, by pod.
    """
    headband, client = entry.headband, link.client
    if isinstance(headband, SimulatedHeadband):
        device = simulated(ports[entry.id], CHANNELS)
    else:
        device = wanted(headband)
    live: list[LivePod] = []
    outputs = await _outputs(vigil, entry, live, stack)
    track = CueTrack(vigil.folder / f"{entry.id}.cues.wav", sounds=vigil.sounds)
    entries = (
        None if entry.is_simulated else ConsentKeeper(entry.id, partial(vigil.store.keep_consent, entry.id))
    )
    core = _core(vigil, entry, designs)
    keeper = MemoryKeeper(PodMemories(vigil.settings.site.data_dir))
    runner = PodRunner(
        core,
        vigil.journal,
        track,
        client.publish,
        outputs,
        entries,
        keeper,
        clock=clocks.time,
        utc=clocks.utc,
        ahead_s=AHEAD_S,
    )
    runner.hear_utc(vigil.now())
    pod = _live_pod(vigil, entry, designs, runner, device.info)
    live.append(pod)
    vigil.pods.append(pod)
    _wire_stop_button(entry, pod, stack)
    client.subscribe(*runner.subscriptions)
    await client.connected()
    link.attach(pod)
    note_what_is_not_there(vigil.settings, entry, designs, vigil.journal, vigil.now())
    pod.tell_state()
    run_beside(stack, pod.listen(client), entry.id)
    run_beside(stack, pod.digest(), f"{entry.id} chain")
    capture = device.capture(vigil.folder, entry.id) if vigil.capture and not entry.is_simulated else None
    pump = HeadbandPump(device.maker(capture), pod.on_block, pod.on_lost, pod.on_found)
    pod.watch(pump, client)
    vigil.pumps.append(pump)
    pump.start()
    stack.callback(_let_go, pump, capture)


def _live_pod(
    vigil: Vigil, entry: PodEntry, designs: Designs, runner: PodRunner, info: HeadbandInfo
) -> LivePod:
    settings = vigil.settings
    memory = Memories(settings.site.data_dir).load(entry.sleeper) if entry.remember else None
    chain = Chain(info.fs_hz, info.channels[:2], settings.chain, rail_uv=info.rail_uv[:2], memory=memory)
    grants = grant_watch(settings, entry, runner.pod, designs, vigil.journal)
    return LivePod(runner, chain, info, vigil.clock, _recording(vigil, entry, info), vigil.journal, grants)


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


async def _outputs(vigil: Vigil, entry: PodEntry, live: list[LivePod], stack: AsyncExitStack) -> PodOutputs:
    """Make the pod's devices; their news reach the loop from whatever thread they come."""
    clients: list[MqttClient] = []

    def publish(topic: str, payload: bytes, qos: int) -> None:
        for client in clients:
            client.publish(MqttMessage(topic, payload, 1 if qos else 0))

    def began(onset: Onset) -> None:
        for pod in live:
            pod.on_onset(onset)

    data_dir = vigil.settings.site.data_dir
    outputs = build_outputs(entry.id, entry.devices, data_dir, publish, began, vigil.now, vigil.sounds)
    if (lamp := lamp_of(entry.devices)) is not None:
        off = lamp.off()
        client = _lamp_client(vigil, entry, MqttMessage(off.topic, off.payload, 1), outputs)
        clients.append(client)
        await stack.enter_async_context(client)
        vigil.stop.when_hurried(client.hurry)
    stack.callback(outputs.close)
    return outputs


def _lamp_client(vigil: Vigil, entry: PodEntry, dark: MqttMessage, outputs: PodOutputs) -> MqttClient:
    """Make a client for a lamp alone, whose last will is darkness: whatever becomes of us, it goes dark."""

    def on_link(event: LinkEvent) -> None:
        if isinstance(event, LinkUp):
            outputs.linked()

    return MqttClient(
        vigil.plan.client_id(f"{entry.id}-lamp"),
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


def _core(vigil: Vigil, entry: PodEntry, designs: Designs) -> Pod:
    memory = PodMemories(vigil.settings.site.data_dir).load(entry.id)
    own_utc_s = time.time()
    if memory is not None:
        own_utc_s = memory.own_utc_s(own_utc_s, alive_s(), boot_id())
    try:
        return make_pod(vigil.plan, entry, designs, memory, own_utc_s)
    except ProtocolError as error:
        where = vigil.store.folder / "consent" / entry.id
        raise SanctuaryError(f"{where}: {error}; remove the entry, or have it signed anew") from error


def _recording(vigil: Vigil, entry: PodEntry, info: HeadbandInfo) -> BeginRecording | None:
    """Give what begins the pod's recording once its first sample is there; None where nothing is recorded."""
    if not vigil.settings.record.edf:
        return None

    def begin_recording(start: datetime, report: Report) -> NightRecorder:
        return NightRecorder(
            vigil.folder,
            entry.id,
            info.fs_hz,
            info.channels,
            start,
            rail_uv=max(info.rail_uv),
            sleeper=entry.sleeper,
            report=report,
        )

    return begin_recording
