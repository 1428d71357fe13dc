"""A step becomes a cue: levels by the sleeper's threshold, colours, and what is never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_bench import DESIGN, DESIGN_TOML
from sanctuary.commons.designs import Step, cue_for, load_design
from sanctuary.firmware_bridge.cues import AMBER, Cue, Modality


def relative(above_db: float) -> Step:
    text = DESIGN_TOML.replace("level_dba = 34.0", f"level_above_threshold_db = {above_db}")
    return load_design(text.encode()).design.steps[0]


def test_a_step_becomes_the_cue_it_asks_for() -> None:
    assert cue_for(DESIGN.design.steps[0]) == Cue(Modality.SOUND, 34.0, 6.0, 2.0, (110.0,), 0.0)
    assert cue_for(DESIGN.design.steps[1]) == Cue(Modality.LIGHT, 0.08, 6.0, 2.0, (), 0.0, AMBER)


def test_a_colour_reaches_the_cue() -> None:
    text = DESIGN_TOML.replace("level_share = 0.08", "level_share = 0.08\nrgb = [200, 120, 10]")
    assert cue_for(load_design(text.encode()).design.steps[1]).rgb == (200, 120, 10)


def test_a_level_above_the_threshold_needs_the_threshold() -> None:
    step = relative(4.0)
    assert step.needs_threshold
    assert step.level(31.0) == cue_for(step, 31.0).level == 35.0
    assert step.level(None) is None
    assert cue_for(step).level == 0.0


@given(st.floats(-10.0, 15.0), st.floats(0.0, 45.0))
def test_no_threshold_leads_past_the_hard_cap_or_below_nothing(above_db: float, threshold_dba: float) -> None:
    level = relative(above_db).level(threshold_dba)
    assert level == pytest.approx(min(45.0, max(0.0, threshold_dba + above_db)))


def test_an_absolute_level_takes_no_notice_of_the_threshold() -> None:
    step = DESIGN.design.steps[0]
    assert not step.needs_threshold
    assert step.level(None) == step.level(45.0) == 34.0
