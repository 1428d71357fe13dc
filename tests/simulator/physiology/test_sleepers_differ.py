"""Traits: sleepers stay inside the ranges of the settings and use all of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.sleeper_settings import VariationSettings
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology.background_eeg import Background, muscle_db, muscle_shape
from sanctuary.simulator.physiology.random_streams import Concern, onsets_s, stream
from sanctuary.simulator.physiology.traits import draw_traits
from sleeper_samples import ALIKE, USUAL_TRAITS

FREQ_HZ = np.arange(0.0, 100.25, 0.25)


@given(seed=st.integers(0, 2**40))
def test_traits_stay_inside_the_ranges(seed: int) -> None:
    variation = VariationSettings()
    traits = draw_traits(variation, np.random.default_rng(seed))
    assert abs(traits.exponent_shift) <= 0.3
    assert 0.6 <= traits.amplitude <= 1.6
    assert 0.4 <= traits.spindles <= 2.0
    assert 0.3 <= traits.rem_density <= 2.0
    assert 0.08 <= traits.side_share <= 0.25
    assert 8.0 < traits.alpha_hz < 12.0
    assert abs(traits.muscle_db) <= 2.0 * variation.muscle_spread_db


def test_traits_use_the_whole_range() -> None:
    drawn = [draw_traits(VariationSettings(), np.random.default_rng(seed)) for seed in range(300)]
    for values, low, high in (
        ([t.exponent_shift for t in drawn], -0.27, 0.27),
        ([t.amplitude for t in drawn], 0.65, 1.5),
        ([t.spindles for t in drawn], 0.45, 1.8),
        ([t.rem_density for t in drawn], 0.35, 1.8),
    ):
        assert min(values) < low
        assert max(values) > high


def test_a_range_of_one_value_gives_that_value() -> None:
    traits = draw_traits(ALIKE, np.random.default_rng(1))
    assert (traits.exponent_shift, traits.muscle_db, traits.side_share) == (0.0, 0.0, 0.15)
    assert (traits.amplitude, traits.spindles, traits.rem_density) == pytest.approx((1.0, 1.0, 1.0))


def test_factors_may_reach_zero() -> None:
    none = VariationSettings(spindles_least=0.0, rem_density_least=0.0)
    assert draw_traits(none, np.random.default_rng(1)).spindles <= 2.0


def _density(stage: Stage, *, exponent_shift: float = 0.0, amplitude: float = 1.0) -> np.ndarray:
    traits = replace(USUAL_TRAITS, exponent_shift=exponent_shift, amplitude=amplitude)
    state = np.zeros((1, Background.STATES))
    state[0, stage] = 1.0
    return np.asarray(Background(FREQ_HZ, traits).density(state)[0])


def _exponent(density: np.ndarray) -> float:
    inside = (FREQ_HZ >= 5.0) & (FREQ_HZ <= 35.0)
    return float(-np.polyfit(np.log10(FREQ_HZ[inside]), np.log10(density[inside]), 1)[0])


def test_spectra_steepen_with_depth() -> None:
    w, n1, n2, n3, rem = (_exponent(_density(stage)) for stage in STAGES)
    assert w < n1 < n2 < n3
    assert n1 < rem < n3
    assert 1.1 < w < 1.8
    assert 2.2 < n3 < 3.5


def test_own_exponent_tilts_about_the_pivot_and_amplitude_scales() -> None:
    usual, steep = _density(Stage.N2), _density(Stage.N2, exponent_shift=0.3)
    assert _exponent(steep) - _exponent(usual) == pytest.approx(0.3, abs=0.01)
    assert steep[FREQ_HZ == 8.0] == pytest.approx(usual[FREQ_HZ == 8.0])
    assert _density(Stage.N2, amplitude=1.6) == pytest.approx(1.6**2 * usual)


def test_muscle_is_a_hump_above_the_eeg_ordered_by_stage() -> None:
    shape = muscle_shape(FREQ_HZ)
    assert shape[FREQ_HZ <= 10.0].max() < 0.01
    assert shape[(FREQ_HZ > 45.0) & (FREQ_HZ < 80.0)].min() > 0.7
    w, n1, n2, n3, rem = muscle_db(np.eye(5), USUAL_TRAITS)
    assert w > n1 > n2 > n3 > rem


def test_streams_of_different_concerns_are_independent() -> None:
    first = {
        stream(seed, concern, part).random() for seed in range(3) for concern in Concern for part in range(3)
    }
    assert len(first) == 3 * len(Concern) * 3
    assert stream(1, Concern.EYES, 2).random() == stream(1, Concern.EYES, 2).random()


def test_onsets_follow_their_rate() -> None:
    t_s = np.arange(20000.0)
    found = onsets_s(t_s, np.where(t_s < 10000.0, 0.1, 0.0), np.random.default_rng(1))
    assert len(found) == pytest.approx(1000, rel=0.15)
    assert max(found) < 10000.0
    assert len(onsets_s(t_s, np.ones(t_s.size), np.random.default_rng(1))) == t_s.size
