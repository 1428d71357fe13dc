"""C3, gateway by gateway: who leads a circle, and how it goes to another."""

from __future__ import annotations

import pytest

from gateway_world import ONE, VALID_FOR_S, World, settled
from pod_bench import COORDINATOR_KEY, SITE, pod_key
from sanctuary.config.errors import InputError
from sanctuary.config.site_settings import LeadershipSettings
from sanctuary.pods.coordinator import gateway_events as happened
from sanctuary.pods.coordinator.circle import CoordinatorIdentity
from sanctuary.pods.coordinator.claims import LeadershipTimes, next_term, preference
from sanctuary.pods.coordinator.gateway_events import ClosingReason, Hold, WarnOperators
from sanctuary.pods.coordinator.leadership import Leadership
from sanctuary.pods.coordinator.leadership_state import (
    LEADERSHIP_TRANSITIONS,
    CircleReport,
    LeadershipState,
    LeadershipTrigger,
)
from sanctuary.pods.effects import IdSource
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, open_claim, seal
from sanctuary.pods.protocol.messages import GatewayClaim

FENCE_S = 7.1
"""Authority of 2 s, commands of 5 s, and a margin."""


def other(world: World, name: str) -> str:
    return next(one for one in world.names if one != name)


def events(world: World, name: str) -> list[str]:
    return [str(record["event"]) for record in world.records if record.get("gateway") == name]


def test_one_of_two_gateways_that_start_together_leads_the_circle() -> None:
    world = World()
    for name in world.names:
        world.connect(name)
    world.run(FENCE_S - 0.2)
    assert world.leaders() == [], "commands of an earlier night may be in force"
    world.run(1.0)
    assert world.leaders() == preference(ONE, world.names)[:1]


@pytest.mark.parametrize("will", [True, False])
def test_another_gateway_takes_over_within_ten_seconds_of_a_crash(will: bool) -> None:
    world = settled()
    (leader,) = world.leaders()
    world.kill(leader, will=will)
    world.run(FENCE_S - 0.5)
    assert world.leaders() == []
    world.run(1.0)
    assert world.leaders() == [other(world, leader)]


def test_two_that_claim_at_once_after_a_crash_without_a_will_keep_nobody_waiting() -> None:
    world = settled(3, for_s=9.0)
    leader = world.leaders()[0]
    world.kill(leader, will=False)
    world.run(0.5)
    world.start(leader)
    world.run(9.5)
    claims = [record for record in world.records if record["event"] == "claimed" and record["t_s"] > 9.0]
    assert len(claims) == 2
    assert world.leaders()


def test_a_leader_that_ends_in_order_is_followed_at_once() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.machines[leader].quiet = True
    world.run(VALID_FOR_S)
    world.stop(leader)
    world.run(1.5)
    assert world.leaders() == [other(world, leader)]


def test_a_leader_that_ends_amid_a_window_is_followed_when_its_commands_have_run_out() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.stop(leader)
    world.run(VALID_FOR_S - 0.5)
    assert world.leaders() == []
    world.run(1.0)
    assert world.leaders() == [other(world, leader)]


def test_a_gateway_that_hangs_commands_nothing_when_it_wakes() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.run(10.0, hung=frozenset({leader}))
    assert world.state(other(world, leader)) is LeadershipState.LEADER
    world.run(0.25)
    assert world.state(leader) is LeadershipState.FOLLOWER
    assert events(world, leader)[-2:] == ["suspended", "stepped_down"]
    until_s = [r["authority_until_s"] for r in world.records if r["event"] == "suspended"]
    assert isinstance(until_s[0], float)
    assert until_s[0] == pytest.approx(world.now_s - 10.25 + 2.0, abs=1.0), "not when it woke"


def test_a_moment_without_a_claim_coming_back_suspends_and_nothing_is_lost() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.run(2.4, deaf=frozenset({leader}))
    assert world.state(leader) is LeadershipState.SUSPENDED
    world.run(0.25)
    assert world.state(leader) is LeadershipState.LEADER
    assert events(world, leader)[-2:] == ["suspended", "resumed"]


def test_a_leader_that_is_no_longer_received_has_fallen_silent_before_another_commands() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.run(10.0, mute=frozenset({leader}))
    assert world.leaders() == [other(world, leader)], "and `World.command` saw no double window on the way"


def test_a_broker_that_restarts_unnoticed_makes_no_double_window() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.restart_broker()
    world.connect(other(world, leader))
    world.run(10.0)
    assert world.leaders() == [other(world, leader)]


def test_a_lost_link_ends_authority_at_once() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.cut(leader)
    world.notice(leader)
    assert world.state(leader) is LeadershipState.DISCONNECTED
    assert events(world, leader)[-1] == "lost"


def test_messages_given_up_unread_count_as_a_lost_link() -> None:
    world = settled()
    (leader,) = world.leaders()
    world.handle(leader, happened.MessagesLost())
    assert world.state(leader) is LeadershipState.FOLLOWER
    world.run(FENCE_S - 0.5)
    assert world.state(leader) is not LeadershipState.LEADER


def test_a_gateway_started_anew_counts_its_former_self_as_another() -> None:
    world = settled(1)
    world.start("gateway-1")
    world.run(world.times.fence_s - 0.5)
    assert world.leaders() == []
    world.run(1.0)
    assert world.leaders() == ["gateway-1"]


def test_a_broker_that_forgot_everything_makes_all_wait() -> None:
    world = settled()
    world.restart_broker()
    for name in world.names:
        world.connect(name)
    world.run(FENCE_S - 0.5)
    assert world.leaders() == []
    world.run(3.0)
    assert len(world.leaders()) == 1


