"""The designs that come with the program: whole, within the usual limits, and each what it says it is."""

from __future__ import annotations

import pytest

from sanctuary.commons.designs import shipped_design
from sanctuary.config.errors import InputError
from sanctuary.config.settings_base import shipped_designs
from sanctuary.config.site_settings import LimiterSettings
from sanctuary.firmware_bridge.cues import Modality

LOOPING = {"silence"}


def test_there_are_seven() -> None:
    assert shipped_designs() == (
        "amber-breath", "duet", "lantern", "silence", "spoken-seed", "tide", "tone-ladder",
    )  # fmt: skip


@pytest.mark.parametrize("name", shipped_designs())
def test_shipped_designs_stay_within_the_default_limits(name: str) -> None:
    design = shipped_design(name).design
    limits = LimiterSettings()
    assert design.licence == "CC0-1.0"
    assert design.looping is (name in LOOPING)
    for step in design.steps:
        level = step.level(30.0)
        assert level is not None
        assert level <= (limits.max_level_dba if step.modality is Modality.SOUND else limits.max_share)
        assert step.duration_s <= limits.max_duration_s
        assert step.flash_hz <= limits.max_flash_hz
    for part in range(1, design.parts + 1):
        assert sum(step.is_for(part) for step in design.steps) <= limits.cues_per_block


def test_an_unknown_design_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'storm'.*lantern, silence, spoken-seed, tide"):
        shipped_design("storm")


def test_the_ladder_climbs_by_the_threshold_and_one_decibel_a_rung() -> None:
    steps = shipped_design("tone-ladder").design.steps
    levels = [step.level(30.0) for step in steps]
    assert all(step.needs_threshold for step in steps)
    assert levels == [26.0 + rung for rung in range(12)]
    assert [step.tones_hz[0] for step in steps] == sorted(step.tones_hz[0] for step in steps)


def test_the_breath_is_light_and_sound_in_turn_and_never_flashes() -> None:
    design = shipped_design("amber-breath").design
    assert [step.modality for step in design.steps] == [Modality.LIGHT, Modality.SOUND] * 7
    assert not any(step.flash_hz for step in design.steps)


def test_the_seed_speaks_from_a_small_file() -> None:
    loaded = shipped_design("spoken-seed")
    ((sha256, file),) = loaded.files.items()
    assert file.samples.size * 2 <= 120_000
    assert [step.at_s for step in loaded.design.steps if step.file_sha256 == sha256] == [0.0, 300.0]


def test_the_duet_calls_in_turn_and_answers_signals() -> None:
    design = shipped_design("duet").design
    assert [step.part for step in design.steps] == [1, 2] * 7
    assert design.answer is not None


def test_silence_asks_for_nothing() -> None:
    assert shipped_design("silence").design.steps == ()
