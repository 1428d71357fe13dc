"""Grants are judged by the stricter of all clocks, and nothing is cued by one that nobody keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_bench import (
    COORDINATOR_KEY,
    ORIGIN,
    SITE,
    SLEEPER_KEY,
    UTC_AT_ZERO_S,
    PodBench,
    eligible_bench,
    entries,
    grant,
    make_pod,
    phase_of,
    playing_bench,
    recorded,
    renders,
    reply_of,
    sealed,
    window_bench,
)
from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.entries import key_id, unseal
from sanctuary.pods.audit import check_violations
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import IdSource
from sanctuary.pods.pod.events import ClockMeasured, ConsentPresented, LinkRestored, UtcHeard, WithdrawalMade
from sanctuary.pods.pod.evidence import KnownUtc, UtcMark
from sanctuary.pods.pod.states import PodPhase

HOUR_S = 3600.0
Z = UTC_AT_ZERO_S


def heard(
    told_s: float, own_s: float | None = None, *, kept: tuple[bool, bool] = (True, True), **more: Any
) -> UtcHeard:
    own = UtcMark(own_s, kept[1]) if own_s is not None else None
    return UtcHeard(UtcMark(told_s, kept[0]), own, more.pop("suffices", any(kept)), **more)


def night_bench(first: UtcHeard, nbf: float, exp: float) -> PodBench:
    """A pod that hears of UTC first and then sleeps in REM, its sleeper's one grant from `nbf` to `exp`."""
    book = ConsentBook(ORIGIN, key_id(SLEEPER_KEY))
    book.add(sealed(grant(nbf=nbf, exp=exp)))
    bench = PodBench(make_pod(consent=book), CommandWriter(SITE, COORDINATOR_KEY, 1, IdSource("g")))
    bench.handle(first, 0.0)
    bench.handle(LinkRestored())
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    return bench


# --- what UTC may be ---

seconds = st.floats(-1e6, 1e6)
marks = st.builds(UtcMark, seconds, st.booleans())


@given(st.lists(st.tuples(marks, st.none() | marks, st.none() | seconds), min_size=1), seconds)
def test_utc_is_a_range_that_holds_every_kept_clock_that_was_heard(
    heard_s: list[tuple[UtcMark, UtcMark | None, float | None]], now_s: float
) -> None:
    known = KnownUtc(UtcMark(0.0))
    for told, own, floor_s in heard_s:
        known.push(told, own, floor_s)
    earliest_s, latest_s = known.at(now_s)
    assert earliest_s <= latest_s
    for told, own, _ in heard_s:
        for mark in (told, own):
            if mark is not None and mark.synchronised:
                assert earliest_s <= now_s + mark.at_zero_s <= latest_s
    for mark in heard_s[-1][:2]:
        assert mark is None or now_s + mark.at_zero_s <= latest_s


def test_a_clock_that_nobody_keeps_is_forgotten_once_one_is_kept() -> None:
    known = KnownUtc(UtcMark(-6 * HOUR_S, False))
    known.push(UtcMark(-6 * HOUR_S, False), UtcMark(-6 * HOUR_S, False), None)
    assert known.at(0.0) == (-6 * HOUR_S, -6 * HOUR_S)
    known.push(UtcMark(0.0), UtcMark(0.0), None)
    assert known.at(0.0) == (0.0, 0.0)


def test_a_sanctuary_clock_that_was_set_is_no_utc_that_was_set() -> None:
    known = KnownUtc(UtcMark(0.0))
    known.push(UtcMark(0.0), UtcMark(0.0), None)
    known.on_clock_set(600.0)
    assert known.at(700.0).earliest_s == 100.0
    assert known.at(700.0).latest_s == 700.0, "the gateway has not told its part anew"


# --- grants ---


@pytest.mark.parametrize(
    "told_and_own",
    [
        (Z - 6 * HOUR_S, Z),
        (Z, Z - 6 * HOUR_S),
        (Z - 35 * 86_400.0, Z),
    ],
)
def test_a_grant_that_is_over_by_one_of_two_clocks_is_over(told_and_own: tuple[float, float]) -> None:
    bench = night_bench(heard(*told_and_own), Z - 90 * 86_400.0, Z - 2 * HOUR_S)
    assert phase_of(bench) is PodPhase.IDLE
    assert reply_of(bench.offer()).reason == "grant_expired"


@pytest.mark.parametrize("told_and_own", [(Z + 6 * HOUR_S, Z), (Z, Z + 6 * HOUR_S)])
def test_a_grant_that_has_begun_by_one_of_two_clocks_has_not(told_and_own: tuple[float, float]) -> None:
    bench = night_bench(heard(*told_and_own), Z + HOUR_S, Z + 30 * 86_400.0)
    assert reply_of(bench.offer()).reason == "grant_not_yet_in_force"


def test_a_pod_without_a_battery_goes_by_a_gateway_whose_clock_is_kept() -> None:
    lost = heard(Z, Z - 400 * 86_400.0, kept=(True, False))
    bench = night_bench(lost, Z - HOUR_S, Z + HOUR_S)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_but_not_past_the_end_of_a_grant_by_its_own_clock() -> None:
    bench = night_bench(heard(Z - 86_400.0, Z, kept=(True, False)), Z - 90 * 86_400.0, Z - HOUR_S)
    assert reply_of(bench.offer()).reason == "grant_expired"


