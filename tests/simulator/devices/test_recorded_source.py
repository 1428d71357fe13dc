"""Recorded nights played at a headband's rate: what is kept, what is missing, and no seams."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from night_files import eeg_like, make_discontinuous, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.simulator.devices.signal_source import RecordedSource, resampled

STEP_UV = 1600.0 / 65535


def tones(seconds: float, fs_hz: float) -> NDArray[np.float64]:
    """A slow and a fast sine left, their difference right."""
    t_s = np.arange(round(seconds * fs_hz)) / fs_hz
    slow, fast = 100.0 * np.sin(2 * np.pi * 1.3 * t_s), 40.0 * np.sin(2 * np.pi * 13.7 * t_s)
    return np.stack([slow + fast, slow - fast])


def test_at_its_own_rate_a_night_is_played_as_it_is(tmp_path: Path) -> None:
    uv = eeg_like(70, 250)
    source = RecordedSource(write_edf(tmp_path / "night.edf", uv, 250), 250.0)
    assert (source.n_samples, source.info.channels, source.warnings) == (17_500, ("AF7", "AF8"), ())
    np.testing.assert_allclose(source.render(17_500), uv, rtol=0, atol=STEP_UV)


@pytest.mark.parametrize(
    ("recorded_hz", "fs_hz"), [(256, 250), (100, 256), (200, 125), (512, 250), (128, 512)]
)
def test_at_another_rate_the_same_waves_are_heard(tmp_path: Path, recorded_hz: int, fs_hz: int) -> None:
    seconds = 100
    path = write_edf(tmp_path / "night.edf", tones(seconds, recorded_hz), recorded_hz)
    source = RecordedSource(path, fs_hz)
    assert source.n_samples == pytest.approx(seconds * fs_hz, abs=fs_hz / recorded_hz + 1)
    expected = tones(seconds, fs_hz)
    found = source.render(seconds * fs_hz)
    edge = fs_hz
    np.testing.assert_allclose(found[:, edge:-edge], expected[:, edge:-edge], rtol=0, atol=0.2)
    assert np.isfinite(found[:, : source.n_samples]).all()


def test_what_the_new_rate_cannot_carry_is_left_out(tmp_path: Path) -> None:
    t_s = np.arange(512 * 40) / 512
    hum = 100.0 * np.sin(2 * np.pi * 200.0 * t_s)
    path = write_edf(tmp_path / "night.edf", np.stack([hum, hum]), 512)
    assert np.abs(RecordedSource(path, 125.0).render(4000)[:, 500:]).max() < 0.5


@given(
    sizes=st.lists(st.integers(0, 400), max_size=8),
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=6),
)
def test_the_sizes_of_blocks_leave_no_seams(sizes: list[int], lengths: list[int]) -> None:
    uv = np.random.default_rng(1).standard_normal((2, sum(lengths)))
    uv[0, 20:40] = np.nan
    edges = np.cumsum([0, *lengths])
    ratio = Fraction(125, 128)
    pieces = resampled((uv[:, a:b] for a, b in pairwise(edges)), ratio)
    whole = resampled(iter([uv]), ratio)
    n = int((uv.shape[1] - 1) * ratio) + 1
    cut, uncut = (np.concatenate(list(each), axis=1)[:, :n] for each in (pieces, whole))
    np.testing.assert_array_equal(np.isnan(cut), np.isnan(uncut))
    np.testing.assert_allclose(cut[1], uncut[1], rtol=0, atol=1e-9)


def test_the_sizes_of_calls_do_not_matter(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(75, 256), 256)
    one, other = RecordedSource(path, 250.0), RecordedSource(path, 250.0)
    sizes = [1, 0, 7000, 600, 9000, 5000]
    parts = np.concatenate([one.render(n) for n in sizes], axis=1)
    np.testing.assert_array_equal(parts, other.render(sum(sizes)))


def test_after_the_end_the_headband_is_off(tmp_path: Path) -> None:
    source = RecordedSource(write_edf(tmp_path / "night.edf", eeg_like(10, 256), 256), 250.0)
    uv = source.render(3000)
    assert np.isfinite(uv[:, : source.n_samples]).all()
    assert np.isnan(uv[:, source.n_samples :]).all()
    assert np.isnan(source.render(5)).all()


@pytest.mark.parametrize("fs_hz", [100.0, 250.0])
def test_pauses_stay_pauses_and_nothing_rings_beside_them(tmp_path: Path, fs_hz: float) -> None:
    flat = np.full((2, 6000), 300.0)
    room = ((0.0, None, "room for longer time stamps"),)
    path = write_edf(tmp_path / "night.edf", flat, 100, annotations=room, record_s=1)
    make_discontinuous(path, [float(at if at < 30 else at + 15) for at in range(60)])
    uv = RecordedSource(path, fs_hz).render(round(75 * fs_hz) - 5)
    missing = np.isnan(uv[0])
    at_s = np.flatnonzero(missing) / fs_hz
    assert (at_s.min(), at_s.max()) == pytest.approx((30.0, 45.0), abs=0.011)
    assert missing.sum() == pytest.approx(15 * fs_hz, abs=fs_hz / 100 + 2)
    inner = uv[:, ~missing]
    assert np.abs(inner - 300.0).max() < 1.0


def test_one_channel_is_played_on_both_inputs(tmp_path: Path) -> None:
    uv = eeg_like(20, 256, channels=1)
    source = RecordedSource(write_edf(tmp_path / "night.edf", uv, 256, ["EEG Fpz"]), 250.0)
    found = source.render(5001)
    assert found.shape == (2, 5001)
    np.testing.assert_array_equal(found[0], found[1])


def test_channels_may_be_named(tmp_path: Path) -> None:
    labels = ["EEG AF7", "EEG AF8", "EEG F3"]
    path = write_edf(tmp_path / "night.edf", eeg_like(20, 250, channels=3), 250, labels)
    assert RecordedSource(path, 250.0, ["F3"]).info.channels == ("F3",)


def test_wrong_files_and_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        RecordedSource(tmp_path / "nothing.edf", 250.0)
    path = write_edf(tmp_path / "night.edf", eeg_like(20, 250), 250)
    with pytest.raises(RecordingError, match="no channel 'Cz'"):
        RecordedSource(path, 250.0, ["Cz"])
    for fs_hz in (0.0, -250.0, float("nan"), 1e9):
        with pytest.raises(ValueError, match="must be 1 to 20000"):
            RecordedSource(path, fs_hz)
