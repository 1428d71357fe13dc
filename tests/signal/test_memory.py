"""What is remembered of a sleeper, as a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sanctuary.config.errors import InputError
from sanctuary.signal.eye_calibration import EyeCalibration
from sanctuary.signal.sleeper_memory import SleeperMemory, parse_memory

FULL = SleeperMemory(np.array([10.0, 5.0, 2.0, -1.5, -6.25]), 3, EyeCalibration(300.0, -1, 4.0, 8, 7))


@pytest.mark.parametrize("memory", [SleeperMemory(), FULL], ids=["nothing yet", "all"])
def test_a_memory_survives_a_round_trip(memory):
    again = parse_memory(memory.to_json(), "x")
    assert again.nights == memory.nights
    assert again.calibration == memory.calibration
    assert np.array_equal(again.level_db, memory.level_db) or memory.level_db is again.level_db is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other"}, "schema"),
        ({"bands": []}, "bands"),
        ({"level_db": [1.0]}, "level_db"),
        ({"level_db": ["x"] * 5}, "could not convert"),
        ({"nights": None}, "int"),
        ({"calibration": {"gain_uv": 3}}, "calibration"),
    ],
)
def test_a_damaged_memory_is_refused_by_name(change, said):
    with pytest.raises(InputError, match=f"memory.json.*{said}"):
        parse_memory(json.dumps(json.loads(FULL.to_json()) | change), "memory.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "sanctuary.memory.v1"}'])
def test_what_is_no_memory_is_refused(text):
    with pytest.raises(InputError, match=r"memory\.json"):
        parse_memory(text, "memory.json")
