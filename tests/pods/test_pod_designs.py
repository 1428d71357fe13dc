"""What a pod makes of a design: its part, the sleeper's threshold, shams, and a design of silence."""

from __future__ import annotations

from typing import Any

import pytest

from pod_bench import (
    CIRCLE,
    PodBench,
    entries,
    grant,
    make_bench,
    phase_of,
    recorded,
    renders,
    reply_of,
    sealed,
)
from sanctuary.commons.designs import LoadedDesign, load_design
from sanctuary.pods.audit import check_violations
from sanctuary.pods.pod.events import ClockMeasured, ConsentPresented, LinkRestored
from sanctuary.pods.pod.states import PodPhase

HEAD = """
schema = "sanctuary.design.v1"
title = "Bench"
author = "Tests"
licence = "CC0-1.0"
length_s = 60.0
looping = true
"""
SOUND = 'modality = "sound"\nduration_s = 4.0\nfade_s = 1.0\ntones_hz = [220.0]\n'
SILENCE = load_design((HEAD + "steps = []\n").encode())


def design(*steps: str, head: str = "") -> LoadedDesign:
    return load_design((HEAD + head + "".join(f"\n[[steps]]\n{SOUND}{step}\n" for step in steps)).encode())


RELATIVE = design("at_s = 0.0\nlevel_above_threshold_db = -3.0", "at_s = 20.0\nlevel_dba = 30.0")
DUET = design(
    "at_s = 0.0\npart = 1\nlevel_dba = 28.0",
    "at_s = 10.0\npart = 2\nlevel_dba = 28.0",
    "at_s = 30.0\nlevel_dba = 28.0",
    head="parts = 2\n",
)


def bench_in_window(loaded: LoadedDesign, **changes: Any) -> PodBench:
    """A pod in window ``w1`` of a design, whose zero is 2 s ahead."""
    bench = make_bench(designs=(loaded,), **changes)
    bench.design = loaded
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(design=loaded.hash))))
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    bench.enter_window()
    return bench


def test_a_level_above_the_threshold_is_found_in_the_pod() -> None:
    bench = bench_in_window(RELATIVE, threshold_dba=31.0)
    (first, second) = renders(bench.sleep(30, extend="w1"))
    assert (first.cue.level, second.cue.level) == (28.0, 29.0)


def test_without_a_threshold_such_a_step_is_refused_and_never_guessed() -> None:
    bench = bench_in_window(RELATIVE)
    first, second = entries(bench.sleep(30, extend="w1"))
    assert (first["outcome"], first["reason"]) == ("refused", "no_threshold")
    assert second["outcome"] == "rendered"
    assert len(renders(bench.effects)) == 1
    assert check_violations(bench.lines) == []


def test_a_threshold_excuses_nothing_from_grant_and_limiter() -> None:
    bench = bench_in_window(RELATIVE, threshold_dba=45.0)
    (first, *_) = renders(bench.sleep(30, extend="w1"))
    assert first.cue.level == 30.0


def test_a_pod_plays_its_part_and_what_is_for_every_pod() -> None:
    bench = bench_in_window(DUET)
    played = renders(bench.sleep(65, extend="w1"))
    assert [(cue.step, cue.at_s) for cue in played] == [(0, 3.0), (2, 33.0), (3, 63.0)]


def test_the_second_part_is_another_one() -> None:
    loaded = make_bench(designs=(DUET,))
    loaded.design = DUET
    loaded.handle(LinkRestored(), 0.0)
    loaded.handle(ConsentPresented(sealed(grant(design=DUET.hash))))
    loaded.handle(ClockMeasured(0.0, 0.002))
    loaded.sleep(1)
    loaded.offer(part=2)
    loaded.open()
    played = renders(loaded.sleep(75, extend="w1"))
    assert [(cue.step, cue.at_s) for cue in played] == [(1, 13.0), (2, 33.0), (4, 73.0)]


def test_a_sham_is_judged_and_logged_as_given_and_does_not_sound() -> None:
    true, sham = bench_in_window(DUET), bench_in_window(DUET, shams=(CIRCLE,))
    entries_of = {name: entries(each.sleep(65, extend="w1")) for name, each in (("t", true), ("s", sham))}
    assert len(entries_of["s"]) == 3
    assert [{**entry, "sham": True} for entry in entries_of["t"]] == entries_of["s"]
    assert len(renders(true.effects)) == 3
    assert renders(sham.effects) == []
    assert check_violations(sham.lines) == []


def test_a_sham_that_is_refused_is_refused_like_any_other() -> None:
    bench = bench_in_window(RELATIVE, shams=(CIRCLE,))
    first, _ = entries(bench.sleep(30, extend="w1"))
    assert (first["outcome"], first["reason"]) == ("refused", "no_threshold")
    assert "sham" not in first


def test_the_sham_of_one_circle_leaves_another_alone() -> None:
    bench = bench_in_window(DUET, shams=("another-circle",))
    assert len(renders(bench.sleep(5, extend="w1"))) == 1


def test_silence_is_leased_and_kept_open_and_asks_for_nothing() -> None:
    bench = bench_in_window(SILENCE)
    effects = bench.sleep(120, extend="w1")
    assert phase_of(bench) is PodPhase.IN_WINDOW
    assert entries(effects) == []
    assert recorded(bench.effects, "pod_window")[0]["design"] == SILENCE.hash


@pytest.mark.parametrize("granted", [SILENCE, DUET])
def test_silence_needs_a_grant_too(granted: LoadedDesign) -> None:
    bench = make_bench(designs=(SILENCE,))
    bench.design = SILENCE
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(design=granted.hash))))
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    reply = reply_of(bench.offer())
    assert (reply.obeyed, reply.reason) == (
        (True, "") if granted is SILENCE else (False, "design_not_granted")
    )
