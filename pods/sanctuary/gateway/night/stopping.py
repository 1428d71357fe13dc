"""Ctrl-C and SIGTERM end a night in order: a flag that the night looks at every second."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopFlag:
    """Set by the first signal; a second one of the same kind does what it always does."""

    def __init__(self) -> None:
        self.by: str | None = None
        self._event = asyncio.Event()

    @property
    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self.by is not None

    def set(self, by: str) -> None:
        """Ask to stop."""
        self.by = self.by or by
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Wait until somebody asks to stop, at most `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Catch the signals while the block runs."""
    loop, flag = asyncio.get_running_loop(), StopFlag()

    def caught(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        flag.set(number.name)

    for number in SIGNALS:
        loop.add_signal_handler(number, caught, number)
    try:
        yield flag
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
