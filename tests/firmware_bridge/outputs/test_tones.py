"""Tones: level in dBA, fades, and the cap that nothing passes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.sound_rendering import (
    AMPLITUDE_CAP,
    a_weight_db,
    cap,
    envelope,
    fade_in,
    render,
    tone_amplitude,
)

FS_HZ = 8000
FULL_SCALE_DBA = 70.0


def sound(level_dba: float, tones_hz: tuple[float, ...], duration_s: float = 2.0, fade_s: float = 0.2) -> Cue:
    return Cue(Modality.SOUND, level_dba, duration_s, fade_s, tones_hz)


def level_dba(samples: np.ndarray) -> float:
    """A-weighted level of samples, found from their spectrum, re a full-scale 1 kHz sine."""
    power = np.abs(np.fft.rfft(samples)) ** 2 * 2 / samples.size**2
    frequency = np.fft.rfftfreq(samples.size, 1 / FS_HZ)
    weight = np.array([10 ** (a_weight_db(f) / 10) if f > 0 else 0.0 for f in frequency])
    return FULL_SCALE_DBA + 10 * math.log10(float((power * weight).sum()) / 0.5)


# IEC 61672-1:2013, table 3: A-weighting at nominal frequencies, dB, given to a tenth.
@pytest.mark.parametrize(
    ("frequency_hz", "gain_db"),
    [
        (50.12, -30.2), (100.0, -19.1), (199.53, -10.9), (501.19, -3.2), (1000.0, 0.0), (1995.26, 1.2),
        (3981.07, 1.0),
    ],
)  # fmt: skip
def test_a_weighting_follows_iec_61672(frequency_hz: float, gain_db: float) -> None:
    assert a_weight_db(frequency_hz) == pytest.approx(gain_db, abs=0.06)


@pytest.mark.parametrize("tones_hz", [(1000.0,), (440.0,), (220.0, 440.0, 660.0), (250.0, 3000.0)])
@pytest.mark.parametrize("level", [25.0, 38.0, 45.0])
def test_a_tone_has_the_level_asked_for(tones_hz: tuple[float, ...], level: float) -> None:
    samples = render(sound(level, tones_hz, fade_s=0.0), FS_HZ, FULL_SCALE_DBA)
    assert level_dba(samples) == pytest.approx(level, abs=0.1)


def test_a_full_scale_sine_at_1_khz_has_the_calibrated_level() -> None:
    assert tone_amplitude(70.0, (1000.0,), 70.0) == pytest.approx(1.0, rel=1e-3)
    assert tone_amplitude(50.0, (1000.0,), 70.0) == pytest.approx(0.1, rel=1e-3)


def test_fades_are_raised_cosines_at_both_ends() -> None:
    rising = fade_in(100)
    assert (np.diff(rising) > 0).all()
    assert 0.0 < rising[0] < 0.001
    assert rising[49] + rising[50] == pytest.approx(1.0)
    shape = envelope(1000, 100)
    np.testing.assert_array_equal(shape[:100], rising)
    np.testing.assert_array_equal(shape[-100:], rising[::-1])
    assert (shape[100:-100] == 1.0).all()


@pytest.mark.parametrize(("n", "n_fade"), [(0, 5), (1, 5), (10, 5), (11, 400), (10, 0)])
def test_fades_longer_than_the_cue_meet_in_its_middle(n: int, n_fade: int) -> None:
    shape = envelope(n, n_fade)
    assert shape.shape == (n,)
    assert ((shape > 0.0) & (shape <= 1.0)).all()


@pytest.mark.parametrize("level", [60.0, 70.0, 200.0, 5000.0])
@pytest.mark.parametrize("tones_hz", [(50.0,), (1000.0,), (200.0, 300.0, 400.0)])
def test_a_tone_too_loud_is_turned_down_without_distortion(level: float, tones_hz: tuple[float, ...]) -> None:
    samples = render(sound(level, tones_hz, fade_s=0.0), FS_HZ, FULL_SCALE_DBA)
    assert np.abs(samples).max() == pytest.approx(AMPLITUDE_CAP, rel=1e-9)
    power = np.abs(np.fft.rfft(samples)) ** 2
    partials = [round(frequency * samples.size / FS_HZ) for frequency in tones_hz]
    assert power[partials].sum() / power.sum() == pytest.approx(1.0, abs=1e-9)


@settings(max_examples=60)
@given(
    level=st.floats(-1e6, 1e6),
    tones_hz=st.lists(st.floats(1e-300, 1e300), max_size=5),
    duration_s=st.floats(0.0001, 3.0),
    fade_s=st.floats(0.0, 1e9),
)
def test_no_cue_passes_the_cap(level: float, tones_hz: list[float], duration_s: float, fade_s: float) -> None:
    samples = render(sound(level, tuple(tones_hz), duration_s, fade_s), FS_HZ, FULL_SCALE_DBA)
    assert samples.shape == (round(duration_s * FS_HZ),)
    assert np.isfinite(samples).all()
    assert (np.abs(samples) <= AMPLITUDE_CAP).all()


def test_the_cap_holds_for_anything_at_all() -> None:
    assert cap(np.array([9.0, -9.0, np.inf, -np.inf, np.nan, 0.1])).tolist() == [
        AMPLITUDE_CAP, -AMPLITUDE_CAP, AMPLITUDE_CAP, -AMPLITUDE_CAP, 0.0, 0.1,
    ]  # fmt: skip
    assert AMPLITUDE_CAP <= 0.25


def test_partials_that_cannot_be_heard_are_left_out() -> None:
    np.testing.assert_array_equal(
        render(sound(40.0, (1.0, 500.0, 3900.0, 9000.0)), FS_HZ, FULL_SCALE_DBA),
        render(sound(40.0, (500.0,)), FS_HZ, FULL_SCALE_DBA),
    )
    assert not render(sound(40.0, (9000.0,)), FS_HZ, FULL_SCALE_DBA).any()
    assert not render(sound(40.0, ()), FS_HZ, FULL_SCALE_DBA).any()


@pytest.mark.parametrize(
    "cue",
    [
        sound(math.nan, (440.0,)), sound(math.inf, (440.0,)), sound(40.0, (math.nan,)), sound(40.0, (-1.0,)),
        sound(40.0, (440.0,), duration_s=0.0), sound(40.0, (440.0,), duration_s=math.inf),
        sound(40.0, (440.0,), fade_s=-1.0), sound(40.0, (440.0,), fade_s=math.nan),
    ],
)  # fmt: skip
def test_values_that_are_no_cue_are_refused(cue: Cue) -> None:
    with pytest.raises(ValueError, match="a cue "):
        render(cue, FS_HZ, FULL_SCALE_DBA)
