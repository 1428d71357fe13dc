"""A virtual headband behind a TCP port: served, cut off, served again, and gone without a trace."""

import socket
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.headband import Codec, SampleRun
from sanctuary.firmware_bridge.headbands.thinkgear import ThinkGearCodec
from sanctuary.firmware_bridge.headbands.zmax import HELLO, ZmaxCodec
from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.board_port import JOIN_S, MAX_WAITING_BYTES, MAX_WAITING_S, SerialBoard
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.tcp_port import Pacing, TcpPort
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg
from sanctuary.simulator.devices.virtual_thinkgear import VirtualThinkGear
from sanctuary.simulator.devices.virtual_zmax import VirtualZmax
from virtual_boards import (
    PATIENCE_S,
    CountingSource,
    HandClock,
    board_threads,
    open_descriptors,
    wait_until,
)
from zmax_stimulation import Stimulation

LINE = 123
"""Bytes of a ZMax's line."""
FREEEEG_PACKET = 105


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert board_threads() == set()
    assert open_descriptors() == before


class Host:
    """Somebody who connects with the bare means of the system."""

    def __init__(self, address: str, receive_bytes: int | None = None) -> None:
        host, port = address.split(":")
        self.socket = socket.socket()
        try:
            if receive_bytes is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            self.socket.settimeout(PATIENCE_S)
            self.socket.connect((host, int(port)))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self, n: int) -> bytes:
        heard = b""
        while len(heard) < n:
            more = self.socket.recv(n - len(heard))
            if not more:
                raise AssertionError(f"only {len(heard)} of {n} bytes came")
            heard += more
        return heard

    def hears_nothing(self) -> bool:
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(1)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)

    def is_cut_off(self) -> bool:
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


def collected(host: Host, codec: Codec, n: int) -> NDArray[np.float64]:
    """The first `n` samples that a codec finds in what a host hears."""
    runs: list[SampleRun] = []
    while sum(run.uv.shape[1] for run in runs) < n:
        runs += codec.push(host.socket.recv(4096))
    return np.concatenate([run.uv for run in runs], axis=1)[:, :n]


def wait_until_told(headband: VirtualZmax, stimulation: Stimulation) -> None:
    wait_until(lambda: headband.last_stimulation == stimulation.to_bytes())


@pytest.mark.parametrize(
    ("board", "codec", "greeting", "channels", "count_uv"),
    [
        (VirtualZmax, ZmaxCodec, HELLO, 2, 3952 / 65536),
        (VirtualThinkGear, ThinkGearCodec, b"", 1, 1.8e6 / 4096 / 2000),
    ],
)
def test_a_codec_finds_the_sources_signal(
    board: Callable[[NoiseSource], SerialBoard],
    codec: Callable[[], Codec],
    greeting: bytes,
    channels: int,
    count_uv: float,
) -> None:
    n = 20_000
    decoder = codec()
    with TcpPort(board(NoiseSource(6))) as port, Host(port.address) as host:
        host.say(greeting)
        found = collected(host, decoder, n)
    assert np.abs(found - NoiseSource(6).render(n)[:channels]).max() <= count_uv
    assert (decoder.lost, decoder.bad, decoder.garbage) == (0, 0, 0)


def test_a_stimulation_reaches_the_headband_while_it_streams() -> None:
    headband, flash = VirtualZmax(NoiseSource(1)), Stimulation(repeats=3)
    with TcpPort(headband) as port, Host(port.address) as host:
        host.say(HELLO)
        host.hear(LINE)
        host.say(flash.command(1))
        wait_until_told(headband, flash)


def test_replies_come_back() -> None:
    with TcpPort(VirtualCyton(NoiseSource(1))) as port, Host(port.address) as host:
        host.say(b"V")
        assert host.hear(9).endswith(b"$$$")


def test_paced_freely_a_board_that_nobody_reads_makes_little_ahead() -> None:
    source = CountingSource()
    with TcpPort(VirtualThinkGear(source)) as port:
        with Host(port.address, receive_bytes=16_384) as host:
            host.hear(8)
            wait_until(lambda: source.rendered > 0)
        # what both sockets hold back, which the system doubles, and one batch
        assert source.rendered * 8 <= 2 * (65_536 + 16_384) + 2 * 4 * 512 * 8


def test_in_real_time_signal_comes_at_the_pace_of_the_clock() -> None:
    source, clock = CountingSource(), HandClock()
    board = VirtualZmax(source)
    with TcpPort(board, "realtime", clock=clock) as port, Host(port.address) as host:
        host.say(HELLO)
        wait_until(lambda: port.streaming)
        assert host.hears_nothing()
        for second in range(1, 5):
            clock.now_s += 0.5
            host.hear(128 * LINE)
            assert source.rendered == second * 128
        assert host.hears_nothing()


