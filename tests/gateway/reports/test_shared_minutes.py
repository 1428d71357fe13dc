"""Shared minutes of each pair, from who was in a window and when."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.gateway.results.circle_result import shared_minutes, together_minutes
from sanctuary.gateway.results.night_result import NightWindow, WindowStay


def stay(pod: str, from_s: float, to_s: float | None) -> WindowStay:
    return WindowStay(pod=pod, from_s=from_s, to_s=to_s, reason_left="")


def window(*members: WindowStay) -> NightWindow:
    pods = tuple(sorted({member.pod for member in members}))
    return NightWindow(
        id="w",
        circle="tide",
        design="tide",
        open_s=0.0,
        close_s=600.0,
        reason_closed="",
        members=members,
        pods=pods,
    )


def test_members_count_while_both_are_in() -> None:
    one = window(stay("b", 60.0, 600.0), stay("a", 0.0, 300.0), stay("c", 540.0, 600.0))
    assert shared_minutes([one]) == {("a", "b"): 4.0, ("a", "c"): 0.0, ("b", "c"): 1.0}
    assert together_minutes([one]) == 5.0
    assert together_minutes([one, one]) == 10.0


def test_leaving_and_coming_back_counts_once_where_stays_overlap() -> None:
    one = window(
        stay("a", 0.0, 60.0), stay("a", 120.0, 240.0), stay("a", 180.0, 300.0), stay("b", 0.0, 300.0)
    )
    assert shared_minutes([one]) == {("a", "b"): 4.0}
    assert together_minutes([one]) == 4.0


@pytest.mark.parametrize("members", [(), (stay("a", 0.0, 60.0),)])
def test_nobody_or_one_alone_shares_nothing(members: tuple[WindowStay, ...]) -> None:
    assert shared_minutes([window(*members)]) == {}
    assert together_minutes([window(*members)]) == 0.0


def test_a_stay_without_an_end_counts_for_nothing() -> None:
    assert shared_minutes([window(stay("a", 0.0, None), stay("b", 0.0, 60.0))]) == {("a", "b"): 0.0}


moments = st.integers(0, 50).map(float)
stays = st.builds(stay, st.sampled_from("abcd"), moments, moments)


@given(st.lists(stays, max_size=12))
def test_it_agrees_with_counting_second_by_second(members: list[WindowStay]) -> None:
    inside = [{m.pod for m in members if m.to_s is not None and m.from_s <= s < m.to_s} for s in range(50)]
    pods = sorted({m.pod for m in members})
    expected = {(a, b): sum({a, b} <= now for now in inside) / 60.0 for a, b in combinations(pods, 2)}
    assert shared_minutes([window(*members)]) == pytest.approx(expected)
    assert together_minutes([window(*members)]) == pytest.approx(sum(len(now) > 1 for now in inside) / 60.0)
