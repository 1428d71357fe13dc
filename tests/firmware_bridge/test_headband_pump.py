"""The pump: one sample clock over many connections, and a thread that comes back to its headband."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.headbands import CytonHeadband, Headband, HeadbandInfo, never
from sanctuary.firmware_bridge.pump import BEHIND_S, JOIN_S, HeadbandPump, SampleClock
from sanctuary.firmware_bridge.supervisor import Policy
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.devices import faults
from virtual_boards import CHANNELS, board_threads, open_descriptors, plugged_in, wait_until

FS_HZ = 250.0
NAMES = ("AF7", "AF8")
INFO = HeadbandInfo("test", FS_HZ, NAMES, (1.0, 1.0))
HASTY = Policy(first_wait_s=0.02, longest_wait_s=0.1, silence_s=0.5)


def samples(start: int, n: int) -> SampleBlock:
    return SampleBlock(start, FS_HZ, NAMES, np.ones((2, n)))


def is_missing(block: SampleBlock) -> bool:
    return bool(block.lost.all())


# --- the sample clock ---


def test_blocks_of_one_connection_keep_their_numbers() -> None:
    clock = SampleClock()
    clock.connected(INFO)
    assert [b.start for b in clock.place(samples(0, 10), 5.0)] == [0]
    # late by a second, yet nothing is missing: the headband itself tells what it lost
    assert [(b.start, is_missing(b)) for b in clock.place(samples(10, 10), 6.0)] == [(10, False)]


def test_an_outage_becomes_missing_samples_by_the_wall_clock() -> None:
    clock = SampleClock()
    clock.connected(INFO)
    clock.place(samples(0, 250), 1.0)
    clock.connected(INFO)
    missing, back = clock.place(samples(0, 10), 3.04)
    assert (missing.start, missing.n_samples, is_missing(missing)) == (250, 500, True)
    assert (back.start, back.n_samples) == (750, 10)
    assert [b.start for b in clock.place(samples(10, 5), 3.06)] == [760]


def test_missing_samples_come_while_the_outage_lasts() -> None:
    clock = SampleClock()
    clock.connected(INFO)
    clock.place(samples(0, 250), 1.0)
    assert clock.pass_without(1.0 + BEHIND_S) == []
    (missing,) = clock.pass_without(2.0 + BEHIND_S)
    assert (missing.start, missing.end) == (250, 500)
    clock.connected(INFO)
    more, back = clock.place(samples(0, 25), 3.1)
    assert (more.start, more.end, back.start) == (500, 750, 750)


def test_before_the_first_sample_nothing_is_missing() -> None:
    clock = SampleClock()
    assert clock.pass_without(100.0) == []
    clock.connected(INFO)
    assert [b.start for b in clock.place(samples(0, 10), 200.0)] == [0]


def test_a_long_outage_comes_in_pieces() -> None:
    clock = SampleClock()
    clock.connected(INFO)
    clock.place(samples(0, 1), 0.0)
    pieces = clock.pass_without(3600.0 + BEHIND_S)
    assert sum(piece.n_samples for piece in pieces) == 900_000
    assert max(piece.n_samples for piece in pieces) == 2500


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(0.0, 30.0), st.integers(0, 8)), max_size=10))
def test_numbers_never_jump_and_keep_wall_time(lives: list[tuple[int, float, int]]) -> None:
    clock, now_s = SampleClock(), 100.0
    blocks: list[SampleBlock] = []
    for n_blocks, outage_s, n_looks in lives:
        clock.connected(INFO)
        for number in range(n_blocks):
            now_s += 0.04
            blocks += clock.place(samples(10 * number, 10), now_s)
        assert blocks[-1].end == pytest.approx((now_s - 100.0) * FS_HZ, abs=len(lives))
        for look in range(n_looks):
            blocks += clock.pass_without(now_s + outage_s * look / n_looks)
        now_s += outage_s
    assert all(one.end == other.start for one, other in pairwise(blocks))
    assert sum(block.n_samples for block in blocks if not is_missing(block)) == sum(10 * n for n, *_ in lives)


# --- the pump on scripted headbands ---


@dataclass
class Script:
    """What headbands do, one after another, and what the pump made of it."""

    acts: list[Callable[[], list[SampleBlock]]]
    opened: int = 0
    closed: int = 0
    heard: list[SampleBlock] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def pump(self, policy: Policy = HASTY) -> HeadbandPump:
        return HeadbandPump(
            lambda: Scripted(self),
            self.heard.append,
            lambda reason: self.said.append(f"lost: {reason}"),
            lambda: self.said.append("back"),
            policy=policy,
        )


class Scripted:
    """One connection, which reads what the script has left."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.info = INFO
        self.position = 0

    def open(self, cancelled: Callable[[], bool] = never) -> None:
        assert not cancelled()
        self.script.opened += 1

    def start(self) -> None:
        pass

    def read(self, timeout_s: float) -> list[SampleBlock]:
        if not self.script.acts:
            threading.Event().wait(min(timeout_s, 0.01))
            return []
        blocks = self.script.acts.pop(0)()
        placed = [samples(self.position, block.n_samples) for block in blocks]
        self.position += sum(block.n_samples for block in blocks)
        return placed

    def close(self) -> None:
        self.script.closed += 1


