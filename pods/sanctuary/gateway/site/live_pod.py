"""One pod in real time: its headband's thread, its chain, its recording, its messages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sanctuary.config.errors import SanctuaryError
from sanctuary.firmware_bridge.cues import Onset
from sanctuary.firmware_bridge.headbands.headband import HeadbandInfo
from sanctuary.firmware_bridge.recordings.part_file import Report
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.gateway.site.advice import PodNow
from sanctuary.gateway.site.clocks import LiveTime
from sanctuary.gateway.site.event_log import EventSink
from sanctuary.gateway.site.lacking import GrantWatch
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.gateway_records import TroubleEvent, TroubleKind, trouble_record
from sanctuary.pods.protocol.messages import HeadbandStatus
from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import SampleBlock, StageEstimate
from sanctuary.signal.sleeper_memory import SleeperMemory

_LOG = logging.getLogger(__name__)

BeginRecording = Callable[[datetime, Report], NightRecorder]

MAX_WAITING = 2000
"""Blocks between the headband's thread and the loop; 40 ms each, so more than a minute."""


STAND_BACK_S = 0.03
"""Longer than the chain takes for a block on a slow machine."""
BATTERY_STEP = 5
"""Percent in which the battery is told, so that not every reading is news."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    block: SampleBlock
    at_s: float
    """Monotonic seconds."""


class LivePod:
    """Drives a `PodShell` in real time.

    Parameters
    ----------
    info
        What the headband is.
    clock
        The sanctuary clock.
    begin_recording
        Makes the recorder, given when the first sample was taken and who hears of its troubles; None where
        the night is not recorded.
    journal
        The night's log.
    grants
        Looked at as time passes.
    """

    def __init__(
        self,
        shell: PodShell,
        chain: Chain,
        info: HeadbandInfo,
        clock: LiveTime,
        begin_recording: BeginRecording | None,
        journal: EventSink,
        grants: GrantWatch,
    ) -> None:
        self.shell = shell
        self._journal, self._grants = journal, grants
        self._chain = chain
        self._info = info
        self._clock = clock
        self._begin_recording = begin_recording
        self._recorder: NightRecorder | None = None
        self._loop = asyncio.get_running_loop()
        self._blocks: asyncio.Queue[_Arrived] = asyncio.Queue(MAX_WAITING)
        self._dropped = False
        self._chain_failed = False
        self._pump: HeadbandReader | None = None
        self._client: MqttClient | None = None
        self._told: HeadbandStatus | None = None

    def watch(self, pump: HeadbandReader, client: MqttClient) -> None:
        """Tell from now on how this headband is doing, whenever that changes."""
        self._pump, self._client = pump, client

    @property
    def now(self) -> PodNow:
        """How the pod stands."""
        linked = self._client is not None and self._client.is_connected
        return PodNow(self.shell.id, linked, self._pump.state if self._pump is not None else None)

    def remember(self) -> SleeperMemory:
        """Give the sleeper's memory with this night in it."""
        return self._chain.remember()

    # --- called by the headband's thread ---

    def on_block(self, block: SampleBlock) -> None:
        """Take a block over; it ended when its samples say, not when they came."""
        at_s = time.monotonic() if block.end_s is None else block.end_s
        self._loop.call_soon_threadsafe(self._put, _Arrived(block, at_s))

    def on_lost(self, reason: str) -> None:
        """Hear that the headband went away."""
        _LOG.warning("%s: %s; trying again", self.shell.id, reason)
        cause = self._pump.state.cause if self._pump is not None else None
        lost = happened.HeadbandLost(reason, str(cause or ""))
        self._loop.call_soon_threadsafe(self._tell, lost)

    def on_found(self) -> None:
        """Hear that the headband is back."""
        _LOG.warning("%s: the headband is back", self.shell.id)
        self._loop.call_soon_threadsafe(self._tell, happened.HeadbandFound())

    def on_onset(self, onset: Onset) -> None:
        """Hear from a device when a cue began; from any thread."""
        self._loop.call_soon_threadsafe(self.shell.on_onset, onset)

    def on_stop_button(self) -> None:
        """Hear the button beside the bed; from any thread."""
        self._loop.call_soon_threadsafe(self._tell, happened.StopPressed())

    # --- in the loop ---

    def tell_state(self) -> None:
        """Note what the sleeper's grants lack, and publish how the headband is doing, if that has changed."""
        self._grants.look(self._now())
        if self._client is not None and self._headband() != self._told:
            self.shell.publish_status(self.headband_status())

    async def digest(self) -> None:
        """Record and judge blocks until cancelled."""
        while True:
            arrived = await self._blocks.get()
            recorder = self._recorder_for(arrived)
            if recorder is not None:
                await asyncio.to_thread(recorder.push, arrived.block)
            end_s = arrived.block.end / self._info.fs_hz
            await self._stand_back()
            for estimate in self._judge(arrived.block):
                at_s = self._clock.at(arrived.at_s - (end_s - estimate.t_s))
                self.shell.on_estimate(replace(estimate, t_s=at_s), max(at_s, self._now()))

    def note(self, what: TroubleKind, detail: str = "", *, event: TroubleEvent = "noted") -> None:
        """Write down that something does not work, or works again."""
        self._journal.write(trouble_record(what, event, self._now(), pod=self.shell.id, detail=detail))

    def on_recording(self, told: str) -> None:
        """Hear of the recording's troubles with the disk; from any thread."""
        _LOG.warning("%s: %s", self.shell.id, told)
        self._loop.call_soon_threadsafe(self.note, "not_recorded", told)

    def close(self) -> None:
        """Finish the recording and the runner: the night is over."""
        self.shell.end(self._now())
        if self._recorder is not None:
            path = self._recorder.close()
            _LOG.info("%s: recorded to %s", self.shell.id, path)

    def _recorder_for(self, arrived: _Arrived) -> NightRecorder | None:
        """Give the recorder, which begins with the first sample: a headband may be put on hours later."""
        if self._recorder is None and self._begin_recording is not None:
            begin_recording, self._begin_recording = self._begin_recording, None
            ago_s = time.monotonic() - arrived.at_s + arrived.block.end / self._info.fs_hz
            try:
                start = datetime.now().astimezone() - timedelta(seconds=ago_s)
                self._recorder = begin_recording(start, self.on_recording)
            except SanctuaryError as error:
                _LOG.error("%s: %s; this pod is not recorded", self.shell.id, error)
                self.note("not_recorded", str(error), event="began")
        return self._recorder

    async def _stand_back(self) -> None:
        """Let a cue that is about to sound go first: the chain would hold the loop up."""
        while self.shell.sound_due_s - self._now() < STAND_BACK_S:
            await asyncio.sleep(STAND_BACK_S)

    def _judge(self, block: SampleBlock) -> list[StageEstimate]:
        """Ask the chain; one that fails costs verdicts, so that the pod falls silent, but no recording."""
        if self._chain_failed:
            return []
        try:
            return self._chain.push(block)
        except Exception:
            self._chain_failed = True
            _LOG.exception(
                "%s: the signal chain failed; this pod stays silent and is only recorded", self.shell.id
            )
            self.note("chain_failed", event="began")
            return []

    def headband_status(self) -> HeadbandStatus | None:
        """Say how the headband is doing, to be published now."""
        self._told = self._headband()
        return self._told

    def _headband(self) -> HeadbandStatus | None:
        if self._pump is None:
            return None
        state = self._pump.state
        battery = state.battery_percent
        return HeadbandStatus(
            state=state.state,
            cause=state.cause,
            battery_percent=None if battery is None else BATTERY_STEP * round(battery / BATTERY_STEP),
            off=state.off,
        )

    def _now(self) -> float:
        return self._clock.now()

    def _put(self, arrived: _Arrived) -> None:
        if not self._blocks.full():
            self._blocks.put_nowait(arrived)
            if self._dropped:
                self.note("samples_dropped", event="ended")
            self._dropped = False
        elif not self._dropped:
            self._dropped = True
            self.note("samples_dropped", event="began")
            _LOG.warning("%s: this machine is too slow for its pods; samples are being lost", self.shell.id)

    def _tell(self, event: happened.PodEvent) -> None:
        self.shell.handle(event, self._now())


def stop_pump(pump: HeadbandReader) -> None:
    """Stop a pump; what had ended it before is told, and costs the others nothing."""
    try:
        pump.stop()
    except Exception as error:
        _LOG.error("a headband was not read to the end: %s", error)
