"""C3 in one gateway: no window begins while pods may be in the one before, whatever the clock does."""

from __future__ import annotations

import pytest

from coordinator_bench import bench, closed, ops
from pod_bench import COORDINATOR_KEY, DESIGN, SITE, pod_key, recorded
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.coordinator.gateway_events import ClosingReason, GatewayTicked, Now
from sanctuary.pods.coordinator.leadership_state import by_our_clock
from sanctuary.pods.effects import IdSource
from sanctuary.pods.protocol.messages import GatewayClaim


def test_a_circle_rests_after_a_window_that_was_only_forgotten() -> None:
    d = bench(pods=("p1", "p2"))
    d.opened("p1", "p2")
    d.coordinator.suspend("one")
    d.tick(6.0)
    assert recorded(d.effects, "window")[-1]["reason"] == ClosingReason.QUORUM_LOST
    assert d.coordinator.hold("one", 7, None, d.now_s) == []
    d.state("p1", seq=2)
    assert d.state("p2", seq=2) == [], "nobody was told that it is over; some may be in it for seconds yet"
    d.now_s += 300.0
    d.state("p1", seq=3)
    assert ops(d.state("p2", seq=3)) == [("offer", "p1"), ("offer", "p2")]


def test_a_clock_that_is_set_back_ends_windows_and_makes_no_lease_longer() -> None:
    d = bench(pods=("p1", "p2"))
    d.opened("p1", "p2")
    assert ops(d.tick(-3.0)) == closed("p1", "p2")
    assert recorded(d.effects, "window")[-1]["reason"] == ClosingReason.CLOCK_SET
    assert d.phases() == []
    d.now_s += 200.0
    d.state("p1", seq=2)
    assert d.state("p2", seq=2) == [], "it rests as after any window"


def test_a_clock_that_is_corrected_by_little_ends_nothing() -> None:
    d = bench(pods=("p1", "p2"))
    d.opened("p1", "p2")
    assert d.tick(-0.05) == []
    assert len(d.phases()) == 1


def test_a_clock_that_is_set_back_lengthens_no_rest() -> None:
    d = bench(pods=("p1", "p2"), refractory_s=60.0)
    d.opened("p1", "p2")
    d.tick(6.0)
    d.tick(-30.0)
    d.tick(61.0)
    d.state("p1", seq=2)
    assert ops(d.state("p2", seq=2)) == [("offer", "p1"), ("offer", "p2")]


def test_a_clock_that_is_set_forward_ends_windows_and_shortens_no_rest() -> None:
    d = bench(pods=("p1", "p2"), refractory_s=60.0)
    d.opened("p1", "p2")
    d.now_s += 500.0
    effects = d.coordinator.clock_set_forward(499.0, d.now_s)
    assert [record["reason"] for record in recorded(effects, "window")] == [ClosingReason.CLOCK_SET]
    d.tick(30.0)
    d.coordinator.clock_set_forward(1000.0, d.now_s + 1000.0)
    d.now_s += 1000.0
    d.state("p1", seq=2)
    assert d.state("p2", seq=2) == [], "30 s of rest are left"
    d.now_s += 31.0
    d.state("p1", seq=3)
    assert ops(d.state("p2", seq=3)) == [("offer", "p1"), ("offer", "p2")]


@pytest.mark.parametrize(("gained_s", "seen"), [(0.0, False), (1.9, False), (2.1, True), (80.0, True)])
def test_a_gateway_sees_by_its_own_clock_that_the_sanctuarys_was_set_forward(
    gained_s: float, seen: bool
) -> None:
    members = {pod: pod_key(pod).verify_key for pod in ("p1", "p2")}
    identity = CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("g1"))
    gateway = Gateway(identity, [Circle("one", 2, members, DESIGN)])
    gateway.handle(GatewayTicked(), Now(10.0, 7000.0))
    history = gateway._coordinator.history("one")
    history.not_before_s = 50.0
    gateway.handle(GatewayTicked(), Now(20.0 + gained_s, 7010.0))
    gateway.handle(GatewayTicked(), Now(30.0 + gained_s, 7020.0))
    assert history.not_before_s == pytest.approx(50.0 + gained_s * seen)


def test_what_a_gateway_ahead_says_of_the_last_window_is_moved_to_our_clock() -> None:
    said = GatewayClaim(
        site=SITE, circle="one", gateway="gateway-2", boot="g2", term=3, seq=1, released=False,
        good_for_s=7.0, last_window_end_s=1.7e9 + 1450.0, issued_at_s=1500.0,
    )  # fmt: skip
    assert by_our_clock(said, 100.0).last_window_end_s == 1.7e9 + 50.0
    assert by_our_clock(said, 1500.5) is said


@pytest.mark.parametrize(("known", "last_end_s"), [(True, 80.0), (False, 100.0)])
def test_a_window_that_seems_to_end_in_the_future_tells_nothing_where_we_know_better(
    known: bool, last_end_s: float
) -> None:
    d = bench(pods=("p1", "p2"))
    history = d.coordinator.history("one")
    history.last_end_s = 80.0 if known else None
    d.coordinator.hold("one", 7, 900.0, 100.0)
    assert history.last_end_s == last_end_s
