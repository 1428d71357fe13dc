"""C3, gateway by gateway: who holds a circle, and how it goes to another."""

from __future__ import annotations

import pytest

from gateway_world import ONE, VALID_FOR_S, World, settled
from pod_bench import COORDINATOR_KEY, SITE, pod_key
from sanctuary.config.errors import InputError
from sanctuary.config.site_settings import TenureSettings
from sanctuary.pods.coordinator import events as happened
from sanctuary.pods.coordinator.choice import next_term, preference
from sanctuary.pods.coordinator.office import Office
from sanctuary.pods.coordinator.seat import CircleReport
from sanctuary.pods.coordinator.seat_phases import SEAT_TRANSITIONS, SeatPhase, SeatTrigger
from sanctuary.pods.coordinator.tenure import Tenure
from sanctuary.pods.coordinator.tenure_effects import Complain, Hold
from sanctuary.pods.coordinator.times import TenureTimes
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


def test_one_of_two_gateways_that_start_together_holds_the_circle() -> None:
    world = World()
    for name in world.names:
        world.connect(name)
    world.run(FENCE_S - 0.2)
    assert world.holders() == [], "commands of an earlier night may be in force"
    world.run(1.0)
    assert world.holders() == preference(ONE, world.names)[:1]


@pytest.mark.parametrize("will", [True, False])
def test_another_gateway_takes_over_within_ten_seconds_of_a_crash(will: bool) -> None:
    world = settled()
    (holder,) = world.holders()
    world.kill(holder, will=will)
    world.run(FENCE_S - 0.5)
    assert world.holders() == []
    world.run(1.0)
    assert world.holders() == [other(world, holder)]


def test_two_that_claim_at_once_after_a_crash_without_a_will_keep_nobody_waiting() -> None:
    world = settled(3, for_s=9.0)
    holder = world.holders()[0]
    world.kill(holder, will=False)
    world.run(0.5)
    world.start(holder)
    world.run(9.5)
    claims = [record for record in world.records if record["event"] == "claimed" and record["t_s"] > 9.0]
    assert len(claims) == 2
    assert world.holders()


def test_a_holder_that_ends_in_order_is_followed_at_once() -> None:
    world = settled()
    (holder,) = world.holders()
    world.machines[holder].quiet = True
    world.run(VALID_FOR_S)
    world.stop(holder)
    world.run(1.5)
    assert world.holders() == [other(world, holder)]


def test_a_holder_that_ends_amid_a_window_is_followed_when_its_commands_have_run_out() -> None:
    world = settled()
    (holder,) = world.holders()
    world.stop(holder)
    world.run(VALID_FOR_S - 0.5)
    assert world.holders() == []
    world.run(1.0)
    assert world.holders() == [other(world, holder)]


def test_a_gateway_that_hangs_commands_nothing_when_it_wakes() -> None:
    world = settled()
    (holder,) = world.holders()
    world.run(10.0, hung=frozenset({holder}))
    assert world.phase(other(world, holder)) is SeatPhase.HOLDING
    world.run(0.25)
    assert world.phase(holder) is SeatPhase.WATCHING
    assert events(world, holder)[-2:] == ["suspended", "stepped_down"]
    until_s = [r["authority_until_s"] for r in world.records if r["event"] == "suspended"]
    assert isinstance(until_s[0], float)
    assert until_s[0] == pytest.approx(world.now_s - 10.25 + 2.0, abs=1.0), "not when it woke"


def test_a_moment_without_echo_suspends_and_nothing_is_lost() -> None:
    world = settled()
    (holder,) = world.holders()
    world.run(2.4, deaf=frozenset({holder}))
    assert world.phase(holder) is SeatPhase.SUSPENDED
    world.run(0.25)
    assert world.phase(holder) is SeatPhase.HOLDING
    assert events(world, holder)[-2:] == ["suspended", "resumed"]


def test_a_holder_that_is_no_longer_heard_has_fallen_silent_before_another_commands() -> None:
    world = settled()
    (holder,) = world.holders()
    world.run(10.0, mute=frozenset({holder}))
    assert world.holders() == [other(world, holder)], "and `World.command` saw no double window on the way"


def test_a_broker_that_restarts_unnoticed_makes_no_double_window() -> None:
    world = settled()
    (holder,) = world.holders()
    world.restart_broker()
    world.connect(other(world, holder))
    world.run(10.0)
    assert world.holders() == [other(world, holder)]


