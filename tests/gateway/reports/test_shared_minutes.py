"""Shared minutes of each pair, from who was in a window and when."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.gateway.reports.curves import shared_minutes, together_minutes


def stay(pod: str, from_s: float | None, to_s: float | None) -> dict[str, Any]:
    return {"pod": pod, "from_s": from_s, "to_s": to_s}


def test_members_count_while_both_are_in() -> None:
    window = {"open_s": 0.0, "close_s": 600.0, "pods": ["a", "b", "c"]}
    window["members"] = [stay("b", 60.0, 600.0), stay("a", 0.0, 300.0), stay("c", 540.0, 600.0)]
    assert shared_minutes([window]) == {("a", "b"): 4.0, ("a", "c"): 0.0, ("b", "c"): 1.0}
    assert together_minutes([window]) == 5.0


def test_without_members_all_pods_share_the_whole_window() -> None:
    window = {"open_s": 60.0, "close_s": 180.0, "pods": ["b", "a"]}
    assert shared_minutes([window, window]) == {("a", "b"): 4.0}
    assert together_minutes([window, window]) == 4.0


def test_leaving_and_coming_back_counts_once_where_stays_overlap() -> None:
    members = [stay("a", 0.0, 60.0), stay("a", 120.0, 240.0), stay("a", 180.0, 300.0), stay("b", 0.0, 300.0)]
    assert shared_minutes([{"members": members}]) == {("a", "b"): 4.0}
    assert together_minutes([{"members": members}]) == 4.0


@pytest.mark.parametrize("window", [{}, {"pods": ["a"]}, {"members": None, "pods": None}])
def test_nobody_or_one_alone_shares_nothing(window: dict[str, Any]) -> None:
    assert shared_minutes([window]) == {}
    assert together_minutes([window]) == 0.0


def test_a_stretch_without_an_end_counts_for_nothing() -> None:
    members = [stay("a", 0.0, None), stay("b", 0.0, 60.0)]
    assert shared_minutes([{"members": members}]) == {("a", "b"): 0.0}
    assert shared_minutes([{"open_s": 5.0, "close_s": None, "pods": ["a", "b"]}]) == {("a", "b"): 0.0}


moments = st.integers(0, 50).map(float)
stays = st.builds(stay, st.sampled_from("abcd"), moments, moments)


@given(st.lists(stays, max_size=12))
def test_it_agrees_with_counting_second_by_second(members: list[dict[str, Any]]) -> None:
    inside = [{m["pod"] for m in members if m["from_s"] <= s < m["to_s"]} for s in range(50)]
    pods = sorted({m["pod"] for m in members})
    expected = {(a, b): sum({a, b} <= now for now in inside) / 60.0 for a, b in combinations(pods, 2)}
    assert shared_minutes([{"members": members}]) == pytest.approx(expected)
    assert together_minutes([{"members": members}]) == pytest.approx(
        sum(len(now) > 1 for now in inside) / 60.0
    )
