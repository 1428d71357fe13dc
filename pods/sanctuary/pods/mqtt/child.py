"""A broker process of our own: out of the terminal's reach, never outliving us, never hanging us.

Starts the embedded broker.

amqtt runs in a process of its own, not in a thread of ours, where it would compete for the interpreter lock
with the signal chains of a whole fleet and with the clients that wait for it. Five bare paho clients in
rounds of four messages: median 2.3 to 2.7 ms per round as a process, 5.8 to 6.3 ms as a thread (four runs of
300 rounds each, interleaved, on four cores). `benchmarks/mqtt_rounds.py` measures our own client.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt import die_with_parent as tether
from sanctuary.pods.mqtt import embedded_server

_TERMINATE_S = 2.0
"""Patience after SIGTERM; Mosquitto takes some 20 ms."""
_NOTES_BYTES = 2000
"""How much of what the process complained about is quoted."""


class Child:
    """A process in a session of its own, so that Ctrl-C in the terminal is for us alone; starts at once.

    Started through `tether`, so that the kernel ends it when the thread that made it ends: make it on the
    thread of the event loop.

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
        tethered = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command]
        try:
            self._process = subprocess.Popen(  # noqa: S603  a fixed program, no shell
                tethered,
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


_BOOTSTRAP = "import sys, runpy; sys.path[:] = {path!r}; runpy.run_module({module!r}, run_name='__main__')"


async def start_embedded(timeout_s: float) -> tuple[Child, int]:
    """Start amqtt on loopback; give its process and port.

    Raises
    ------
    BrokerError
        It did not come up in time.
    """
    # The child sees the modules that we see, wherever they came from.
    bootstrap = _BOOTSTRAP.format(path=[*sys.path], module=embedded_server.__name__)
    child = Child([sys.executable, "-I", "-c", bootstrap], "the embedded broker (amqtt)")
    try:
        word, _, port = (await child.first_line(timeout_s)).partition(" ")
        if word == "ready":
            return child, int(port)
        raise BrokerError(
            f"{child.name} did not start within {timeout_s:g} s ({child.complaints() or 'no reason given'}); "
            "install Mosquitto, or raise broker.connect_timeout_s"
        )
    except BaseException:
        await child.stop()
        raise
