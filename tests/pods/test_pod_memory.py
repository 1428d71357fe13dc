"""What outlives a restart: budgets, gaps, ramps, ceilings, terms, latches; and that it is kept in time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pod_bench import (
    CIRCLE,
    POD,
    UTC_AT_ZERO_S,
    PodBench,
    eligible_bench,
    entries,
    estimate,
    grant,
    make_bench,
    phase_of,
    playing_bench,
    recorded,
    renders,
    reply_of,
    sealed,
    window_bench,
)
from sanctuary.config.site_settings import LimiterSettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.effects import Effect, Keep, Publish, Render, Silence
from sanctuary.pods.pod.events import (
    ClockMeasured,
    ConsentPresented,
    EstimateArrived,
    LinkLost,
    LinkRestored,
    StopPressed,
    WithdrawalMade,
)
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.pods.pod.states import PodPhase


def rise_again(bench: PodBench, boot: str = "b2", **changes: object) -> PodBench:
    """Kill the pod, start it again, and let its sleeper be in stable REM for long enough."""
    bench.restart(boot, **changes)
    bench.handle(LinkRestored())
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(12)
    return bench


def dream(bench: PodBench, name: str, seconds: float = 3.0) -> list[Effect]:
    """A window that opens in 2 s, and what comes of its first step."""
    bench.enter_window(name)
    return bench.sleep(seconds, extend=f"w{name}")


def levels(effects: list[Effect]) -> list[float]:
    return [effect.cue.level for effect in renders(effects)]


def test_memory_is_kept_before_the_cue_that_it_counts() -> None:
    bench = window_bench()
    effects = bench.sleep(3)
    (render,) = [at for at, effect in enumerate(effects) if isinstance(effect, Render)]
    keeps = [effect for effect in effects[:render] if isinstance(effect, Keep)]
    assert keeps[-1].memory.limiter.in_night == 1
    assert keeps[-1].memory.limiter.last_start_utc_s == UTC_AT_ZERO_S + 3.0


def test_a_restart_gives_no_second_cue_in_the_gap_and_goes_on_with_ramp_and_budget() -> None:
    bench = playing_bench()
    rise_again(bench)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == ["too_soon"]
    bench.sleep(5, extend="w2")
    bench.command(bench.commander.close(POD, "w2", CIRCLE, bench.now_s, bench.now_s + 5.0, "over"))
    assert levels(dream(bench, "3")) == [31.0]
    assert bench.pod.memory.limiter.in_night == 2
    assert "P3" not in {violation.rule for violation in check_violations(bench.lines)}


def test_a_restart_refills_no_budget() -> None:
    limits = LimiterSettings(night_budget=1)
    bench = window_bench(limiter_settings=limits)
    assert len(renders(bench.sleep(2))) == 1
    rise_again(bench, limiter_settings=limits)
    bench.sleep(30)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == ["night_budget"]


def test_a_restart_forgets_no_arousal() -> None:
    bench = playing_bench()
    bench.handle(EstimateArrived(estimate(4.0, arousal=True)), 4.0)
    bench.now_s = 5.0
    rise_again(bench)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == ["arousal_quiet"]
    bench.sleep(60, extend="w2")
    bench.command(bench.commander.close(POD, "w2", CIRCLE, bench.now_s, bench.now_s + 5.0, "over"))
    played = levels(dream(bench, "3", 50.0))
    assert played
    assert max(played) == 24.0, "six decibels below the level that woke"


def test_an_arousal_of_unknown_length_counts_until_the_restart() -> None:
    bench = playing_bench()
    bench.handle(EstimateArrived(estimate(4.0, arousal=True)), 4.0)
    assert bench.kept is not None
    assert bench.kept.limiter.in_arousal
    bench.now_s = 63.0
    rise_again(bench)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == ["arousal_quiet"]


def test_the_end_of_an_arousal_is_kept_once() -> None:
    bench = eligible_bench()
    bench.handle(EstimateArrived(estimate(2.0, arousal=True)), 2.0)
    more = [bench.handle(EstimateArrived(estimate(t_s, arousal=True)), t_s) for t_s in (3.0, 4.0, 5.0)]
    assert not any(isinstance(effect, Keep) for out in more for effect in out), "a disk is spared"
    (keep,) = [e for e in bench.handle(EstimateArrived(estimate(6.0)), 6.0) if isinstance(e, Keep)]
    assert not keep.memory.limiter.in_arousal
    assert keep.memory.limiter.aroused_utc_s == UTC_AT_ZERO_S + 5.0


def test_another_night_has_a_budget_of_its_own_but_the_same_terms_and_latch() -> None:
    bench = playing_bench()
    bench.handle(StopPressed())
    bench.now_s += 13 * 3600.0
    bench.restart("b2")
    effects = bench.handle(LinkRestored())
    assert phase_of(bench) is PodPhase.STOPPED
    (booted,) = [record for record in recorded(effects, "pod") if record["event"] == "booted"]
    assert "carried" not in booted
    assert bench.pod.memory.limiter.in_night == 0
    assert bench.pod.memory.terms == {CIRCLE: 1}


def test_a_clock_that_was_set_back_shortens_no_gap() -> None:
    bench = playing_bench()
    bench.now_s -= 3600.0
    rise_again(bench)
    bench.sleep(5)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == ["too_soon"]


def test_the_first_log_after_a_restart_stands_alone() -> None:
    bench = playing_bench()
    rise_again(bench)
    bench.sleep(20)
    first = next(at for at, line in enumerate(bench.lines) if line.get("event") == "booted" and at)
    dream(bench, "2", 30.0)
    alone = bench.lines[first:]
    assert alone[0]["carried"] == {
        "in_night": 1,
        "woken": False,
        "highest": {"sound": 31.0, "light": 0.05, "haptic": 0.05},
    }
    assert check_violations(alone) == []
    alone[0] = {**alone[0], "carried": {**alone[0]["carried"], "highest": {"sound": 30.0}}}
    assert {violation.rule for violation in check_violations(alone)} == {"P3"}


@pytest.mark.parametrize("event", [StopPressed(), WithdrawalMade()])
def test_silence_comes_before_the_latch_is_kept_and_that_before_it_is_told(event: StopPressed) -> None:
    effects = playing_bench().handle(event)
    kinds = [type(effect) for effect in effects if isinstance(effect, Silence | Keep | Publish)]
    assert kinds[:3] == [Silence, Keep, Publish]


def test_a_withdrawal_by_hand_outlives_a_restart_and_the_reset() -> None:
    bench = playing_bench()
    bench.handle(WithdrawalMade())
    rise_again(bench)
    assert phase_of(bench) is PodPhase.WITHDRAWN
    assert bench.pod.memory.withdrawn_here == (1, UTC_AT_ZERO_S + 3.0)
    bench.handle(ConsentPresented(sealed(grant(2, nonce="presigned"))))
    assert reply_of(bench.offer("2")).reason == "latched"


def test_a_term_is_kept_before_its_command_is_answered() -> None:
    effects = eligible_bench(term=7).offer()
    kinds = [type(effect) for effect in effects if isinstance(effect, Keep | Publish)]
    assert kinds[:2] == [Keep, Publish]
    (keep, *_) = [effect for effect in effects if isinstance(effect, Keep)]
    assert keep.memory.terms == {CIRCLE: 7}


@pytest.mark.parametrize("engaged", [True, False])
def test_a_pod_killed_in_the_midst_of_things_proves_rem_anew(engaged: bool) -> None:
    bench = window_bench()
    if not engaged:
        bench.command(bench.commander.close(POD, "w1", CIRCLE, bench.now_s, bench.now_s + 5.0, "over"))
    bench.restart("b2")
    bench.handle(LinkRestored())
    assert phase_of(bench) is (PodPhase.REQUALIFYING if engaged else PodPhase.IDLE)


def test_a_link_that_is_lost_over_a_restart_is_not_forgotten() -> None:
    bench = window_bench()
    bench.handle(LinkLost())
    bench.restart("b2")
    assert phase_of(bench) is PodPhase.CUT_OFF


def test_nothing_is_kept_where_nothing_changed() -> None:
    bench = eligible_bench()
    effects = bench.sleep(60)
    assert not any(isinstance(effect, Keep) for effect in effects)


def test_a_grant_that_was_narrowed_is_not_wide_again_where_its_entry_was_lost() -> None:
    bench = eligible_bench()
    narrower = sealed(grant(2))
    bench.handle(ConsentPresented(narrower))
    assert bench.kept is not None
    assert bench.kept.consent_seq == 2
    bench.entries.remove(narrower)
    rise_again(bench)
    assert phase_of(bench) is PodPhase.IDLE
    assert reply_of(bench.offer()).reason == "entries_missing"
    bench.handle(ConsentPresented(narrower))
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_what_is_kept_of_one_sleepers_consent_binds_no_other() -> None:
    memory = PodMemory(pod=POD, who="ab" * 32, consent_seq=9, withdrawn_here=(9, UTC_AT_ZERO_S + 1e6))
    bench = eligible_bench(memory=memory)
    assert phase_of(bench) is PodPhase.ELIGIBLE


@pytest.mark.parametrize(("own_s", "reason"), [(15.0, "too_soon"), (1500.0, "")])
def test_a_sanctuary_clock_that_was_set_forward_over_a_restart_shortens_no_gap(
    own_s: float, reason: str
) -> None:
    bench = playing_bench()
    assert bench.kept is not None
    bench.kept = bench.kept.model_copy(update={"kept_own_utc_s": UTC_AT_ZERO_S + 5000.0})
    bench.now_s += 1500.0 - 13.0
    rise_again(bench, own_utc_s=UTC_AT_ZERO_S + 5000.0 + own_s - 13.0)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == [reason]


@pytest.mark.parametrize(("boot_id", "reason"), [("one", "too_soon"), ("two", ""), ("", "")])
def test_utc_that_was_set_while_the_program_was_down_shortens_no_gap(boot_id: str, reason: str) -> None:
    """Both clocks are the computer's own; within one start of it another tells how long it really was."""
    bench = playing_bench()
    assert bench.kept is not None
    kept = {"kept_own_utc_s": UTC_AT_ZERO_S + bench.now_s, "kept_boot_id": boot_id, "kept_alive_s": 50.0}
    bench.kept = bench.kept.model_copy(update=kept)
    bench.now_s += 1500.0
    own_utc_s = bench.kept.own_utc_s(UTC_AT_ZERO_S + bench.now_s, 52.0, "one")
    rise_again(bench, own_utc_s=own_utc_s)
    assert [entry["reason"] for entry in entries(dream(bench, "2"))] == [reason]