def ten() -> list[SampleBlock]:
    return [samples(0, 10)]


def breaks() -> list[SampleBlock]:
    raise DeviceError("/dev/x: the headband went away")


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert board_threads() == set()
    assert open_descriptors() == before


def test_a_headband_that_breaks_is_opened_again_and_said_once_each() -> None:
    script = Script([ten, ten, breaks, breaks, breaks, ten, ten])
    pump = script.pump()
    pump.start()
    wait_until(lambda: not script.acts)
    pump.stop()
    assert script.said == ["lost: /dev/x: the headband went away", "back"]
    assert (script.opened, script.closed) == (4, 4)
    assert all(one.end == other.start for one, other in pairwise(script.heard))
    assert sum(block.n_samples for block in script.heard if not is_missing(block)) == 40


def test_a_headband_that_falls_silent_is_opened_again() -> None:
    script = Script([ten])
    pump = script.pump(Policy(first_wait_s=0.01, longest_wait_s=0.01, silence_s=0.05))
    pump.start()
    wait_until(lambda: script.opened >= 2)
    pump.stop()
    assert script.said == ["lost: no samples; check that the headband is switched on and near its receiver"]


def test_a_headband_that_is_missing_at_first() -> None:
    script = Script([ten])
    refused = [DeviceError("/dev/x: no such port"), DeviceError("/dev/x: no such port")]

    def connect() -> Headband:
        if refused:
            raise refused.pop()
        return Scripted(script)

    pump = script.pump()
    pump._factory = connect
    pump.start()
    wait_until(lambda: "back" in script.said)
    pump.stop()
    assert script.said == ["lost: /dev/x: no such port", "back"]
    assert [block.start for block in script.heard] == [0]


def test_an_error_in_a_callback_ends_the_pump_is_logged_at_once_and_raised_at_the_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script([ten])

    def fail(_block: SampleBlock) -> None:
        raise RuntimeError("the disk is full")

    pump = HeadbandPump(lambda: Scripted(script), fail, script.said.append, lambda: None, policy=HASTY)
    pump.start()
    wait_until(lambda: not pump.running)
    assert "the headband is not read any more" in caplog.text
    assert script.closed == 1
    with pytest.raises(RuntimeError, match="the disk is full"):
        pump.stop()
    pump.stop()


def test_a_pump_that_never_started_stops() -> None:
    Script([]).pump().stop()


def test_stopping_waits_for_a_second_at_most() -> None:
    assert JOIN_S <= 1.0


# --- the pump on a virtual board ---


def test_through_unplugging_and_plugging_in_again() -> None:
    heard: list[SampleBlock] = []
    said: list[str] = []
    with plugged_in(seed=4, pacing="realtime") as port:
        pump = HeadbandPump(
            lambda: CytonHeadband(port.path, CHANNELS, realtime=True),
            heard.append,
            lambda reason: said.append(reason),
            lambda: said.append("back"),
            policy=HASTY,
        )
        pump.start()
        wait_until(lambda: len(heard) > 2)
        port.unplug()
        wait_until(lambda: len(said) == 1)
        wait_until(lambda: any(is_missing(block) for block in heard))
        port.replug()
        wait_until(lambda: "back" in said and not is_missing(heard[-1]))
        pump.stop()
    assert len(said) == 2
    assert f"{port.path}: the headband went away" in said[0]
    assert all(one.end == other.start for one, other in pairwise(heard))


def test_it_stops_while_a_board_does_not_answer() -> None:
    with plugged_in() as port:
        port.fault = faults.dead
        opening = threading.Event()

        def connect() -> Headband:
            opening.set()
            return CytonHeadband(port.path, CHANNELS)

        pump = HeadbandPump(connect, lambda _: None, lambda _: None, lambda: None, policy=HASTY)
        pump.start()
        opening.wait()
        pump.stop()
        assert not pump.running
