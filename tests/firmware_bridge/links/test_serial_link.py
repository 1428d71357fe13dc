"""Serial ports as links: by path, behind a serial server, and what is said of wrong ones."""

import os
import pty
import socket
import tty
from collections.abc import Iterator
from contextlib import closing

import pytest

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.serial_link import SerialLink

PATIENCE_S = 20.0


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_what_arrives_is_one_chunk_with_its_time(terminal: tuple[int, str]) -> None:
    master, path = terminal
    with closing(SerialLink(path, clock=lambda: 3.25)) as link:
        os.write(master, b"abc")
        (chunk,) = link.read(PATIENCE_S)
        assert (chunk.at_s, chunk.source, chunk.data) == (3.25, 0, b"abc")
        assert link.read(0.0) == []
        link.write(b"v")
        assert os.read(master, 10) == b"v"
        assert link.value_of("2a28") == b""


def test_a_port_behind_a_serial_server() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        link = SerialLink(f"socket://127.0.0.1:{server.getsockname()[1]}")
        peer, _ = server.accept()
        with closing(link), closing(peer):
            peer.sendall(b"A\xa0\x00")
            assert link.read(PATIENCE_S)[0].data == b"A\xa0\x00"
            link.write(b"b")
            assert peer.recv(10) == b"b"
            peer.close()
            with pytest.raises(DeviceError, match="the headband went away"):
                link.read(PATIENCE_S)


@pytest.mark.parametrize(
    ("port", "cause"),
    [("/nowhere/ttyUSB0", Cause.NOT_FOUND), (os.devnull, Cause.REFUSED), ("nonsense://x", Cause.REFUSED)],
)
def test_a_wrong_port_tells_its_cause(port: str, cause: Cause) -> None:
    with pytest.raises(DeviceError, match="cannot be opened") as caught:
        SerialLink(port)
    assert caught.value.cause is cause


def test_a_serial_server_that_is_not_there() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(DeviceError, match="cannot be opened"):
        SerialLink(f"socket://127.0.0.1:{port}")
