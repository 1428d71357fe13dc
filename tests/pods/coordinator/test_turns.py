"""C2: circles that compete for pods take turns. And holding, pausing, giving up, message by message."""

from __future__ import annotations

from coordinator_bench import CoordinatorBench, bench, closed, ops
from pod_bench import DESIGN, pod_key, recorded
from sanctuary.pods.coordinator.circle import Circle, groups_of
from sanctuary.pods.coordinator.gateway_events import ClosingReason, ReplyReceived
from sanctuary.pods.coordinator.turns import next_in_turn
from sanctuary.pods.coordinator.windows import WindowPhase
from sanctuary.pods.protocol.messages import Reply


def two() -> CoordinatorBench:
    return CoordinatorBench({"one": (2, ("p1", "p2")), "two": (2, ("p1", "p2"))}, refractory_s=60.0)


def proposed(d: CoordinatorBench) -> list[tuple[str, dict[str, float | None]]]:
    return [
        (record["circle"], record["contenders"])
        for record in recorded(d.effects, "window")
        if record["event"] == "proposed"
    ]


def test_c2_the_circle_that_waited_longest_is_offered_first() -> None:
    d = two()
    d.opened("p1", "p2")
    assert proposed(d) == [("one", {"two": None})], "neither had a window: by id"
    for pod in ("p1", "p2"):
        d.state(pod, seq=2, state="in_window")
    d.lease("p2", ttl_s=0.0)
    ended_s = d.now_s
    d.tick(60.0)
    d.state("p1", seq=3)
    d.state("p2", seq=3)
    assert proposed(d)[1:] == [("two", {"one": ended_s})]


def test_c2_a_circle_that_rests_is_no_contender() -> None:
    d = two()
    d.opened("p1", "p2")
    d.lease("p2", ttl_s=0.0)
    d.state("p1", seq=2)
    d.state("p2", seq=2)
    assert proposed(d)[1:] == [("two", {})]


def test_c2_a_neighbour_whose_rest_ends_goes_before_a_circle_that_just_became_ready() -> None:
    d = CoordinatorBench({"a": (2, ("p1", "p2")), "b": (2, ("p2", "p3"))}, refractory_s=60.0)
    d.coordinator.hold("a", 7, d.now_s - 60.0 + 0.5, d.now_s)
    d.coordinator.hold("b", 7, d.now_s - 30.0 - 60.0, d.now_s)
    d.state("p1", willing=("a",))
    d.state("p2", willing=("a", "b"))
    assert proposed(d) == [], "circle a still rests"
    d.now_s += 1.0
    d.state("p3", willing=("b",))
    assert proposed(d) == [("b", {"a": 40.5})]


def test_turns_go_by_the_end_of_the_last_window_then_by_id() -> None:
    assert next_in_turn({"b": 5.0, "a": 7.0}) == "b"
    assert next_in_turn({"b": None, "a": 7.0}) == "b"
    assert next_in_turn({"b": None, "a": None}) == "a"


def test_circles_that_share_pods_are_one_group() -> None:
    def circle(name: str, *pods: str) -> Circle:
        return Circle(name, 2, {pod: pod_key(pod).verify_key for pod in pods}, DESIGN)

    groups = groups_of(
        [circle("c", "p3", "p4"), circle("a", "p1", "p2"), circle("b", "p2", "p3"), circle("z", "p8", "p9")]
    )
    assert [[one.id for one in group] for group in groups] == [["a", "b", "c"], ["z"]]


def test_nothing_is_commanded_for_a_circle_that_is_not_held() -> None:
    d = bench()
    d.coordinator.release("one", ClosingReason.SUPERSEDED, d.now_s, orderly=False)
    assert d.state("p1") + d.state("p2") == []
    assert d.coordinator.windows == ()


def test_a_pause_keeps_the_window_and_sends_nothing() -> None:
    d = bench()
    d.opened("p1", "p2")
    d.coordinator.suspend("one")
    assert d.tick(2.0) == []
    d.coordinator.hold("one", 7, None, d.now_s)
    d.lease("p1", playing=True)
    d.lease("p2", playing=True)
    assert ("extend", "p1") in ops(d.tick(2.0))
    assert d.phases() == [WindowPhase.OPEN]


def test_a_window_that_loses_its_quorum_in_a_pause_is_forgotten_without_a_word() -> None:
    d = bench()
    d.opened("p1", "p2")
    d.coordinator.suspend("one")
    assert d.lease("p2", ttl_s=0.0) == []
    assert d.phases() == []


def test_giving_up_in_order_closes_and_otherwise_forgets() -> None:
    d = bench()
    d.opened("p1", "p2")
    out = d.coordinator.release("one", ClosingReason.STOPPED, d.now_s, orderly=True)
    assert [record["reason"] for record in recorded(out, "window")] == ["stopped"]
    assert len(out) == 1 + len(closed("p1", "p2"))

    d = bench()
    d.opened("p1", "p2")
    out = d.coordinator.release("one", ClosingReason.SUPERSEDED, d.now_s, orderly=False)
    assert [record["reason"] for record in recorded(out, "window")] == ["superseded"]
    assert len(out) == 1, "without authority nothing is commanded"


def test_what_another_gateway_knew_of_the_last_window_counts() -> None:
    d = bench(refractory_s=60.0)
    d.coordinator.release("one", ClosingReason.LINK_LOST, d.now_s, orderly=False)
    d.coordinator.hold("one", 9, d.now_s - 30.0, d.now_s)
    d.state("p1")
    assert d.state("p2") == [], "the circle rests for another half minute"
    d.tick(30.0)
    d.state("p1", seq=2)
    assert [(c.op, c.term) for c in d.state("p2", seq=2)] == [("offer", 9), ("offer", 9)]


def test_a_pod_that_knows_a_higher_term_is_noticed() -> None:
    d = bench()
    d.state("p1")
    (offer, _) = d.state("p2")
    for command, reason in (("c-of-another", "old_term"), (offer.id, "not_eligible")):
        reply = Reply(pod="p1", command=command, obeyed=False, reason=reason, t_s=d.now_s)
        d.do(ReplyReceived("p1", reply.to_bytes()))
        assert d.coordinator.pop_outdated() == []
    reply = Reply(pod="p1", command=offer.id, obeyed=False, reason="old_term", t_s=d.now_s)
    d.do(ReplyReceived("p1", reply.to_bytes()))
    assert d.coordinator.pop_outdated() == ["one"]
    assert d.coordinator.pop_outdated() == []