def test_a_grant_that_ended_before_the_floor_is_over() -> None:
    before = heard(Z - 6 * HOUR_S, Z - 6 * HOUR_S, floor_at_zero_s=Z)
    bench = night_bench(before, Z - 90 * 86_400.0, Z - 2 * HOUR_S)
    assert reply_of(bench.offer()).reason == "grant_expired"


def test_a_step_forward_ends_a_window_whose_grant_was_over_hours_ago() -> None:
    bench = playing_bench()
    out = bench.handle(heard(Z + 2 * 86_400.0, Z + 2 * 86_400.0))
    assert [record["reason"] for record in recorded(out, "pod_window")] == ["grant_expired"]
    assert reply_of(bench.offer("2")).reason == "grant_expired"


def test_a_step_back_revives_no_grant_in_this_night() -> None:
    bench = night_bench(heard(Z, Z), Z - 90 * 86_400.0, Z - 2 * HOUR_S)
    bench.handle(heard(Z - 6 * HOUR_S, Z - 6 * HOUR_S))
    bench.sleep(5)
    assert reply_of(bench.offer()).reason == "grant_expired"


def test_a_step_that_every_grant_outlasts_disturbs_no_window() -> None:
    bench = playing_bench()
    out = bench.handle(heard(Z + 1800.0, Z + 1800.0))
    assert recorded(out, "pod_window") == []
    assert len(renders(bench.sleep(24, extend="w1"))) == 1
    assert check_violations(bench.lines) == []


def test_a_withdrawal_by_hand_moves_with_a_step_forward_and_never_back() -> None:
    bench = eligible_bench()
    bench.handle(WithdrawalMade())
    for by_s in (6 * HOUR_S, -6 * HOUR_S):
        bench.handle(heard(Z + by_s))
        kept = bench.pod.memory.withdrawn_here
        assert kept is not None
        assert kept[1] == pytest.approx(Z + 6 * HOUR_S + bench.now_s)
    first = unseal(bench.entries[0], ORIGIN).digest
    bench.handle(ConsentPresented(sealed(grant(2, prev=first, nbf=Z + HOUR_S, nonce="again"))))
    assert reply_of(bench.offer()).reason == "latched"
    assert bench.pod.permits(bench.now_s).willing == ()


# --- a clock that nobody keeps ---


def test_nothing_is_cued_by_a_clock_that_nobody_keeps() -> None:
    bench = night_bench(heard(Z, Z, kept=(False, False)), Z - HOUR_S, Z + 86_400.0)
    assert phase_of(bench) is PodPhase.IDLE
    assert reply_of(bench.offer()).reason == "clock_unsynchronised"
    bench.handle(heard(Z, Z))
    bench.sleep(1)
    assert phase_of(bench) is PodPhase.ELIGIBLE
    bench.enter_window()
    assert len(renders(bench.sleep(2))) == 1
    assert check_violations(bench.lines) == []


def test_where_the_settings_say_so_it_is_and_grants_hold_by_all_of_them() -> None:
    anyway = heard(Z, Z - HOUR_S, kept=(False, False), suffices=True)
    bench = night_bench(anyway, Z - 2 * HOUR_S, Z + 86_400.0)
    assert phase_of(bench) is PodPhase.ELIGIBLE
    late = night_bench(anyway, Z - 0.5 * HOUR_S, Z + 86_400.0)
    assert reply_of(late.offer()).reason == "grant_not_yet_in_force"


def test_steps_of_an_open_window_are_refused_once_nobody_keeps_the_clock() -> None:
    bench = window_bench()
    bench.handle(heard(Z, Z, kept=(False, False)))
    (entry,) = entries(bench.sleep(2))
    assert (entry["outcome"], entry["reason"]) == ("refused", "clock_unsynchronised")


def test_an_open_and_an_answer_are_refused_too() -> None:
    bench = eligible_bench()
    bench.offer()
    bench.handle(heard(Z, kept=(False, False)))
    assert reply_of(bench.open()).reason == "clock_unsynchronised"


def test_what_was_heard_is_written_down_and_the_audit_goes_by_it() -> None:
    bench = playing_bench()
    (record,) = recorded(bench.handle(heard(Z + 60.0, Z)), "pod")
    assert (record["event"], record["detail"], record["utc_suffices"]) == ("utc_heard", "synchronised", True)
    assert record["utc_range_s"] == (Z + bench.now_s, Z + 60.0 + bench.now_s)
    lines = [dict(line) for line in bench.lines]
    cue = next(line for line in lines if line["kind"] == "cue")
    assert check_violations(lines) == []
    at = lines.index(cue)
    said = {**record, "t_s": cue["t_s"], "utc_suffices": False}
    assert [one.rule for one in check_violations([*lines[:at], said, *lines[at:]])] == ["P2"]
    for utc_s in ([Z + 9e5, Z + 9e5], [Z - 9e5, Z], [Z, Z + 9e5]):
        set_by = {**record, "t_s": cue["t_s"], "utc_range_s": utc_s}
        assert [one.rule for one in check_violations([*lines[:at], set_by, *lines[at:]])] == ["P2"]
    again = {**record, "event": "booted", "t_s": cue["t_s"], "lamps_in_view": 1, "light_cleared": True}
    del again["utc_range_s"]
    assert "P2" not in [one.rule for one in check_violations([*lines[:at], said, again, *lines[at:]])]
