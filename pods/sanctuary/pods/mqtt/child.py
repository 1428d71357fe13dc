"""A broker process of our own: out of the terminal's reach, never outliving us, never hanging us."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt import die_with_parent

_TERMINATE_S = 2.0
"""Patience after SIGTERM; Mosquitto takes some 20 ms."""
_NOTES_BYTES = 2000
"""How much of what the process complained about is quoted."""


class Child:
    """A process in a session of its own, so that Ctrl-C in the terminal is for us alone; starts at once.

    Started through `die_with_parent`, so that the kernel ends it when the thread that made it
    ends: make it on the thread of the event loop.

    Parameters
    ----------
    command
        Program and arguments.
    name
        For messages to people.

    Raises
    ------
    BrokerError
        It cannot be started.
    """

    def __init__(self, command: Sequence[str], name: str) -> None:
        self.name = name
        self._notes = tempfile.TemporaryFile()  # noqa: SIM115  closed by `stop`; a pipe that nobody reads fills up
        bound_to_us = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid()), *command]
        try:
            self._process = subprocess.Popen(  # noqa: S603  a fixed program, no shell
                bound_to_us,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._notes,
                start_new_session=True,
            )
        except OSError as error:
            self._notes.close()
            raise BrokerError(f"{name} cannot be started ({error})") from error

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    async def first_line(self, timeout_s: float) -> str:
        """Wait for the first line that the process writes; empty if it ends, or does not write in time."""
        stdout = self._process.stdout
        reading = asyncio.ensure_future(asyncio.to_thread(stdout.readline if stdout is not None else bytes))
        done, _ = await asyncio.wait({reading}, timeout=timeout_s)
        if not done:
            self._process.kill()  # ends the reading thread too
        return (await reading).decode(errors="replace").strip()

    def complaints(self) -> str:
        """Quote the end of what the process wrote to its standard error."""
        notes = self._notes.fileno()  # shared with the process: to seek in it would move its end as well
        start = max(0, os.fstat(notes).st_size - _NOTES_BYTES)
        return os.pread(notes, _NOTES_BYTES, start).decode(errors="replace").strip()

    async def stop(self) -> None:
        """End the process, kindly at first, and reap it."""
        process = self._process
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, _TERMINATE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        finally:
            if process.poll() is None:  # this task was cancelled meanwhile
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
            self._notes.close()
