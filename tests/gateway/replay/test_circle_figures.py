"""What a circle shared, in figures: exact on nights made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.gateway.results.circle_result import Stretch, length_s, overlaps, together_s
from sanctuary.gateway.results.night_result import NightWindow, WindowStay
from sanctuary.pods.protocol.records import CueRecord
from sanctuary.signal.samples import Stage
from sanctuary.virtual_site.recorded_circle import SleptNight, shared_figures, slept_night

NEVER = float("inf")


def window(name: str, *stays: tuple[str, float, float]) -> NightWindow:
    return NightWindow(
        id=name,
        circle="c",
        design="tide",
        open_s=0.0,
        close_s=None,
        reason_closed="",
        members=tuple(WindowStay(pod=pod, from_s=a, to_s=b, reason_left="") for pod, a, b in stays),
        pods=tuple(sorted({pod for pod, _, _ in stays})),
    )


def figures(
    nights: dict[str, SleptNight], quorum: int, windows: list[NightWindow], cues: list[CueRecord]
) -> dict[str, Any]:
    return shared_figures(nights, quorum, windows, cues).model_dump()


def cue(pod: str, t_s: float, window: str = "w", reason: str = "") -> CueRecord:
    return CueRecord(
        t_s=t_s,
        pod=pod,
        window=window,
        circle="c",
        design="tide",
        step=0,
        due_s=t_s,
        outcome="refused" if reason else "rendered",
        reason=reason,
        modality="sound",
        level=30.0,
        duration_s=8.0,
        fade_s=1.0,
        flash_hz=0.0,
        rgb=(0, 0, 0),
    )


def night(*rem: Stretch, ready_s: float = 0.0, gate: tuple[Stretch, ...] = ()) -> SleptNight:
    return SleptNight(rem, ready_s, gate)


def test_possible_is_rem_of_a_quorum_at_once_after_the_least_sleep() -> None:
    nights = {
        "a": night((100.0, 200.0), (500.0, 600.0)),
        "b": night((150.0, 250.0), (550.0, 700.0), ready_s=400.0),
        "c": night((190.0, 210.0), (580.0, 590.0)),
    }
    assert figures(nights, 2, [], [])["possible_s"] == (200 - 190) + (600 - 550)
    assert figures(nights, 3, [], [])["possible_s"] == 590 - 580


def test_open_counts_gates_not_rem() -> None:
    nights = {"a": night(gate=((0.0, 50.0),)), "b": night(gate=((30.0, 90.0),))}
    found = figures(nights, 2, [], [])
    assert (found["possible_s"], found["open_s"]) == (0, 20)
    assert [found["per_pod"][pod]["open_s"] for pod in "ab"] == [50, 60]


def test_a_window_counts_while_a_quorum_is_in_it() -> None:
    nights = {pod: night((0.0, 1000.0)) for pod in "abc"}
    windows = [
        window("w", ("a", 10.0, 100.0), ("b", 10.0, 60.0), ("c", 50.0, 80.0)),
        window("v", ("a", 300.0, 320.0), ("b", 300.0, 310.5)),
    ]
    two, three = (figures(nights, quorum, windows, []) for quorum in (2, 3))
    assert two["windows_s"] == (80 - 10) + 10.5
    assert three["windows_s"] == 10
    assert two["per_pod"]["a"]["windows_s"] == 90 + 20


def test_pods_in_different_windows_are_not_together() -> None:
    nights = {pod: night((0.0, 1000.0)) for pod in "ab"}
    windows = [window("w", ("a", 10.0, 100.0)), window("v", ("b", 10.0, 100.0))]
    assert figures(nights, 2, windows, [])["windows_s"] == 0


def test_windows_in_rem_take_a_quorum_that_is_inside_and_in_rem() -> None:
    nights = {"a": night((0.0, 50.0)), "b": night((0.0, 80.0)), "c": night((0.0, 1000.0))}
    windows = [window("w", ("a", 10.0, 100.0), ("b", 10.0, 100.0))]
    found = figures(nights, 2, windows, [])
    assert (found["windows_s"], found["windows_in_rem_s"]) == (90, 40)


def test_a_pod_is_cued_from_its_first_cue_to_the_end_of_its_last_while_it_is_in() -> None:
    nights = {pod: night((0.0, 70.0)) for pod in "ab"}
    windows = [window("w", ("a", 10.0, 100.0), ("b", 10.0, 60.0))]
    cues = [cue("a", 12.0), cue("b", 12.0), cue("a", 36.0), cue("b", 56.0), cue("a", 84.0)]
    found = figures(nights, 2, windows, cues)
    assert found["per_pod"]["a"]["cued_s"] == 92 - 12
    assert found["per_pod"]["b"]["cued_s"] == 60 - 12, "its last cue ends after it has left"
    assert found["cued_s"] == 60 - 12
    assert found["cued_in_rem_s"] == 60 - 12


def test_cues_of_one_window_say_nothing_of_another() -> None:
    nights = {pod: night() for pod in "ab"}
    windows = [
        window("w", ("a", 0.0, 50.0), ("b", 0.0, 50.0)),
        window("v", ("a", 100.0, 150.0), ("b", 100.0, 150.0)),
    ]
    cues = [cue(pod, t_s, name) for name, t_s in (("w", 10.0), ("v", 110.0)) for pod in "ab"]
    assert figures(nights, 2, windows, cues)["cued_s"] == 8 + 8


def test_cues_count_where_they_began_and_refused_ones_not_at_all() -> None:
    nights = {"a": night((0.0, 50.0)), "b": night()}
    cues = [cue("a", 49.9), cue("a", 50.0), cue("b", 10.0), cue("a", 10.0, reason="too_soon")]
    found = figures(nights, 2, [window("w", ("a", 0.0, 60.0))], cues)
    assert (found["cues"], found["cues_in_rem"]) == (3, 1)
    assert (found["per_pod"]["a"]["cues"], found["per_pod"]["b"]["cues_in_rem"]) == (2, 0)


def test_stages_become_stretches_on_the_circles_clock() -> None:
    stages = np.full(200, Stage.N2, dtype=np.int8)
    stages[:10], stages[50:60], stages[195:] = Stage.W, Stage.R, Stage.R
    stages[60:70] = Stage.UNKNOWN
    found = slept_night(stages, 0.5, [(52.0, 60.0)], 1000.0)
    assert found.rem == [(1050.0, 1060.0), (1195.0, 1200.0)]
    assert found.gate == [(1052.0, 1060.0)]
    assert found.ready_s == 1040.0, "30 s of sleep after 10 s awake"


def test_unscored_time_is_no_sleep_and_a_night_too_short_is_never_ready() -> None:
    stages = np.full(100, Stage.UNKNOWN, dtype=np.int8)
    stages[:59] = Stage.R
    found = slept_night(stages, 1.0, [], 0.0)
    assert found.ready_s == NEVER
    assert found.possible == []


@pytest.mark.parametrize("least", [1, 2, 3])
@given(st.lists(st.lists(st.booleans(), min_size=20, max_size=20), min_size=1, max_size=4))
def test_time_together_is_what_counting_seconds_gives(least: int, masks: list[list[bool]]) -> None:
    lists = [[(float(k), k + 1.0) for k, inside in enumerate(mask) if inside] for mask in masks]
    counted = sum(sum(mask[k] for mask in masks) >= least for k in range(20))
    assert together_s(lists, least) == counted


@given(st.lists(st.booleans(), min_size=20, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_overlaps_are_what_counting_seconds_gives(first: list[bool], second: list[bool]) -> None:
    a, b = ([(float(k), k + 1.0) for k, inside in enumerate(mask) if inside] for mask in (first, second))
    assert length_s(overlaps(a, b)) == sum(map(min, first, second))
