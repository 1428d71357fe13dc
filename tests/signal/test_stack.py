"""A stack of sleepers: each gets, bit for bit, what it gets alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.signal.chain import Chain, SleeperStack
from sanctuary.signal.emission import default_emission
from sanctuary.signal.eye_calibration import EyeCalibration
from sanctuary.signal.samples import SampleBlock
from sanctuary.signal.sleeper_memory import SleeperMemory
from signals import bump, pair

MONTAGES = {"pair": ("AF7", "AF8"), "eeg+eog": ("EEG Fpz-Cz", "EOG horizontal"), "single": ("Fp1",)}
SECONDS = 100


def sleeper(number, fs_hz, channels, seconds=SECONDS):
    """One sleeper's samples and accelerations; each number has other eyes, and other troubles."""
    uv = pair(seconds, fs_hz, seed=number, exponent=1.2 + 0.3 * (number % 5), rms_uv=8.0 + 3.0 * (number % 4))
    n = uv.shape[1]
    for k in range(number % 7):
        eye = bump(fs_hz, n, 11.0 + 12.0 * k + 0.3 * number, 0.5, 60.0 + 10.0 * number)
        uv += np.stack((eye, -0.8 * eye))
    at = round((30 + number % 11) * fs_hz)
    match number % 5:
        case 1:
            uv[:, at : at + 40] = np.nan
        case 2:
            uv[0, at : at + round(6 * fs_hz)] = 1e6
        case 3:
            uv[1, at : at + round(3 * fs_hz)] += 900.0 * np.sign(np.sin(np.arange(round(3 * fs_hz))))
        case 4:
            uv[:, at : at + round(15 * fs_hz)] = np.nan
    motion_g = np.full((3, n), np.nan)
    motion_g[:, ::10] = 0.01
    if number % 3 == 0:
        motion_g[1, at + round(0.4 * fs_hz) : at + round(1.4 * fs_hz)] = 0.7
    return uv[: len(channels)], motion_g


def alone(number, fs_hz, channels, **kwargs):
    uv, motion_g = sleeper(number, fs_hz, channels)
    chain = Chain(fs_hz, channels, rail_uv=[1e5] * len(channels), **kwargs)
    return chain.push(SampleBlock(0, fs_hz, channels, uv, motion_g)), chain.remember()


def stacked(numbers, fs_hz, channels, sizes=(4096,), memories=None):
    rows = [sleeper(number, fs_hz, channels) for number in numbers]
    uv, motion_g = np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])
    rails = np.full((len(rows), len(channels)), 1e5)
    stack = SleeperStack(len(rows), fs_hz, channels, rail_uv=rails, memories=memories)
    found, start, turn = [], 0, 0
    while start < uv.shape[2]:
        end = start + sizes[turn % len(sizes)]
        found += stack.push(start, uv[:, :, start:end], motion_g[:, :, start:end])
        start, turn = end, turn + 1
    return found, stack


@pytest.mark.parametrize("montage", MONTAGES)
@pytest.mark.parametrize("fs_hz", [128.0, 199.37, 256.0])
@pytest.mark.parametrize("count", [2, 17])
def test_each_sleeper_of_a_stack_gets_what_it_gets_alone(montage, fs_hz, count):
    channels = MONTAGES[montage]
    found, _ = stacked(range(count), fs_hz, channels)
    for row in (0, 1, count - 1, count // 2):
        assert [estimates[row] for estimates in found] == alone(row, fs_hz, channels)[0]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 400))
@settings(max_examples=10)
def test_any_block_sizes_give_the_stack_the_same_bits(sizes):
    whole, _ = stacked((1, 2, 4), 128.0, MONTAGES["pair"], (10**6,))
    assert stacked((1, 2, 4), 128.0, MONTAGES["pair"], sizes)[0] == whole


def test_a_fault_of_one_sleeper_changes_no_bit_of_another():
    channels = MONTAGES["pair"]
    sound, _ = stacked((0, 0), 128.0, channels)
    beside, _ = stacked((0, 4), 128.0, channels)
    assert [row[0] for row in beside] == [row[0] for row in sound]
    assert [row[1] for row in beside] != [row[1] for row in sound]


def test_each_sleeper_is_remembered_for_himself():
    level_db = default_emission().population_db + 3.0
    calibration = EyeCalibration(300.0, 1, 4.0, 8, 8)
    memory = SleeperMemory(level_db, 2, calibration)
    channels = MONTAGES["pair"]
    found, stack = stacked((5, 6), 128.0, channels, memories=[None, memory])
    assert [row[0] for row in found] == alone(5, 128.0, channels)[0]
    assert [row[1] for row in found] == alone(6, 128.0, channels, memory=memory)[0]
    forgotten, kept = stack.remember()
    assert forgotten.nights == 0
    assert kept == memory or (kept.nights, kept.calibration) == (2, calibration)


def test_a_night_of_an_hour_is_remembered_and_a_minute_is_not():
    channels = MONTAGES["single"]
    uv = np.tile(pair(120, 100.0, seed=3)[:1], 31)[np.newaxis]
    stack = SleeperStack(1, 100.0, channels)
    stack.push(0, uv[:, :, :6000])
    assert stack.remember()[0].level_db is None
    stack.push(6000, uv[:, :, 6000:])
    known = stack.remember()[0]
    assert known.nights == 1
    assert np.isfinite(known.level_db).all()


def test_a_stack_takes_what_starts_later_as_lost():
    stack = SleeperStack(2, 128.0, MONTAGES["pair"])
    uv = np.stack([pair(20, 128.0, seed=k) for k in range(2)])
    stack.push(0, uv[:, :, :1280])
    late = stack.push(1920, uv[:, :, :1280])
    assert [row[0].t_s for row in late] == [float(t) for t in range(11, 26)]


def test_motion_may_be_measured_from_some_moment_on_or_cease():
    channels, fs_hz = MONTAGES["pair"], 128.0
    uv, motion_g = sleeper(3, fs_hz, channels)
    unmeasured, cut = motion_g.copy(), 2000
    unmeasured[:, :cut] = np.nan
    unmeasured[:, 9000:] = np.nan
    whole = SleeperStack(1, fs_hz, channels).push(0, uv[np.newaxis], unmeasured[np.newaxis])
    stack, found = SleeperStack(1, fs_hz, channels), []
    for start, end, measured in ((0, cut, False), (cut, 9000, True), (9000, uv.shape[1], False)):
        some = motion_g[np.newaxis, :, start:end] if measured else None
        found += stack.push(start, uv[np.newaxis, :, start:end], some)
    assert found == whole
    assert any(row[0].arousal for row in found)
