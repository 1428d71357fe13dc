"""What goes wrong at the electrodes, one fault at a time, against the same sleeper without it."""

import numpy as np
import pytest
from scipy.signal import welch

from sanctuary.config.sleeper_settings import DisturbanceSettings, SleeperSettings
from sanctuary.simulator.physiology.electrodes import draw_faults
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sleeper_samples import CLEAN

FS_HZ = 200
HOURS = 0.5
CALM = CLEAN.model_dump()


def _render(**disturbances: float) -> np.ndarray:
    settings = SleeperSettings(disturbances=DisturbanceSettings(**{**CALM, **disturbances}))
    return Sleeper(9, HOURS, float(FS_HZ), settings).render(int(HOURS * 3600) * FS_HZ)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return _render()


def test_mains_hum_has_its_amplitude_and_frequency(clean: np.ndarray) -> None:
    for mains_hz in (50, 60):
        hum = _render(mains_uv=20.0, mains_hz=mains_hz) - clean
        assert hum.std(axis=1) == pytest.approx([20.0 / np.sqrt(2.0)] * 2, rel=1e-3)
        freq, density = welch(hum[0], FS_HZ, nperseg=FS_HZ)
        assert freq[density.argmax()] == mains_hz


def test_drift_is_slow_and_as_large_as_asked(clean: np.ndarray) -> None:
    drift = _render(drift_uv=30.0) - clean
    assert drift.std(axis=1) == pytest.approx([30.0, 30.0], rel=0.35)
    freq, density = welch(drift[0], FS_HZ, nperseg=50 * FS_HZ)
    assert density[freq > 0.3].sum() < 0.01 * density.sum()
    assert np.abs(np.diff(drift, axis=1)).max() < 1.0
    assert 0.1 < np.corrcoef(drift)[0, 1] < 0.9


def test_pops_jump_on_one_side_and_decay(clean: np.ndarray) -> None:
    pops = _render(pops_per_hour=60.0) - clean
    assert (np.minimum(np.abs(pops[0]), np.abs(pops[1])) > 5.0).mean() < 0.001
    jumps = np.abs(np.diff(pops, axis=1)).max(axis=0)
    struck = np.flatnonzero(jumps > 50.0)
    assert 10 <= struck.size <= 60
    assert (np.abs(pops) < 1.0).all(axis=0).mean() > 0.7
    assert {bool(side) for side in (np.abs(pops[:, struck + 1]).argmax(axis=0))} == {True, False}


def test_a_lifted_electrode_hears_the_mains_and_no_brain(clean: np.ndarray) -> None:
    lifted = _render(lifts_per_hour=6.0, lift_longest_s=120.0)
    for side in range(2):
        off = np.abs(lifted[side] - clean[side]) > 1.0
        if not off.any():
            continue
        seconds = off.reshape(-1, FS_HZ).mean(axis=1) > 0.97
        x, y = (z[side].reshape(-1, FS_HZ)[seconds] for z in (lifted, clean))
        freq, density = welch(x.ravel(), FS_HZ, nperseg=FS_HZ)
        assert freq[density.argmax()] == 50.0
        assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < 0.1
    assert (lifted != clean).any()
    assert ((np.abs(lifted - clean) > 1.0).mean(axis=1) < 0.6).all()


def test_poor_contact_adds_pink_noise_to_one_side(clean: np.ndarray) -> None:
    noise = _render(poor_contacts_per_hour=6.0, poor_contact_uv=50.0, poor_contact_longest_s=200.0) - clean
    noisy = np.abs(noise).reshape(2, -1, FS_HZ).max(axis=2) > 1e-9
    assert noisy.any()
    side = int(noisy.sum(axis=1).argmax())
    added = noise[side].reshape(-1, FS_HZ)[noisy[side]].ravel()
    assert 25.0 < added.std() < 110.0
    freq, density = welch(added, FS_HZ, nperseg=8 * FS_HZ)
    assert density[(freq > 1.0) & (freq < 2.0)].mean() > 5.0 * density[(freq > 20.0) & (freq < 40.0)].mean()


def test_grinding_raises_muscle(clean: np.ndarray) -> None:
    ground = _render(bruxism_per_hour=60.0) - clean
    freq, density = welch(ground[0], FS_HZ, nperseg=FS_HZ)
    assert density[(freq >= 30.0) & (freq <= 95.0)].sum() > 0.9 * density.sum()
    assert np.abs(ground).max() > 20.0


def test_faults_come_as_often_as_asked_and_keep_to_the_night() -> None:
    settings = DisturbanceSettings(
        pops_per_hour=20.0, lifts_per_hour=10.0, poor_contacts_per_hour=5.0, bruxism_per_hour=2.0
    )
    plan = draw_faults(100 * 3600.0, settings, np.random.default_rng(1))
    for episodes, per_hour in (
        (plan.pops, 20.0), (plan.lifts, 10.0), (plan.poor_contacts, 5.0), (plan.grinding, 2.0)
    ):  # fmt: skip
        assert len(episodes) == pytest.approx(100 * per_hour, rel=0.25)
        assert all(0.0 <= each.onset_s < 100 * 3600.0 for each in episodes)
        assert np.mean([each.side for each in episodes]) == pytest.approx(0.5, abs=0.15)
    assert max(each.duration_s for each in plan.lifts) <= settings.lift_longest_s


def test_by_default_nothing_fails() -> None:
    plan = draw_faults(8 * 3600.0, DisturbanceSettings(), np.random.default_rng(1))
    assert (plan.pops, plan.lifts, plan.poor_contacts, plan.grinding) == ((), (), (), ())
