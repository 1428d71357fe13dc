"""After an interruption a pod proves stable REM without a break before it is eligible again (P4)."""

from __future__ import annotations

import pytest

from pod_bench import (
    CIRCLE,
    POD,
    PodBench,
    eligible_bench,
    estimate,
    phase_of,
    playing_bench,
    published,
    recorded,
    reply_of,
    silences,
    window_bench,
)
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.pod.events import (
    EstimateArrived,
    HeadbandFound,
    HeadbandLost,
    LinkLost,
    LinkRestored,
    PersonReset,
    StopPressed,
    Ticked,
)
from sanctuary.pods.pod.states import PodPhase
from sanctuary.pods.protocol.messages import PodState, read


def lose_link(bench: PodBench) -> None:
    bench.handle(LinkLost())
    bench.handle(LinkRestored())


def lose_headband(bench: PodBench) -> None:
    bench.handle(HeadbandLost())
    bench.handle(HeadbandFound())


def stop_and_reset(bench: PodBench) -> None:
    bench.handle(StopPressed())
    bench.handle(PersonReset())


def go_stale(bench: PodBench) -> None:
    bench.handle(Ticked(), bench.now_s + 3.0)


def say(**what: object) -> object:
    def speak(bench: PodBench) -> None:
        bench.handle(EstimateArrived(estimate(bench.now_s + 0.5, **what)), bench.now_s + 0.5)  # type: ignore[arg-type]

    return speak


@pytest.mark.parametrize(
    "interrupt",
    [
        say(arousal=True),
        say(rem=False),
        say(quality=0.2),
        go_stale,
        lose_headband,
        lose_link,
        stop_and_reset,
    ],
)
def test_what_broke_off_is_proved_anew_for_ten_seconds(interrupt) -> None:
    bench = playing_bench()
    interrupt(bench)
    assert silences(bench.effects)
    assert phase_of(bench) is PodPhase.REQUALIFYING
    bench.sleep(10)
    assert phase_of(bench) is PodPhase.REQUALIFYING
    assert reply_of(bench.offer("2")).reason == "not_eligible"
    bench.sleep(1)
    assert phase_of(bench) is PodPhase.ELIGIBLE
    assert [r["event"] for r in recorded(bench.effects, "pod") if "requali" in r["event"]] == [
        "requalifying",
        "requalified",
    ]


@pytest.mark.parametrize("breaks", [say(rem=False), say(arousal=True), say(quality=0.4), lose_headband])
def test_a_break_in_the_proof_begins_it_anew(breaks) -> None:
    bench = playing_bench()
    lose_link(bench)
    bench.sleep(8)
    breaks(bench)
    bench.sleep(10)
    assert phase_of(bench) is PodPhase.REQUALIFYING
    bench.sleep(1)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_estimates_that_lie_too_far_apart_prove_nothing_together() -> None:
    bench = playing_bench()
    lose_link(bench)
    for _ in range(8):
        bench.now_s += 3.0
        bench.handle(EstimateArrived(estimate(bench.now_s)))
    assert phase_of(bench) is PodPhase.REQUALIFYING


def test_what_was_seen_before_the_link_was_back_does_not_count() -> None:
    bench = playing_bench()
    bench.handle(LinkLost())
    bench.sleep(60)
    bench.handle(LinkRestored())
    assert phase_of(bench) is PodPhase.REQUALIFYING
    bench.sleep(11)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_a_lost_headband_ends_a_lease_at_once() -> None:
    bench = eligible_bench()
    bench.offer()
    bench.handle(HeadbandLost())
    assert phase_of(bench) is PodPhase.REQUALIFYING


def test_a_window_that_ends_in_order_leaves_nothing_to_prove() -> None:
    bench = playing_bench()
    bench.command(bench.commander.close(POD, "w1", CIRCLE, bench.now_s, bench.now_s + 5.0, "design_done"))
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_a_sleeper_who_never_was_engaged_has_nothing_to_prove() -> None:
    bench = eligible_bench()
    bench.sleep(3, rem=False)
    assert phase_of(bench) is PodPhase.IDLE
    bench.sleep(1)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_how_long_is_a_setting() -> None:
    bench = window_bench(settings=PodSettings(requalify_s=30.0))
    lose_link(bench)
    bench.sleep(30)
    assert phase_of(bench) is PodPhase.REQUALIFYING
    bench.sleep(1)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_the_coordinator_is_told() -> None:
    bench = playing_bench()
    effects = bench.handle(EstimateArrived(estimate(4.0, arousal=True)), 4.0)
    assert [read(PodState, message.payload).state for message in published(effects, "up/state")] == [
        "requalifying"
    ]
