"""Signs of waking within three seconds of their start."""

from __future__ import annotations

import numpy as np

from sanctuary.config.chain_settings import ArousalSettings, ChainSettings
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.gate import ArousalDetector
from sanctuary.signal.samples import Montage
from signals import pair

FS_HZ = 256.0


def flags(uv, motion_g=None):
    front = FrontEnd(FS_HZ, Montage.PAIR, ChainSettings(), np.full((1, 2), np.inf))
    watcher = ArousalDetector(ArousalSettings(), 1)
    found = {}
    for seconds in front.push(0, uv[np.newaxis], motion_g):
        flagged = watcher.push(seconds.emg_power, seconds.band_power, seconds.motion)
        found |= {float(seconds.first_s + k): bool(flagged[0, k]) for k in range(seconds.count)}
    return found


def with_burst(begin_s, length_s, rms_uv):
    uv = pair(120, FS_HZ, seed=8, exponent=2.2)
    muscle = np.random.default_rng(1).standard_normal(uv.shape) * rms_uv
    mask = np.zeros(uv.shape[1])
    mask[round(begin_s * FS_HZ) : round((begin_s + length_s) * FS_HZ)] = 1.0
    return uv + muscle * mask


def test_calm_sleep_shows_no_arousal():
    assert not any(flags(with_burst(0, 0, 0.0)).values())


def test_a_muscle_burst_is_flagged_within_three_seconds_and_held():
    seen = flags(with_burst(60, 6, 15.0))
    assert not any(flag for t_s, flag in seen.items() if t_s <= 60)
    assert seen[63.0]
    assert seen[67.0]
    assert not seen[80.0]


def test_a_rem_twitch_is_not_an_arousal():
    assert not any(flags(with_burst(60.4, 0.2, 12.0)).values())


def test_motion_of_the_headband_is_flagged_at_once():
    uv = with_burst(0, 0, 0.0)
    motion_g = np.zeros((1, 3, uv.shape[1]))
    motion_g[0, 1, round(70.2 * FS_HZ) : round(70.6 * FS_HZ)] = 0.4
    seen = flags(uv, motion_g)
    assert next(t_s for t_s, flag in seen.items() if flag) == 71.0
    assert not seen[75.0]


def test_an_acceleration_that_was_not_measured_is_no_motion():
    uv = with_burst(0, 0, 0.0)
    assert not any(flags(uv, np.full((1, 3, uv.shape[1]), np.nan)).values())


def test_seconds_without_signal_show_nothing_and_end_a_burst():
    watcher = ArousalDetector(ArousalSettings(), 1)
    calm = np.full((1, 60), 4.0)
    watcher.push(calm, np.ones((1, 5, 60)), np.zeros((1, 60), dtype=bool))
    emg = np.array([[400.0, np.nan, 400.0, np.nan, 400.0]])
    bands = np.where(np.isnan(emg)[:, np.newaxis], np.nan, np.ones((1, 5, 5)))
    assert not watcher.push(emg, bands, np.zeros((1, 5), dtype=bool)).any()
