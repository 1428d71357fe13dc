"""What is said to a ZMax's server."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.firmware_bridge.headbands.zmax import HELLO
from zmax_stimulation import Stimulation

# the example in dreamento's ZmaxHeadband.py
EXAMPLE = b"LIVEMODE_SENDBYTES 15 6 111 04-00-00-02-00-00-02-FE-00-01-03-05-01-00\r\n"

colours = st.tuples(*[st.integers(0, 2)] * 3)
stimulations = st.builds(
    Stimulation,
    rgb=colours,
    second_rgb=colours,
    percent=st.integers(0, 100),
    second_percent=st.integers(0, 100),
    on_s=st.integers(1, 255).map(lambda tenths: tenths / 10),
    off_s=st.integers(0, 255).map(lambda tenths: tenths / 10),
    repeats=st.integers(1, 127),
    vibrate=st.booleans(),
    alternate=st.booleans(),
)


def test_the_published_example_is_written_byte_for_byte() -> None:
    blue = Stimulation((0, 0, 2), (0, 0, 2), 100, 0, on_s=0.1, off_s=0.3, repeats=5, vibrate=True)
    assert blue.command(6, retries=15, retry_ms=111) == EXAMPLE
    assert blue.command(6) == EXAMPLE


def test_the_greeting() -> None:
    assert HELLO == b"HELLO\n"


@given(stimulations)
def test_every_stimulation_keeps_to_the_headbands_ranges(stimulation: Stimulation) -> None:
    body = stimulation.to_bytes()
    assert len(body) == 14
    assert body[0] == 4
    assert max(body[1:7]) <= 2
    assert all(pwm == 0 or 2 <= pwm <= 254 for pwm in body[7:9])
    assert body[9] >= 1
    assert 1 <= body[11] <= 127
    assert max(body[12:]) <= 1


@pytest.mark.parametrize(("percent", "pwm"), [(0, 0), (1, 2), (50, 127), (100, 254)])
def test_brightness(percent: int, pwm: int) -> None:
    assert Stimulation(percent=percent).to_bytes()[7] == pwm
    assert Stimulation(second_percent=percent).to_bytes()[8] == pwm


@pytest.mark.parametrize(
    "wrong",
    [
        {"rgb": (0, 0, 3)},
        {"rgb": (0, -1, 0)},
        {"second_rgb": (0, 0)},
        {"percent": 101},
        {"percent": -1},
        {"second_percent": 200},
        {"on_s": 0.0},
        {"on_s": 25.6},
        {"on_s": float("nan")},
        {"off_s": -0.1},
        {"off_s": 26.0},
        {"repeats": 0},
        {"repeats": 128},
    ],
)
def test_what_the_headband_cannot_be_told_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} .*must be"):
        replace(Stimulation(), **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sequence": 256},
        {"sequence": -1},
        {"sequence": 0, "retries": 256},
        {"sequence": 0, "retry_ms": 0},
        {"sequence": 0, "retry_ms": 10_001},
    ],
)
def test_what_the_server_cannot_be_told_is_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"^{list(wrong)[-1]} .*must be"):
        Stimulation().command(**wrong)
