"""Spindles, slow waves and sawtooth waves put in by hand are counted; what only resembles them is not."""

from __future__ import annotations

import numpy as np
import pytest

from sanctuary.signal.measures import graphoelements
from signals import pink

RATES_HZ = [200.0, 250.0, 256.0]
SECONDS = 30


def time_s(fs_hz):
    return np.arange(round(SECONDS * fs_hz)) / fs_hz


def burst(fs_hz, at_s, long_s, freq_hz, amp_uv):
    """A waxing and waning oscillation."""
    t = time_s(fs_hz) - at_s
    inside = (t >= 0.0) & (t < long_s)
    envelope = np.where(inside, np.sin(np.pi * np.clip(t, 0.0, long_s) / long_s) ** 2, 0.0)
    return amp_uv * envelope * np.sin(2.0 * np.pi * freq_hz * t)


def train(count, fs_hz, *, long_s=1.0, freq_hz=13.5, amp_uv=25.0, seed=1):
    places = [2.0 + 3.4 * k for k in range(count)]
    uv = pink(SECONDS, fs_hz, seed=seed, rms_uv=12.0)
    return uv + sum((burst(fs_hz, at_s, long_s, freq_hz, amp_uv) for at_s in places), np.zeros_like(uv))


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize("count", [0, 1, 3, 6, 8])
def test_a_train_of_spindles_is_counted(count, fs_hz):
    assert graphoelements.spindle_count(train(count, fs_hz), fs_hz) == count


@pytest.mark.parametrize("freq_hz", [12.0, 13.0, 14.0, 15.0])
def test_slow_and_fast_spindles_count(freq_hz):
    assert graphoelements.spindle_count(train(6, 256.0, freq_hz=freq_hz), 256.0) == 6


@pytest.mark.parametrize("other", [{"freq_hz": 9.0}, {"freq_hz": 20.0}, {"amp_uv": 1.0}], ids=str)
def test_other_rhythms_are_no_spindles(other):
    assert graphoelements.spindle_count(train(6, 256.0, **other), 256.0) == 0


def test_fragments_hardly_count():
    stack = np.stack([train(6, 256.0, long_s=0.2, seed=seed) for seed in range(20)])
    assert graphoelements.spindle_count(stack, 256.0).sum() <= 12


def test_a_spindle_lasts_two_seconds_at_most():
    t = time_s(256.0)
    steady = np.where((t > 5.0) & (t < 9.0), 25.0 * np.sin(2.0 * np.pi * 13.5 * t), 0.0)
    assert graphoelements.spindle_count(pink(SECONDS, 256.0, seed=1, rms_uv=12.0) + steady, 256.0) == 0


def test_noise_holds_hardly_any_spindles():
    stack = np.stack([pink(SECONDS, 256.0, seed=seed, exponent=1.5, rms_uv=12.0) for seed in range(50)])
    assert graphoelements.spindle_count(stack, 256.0).sum() <= 2


def test_spindles_do_not_depend_on_gain():
    uv = train(5, 256.0)
    assert graphoelements.spindle_count(0.01 * uv, 256.0) == graphoelements.spindle_count(uv, 256.0) == 5


def slow_waves(count, fs_hz, *, freq_hz=1.0, height_uv=120.0, seed=2):
    """Whole periods of a sine, trough first, 4 s apart, on faint noise."""
    t = time_s(fs_hz)
    uv = pink(SECONDS, fs_hz, seed=seed, rms_uv=5.0)
    for k in range(count):
        since = t - 2.0 - 4.0 * k
        inside = (since >= 0.0) & (since < 1.0 / freq_hz)
        uv -= np.where(inside, 0.5 * height_uv * np.sin(2.0 * np.pi * freq_hz * since), 0.0)
    return uv


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize("count", [0, 1, 4, 7])
def test_slow_waves_are_counted(count, fs_hz):
    assert graphoelements.slow_wave_count(slow_waves(count, fs_hz), fs_hz) == count


