"""Parts, answers and silence: what a design of several pods, or of nothing, may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_bench import DESIGN_TOML
from sanctuary.commons.designs import DreamDesign, load_design
from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.cues import Modality

HEAD = """
schema = "sanctuary.design.v1"
title = "Parts"
author = "Tests"
licence = "CC0-1.0"
length_s = 120.0
"""
ANSWER = """
[answer]
signal = "lrlr"
modality = "haptic"
level_share = 0.05
duration_s = 2.0
fade_s = 0.5
max_per_window = 2
"""


def step(at_s: float, part: int | None) -> str:
    who = "" if part is None else f"part = {part}\n"
    sound = 'modality = "sound"\nlevel_dba = 30.0\nduration_s = 4.0\nfade_s = 1.0\ntones_hz = [220.0]\n'
    return f"\n[[steps]]\nat_s = {at_s}\n{who}{sound}"


def design(*steps: tuple[float, int | None], head: str = "parts = 2\n", tail: str = "") -> DreamDesign:
    text = HEAD + head + "".join(step(*each) for each in steps) + tail
    return load_design(text.encode(), "parts.toml").design


def mine(loaded: DreamDesign, part: int, count: int = 8) -> list[float]:
    """Times of the first steps of a part."""
    times: list[float] = []
    number = loaded.next_for(0, part)
    while number is not None and len(times) < count:
        at_s = loaded.time_of(number)
        assert at_s is not None
        times.append(at_s)
        number = loaded.next_for(number + 1, part)
    return times


def test_each_part_has_its_own_steps_and_those_of_everybody() -> None:
    loaded = design((0.0, 1), (10.0, 2), (40.0, None), (70.0, 1))
    assert mine(loaded, 1) == [0.0, 40.0, 70.0]
    assert mine(loaded, 2) == [10.0, 40.0]


def test_parts_go_on_through_repeats() -> None:
    loaded = design((0.0, 1), (10.0, 2), head="parts = 2\nlooping = true\n")
    assert mine(loaded, 2, 3) == [10.0, 130.0, 250.0]


@given(st.lists(st.sampled_from([1, 2, None]), min_size=1, max_size=6), st.booleans(), st.integers(0, 20))
def test_the_next_step_is_the_nearest_that_is_for_the_part(
    parts: list[int | None], looping: bool, number: int
) -> None:
    steps = [(20.0 * index, part) for index, part in enumerate([*parts, None])]
    text = HEAD.replace("120", "160") + f"parts = 2\nlooping = {str(looping).lower()}\n"
    loaded = load_design((text + "".join(step(*each) for each in steps)).encode()).design
    for part in (1, 2):
        found = loaded.next_for(number, part)
        wanted = [
            n
            for n in range(number, number + len(steps))
            if loaded.time_of(n) is not None and loaded.step(n).is_for(part)
        ]
        assert found == (wanted[0] if wanted else None)


@pytest.mark.parametrize(
    ("steps", "head", "message"),
    [
        (((0.0, 1), (10.0, 1)), "parts = 2\n", r"steps\[1\] begins 10 s after the step before it"),
        (((0.0, 1), (10.0, None)), "parts = 2\n", r"steps\[1\] begins 10 s after"),
        (((0.0, 1),), "parts = 2\n", "part 2 has no steps"),
        (((0.0, 1), (30.0, 3)), "parts = 2\n", r"steps\[1\]: part 3 of 2"),
        (((0.0, 1), (30.0, 2)), "", r"steps\[1\]: part 2 of 1"),
        (((30.0, None), (0.0, None)), "", r"steps\[1\] begins before the step before it"),
        (((0.0, 9),), "", r"steps\[0\].part: .*8"),
    ],
)
def test_parts_that_do_not_fit(steps: tuple[tuple[float, int | None], ...], head: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        design(*steps, head=head)


def test_a_design_may_be_silent() -> None:
    silent = load_design((HEAD + "looping = true\nsteps = []\n").encode()).design
    assert silent.modalities == ()
    assert silent.time_of(0) is None
    assert silent.first_number(500.0) == 0
    assert silent.next_for(0, 1) is None
    assert not silent.needs_threshold


def test_steps_must_be_told_to_be_none() -> None:
    with pytest.raises(InputError, match="steps: Field required"):
        load_design(HEAD.encode())


def test_an_answer_counts_among_the_modalities() -> None:
    loaded = design((0.0, None), head="", tail=ANSWER)
    assert loaded.answer is not None
    assert loaded.answer.max_per_window == 2
    assert loaded.modalities == (Modality.SOUND, Modality.HAPTIC)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"lrlr"', '"blink"', r"answer.signal"),
        ("max_per_window = 2", "max_per_window = 16", r"answer.max_per_window: .*15"),
        ("max_per_window = 2", "max_per_window = 0", r"answer.max_per_window"),
        ("max_per_window = 2", "", r"answer.max_per_window: Field required"),
        ("level_share = 0.05", "level_dba = 30.0", r"answer: level_share is missing \(haptic\)"),
        ("duration_s", "at_s = 1.0\nduration_s", r"answer.at_s: Extra"),
        ("duration_s", "part = 2\nduration_s", r"answer: part 2 of 1"),
    ],
)
def test_a_mistaken_answer_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_design((DESIGN_TOML + ANSWER.replace(old, new, 1)).encode(), "bench.toml")
