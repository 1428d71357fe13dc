"""What a pod makes of starts, clocks, other windows and keepalives, beside P1 to P7."""

from __future__ import annotations

import json

import pytest

from pod_bench import (
    CIRCLE,
    DESIGN,
    POD,
    SLEEPER_KEY,
    PodBench,
    eligible_bench,
    entries,
    estimate,
    phase_of,
    playing_bench,
    published,
    recorded,
    renders,
    reply_of,
    sealed,
    silences,
    window_bench,
    withdrawal,
)
from sanctuary.commons.entries import signing_key
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import Effect, IdSource, Log, Record
from sanctuary.pods.pod.events import (
    ClockMeasured,
    EstimateArrived,
    Ticked,
    WithdrawalMade,
)
from sanctuary.pods.pod.states import PodPhase
from sanctuary.pods.protocol.messages import EVERY_POD


def test_a_start_less_than_a_second_ahead_is_refused() -> None:
    bench = eligible_bench()
    bench.offer()
    assert reply_of(bench.open(lead_s=0.99)).reason == "start_too_soon"
    assert phase_of(bench) is PodPhase.LEASED


@pytest.mark.parametrize(
    ("lead_s", "zero_s", "reason"),
    [(31.0, None, "expires_too_far"), (11.0, None, "start_too_far"), (2.0, 9.0, "zero_after_start")],
)
def test_a_start_that_makes_no_sense_is_refused(lead_s: float, zero_s: float | None, reason: str) -> None:
    bench = eligible_bench(settings=PodSettings(max_lead_s=10.0))
    bench.offer()
    assert reply_of(bench.open(lead_s=lead_s, zero_s=zero_s)).reason == reason
    assert phase_of(bench) is PodPhase.LEASED


def test_a_clock_that_is_not_sure_refuses_windows() -> None:
    bench = eligible_bench()
    bench.offer()
    bench.handle(ClockMeasured(0.0, 0.2))
    assert reply_of(bench.open()).reason == "clock_uncertain"


@pytest.mark.parametrize("uncertainty_s", [float("nan"), float("inf"), -1.0, 0.051])
def test_a_clock_measurement_that_is_no_good_makes_nobody_eligible(uncertainty_s: float) -> None:
    bench = eligible_bench()
    bench.handle(ClockMeasured(0.0, uncertainty_s))
    assert phase_of(bench) is PodPhase.IDLE


def test_a_clock_measurement_grows_old() -> None:
    bench = eligible_bench()
    bench.sleep(600)
    assert phase_of(bench) is PodPhase.IDLE


def test_an_open_for_another_offer_is_refused() -> None:
    bench = eligible_bench()
    bench.offer("1")
    assert reply_of(bench.open("2")).reason == "no_such_lease"


def test_a_latecomer_joins_the_design_where_it_is() -> None:
    bench = eligible_bench()
    bench.sleep(30)
    bench.offer()
    bench.open(zero_s=1.0)
    effects = bench.sleep(30, extend="w1")
    assert [(cue.step, cue.at_s) for cue in renders(effects)] == [(2, 49.0)]
    assert [entry["step"] for entry in entries(bench.effects)] == [2], "what went before is not even tried"


def test_a_broadcast_about_a_window_of_others_is_no_business_of_this_pod() -> None:
    bench = eligible_bench()
    effects = bench.command(bench.commander.extend(EVERY_POD, "w9", CIRCLE, bench.now_s, bench.now_s + 6.0))
    assert published(effects, "up/reply") == []
    assert recorded(effects, "command") == []


def test_the_end_of_a_window_that_was_left_already_is_no_news() -> None:
    bench = eligible_bench()
    effects = bench.command(
        bench.commander.close(POD, "w9", CIRCLE, bench.now_s, bench.now_s + 6.0, "quorum_lost")
    )
    assert published(effects, "up/reply") == []
    assert recorded(effects, "command") == []


def test_a_keepalive_may_not_reach_far_ahead() -> None:
    bench = window_bench()
    effects = bench.command(bench.commander.extend(POD, "w1", CIRCLE, bench.now_s, bench.now_s + 10.5))
    assert reply_of(effects).reason == "valid_too_long"


