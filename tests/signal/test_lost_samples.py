"""What a radio loses costs about as much as it lasted, single sample or burst; heavy loss is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.chain_settings import ChainSettings, QualitySettings
from sanctuary.signal.chain import Chain
from sanctuary.signal.filters import Spectrum
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.quality import LostWithin, QualityFlag, thinned
from sanctuary.signal.samples import Montage, SampleBlock, Stage
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from signals import PAIR, pair, push

FS_HZ = 128.0
MINUTE = round(60 * FS_HZ)


def lose(uv, share, packet=1, *, sides="both", seed=7):
    """Lose packets at random: on both sides together, on each by itself, or on the left alone."""
    rng, spoilt = np.random.default_rng(seed), uv.copy()
    for row in range(1 if sides == "left" else len(uv)):
        if row == 0 or sides == "each":
            lost = np.repeat(rng.random(uv.shape[1] // packet + 1) < share, packet)[: uv.shape[1]]
        spoilt[row, lost] = np.nan
    return spoilt


def cut(uv, at_s, length_s, fs_hz=FS_HZ):
    spoilt = uv.copy()
    spoilt[:, round(at_s * fs_hz) : round((at_s + length_s) * fs_hz)] = np.nan
    return spoilt


def run(uv, fs_hz=FS_HZ, **kwargs):
    return push(Chain(fs_hz, PAIR[: len(uv)], **kwargs), uv, [4096], fs_hz)


def seconds_of(uv, fs_hz=FS_HZ, chain=None):
    front = FrontEnd(fs_hz, Montage.PAIR, chain or ChainSettings(), np.full((1, 2), np.inf))
    return list(front.push(0, uv[np.newaxis]))


def usable(uv, fs_hz=FS_HZ):
    """Which seconds of the left side are usable, from the fifth on."""
    return np.concatenate([each.problems[0, 0] for each in seconds_of(uv, fs_hz)])[4:] == 0


@pytest.fixture(scope="module")
def quiet():
    return pair(240, FS_HZ, seed=5)


@pytest.fixture(scope="module")
def night():
    return Sleeper(2, 2.5, FS_HZ).render(round(2.5 * 60 * MINUTE))


@pytest.fixture(scope="module")
def whole(night):
    return run(night)


@pytest.mark.parametrize(
    "at_s", [100.0, 100.5, 101.0 - 1 / FS_HZ], ids=["first", "middle", "last of a second"]
)
def test_one_lost_sample_costs_one_sample(quiet, at_s):
    estimates, clean = run(cut(quiet, at_s, 1 / FS_HZ)), run(quiet)
    assert usable(cut(quiet, at_s, 1 / FS_HZ)).all()
    assert min(e.quality for e in estimates[100:]) == pytest.approx(1.0 - 1.0 / (30.0 * FS_HZ))
    assert np.allclose([e.p for e in estimates], [e.p for e in clean], atol=0.02)


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("sides", ["both", "left", "each"])
def test_quality_says_how_many_samples_of_the_better_side_were_lost(quiet, share, sides):
    quality = np.mean([e.quality for e in run(lose(quiet, share, sides=sides))[60:]])
    if sides == "left":
        assert quality == 1.0
    else:
        assert 1.0 - 1.15 * share < quality <= 1.0 - 0.4 * share


@pytest.mark.parametrize(("packet", "sides"), [(1, "both"), (6, "each"), (6, "left")])
def test_two_percent_lost_leave_stages_and_gate(night, whole, packet, sides):
    estimates = run(lose(night, 0.02, packet, sides=sides))
    opened, before = (sum(e.stable_rem for e in each) for each in (estimates, whole))
    assert before > 300
    assert 0.9 * before < opened < 1.1 * before
    assert np.mean([a.stage == b.stage for a, b in zip(estimates, whole, strict=True)]) > 0.96
    assert not any(e.stage is Stage.UNKNOWN for e in estimates[60:])


@pytest.mark.parametrize("mains_uv", [0.0, 30.0])
@pytest.mark.parametrize("packet", [1, 6, 20])
def test_gaps_are_no_arousals_and_no_eye_movements(mains_uv, packet):
    uv = pair(300, FS_HZ, seed=8)
    uv += mains_uv * np.sin(2 * np.pi * 50.03 * np.arange(uv.shape[1]) / FS_HZ)
    clean, estimates = run(uv), run(lose(uv, 0.03, packet))
    assert sum(e.arousal for e in estimates) <= sum(e.arousal for e in clean)
    assert not any(e.eye_signal for e in estimates)
    density = [np.mean([e.rem_density for e in each]) for each in (clean, estimates)]
    assert density[1] <= density[0] + 0.1


def test_a_burst_of_muscle_is_seen_through_lost_packets():
    uv = pair(200, FS_HZ, seed=8)
    emg = np.random.default_rng(1).standard_normal((2, round(5 * FS_HZ)))
    uv[:, round(150 * FS_HZ) : round(155 * FS_HZ)] += 40.0 * emg
    estimates = run(lose(uv, 0.1, 6))
    assert any(e.arousal for e in estimates[150:155])
    assert not any(e.arousal for e in estimates[100:150])


@pytest.mark.parametrize("length_s", [0.01, 0.05, 0.06, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("fs_hz", [125.0, 200.0, 250.0, 256.0])
def test_up_to_three_tenths_of_a_second_no_second_is_refused(length_s, fs_hz):
    uv = pair(60, fs_hz, seed=2)
    for at_s in (30.0, 30.33, 30.9):
        assert usable(cut(uv, at_s, length_s, fs_hz), fs_hz).all()


def test_what_a_gap_costs_grows_with_its_length(quiet):
    lengths_s = (0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0)
    part = quiet[:, :MINUTE]
    cost_s = [np.mean([(~usable(cut(part, 30.0 + k / 4, s))).sum() for k in range(4)]) for s in lengths_s]
    assert cost_s == sorted(cost_s)
    assert cost_s[1] == 0.0
    assert 1.0 <= cost_s[2] <= 2.5
    assert cost_s[3] <= 4.0
    assert cost_s[4] <= 5.0


def test_a_gap_of_a_second_settles_as_ever(quiet):
    found = np.concatenate([each.problems[0, 0] for each in seconds_of(cut(quiet, 100.0, 1.0))])
    words = [QualityFlag(int(flags)).words for flags in found[99:105]]
    assert words == [(), ("lost", "flat"), ("settling",), ("settling",), ("settling",), ()]


@pytest.mark.parametrize(("packet", "sides", "share"), [(1, "both", 0.2), (6, "each", 0.3)])
def test_heavy_loss_is_unknown_and_opens_no_gate(night, packet, sides, share):
    estimates = run(lose(night, share, packet, sides=sides))
    assert np.mean([e.stage is Stage.UNKNOWN for e in estimates]) > 0.9
    assert not any(e.stable_rem for e in estimates)
    assert np.mean([e.quality for e in estimates]) < 0.3


@pytest.mark.parametrize("length_s", [0.2, 0.5, 0.9])
def test_a_piece_of_every_second_lost_is_unknown(quiet, length_s):
    uv = quiet.copy()
    uv[:, np.arange(uv.shape[1]) % FS_HZ < length_s * FS_HZ] = np.nan
    assert {e.stage for e in run(uv)} == {Stage.UNKNOWN}


def test_the_gate_shuts_when_loss_becomes_heavy(night, whole):
    open_s = next(e.t_s for e in whole if e.stable_rem) + 5.0
    uv = night.copy()
    begin = round(open_s * FS_HZ)
    uv[:, begin:] = lose(night, 0.4, 6)[:, begin:]
    estimates = run(uv)
    assert estimates[round(open_s) - 1].stable_rem
    assert not any(e.stable_rem for e in estimates[round(open_s) + 10 :])


def test_one_side_with_heavy_loss_leaves_the_other(quiet):
    estimates = run(lose(quiet, 0.4, sides="left"))
    assert estimates[-1].quality == 1.0
    assert estimates[-1].stage is not Stage.UNKNOWN


def test_nothing_lost_allowed_flags_every_second_with_a_loss(quiet):
    strict = ChainSettings(quality=QualitySettings(lost_second=0.0, lost_window=0.0))
    found = seconds_of(cut(quiet, 100.5, 1 / FS_HZ), chain=strict)
    flags = np.concatenate([each.problems[0, 0] for each in found])
    assert [bool(each) for each in flags[99:105]] == [False, True, True, True, True, False]


@given(
    st.lists(st.tuples(st.integers(0, 30 * 128 - 1), st.integers(1, 200)), min_size=1, max_size=12),
    st.lists(st.integers(1, 700), min_size=1, max_size=6),
    st.sampled_from([0, 1, 2]),
)
@settings(max_examples=15)
def test_gaps_anywhere_give_the_same_bits_whatever_the_blocks(gaps, sizes, side):
    uv = pair(40, FS_HZ, seed=6) + 20.0 * np.sin(2 * np.pi * 50 * np.arange(40 * 128) / FS_HZ)
    for at, length in [*gaps, (20 * 128 - 3, 6)]:
        uv[slice(None) if side == 2 else side, at : at + length] = np.nan
    whole = push(Chain(FS_HZ, PAIR), uv, [uv.shape[1]], FS_HZ)
    assert push(Chain(FS_HZ, PAIR), uv, sizes, FS_HZ) == whole
    assert push(Chain(FS_HZ, PAIR), uv, [128], FS_HZ) == whole


@pytest.mark.parametrize("at", [25 * 128, 25 * 128 - 1, 25 * 128 + 1])
def test_a_gap_over_the_edge_of_a_second_is_filled_from_the_past_alone(at):
    uv = cut(pair(40, FS_HZ, seed=6), 24.97, 0.06)
    changed = uv.copy()
    changed[:, at:] = 500.0
    reached = at // 128
    assert run(changed)[:reached] == run(uv)[:reached]


def test_sleepers_side_by_side_do_not_disturb_each_other():
    one, other = lose(pair(60, FS_HZ, seed=1), 0.05), lose(pair(60, FS_HZ, seed=2), 0.1, 6, sides="each")
    rails = np.full((2, 2), np.inf)
    together = FrontEnd(FS_HZ, Montage.PAIR, ChainSettings(), rails).push(0, np.stack((one, other)))
    both = list(together)
    for row, uv in enumerate((one, other)):
        alone = seconds_of(uv)
        for name in ("band_power", "problems", "present", "emg_power"):
            mine = np.concatenate([getattr(each, name)[0] for each in alone], axis=-1)
            theirs = np.concatenate([getattr(each, name)[row] for each in both], axis=-1)
            assert np.array_equal(theirs, mine, equal_nan=True), name


def test_the_window_weighs_what_was_lost_as_it_weighs_power():
    weights = Spectrum(256.0).second_weights
    assert weights.sum() == pytest.approx(1.0)
    assert weights == pytest.approx([0.038, 0.462, 0.462, 0.038], abs=0.002)
    lost = np.zeros((1, 1, 8))
    lost[0, 0, 2] = 0.4
    within = LostWithin(1, 1, weights)
    parts = [within.push(lost[:, :, a:b])[0, 0] for a, b in ((0, 3), (3, 4), (4, 8))]
    assert np.concatenate(parts) == pytest.approx(0.4 * np.array([0, 0, *weights[::-1], 0, 0]))
    flags = thinned(QualitySettings(lost_window=0.15), lost[0, 0], np.concatenate(parts))
    assert [QualityFlag(int(each)).words for each in flags[2:5]] == [(), ("settling",), ("settling",)]


def test_estimates_go_on_while_packets_are_lost_in_small_blocks():
    uv = lose(pair(35, FS_HZ, seed=3), 0.02, 6, sides="each")
    chain = Chain(FS_HZ, PAIR)
    found = [
        e for k in range(0, uv.shape[1], 6) for e in chain.push(SampleBlock(k, FS_HZ, PAIR, uv[:, k : k + 6]))
    ]
    assert [e.t_s for e in found] == list(range(1, 36))
