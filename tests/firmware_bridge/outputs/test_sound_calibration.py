"""Stored calibrations: what was measured is used, and nothing sounds on a guess."""

import json
from pathlib import Path

import pytest

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.outputs.level_calibration import (
    TONE_AMPLITUDE,
    LevelCalibration,
    LevelCalibrations,
)

WHEN = "2026-01-02T03:04:05+01:00"


def test_a_measured_tone_tells_the_level_of_full_scale(tmp_path: Path) -> None:
    calibration = LevelCalibration.of_tone("USB Audio: pillow/1", 48.0, WHEN, "alder")
    assert calibration.full_scale_dba == pytest.approx(80.04, abs=0.01)
    assert pytest.approx(0.025) == TONE_AMPLITUDE
    store = LevelCalibrations(tmp_path / "sound")
    path = store.save(calibration)
    assert path.parent == tmp_path / "sound"
    assert store.load("USB Audio: pillow/1") == calibration
    assert list(path.parent.iterdir()) == [path]


def test_without_a_calibration_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'has not been calibrated.*sanctuary sound calibrate "pillow"'):
        LevelCalibrations(tmp_path).load("pillow")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "full_scale_dba is missing"),
        (json.dumps({"device": "pillow"}), "full_scale_dba is missing"),
        (
            json.dumps({"device": "pillow", "full_scale_dba": 300, "measured_at": WHEN, "by": ""}),
            "full_scale_dba = 300: must be 40 to 130",
        ),
        (
            json.dumps({"device": "pillow", "full_scale_dba": 80, "measured_at": "", "by": ""}),
            "measured_at must be given",
        ),
        (json.dumps({"device": "pillow", "full_scale_dba": 80, "colour": "red"}), "colour"),
        ('{"device": "pillow", "full_scale_dba": NaN, "measured_at": "x", "by": ""}', "= nan: must be 40"),
        (
            json.dumps({"device": "pillow", "full_scale_dba": 80, "measured_at": 2026, "by": ""}),
            "measured_at and by must be text",
        ),
        (
            json.dumps({"device": "other", "full_scale_dba": 80, "measured_at": WHEN, "by": ""}),
            'device = "other" is another loudspeaker',
        ),
    ],
)
def test_damage_names_file_and_field(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "pillow.json"
    path.write_text(content)
    with pytest.raises(InputError, match=told) as caught:
        LevelCalibrations(tmp_path).load("pillow")
    assert str(path) in str(caught.value)


def test_an_absurd_measurement_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 40 to 130"):
        LevelCalibration.of_tone("pillow", 2.0, WHEN, "alder")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "sound").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        LevelCalibrations(tmp_path / "sound").save(LevelCalibration("pillow", 80.0, WHEN, ""))
