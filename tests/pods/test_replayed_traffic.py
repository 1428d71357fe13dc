"""Duplicates, reorder and replay of true, signed traffic do no harm.

A recorded conversation reaches fresh pods and a fresh coordinator once more, as a broken or a hostile wire
would deliver it. Whatever it does: no cue more, none earlier, and no window more than the clean one allows.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pod_bench import DESIGN
from recorded_house import (
    END_S,
    RecordingHouse,
    ReplayedHouse,
    as_recorded,
    in_disorder,
    with_repeats,
)
from sanctuary.pods.audit import check_violations
from sanctuary.pods.wire.messages import Extend, Open

PODS = ("pod-1", "pod-2", "pod-3")
seeds = st.integers(0, 2**32)
chances = st.floats(0.05, 0.7)


@pytest.fixture(scope="module")
def clean() -> RecordingHouse:
    house = RecordingHouse()
    house.run(END_S)
    return house


def replayed(clean: RecordingHouse, plan) -> ReplayedHouse:
    house = ReplayedHouse(clean.deliveries, plan)
    house.run(END_S)
    return house


def test_the_recording_is_worth_replaying(clean: RecordingHouse) -> None:
    assert len(clean.windows_opened()) == 2
    assert [len(clean.entered(pod)) for pod in PODS] == [2, 3, 3], "left, and joined again"
    assert all(len(clean.cues(pod)) >= 6 for pod in PODS)
    assert check_violations(clean.lines) == []


def test_what_was_recorded_gives_the_same_night_again(clean: RecordingHouse) -> None:
    again = replayed(clean, as_recorded)
    assert again.renders == clean.renders
    assert again.windows_opened() == clean.windows_opened()
    assert again.lines == clean.lines


@settings(max_examples=25, deadline=None)
@given(seed=seeds, chance=chances, late_s=st.sampled_from([0.0, 2.0, 40.0, 250.0]))
def test_repeats_change_nothing_at_all(
    clean: RecordingHouse, seed: int, chance: float, late_s: float
) -> None:
    again = replayed(clean, with_repeats(seed, chance, late_s))
    assert all(again.cues(pod) == clean.cues(pod) for pod in PODS)
    assert again.windows("opened") == clean.windows("opened")
    assert again.windows("closed") == clean.windows("closed")
    assert all(again.entered(pod) == clean.entered(pod) for pod in PODS)
    assert check_violations(again.lines) == []


@settings(max_examples=40, deadline=None)
@given(seed=seeds, chance=chances, late_s=st.sampled_from([0.5, 3.0, 8.0, 60.0]))
def test_no_disorder_makes_a_pod_play_what_it_was_not_told_to(
    clean: RecordingHouse, seed: int, chance: float, late_s: float
) -> None:
    again = replayed(clean, in_disorder(seed, chance, late_s))
    for pod in PODS:
        opens = {c.args.window: c for c in clean.commands(pod) if isinstance(c, Open)}
        valid_s = {
            window: max(
                c.args.valid_until_s
                for c in clean.commands(pod)
                if isinstance(c, Open | Extend) and c.args.window == window
            )
            for window in opens
        }
        first_s = {
            window: min(
                c.start_at_s for c in clean.commands(pod) if isinstance(c, Open) and c.args.window == window
            )
            for window in opens
        }
        for now_s, cue in again.cues(pod):
            zero_s = opens[cue.window].args.zero_s
            time_s = DESIGN.design.time_of(cue.step)
            assert time_s is not None
            assert cue.at_s == zero_s + time_s, "in step, or not at all"
            assert first_s[cue.window] <= cue.at_s <= now_s < valid_s[cue.window]
        played = Counter((cue.window, cue.step) for _, cue in again.cues(pod))
        assert not played or max(played.values()) == 1
        assert set(again.entered(pod)) <= {(c.args.window, c.args.offer) for c in opens_of(clean, pod)}
    assert check_violations(again.pod_lines()) == []


def opens_of(house: RecordingHouse, pod: str) -> list[Open]:
    return [command for command in house.commands(pod) if isinstance(command, Open)]


@settings(max_examples=40, deadline=None)
@given(seed=seeds, chance=chances, late_s=st.sampled_from([0.5, 3.0, 8.0, 60.0]))
def test_no_disorder_opens_a_window_that_nobody_leased(
    clean: RecordingHouse, seed: int, chance: float, late_s: float
) -> None:
    again = replayed(clean, in_disorder(seed, chance, late_s))
    opened = again.windows_opened()
    assert len(opened) == len(set(opened))
    assert set(opened) <= set(clean.windows_opened())
    first_s = {line["window"]: line["t_s"] for line in clean.windows("proposed")}
    assert all(line["t_s"] >= first_s[line["window"]] for line in again.windows("opened"))
