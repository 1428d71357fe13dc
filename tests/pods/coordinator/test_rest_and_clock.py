"""C3 in one gateway: no window begins while pods may be in the one before, whatever the clock does."""

from __future__ import annotations

from coordinator_desk import closed, desk, ops
from pod_bench import recorded
from sanctuary.pods.coordinator.closing import ClosingReason


def test_a_circle_rests_after_a_window_that_was_only_forgotten() -> None:
    d = desk(pods=("p1", "p2"))
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
    d = desk(pods=("p1", "p2"))
    d.opened("p1", "p2")
    assert ops(d.tick(-3.0)) == closed("p1", "p2")
    assert recorded(d.effects, "window")[-1]["reason"] == ClosingReason.CLOCK_SET
    assert d.phases() == []
    d.now_s += 200.0
    d.state("p1", seq=2)
    assert d.state("p2", seq=2) == [], "it rests as after any window"


def test_a_clock_that_is_corrected_by_little_ends_nothing() -> None:
    d = desk(pods=("p1", "p2"))
    d.opened("p1", "p2")
    assert d.tick(-0.05) == []
    assert len(d.phases()) == 1


def test_a_clock_that_is_set_back_lengthens_no_rest() -> None:
    d = desk(pods=("p1", "p2"), refractory_s=60.0)
    d.opened("p1", "p2")
    d.tick(6.0)
    d.tick(-30.0)
    d.tick(61.0)
    d.state("p1", seq=2)
    assert ops(d.state("p2", seq=2)) == [("offer", "p1"), ("offer", "p2")]
