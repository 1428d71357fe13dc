"""Three pods and a coordinator, end to end, over a wire with faults, in virtual time."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from fake_site import LED_S, FakeSite, Impaired, impaired
from pod_bench import estimate
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.pod.events import LinkLost, LinkRestored, PersonReset, StopPressed, WithdrawalMade
from sanctuary.pods.pod.states import PodPhase
from sanctuary.signal.samples import StageEstimate

QUICK = CoordinatorSettings(refractory_s=60.0)


def not_rem(t_s: float) -> StageEstimate:
    return estimate(t_s, rem=False)


def test_a_quiet_house_opens_one_window_and_plays_in_step() -> None:
    house = FakeSite()
    house.run(120.0)
    assert len(house.found("window", "opened")) == 1
    played: dict[int, dict[str, float]] = defaultdict(dict)
    for name, step, due_s, now_s in house.rendered():
        assert now_s == due_s, "ticked at the very moment the step was due"
        played[step][name] = due_s
    assert sorted(played) == [0, 1, 2, 3, 4]
    assert all(len(set(times.values())) == 1 for times in played.values())
    assert all(len(played[step]) == 3 for step in (1, 2, 3, 4)), "the third joined within one step"
    assert check_violations(house.records) == []


def test_c1_no_window_below_the_quorum() -> None:
    house = FakeSite()
    house.say(not_rem, "pod-1", "pod-2")
    house.run(60.0)
    assert house.found("window", "proposed") == []


def test_c4_the_window_closes_when_sleepers_leave_rem() -> None:
    house = FakeSite()
    house.run(30.0)
    house.say(not_rem, "pod-1", "pod-2")
    house.run(40.0)
    (closed,) = house.found("window", "closed")
    assert closed["reason"] == "quorum_lost"
    assert closed["t_s"] < LED_S + 32.0
    assert {pod.window for pod in house.pods} == {None}
    assert check_violations(house.records) == []


def test_one_sleeper_leaves_and_the_others_go_on() -> None:
    house = FakeSite()
    house.run(30.0)
    house.do("pod-2", StopPressed())
    house.run(60.0)
    assert house.found("window", "closed") == []
    assert house.pod("pod-2").phase is PodPhase.STOPPED
    assert house.pod("pod-1").window == house.pod("pod-3").window
    assert house.pod("pod-1").window is not None


def test_a_sleeper_who_reaches_rem_later_joins_in_step() -> None:
    house = FakeSite()
    house.say(not_rem, "pod-3")
    house.run(40.0)
    house.say(estimate, "pod-3")
    house.run(120.0)
    assert house.pod("pod-3").window == house.pod("pod-1").window
    times = {step: due_s for name, step, due_s, _ in house.rendered() if name == "pod-1"}
    later = {step: due_s for name, step, due_s, _ in house.rendered() if name == "pod-3"}
    assert later
    assert all(times[step] == at_s for step, at_s in later.items())
    assert check_violations(house.records) == []


def test_pods_fall_silent_when_the_coordinator_dies() -> None:
    house = FakeSite()
    house.run(30.0)
    house.virtual.crash_gateway(100.0)
    house.run(45.0)
    assert all(pod.window is None for pod in house.pods)
    assert max(now_s for *_, now_s in house.rendered()) < LED_S + 36.0


EVENTS = (StopPressed(), PersonReset(), WithdrawalMade(), LinkLost(), LinkRestored())


def disturb(house: FakeSite, name: str) -> None:
    """Let one of the things of the night happen to a pod."""
    kind = house.random.randrange(len(EVENTS) + 8)
    if kind < len(EVENTS):
        house.do(name, EVENTS[kind])
        return
    signals = (not_rem, lambda t_s: estimate(t_s, arousal=True), lambda t_s: estimate(t_s, quality=0.3))
    awry = kind - len(EVENTS)
    if awry == len(signals):
        house.starve(name, 45.0)
    house.say(signals[awry] if awry < len(signals) else estimate, name)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), wire=impaired)
def test_the_invariants_hold_over_any_wire(seed: int, wire: Impaired) -> None:
    house = FakeSite(seed, wire, settings=QUICK)
    for number in range(8):
        house.run(40.0 * (number + 1) + house.random.uniform(0.0, 20.0))
        disturb(house, house.random.choice(house.names))
    house.run(360.0)
    assert check_violations(house.records) == []


def test_a_poor_wire_still_lets_windows_open() -> None:
    opened = 0
    for seed in range(5):
        house = FakeSite(seed, Impaired(loss=0.1, repeat=0.2, delay_s=0.4))
        house.run(120.0)
        opened += bool(house.rendered())
        assert check_violations(house.records) == []
    assert opened == 5
