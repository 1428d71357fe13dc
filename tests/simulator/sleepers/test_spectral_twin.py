"""Twins of measured nights: their bands are the measured ones, and they play like any other source."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import welch

from night_files import eeg_like, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.signal.samples import Stage
from sanctuary.simulator.devices.cyton_packets import PACKET_BYTES
from sanctuary.simulator.devices.signal_source import RecordedSource, SignalSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sanctuary.simulator.sleepers.spectral_twin import BANDS_HZ, SpectralTwin, bent, read_twin

FS_HZ = 128
STAGES = np.repeat([Stage.W, Stage.N2, Stage.N3, Stage.R], 20).astype(np.int8)
USUAL = np.array([[30.0, 4.0, 2.0, 0.6, 0.3], [40.0, 4.0, 2.0, 0.5, 0.05], [150.0, 8.0, 3.0, 0.5, 0.04],
                  [15.0, 3.0, 0.8, 0.25, 0.06]])  # fmt: skip
BANDS = np.repeat(USUAL, 20, axis=0)


def _bands(uv: np.ndarray) -> np.ndarray:
    freq, density = welch(uv.reshape(-1, 30 * FS_HZ), FS_HZ, nperseg=4 * FS_HZ, axis=1)
    return np.stack([density[:, (freq >= low) & (freq < high)].mean(axis=1) for low, high in BANDS_HZ], 1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("measured") / "nights.npz"
    both = np.stack([BANDS, 0.5 * BANDS], axis=1)
    np.savez(path, a1_band=both, a1_y=STAGES, b2_band=2.0 * both, b2_y=STAGES)
    return path


def test_a_twin_has_the_bands_of_its_night() -> None:
    uv = SpectralTwin(BANDS, STAGES, float(FS_HZ), seed=4).render(STAGES.size * 30 * FS_HZ)
    found = _bands(uv.mean(axis=0)).reshape(4, 20, 5)
    for stage in range(4):
        ratio_db = 10.0 * np.log10(np.median(found[stage, 2:-2], axis=0) / USUAL[stage])
        assert np.abs(ratio_db).max() < 2.0, ratio_db


def test_eyes_of_a_twin_move_in_its_rem() -> None:
    uv = SpectralTwin(BANDS, STAGES, float(FS_HZ), seed=4).render(STAGES.size * 30 * FS_HZ)
    together = np.array([np.corrcoef(*epoch)[0, 1] for epoch in uv.reshape(2, -1, 30 * FS_HZ).swapaxes(0, 1)])
    assert np.percentile(together[STAGES == Stage.R], 25) < 0.5
    assert np.median(together[STAGES == Stage.N3]) > 0.7


@given(
    bands=hnp.arrays(np.float64, (3, 5), elements=st.floats(0.01, 1000.0)),
    tilt=st.floats(0.0, 3.0),
)
@settings(max_examples=40)
def test_any_spectrum_is_bent_to_bands_within_reach(bands: np.ndarray, tilt: float) -> None:
    bands = bands[:, :1] * np.clip(bands / bands[:, :1], 0.05, 20.0) ** 0.3
    freq_hz = np.arange(0.0, 64.25, 0.25)
    density = np.tile((1.0 + freq_hz) ** -tilt, (3, 1))
    out = bent(density, freq_hz, bands)
    means = np.stack([out[:, (freq_hz >= low) & (freq_hz < high)].mean(axis=1) for low, high in BANDS_HZ], 1)
    assert np.abs(10.0 * np.log10(means / bands)).max() < 0.5
    assert (out > 0.0).all()


def test_samples_do_not_depend_on_the_sizes_of_calls() -> None:
    one, other = (SpectralTwin(BANDS, STAGES, float(FS_HZ), seed=4) for _ in range(2))
    parts = np.concatenate([one.render(n) for n in (0, 1, 4000, 3839, 9000)], axis=1)
    assert np.array_equal(parts, other.render(parts.shape[1]))
    assert not np.array_equal(parts, SpectralTwin(BANDS, STAGES, float(FS_HZ), seed=5).render(parts.shape[1]))


def test_it_goes_on_after_the_night() -> None:
    twin = SpectralTwin(BANDS[:2], STAGES[:2], float(FS_HZ), seed=4)
    assert np.isfinite(twin.render(300 * FS_HZ)).all()


def test_nights_are_found_by_name(measured: Path) -> None:
    first, named, other = (read_twin(measured, night, FS_HZ, 1) for night in (None, "a1", "b2"))
    assert np.array_equal(first.render(5000), named.render(5000))
    assert other.render(20000).std() == pytest.approx(np.sqrt(2.0) * named.render(20000).std(), rel=0.35)


@pytest.mark.parametrize("source", ["sleeper", "twin", "recorded"])
def test_virtual_hardware_plays_every_source(source: str, measured: Path, tmp_path: Path) -> None:
    made: SignalSource
    if source == "sleeper":
        made = Sleeper(1, 0.1, 250.0)
    elif source == "twin":
        made = read_twin(measured, None, 250.0, 1)
    else:
        made = RecordedSource(write_edf(tmp_path / "n.edf", eeg_like(20.0, 250.0), 250.0), 250.0)
    uv = made.render(500)
    assert uv.shape == (2, 500)
    assert np.isfinite(uv).all()
    board = VirtualCyton(made)
    board.receive(b"v", 0.0)
    board.receive(b"b", 10.0)
    packets = board.packets(100)
    assert len(packets) == 100 * PACKET_BYTES
    assert len(set(packets)) > 50


@pytest.mark.parametrize(
    ("bands", "stages", "message"),
    [
        (BANDS[:3], STAGES, "must be"),
        (BANDS[:0], STAGES[:0], "n over 0"),
        (-BANDS, STAGES, "not negative"),
        (BANDS, STAGES + np.int8(2), "0 \\(W\\) to 4"),
    ],
)
def test_what_does_not_fit_together_is_refused(bands: np.ndarray, stages: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpectralTwin(bands, stages, float(FS_HZ), 1)


def test_files_that_hold_no_nights_are_refused(measured: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "half.npz", a_y=STAGES)
    for path, night, message in (
        (measured, "c3", "no night 'c3'; there are a1, b2"),
        (tmp_path / "none.npz", None, "cannot be read"),
        (tmp_path / "text.npz", None, "cannot be read"),
        (tmp_path / "other.npz", None, "there are none"),
        (tmp_path / "half.npz", None, "cannot be read"),
    ):
        with pytest.raises(RecordingError, match=message):
            read_twin(path, night, FS_HZ, 1)
