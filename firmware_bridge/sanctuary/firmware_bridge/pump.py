"""A headband in real time: a thread that reads it, and comes back to it when it was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event, Thread

import numpy as np

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.headbands import Headband, HeadbandInfo
from sanctuary.firmware_bridge.supervisor import Action, Happened, Policy, Supervisor
from sanctuary.signal.samples import SampleBlock

_LOG = logging.getLogger(__name__)

POLL_S = 0.2
"""Longest wait for samples or for the next attempt, so that a stop is heard in time."""
JOIN_S = 1.0
BEHIND_S = 0.25
"""How far missing samples stay behind the clock, so that they never overtake a headband that comes back."""
LONGEST_GAP_BLOCK_S = 10.0


class SampleClock:
    """Numbers the samples of several connections to one headband on one clock; pure.

    Between connections it follows the wall clock, and what is missing is NaN.
    """

    def __init__(self) -> None:
        self._info: HeadbandInfo | None = None
        self._next = 0
        self._offset = 0
        self._anchor: tuple[int, float] | None = None
        self._reconnected = True

    def connected(self, info: HeadbandInfo) -> None:
        """Begin a connection, whose samples count from 0."""
        self._info = info
        self._reconnected = True

    def place(self, block: SampleBlock, now_s: float) -> list[SampleBlock]:
        """Place a block that ended at `now_s`, after what went missing before its connection."""
        missing: list[SampleBlock] = []
        if self._reconnected:
            missing = self._missing_until(now_s - block.n_samples / block.fs_hz)
            self._offset, self._reconnected = self._next - block.start, False
        placed = replace(block, start=block.start + self._offset)
        self._next = placed.end
        self._anchor = (placed.end, now_s)
        return [*missing, placed]

    def pass_without(self, now_s: float) -> list[SampleBlock]:
        """Give what is missing by `now_s`, while there is no connection; none before the first sample."""
        return self._missing_until(now_s - BEHIND_S)

    def _missing_until(self, t_s: float) -> list[SampleBlock]:
        if self._anchor is None or self._info is None:
            return []
        index, at_s = self._anchor
        fs_hz, channels = self._info.fs_hz, self._info.channels
        until = index + round((t_s - at_s) * fs_hz)
        blocks = []
        while self._next < until:
            n = min(until - self._next, round(LONGEST_GAP_BLOCK_S * fs_hz))
            blocks.append(SampleBlock(self._next, fs_hz, channels, np.full((len(channels), n), np.nan)))
            self._next += n
        return blocks


class HeadbandPump:
    """Reads a headband and hands its samples on, until stopped.

    All callbacks run on the pump's own thread. An exception from one of them ends the pump: the headband is
    closed, and `stop` raises it.

    Parameters
    ----------
    headband_factory
        Makes a new connection, not yet open.
    on_block
        Takes blocks; each begins where the one before ended, also across an outage.
    on_lost
        Takes the reason; called once an outage.
    on_recovered
        Called once samples flow again.
    policy, clock
        How patient to be; monotonic seconds.
    """

    def __init__(
        self,
        headband_factory: Callable[[], Headband],
        on_block: Callable[[SampleBlock], None],
        on_lost: Callable[[str], None],
        on_recovered: Callable[[], None],
        *,
        policy: Policy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._factory = headband_factory
        self._on_block, self._on_lost, self._on_recovered = on_block, on_lost, on_recovered
        self._clock = clock
        self._supervisor = Supervisor(policy)
        self._sample_clock = SampleClock()
        self._headband: Headband | None = None
        self._reason = ""
        self._stopping = Event()
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="headband pump", daemon=True)

    def start(self) -> None:
        """Begin; returns at once, also where the headband is missing."""
        self._thread.start()

    def stop(self) -> None:
        """End within a second and close the headband; raises what ended the pump early, if anything did."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)
        error, self._error = self._error, None
        if error is not None:
            raise error

    @property
    def running(self) -> bool:
        """Whether the pump still runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._tell(Happened.START)
            while not self._stopping.is_set():
                self._tell(self._next_event())
            self._tell(Happened.STOP)
        except BaseException as error:
            _LOG.exception("the headband is not read any more")
            self._error = error
        finally:
            self._disconnect()

    def _next_event(self) -> Happened:
        """Wait for what happens next, `POLL_S` at most."""
        if self._headband is None:
            due_s = self._supervisor.due_s
            wait_s = POLL_S if due_s is None else min(POLL_S, max(0.0, due_s - self._clock()))
            self._stopping.wait(wait_s)
            self._hand_on(self._sample_clock.pass_without(self._clock()))
            return Happened.TIME_PASSED
        try:
            blocks = self._headband.read(POLL_S)
        except DeviceError as error:
            self._reason = str(error)
            return Happened.FAILED
        self._reason = "no samples; check that the headband is switched on and near its receiver"
        for block in blocks:
            self._hand_on(self._sample_clock.place(block, self._clock()))
        return Happened.SAMPLES if blocks else Happened.TIME_PASSED

    def _tell(self, event: Happened) -> None:
        """Tell the supervisor, and do what it says."""
        for action in self._supervisor.handle(event, self._clock()):
            if action is Action.CONNECT:
                self._tell(self._connect())
            elif action is Action.DISCONNECT:
                self._disconnect()
            elif action is Action.SAY_LOST:
                self._on_lost(self._reason)
            else:
                self._on_recovered()

    def _connect(self) -> Happened:
        try:
            self._headband = self._factory()
            self._headband.open(self._stopping.is_set)
            self._headband.start()
        except DeviceError as error:
            self._reason = str(error)
            return Happened.FAILED
        self._sample_clock.connected(self._headband.info)
        return Happened.OPENED

    def _disconnect(self) -> None:
        if self._headband is not None:
            self._headband.close()
            self._headband = None

    def _hand_on(self, blocks: list[SampleBlock]) -> None:
        for block in blocks:
            self._on_block(block)
