"""Starts one pod of a night in real time: its link, its devices, its core, its headband, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Onset
from sanctuary.firmware_bridge.headbands.headband import HeadbandInfo
from sanctuary.firmware_bridge.outputs.cue_track import CueTrack
from sanctuary.firmware_bridge.outputs.pins import StopButton
from sanctuary.firmware_bridge.recordings.capture import CaptureWriter
from sanctuary.firmware_bridge.recordings.part_file import Report
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.gateway.site.clocks import LiveTime, PodTime
from sanctuary.gateway.site.cue_timing import AHEAD_S
from sanctuary.gateway.site.demo_night import CHANNELS
from sanctuary.gateway.site.event_log import EventSink
from sanctuary.gateway.site.headband_start import simulated, wanted
from sanctuary.gateway.site.lacking import grant_watch, note_what_is_not_there
from sanctuary.gateway.site.live_pod import BeginRecording, LivePod, stop_pump
from sanctuary.gateway.site.live_site import RunningSite, enter
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs, build_outputs, lamp_of
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.site import PodFittings, PodLink
from sanctuary.gateway.site.stopping import run_beside
from sanctuary.gateway.sleeper_memories import Memories
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp, MqttMessage
from sanctuary.signal.chain import Chain


class HeadbandSamples:
    """Feeds the pods of a `Site` from headbands, real ones and those of simulated sleepers.

    Parameters
    ----------
    folder
        Of the night, for recordings and captures.
    capture
        Whether every byte of real headbands is kept.
    stack
        Stops the headbands.

    Attributes
    ----------
    pods, pumps
        One for each pod that was attached; a pump has to be started.
    ports
        Of simulated headbands, by pod.
    """

    def __init__(
        self,
        settings: SanctuarySettings,
        designs: Mapping[str, LoadedDesign],
        folder: Path,
        log: EventSink,
        clock: LiveTime,
        stack: AsyncExitStack,
        *,
        capture: bool,
    ) -> None:
        self.pods: list[LivePod] = []
        self.pumps: list[HeadbandReader] = []
        self.ports: Mapping[str, str] = {}
        self._settings, self._designs, self._folder = settings, designs, folder
        self._log, self._clock, self._stack, self._capture = log, clock, stack, capture

    def attach(self, entry: PodEntry, pod: PodShell) -> None:
        headband, settings = entry.headband, self._settings
        if isinstance(headband, SimulatedHeadband):
            device = simulated(self.ports[entry.id], CHANNELS)
        else:
            device = wanted(headband)
        info = device.info
        memory = Memories(settings.site.data_dir).load(entry.sleeper) if entry.remember else None
        chain = Chain(info.fs_hz, info.channels[:2], settings.chain, rail_uv=info.rail_uv[:2], memory=memory)
        grants = grant_watch(settings, entry, pod.pod, self._designs, self._log)
        live = LivePod(pod, chain, info, self._clock, self._recording(entry, info), self._log, grants)
        capture = device.capture(self._folder, entry.id) if self._capture and not entry.is_simulated else None
        pump = HeadbandReader(device.maker(capture), live.on_block, live.on_lost, live.on_found)
        self.pods.append(live)
        self.pumps.append(pump)
        self._stack.callback(_let_go, pump, capture)

    def _recording(self, entry: PodEntry, info: HeadbandInfo) -> BeginRecording | None:
        """Give what begins the pod's recording once its first sample is there; None where none is made."""
        if not self._settings.record.edf:
            return None

        def begin_recording(start: datetime, report: Report) -> NightRecorder:
            return NightRecorder(
                self._folder,
                entry.id,
                info.fs_hz,
                info.channels,
                start,
                rail_uv=max(info.rail_uv),
                sleeper=entry.sleeper,
                report=report,
            )

        return begin_recording


def _let_go(pump: HeadbandReader, capture: CaptureWriter | None) -> None:
    """Stop a pump, unless it has been told to, and finish its capture, unless its thread still writes."""
    if not pump.stopped:
        stop_pump(pump)
    if capture is not None and not pump.running:
        capture.close()


async def start_pod(
    running: RunningSite,
    samples: HeadbandSamples,
    entry: PodEntry,
    link: PodLink[MqttClient],
    time: PodTime,
    utc: PodUtc,
    utc_at_zero_s: float,
    stack: AsyncExitStack,
) -> None:
    """Start a pod whose client has been entered.

    Parameters
    ----------
    time, utc
        How it knows the time.
    utc_at_zero_s
        UTC seconds at second 0 of the sanctuary clock.
    """
    outputs = await _outputs(running, entry, samples.pods, stack)
    track = CueTrack(running.folder / f"{entry.id}.cues.wav", sounds=running.sounds)
    shell = running.site.open_pod(entry, link, utc_at_zero_s, PodFittings(time, track, utc, outputs, AHEAD_S))
    pod, pump = samples.pods[-1], samples.pumps[-1]
    shell.update_utc(running.now())
    if (button := entry.devices.stop_button) is not None:
        stack.callback(StopButton(button.pin, pod.on_stop_button).close)
    await link.client.connected()
    link.attach(shell, running.now, pod.headband_status)
    note_what_is_not_there(running.settings, entry, running.site.designs, running.log, running.now())
    pod.tell_state()
    run_beside(stack, link.client.serve(), entry.id)
    run_beside(stack, pod.digest(), f"{entry.id} chain")
    pod.watch(pump, link.client)
    pump.start()


async def _outputs(
    running: RunningSite, entry: PodEntry, pods: list[LivePod], stack: AsyncExitStack
) -> PodOutputs:
    """Make the pod's devices; their news reach the loop from whatever thread they come."""
    clients: list[MqttClient] = []

    def publish(topic: str, payload: bytes, qos: int) -> None:
        for client in clients:
            client.publish(MqttMessage(topic, payload, 1 if qos else 0))

    def began(onset: Onset) -> None:
        for pod in pods:
            if pod.shell.id == entry.id:
                pod.on_onset(onset)

    data_dir = running.settings.site.data_dir
    outputs = build_outputs(entry.id, entry.devices, data_dir, publish, began, running.now, running.sounds)
    if (lamp := lamp_of(entry.devices)) is not None:
        off = lamp.off()
        client = _lamp_client(running, entry, MqttMessage(off.topic, off.payload, 1), outputs)
        clients.append(client)
        await enter(stack, client, running.stop)
    stack.callback(outputs.close)
    return outputs


def _lamp_client(running: RunningSite, entry: PodEntry, dark: MqttMessage, outputs: PodOutputs) -> MqttClient:
    """Make a client for a lamp alone, whose last will is darkness: whatever becomes of us, it goes dark."""

    def on_link(event: LinkEvent) -> None:
        if isinstance(event, LinkUp):
            outputs.linked()

    return running.site.wire.client(
        f"{entry.id}-lamp", will=dark, on_link=on_link, on_message=lambda _message: None
    )
