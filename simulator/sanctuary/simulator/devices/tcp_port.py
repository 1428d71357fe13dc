"""A virtual board behind a TCP port of this machine, as behind a vendor's server for its headbands.

One host at a time is served; another one that connects meanwhile waits in the backlog until the first has
left. While no host is connected the board goes on, and in real time what it sends then is lost. Paced freely,
the board makes packets as fast as the host takes them, apart from what the sockets buffer.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

from sanctuary.simulator.devices.board_port import BoardLine, BoardPort, Pacing, SerialBoard
from sanctuary.simulator.devices.link_faults import ByteManipulator

__all__ = ["Pacing", "TcpPort"]

HOST = "127.0.0.1"
SEND_BUFFER_BYTES = 65_536
"""What the system may hold back on our side; by default it would be several megabytes, minutes of signal."""


class TcpLine(BoardLine):
    """A listening socket, at most one host, and the thread that serves it; parameters as for `BoardLine`.

    Parameters
    ----------
    port
        TCP port to listen on.

    Raises
    ------
    OSError
        The port is taken.
    """

    def __init__(
        self,
        port: int,
        board: SerialBoard,
        pacing: Pacing,
        fault: Callable[[], ByteManipulator],
        due_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._listener = _listening(port)
        self._host: socket.socket | None = None
        super().__init__(board, pacing, fault, due_s, clock)
        self._serve(f"{HOST}:{port}")

    def _step(self) -> bool:
        if self._host is None:
            return self._await_host()
        try:
            return self._exchange(self._host.fileno())
        except ConnectionError:
            self._drop_host()
            return True

    def _await_host(self) -> bool:
        self._poll.register(self._listener, select.POLLIN)
        ready = dict(self._poll.poll())
        self._poll.unregister(self._listener)
        if self._wake_out in ready:
            return False
        try:
            host, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # it has left again already
            return True
        host.setblocking(False)
        host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._host = host
        self._catch_up()
        return True

    def _drop_host(self) -> None:
        """Drop the host, and the bytes that still waited for it."""
        host, self._host = self._host, None
        if host is not None:
            self._poll.unregister(host)
            host.close()
        self._drop_waiting()

    def _hang_up(self) -> None:
        if self._host is not None:
            self._host.close()
        self._listener.close()


class TcpPort(BoardPort):
    """One board and its TCP port; parameters as for `BoardPort`.

    Attributes
    ----------
    address
        ``127.0.0.1:PORT``, the port chosen by the system; the same when unplugged and plugged in again.
    """

    def __init__(
        self,
        board: SerialBoard,
        pacing: Pacing = "free",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(board, pacing, clock)
        # bound but never listening: no other program is given the port while the board is unplugged
        self._reservation = _bound(0)
        self._port = int(self._reservation.getsockname()[1])
        self.address = f"{HOST}:{self._port}"
        try:
            self.replug()
        except OSError:
            self._reservation.close()
            raise

    def _open_line(self) -> TcpLine:
        return TcpLine(self._port, self._board, self._pacing, lambda: self.fault, self._due_s, self._clock)

    def close(self) -> None:
        self.unplug()
        self._reservation.close()


def _listening(port: int) -> socket.socket:
    listener = _bound(port)
    try:
        listener.setblocking(False)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # ports lately in use, and the reservation, do not stand in the way; who listens does
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
