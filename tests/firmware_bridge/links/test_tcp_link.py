"""A device behind a socket: what arrives, when it ends, and what people are told."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.tcp_link import TcpLink, split_address

PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_bytes_go_both_ways_with_the_time_of_their_arrival(server: socket.socket) -> None:
    link = TcpLink(address(server), clock=lambda: 7.5)
    peer, _ = server.accept()
    with closing(link), closing(peer):
        link.write(b"HELLO\n")
        assert peer.recv(100) == b"HELLO\n"
        peer.sendall(b"DEBUG hi\r\n")
        (chunk,) = link.read(PATIENCE_S)
        assert (chunk.at_s, chunk.source, chunk.data) == (7.5, 0, b"DEBUG hi\r\n")
        assert link.read(0.0) == []
        assert link.value_of("2a28") == b""


def test_a_server_that_closes_is_a_fault_after_the_last_bytes(server: socket.socket) -> None:
    link = TcpLink(address(server))
    peer, _ = server.accept()
    with closing(link):
        peer.sendall(b"last")
        peer.close()
        assert link.read(PATIENCE_S)[0].data == b"last"
        with pytest.raises(DeviceError, match="closed the connection") as caught:
            link.read(PATIENCE_S)
        assert caught.value.cause is Cause.DROPPED


def test_nobody_there(server: socket.socket) -> None:
    nobody = address(server)
    server.close()
    with pytest.raises(DeviceError, match=r"nobody answers there .*start the headband's server") as caught:
        TcpLink(nobody)
    assert caught.value.cause is Cause.NOT_FOUND


@pytest.mark.parametrize("wrong", ["", "8000", "host:", ":8000", "host:0", "host:65536", "host:x"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(DeviceError, match="write host:port") as caught:
        split_address(wrong)
    assert caught.value.cause is Cause.REFUSED


def test_addresses_are_split(server: socket.socket) -> None:
    assert split_address("127.0.0.1:8000") == ("127.0.0.1", 8000)
    assert split_address("[::1]:8000") == ("::1", 8000)


def test_writing_after_the_end_is_a_fault(server: socket.socket) -> None:
    link = TcpLink(address(server))
    link.close()
    link.close()
    with pytest.raises(DeviceError, match="takes no commands"):
        link.write(b"x")
    with pytest.raises(DeviceError, match="the connection broke"):
        link.read(0.0)


def test_what_cannot_be_a_host_is_refused_in_words() -> None:
    with pytest.raises(DeviceError, match="not the name of a host") as caught:
        TcpLink("sleep..lab:8000")
    assert caught.value.cause is Cause.REFUSED
