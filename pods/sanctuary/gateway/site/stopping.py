"""Ctrl-C, SIGTERM and a terminal that goes away end a night in order; a second Ctrl-C makes it hurry.

The handlers stay until the result and the report are written, so that nobody loses a night by pressing twice.

Waits for an external broker that is not there yet, where somebody wants that.

Work that runs beside a night until it ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError, InputError
from sanctuary.pods.mqtt.broker_access import reach

ASKING = (signal.SIGINT, signal.SIGTERM)
"""Signals of somebody who may ask again."""
HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""The terminal was closed, or ssh dropped. It comes several times for one closing, and hurries nobody."""

ENDING = "ending in order: outputs are silenced, headbands let go, results written; again to hurry"
LEAST_S = 3.0
"""A key that is held down, or pressed in anger, does not cost the night."""
HURRYING = "hurrying: nobody is waited for any more; the result and the report are still written"
LEAVING = "ended at once, without a result; recordings are finished at the next start"


class StopFlag:
    """Set by the first signal, hurried by the second.

    Attributes
    ----------
    by
        Which signal, or who, asked first; None while nobody has.
    hurried
        Whether somebody asked twice: what is a courtesy to others is left out.
    """

    def __init__(self) -> None:
        self.by: str | None = None
        self.hurried = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self._when_hurried: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self.by is not None

    def set(self, by: str) -> None:
        """Ask to stop; may be called by a signal handler."""
        self.by = self.by or by
        self._in_loop(self._event.set)

    def hurry(self) -> None:
        """Ask to stop without waiting for anybody; may be called by a signal handler."""
        self.hurried = True
        for call in self._when_hurried:
            self._in_loop(call)

    def when_hurried(self, call: Callable[[], None]) -> None:
        """Have something called, once, when somebody asks twice; at once where that was done already."""
        self._loop = asyncio.get_running_loop()
        self._when_hurried.append(call)
        if self.hurried:
            call()

    async def wait(self, timeout_s: float) -> None:
        """Wait until somebody asks to stop, at most `timeout_s`."""
        self._loop = asyncio.get_running_loop()
        if self.is_set:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return

    def _in_loop(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            call()
            return
        with suppress(RuntimeError):  # the loop is over; nobody waits any more
            loop.call_soon_threadsafe(call)


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Catch the signals while the block runs; to be entered by the main thread, around the event loop.

    The first asks to stop, the second to hurry; a third, not at once, ends the program as a crash would, and
    costs the result but nothing else. One that was ignored from the start, as under nohup, stays ignored.
    """
    flag = StopFlag()
    before = {number: signal.getsignal(number) for number in ending_signals()}

    hurried_s = 0.0

    def caught(number: int, _frame: object) -> None:
        nonlocal hurried_s
        name = signal.Signals(number).name
        if not flag.is_set:
            flag.set(name)
            _tell(ENDING)
        elif number == HANG_UP:
            return
        elif not flag.hurried:
            flag.hurry()
            _tell(HURRYING)
            hurried_s = time.monotonic()
        elif time.monotonic() - hurried_s > LEAST_S:
            _tell(LEAVING)
            os._exit(128 + number)

    for number in before:
        signal.signal(number, caught)
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_signals() -> list[signal.Signals]:
    """Give the signals that end a program in order; not those that were ignored from the start."""
    numbers = [*ASKING, *([HANG_UP] if HANG_UP is not None else [])]
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


def _tell(text: str) -> None:
    """Write to standard error past Python's buffers, which a signal handler must not enter."""
    with suppress(OSError):
        os.write(2, f"sanctuary: {text}\n".encode())


_LOG = logging.getLogger(__name__)

EVERY_S = 2.0


def check_waiting(settings: BrokerSettings, *, wait: bool) -> None:
    """Refuse to wait for a broker that this program starts itself.

    Raises
    ------
    InputError
        That was asked for.
    """
    if wait and settings.kind != "external":
        raise InputError(
            f'--wait-broker: broker.kind = "{settings.kind}" starts one of its own, for which nobody waits; '
            'set broker.kind = "external", or leave the option out'
        )


async def broker_is_there(settings: BrokerSettings, stop: StopFlag, *, wait: bool) -> bool:
    """Wait until something listens where the broker should be; for ever, and told once.

    Returns
    -------
    bool
        False where somebody stopped us first. Without `wait`, true at once.
    """
    told = False
    while wait and not stop.is_set:
        try:
            await reach(settings)
        except BrokerError as error:
            if not told:
                told = True
                _LOG.warning("%s; waiting for it until it is there", error)
            await stop.wait(EVERY_S)
            continue
        if told:
            _LOG.warning("the broker is there")
        return True
    return not stop.is_set


def run_beside(stack: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
    """Run `work` until the night ends; a mistake in it is told, never swallowed."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_told)
    stack.callback(task.cancel)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("%s ended: %s", task.get_name(), error, exc_info=error)
