"""UTC is set in the night, or was wrong over a restart: what is told follows, the seconds do not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from clock_bench import QUICK, TRUE_UTC_S, ClockHouse, Computer, answered
from pod_bench import COORDINATOR_KEY, ORIGIN, SITE, SLEEPER_KEY, PodBench, grant, make_pod, reply_of, sealed
from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.entries import key_id
from sanctuary.config.site_settings import ClockSettings
from sanctuary.gateway.site.clocks import FollowedTime
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK, SteadySeconds, slept_s
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.remote import SameClock
from sanctuary.gateway.site.site_clock import SanctuaryClock
from sanctuary.gateway.site.storage import KeptClock
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import IdSource
from sanctuary.pods.pod.events import ClockMeasured, LinkRestored

HOUR_S = 3600.0


@pytest.mark.parametrize("by_s", [6 * HOUR_S, -6 * HOUR_S, 1.5, -1.5])
@pytest.mark.parametrize("system", [False, True])
def test_a_step_moves_utc_and_not_the_seconds(tmp_path: Path, by_s: float, system: bool) -> None:
    house = ClockHouse(tmp_path, Computer(wrong_by_s=-by_s, synchronised=False))
    clock = house.clock(system=system)
    house.computer.passes(1000.0)
    assert clock.now() == pytest.approx(1000.0)
    house.computer.is_set(by_s)
    assert clock.now() == pytest.approx(1000.0)
    assert house.wrong_by_s(clock) == pytest.approx(0.0)
    house.computer.passes(1000.0)
    assert clock.now() == pytest.approx(2000.0)
    assert house.wrong_by_s(clock) == pytest.approx(0.0)


def test_the_error_is_not_carried_over_a_crash_that_comes_after_the_step(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path, Computer(wrong_by_s=-6 * HOUR_S, synchronised=False))
    clock = house.clock()
    house.computer.passes(100.0)
    house.computer.is_set(6 * HOUR_S)
    assert house.wrong_by_s(clock) == pytest.approx(0.0)
    house.computer.passes(60.0)
    again = house.clock()
    assert house.wrong_by_s(again) == pytest.approx(0.0)
    assert again.now() == pytest.approx(160.0)
    assert again.source.began_utc_s == clock.source.began_utc_s, "it is the same clock"


def test_nor_where_the_step_came_while_the_gateway_was_down(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path, Computer(wrong_by_s=-6 * HOUR_S, synchronised=False))
    first = house.clock()
    house.computer.passes(100.0)
    house.computer.is_set(6 * HOUR_S)
    again = house.clock()
    assert house.wrong_by_s(again) == pytest.approx(0.0)
    assert again.now() == pytest.approx(100.0), "within one start of the computer it is known without UTC"
    assert again.source.began_utc_s == first.source.began_utc_s


def test_after_a_power_cut_utc_tells_how_long_it_was(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path)
    house.clock()
    house.computer.passes(100.0)
    house.computer.restarts(after_s=40.0)
    assert house.clock().now() == pytest.approx(140.0)


def test_a_computer_without_a_battery_comes_back_with_another_clock_and_is_put_right(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path)
    first = house.clock()
    house.computer.passes(2 * HOUR_S)
    house.computer.restarts(loses_s=HOUR_S)
    house.computer.synchronised = False
    again = house.clock()
    assert 0.0 <= again.now() <= 2 * HOUR_S + 30.0, "no later than it is"
    assert not again.source.synchronised
    house.computer.is_set(HOUR_S)
    house.computer.synchronised = True
    assert house.wrong_by_s(again) == pytest.approx(0.0)
    assert first.source.began_utc_s == again.source.began_utc_s


def test_what_is_told_is_never_below_the_floor(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path)
    own = house.own()
    house.clock(own)
    house.computer.passes(2 * HOUR_S)
    own.close()
    house.store.forget_clock()
    house.computer.restarts(loses_s=10 * HOUR_S, after_s=0.0)
    house.computer.synchronised = False
    clock = house.clock()
    assert clock.utc_s_at_zero + clock.now() == pytest.approx(TRUE_UTC_S + 2 * HOUR_S)
    assert clock.now() == pytest.approx(0.0)


def test_a_night_that_ends_in_order_leaves_the_floor(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path)
    own = house.own()
    house.clock(own)
    own.close()
    house.store.forget_clock()
    assert house.store.clock() is None
    assert house.store.floor() == TRUE_UTC_S
    (tmp_path / "other").mkdir()
    other = ClockHouse(tmp_path / "other", Computer(synchronised=False))
    other.clock()
    other.store.forget_clock()
    assert not other.store.clock_path.exists()


def test_a_kept_clock_reads_back_and_what_is_no_clock_does_not(tmp_path: Path) -> None:
    store = ClockHouse(tmp_path).store
    kept = KeptClock(1.0, 2.0, "b", 3.0)
    store.keep_floor(9.0)
    store.keep_clock(kept)
    assert store.clock() == kept
    assert store.floor() == 9.0
    for text in ("nonsense", "[]", '{"utc_s_at_zero": true}', '{"utc_s_at_zero": 1' + "0" * 400 + "}"):
        store.clock_path.write_text(text)
        assert store.clock() is None
    store.clock_path.write_text('{"utc_s_at_zero": 5.0}')
    assert store.clock() == KeptClock(5.0, 5.0)


# --- pods ---


def measured(pod: FollowedTime, gateway: SanctuaryClock, times: int) -> None:
    for _ in range(times):
        pod.hurry()
        pod.on_answer(answered(gateway, pod.ask()))


def test_pods_hear_of_the_new_utc_with_the_next_answer_and_measure_nothing_afresh(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path, Computer(wrong_by_s=-6 * HOUR_S, synchronised=False))
    clock = house.clock()
    pod = FollowedTime("boot", QUICK, lambda _: house.computer.boottime_s())
    measured(pod, clock, 4)
    assert pod.is_known
    assert pod.source is not None
    assert not pod.source.synchronised
    same = SameClock(pod, pod.source)
    house.computer.is_set(6 * HOUR_S)
    measured(pod, clock, 1)
    assert pod.is_known, "one exchange is not enough where a pod measures afresh"
    assert pod.source.utc_s_at_zero == pytest.approx(TRUE_UTC_S)
    assert not same.is_over(), "the night goes on"


def test_a_gateway_that_follows_tells_on_what_it_was_told(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path / "one")
    leader = house.clock()
    lost = Computer(wrong_by_s=-40 * 86_400.0, synchronised=False)
    house = ClockHouse(tmp_path / "two", lost, name="gateway-2")
    own = house.own()
    follower = house.clock(own)
    for _ in range(4):
        follower.follow(answered(leader, follower.ask()))
    assert follower.source.synchronised
    assert follower.utc_s_at_zero == leader.utc_s_at_zero
    follower.lead()
    assert follower.utc_s_at_zero == leader.utc_s_at_zero, "its own clock is worse"
    assert follower.source.synchronised
    lost.is_set(40 * 86_400.0)
    lost.synchronised = True
    own.look()
    assert house.wrong_by_s(follower) == pytest.approx(0.0)
    assert follower.source.synchronised


def test_a_gateway_whose_own_clock_is_kept_goes_by_that_when_its_turn_comes(tmp_path: Path) -> None:
    ahead = Computer(wrong_by_s=HOUR_S, synchronised=False)
    leader, house = ClockHouse(tmp_path / "one", ahead).clock(), ClockHouse(tmp_path / "two")
    house.name = "gateway-2"
    follower = house.clock()
    for _ in range(4):
        follower.follow(answered(leader, follower.ask()))
    assert house.wrong_by_s(follower) == pytest.approx(HOUR_S), "one gateway tells the time"
    began_s = follower.began_utc_s
    follower.lead()
    assert house.wrong_by_s(follower) == pytest.approx(0.0)
    assert follower.source.synchronised
    assert follower.began_utc_s == began_s == leader.began_utc_s


# --- grants ---


class Sleeper:
    """A pod in the gateway's program, whose sleeper's one grant ended two hours ago by the true time."""

    def __init__(self, house: ClockHouse, *, allowed: bool) -> None:
        self.house, self.own = house, house.own("")
        self.clock = house.clock(self.own)
        settings = ClockSettings(allow_unsynchronised=allowed)
        self.utc = PodUtc("pod-1", self.own, lambda: self.clock.source, settings)
        book = ConsentBook(ORIGIN, key_id(SLEEPER_KEY))
        book.add(sealed(grant(nbf=TRUE_UTC_S - 9 * HOUR_S, exp=TRUE_UTC_S - 2 * HOUR_S)))
        pod = make_pod(consent=book, own_utc_s=house.computer.utc_s())
        self.bench = PodBench(pod, CommandWriter(SITE, COORDINATOR_KEY, 1, IdSource("g")))
        self.hears()
        self.bench.handle(LinkRestored())
        self.sleeps()

    def hears(self) -> None:
        """Let the program look at its clock, as it does twice a second."""
        self.own.look()
        self.bench.now_s = self.clock.now()
        news = self.utc.news(self.bench.now_s)
        if news is not None:
            self.bench.handle(news)

    def sleeps(self) -> None:
        self.house.computer.passes(2.0)
        self.bench.handle(ClockMeasured(0.0, 0.002))
        self.bench.sleep(2)

    def refusal(self, name: str) -> str:
        return reply_of(self.bench.offer(name)).reason


@pytest.mark.parametrize(("allowed", "before"), [(False, "clock_unsynchronised"), (True, "")])
def test_grants_that_ended_hours_ago_are_not_obeyed_once_the_clock_is_right(
    tmp_path: Path, allowed: bool, before: str
) -> None:
    house = ClockHouse(tmp_path, Computer(wrong_by_s=-6 * HOUR_S, synchronised=False))
    night = Sleeper(house, allowed=allowed)
    assert night.refusal("1") == before
    house.computer.is_set(6 * HOUR_S)
    house.computer.synchronised = True
    night.hears()
    night.sleeps()
    assert night.refusal("2") == "grant_expired"
    again = Sleeper(house, allowed=allowed)
    assert again.refusal("1") == "grant_expired"
    house.computer.restarts(loses_s=6 * HOUR_S)
    house.computer.synchronised = False
    assert Sleeper(house, allowed=allowed).refusal("1") == "grant_expired", "the floor is above its end"


# --- sleep ---


def test_the_sanctuary_clock_goes_on_while_the_computer_sleeps(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path)
    clock = house.clock()
    house.computer.passes(100.0)
    before_s, before_monotonic_s = clock.now(), house.computer.monotonic_s()
    house.computer.sleeps(3 * HOUR_S)
    house.computer.passes(1.0)
    assert clock.now() == pytest.approx(before_s + 3 * HOUR_S + 1.0)
    assert clock.at(before_monotonic_s) == pytest.approx(before_s), "samples of before stay before"
    assert house.wrong_by_s(clock) == pytest.approx(0.0)
    assert clock.utc_s_at_zero == TRUE_UTC_S


def test_a_followed_clock_goes_on_too(tmp_path: Path) -> None:
    computer = ClockHouse(tmp_path).computer
    steady = SteadySeconds(computer)
    first_s = steady(computer.monotonic_s())
    computer.sleeps(50.0)
    computer.passes(1.0)
    assert steady(computer.monotonic_s()) - first_s == pytest.approx(51.0)
    computer.sleeps(70.0)
    computer.passes(1.0)
    assert steady(computer.monotonic_s()) - first_s == pytest.approx(122.0)


def test_this_computer_has_such_clocks() -> None:
    clock = SYSTEM_CLOCK
    assert clock.boottime_s() - slept_s(clock) == pytest.approx(time.monotonic(), abs=5.0)
    assert slept_s(clock) >= -0.001
    assert clock.boot_id == clock.boot_id
