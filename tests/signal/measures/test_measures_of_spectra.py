"""Band powers, slopes and edges on spectra whose answers can be written down."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.signal.filters import Spectrum
from sanctuary.signal.measures import bands, pair, shape
from sanctuary.signal.measures.registry import MEASURES, Needs
from signals import pink

FS_HZ = 256.0
SPECTRUM = Spectrum(FS_HZ)
FREQ_HZ = SPECTRUM.freq_hz
WHITE = np.ones_like(FREQ_HZ)
BINS = 118
"""0.5 to 29.75 Hz in steps of 0.25 Hz."""
GAIN_FREE = [each for each in MEASURES if each.needs is Needs.SPECTRUM and each.name != "muscle_power"]


def density(uv):
    """Mean over all whole 4 s windows, 1 s apart."""
    starts = range(0, uv.size - SPECTRUM.size + 1, round(FS_HZ))
    windows = np.stack([uv[k : k + SPECTRUM.size] for k in starts])
    return SPECTRUM.density(SPECTRUM.transform(windows)).mean(axis=0)


def sine(freq_hz, amp_uv, seconds=4):
    return amp_uv * np.sin(2.0 * np.pi * freq_hz * np.arange(round(seconds * FS_HZ)) / FS_HZ)


@pytest.mark.parametrize(
    ("share", "freq_hz"),
    [
        (bands.relative_delta, 2.0),
        (bands.relative_theta, 6.0),
        (bands.relative_alpha, 10.0),
        (bands.relative_sigma, 13.5),
        (bands.relative_beta, 25.0),
    ],
)
def test_a_sine_lies_wholly_in_its_own_band(share, freq_hz):
    others = [2.0, 6.0, 10.0, 13.5, 25.0]
    others.remove(freq_hz)
    assert share(density(sine(freq_hz, 20.0)), FREQ_HZ) == pytest.approx(0.0, abs=1e-6)
    for other_hz in others:
        assert share(density(sine(other_hz, 20.0)), FREQ_HZ) < -40.0


@pytest.mark.parametrize(
    ("ratio", "over_hz", "under_hz"),
    [
        (bands.theta_to_delta, 6.0, 2.0),
        (bands.delta_to_beta, 2.0, 20.0),
        (bands.alpha_to_theta, 10.0, 6.0),
        (bands.sigma_to_theta_alpha, 13.5, 6.0),
        (bands.sigma_to_theta_alpha, 13.5, 10.0),
    ],
)
def test_ratios_of_two_sines_are_those_of_their_squared_amplitudes(ratio, over_hz, under_hz):
    uv = sine(over_hz, 30.0) + sine(under_hz, 10.0)
    assert ratio(density(uv), FREQ_HZ) == pytest.approx(20.0 * math.log10(3.0), abs=1e-3)
    assert ratio(density(sine(under_hz, 10.0)), FREQ_HZ) < -60.0


def test_sigma_is_held_against_theta_and_alpha_together():
    uv = sine(13.5, 10.0) + sine(6.0, 10.0) + sine(10.0, 10.0)
    assert bands.sigma_to_theta_alpha(density(uv), FREQ_HZ) == pytest.approx(
        -10.0 * math.log10(2.0), abs=1e-3
    )


def test_upper_beta_is_a_share_of_the_whole():
    uv = sine(20.0, 10.0) + sine(25.0, 10.0) + sine(17.0, 10.0)
    share = bands.relative_upper_beta(density(uv), FREQ_HZ)
    assert share == pytest.approx(-10.0 * math.log10(3.0), abs=1e-2)


@pytest.mark.parametrize("power", [WHITE, 0.0 * WHITE], ids=["white", "zeros"])
def test_white_noise_and_silence_give_the_widths_of_the_bands(power):
    assert bands.relative_delta(power, FREQ_HZ) == pytest.approx(10.0 * math.log10(14 / BINS))
    assert bands.relative_theta(power, FREQ_HZ) == pytest.approx(10.0 * math.log10(16 / BINS))
    assert bands.relative_alpha(power, FREQ_HZ) == pytest.approx(10.0 * math.log10(16 / BINS))
    assert bands.relative_sigma(power, FREQ_HZ) == pytest.approx(10.0 * math.log10(16 / BINS))
    assert bands.relative_beta(power, FREQ_HZ) == pytest.approx(10.0 * math.log10(56 / BINS))
    assert bands.relative_upper_beta(power, FREQ_HZ) == pytest.approx(10.0 * math.log10(16 / BINS))


def test_the_five_shares_make_up_the_whole():
    five = (
        bands.relative_delta,
        bands.relative_theta,
        bands.relative_alpha,
        bands.relative_sigma,
        bands.relative_beta,
    )
    power = density(pink(30.0, FS_HZ, seed=3))
    assert sum(10.0 ** (share(power, FREQ_HZ) / 10.0) for share in five) == pytest.approx(1.0)


@pytest.mark.parametrize("each", GAIN_FREE, ids=lambda each: each.name)
@given(gain=st.floats(1e-4, 1e4))
def test_gain_cancels_out(each, gain):
    power = density(pink(8.0, FS_HZ, seed=5))
    assert each.function(gain * power, FREQ_HZ) == pytest.approx(each.function(power, FREQ_HZ), abs=1e-9)


@pytest.mark.parametrize("slope", [0.0, -1.0, -2.4, -4.0])
@pytest.mark.parametrize("function", [shape.broad_slope, shape.gamma_slope])
def test_the_slope_of_an_exact_power_law_comes_back(function, slope):
    power = 7.0 * np.maximum(FREQ_HZ, 0.25) ** slope
    assert function(power, FREQ_HZ) == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_the_slope_of_noise_comes_back(exponent):
    power = density(pink(300.0, FS_HZ, seed=11, exponent=exponent))
    assert shape.broad_slope(power, FREQ_HZ) == pytest.approx(-exponent, abs=0.1)
    assert shape.gamma_slope(power, FREQ_HZ) == pytest.approx(-exponent, abs=0.5)


def test_alpha_and_spindles_leave_the_slope_alone():
    power = np.maximum(FREQ_HZ, 0.25) ** -2.0
    rhythm = np.where((FREQ_HZ >= 10.0) & (FREQ_HZ < 16.0), 1000.0, 1.0)
    assert shape.broad_slope(power * rhythm, FREQ_HZ) == shape.broad_slope(power, FREQ_HZ)
    theta = np.where((FREQ_HZ >= 4.0) & (FREQ_HZ < 10.0), 1000.0, 1.0)
    assert shape.broad_slope(power * theta, FREQ_HZ) < -3.0


@pytest.mark.parametrize("power", [WHITE, 0.0 * WHITE], ids=["white", "zeros"])
def test_the_edges_of_white_noise_and_silence(power):
    assert shape.spectral_edge_50(power, FREQ_HZ) == pytest.approx(12.0)
    assert shape.spectral_edge_95(power, FREQ_HZ) == pytest.approx(15.6)
    assert shape.spectral_edge_difference(power, FREQ_HZ) == pytest.approx(3.6)
    assert shape.broad_slope(power, FREQ_HZ) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("freq_hz", [9.0, 13.0, 15.0])
def test_both_edges_gather_at_a_sine(freq_hz):
    power = density(sine(freq_hz, 20.0))
    assert shape.spectral_edge_50(power, FREQ_HZ) == pytest.approx(freq_hz, abs=1e-6)
    assert 0.0 < shape.spectral_edge_difference(power, FREQ_HZ) < 0.5


def test_edges_look_at_8_to_16_hz_only():
    inside = (FREQ_HZ >= 8.0) & (FREQ_HZ <= 16.0)
    power = np.where(inside, WHITE, 1e6)
    assert shape.spectral_edge_50(power, FREQ_HZ) == pytest.approx(12.0)
    assert shape.spectral_edge_95(power, FREQ_HZ) == pytest.approx(15.6)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=33))
def test_edges_are_ordered_and_stay_in_their_range(values):
    power = WHITE.copy()
    power[32:65] = np.resize(values, 33)
    low, high = shape.spectral_edge_50(power, FREQ_HZ), shape.spectral_edge_95(power, FREQ_HZ)
    assert 8.0 <= low <= high <= 16.0


def test_muscle_power_is_the_rms_of_25_to_45_hz():
    assert pair.muscle_power(density(sine(35.0, 10.0)), FREQ_HZ) == pytest.approx(
        20.0 * math.log10(10.0 / math.sqrt(2.0)), abs=1e-3
    )
    assert pair.muscle_power(density(sine(20.0, 10.0)), FREQ_HZ) < -30.0
    assert pair.muscle_power(density(sine(50.0, 10.0)), FREQ_HZ) < -30.0
    assert pair.muscle_power(0.0 * WHITE, FREQ_HZ) == pytest.approx(-40.0)


def test_twice_the_amplitude_of_muscle_is_six_decibels_more():
    power = density(pink(8.0, FS_HZ, seed=2, exponent=0.0))
    more = pair.muscle_power(4.0 * power, FREQ_HZ) - pair.muscle_power(power, FREQ_HZ)
    assert more == pytest.approx(20.0 * math.log10(2.0))


def test_frequencies_that_rounding_left_below_an_edge_belong_to_the_band_above():
    nearly = FREQ_HZ * (1.0 - 1e-15)
    assert bands.relative_alpha(WHITE, nearly) == bands.relative_alpha(WHITE, FREQ_HZ)
    assert shape.spectral_edge_50(WHITE, nearly) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("power", "freq_hz", "message"),
    [
        (WHITE[:100], FREQ_HZ, "a density of shape"),
        (np.float64(1.0), FREQ_HZ, "a density of shape"),
        (WHITE[:1], FREQ_HZ[:1], "a density of shape"),
        (WHITE[:100], FREQ_HZ[:100], "do not resolve 0.4-30 Hz"),
        (WHITE[10:], FREQ_HZ[10:], "do not resolve 0.4-30 Hz"),
        (np.ones(13), 10.0 * np.arange(13), "do not resolve 0.4-4 Hz"),
    ],
)
def test_frequencies_that_do_not_suit_are_refused(power, freq_hz, message):
    with pytest.raises(ValueError, match=message):
        bands.relative_delta(np.asarray(power), freq_hz)


def test_gamma_needs_frequencies_up_to_45_hz():
    with pytest.raises(ValueError, match="do not resolve 30-45 Hz"):
        shape.gamma_slope(WHITE[:161], FREQ_HZ[:161])
