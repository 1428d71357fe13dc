"""Block invariance and look-ahead: the two promises on which live = replay rests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import SampleBlock
from signals import PAIR, bump, pair, push

FS_HZ = 128.0


@pytest.fixture(scope="module")
def night():
    """Ten minutes with saccades, a gap, and a change of character half way."""
    calm, vivid = pair(300, FS_HZ, seed=1, exponent=2.5), pair(300, FS_HZ, seed=2, exponent=1.5)
    uv = np.concatenate((calm, vivid), axis=1)
    eye = sum(bump(FS_HZ, uv.shape[1], t, 0.5, 90.0) for t in range(310, 580, 7))
    uv[0] += eye
    uv[1] -= eye
    uv[:, 20_000:20_100] = np.nan
    uv[0, 50_000:50_030] = np.nan
    return uv


@pytest.fixture(scope="module")
def reference(night):
    return push(Chain(FS_HZ, PAIR), night, [round(FS_HZ)], FS_HZ)


@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=8).filter(lambda s: sum(s) > 300))
@settings(max_examples=25)
def test_any_block_sizes_give_the_same_bits(night, reference, sizes):
    assert push(Chain(FS_HZ, PAIR), night, sizes, FS_HZ) == reference


def test_the_whole_night_in_one_block_gives_the_same_bits(night, reference):
    assert push(Chain(FS_HZ, PAIR), night, [night.shape[1]], FS_HZ) == reference


def test_single_samples_give_the_same_bits(night):
    part = night[:, : 40 * 128]
    assert push(Chain(FS_HZ, PAIR), part, [1], FS_HZ) == push(Chain(FS_HZ, PAIR), part, [4000], FS_HZ)


def test_empty_blocks_pass_and_change_nothing(night, reference):
    chain = Chain(FS_HZ, PAIR)
    empty = np.empty((2, 0))
    assert chain.push(SampleBlock(0, FS_HZ, PAIR, empty)) == []
    first = push(chain, night[:, :1000], [100], FS_HZ)
    assert chain.push(SampleBlock(1000, FS_HZ, PAIR, empty)) == []
    assert first == reference[: len(first)]


@pytest.mark.parametrize("future", ["cut", "zeroed", "nan", "huge"])
@pytest.mark.parametrize("at_s", [31, 150, 311, 500])
def test_the_future_does_not_change_the_past(night, reference, at_s, future):
    cut = round(at_s * FS_HZ)
    changed = night.copy()
    changed[:, cut:] = {"zeroed": 0.0, "nan": np.nan, "huge": 1e5}.get(future, 0.0)
    if future == "cut":
        changed = changed[:, :cut]
    past = push(Chain(FS_HZ, PAIR), changed, [4096], FS_HZ)
    assert past[:at_s] == reference[:at_s]


def test_one_estimate_a_second_at_the_end_of_the_second(reference):
    assert [e.t_s for e in reference] == list(range(1, 601))


def test_probabilities_sum_to_one(reference):
    assert np.allclose([sum(e.p) for e in reference], 1.0)


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 199.37, 250.0, 256.0, 512.0])
def test_any_sampling_rate_from_100_hz(fs_hz):
    uv = pair(65, fs_hz, seed=3)
    seconds = len(push(Chain(fs_hz, PAIR), uv, [777], fs_hz))
    assert round(seconds * fs_hz) <= uv.shape[1] < round((seconds + 1) * fs_hz)


def test_a_rate_that_is_not_whole_is_block_invariant():
    uv = pair(65, 199.37, seed=3)
    one = push(Chain(199.37, PAIR), uv, [10**6], 199.37)
    assert push(Chain(199.37, PAIR), uv, [311, 17], 199.37) == one


def test_a_rate_below_100_hz_is_refused():
    with pytest.raises(ValueError, match="100 Hz"):
        Chain(99.0, PAIR)


def test_three_channels_are_refused():
    with pytest.raises(ValueError, match="one or two channels"):
        Chain(FS_HZ, ("A", "B", "C"))


def test_a_skipped_stretch_is_a_gap_and_an_overlap_is_cut(night):
    whole = push(Chain(FS_HZ, PAIR), night[:, :8000], [8000], FS_HZ)
    overlapping = Chain(FS_HZ, PAIR)
    got = overlapping.push(SampleBlock(0, FS_HZ, PAIR, night[:, :5000]))
    got += overlapping.push(SampleBlock(4000, FS_HZ, PAIR, night[:, 4000:8000]))
    assert got == whole
    holed = night[:, :8000].copy()
    holed[:, 3000:4000] = np.nan
    skipping = Chain(FS_HZ, PAIR)
    got = skipping.push(SampleBlock(0, FS_HZ, PAIR, night[:, :3000]))
    got += skipping.push(SampleBlock(4000, FS_HZ, PAIR, night[:, 4000:8000]))
    assert got == push(Chain(FS_HZ, PAIR), holed, [8000], FS_HZ)


def test_other_channels_of_a_headband_change_no_bit() -> None:
    night = np.random.default_rng(4).normal(0.0, 20.0, (4, round(40 * FS_HZ)))
    alone = Chain(FS_HZ, PAIR).push(SampleBlock(0, FS_HZ, PAIR, night[[1, 2]]))
    names = ("TP9", PAIR[0], PAIR[1], "TP10")
    assert Chain(FS_HZ, PAIR).push(SampleBlock(0, FS_HZ, names, night)) == alone
    assert len(alone) == 40


def test_a_block_without_the_chains_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=f"no channel {PAIR[0]} among TP9, TP10"):
        Chain(FS_HZ, PAIR).push(SampleBlock(0, FS_HZ, ("TP9", "TP10"), np.zeros((2, 100))))
