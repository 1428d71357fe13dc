"""A rehearsal says of each step what the limiter would do in a night, and by which setting."""

from __future__ import annotations

import pytest

from pod_bench import DESIGN, DESIGN_TOML
from sanctuary.commons.designs import DreamDesign, load_design, shipped_design
from sanctuary.config.settings_base import shipped_designs
from sanctuary.config.site_settings import LimiterSettings
from sanctuary.gateway.designs.preview import Rehearsal, rehearse

LIMITS = LimiterSettings()


def design(old: str = "", new: str = "") -> DreamDesign:
    assert old in DESIGN_TOML
    return load_design(DESIGN_TOML.replace(old, new, 1).encode()).design


def run(loaded: DreamDesign, limits: LimiterSettings = LIMITS, window_s: float = 72.0) -> Rehearsal:
    return rehearse(loaded, limits, window_s=window_s, threshold_dba=30.0)


def verdicts(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    return [(step.verdict, step.why) for step in rehearsal.parts[1]]


def test_what_is_too_loud_at_first_is_lowered_and_climbs() -> None:
    assert verdicts(run(DESIGN.design)) == [
        ("lowered", "first of its kind: limiter.start_level_dba = 30"),
        ("lowered", "first of its kind: limiter.start_share = 0.05"),
        ("lowered", "limiter.ramp_db = 1 above the one before"),
    ]
    levels = [step.given.level for step in run(DESIGN.design).parts[1] if step.given]
    assert levels == [30.0, 0.05, 31.0]


@pytest.mark.parametrize(
    ("old", "new", "limits", "why"),
    [
        ("", "", {"max_level_dba": 20.0, "start_level_dba": 20.0}, "limiter.max_level_dba = 20"),
        ("fade_s = 2.0", "fade_s = 0.05", {"fade_s": 0.5}, "fade of 0.05 s below limiter.fade_s"),
        ("duration_s = 6.0", "duration_s = 14.0", {}, "longer than limiter.max_duration_s = 12"),
        ("level_dba = 34.0", "level_dba = 5.0", {}, "softer than limiter.floor_dba = 10"),
    ],
)
def test_each_limit_is_named(old: str, new: str, limits: dict[str, float], why: str) -> None:
    assert why in run(design(old, new), LimiterSettings(**limits)).parts[1][0].why


def test_flashes_are_divided_by_the_lamps_in_view() -> None:
    flashing = design("level_share = 0.08", "level_share = 0.08\nflash_hz = 1.0")
    assert run(flashing).is_whole
    rehearsal = run(flashing, LimiterSettings(lamps_in_view=4))
    assert not rehearsal.is_whole
    assert "limiter.max_flash_hz = 1, divided by 4 lamps in view" in rehearsal.parts[1][1].why


def test_a_block_ends_and_comes_back_after_its_rest() -> None:
    steps = run(DESIGN.design, window_s=1800.0).parts[1]
    given = [step.at_s for step in steps if step.given]
    assert given == [24.0 * number for number in range(15)] + [24.0 * number for number in range(64, 75)]
    assert "limiter.cues_per_block = 15" in steps[15].why


def test_a_design_by_threshold_is_refused_without_one() -> None:
    ladder = shipped_design("tone-ladder").design
    rehearsal = rehearse(ladder, LIMITS, window_s=1800.0, threshold_dba=None)
    assert {step.why for step in rehearsal.parts[1]} == {"the pod has no threshold_dba"}
    assert rehearse(ladder, LIMITS, window_s=1800.0, threshold_dba=30.0).is_whole


@pytest.mark.parametrize("name", shipped_designs())
def test_shipped_designs_meet_no_refusal_in_a_window(name: str) -> None:
    rehearsal = run(shipped_design(name).design, window_s=1800.0)
    assert rehearsal.is_whole


def test_each_part_meets_a_limiter_of_its_own() -> None:
    rehearsal = run(shipped_design("duet").design, window_s=1800.0)
    assert [[step.number % 2 for step in steps] for steps in rehearsal.parts.values()] == [[0] * 7, [1] * 7]
    assert rehearsal.answer is not None
    assert rehearsal.answer.given is not None


def test_an_answer_that_would_be_refused_is_told() -> None:
    rehearsal = run(shipped_design("duet").design, LimiterSettings(max_duration_s=3.0))
    assert rehearsal.answer is not None
    assert rehearsal.answer.verdict == "refused"
    assert not rehearsal.is_whole


def test_silence_is_as_long_as_the_window() -> None:
    rehearsal = run(shipped_design("silence").design, window_s=900.0)
    assert (rehearsal.window_s, rehearsal.parts, rehearsal.is_whole) == (900.0, {1: ()}, True)