def test_a_lost_link_ends_authority_at_once() -> None:
    world = settled()
    (holder,) = world.holders()
    world.cut(holder)
    world.notice(holder)
    assert world.phase(holder) is SeatPhase.DEAF
    assert events(world, holder)[-1] == "lost"


def test_messages_given_up_unread_count_as_a_lost_link() -> None:
    world = settled()
    (holder,) = world.holders()
    world.handle(holder, happened.MessagesLost())
    assert world.phase(holder) is SeatPhase.WATCHING
    world.run(FENCE_S - 0.5)
    assert world.phase(holder) is not SeatPhase.HOLDING


def test_a_gateway_started_anew_counts_its_former_self_as_another() -> None:
    world = settled(1)
    world.start("gateway-1")
    world.run(world.times.fence_s - 0.5)
    assert world.holders() == []
    world.run(1.0)
    assert world.holders() == ["gateway-1"]


def test_a_broker_that_forgot_everything_makes_all_wait() -> None:
    world = settled()
    world.restart_broker()
    for name in world.names:
        world.connect(name)
    world.run(FENCE_S - 0.5)
    assert world.holders() == []
    world.run(3.0)
    assert len(world.holders()) == 1


def test_the_circle_goes_back_to_the_gateway_that_is_wanted_more() -> None:
    world = settled()
    (first,) = world.holders()
    world.kill(first)
    world.run(20.0)
    world.machines[other(world, first)].quiet = True
    world.start(first)
    world.run(9.0)
    assert world.holders() == [other(world, first)]
    world.run(3.0)
    assert world.holders() == [first]
    assert events(world, other(world, first))[-1] == "released"


def test_a_gateway_that_does_not_take_what_it_is_given_is_given_nothing_more() -> None:
    world = settled()
    (first,) = world.holders()
    second = other(world, first)
    world.kill(first)
    world.run(20.0)
    world.start(first)
    world.run(60.0, hung=frozenset({first}))
    assert events(world, second).count("released") == 1
    assert world.phase(second) is SeatPhase.HOLDING


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
    (seat,) = world.machines["gateway-1"].tenure.seats.values()
    leaps = 0
    while seat.term < 100_000:
        world.effects.clear()
        world._do("gateway-1", world.machines["gateway-1"].tenure.raise_term(ONE, world.now("gateway-1")))
        assert [e.term for e in world.effects if isinstance(e, Hold)] == [seat.term]
        leaps += 1
    assert leaps < 20
    world.run(3.0)
    assert world.holders() == ["gateway-1"]


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
    complaints = [e.text for e in world.effects if isinstance(e, Complain)]
    assert len(complaints) == 1
    assert "not signed by the key expected" in complaints[0]
    world.run(10.0)
    assert world.holders() == [name], "nobody without the key keeps us from our work"


def test_a_claim_outlives_the_memory_of_windows() -> None:
    reports = {"a": CircleReport(False, -1e9, 1234.5)}
    times = TenureTimes.of(TenureSettings(), VALID_FOR_S, 1)
    office = Office(SITE, "a", COORDINATOR_KEY, IdSource("x"), ("a",))
    tenure = Tenure(office, [("a",)], times, lambda circle: reports[circle])
    world = World(1)
    tenure.handle(happened.LinkRestored(), world.now("gateway-1"))
    world.now_s = 5.0
    (sent,) = [e for e in tenure.tick(world.now("gateway-1")) if hasattr(e, "payload")]
    assert sent.topic == topics.claim(SITE, "a")
    assert sent.retain
    assert open_claim(sent.payload, COORDINATOR_KEY.verify_key).last_window_end_s == 1234.5


def test_a_gateway_must_be_one_of_the_site() -> None:
    office = Office(SITE, "c", COORDINATOR_KEY, IdSource("x"), ("a", "b"))
    times = TenureTimes.of(TenureSettings(), VALID_FOR_S, 2)
    with pytest.raises(InputError, match=r"none of site\.gateways"):
        Tenure(office, [(ONE,)], times, lambda _: CircleReport())


def test_every_phase_can_lose_the_link() -> None:
    assert set(SEAT_TRANSITIONS) == set(SeatPhase)
    for moves in SEAT_TRANSITIONS.values():
        assert moves[SeatTrigger.LINK_LOST] is SeatPhase.DEAF
