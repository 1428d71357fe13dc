"""A pod follows the sanctuary clock from a clock of its own, or trusts its computer as far as chrony does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import pytest

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import ClockSettings
from sanctuary.gateway.site.clocks import FollowedTime, MeasuredTime
from sanctuary.gateway.site.remote import SameClock
from sanctuary.gateway.site.site_clock import SanctuaryClock, SystemTime, open_clock
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.clock.exchange import Cadence, ClockFollower, TimeSource
from sanctuary.pods.mqtt.wire_client import MqttMessage

QUICK = Cadence(burst=4, gap_s=0.0, every_s=4.0, enough=4)
GOOD = "A,b,3,1.0,0.0,0.0001,0.0,0.0,0.0,0.1,0.001,0.001,16.0,Normal"
BAD = "0,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised"


def ask(clock: FollowedTime | MeasuredTime | SystemTime, gateway: SanctuaryClock, times: int = 1) -> None:
    """Let a pod ask a gateway, at once."""
    for _ in range(times):
        request = clock.ask(gateway.now())
        assert request is not None
        answer = gateway.answer(MqttMessage("a", request, 0, arrived_s=time.monotonic()))
        clock.on_answer(MqttMessage("b", answer, 0, arrived_s=time.monotonic()), gateway.now())


def test_a_pod_hours_off_tells_the_gateways_time() -> None:
    gateway = SanctuaryClock("gateway-1", "g1", time.time() - 1000.0)
    pod = FollowedTime("boot", QUICK, lambda monotonic_s: 12_345.0 + monotonic_s * (1.0 + 50e-6))
    with pytest.raises(LookupError):
        pod.now()
    ask(pod, gateway, 4)
    measured = pod.news()
    assert measured is not None
    assert pod.source == gateway.source
    before_s, told_s, after_s = gateway.now(), pod.now(), gateway.now()
    assert before_s - measured.uncertainty_s - 1e-3 <= told_s <= after_s + measured.uncertainty_s + 1e-3
    assert pod.at(100.0) < pod.at(101.0)


def test_news_are_told_once_and_unsure_until_enough_exchanges() -> None:
    gateway = SanctuaryClock("gateway-1", "g1", time.time())
    pod = FollowedTime("boot", QUICK)
    ask(pod, gateway, 3)
    early = pod.news()
    assert early is not None
    assert early.uncertainty_s == inf
    assert not pod.is_known
    assert pod.news() is None
    ask(pod, gateway)
    assert pod.is_known
    sure = pod.news()
    assert sure is not None
    assert sure.uncertainty_s < 10.0


def test_another_start_of_the_gateway_makes_a_pod_unsure_and_ask_again() -> None:
    pod = FollowedTime("boot", QUICK)
    ask(pod, SanctuaryClock("gateway-1", "g1", time.time()), 4)
    assert not pod.in_burst
    other = SanctuaryClock("gateway-1", "g2", time.time())
    pod.hurry()
    ask(pod, other)
    news = pod.news()
    assert pod.in_burst
    assert news is not None
    assert news.uncertainty_s == inf


def test_a_pod_in_the_gateways_own_program_counts_its_distance_as_uncertainty() -> None:
    gateway = SanctuaryClock("gateway-1", "g1", time.time())
    apart_s = 0.5
    pod = MeasuredTime("boot", QUICK, lambda monotonic_s: gateway.at(monotonic_s) - apart_s)
    ask(pod, gateway, 4)
    news = pod.news(0.0)
    assert news is not None
    assert news.offset_s == pytest.approx(apart_s, abs=0.2)
    assert news.uncertainty_s >= apart_s


def test_after_a_burst_requests_are_rare() -> None:
    follower, sent = ClockFollower("boot"), 0
    for tick in range(600 * 25):
        sent += follower.ask(tick * 0.04) is not None
    assert sent == pytest.approx(8 + 600 / 4, abs=3)


def test_a_clock_that_starts_elsewhere_or_jumps_is_another_and_a_continued_one_is_not() -> None:
    zero_s = time.time() - 5000.0

    def after(boot: str, utc_s_at_zero: float, utc_ahead_s: float = 0.0) -> bool:
        pod = FollowedTime("boot", QUICK)
        first = SanctuaryClock("gateway-1", "g1", zero_s)
        ask(pod, first, 4)
        same = SameClock(pod, first.source)
        assert not same.is_over()
        pod.hurry()
        utc: Callable[[], float] = lambda: time.time() + utc_ahead_s  # noqa: E731
        ask(pod, SanctuaryClock("gateway-1", boot, utc_s_at_zero, utc=utc), 4)
        return same.is_over()

    assert not after("g1", zero_s)
    assert not after("g2", zero_s + 0.02)
    assert after("g2", zero_s + 3600.0)
    assert after("g2", zero_s, utc_ahead_s=-600.0)


def test_a_clock_in_doubt_is_unsure_until_it_is_measured_anew() -> None:
    gateway, pod = SanctuaryClock("gateway-1", "g1", time.time()), FollowedTime("boot", QUICK)
    ask(pod, gateway, 4)
    assert pod.is_known
    pod.hurry()
    stale = pod.ask()
    assert stale is not None
    pod.doubt()
    assert not pod.is_known
    with pytest.raises(ProtocolError, match="answers no open request"):
        pod.on_answer(MqttMessage("b", gateway.answer(MqttMessage("a", stale, 0)), 0))
    assert not pod.is_known
    ask(pod, gateway, 4)
    assert pod.is_known


# --- the gateway's clock ---


@dataclass
class Computer:
    """A computer's two clocks; a restart sets the monotonic one back."""

    up_s: float = 500.0
    told_utc_s: float = 1.8e9
    boot_id: str = "one"

    def monotonic_s(self) -> float:
        return self.up_s

    def boottime_s(self) -> float:
        return self.up_s

    def utc_s(self) -> float:
        return self.told_utc_s

    def passes(self, seconds: float) -> None:
        self.up_s += seconds
        self.told_utc_s += seconds


