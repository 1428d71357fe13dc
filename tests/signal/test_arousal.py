"""Signs of waking within three seconds of their start."""

from __future__ import annotations

import numpy as np

from sanctuary.config.chain import ArousalSettings, ChainSettings
from sanctuary.signal.arousal import ArousalWatcher
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.samples import SampleBlock
from signals import pair

FS_HZ = 256.0


def flags(uv):
    front = FrontEnd(FS_HZ, 2, ChainSettings(), np.full(2, np.inf))
    watcher = ArousalWatcher(ArousalSettings())
    seconds = front.push(SampleBlock(0, FS_HZ, ("AF7", "AF8"), uv))
    return {second.t_s: watcher.second(second) for second in seconds}


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
