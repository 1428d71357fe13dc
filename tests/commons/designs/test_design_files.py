"""Designs: what a file may say, how it is named, where its steps fall."""

from __future__ import annotations

import hashlib
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_bench import DESIGN, DESIGN_TOML
from sanctuary.commons.designs import load_design
from sanctuary.config.errors import InputError


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(DESIGN_TOML)
    assert load_design(path).hash == DESIGN.hash == hashlib.sha256(DESIGN_TOML.encode()).hexdigest()
    assert load_design((DESIGN_TOML + "# a word\n").encode()).hash != DESIGN.hash


def test_steps_repeat_with_the_length() -> None:
    assert [DESIGN.design.time_of(number) for number in range(5)] == [0.0, 24.0, 48.0, 72.0, 96.0]
    assert DESIGN.design.end_s == inf
    once = load_design(DESIGN_TOML.replace("looping = true", "looping = false").encode()).design
    assert [once.time_of(number) for number in (2, 3)] == [48.0, None]
    assert once.end_s == 72.0


@given(st.floats(0.0, 1e5), st.booleans())
def test_the_first_step_from_a_moment_on(elapsed_s: float, looping: bool) -> None:
    text = DESIGN_TOML if looping else DESIGN_TOML.replace("looping = true", "looping = false")
    design = load_design(text.encode()).design
    number = design.first_number(elapsed_s)
    at_s = design.time_of(number)
    assert at_s is None or at_s >= elapsed_s
    before = design.time_of(number - 1) if number else None
    assert before is None or before < elapsed_s


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level_dba = 34.0", "level_dba = 46.0", r"bench.toml:11: steps\[0\].level_dba: .*45"),
        (
            "level_dba = 34.0",
            "level_share = 0.1",
            r"steps\[0\]: level_dba or level_above_threshold_db is missing \(sound\); level_share does not",
        ),
        ("tones_hz = [110.0]", "", r"steps\[0\]: tones_hz or file_sha256 is missing"),
        ("tones_hz = [110.0]", "tones_hz = [5.0]", r"tones_hz: each must be 20 to 16000"),
        ("tones_hz = [110.0]", "tones_hz = [110.0]\nflash_hz = 1.0", "flash_hz does not apply to sound"),
        ("level_share = 0.08", "level_share = 0.08\nflash_hz = 2.5", r"steps\[1\].flash_hz: .*2"),
        ("level_share = 0.08", "level_share = 0.08\ntones_hz = [50.0]", "tones_hz does not apply to light"),
        ("duration_s = 6.0", "duration_s = 3.9", "fade_s must be at most half of duration_s"),
        ("at_s = 24.0", "at_s = 19.0", r"steps\[1\] begins 19 s after the step before it"),
        ("length_s = 72.0", "length_s = 53.0", r"steps\[2\] ends after length_s"),
        ("length_s = 72.0", "length_s = 60.0", r"steps\[0\] of a repeat follows too soon"),
        ('title = "Bench"', "", "bench.toml:1: title: Field required"),
        ("looping = true", "looping = true\nloud = 1", r"bench.toml:8: loud: Extra inputs"),
        ("sanctuary.design.v1", "sanctuary.design.v2", "bench.toml:2: schema: "),
        ("level_dba = 34.0", "level_dba = 34.0\nlevel_above_threshold_db = 1.0", "exclude one another"),
        ("level_dba = 34.0", "level_above_threshold_db = 15.5", r"bench.toml:11: .*above_threshold_db: .*15"),
        ("level_dba = 34.0", "level_above_threshold_db = -10.5", r"level_above_threshold_db: .*-10"),
        ("level_share = 0.08", "level_above_threshold_db = 1.0", r"level_share is missing \(light\)"),
        ("tones_hz = [110.0]", f'tones_hz = [110.0]\nfile_sha256 = "{"0" * 64}"', "tones_hz and file_sha256"),
        ("tones_hz = [110.0]", 'file_sha256 = "../../x"', r"bench.toml:14: steps\[0\].file_sha256"),
        ("level_share = 0.08", "level_share = 0.08\nrgb = [256, 0, 0]", r"steps\[1\].rgb\[0\]: .*255"),
        ("level_share = 0.08", "level_share = 0.08\nrgb = [255, 40, 20]", "saturated red"),
        ("level_share = 0.08", "level_share = 0.08\nrgb = [0, 0, 0]", "rgb is black"),
        ("tones_hz = [110.0]", "tones_hz = [110.0]\nrgb = [9, 9, 9]", "rgb does not apply to sound"),
        ("at_s = 24.0", "at_s = ", "not TOML"),
        ("at_s = 24.0", "at_s = nan", r"steps\[1\].at_s"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(old: str, new: str, message: str) -> None:
    assert old in DESIGN_TOML
    with pytest.raises(InputError, match=message):
        load_design(DESIGN_TOML.replace(old, new, 1).encode(), "bench.toml")


def test_all_mistakes_are_listed_at_once() -> None:
    text = DESIGN_TOML.replace("34.0", "50.0").replace("0.08", "0.9").replace('author = "Tests"\n', "")
    with pytest.raises(InputError) as caught:
        load_design(text.encode(), "bench.toml")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["author", "steps[0].level_dba", "steps[1].level_share"]


def test_files_that_are_no_designs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        load_design(tmp_path / "none.toml")
    with pytest.raises(InputError, match="not UTF-8 at byte 2"):
        load_design(b"# \xff")
    with pytest.raises(InputError, match="at most 262144"):
        load_design(b"#" * 262145)
