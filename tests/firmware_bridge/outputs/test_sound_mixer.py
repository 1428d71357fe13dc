"""The mixer: overlapping cues under a hard cap, silence soon after a stop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.firmware_bridge.cues import STOP_S, Cue, Modality
from sanctuary.firmware_bridge.outputs.mixer import SoundMixer
from sanctuary.firmware_bridge.outputs.sound_rendering import AMPLITUDE_CAP

FS_HZ = 8000
FULL_SCALE_DBA = 80.0


def tone(level: float = 40.0, duration_s: float = 2.0, fade_s: float = 0.1, hz: float = 1000.0) -> Cue:
    return Cue(Modality.SOUND, level, duration_s, fade_s, (hz,))


def level_dba(samples: np.ndarray) -> float:
    """Level of a 1 kHz tone, whose weight is 0 dB: a full-scale sine has FULL_SCALE_DBA."""
    return FULL_SCALE_DBA + 20.0 * math.log10(float(np.abs(samples).max()))


def test_a_cue_has_its_level_in_the_middle() -> None:
    mixer = SoundMixer(FS_HZ, FULL_SCALE_DBA, 45.0)
    mixer.play(tone(40.0), 0.0)
    middle = mixer.frames(2 * FS_HZ).samples[FS_HZ // 2 : FS_HZ]
    assert level_dba(middle) == pytest.approx(40.0, abs=0.05)


@given(
    st.lists(st.tuples(st.floats(-20.0, 120.0), st.integers(0, 3000)), min_size=1, max_size=6),
    st.floats(20.0, 45.0),
)
@settings(max_examples=60)
def test_however_cues_overlap_the_cap_holds(cues: list[tuple[float, int]], max_dba: float) -> None:
    mixer = SoundMixer(FS_HZ, FULL_SCALE_DBA, max_dba)
    out = []
    for level, wait in cues:
        mixer.play(tone(level, 1.5, 0.01), 0.0)
        out.append(mixer.frames(wait).samples)
    out.append(mixer.frames(2 * FS_HZ).samples)
    everything = np.concatenate(out)
    assert np.abs(everything).max() <= AMPLITUDE_CAP
    assert level_dba(np.append(everything, 1e-12)) <= max_dba + 0.05
    assert not mixer.busy


def test_a_stop_is_silence_within_its_time_however_blocks_are_cut() -> None:
    for block in (1, 7, 80, 480, 8000):
        mixer = SoundMixer(FS_HZ, FULL_SCALE_DBA, 45.0)
        mixer.play(tone(), 0.0)
        mixer.play(tone(hz=300.0), 0.0)
        mixer.frames(FS_HZ)
        mixer.stop()
        mixer.stop()
        out = np.concatenate([mixer.frames(block).samples for _ in range(FS_HZ // block + 1)])
        assert np.abs(out[0]) > 0.0 or block == 1
        assert not out[round((STOP_S - 0.05) * FS_HZ) :].any()
        assert not mixer.busy


def test_a_cue_after_a_stop_begins_afresh() -> None:
    mixer = SoundMixer(FS_HZ, FULL_SCALE_DBA, 45.0)
    mixer.play(tone(45.0), 0.0)
    mixer.frames(FS_HZ)
    mixer.stop()
    mixer.play(tone(30.0), 0.0)
    middle = mixer.frames(FS_HZ).samples[FS_HZ // 2 :]
    assert level_dba(middle) == pytest.approx(30.0, abs=0.05)


def test_the_beginning_of_each_cue_is_told() -> None:
    mixer = SoundMixer(FS_HZ, FULL_SCALE_DBA, 45.0)
    assert mixer.frames(10).begun == ()
    mixer.play(tone(), 1.25)
    (begun,) = mixer.frames(10).begun
    assert begun.wanted_s == 1.25
    assert mixer.frames(10).begun == ()


@pytest.mark.parametrize(
    "cue",
    [Cue(Modality.LIGHT, 0.1, 1.0, 0.1), tone(math.nan), tone(40.0, -1.0), tone(40.0, 1.0, 0.1, math.inf)],
)
def test_what_is_no_sound_is_refused_and_changes_nothing(cue: Cue) -> None:
    mixer = SoundMixer(FS_HZ, FULL_SCALE_DBA, 45.0)
    with pytest.raises(ValueError):  # noqa: PT011  each says another thing
        mixer.play(cue, 0.0)
    assert not mixer.busy
