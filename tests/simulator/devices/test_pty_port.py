"""A virtual board's port: plugged in, unplugged, blocked, and gone without a trace."""

import os
import select
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.board_port import FREE_S, JOIN_S, MAX_WAITING_BYTES, Pacing
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import BANNER, TOO_SLOW, VERSION, VirtualCyton
from virtual_boards import (
    PATIENCE_S,
    CountingSource,
    HandClock,
    board_threads,
    open_descriptors,
    plugged_in,
    wait_until,
)

PACKET = 33


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert board_threads() == set()
    assert open_descriptors() == before


class Host:
    """Somebody who opens a port with the bare means of the system."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self.fd)

    def say(self, data: bytes) -> None:
        os.write(self.fd, data)

    def hear(self, n: int) -> bytes:
        heard = b""
        while len(heard) < n:
            if not select.select([self.fd], [], [], PATIENCE_S)[0]:
                raise AssertionError(f"only {len(heard)} of {n} bytes came")
            heard += os.read(self.fd, n - len(heard))
        return heard

    def hears_nothing(self) -> bool:
        return not select.select([self.fd], [], [], 0.0)[0]


def test_a_terminal_takes_commands_and_gives_replies() -> None:
    with plugged_in() as port, Host(port.path) as host:
        host.say(b"v")
        assert host.hear(len(BANNER)) == BANNER


def test_paced_freely_the_reader_sets_the_pace_and_misses_nothing() -> None:
    n = 250 * 60
    with plugged_in(seed=7) as port, Host(port.path) as host:
        host.say(b"b")
        heard = host.hear(n * PACKET)
    assert heard == VirtualCyton(NoiseSource(7)).packets(n)


def test_paced_freely_a_board_that_nobody_reads_makes_little_ahead() -> None:
    source = CountingSource()
    with PtyPort(VirtualCyton(source)) as port, Host(port.path) as host:
        host.say(b"b")
        host.hear(PACKET)
        wait_until(lambda: source.rendered > 0)
    # what the terminal holds back, some 64 kB, and one batch
    assert source.rendered <= 65536 // PACKET + 2 * FREE_S * 250


def test_in_real_time_signal_comes_at_the_pace_of_the_clock() -> None:
    source, clock = CountingSource(), HandClock()
    with PtyPort(VirtualCyton(source), "realtime", clock=clock) as port, Host(port.path) as host:
        host.say(b"b")
        wait_until(lambda: port.streaming)
        assert host.hears_nothing()
        for second in range(1, 9):
            clock.now_s += 0.5
            heard = host.hear(125 * PACKET)
            assert heard[1] == (second - 1) * 125 % 256
            assert source.rendered == second * 125
        assert host.hears_nothing()


def test_in_real_time_what_nobody_reads_for_long_is_lost() -> None:
    source, clock = CountingSource(), HandClock()
    with PtyPort(VirtualCyton(source), "realtime", clock=clock) as port, Host(port.path) as host:
        host.say(b"b")
        wait_until(lambda: port.streaming)
        for _ in range(60):
            clock.now_s += 1.0
            wait_until(lambda: source.rendered >= clock.now_s * 250)
        heard = 1
        counter = host.hear(PACKET)[1]
        while (following := host.hear(PACKET)[1]) == (counter + 1) % 256:
            heard, counter = heard + 1, following
            clock.now_s += 0.004
    assert MAX_WAITING_BYTES // PACKET - 250 <= heard < 60 * 250 / 2


def test_a_stop_ends_the_stream_and_drops_what_waits() -> None:
    with plugged_in() as port, Host(port.path) as host:
        host.say(b"b")
        host.hear(PACKET)
        host.say(b"sV")
        tail = b""
        while not tail.endswith(b"v3.1.5$$$"):
            tail = (tail + host.hear(1))[-9:]
        assert host.hears_nothing()


def test_unplugged_the_host_is_hung_up_and_the_port_is_gone() -> None:
    with plugged_in() as port, Host(port.path) as host:
        port.unplug()
        assert not Path(port.path).exists()
        with pytest.raises(OSError, match="Input/output error"):
            host.say(b"v")
        port.unplug()


def test_plugged_in_again_it_is_the_same_board_at_the_same_path() -> None:
    with plugged_in(seed=3) as port:
        path = port.path
        with Host(path) as host:
            host.say(b"x2130110X")
            host.hear(len(b"Success: Channel set for 2$$$"))
            port.unplug()
        port.replug()
        port.replug()
        assert port.path == path
        with Host(path) as host:
            host.say(b"?")
            assert b"CH2SET, 06, B8" in host.hear(400)


def test_a_board_goes_on_streaming_while_unplugged_in_real_time() -> None:
    source, clock = CountingSource(), HandClock()
    with PtyPort(VirtualCyton(source), "realtime", clock=clock) as port:
        with Host(port.path) as host:
            host.say(b"b")
            wait_until(lambda: port.streaming)
            clock.now_s += 1.0
            assert host.hear(250 * PACKET)[1] == 0
        port.unplug()
        clock.now_s += 100.0
        port.replug()
        wait_until(lambda: source.rendered == 101 * 250)
        with Host(port.path) as host:
            clock.now_s += 1.0
            assert host.hear(250 * PACKET)[1] == 101 * 250 % 256


def test_a_command_that_is_never_finished_is_given_up_by_the_ports_clock() -> None:
    clock = HandClock()
    with PtyPort(VirtualCyton(CountingSource()), clock=clock) as port, Host(port.path) as host:
        host.say(b"Vx1")
        assert host.hear(len(VERSION)) == VERSION
        clock.now_s += 1.0
        assert host.hear(len(TOO_SLOW)) == TOO_SLOW


def test_faults_act_on_what_the_board_sends() -> None:
    with plugged_in(seed=2) as port, Host(port.path) as host:
        port.fault = faults.silence_packets(4.0)
        host.say(b"b")
        first = host.hear(PACKET)
    assert first[1] == 1000 % 256


@pytest.mark.parametrize("pacing", ["free", "realtime"])
@pytest.mark.parametrize("said", [b"", b"b", b"x1"])
def test_it_closes_in_every_state_and_leaves_nothing(pacing: Pacing, said: bytes) -> None:
    with plugged_in(pacing=pacing) as port:
        folder = Path(port.path).parent
        with Host(port.path) as host:
            host.say(said)
            if said == b"b":
                host.hear(PACKET)  # from here on, paced freely, it is blocked: nobody reads
            port.close()
            assert not Path(port.path).is_symlink()
            assert not folder.exists()
        port.close()


def test_it_closes_while_unplugged() -> None:
    with plugged_in() as port:
        port.unplug()


def test_a_given_link_is_used_and_removed(tmp_path: Path) -> None:
    link = tmp_path / "headband"
    with PtyPort(VirtualCyton(NoiseSource(1)), link=link) as port:
        assert port.path == str(link)
        assert link.readlink().is_char_device()
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "headband"
    link.write_text("somebody else's")
    with pytest.raises(FileExistsError):
        PtyPort(VirtualCyton(NoiseSource(1)), link=link)
    assert link.read_text() == "somebody else's"


class BrokenSource:
    """A source that cannot go on."""

    def render(self, n_samples: int) -> NDArray[np.float64]:
        raise RuntimeError(f"the source broke at {n_samples} samples")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_board_whose_source_breaks_hangs_up() -> None:
    with PtyPort(VirtualCyton(BrokenSource())) as port, Host(port.path) as host:
        host.say(b"b")
        hung_up = select.poll()
        hung_up.register(host.fd, 0)
        assert hung_up.poll(PATIENCE_S * 1000.0)
        port.close()


def test_the_thread_is_waited_for_less_than_a_second() -> None:
    assert JOIN_S < 1.0
