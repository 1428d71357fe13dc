"""The pump: reads a headband, comes back to it, and says once that it is lost and once that it is back."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.firmware_bridge.headbands.headband import Headband, HeadbandInfo
from sanctuary.firmware_bridge.links.link import not_cancelled
from sanctuary.firmware_bridge.stream.reader import JOIN_S, HeadbandReader
from sanctuary.firmware_bridge.stream.reconnect import ReconnectPolicy, same_backoff
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.devices import link_faults as faults
from virtual_boards import CHANNELS, PATIENCE_S, board_threads, open_descriptors, plugged_in, wait_until

FS_HZ = 250.0
NAMES = ("AF7", "AF8")
INFO = HeadbandInfo("test", FS_HZ, NAMES, (1.0, 1.0))
HASTY = ReconnectPolicy(same_backoff(0.02, 0.1), silence_s=0.5, begin_s=2.0)


def samples(start: int, n: int) -> SampleBlock:
    return SampleBlock(start, FS_HZ, NAMES, np.ones((2, n)))


def is_missing(block: SampleBlock) -> bool:
    return bool(block.lost.all())


# --- the pump on scripted headbands ---


@dataclass
class Script:
    """What headbands do, one after another, and what the pump made of it."""

    acts: list[Callable[[], list[SampleBlock]]]
    opened: int = 0
    closed: int = 0
    heard: list[SampleBlock] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def pump(self, policy: ReconnectPolicy = HASTY) -> HeadbandReader:
        return HeadbandReader(
            lambda: Scripted(self),
            self.heard.append,
            lambda reason: self.said.append(f"lost: {reason}"),
            lambda: self.said.append("back"),
            policy=policy,
        )


class Scripted(Headband):
    """One connection, which reads what the script has left."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.info = INFO
        self.position = 0

    def connect(self, cancelled: Callable[[], bool] = not_cancelled) -> None:
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

    @property
    def battery_percent(self) -> float | None:
        return 80.0

    @property
    def contact(self) -> dict[str, bool]:
        return {"AF7": True, "AF8": False}

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
    assert sum(int((~block.lost).sum()) for block in script.heard) == 40


def test_its_state_tells_what_the_headband_says_and_why_it_is_gone() -> None:
    script = Script([ten, ten])
    pump = script.pump(ReconnectPolicy(same_backoff(30.0, 30.0), silence_s=0.2, begin_s=2.0))
    assert pump.state.state == "connecting"
    pump.start()
    wait_until(lambda: pump.state.state == "streaming" and not script.acts)
    assert (pump.state.battery_percent, pump.state.off, pump.state.cause) == (80.0, ("AF8",), None)
    assert pump.state.rate_hz == pytest.approx(FS_HZ, rel=0.01)
    wait_until(lambda: pump.state.state == "waiting")
    assert (pump.state.cause, pump.state.battery_percent) == (Cause.SILENT, None)
    pump.stop()
    assert pump.state.state == "stopped"


def test_a_headband_that_falls_silent_is_opened_again() -> None:
    script = Script([ten])
    pump = script.pump(ReconnectPolicy(same_backoff(0.01, 0.01), silence_s=0.05, begin_s=0.05))
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

    pump = HeadbandReader(lambda: Scripted(script), fail, script.said.append, lambda: None, policy=HASTY)
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
        pump = HeadbandReader(
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

        pump = HeadbandReader(connect, lambda _: None, lambda _: None, lambda: None, policy=HASTY)
        pump.start()
        opening.wait()
        pump.stop()
        assert not pump.running


def mistake() -> list[SampleBlock]:
    raise ZeroDivisionError("a mistake")


def test_a_mistake_in_a_driver_is_a_loss_like_any_other_and_is_recovered_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script([lambda: [samples(0, 10)], mistake, lambda: [samples(0, 10)], mistake])
    pump = script.pump()
    pump.start()
    wait_until(lambda: len(script.said) >= 3)
    pump.stop()
    assert script.said[:3] == [
        "lost: ZeroDivisionError: a mistake",
        "back",
        "lost: ZeroDivisionError: a mistake",
    ]
    told = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1, "the same mistake is told once"


def test_people_hear_of_a_loss_before_the_headband_is_closed_which_may_take_long() -> None:
    script = Script([lambda: [samples(0, 10)], mistake])
    heard_s: list[int] = []
    pump = HeadbandReader(
        lambda: Scripted(script),
        script.heard.append,
        lambda _: heard_s.append(script.closed),
        lambda: None,
        policy=HASTY,
    )
    pump.start()
    wait_until(lambda: bool(heard_s))
    pump.stop()
    assert heard_s[0] == 0


def test_a_headband_that_does_not_let_go_is_heard_of_no_more() -> None:
    let_go = threading.Event()

    class Stubborn(Scripted):
        def close(self) -> None:
            let_go.wait(PATIENCE_S)
            super().close()

    script = Script([lambda: [samples(0, 10)]])
    pump = HeadbandReader(
        lambda: Stubborn(script), script.heard.append, script.said.append, lambda: None, policy=HASTY
    )
    pump.start()
    wait_until(lambda: bool(script.heard))
    pump.stop()
    assert pump.running
    heard = len(script.heard)
    let_go.set()
    wait_until(lambda: not pump.running)
    assert len(script.heard) == heard