@pytest.mark.parametrize("port_kind", [TcpPort, PtyPort])
def test_what_is_held_back_in_real_time_follows_the_boards_rate(port_kind: type[TcpPort | PtyPort]) -> None:
    source, clock = CountingSource(), HandClock()
    board = VirtualFreeEeg(source)
    limit = MAX_WAITING_S * 512 * FREEEEG_PACKET
    assert limit > 5 * MAX_WAITING_BYTES
    with port_kind(board, "realtime", clock=clock) as port:
        host = Host(port.address, 4096) if isinstance(port, TcpPort) else None
        line = port._line
        assert line is not None
        for _ in range(40):
            clock.now_s += 1.0
            wait_until(lambda: source.rendered >= int(clock.now_s * 512))
        wait_until(lambda: line._waiting > limit - 2 * 512 * FREEEEG_PACKET)
        assert line._waiting <= limit
        if host is not None:
            host.socket.close()


def test_what_was_sent_while_nobody_listened_is_lost() -> None:
    source, clock = CountingSource(), HandClock()
    with TcpPort(VirtualThinkGear(source), "realtime", clock=clock) as port:
        clock.now_s = 100.0
        with Host(port.address) as host:
            wait_until(lambda: source.rendered == 100 * 512)
            clock.now_s += 1.0
            host.hear(512 * 8)
        clock.now_s += 50.0
        with Host(port.address):
            wait_until(lambda: source.rendered == 151 * 512)


def test_one_host_at_a_time_and_the_next_one_waits() -> None:
    with TcpPort(VirtualZmax(NoiseSource(1))) as port:
        first = Host(port.address)
        first.say(HELLO)
        first.hear(LINE)
        with Host(port.address) as second:
            assert second.hears_nothing()
            first.socket.close()
            assert second.hear(2) == b"D."


def test_hosts_may_come_and_go() -> None:
    with TcpPort(VirtualThinkGear(NoiseSource(1))) as port:
        for _ in range(20):
            with Host(port.address) as host:
                assert host.hear(2) == b"\xaa\xaa"


def test_unplugged_the_host_is_cut_off_and_new_ones_are_refused() -> None:
    with TcpPort(VirtualThinkGear(NoiseSource(1))) as port, Host(port.address) as host:
        host.hear(8)
        port.unplug()
        assert host.is_cut_off()
        with pytest.raises(ConnectionRefusedError):
            Host(port.address)
        port.unplug()


def test_plugged_in_again_it_is_the_same_headband_at_the_same_address() -> None:
    headband = VirtualZmax(NoiseSource(3))
    with TcpPort(headband) as port:
        address = port.address
        for number in range(1, 4):
            with Host(address) as host:
                host.say(HELLO + Stimulation(repeats=number).command(number))
                wait_until_told(headband, Stimulation(repeats=number))
                assert host.hear(2) == b"D."
                port.unplug()
            port.replug()
            port.replug()
            assert port.address == address


def test_while_unplugged_nobody_else_is_given_its_port() -> None:
    with TcpPort(VirtualZmax(NoiseSource(3))) as port:
        port.unplug()
        other = socket.socket()
        with other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(port.address.split(":")[1])))


def test_it_goes_on_streaming_while_unplugged_in_real_time() -> None:
    source, clock = CountingSource(), HandClock()
    with TcpPort(VirtualThinkGear(source), "realtime", clock=clock) as port:
        port.unplug()
        clock.now_s += 100.0
        port.replug()
        wait_until(lambda: source.rendered == 100 * 512)


def test_faults_act_on_what_it_sends() -> None:
    codec = ThinkGearCodec()
    with TcpPort(VirtualThinkGear(NoiseSource(2))) as port:
        port.fault = faults.drop_bytes(0.001, seed=1)
        with Host(port.address) as host:
            collected(host, codec, 20_000)
    assert codec.bad > 20
    assert codec.lost > 20


@pytest.mark.parametrize("pacing", ["free", "realtime"])
@pytest.mark.parametrize("connected", [False, True])
def test_it_closes_in_every_state_and_leaves_nothing(pacing: Pacing, connected: bool) -> None:
    with TcpPort(VirtualThinkGear(NoiseSource(1)), pacing) as port:
        if connected:
            with Host(port.address) as host:
                host.hear(8)  # from here on, paced freely, it is blocked: nobody reads
                port.close()
                assert host.is_cut_off()
        port.close()
        with pytest.raises(ConnectionRefusedError):
            Host(port.address)


def test_it_closes_while_unplugged() -> None:
    with TcpPort(VirtualZmax(NoiseSource(1))) as port:
        port.unplug()


class BrokenSource:
    """A source that cannot go on."""

    def render(self, n_samples: int) -> NDArray[np.float64]:
        raise RuntimeError(f"the source broke at {n_samples} samples")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_board_whose_source_breaks_hangs_up() -> None:
    with TcpPort(VirtualThinkGear(BrokenSource())) as port, Host(port.address) as host:
        assert host.is_cut_off()
        port.close()


def test_the_thread_is_waited_for_less_than_a_second() -> None:
    assert JOIN_S < 1.0
