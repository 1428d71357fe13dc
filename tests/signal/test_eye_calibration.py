"""The routine of prompts yields a sleeper's gaze, or the reason why not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eye_gestures import gaze_path, looked, traces
from sanctuary.signal.eye_calibration import EyeCalibration, calibrate

SIDES = ("left", "right", "left", "right", "left", "right", "left", "right", "centre")
PROMPTS = [(4.0 + 2.5 * k, side) for k, side in enumerate(SIDES)]
PLACES = {"left": 1.0, "right": -1.0, "centre": 0.0}


def routine(amp_uv=150.0, delay_s=0.4, followed=range(9), rms_uv=10.0, seed=3):
    """Trace of a sleeper who follows the prompts with these numbers."""
    places = [(t + delay_s, PLACES[side]) for k, (t, side) in enumerate(PROMPTS) if k in followed]
    gaze = gaze_path(places)
    return traces(looked(gaze, amp_uv, rms_uv=rms_uv, seed=seed)[np.newaxis])[0][0]


@settings(max_examples=25)
@given(amp_uv=st.floats(60.0, 300.0), delay_s=st.floats(0.15, 0.9), sign=st.sampled_from([-1, 1]))
def test_a_followed_routine_gives_gain_and_polarity(amp_uv, delay_s, sign):
    found = calibrate(sign * routine(amp_uv, delay_s), PROMPTS)
    assert found.usable
    assert found.polarity == sign
    assert found.gain_uv == pytest.approx(2.0 * 1.8 * amp_uv, rel=0.2)
    assert found.followed == found.prompts == len(PROMPTS)
    assert found.noise_uv < 0.2 * found.gain_uv


def test_one_prompt_missed_is_forgiven():
    found = calibrate(routine(followed=(0, 1, 2, 3, 5, 6, 7, 8)), PROMPTS)
    assert found.usable
    assert found.followed < found.prompts


def test_too_few_followed_is_refused():
    found = calibrate(routine(followed=range(3)), PROMPTS)
    assert not found.usable
    assert "3 of 9 prompts were followed" in found.reason


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rms_uv", [5.0, 20.0, 60.0])
def test_noise_alone_is_refused(seed, rms_uv):
    assert not calibrate(routine(amp_uv=0.0, rms_uv=rms_uv, seed=seed), PROMPTS).usable


def test_a_flat_trace_is_refused():
    found = calibrate(np.zeros(1500), PROMPTS)
    assert (found.gain_uv, found.polarity, found.usable) == (0.0, 0, False)


def test_a_routine_that_broke_off_is_refused():
    assert not calibrate(routine()[:300], PROMPTS).usable
    assert not calibrate(np.zeros(0), PROMPTS).usable


def test_moving_in_the_same_direction_at_every_prompt_is_refused():
    trace, n = np.zeros(1500), 1500
    for t, _ in PROMPTS:
        at = np.arange(n) / 50.0 - t - 0.4
        trace += np.where(at > 0.0, 200.0 * np.exp(-np.clip(at, 0.0, None) / 0.5), 0.0)
    assert not calibrate(trace, PROMPTS).usable


def test_sides_that_disagree_are_refused():
    prompts = [(4.0 + 2.5 * k, side) for k, side in enumerate(["left", "centre", "right", "centre"] * 2)]
    gaze = gaze_path([(t + 0.4, PLACES[side]) for t, side in prompts])
    for left, usable in ((1.2, True), (3.0, False)):
        bent = np.where(gaze > 0.0, left * gaze, gaze)
        found = calibrate(traces(looked(bent, 120.0)[np.newaxis])[0][0], prompts)
        assert found.usable is usable
        assert ("sides disagree" in found.reason) is not usable


def test_prompts_to_one_side_only_are_refused():
    prompts = [(4.0 + 2.5 * k, side) for k, side in enumerate(["left", "centre"] * 4)]
    gaze = gaze_path([(t + 0.4, PLACES[side]) for t, side in prompts])
    found = calibrate(traces(looked(gaze, 150.0)[np.newaxis])[0][0], prompts)
    assert (found.followed, found.usable) == (8, False)
    assert "one side" in found.reason


@pytest.mark.parametrize(
    "prompts",
    [[(4.0, "left"), (4.0, "right")], [(5.0, "left"), (4.0, "right")], [(-1.0, "left")], [(4.0, "up")]],
)
def test_senseless_prompts_are_an_error(prompts):
    with pytest.raises(ValueError, match="prompt"):
        calibrate(np.zeros(1500), prompts)


@pytest.mark.parametrize("followed", [9, 2])
def test_a_calibration_comes_back_from_its_dict(followed):
    found = calibrate(routine(followed=range(followed)), PROMPTS)
    assert EyeCalibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


GOOD = EyeCalibration(500.0, 1, 6.0, 9, 8).to_dict()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"gain_uv": -1.0}, "gain_uv"),
        ({"gain_uv": float("nan")}, "gain_uv"),
        ({"gain_uv": "500"}, "gain_uv"),
        ({"gain_uv": 0.0}, "needs a gain"),
        ({"noise_uv": True}, "noise_uv"),
        ({"polarity": 2}, "polarity"),
        ({"polarity": 0}, "needs a gain"),
        ({"polarity": 1.0}, "polarity"),
        ({"followed": 10}, "10 of 9"),
        ({"followed": 2}, "needs a gain"),
        ({"prompts": None}, "prompts"),
        ({"reason": None}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_dict_that_makes_no_sense_is_refused(change, text):
    with pytest.raises(ValueError, match=text):
        EyeCalibration.from_dict({**GOOD, **change})


def test_a_dict_with_a_value_missing_is_refused():
    with pytest.raises(ValueError, match="polarity"):
        EyeCalibration.from_dict({name: value for name, value in GOOD.items() if name != "polarity"})