def test_arousal_ends_the_cues_of_this_sleeper_for_a_while() -> None:
    bench = playing_bench()
    bench.handle(EstimateArrived(estimate(4.0, arousal=True)), 4.0)
    assert phase_of(bench) is PodPhase.REQUALIFYING
    bench.sleep(20)
    bench.enter_window("2")
    effects = bench.sleep(4, extend="w2")
    assert [entry["reason"] for entry in entries(effects)] == ["arousal_quiet"]


def test_every_record_can_be_written_as_json() -> None:
    bench = playing_bench()
    bench.handle(WithdrawalMade(sealed(withdrawal(2), SLEEPER_KEY)))
    records = [
        e.record if isinstance(e, Record) else e.entry for e in bench.effects if isinstance(e, Record | Log)
    ]
    kinds = {json.loads(json.dumps(record.to_dict(), allow_nan=False))["kind"] for record in records}
    assert kinds == {"consent", "pod", "estimate", "pod_window", "command", "cue", "silence"}


def test_the_bench_speaks_of_its_own_circle_and_design() -> None:
    bench = window_bench()
    bench.sleep(2)
    (entry,) = entries(bench.effects)
    assert (entry["circle"], entry["design"]) == (CIRCLE, DESIGN.hash)


def ahead(bench: PodBench, op: str, by_s: float) -> list[Effect]:
    """Send a command of a gateway whose clock is ahead of the pod's."""
    at_s = bench.now_s + by_s
    match op:
        case "offer":
            message = bench.commander.offer(POD, bench.offer_args(), at_s, at_s + 5.0)
        case "extend":
            message = bench.commander.extend(POD, "w1", CIRCLE, at_s, at_s + 5.0)
        case _:
            message = bench.commander.close(POD, "w1", CIRCLE, at_s, at_s + 5.0, "quorum_lost")
    return bench.command(message)


@pytest.mark.parametrize(
    ("by_s", "reason"), [(0.03, ""), (0.05, "issued_in_the_future"), (3.7, "issued_in_the_future")]
)
def test_c4_an_offer_that_comes_before_it_was_issued_is_refused(by_s: float, reason: str) -> None:
    bench = eligible_bench()
    effects = ahead(bench, "offer", by_s)
    assert reply_of(effects).reason == reason
    notes = [record["event"] for record in recorded(effects, "pod")]
    assert notes == (["clock_doubted"] if reason else [])


def test_c4_a_pod_that_doubts_its_clock_waits_for_another_measurement() -> None:
    bench = eligible_bench()
    ahead(bench, "offer", 3.7)
    bench.sleep(1)
    assert phase_of(bench) is PodPhase.IDLE
    assert not recorded(ahead(bench, "offer", 3.7), "pod"), "said once"
    bench.handle(ClockMeasured(0.0, 0.002))
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_c4_a_window_kept_open_by_a_clock_ahead_is_left_in_silence() -> None:
    bench = playing_bench()
    effects = ahead(bench, "extend", 3.7)
    assert [silence.reason for silence in silences(effects)] == ["clock_doubted"]
    assert reply_of(effects).reason == "issued_in_the_future"
    assert phase_of(bench) is PodPhase.REQUALIFYING


def test_old_and_repeated_commands_from_the_future_say_nothing_of_the_clock() -> None:
    bench = window_bench(term=4)
    bench.sleep(4, extend="w1")
    older = CommandWriter("harbour", signing_key(b"\x77" * 32), 3, IdSource("gw3"))
    at_s = bench.now_s + 3.7
    replayed = bench.command(older.extend(POD, "w1", CIRCLE, at_s, at_s + 5.0))
    assert reply_of(replayed).reason == "old_term"
    assert bench.pod.window == "w1"
    twice = bench.commander.extend(POD, "w1", CIRCLE, at_s, at_s + 5.0)
    assert reply_of(bench.command(twice)).reason == "issued_in_the_future"
    assert reply_of(bench.command(twice)).reason == "duplicate"


def test_a_clock_set_back_revives_no_command() -> None:
    bench = eligible_bench()
    bench.sleep(30)
    before = bench.commander.offer(POD, bench.offer_args(), bench.now_s - 11.0, bench.now_s - 6.0)
    bench.handle(Ticked(), bench.now_s - 10.0)
    bench.handle(ClockMeasured(0.0, 0.002))
    assert reply_of(bench.command(before)).reason == "issued_before_boot"


def test_a_close_is_obeyed_whatever_the_clocks_say() -> None:
    bench = playing_bench()
    assert reply_of(ahead(bench, "close", 3.7)).obeyed
    assert bench.pod.window is None
