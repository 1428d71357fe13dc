"""One pod in real time: its headband's thread, its chain, its recording, its messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from sanctuary.firmware_bridge.headbands import HeadbandInfo
from sanctuary.gateway.night.pod_runner import PodRunner
from sanctuary.gateway.night.sending import to_message
from sanctuary.gateway.recorder import NightRecorder
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.outbox import status
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.link import LinkDown, LinkEvent
from sanctuary.signal.chain import Chain
from sanctuary.signal.memory import SleeperMemory
from sanctuary.signal.samples import SampleBlock

_LOG = logging.getLogger(__name__)

MAX_WAITING = 2000
"""Blocks between the headband's thread and the loop; 40 ms each, so more than a minute."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    block: SampleBlock
    at_s: float


class LivePod:
    """The shell around a `PodRunner` in real time.

    Parameters
    ----------
    info
        What the headband is.
    now
        The sanctuary clock.
    recorder
        Where the night is recorded; None where it is not.
    """

    def __init__(
        self,
        runner: PodRunner,
        chain: Chain,
        info: HeadbandInfo,
        now: Callable[[], float],
        recorder: NightRecorder | None,
    ) -> None:
        self.runner = runner
        self._chain = chain
        self._info = info
        self._now = now
        self._recorder = recorder
        self._loop = asyncio.get_running_loop()
        self._blocks: asyncio.Queue[_Arrived] = asyncio.Queue(MAX_WAITING)
        self._dropped = False

    def remember(self) -> SleeperMemory:
        """Give the sleeper's memory with this night in it."""
        return self._chain.remember()

    # --- called by the headband's thread ---

    def on_block(self, block: SampleBlock) -> None:
        """Take a block over."""
        self._loop.call_soon_threadsafe(self._put, _Arrived(block, self._now()))

    def on_lost(self, reason: str) -> None:
        """Hear that the headband went away."""
        _LOG.warning("%s: %s; trying again", self.runner.id, reason)
        self._loop.call_soon_threadsafe(self._tell, happened.HeadbandLost())

    def on_found(self) -> None:
        """Hear that the headband is back."""
        _LOG.warning("%s: the headband is back", self.runner.id)
        self._loop.call_soon_threadsafe(self._tell, happened.HeadbandFound())

    # --- in the loop ---

    def on_link(self, event: LinkEvent, client: MqttClient) -> None:
        """Hear of the link to the broker."""
        if isinstance(event, LinkDown):
            self._tell(happened.LinkLost())
            return
        client.publish(to_message(status(self.runner.pod.identity, "gateway", online=True)))
        self._tell(happened.LinkRestored())

    async def listen(self, client: MqttClient) -> None:
        """Pass messages on until the client is closed."""
        async for message in client:
            self.runner.message(message, self._now())

    async def digest(self) -> None:
        """Record and judge blocks until cancelled."""
        while True:
            arrived = await self._blocks.get()
            if self._recorder is not None:
                await asyncio.to_thread(self._recorder.push, arrived.block)
            end_s = arrived.block.end / self._info.fs_hz
            for estimate in self._chain.push(arrived.block):
                at_s = arrived.at_s - (end_s - estimate.t_s)
                self.runner.estimate(replace(estimate, t_s=at_s), max(at_s, self._now()))

    def close(self) -> None:
        """Finish the recording and the runner: the night is over."""
        self.runner.end(self._now())
        if self._recorder is not None:
            path = self._recorder.close()
            _LOG.info("%s: recorded to %s", self.runner.id, path)

    def _put(self, arrived: _Arrived) -> None:
        if not self._blocks.full():
            self._blocks.put_nowait(arrived)
            self._dropped = False
        elif not self._dropped:
            self._dropped = True
            _LOG.warning("%s: this machine is too slow for its pods; samples are being lost", self.runner.id)

    def _tell(self, event: happened.PodEvent) -> None:
        self.runner.handle(event, self._now())
