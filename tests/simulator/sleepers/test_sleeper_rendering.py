"""A sleeper's signal: the same for the same seed, whatever the sizes of the calls, without end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.sleeper_settings import DisturbanceSettings, SleeperSettings, VariationSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.simulated_sleeper import SEGMENT_S, Sleeper, draw_circle, sleeper_seeds

FS_HZ = 100.0
MINUTES_4 = 4 * 60 * int(FS_HZ)
TROUBLED = SleeperSettings(
    disturbances=DisturbanceSettings(
        pops_per_hour=120.0,
        lifts_per_hour=30.0,
        poor_contacts_per_hour=30.0,
        bruxism_per_hour=60.0,
        lift_longest_s=60.0,
        poor_contact_longest_s=60.0,
    )
)


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return Sleeper(seed=8, hours=0.1, fs_hz=FS_HZ, settings=TROUBLED).render(2 * MINUTES_4)


@given(sizes=st.lists(st.integers(0, 7000), max_size=12))
@settings(max_examples=20)
def test_samples_do_not_depend_on_the_sizes_of_calls(sizes: list[int], whole: np.ndarray) -> None:
    sleeper = Sleeper(seed=8, hours=0.1, fs_hz=FS_HZ, settings=TROUBLED)
    at = 0
    for size in sizes:
        if at + size > whole.shape[1]:
            break
        part = sleeper.render(size)
        assert part.shape == (2, size)
        assert np.array_equal(part, whole[:, at : at + size])
        at += size


def test_one_sample_at_a_time() -> None:
    n = SEGMENT_S * int(FS_HZ) + 5
    one, other = Sleeper(4, 0.1, FS_HZ), Sleeper(4, 0.1, FS_HZ)
    single = np.concatenate([one.render(1) for _ in range(n)], axis=1)
    assert np.array_equal(single, other.render(n))


def test_what_is_handed_out_belongs_to_the_caller() -> None:
    one, other = Sleeper(4, 0.1, FS_HZ), Sleeper(4, 0.1, FS_HZ)
    one.render(10)[:] = np.nan
    other.render(10)
    assert np.array_equal(one.render(5000), other.render(5000))


def test_a_seed_gives_one_person_and_one_night() -> None:
    first, again, other = (Sleeper(seed, 1.0, FS_HZ) for seed in (11, 11, 12))
    assert np.array_equal(first.truth.stages, again.truth.stages)
    assert first.traits == again.traits != other.traits
    assert np.array_equal(first.render(9000), again.render(9000))
    assert not np.array_equal(first.render(9000), other.render(9000))


def test_the_night_does_not_depend_on_anything_about_the_signal() -> None:
    plain = Sleeper(3, 8.0).truth
    calm = SleeperSettings(variation=VariationSettings(rem_density_most=1.0, amplitude_most=1.0))
    for other in (Sleeper(3, 8.0, 512.0), Sleeper(3, 8.0, settings=TROUBLED), Sleeper(3, 8.0, settings=calm)):
        assert np.array_equal(other.truth.stages, plain.stages)
        assert (other.truth.arousals, other.truth.turns) == (plain.arousals, plain.turns)


def test_disturbances_leave_the_person_as_it_is() -> None:
    assert Sleeper(3, 1.0, settings=TROUBLED).traits == Sleeper(3, 1.0).traits


def test_signal_goes_on_after_the_night_awake() -> None:
    sleeper = Sleeper(6, 0.1, FS_HZ)
    night = sleeper.render(MINUTES_4 + MINUTES_4 // 2)
    after = np.concatenate([sleeper.render(MINUTES_4) for _ in range(5)], axis=1)
    assert sleeper.truth.stage_at(1800.0) is Stage.W
    assert np.isfinite(night).all()
    assert np.isfinite(after).all()
    per_segment = after[0, : after.shape[1] // 3000 * 3000].reshape(-1, 3000).std(axis=1)
    assert per_segment.min() > 2.0


@pytest.mark.parametrize("hours", [1e-4, 0.1, 0.25])
def test_short_nights(hours: float) -> None:
    sleeper = Sleeper(2, hours, FS_HZ)
    x = sleeper.render(6000)
    assert np.isfinite(x).all()
    assert 3.0 < x.std() < 300.0
    assert sleeper.truth.duration_s >= hours * 3600.0
    assert sleeper.truth.epochs().size == int(sleeper.truth.duration_s // 30)


@pytest.mark.parametrize("fs_hz", [100.0, 200.0, 250.0, 256.0, 500.0])
def test_amplitudes_are_those_of_a_head_at_any_rate(fs_hz: float) -> None:
    x = Sleeper(1, 0.5, fs_hz).render(int(60 * fs_hz))
    assert x.shape == (2, int(60 * fs_hz))
    assert x.dtype == np.float64
    assert np.abs(x).max() < 1500.0
    assert (x.std(axis=1) > 4.0).all()


def test_segments_join_without_a_seam() -> None:
    x = Sleeper(5, 0.5, FS_HZ).render(MINUTES_4 * 3)
    steps = np.abs(np.diff(x, axis=1))
    seams = steps[:, SEGMENT_S * int(FS_HZ) - 1 :: SEGMENT_S * int(FS_HZ)]
    assert seams.max() <= np.quantile(steps, 0.999)
    assert seams.mean() < 2.0 * steps.mean()


@pytest.mark.parametrize(
    ("seed", "hours", "fs_hz", "message"),
    [
        (-1, 1.0, 250.0, "seed -1"),
        (1, 0.0, 250.0, "night of 0.0 h"),
        (1, 24.01, 250.0, "at most 24 h"),
        (1, float("nan"), 250.0, "night of nan h"),
        (1, 1.0, 99.0, "99.0 Hz"),
        (1, 1.0, 250.5, "whole number"),
        (1, 1.0, float("inf"), "inf Hz"),
    ],
)
def test_arguments_out_of_range_are_refused(seed: int, hours: float, fs_hz: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sleeper(seed, hours, fs_hz)


def test_negative_amounts_are_refused_and_none_is_nothing() -> None:
    sleeper = Sleeper(1, 0.1)
    assert sleeper.render(0).shape == (2, 0)
    with pytest.raises(ValueError, match="-1 samples"):
        sleeper.render(-1)


def test_a_circle_holds_different_sleepers_and_grows_without_changing() -> None:
    assert sleeper_seeds(3, 7) == sleeper_seeds(5, 7)[:3]
    assert len({*sleeper_seeds(50, 7), *sleeper_seeds(50, 8)}) == 100
    circle = draw_circle(3, 7, 8.0)
    assert len({sleeper.truth.stages.tobytes() for sleeper in circle}) == 3
    assert all(sleeper.fs_hz == 250.0 for sleeper in circle)
    with pytest.raises(ValueError, match="circle of 0"):
        draw_circle(0, 7, 8.0)
    with pytest.raises(ValueError, match="seed -1"):
        draw_circle(2, -1, 8.0)
