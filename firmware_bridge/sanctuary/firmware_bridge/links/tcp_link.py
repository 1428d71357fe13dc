"""A device behind a TCP socket, such as a vendor's server for its headbands."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Chunk, Link

CONNECT_TIMEOUT_S = 3.0
"""A server on this network answers within milliseconds."""
WRITE_TIMEOUT_S = 0.5
READ_BYTES = 65_536
KEEP_ALIVE_S = 2
"""How soon the system asks whether a peer that says nothing is still there, and how often it asks again."""


class TcpLink(Link):
    """A connected socket.

    Parameters
    ----------
    address
        ``host:port``.
    clock
        Monotonic seconds.

    Raises
    ------
    DeviceError
        Not an address, or nobody answers there.
    """

    def __init__(self, address: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.address = address
        self._clock = clock
        host, port = split_address(address)
        try:
            self._socket = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except UnicodeError as error:
            raise DeviceError(f"{address}: not the name of a host; write host:port", Cause.REFUSED) from error
        except OSError as error:
            raise DeviceError(
                f"{address}: nobody answers there ({_reason(error)}); start the headband's server",
                Cause.NOT_FOUND,
            ) from error
        self._socket.settimeout(WRITE_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
            self._socket.setsockopt(socket.IPPROTO_TCP, option, KEEP_ALIVE_S)
        self._arrivals = select.poll()
        self._arrivals.register(self._socket.fileno(), select.POLLIN)

    def read(self, timeout_s: float) -> list[Chunk]:
        """Take what has arrived, waiting at most `timeout_s` for something.

        Raises
        ------
        DeviceError
            The other side closed the connection, or it broke.
        """
        try:
            if not self._arrivals.poll(timeout_s * 1000.0):
                return []
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            raise DeviceError(f"{self.address}: the connection broke ({_reason(error)})") from error
        if not data:
            raise DeviceError(f"{self.address}: the headband's server closed the connection")
        return [Chunk(self._clock(), 0, data)]

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises
        ------
        DeviceError
            The connection broke, or takes nothing.
        """
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise DeviceError(f"{self.address}: takes no commands ({_reason(error)})") from error

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``.

    Raises
    ------
    DeviceError
        It is something else.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65_536):
        raise DeviceError(
            f"{address}: not an address; write host:port, such as 127.0.0.1:8000", Cause.REFUSED
        )
    return host.strip("[]"), int(port)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
