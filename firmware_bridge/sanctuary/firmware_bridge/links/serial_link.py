"""A serial port: bytes in, bytes out, and clear words when it goes wrong.

Ports are named by their path, or by a URL that pyserial understands, such as ``socket://host:port`` for a
dongle behind a serial server.
"""

from __future__ import annotations

import errno
import os
import select
import termios
import time
from collections.abc import Callable
from contextlib import suppress

import serial

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Chunk, Link

BAUD = 115_200
"""The Cyton dongle's fixed rate, 8N1, no flow control."""
WRITE_TIMEOUT_S = 0.5
"""Commands have at most nine bytes: a port that takes no nine bytes in half a second is stuck."""
MAX_READ_BYTES = 65_536
"""Most that one read brings; as much as a terminal holds back, about 8 s of a Cyton's signal."""
BACKLOG_BYTES = 2048
"""A read of more than this, 0.25 s of signal, is a backlog; the rest of it may be a moment behind."""
MORE_READS = 3
"""Further reads of a backlog; system and dongle together hold back less."""
BACKLOG_GRACE_S = 0.03
"""How long that rest may take on a busy machine; a stream in step brings 250 B in this time."""

_HINTS = {
    errno.ENOENT: "there is no such port; plug the dongle in, and see `ls /dev/ttyUSB*`",
    errno.ENXIO: "there is no device behind it; plug the dongle in, and see `ls /dev/ttyUSB*`",
    errno.ENODEV: "there is no device behind it; plug the dongle in, and see `ls /dev/ttyUSB*`",
    errno.EACCES: "permission denied; add yourself to the group `dialout` and log in again",
    errno.EPERM: "permission denied; add yourself to the group `dialout` and log in again",
    errno.EBUSY: "another program uses it; close that one first",
    errno.EIO: "the port does not answer; unplug the dongle and plug it in again",
    errno.ENOTTY: "it is not a serial port; see `ls /dev/ttyUSB*`",
    errno.EISDIR: "it is a folder, not a serial port; see `ls /dev/ttyUSB*`",
}

_CAUSES = {
    errno.ENOENT: Cause.NOT_FOUND,
    errno.ENXIO: Cause.NOT_FOUND,
    errno.ENODEV: Cause.NOT_FOUND,
    errno.ECONNREFUSED: Cause.NOT_FOUND,
    errno.EIO: Cause.DROPPED,
}

_TROUBLE = (serial.SerialException, OSError, termios.error, ValueError, TypeError)
"""What pyserial lets through: `termios.error` where a port goes away while it is opened, `TypeError` and
`ValueError` where it is closed."""


class SerialLink(Link):
    """An open port, held exclusively.

    Parameters
    ----------
    port
        Path, such as ``/dev/ttyUSB0``, or a URL.
    baud
        Bits a second.
    clock
        Monotonic seconds.

    Raises
    ------
    DeviceError
        It cannot be opened; says why and what to do.
    """

    def __init__(self, port: str, baud: int = BAUD, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.address = port
        self._clock = clock
        try:
            self._serial = serial.serial_for_url(
                port, baud, timeout=0.0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except _TROUBLE as error:
            cause = _CAUSES.get(_number(error) or 0, Cause.REFUSED)
            raise DeviceError(f"{port}: cannot be opened: {_hint(error)}", cause) from error
        self._arrivals = select.poll()
        try:
            self._arrivals.register(self._serial.fileno(), select.POLLIN)
        except _TROUBLE as error:  # as ports that live in pyserial alone, such as loop://
            self._serial.close()
            raise DeviceError(
                f"{port}: cannot be opened: the system cannot wait for it; name a path or socket://host:port",
                Cause.REFUSED,
            ) from error

    def read(self, timeout_s: float) -> list[Chunk]:
        """Take all that has arrived, as one chunk: its time is that of the last byte."""
        data = self.read_bytes(timeout_s)
        for _ in range(MORE_READS):
            if not data or len(data) % MAX_READ_BYTES:
                break
            data += self.read_bytes(0.0)
        return [Chunk(self._clock(), 0, data)] if data else []

    def read_bytes(self, timeout_s: float) -> bytes:
        """Read all that is there, waiting at most `timeout_s` for the first byte; empty if none came.

        Where a backlog has formed, because nobody read for a while, all of it comes at once, up to
        `MAX_READ_BYTES`.

        Raises
        ------
        DeviceError
            The port went away.
        """
        try:
            if not self._wait(timeout_s):
                return b""
            piece = data = self._serial.read(MAX_READ_BYTES)
            while len(piece) > BACKLOG_BYTES and len(data) < MAX_READ_BYTES and self._wait(BACKLOG_GRACE_S):
                piece = self._serial.read(MAX_READ_BYTES - len(data))
                data += piece
        except _TROUBLE as error:
            raise DeviceError(f"{self.address}: the headband went away ({_reason(error)})") from error
        return bytes(data)

    def write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except _TROUBLE as error:
            raise DeviceError(f"{self.address}: the headband takes no commands ({_reason(error)})") from error

    def close(self) -> None:
        with suppress(*_TROUBLE):  # a port that has gone is closed as well
            self._serial.close()

    def _wait(self, timeout_s: float) -> bool:
        return bool(self._arrivals.poll(timeout_s * 1000.0))


def _hint(error: Exception) -> str:
    number = _number(error)
    if number in (errno.EAGAIN, errno.EWOULDBLOCK) or "exclusively lock" in str(error).lower():
        number = errno.EBUSY
    return _HINTS.get(number or 0, _reason(error))


def _reason(error: Exception) -> str:
    number = _number(error)
    if number:
        return os.strerror(number)
    if "returned no data" in str(error):  # how pyserial finds that a port hung up
        return "the port hung up: it was unplugged, or another program reads it too"
    return str(error)


def _number(error: BaseException | None) -> int | None:
    """Find the system's error number: pyserial and termios keep it in places of their own."""
    while error is not None:
        if isinstance(error, termios.error) and error.args and isinstance(error.args[0], int):
            return error.args[0]
        number = getattr(error, "errno", None)
        if isinstance(number, int):
            return number
        error = error.__context__
    return None
