"""Reads a headband in real time in a thread of its own, whatever happens to the headband.

A headband that goes away is opened again by the policy of `Supervisor`. The sample clock goes on meanwhile:
the first block after an outage starts where the wall clock says, so that whoever follows the stream sees a
gap of the right length.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.headbands import Headband
from sanctuary.firmware_bridge.supervisor import Supervisor, SupervisorState
from sanctuary.signal.samples import SampleBlock

READ_S = 0.25
"""Longest wait for samples at a time; `stop` is heard this often."""
SILENT_S = 5.0
"""A headband that sends nothing for this long is lost, though its port is still there."""
JOIN_S = 8.0
"""Opening a board that does not answer takes five seconds, and cannot be cut short."""


class HeadbandPump:
    """Keeps one headband open and passes its blocks on.

    Parameters
    ----------
    make
        Makes a headband; called for every attempt.
    on_block, on_lost, on_found
        Called by the pump's thread; lost and found once each, however often opening fails in between.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        make: Callable[[], Headband],
        on_block: Callable[[SampleBlock], None],
        on_lost: Callable[[str], None],
        on_found: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._on_block, self._on_lost, self._on_found = on_block, on_lost, on_found
        self._clock = clock
        self._supervisor = Supervisor()
        self._stopping = Event()
        self._position = 0
        self._position_s: float | None = None
        self._thread = Thread(target=self._run, name="headband pump", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a pump that is reading or waiting ends within half a second."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait_s = self._supervisor.wait_s(self._clock())
            if wait_s > 0.0:
                self._stopping.wait(wait_s)
                continue
            try:
                self._stream()
            except DeviceError as error:
                if self._supervisor.lost(self._clock()):
                    self._on_lost(str(error))

    def _stream(self) -> None:
        """Open the headband and pass its blocks on until it goes away or nobody wants them."""
        headband = self._make()
        try:
            headband.open()
            headband.start()
            heard_s, offset = self._clock(), None
            while not self._stopping.is_set():
                blocks = headband.read(READ_S)
                now_s = self._clock()
                if not blocks and now_s - heard_s > SILENT_S:
                    text = f"no samples for {SILENT_S:g} s; check that the headband is switched on"
                    raise DeviceError(text)
                for block in blocks:
                    heard_s = now_s
                    offset = self._first(block, now_s) if offset is None else offset
                    self._pass_on(replace(block, start=block.start + offset), now_s)
        finally:
            with suppress(DeviceError):
                headband.close()

    def _first(self, block: SampleBlock, now_s: float) -> int:
        """Place the first block of a connection on the sample clock; says that the headband is back."""
        if self._supervisor.state is not SupervisorState.CONNECTED and self._supervisor.found():
            self._on_found()
        if self._position_s is None:
            return -block.start
        gone = round((now_s - self._position_s) * block.fs_hz)
        return max(self._position, self._position + gone - block.n_samples) - block.start

    def _pass_on(self, block: SampleBlock, now_s: float) -> None:
        self._position, self._position_s = block.end, now_s
        self._on_block(block)
