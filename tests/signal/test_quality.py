"""Quality: what is wrong with a second of a channel, and what carries on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.chain_settings import ChainSettings, QualitySettings
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.quality import QualityFlag, Settling, moved
from sanctuary.signal.samples import Montage
from signals import pair

FS_HZ = 256.0
SECONDS = 40
BAD = slice(round(20 * FS_HZ), round(23 * FS_HZ))
RNG = np.random.default_rng(3)
N = BAD.stop - BAD.start
T_S = np.arange(N) / FS_HZ


def problems(uv, motion_g=None):
    front = FrontEnd(FS_HZ, Montage.PAIR, ChainSettings(), np.array([[1e5, 1e5]]))
    motion = None if motion_g is None else motion_g[np.newaxis]
    return np.concatenate([each.problems[0] for each in front.push(0, uv[np.newaxis], motion)], axis=1)


def spoil(values, channel=0):
    uv = pair(SECONDS, FS_HZ, seed=5)
    uv[channel, BAD] = values if values is not None else uv[channel, BAD]
    return problems(uv)


TROUBLES = {
    QualityFlag.LOST: np.full(N, np.nan),
    QualityFlag.RAIL: np.full(N, 1e5),
    QualityFlag.FLAT: np.full(N, 3.0),
    QualityFlag.AMPLITUDE: 700.0 * np.sign(np.sin(2 * np.pi * 3.0 * T_S)),
    QualityFlag.MAINS: 80.0 * np.sin(2 * np.pi * 50.0 * T_S),
    QualityFlag.LIFTED: 80.0 * np.convolve(RNG.standard_normal(N + 7), np.full(8, 8.0**-0.5), "valid"),
}


def test_clean_sleep_has_no_problem():
    assert not problems(pair(SECONDS, FS_HZ, seed=5))[:, 4:].any()


@pytest.mark.parametrize("problem", TROUBLES)
@pytest.mark.parametrize("channel", [0, 1])
def test_each_trouble_is_named_at_its_time_and_on_its_channel(problem, channel):
    found = spoil(TROUBLES[problem], channel)
    assert (found[channel, 20:25] & problem).any()
    assert not (found[channel, :20] & problem).any()
    assert not (found[channel, 28:] & problem).any()
    assert not found[1 - channel, 8:].any()


def test_a_dead_side_does_not_make_the_other_one_look_lifted():
    uv = pair(SECONDS, FS_HZ, seed=5)
    uv[0] = 0.0
    found = problems(uv)
    assert (found[0, 4:] & QualityFlag.FLAT).all()
    assert not found[1, 4:].any()


def test_after_missing_samples_a_channel_settles():
    found = spoil(TROUBLES[QualityFlag.LOST])
    assert all(QualityFlag.SETTLING in QualityFlag(int(flags)) for flags in found[0, 23:26])
    assert found[0, 30] == 0


def test_motion_spoils_both_sides_for_its_second():
    uv, motion_g = pair(SECONDS, FS_HZ, seed=5), np.zeros((3, round(SECONDS * FS_HZ)))
    motion_g[2, BAD.start : BAD.start + 50] = 0.3
    found = problems(uv, motion_g)
    assert (found[:, 20] & QualityFlag.MOTION).all()
    assert not (found & QualityFlag.MOTION)[:, [18, 22]].any()


def test_motion_that_was_not_measured_is_none():
    assert not moved(QualitySettings(), np.full((1, 3, 10), np.nan)).any()
    assert not moved(QualitySettings(), np.where(np.arange(30).reshape(1, 3, 10) == 4, 9.0, np.nan)).any()


def test_problems_have_words():
    assert QualityFlag(QualityFlag.LOST | QualityFlag.MAINS).words == ("lost", "mains")


@given(
    st.lists(
        st.sampled_from([0, 0, 0, int(QualityFlag.LOST), int(QualityFlag.AMPLITUDE)]), min_size=1, max_size=40
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.sampled_from([0.0, 2.0, 2.5]),
)
@settings(max_examples=60)
def test_settling_by_any_portions_is_settling_at_once(flags, portions, settle_s):
    rules = QualitySettings(settle_s=settle_s)
    values = np.array(flags, dtype=np.uint8).reshape(1, 1, -1)
    whole, settled = Settling(rules, 1, 1, 4).push(values)
    step, at, parts, turn = Settling(rules, 1, 1, 4), 0, [], 0
    while at < values.shape[2]:
        size = portions[turn % len(portions)]
        parts.append(step.push(values[:, :, at : at + size])[0])
        at, turn = at + size, turn + 1
    assert np.array_equal(np.concatenate(parts, axis=2), whole)
    usable = whole[0, 0] == 0
    for k in np.flatnonzero(usable):
        assert k >= 3
        assert not any(flags[k - 3 : k + 1])
    for k in np.flatnonzero(settled[0, 0]):
        assert not any(flags[max(0, k - int(settle_s)) : k + 1])
