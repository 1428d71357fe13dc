"""Duplicates, reorder and replay of true, signed traffic do no harm.

A recorded conversation reaches fresh pods and a fresh coordinator once more, as a broken or a hostile wire
would deliver it. Whatever it does: no cue more, none earlier, and no window more than the clean one allows.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answering import SPACED
from recorded_house import (
    END_S,
    RecordingHouse,
    ReplayedHouse,
    as_recorded,
    in_disorder,
    with_repeats,
)
from sanctuary.pods.audit import check_violations
from sanctuary.pods.effects import Render
from sanctuary.pods.protocol.messages import Command, Echo, Extend, Open

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
    for pod in PODS:
        steps = [cue.step for _, cue in clean.cues(pod)]
        assert sum(step >= 0 for step in steps) >= 3
        assert sum(step < 0 for step in steps) >= 1, "answers to the others"
    assert check_violations(clean.lines) == []


def test_what_was_recorded_gives_the_same_night_again(clean: RecordingHouse) -> None:
    again = replayed(clean, as_recorded)
    assert again.renders == clean.renders
    assert again.windows_opened() == clean.windows_opened()
    assert again.lines == clean.lines


@settings(max_examples=10)
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


@settings(max_examples=15)
@given(seed=seeds, chance=chances, late_s=st.sampled_from([0.5, 3.0, 8.0, 60.0]))
def test_no_disorder_makes_a_pod_play_what_it_was_not_told_to(
    clean: RecordingHouse, seed: int, chance: float, late_s: float
) -> None:
    again = replayed(clean, in_disorder(seed, chance, late_s))
    for pod in PODS:
        told = Told(clean.commands(pod))
        for now_s, cue in again.cues(pod):
            assert told.allows(cue, now_s), f"{pod}: {cue} at {now_s}"
        played = Counter((cue.window, cue.step) for _, cue in again.cues(pod))
        assert not played or max(played.values()) == 1
        assert set(again.entered(pod)) <= told.offers
    assert check_violations(again.pod_lines()) == []


class Told:
    """What the true commands to one pod allow it to play."""

    def __init__(self, commands: list[Command]) -> None:
        opens = [command for command in commands if isinstance(command, Open)]
        self.offers = {(command.args.window, command.args.offer) for command in opens}
        self.zero_s = {command.args.window: command.args.zero_s for command in opens}
        self.answers = {(c.args.window, c.start_at_s) for c in commands if isinstance(c, Echo)}
        self.span_s = {
            window: (
                min(c.start_at_s for c in opens if c.args.window == window),
                max(
                    c.args.valid_until_s
                    for c in commands
                    if isinstance(c, Open | Extend) and c.args.window == window
                ),
            )
            for window in self.zero_s
        }

    def allows(self, cue: Render, now_s: float) -> bool:
        """In a window that opened for it, not early, not late, and a step in step or an answer asked for."""
        begin_s, end_s = self.span_s[cue.window]
        if not begin_s <= cue.at_s <= now_s < end_s:
            return False
        if cue.step < 0:
            return (cue.window, cue.at_s) in self.answers
        time_s = SPACED.design.time_of(cue.step)
        return time_s is not None and cue.at_s == self.zero_s[cue.window] + time_s


@settings(max_examples=15)
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
