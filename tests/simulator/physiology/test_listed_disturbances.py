"""Disturbances by name and time, one at a time, against the same sleeper without them."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import welch

from sanctuary.config.sleeper_settings import Disturbance, SleeperSettings
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from sleeper_samples import ALIKE, CLEAN

FS_HZ = 256
HOURS = 0.3
Listed = dict[str, Any]


def _sleeper(*listed: Listed, mains_hz: int = 50) -> Sleeper:
    disturbances = CLEAN.model_copy(
        update={"events": tuple(Disturbance(**each) for each in listed), "mains_hz": mains_hz}
    )
    return Sleeper(9, HOURS, float(FS_HZ), SleeperSettings(variation=ALIKE, disturbances=disturbances))


def _render(*listed: Listed, mains_hz: int = 50) -> np.ndarray:
    return _sleeper(*listed, mains_hz=mains_hz).render(int(HOURS * 3600) * FS_HZ)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return _render()


def _seconds_touched(added: np.ndarray, least: float = 1e-9) -> np.ndarray:
    return np.flatnonzero((np.abs(added) > least).any(axis=0).reshape(-1, FS_HZ).any(axis=1))


LASTING = ("lift", "poor_contact", "mains", "sweat", "breath", "snore")


@pytest.mark.parametrize("kind", LASTING)
def test_lasting_disturbances_keep_to_their_time_and_side(kind: str, clean: np.ndarray) -> None:
    added = _render({"kind": kind, "from_s": 95.0, "to_s": 400.0, "side": "right"}) - clean
    touched = _seconds_touched(added)
    assert touched[0] in (95, 96)
    assert 395 <= touched[-1] <= 399
    assert not added[0].any()
    assert added[1, 120 * FS_HZ : 380 * FS_HZ].std() > 3.0


def test_mains_has_harmonics_at_either_frequency(clean: np.ndarray) -> None:
    for mains_hz in (50, 60):
        plain = _render(mains_hz=mains_hz)
        hum = _render({"kind": "mains", "uv": 30.0}, mains_hz=mains_hz) - plain
        freq, density = welch(hum[0], FS_HZ, nperseg=FS_HZ)
        largest = set(freq[density > density.max() / 200.0])
        assert mains_hz in largest
        assert 2.0 * mains_hz in largest
        assert np.abs(hum).max() == pytest.approx(30.0, rel=0.6)


@pytest.mark.parametrize(
    ("kind", "low_hz", "high_hz"),
    [("breath", 0.15, 0.4), ("sweat", 0.0, 0.4), ("snore", 25.0, 100.0), ("poor_contact", 0.2, 64.0)],
)
def test_each_has_its_band(kind: str, low_hz: float, high_hz: float, clean: np.ndarray) -> None:
    added = _render({"kind": kind}) - clean
    freq, density = welch(added[0], FS_HZ, nperseg=60 * FS_HZ)
    assert density[(freq >= low_hz) & (freq <= high_hz)].sum() > 0.8 * density.sum()


def test_noise_is_steady_where_pieces_overlap(clean: np.ndarray) -> None:
    added = (_render({"kind": "poor_contact", "uv": 40.0}) - clean)[0]
    assert added.std() == pytest.approx(40.0, rel=0.1)
    steps = np.abs(np.diff(added))
    assert steps.max() < 12.0 * steps.mean()


def test_a_lifted_side_hears_no_brain(clean: np.ndarray) -> None:
    lifted = _render({"kind": "lift", "from_s": 100.0, "to_s": 200.0, "side": "left"})
    inside = slice(101 * FS_HZ, 199 * FS_HZ)
    assert abs(np.corrcoef(lifted[0, inside], clean[0, inside])[0, 1]) < 0.1
    assert np.array_equal(lifted[1], clean[1])


def test_one_pop_strikes_once_and_a_rate_strikes_as_often(clean: np.ndarray) -> None:
    one = _render({"kind": "pop", "from_s": 333.0}) - clean
    touched = _seconds_touched(one, 1.0)
    assert touched[0] == 333
    assert touched[-1] < 340
    many = _render({"kind": "pop", "per_hour": 120.0, "from_s": 300.0, "to_s": 900.0}) - clean
    jumps = np.flatnonzero(np.abs(np.diff(many[0])) > 60.0)
    assert 8 <= jumps.size <= 40
    assert jumps.min() >= 300 * FS_HZ - 1
    assert jumps.max() <= 900 * FS_HZ


def test_turns_are_part_of_the_truth(clean: np.ndarray) -> None:
    sleeper = _sleeper({"kind": "turn", "from_s": 1000.0})
    assert any(turn.onset_s == 1000.0 for turn in sleeper.truth.turns)
    added = sleeper.render(clean.shape[1]) - clean
    touched = _seconds_touched(added)
    assert touched[0] == 1000
    assert touched[-1] < 1010
    assert np.abs(added).max() > 60.0


def test_grinding_raises_muscle(clean: np.ndarray) -> None:
    ground = (_render({"kind": "bruxism", "per_hour": 60.0}) - clean)[0]
    freq, density = welch(ground, FS_HZ, nperseg=FS_HZ)
    assert ground.any()
    assert density[(freq >= 29.0) & (freq <= 96.0)].sum() > 0.9 * density.sum()


def test_disturbances_add_up_and_leave_each_other_as_they_are(clean: np.ndarray) -> None:
    sweat, breath = {"kind": "sweat", "from_s": 60.0}, {"kind": "breath", "to_s": 900.0}
    first = _render(sweat) - clean
    second = _render(sweat, breath) - clean - first
    assert np.allclose(first[:, 1000 * FS_HZ :], (_render(sweat, breath) - clean)[:, 1000 * FS_HZ :])
    assert np.abs(second[:, : 800 * FS_HZ]).max() == pytest.approx(15.0, rel=0.05)


def test_they_do_not_depend_on_the_sizes_of_calls() -> None:
    listed = [{"kind": kind, "from_s": 20.0, "to_s": 100.0} for kind in LASTING]
    one, other = _sleeper(*listed), _sleeper(*listed)
    parts = np.concatenate([one.render(n) for n in (1, 5000, 7679, 20000, 3)], axis=1)
    assert np.array_equal(parts, other.render(parts.shape[1]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "sweat", "per_hour": 2.0}, "per_hour is for pop"),
        ({"kind": "mains", "from_s": 9.0, "to_s": 9.0}, "to_s must lie after from_s"),
        ({"kind": "pop", "from_s": 9.0, "to_s": 10.0}, "strikes once"),
        ({"kind": "gremlin"}, "kind"),
    ],
)
def test_nonsense_is_refused(wrong: Listed, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Disturbance(**wrong)
