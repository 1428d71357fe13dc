"""A private dbus-daemon, and the queue of messages to it.

The daemon runs under a shell that ends it, and removes its folder, when standard input closes: that happens
also when this program is killed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Self

from dbus_fast import Message
from dbus_fast.aio import MessageBus

from sanctuary.config.errors import Cause, DeviceError

START_TIMEOUT_S = 10.0
END_TIMEOUT_S = 2.0

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_WATCHED = """
folder=$1; shift
"$@" <&- & daemon=$!
cat >/dev/null
kill $daemon; wait $daemon 2>/dev/null
rm -rf "$folder"
"""
"""Runs the daemon until standard input ends, also when the parent process dies, and cleans up."""


class PrivateBus:
    """The daemon; a context manager.

    Attributes
    ----------
    address
        Value of ``DBUS_SYSTEM_BUS_ADDRESS`` for programs that shall find the headbands.

    Raises
    ------
    DeviceError
        There is no dbus-daemon, or it does not start.
    """

    def __init__(self) -> None:
        daemon = shutil.which("dbus-daemon")
        if daemon is None:
            raise DeviceError(
                "virtual Bluetooth headbands need dbus-daemon; install the package dbus", Cause.RADIO_OFF
            )
        self._folder = Path(tempfile.mkdtemp(prefix="sanctuary-bus-"))
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(folder=self._folder), encoding="utf-8")
        command = [daemon, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"]
        self._shell = subprocess.Popen(  # noqa: S603  fixed words, and a path from PATH
            ["/bin/sh", "-c", _WATCHED, "sh", str(self._folder), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self.address = self._read_address()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._shell.pid

    def close(self) -> None:
        """End the daemon and remove its folder."""
        with suppress(OSError):
            if self._shell.stdin is not None:
                self._shell.stdin.close()
        try:
            self._shell.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(
                    self._shell.pid, signal.SIGKILL
                )  # a session of its own, so this group is ours alone
            self._shell.wait()
        if self._shell.stdout is not None:
            self._shell.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read_address(self) -> str:
        out = self._shell.stdout
        line = b""
        if out is not None:
            arrivals = select.poll()
            arrivals.register(out, select.POLLIN)
            if arrivals.poll(START_TIMEOUT_S * 1000.0):
                line = out.readline()
        if not line.strip():
            raise DeviceError("the private D-Bus for virtual headbands did not start", Cause.RADIO_OFF)
        return line.decode().strip()


MAX_WAITING = 20_000
"""Messages that wait for a daemon that takes none: some 20 s of eight headbands. Any more are dropped."""


class SendQueue:
    """Sends messages in order while the socket takes them; the others wait for the next `flush`.

    dbus-fast gives its connection up when the socket is full for a moment (python-dbus-next, issue 153), so
    it is asked beforehand.

    Parameters
    ----------
    bus, fd
        Where they go, connected, and its socket.
    """

    def __init__(self, bus: MessageBus, fd: int) -> None:
        self._bus = bus
        self._waiting: deque[Message] = deque()
        self._writable = select.poll()
        self._writable.register(fd, select.POLLOUT)

    def put(self, message: Message) -> None:
        """Send a message, now or later."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(message)
        self.flush()

    def flush(self) -> None:
        while self._waiting and self._writable.poll(0):
            self._bus.send(self._waiting.popleft())