@pytest.mark.parametrize(("freq_hz", "periods"), [(0.7, 21), (1.0, 30), (1.5, 45)])
def test_every_period_of_a_steady_oscillation_is_a_slow_wave(freq_hz, periods):
    uv = 50.0 * np.sin(2.0 * np.pi * freq_hz * time_s(256.0))
    assert graphoelements.slow_wave_count(uv, 256.0) == pytest.approx(periods, abs=1)


@pytest.mark.parametrize(("height_uv", "counted"), [(73.0, False), (77.0, True)])
def test_75_uv_from_peak_to_peak_decide(height_uv, counted):
    uv = 0.5 * height_uv * np.sin(2.0 * np.pi * time_s(256.0))
    assert bool(graphoelements.slow_wave_count(uv, 256.0) > 0) is counted


@pytest.mark.parametrize("freq_hz", [0.3, 4.0, 10.0])
def test_slower_and_faster_waves_do_not_count(freq_hz):
    uv = 60.0 * np.sin(2.0 * np.pi * freq_hz * time_s(256.0))
    assert graphoelements.slow_wave_count(uv, 256.0) == 0


@pytest.mark.parametrize("freq_hz", [0.42, 2.4])
def test_the_negative_phase_must_be_neither_long_nor_short(freq_hz):
    # Both pass the band-pass in part; their negative phases last 1.19 and 0.21 s.
    uv = 300.0 * np.sin(2.0 * np.pi * freq_hz * time_s(256.0))
    assert graphoelements.slow_wave_count(uv, 256.0) == 0


def test_a_steady_slope_is_not_a_wave():
    assert graphoelements.slow_wave_count(10.0 * time_s(256.0), 256.0) == 0


def sawtooth(fs_hz, spans_s, *, freq_hz=2.75, height_uv=50.0, seed=3):
    t = time_s(fs_hz)
    inside = np.zeros(t.size, dtype=bool)
    for begin, end in spans_s:
        inside |= (t >= begin) & (t < end)
    tooth = height_uv * ((freq_hz * t) % 1.0 - 0.5)
    return pink(SECONDS, fs_hz, seed=seed, exponent=1.2, rms_uv=6.0) + np.where(inside, tooth, 0.0)


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize(("spans_s", "share"), [([], 0.0), ([(5, 9)], 4 / 30), ([(3, 8), (12, 16)], 0.3)])
def test_the_share_of_sawtooth_bursts(spans_s, share, fs_hz):
    assert graphoelements.sawtooth_share(sawtooth(fs_hz, spans_s), fs_hz) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(
    "other", [{"freq_hz": 1.0}, {"freq_hz": 4.5}, {"height_uv": 15.0}], ids=["slow", "theta", "faint"]
)
def test_other_waves_are_no_sawtooth(other):
    assert graphoelements.sawtooth_share(sawtooth(256.0, [(5, 9), (14, 19)], **other), 256.0) == 0.0


def test_sawtooth_waves_under_slow_waves_do_not_show():
    uv = sawtooth(256.0, [(5, 9)]) + 80.0 * np.sin(2.0 * np.pi * time_s(256.0))
    assert graphoelements.sawtooth_share(uv, 256.0) == 0.0


FUNCTIONS = [graphoelements.spindle_count, graphoelements.slow_wave_count, graphoelements.sawtooth_share]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_flat_stretch_holds_nothing(function):
    assert function(np.full((2, 7680), -31.4), 256.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_at_least_two_seconds_are_needed(function):
    with pytest.raises(ValueError, match="at least 2 s"):
        function(np.zeros(511), 256.0)


def test_a_rate_too_low_for_the_band_is_refused():
    with pytest.raises(ValueError, match="50 Hz is too slow for a pass band up to 30 Hz"):
        graphoelements.spindle_count(np.zeros(500), 50.0)
