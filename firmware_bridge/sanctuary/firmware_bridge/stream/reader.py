"""Reads a headband in real time, on a thread of its own, and reconnects when it was lost."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import Literal, Protocol

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.headband import Headband
from sanctuary.firmware_bridge.stream.reconnect import (
    ConnectionAction,
    ConnectionEvent,
    ConnectionState,
    ReconnectPolicy,
    ReconnectSupervisor,
)
from sanctuary.firmware_bridge.stream.sample_clock import SampleClock, merge_blocks
from sanctuary.signal.samples import SampleBlock

_LOG = logging.getLogger(__name__)

POLL_S = 0.2
"""Longest wait for samples or for the next attempt, so that a stop is noticed in time."""
JOIN_S = 1.0
SILENT = "no samples; check that the headband is switched on and near its receiver"
StateWord = Literal["connecting", "streaming", "waiting", "stopped"]


@dataclass(frozen=True, slots=True)
class HeadbandState:
    """How a headband is doing, for people and for the pod's status.

    Attributes
    ----------
    state
        ``connecting``, ``streaming`` or ``waiting`` for the next attempt.
    cause
        Why it is not streaming; None while it is, or has not been tried.
    battery_percent, off
        Charge of its battery and the channels that do not touch the skin, as far as it has said.
    rate_hz
        Its sampling rate on this machine's clock; None before the first sample.
    """

    state: StateWord
    cause: Cause | None = None
    battery_percent: float | None = None
    off: tuple[str, ...] = ()
    rate_hz: float | None = None


_WORDS: dict[ConnectionState, StateWord] = {
    ConnectionState.CONNECTED: "streaming",
    ConnectionState.WAITING: "waiting",
    ConnectionState.STOPPED: "stopped",
}


class StopSignal(Protocol):
    """Says when to end, and waits for it; a `threading.Event`, or one whose time is simulated."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None, /) -> bool:
        """Wait until it is set, `timeout` seconds at most; whether it is."""

    def set(self) -> None: ...