@dataclass
class Nights:
    """Starts of a gateway on one computer and one folder."""

    store: SiteStore
    computer: Computer = field(default_factory=Computer)

    def start(self, boot: str) -> SanctuaryClock:
        return open_clock(
            self.store,
            "gateway-1",
            boot,
            system=False,
            cadence=QUICK,
            clock=self.computer,
        )


def test_a_second_means_the_same_moment_before_and_after_a_crash(tmp_path: Path) -> None:
    nights = Nights(SiteStore(tmp_path))
    first = nights.start("g1")
    assert first.now() == pytest.approx(0.0, abs=1e-6)
    nights.computer.passes(3600.0)
    assert first.now() == pytest.approx(3600.0, abs=1e-6)
    nights.computer = Computer(3.0, nights.computer.told_utc_s + 60.0, "two")
    assert nights.start("g2").now() == pytest.approx(3660.0, abs=1e-6)


def test_a_night_that_ended_in_order_or_too_long_ago_is_not_continued(tmp_path: Path) -> None:
    nights = Nights(SiteStore(tmp_path))
    nights.start("g1")
    nights.computer.passes(7200.0)
    nights.store.forget_clock()
    assert nights.start("g2").now() == pytest.approx(0.0, abs=1e-6)
    nights.computer.passes(16 * 3600.0)
    assert nights.start("g3").now() == pytest.approx(0.0, abs=1e-6)
    nights.computer = Computer(3.0, nights.computer.told_utc_s - 100.0, "two")
    assert nights.start("g4").now() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("text", ["", "{}", '{"utc_s_at_zero": "x"}', '{"utc_s_at_zero": NaN}', "[]"])
def test_a_spoilt_file_means_a_new_clock(tmp_path: Path, text: str) -> None:
    nights = Nights(SiteStore(tmp_path))
    (tmp_path / "clock.json").write_text(text)
    assert nights.start("g1").now() == pytest.approx(0.0, abs=1e-6)


def test_a_gateway_that_follows_another_goes_on_from_its_clock_when_its_turn_comes() -> None:
    leader = SanctuaryClock("gateway-1", "g1", time.time() - 5000.0)
    second = SanctuaryClock("gateway-2", "g2", time.time(), cadence=QUICK)
    for _ in range(4):
        request = second.ask()
        assert request is not None
        answer = leader.answer(MqttMessage("a", request, 0, arrived_s=time.monotonic()))
        second.follow(MqttMessage("b", answer, 0, arrived_s=time.monotonic()))
    assert second.now() == pytest.approx(leader.now(), abs=second.uncertainty_s + 1e-3)
    assert second.utc_s_at_zero == leader.utc_s_at_zero
    before_s = second.now()
    second.lead()
    assert 0.0 <= second.now() - before_s < 1.0
    assert second.source == TimeSource("gateway-2", "g2", leader.utc_s_at_zero, leader.began_utc_s)


# --- the computer's clock, kept by chrony ---


@pytest.fixture
def chronyc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program = tmp_path / "chronyc"
    program.write_text(f"#!/bin/sh\necho '{GOOD}'\n")
    program.chmod(0o755)
    return program


def system_time() -> SystemTime:
    return SystemTime("pod-1", "boot", ClockSettings(source="system", system_timeout_s=10.0), 0.02)


def ask_in_haste(pod: SystemTime, gateway: SanctuaryClock, times: int) -> None:
    for _ in range(times):
        pod.hurry()
        ask(pod, gateway)


def looked(pod: SystemTime) -> float:
    asyncio.run(pod.look())
    news = pod.news()
    assert news is not None
    return news.uncertainty_s


def test_nothing_is_said_before_chrony_was_asked() -> None:
    pod = system_time()
    ask(pod, SanctuaryClock("gateway-1", "g1", time.time(), system=True))
    assert pod.is_known
    assert pod.news() is None


def test_chronys_bound_is_the_pods_uncertainty(chronyc: Path) -> None:
    gateway, pod = SanctuaryClock("gateway-1", "g1", time.time() - 50.0, system=True), system_time()
    ask_in_haste(pod, gateway, 3)
    assert looked(pod) == inf, "too few exchanges to compare with"
    ask_in_haste(pod, gateway, 1)
    assert looked(pod) == pytest.approx(0.0016)
    assert pod.now() == pytest.approx(gateway.now(), abs=0.1)


def test_an_unsynchronised_computer_stays_out_told_once_and_once_when_it_is_over(
    chronyc: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pod = system_time()
    ask_in_haste(pod, SanctuaryClock("gateway-1", "g1", time.time(), system=True), 4)
    chronyc.write_text(f"#!/bin/sh\necho '{BAD}'\n")
    with caplog.at_level(logging.WARNING):
        assert looked(pod) == inf
        assert looked(pod) == inf
        chronyc.write_text(f"#!/bin/sh\necho '{GOOD}'\n")
        assert looked(pod) < 0.02
    first, second = (record.getMessage() for record in caplog.records)
    assert "pod-1: chrony: this computer's clock is not synchronised" in first
    assert "it stays out of windows" in first
    assert second == "pod-1: the clock is sure again"


def test_a_gateway_that_contradicts_chrony_is_not_believed(
    chronyc: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = SanctuaryClock("gateway-1", "g1", time.time(), utc=lambda: time.time() + 30.0)
    pod = system_time()
    ask_in_haste(pod, gateway, 4)
    with caplog.at_level(logging.WARNING):
        assert looked(pod) == inf
    assert "apart" in caplog.text
