"""What holds for every measure: rows keep to themselves, nothing is ever infinite, names are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.signal.measures.registry import MEASURES, Needs, compute, measure
from signals import pair

FS_HZ = 250.0
ROWS = 11
"""More than a vector register holds, and not a multiple of one."""
PAIRS = np.stack(
    [pair(10.0, FS_HZ, seed=seed, exponent=1.0 + 0.2 * seed, rms_uv=5.0 + 4.0 * seed) for seed in range(ROWS)]
)
FREQ_HZ = np.fft.rfftfreq(1000, 1.0 / FS_HZ)
SPECTRA = np.abs(np.fft.rfft(PAIRS[:, 0, :1000], axis=-1)) ** 2
GIVEN = {"spectrum": SPECTRA, "freq_hz": FREQ_HZ, "eeg_uv": PAIRS[:, 0], "pair_uv": PAIRS, "fs_hz": FS_HZ}
NAMES = [each.name for each in MEASURES]
every_measure = pytest.mark.parametrize("each", MEASURES, ids=lambda each: each.name)


def inputs(each):
    values, scale = each.needs.value
    return GIVEN[values], GIVEN[scale]


@every_measure
def test_a_row_does_not_depend_on_the_rows_beside_it(each):
    values, scale = inputs(each)
    together = each.function(values, scale)
    assert together.shape == (ROWS,)
    for row in range(ROWS):
        assert np.array_equal(together[row], each.function(values[row : row + 1], scale)[0])
        assert np.array_equal(together[row], each.function(values[row], scale))
        assert np.array_equal(together[row:], each.function(values[row:], scale))


@every_measure
def test_a_row_does_not_depend_on_where_it_lies_in_memory(each):
    values, scale = inputs(each)
    together = each.function(values, scale)
    assert np.array_equal(together, each.function(np.asfortranarray(values), scale))
    assert np.array_equal(together[::-2], each.function(values[::-2], scale))
    grid = values[:10].reshape(2, 5, *values.shape[1:])
    assert np.array_equal(together[:10].reshape(2, 5), each.function(grid, scale))


@every_measure
def test_rows_differ_so_that_the_comparison_says_something(each):
    if each.name not in {"sawtooth_share", "spindle_count"}:  # rare in noise; see their own tests
        assert np.unique(each.function(*inputs(each))).size > 2


@every_measure
def test_inputs_are_left_as_they_were(each):
    values, scale = inputs(each)
    before = values.copy()
    each.function(values, scale)
    assert np.array_equal(values, before)


@every_measure
@pytest.mark.parametrize("level", [0.0, 1e-300, 0.3, 1e6])
def test_flat_input_gives_finite_numbers(each, level):
    values, scale = inputs(each)
    assert np.isfinite(each.function(np.full_like(values, level), scale)).all()


@every_measure
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), zeros=st.floats(0.0, 1.0), scale_exponent=st.integers(-30, 6))
def test_odd_input_gives_finite_numbers(each, seed, zeros, scale_exponent):
    values, scale = inputs(each)
    rng = np.random.default_rng(seed)
    odd = 10.0**scale_exponent * rng.choice(
        [0.0, 1.0, 2.0], values[:2].shape, p=[zeros, *[0.5 - 0.5 * zeros] * 2]
    )
    assert np.isfinite(each.function(odd, scale)).all()


@every_measure
def test_unit_and_source_are_named(each):
    assert each.unit in {"dB", "Hz", "uV", "1/s", "1"}
    assert each.source
    assert each.function.__doc__ is not None
    assert "Source:" in each.function.__doc__
    assert "shape ``(...)``" in each.function.__doc__


def test_names_are_unique_and_found():
    assert len(set(NAMES)) == len(MEASURES)
    assert all(measure(each.name) is each for each in MEASURES)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"no measure 'delta'; known: relative_delta, .*slow_roll_power$"
    ) as caught:
        measure("delta")
    assert caught.value.__context__ is None


def test_all_measures_at_once_in_the_order_asked_for():
    table = compute(NAMES, **GIVEN)
    assert table.shape == (ROWS, len(NAMES))
    for column, each in enumerate(MEASURES):
        assert np.array_equal(table[:, column], each.function(*inputs(each)))
    backwards = compute(NAMES[::-1], **GIVEN)
    assert np.array_equal(backwards, table[:, ::-1])


def test_only_what_is_needed_must_be_given():
    values = compute(["higuchi_dimension", "skewness"], eeg_uv=PAIRS[0, 0], fs_hz=FS_HZ)
    assert values.shape == (2,)


@pytest.mark.parametrize("needs", list(Needs))
@pytest.mark.parametrize("position", [0, 1])
def test_a_missing_input_is_named(needs, position):
    name = next(each.name for each in MEASURES if each.needs is needs)
    missing = needs.value[position]
    with pytest.raises(ValueError, match=f"^{name} needs {missing}$"):
        compute([name], **{**GIVEN, missing: None})


def test_rows_must_match_between_inputs():
    with pytest.raises(ValueError, match=r"leading shapes \[\(3,\), \(11,\)\] of 2 measures"):
        compute(["skewness", "slow_correlation"], eeg_uv=PAIRS[:3, 0], pair_uv=PAIRS, fs_hz=FS_HZ)


def test_no_names_are_refused():
    with pytest.raises(ValueError, match=r"leading shapes \[\] of 0 measures"):
        compute([], **GIVEN)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_lost_sample_spoils_its_own_row_and_measures_only(value):
    holed = {**GIVEN, "eeg_uv": PAIRS[:, 0].copy(), "pair_uv": PAIRS.copy(), "spectrum": SPECTRA.copy()}
    holed["eeg_uv"][2, 77] = holed["pair_uv"][4, 1, 33] = holed["spectrum"][6, 9] = value
    row_of = {Needs.WAVEFORM: 2, Needs.PAIR: 4, Needs.SPECTRUM: 6}
    expected = compute(NAMES, **GIVEN)
    for column, each in enumerate(MEASURES):
        expected[row_of[each.needs], column] = np.nan
    assert np.array_equal(compute(NAMES, **holed), expected, equal_nan=True)


def test_a_lost_sample_spoils_a_single_row_too():
    uv = PAIRS[0, 0].copy()
    uv[5] = np.nan
    assert np.isnan(compute(["skewness", "spindle_count"], eeg_uv=uv, fs_hz=FS_HZ)).all()
