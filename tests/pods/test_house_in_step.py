"""Three pods and a coordinator, end to end, over a wire with faults, in virtual time."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from fake_wire import Faults, House
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
    house = House(1)
    house.run(120.0)
    assert len(house.windows("opened")) == 1
    played: dict[int, dict[str, float]] = defaultdict(dict)
    for name, cue, now_s in house.renders:
        assert now_s == cue.at_s, "ticked at the very moment the step was due"
        played[cue.step][name] = cue.at_s
    assert sorted(played) == [0, 1, 2, 3, 4]
    assert all(len(set(times.values())) == 1 for times in played.values())
    assert all(len(played[step]) == 3 for step in (1, 2, 3, 4)), "the third joined within one step"
    assert check_violations(house.lines) == []


def test_c1_no_window_below_the_quorum() -> None:
    house = House(1)
    house.states["pod-1"] = house.states["pod-2"] = not_rem
    house.run(60.0)
    assert house.windows("proposed") == []


def test_c4_the_window_closes_when_sleepers_leave_rem() -> None:
    house = House(1)
    house.run(30.0)
    house.states["pod-1"] = house.states["pod-2"] = not_rem
    house.run(40.0)
    (closed,) = house.windows("closed")
    assert closed["reason"] == "quorum_lost"
    assert closed["t_s"] < 32.0
    assert {pod.phase for pod in house.pods.values()} == {PodPhase.REQUALIFYING, PodPhase.ELIGIBLE}
    assert check_violations(house.lines) == []


def test_one_sleeper_leaves_and_the_others_go_on() -> None:
    house = House(1)
    house.run(30.0)
    house.do("pod-2", StopPressed())
    house.run(60.0)
    assert house.windows("closed") == []
    assert house.pods["pod-2"].phase is PodPhase.STOPPED
    assert house.pods["pod-1"].window == house.pods["pod-3"].window
    assert house.pods["pod-1"].window is not None


def test_a_sleeper_who_reaches_rem_later_joins_in_step() -> None:
    house = House(1)
    house.states["pod-3"] = not_rem
    house.run(40.0)
    house.states["pod-3"] = estimate
    house.run(120.0)
    assert house.pods["pod-3"].window == house.pods["pod-1"].window
    times = {cue.step: cue.at_s for name, cue, _ in house.renders if name == "pod-1"}
    later = {cue.step: cue.at_s for name, cue, _ in house.renders if name == "pod-3"}
    assert later
    assert all(times[step] == at_s for step, at_s in later.items())
    assert check_violations(house.lines) == []


def test_pods_fall_silent_when_the_coordinator_dies() -> None:
    house = House(1)
    house.run(30.0)
    house.coordinator.handle = lambda *_: []  # type: ignore[method-assign]
    house.run(45.0)
    assert all(pod.window is None for pod in house.pods.values())
    assert max(now_s for _, _, now_s in house.renders) < 36.0


chance = st.floats(0.0, 0.4)
EVENTS = (StopPressed(), PersonReset(), WithdrawalMade(), LinkLost(), LinkRestored())


def befall(house: House, name: str) -> None:
    """Let one of the things of the night happen to a pod."""
    kind = house.random.randrange(len(EVENTS) + 8)
    if kind < len(EVENTS):
        house.do(name, EVENTS[kind])
        return
    signals = (
        not_rem,
        lambda t_s: estimate(t_s, arousal=True),
        lambda t_s: estimate(t_s, quality=0.3),
        lambda _: None,
    )
    awry = kind - len(EVENTS)
    house.states[name] = signals[awry] if awry < len(signals) else estimate


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    faults=st.builds(Faults, loss=chance, repeat=chance, delay_s=st.floats(0.0, 4.0)),
)
def test_the_invariants_hold_over_any_wire(seed: int, faults: Faults) -> None:
    house = House(seed, faults, settings=QUICK)
    for number in range(8):
        house.run(40.0 * (number + 1) + house.random.uniform(0.0, 20.0))
        befall(house, house.random.choice(house.names))
    house.run(360.0)
    assert check_violations(house.lines) == []


def test_a_poor_wire_still_lets_windows_open() -> None:
    opened = 0
    for seed in range(5):
        house = House(seed, Faults(loss=0.1, repeat=0.2, delay_s=0.8))
        house.run(120.0)
        opened += bool(house.renders)
        assert check_violations(house.lines) == []
    assert opened == 5
