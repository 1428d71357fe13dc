"""Where an answer fits between the steps of a design: far enough from those on both sides, or nowhere."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.commons.designs import (
    DreamDesign,
    answer_number,
    first_room_s,
    leaves_room,
    load_design,
    next_step_s,
)

STEP = """
[[steps]]
at_s = {at_s}
{part}
modality = "sound"
level_dba = 34.0
duration_s = 6.0
fade_s = 2.0
tones_hz = [110.0]
"""


def design(
    *times_s: float, length_s: float = 600.0, looping: bool = False, parts: dict[float, int] | None = None
) -> DreamDesign:
    head = f"""
schema = "sanctuary.design.v1"
title = "Room"
author = "Tests"
licence = "CC0-1.0"
length_s = {length_s}
looping = {str(looping).lower()}
parts = 2
{"steps = []" if not times_s else ""}
"""
    steps = (
        STEP.format(at_s=at_s, part=f"part = {parts[at_s]}" if parts and at_s in parts else "")
        for at_s in times_s
    )
    return load_design((head + "".join(steps)).encode(), "room.toml").design


@pytest.mark.parametrize(
    ("from_s", "until_s", "expected"),
    [
        (30.0, 40.0, 30.0),
        (5.0, 40.0, 22.0),
        (5.0, 20.0, None),
        (78.0, 78.0, 78.0),
        (78.1, 100.0, None),
        (78.1, 130.0, 122.0),
        (121.0, 400.0, 122.0),
    ],
)
def test_the_first_room_is_found(from_s: float, until_s: float, expected: float | None) -> None:
    assert first_room_s(design(0.0, 100.0), 1, from_s, until_s, 22.0) == expected


def test_a_silent_design_has_room_everywhere() -> None:
    assert first_room_s(design(), 1, 5.0, 10.0, 22.0) == 5.0
    assert next_step_s(design(), 1, 0.0) == inf


def test_the_steps_of_another_part_are_in_nobodys_way() -> None:
    duet = design(0.0, 40.0, 80.0, parts={40.0: 2})
    assert first_room_s(duet, 1, 39.0, 39.0, 22.0) == 39.0
    assert first_room_s(duet, 2, 39.0, 100.0, 22.0) is None


def test_steps_come_again_in_a_design_that_loops() -> None:
    loop = design(0.0, length_s=100.0, looping=True)
    assert next_step_s(loop, 1, 150.0) == 200.0
    assert not leaves_room(loop, 1, 185.0, 20.0)
    assert first_room_s(loop, 1, 185.0, 260.0, 20.0) == 220.0


times = st.lists(st.integers(0, 25), unique=True, max_size=10).map(
    lambda found: sorted(20.5 * at + 0.1 for at in found)
)


@given(
    times,
    st.floats(0.0, 700.0),
    st.floats(0.0, 60.0),
    st.floats(20.0, 40.0),
    st.booleans(),
)
def test_room_keeps_its_distance_on_both_sides_and_is_the_first(
    at_s: list[float], from_s: float, within_s: float, gap_s: float, looping: bool
) -> None:
    made = design(*at_s, looping=looping)
    repeats = (0.0, 600.0, 1200.0) if looping else (0.0,)
    steps = [repeat + one for repeat in repeats for one in at_s]
    found = first_room_s(made, 1, from_s, from_s + within_s, gap_s)
    clear = [
        try_s
        for try_s in (from_s, *(step + gap_s for step in steps))
        if from_s <= try_s <= from_s + within_s and all(abs(try_s - step) >= gap_s - 1e-5 for step in steps)
    ]
    if found is None:
        assert [one for one in clear if all(abs(one - step) >= gap_s + 1e-5 for step in steps)] == []
    else:
        assert found in clear
        assert found <= min(clear) + 1e-5
        assert leaves_room(made, 1, found, gap_s - 1e-5)


@given(st.floats(0.0, 1e6), st.floats(0.0011, 1e5))
def test_numbers_of_answers_are_below_zero_and_differ(elapsed_s: float, later_s: float) -> None:
    assert answer_number(elapsed_s + later_s) < answer_number(elapsed_s) < 0
