"""Filters, repair and spectra, each alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import sosfilt, sosfilt_zi

from sanctuary.signal.filters import BANDS_HZ, CausalFilter, Spectrum, bandpass, decibel, highpass, lowpass
from sanctuary.signal.repair import GapRepair

FS_HZ = 256.0


@pytest.mark.parametrize("sos", [highpass(FS_HZ, 0.3), lowpass(FS_HZ, 6.0), bandpass(FS_HZ, 25.0, 45.0)])
def test_chunked_filtering_equals_scipy_in_one_go(sos):
    x = np.random.default_rng(1).standard_normal((2, 3000))
    zi = sosfilt_zi(sos)[:, np.newaxis, :] * x[:, 0][np.newaxis, :, np.newaxis]
    whole, _ = sosfilt(sos, x, axis=1, zi=zi)
    causal = CausalFilter(sos, 2)
    chunked = np.concatenate([causal(x[:, a : a + 37]) for a in range(0, 3000, 37)], axis=1)
    np.testing.assert_allclose(chunked, whole, atol=1e-9)


def test_filtering_leaves_the_input_alone_and_passes_empty_blocks():
    x = np.ones((1, 10))
    causal = CausalFilter(highpass(FS_HZ, 0.3), 1)
    assert causal(x[:, :0]).shape == (1, 0)
    causal(x)
    assert (x == 1.0).all()


def test_settling_one_row_leaves_the_other():
    causal = CausalFilter(highpass(FS_HZ, 0.3), 2)
    causal(np.array([[5.0] * 50, [7.0] * 50]))
    causal.settle(np.array([900.0, 0.0]), np.array([True, False]))
    out = causal(np.array([[900.0] * 5, [7.0] * 5]))
    np.testing.assert_allclose(out, 0.0, atol=1e-9)


def test_the_high_pass_removes_drift_and_keeps_delta():
    t = np.arange(0, 60, 1 / FS_HZ)
    causal = CausalFilter(highpass(FS_HZ, 0.3), 2)
    out = causal(np.stack((np.sin(2 * np.pi * 0.03 * t), np.sin(2 * np.pi * 1.0 * t))))[:, -2560:]
    assert np.ptp(out[0]) < 0.05
    assert np.ptp(out[1]) > 1.9


@given(
    st.lists(st.one_of(st.floats(-500, 500), st.just(float("nan"))), min_size=1, max_size=60),
    st.integers(1, 7),
)
def test_repair_is_finite_and_keeps_real_samples(values, size):
    repair = GapRepair(1, 20, np.array([np.inf]))
    uv = np.array([values])
    parts = [repair(uv[:, a : a + size]) for a in range(0, uv.shape[1], size)]
    out = np.concatenate([p.uv for p in parts], axis=1)[0]
    real = np.concatenate([p.real for p in parts], axis=1)[0]
    assert np.isfinite(out).all()
    assert (real == np.isfinite(uv[0])).all()
    assert (out[real] == uv[0][real]).all()


def test_a_second_without_a_sample_holds_the_last_value():
    repair = GapRepair(2, 20, np.array([np.inf, np.inf]))
    repair(np.vstack((np.arange(20.0), np.arange(20.0))))
    out = repair(np.vstack((np.full(20, np.nan), np.arange(20.0)))).uv
    assert (out[0] == 19.0).all()
    assert (out[1] == np.arange(20.0)).all()


def test_repair_restarts_a_channel_after_a_long_gap_only():
    repair = GapRepair(1, 10, np.array([np.inf]))
    assert repair(np.full((1, 5), 3.0)).restart.tolist() == [True]
    assert repair(np.full((1, 5), np.nan)).restart.tolist() == [False]
    assert repair(np.full((1, 5), 4.0)).restart.tolist() == [False]
    repair(np.full((1, 10), np.nan))
    back = repair(np.full((1, 5), 9.0))
    assert back.restart.tolist() == [True]
    assert back.resume_uv.tolist() == [9.0]


def test_railed_samples_are_not_real():
    repair = GapRepair(2, 10, np.array([800.0, np.inf]))
    assert repair(np.array([[1.0, 800.0, -800.0], [1.0, 800.0, 2.0]])).real.tolist() == [
        [True, False, False],
        [True, True, True],
    ]


@pytest.mark.parametrize("band", range(len(BANDS_HZ)))
def test_a_sine_shows_in_its_own_band_with_its_power(band):
    spectrum = Spectrum(FS_HZ)
    low_hz, high_hz = BANDS_HZ[band]
    frequency_hz = round((low_hz + high_hz) / 2.0)
    t = np.arange(spectrum.size) / FS_HZ
    x = 10.0 * np.sin(2 * np.pi * frequency_hz * t)[np.newaxis]
    density = spectrum.density(spectrum.transform(x))
    power = spectrum.band_power(density)[0]
    assert int(power.argmax()) == band
    assert density[0].sum() * 0.25 == pytest.approx(50.0, rel=1e-3)


def test_white_noise_has_its_density_in_every_band():
    spectrum = Spectrum(FS_HZ)
    x = np.random.default_rng(2).standard_normal((400, spectrum.size)) * 8.0
    power = spectrum.band_power(spectrum.density(spectrum.transform(x))).mean(axis=0)
    np.testing.assert_allclose(power, 2 * 64.0 / FS_HZ, rtol=0.05)


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_mains_share(mains_hz):
    spectrum = Spectrum(FS_HZ)
    t = np.arange(spectrum.size) / FS_HZ
    rows = np.stack((np.sin(2 * np.pi * mains_hz * t), np.sin(2 * np.pi * 10.0 * t)))
    share = spectrum.mains_share(spectrum.density(spectrum.transform(rows)))
    assert share[0] > 0.95
    assert share[1] < 0.01


def test_decibel_of_nothing_is_finite():
    assert decibel(np.array([0.0, 1.0, 100.0])).tolist() == [-40.0, 0.0, 20.0]
