"""The coordinator, message by message: C1, C4, joining, one window per pod, terms."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator_bench import CoordinatorBench, bench, closed, holding, ops
from pod_bench import COORDINATOR_KEY, DESIGN, SITE, pod_key, recorded
from sanctuary.commons.designs import load_design
from sanctuary.config.errors import InputError
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.coordinator import Coordinator
from sanctuary.pods.coordinator.gateway_events import (
    GatewayTicked,
    LeaseReceived,
    PodStateReceived,
    PodStatusReceived,
)
from sanctuary.pods.coordinator.windows import (
    WINDOW_TRANSITIONS,
    WindowPhase,
    WindowRun,
    WindowTrigger,
)
from sanctuary.pods.effects import IdSource
from sanctuary.pods.protocol.messages import Command, Open, PodStatus


def test_a_window_is_offered_as_soon_as_k_are_eligible() -> None:
    d = bench()
    assert d.state("p1") == []
    commands = d.state("p2")
    assert ops(commands) == [("offer", "p1"), ("offer", "p2")]
    assert {command.term for command in commands} == {7}
    assert len({command.id for command in commands}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"stable_rem": False},
        {"state": "idle"},
        {"state": "in_window"},
        {"willing": ("two",)},
        {"t_s": 84.9},
    ],
)
def test_a_pod_that_could_not_come_is_not_counted(changes: dict[str, Any]) -> None:
    d = bench()
    d.state("p1")
    assert d.state("p2", **changes) == []


def test_c1_opens_on_k_live_leases_and_not_before() -> None:
    d = bench()
    d.state("p1")
    d.state("p2")
    assert d.lease("p1") == []
    assert d.phases() == [WindowPhase.PROPOSED]
    commands = d.lease("p2")
    assert ops(commands) == [("open", "p1"), ("open", "p2")]
    for command in commands:
        assert isinstance(command, Open)
        assert command.start_at_s == command.args.zero_s == d.now_s + 2.0
        assert command.args.valid_until_s == d.now_s + 5.0


def test_c1_k_leases_are_enough_once_the_time_is_up() -> None:
    d = bench()
    d.state("p1")
    d.state("p2")
    d.state("p3")
    d.opened("p1")
    assert d.phases() == [WindowPhase.PROPOSED]
    assert ops(d.tick(5.0)) == closed("p1", "p2")

    d = bench(pods=("p1", "p2", "p3", "p4"), quorum=3)
    for pod in ("p1", "p2"):
        d.state(pod)
    d.do(GatewayTicked())
    d.state("p3")
    d.lease("p1")
    d.lease("p2")
    assert d.tick(4.9) == []
    d.lease("p3")
    assert d.phases() == [WindowPhase.OPEN]


def test_c1_leases_that_lapsed_before_the_opening_do_not_count() -> None:
    d = bench(offer_expiry_s=10.0)
    d.state("p1")
    d.state("p2")
    d.lease("p1")
    d.tick(6.0)
    assert d.lease("p2") == []
    assert d.phases() == [WindowPhase.PROPOSED]


def test_c1_only_genuine_new_leases_for_this_offer_count() -> None:
    d = bench(pods=("p1", "p2"))
    d.state("p1")
    d.state("p2")
    d.lease("p1")
    d.lease("p2", key="p1")
    d.lease("p2", site="hill")
    d.lease("p2", term=6)
    d.lease("p2", window="w99")
    d.lease("p2", nonce="other")
    d.lease("p2", offer="other")
    d.lease("p2", issued_at_s=d.now_s - 6.0)
    d.lease("p1", seq=1)
    d.lease("p1", topic="p2", key="p2")
    d.do(LeaseReceived("stranger", b"{}"))
    assert d.lease_reasons() == [
        "",
        "unreadable",
        "other_site",
        "other_term",
        "no_such_window",
        "no_such_offer",
        "no_such_offer",
        "lapsed",
        "repeated",
        "other_pod",
        "unreadable",
    ]
    assert d.phases() == [WindowPhase.PROPOSED]


def test_c1_a_pod_whose_clock_is_ahead_gains_nothing() -> None:
    d = bench(offer_expiry_s=15.0)
    d.state("p1")
    d.state("p2")
    d.lease("p1", issued_at_s=d.now_s + 1000.0)
    d.tick(6.0)
    d.lease("p2")
    assert d.phases() == [WindowPhase.PROPOSED]


def test_an_offer_without_a_quorum_falls_through_and_is_made_again_later() -> None:
    d = bench()
    d.state("p1")
    d.state("p2")
    assert ops(d.tick(5.0)) == closed("p1", "p2")
    d.tick(5.0)
    d.state("p1", seq=2)
    assert d.state("p2", seq=2) == []
    assert ops(d.tick(5.0)) == [("offer", "p1"), ("offer", "p2")]


def test_c4_closes_when_a_lease_lapses() -> None:
    d = bench()
    d.opened("p1", "p2")
    d.tick(3.0)
    d.lease("p1", playing=True)
    assert ("close", "p1") not in ops(d.tick(1.9))
    assert ops(d.tick(0.1)) == closed("p1", "p2"), "also the one whose lease lapsed"
    assert d.phases() == []


@pytest.mark.parametrize("how", ["release", "will"])
def test_c4_closes_at_once_when_a_pod_leaves(how: str) -> None:
    d = bench()
    d.opened("p1", "p2")
    if how == "release":
        commands = d.lease("p2", ttl_s=0.0)
    else:
        commands = d.do(PodStatusReceived("p2", PodStatus(online=False, boot="b1", fw="1").to_bytes()))
    assert ops(commands) == closed("p1", "p2")


def test_c4_a_lease_that_comes_after_the_quorum_lapsed_revives_nothing() -> None:
    d = bench()
    d.opened("p1", "p2")
    d.tick(3.0)
    d.lease("p2", playing=True)
    d.state("p3")
    d.now_s += 3.1
    assert ops(d.lease("p3"))[:3] == closed("p1", "p2", "p3"), "p1 lapsed a moment before p3 came"
    assert d.lease_reasons()[-1] == "no_such_window"


def test_the_last_will_of_an_earlier_boot_changes_nothing() -> None:
    d = bench()
    d.opened("p1", "p2")
    assert d.do(PodStatusReceived("p2", PodStatus(online=False, boot="b0", fw="1").to_bytes())) == []
    assert d.phases() == [WindowPhase.OPEN]


def renew(d: CoordinatorBench, seconds: int, *pods: str) -> list[Command]:
    commands: list[Command] = []
    for _ in range(seconds):
        commands += d.tick(1.0)
        for pod in pods:
            commands += d.lease(pod, playing=True)
    return commands


def test_an_open_window_is_extended_every_two_seconds_up_to_its_length() -> None:
    d = bench(max_window_s=30.0)
    d.opened("p1", "p2")
    commands = renew(d, 30, "p1", "p2")
    extends = [command for command in commands if command.op == "extend"]
    assert ops(extends) == [("extend", "p1"), ("extend", "p2")] * 14
    assert max(command.args.valid_until_s for command in extends) == 130.0
    assert (commands[-1].op, commands[-1].args.reason) == ("close", "max_length")  # type: ignore[union-attr]


def test_a_design_that_does_not_repeat_ends_its_window() -> None:
    once = load_design(b"""
        schema = "sanctuary.design.v1"
        title = "Once"
        author = "Tests"
        licence = "CC0-1.0"
        length_s = 20.0
        steps = [{at_s = 0, modality = "haptic", level_share = 0.1, duration_s = 1, fade_s = 0.2}]
    """)
    members = {pod: pod_key(pod).verify_key for pod in ("p1", "p2")}
    d = bench()
    d.coordinator = holding([Circle("one", 2, members, once)])
    d.opened("p1", "p2")
    assert renew(d, 22, "p1", "p2")[-1].args.reason == "design_done"  # type: ignore[union-attr]


def test_a_circle_rests_after_a_window() -> None:
    d = bench()
    d.opened("p1", "p2")
    d.lease("p2", ttl_s=0.0)
    d.tick(299.0)
    d.state("p1", seq=2)
    assert d.state("p2", seq=2) == []
    assert ops(d.tick(1.0)) == [("offer", "p1"), ("offer", "p2")]


def test_another_member_may_join_an_open_window_and_plays_in_step() -> None:
    d = bench()
    d.opened("p1", "p2")
    zero_s = d.now_s + 2.0
    renew(d, 10, "p1", "p2")
    assert ops(d.state("p3")) == [("offer", "p3")]
    (command,) = d.lease("p3")
    assert isinstance(command, Open)
    assert (command.pod, command.start_at_s, command.args.zero_s) == ("p3", d.now_s + 2.0, zero_s)


def test_open_is_sent_again_to_a_pod_that_leases_but_does_not_play() -> None:
    d = bench()
    d.opened("p1", "p2")
    commands = []
    for _ in range(5):
        commands += d.tick(1.0)
        commands += d.lease("p1", playing=True)
        commands += d.lease("p2")
    assert [command.pod for command in commands if command.op == "open"] == ["p2"]


def test_a_pod_is_in_one_window_at_most() -> None:
    d = CoordinatorBench({"one": (2, ("p1", "p2")), "two": (2, ("p2", "p3"))})
    d.opened("p1", "p2")
    assert d.state("p3") == []
    assert d.state("p2", seq=2) == []
    assert len(d.coordinator.windows) == 1


def test_messages_that_cannot_be_read_are_recorded() -> None:
    d = bench()
    d.do(PodStateReceived("p1", b"{}"))
    d.do(PodStateReceived("stranger", b"{}"))
    d.do(PodStatusReceived("p1", b"no"))
    d.state("p1", speaks="p2")
    assert [(r["pod"], r["about"]) for r in recorded(d.effects, "refused_message")] == [
        ("p1", "state"),
        ("stranger", "state"),
        ("p1", "status"),
        ("p1", "state"),
    ]


def test_an_older_snapshot_does_not_replace_a_newer_one() -> None:
    d = bench()
    d.state("p1", seq=5, state="stopped")
    d.state("p1", seq=4)
    assert d.state("p2") == []


@pytest.mark.parametrize(("quorum", "pods"), [(1, ("p1", "p2")), (3, ("p1", "p2")), (0, ())])
def test_a_quorum_is_at_least_two_and_at_most_all(quorum: int, pods: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="quorum"):
        bench(quorum, pods)


def test_circles_must_agree_on_ids_and_keys() -> None:
    members = {pod: pod_key(pod).verify_key for pod in ("p1", "p2")}
    other = members | {"p2": pod_key("p9").verify_key}
    for circles in (
        [Circle("one", 2, members, DESIGN), Circle("one", 2, members, DESIGN)],
        [Circle("one", 2, members, DESIGN), Circle("two", 2, other, DESIGN)],
    ):
        with pytest.raises(InputError):
            Coordinator(CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("x")), circles)
    with pytest.raises(InputError):
        Circle("Not An Id", 2, members, DESIGN)


def test_a_window_moves_only_as_its_table_says() -> None:
    circle = Circle("one", 2, {pod: pod_key(pod).verify_key for pod in ("p1", "p2")}, DESIGN)
    for phase in WindowPhase:
        for trigger in WindowTrigger:
            run = WindowRun("w1", circle, 1, 0.0, phase=phase)
            allowed = WINDOW_TRANSITIONS[phase].get(trigger)
            if allowed is None:
                with pytest.raises(LookupError):
                    run.move(trigger)
            else:
                run.move(trigger)
            assert run.phase is (allowed or phase)