def test_an_own_clock_that_began_anew_tells_nothing() -> None:
    memory = PodMemory(pod=POD, kept_own_utc_s=100.0, kept_boot_id="one", kept_alive_s=50.0)
    assert memory.own_utc_s(900.0, 60.0, "one") == 110.0
    assert memory.own_utc_s(900.0, 40.0, "one") == 900.0
    assert memory.own_utc_s(900.0, 60.0, "two") == 900.0
    assert PodMemory(pod=POD).own_utc_s(900.0, 60.0, "one") == 900.0


def test_memory_reads_back_as_it_was_written() -> None:
    bench = playing_bench()
    memory = bench.pod.memory
    assert PodMemory.model_validate_json(memory.to_json()) == memory == bench.kept


@pytest.mark.parametrize(
    "text", ['{"pod": "pod-1", "schema": "pod.memory.v2"}', '{"pod": "P"}', '{"pod": "a", "latch": "idle"}']
)
def test_a_memory_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PodMemory.model_validate_json(text)


def test_a_memory_that_was_tampered_with_is_no_louder_than_the_settings() -> None:
    bench = make_bench()
    wild = bench.pod.memory.model_dump()
    wild["limiter"]["lines"] = {
        "sound": {"next_level": 99.0, "ceiling": 99.0, "last_level": None, "may_rise": True},
        "light": {"next_level": 99.0, "ceiling": 99.0, "last_level": 0.1, "may_rise": True},
    }
    bench = eligible_bench(memory=PodMemory.model_validate(wild))
    assert levels(dream(bench, "1", 30.0)) == [30.0, 0.08]