class HeadbandReader:
    """Reads a headband and hands its samples on, until stopped.

    All callbacks run on the reader's own thread. An exception from one of them ends the reader: the headband
    is closed, and `stop` raises it.

    Parameters
    ----------
    headband_factory
        Makes a new connection, not yet open.
    on_block
        Receives blocks; each begins where the one before ended, also across an outage, and says when it
        ended.
    on_lost
        Receives the reason; called once an outage.
    on_recovered
        Called once samples flow again.
    policy, clock
        How long to wait; monotonic seconds.
    jitter
        Gives numbers from 0 to 1 that spread the waits between attempts.
    stopping
        Says when to end; its waits take as long by the clock as they say.
    """

    def __init__(
        self,
        headband_factory: Callable[[], Headband],
        on_block: Callable[[SampleBlock], None],
        on_lost: Callable[[str], None],
        on_recovered: Callable[[], None],
        *,
        policy: ReconnectPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        stopping: StopSignal | None = None,
    ) -> None:
        self._factory = headband_factory
        self._on_block, self._on_lost, self._on_recovered = on_block, on_lost, on_recovered
        self._clock = clock
        self._supervisor = ReconnectSupervisor(policy, jitter)
        self._sample_clock: SampleClock | None = None
        self._headband: Headband | None = None
        self._reason = ""
        self._cause = Cause.DROPPED
        self._stopping: StopSignal = stopping if stopping is not None else Event()
        self._error: BaseException | None = None
        self._logged_mistakes: set[str] = set()
        self._abandoned = False
        self._thread = Thread(target=self._run_guarded, name="headband reader", daemon=True)

    def start(self) -> None:
        """Begin; returns at once, also where the headband is missing."""
        self._thread.start()

    def stop(self) -> None:
        """End within a second and close the headband; raises what ended the reader early, if anything did.

        A headband that does not let itself be closed in time is left to its thread, which calls nothing
        any more.
        """
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)
        self._abandoned = self.running
        error, self._error = self._error, None
        if error is not None:
            raise error

    @property
    def stopped(self) -> bool:
        """Whether it has been told to stop."""
        return self._stopping.is_set()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def state(self) -> HeadbandState:
        """How the headband is doing; may be asked from any thread."""
        supervisor, headband, sample_clock = self._supervisor, self._headband, self._sample_clock
        return HeadbandState(
            _WORDS.get(supervisor.state, "connecting"),
            supervisor.cause,
            headband.battery_percent if headband is not None else None,
            tuple(name for name, good in list(headband.contact.items()) if not good) if headband else (),
            sample_clock.fit.rate_hz if sample_clock is not None and sample_clock.fit.known else None,
        )

    def run(self) -> None:
        """Read until it is time to end, on the caller's thread; `start` does so on one of its own."""
        try:
            while not self._stopping.is_set():
                self.step()
            self._handle(ConnectionEvent.STOP)
        finally:
            self._disconnect()

    def step(self) -> None:
        """Wait for what happens next, `POLL_S` at most, and handle it; for `run`, and one step at a time."""
        self._handle(self._next_event())

    def _run_guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:
            _LOG.exception("the headband is not read any more")
            self._error = error

    def _next_event(self) -> ConnectionEvent:
        if self._supervisor.state is ConnectionState.IDLE:
            return ConnectionEvent.START
        if self._headband is None:
            due_s = self._supervisor.due_s
            wait_s = POLL_S if due_s is None else min(POLL_S, max(0.0, due_s - self._clock()))
            self._stopping.wait(wait_s)
            if self._sample_clock is not None:
                self._hand_on(self._sample_clock.fill_outage(self._clock()))
            return ConnectionEvent.TIME_PASSED
        try:
            blocks = self._headband.read(POLL_S)
        except Exception as error:
            return self._failed(error)
        self._reason, self._cause = SILENT, Cause.SILENT
        self._place(blocks)
        return ConnectionEvent.SAMPLES if blocks else ConnectionEvent.TIME_PASSED

    def _place(self, blocks: list[SampleBlock]) -> None:
        sample_clock = self._sample_clock
        if sample_clock is None:
            return
        placed = []
        for block in blocks:
            timed = block if block.end_s is not None else replace(block, end_s=self._clock())
            placed += sample_clock.place(timed)
        self._hand_on(merge_blocks(placed))

    def _handle(self, event: ConnectionEvent) -> None:
        """Hand an event to the supervisor, and carry out its actions."""
        for action in self._supervisor.handle(event, self._clock(), self._cause):
            if action is ConnectionAction.CONNECT:
                self._handle(self._connect())
            elif action is ConnectionAction.DISCONNECT:
                self._disconnect()
            elif self._abandoned:
                continue
            elif action is ConnectionAction.REPORT_LOST:
                self._on_lost(self._reason)
            else:
                self._on_recovered()

    def _connect(self) -> ConnectionEvent:
        try:
            self._headband = self._factory()
            self._headband.connect(self._stopping.is_set)
            self._headband.start()
        except Exception as error:
            return self._failed(error)
        self._reason, self._cause = SILENT, Cause.SILENT
        info = self._headband.info
        if self._sample_clock is None:
            self._sample_clock = SampleClock(info.fs_hz, info.channels, info.counter_span)
        self._hand_on(self._sample_clock.connected())
        return ConnectionEvent.OPENED

    def _failed(self, error: Exception) -> ConnectionEvent:
        """Note why a headband failed; a mistake in its driver costs it time, and nobody the night."""
        self._reason, self._cause = str(error), Cause.REFUSED
        if isinstance(error, DeviceError):
            self._cause = error.cause
        else:
            self._reason = f"{type(error).__name__}: {error}"
            level = logging.DEBUG if self._reason in self._logged_mistakes else logging.ERROR
            self._logged_mistakes.add(self._reason)
            _LOG.log(level, "a mistake in a headband's driver", exc_info=error)
        return ConnectionEvent.FAILED

    def _disconnect(self) -> None:
        headband, self._headband = self._headband, None
        if headband is not None:
            try:
                headband.close()
            except Exception:
                _LOG.exception("a headband could not be closed")
        if self._sample_clock is not None:
            self._hand_on(merge_blocks(self._sample_clock.release()))

    def _hand_on(self, blocks: list[SampleBlock]) -> None:
        for block in blocks:
            if not self._abandoned:
                self._on_block(block)