def test_the_circle_goes_back_to_the_gateway_that_is_preferred() -> None:
    world = settled()
    (first,) = world.leaders()
    world.kill(first)
    world.run(20.0)
    world.machines[other(world, first)].quiet = True
    world.start(first)
    world.run(9.0)
    assert world.leaders() == [other(world, first)]
    world.run(3.0)
    assert world.leaders() == [first]
    assert events(world, other(world, first))[-1] == "released"


def test_a_gateway_that_does_not_claim_what_it_is_given_is_given_nothing_more() -> None:
    world = settled()
    (first,) = world.leaders()
    second = other(world, first)
    world.kill(first)
    world.run(20.0)
    world.start(first)
    world.run(60.0, hung=frozenset({first}))
    assert events(world, second).count("released") == 1
    assert world.state(second) is LeadershipState.LEADER


def test_terms_rise_and_no_two_gateways_share_one() -> None:
    gateways = ("a", "b", "c")
    used = {gateway: [next_term(above, gateways, gateway) for above in range(50)] for gateway in gateways}
    for gateway, terms in used.items():
        assert all(above < term <= above + 3 for above, term in enumerate(terms)), gateway
    assert not set(used["a"]) & set(used["b"])


def test_a_term_is_kept_before_it_is_used_and_survives() -> None:
    world = settled(1)
    before = world.machines["gateway-1"].term
    world.restart_broker()
    world.start("gateway-1")
    world.run(20.0)
    assert world.machines["gateway-1"].term > before


def test_terms_that_pods_know_are_reached_in_few_leaps() -> None:
    world = settled(1)
    (circle,) = world.machines["gateway-1"].leadership.circles.values()
    leaps = 0
    while circle.term < 100_000:
        world.effects.clear()
        world._do("gateway-1", world.machines["gateway-1"].leadership.raise_term(ONE, world.now("gateway-1")))
        assert [e.term for e in world.effects if isinstance(e, Hold)] == [circle.term]
        leaps += 1
    assert leaps < 20
    world.run(3.0)
    assert world.leaders() == ["gateway-1"]


def test_rendezvous_moves_only_the_circles_of_the_gateway_that_goes() -> None:
    gateways = ("a", "b", "c")
    groups = [f"circle-{number}" for number in range(200)]
    before = {group: preference(group, gateways)[0] for group in groups}
    after = {group: preference(group, ("a", "b"))[0] for group in groups}
    assert all(before[group] == after[group] for group in groups if before[group] != "c")
    assert {before[group] for group in groups} == set(gateways)


def test_claims_signed_with_another_key_are_told_of_once() -> None:
    world = World()
    name = world.names[0]
    world.connect(name)
    claim = GatewayClaim(
        site=SITE, circle=ONE, gateway=world.names[1], boot="b", term=99, seq=1, released=False,
        good_for_s=7.0, last_window_end_s=None, issued_at_s=0.0,
    )  # fmt: skip
    for _ in range(3):
        world.handle(name, happened.ClaimReceived(ONE, seal(Kind.CLAIM, claim, pod_key("p9"))))
    complaints = [e.text for e in world.effects if isinstance(e, WarnOperators)]
    assert len(complaints) == 1
    assert "not signed by the key expected" in complaints[0]
    world.run(10.0)
    assert world.leaders() == [name], "nobody without the key keeps us from our work"


def test_a_claim_outlives_the_memory_of_windows() -> None:
    reports = {"a": CircleReport(False, -1e9, 1234.5)}
    times = LeadershipTimes.of(LeadershipSettings(), VALID_FOR_S, 1)
    identity = CoordinatorIdentity(SITE, "a", COORDINATOR_KEY, IdSource("x"), ("a",))
    leadership = Leadership(identity, [("a",)], times, lambda circle: reports[circle])
    world = World(1)
    leadership.handle(happened.BrokerLinkRestored(), world.now("gateway-1"))
    world.now_s = 5.0
    (sent,) = [e for e in leadership.tick(world.now("gateway-1")) if hasattr(e, "payload")]
    assert sent.topic == topics.claim(SITE, "a")
    assert sent.retain
    assert open_claim(sent.payload, COORDINATOR_KEY.verify_key).last_window_end_s == 1234.5


def test_a_gateway_must_be_one_of_the_site() -> None:
    identity = CoordinatorIdentity(SITE, "c", COORDINATOR_KEY, IdSource("x"), ("a", "b"))
    times = LeadershipTimes.of(LeadershipSettings(), VALID_FOR_S, 2)
    with pytest.raises(InputError, match=r"none of site\.gateways"):
        Leadership(identity, [(ONE,)], times, lambda _: CircleReport())


def test_every_phase_can_lose_the_link() -> None:
    assert set(LEADERSHIP_TRANSITIONS) == set(LeadershipState)
    for moves in LEADERSHIP_TRANSITIONS.values():
        assert moves[LeadershipTrigger.LINK_LOST] is LeadershipState.DISCONNECTED


def test_an_event_that_the_table_does_not_list_raises_and_changes_nothing() -> None:
    world = settled()
    (leader,) = world.leaders()
    circle, out = world.machines[leader].leadership.circles[ONE], []
    term, now = circle.term, world.now(leader)
    with pytest.raises(LookupError, match="circle one: claimed does not apply in state leader"):
        circle.claim(now, out)
    with pytest.raises(LookupError, match="link_restored does not apply in state leader"):
        circle.on_link_restored(now)
    assert (circle.state, circle.term, out) == (LeadershipState.LEADER, term, [])
    follower = world.machines[other(world, leader)].leadership.circles[ONE]
    with pytest.raises(LookupError, match="released does not apply in state follower"):
        follower.give_up(ClosingReason.STOPPED, "", now, out)
    assert out == []
