"""Sound files: measured as a meter would, scaled to their cue's level, never past the cap."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.errors import Cause, DeviceError, InputError
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.cue_track import CueTrack
from sanctuary.firmware_bridge.outputs.mixer import SoundMixer
from sanctuary.firmware_bridge.outputs.sound_rendering import (
    AMPLITUDE_CAP,
    MAX_LIBRARY_S,
    SoundFile,
    SoundLibrary,
    decode_wav,
    lmax_db,
    render,
)
from sound_files import sine, wav_bytes

FS_HZ = 8000
FULL_SCALE_DBA = 70.0


def noise(duration_s: float, seed: int = 1) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).standard_normal(round(duration_s * FS_HZ)).clip(-3, 3)


def library(samples: np.ndarray, fs_hz: int = FS_HZ, out_hz: int = FS_HZ) -> SoundLibrary:
    sounds = SoundLibrary({"a": SoundFile(fs_hz, samples)})
    sounds.prepare(out_hz)
    return sounds


def cue(level: float = 35.0, duration_s: float = 2.0, fade_s: float = 0.05) -> Cue:
    return Cue(Modality.SOUND, level, duration_s, fade_s, file_sha256="a")


@pytest.mark.parametrize(
    ("hz", "weight_db"), [(1000.0, 0.0), (100.0, -19.1), (251.19, -8.6), (3162.3, 1.2)]
)  # IEC 61672-1:2013, table 3
def test_a_long_tone_has_its_weighted_level(hz: float, weight_db: float) -> None:
    level = lmax_db(sine(hz, 4.0, fs_hz=16000), 16000)
    assert level == pytest.approx(20 * math.log10(0.5) + weight_db, abs=0.1)


def test_a_short_tone_reads_lower_as_on_a_meter_set_to_fast() -> None:
    whole, short = lmax_db(sine(1000.0, 4.0), FS_HZ), lmax_db(sine(1000.0, 0.2), FS_HZ)
    assert short - whole == pytest.approx(-1.0, abs=0.1)  # IEC 61672-1, table 4: 200 ms reads 1.0 dB less


@pytest.mark.parametrize("level", [20.0, 35.0, 42.0])
@pytest.mark.parametrize("fs_hz", [8000, 11025, 44100])
def test_a_file_sounds_at_the_level_of_its_cue(level: float, fs_hz: int) -> None:
    sounds = library(sine(400.0, 1.5, fs_hz=fs_hz) * 0.3, fs_hz)
    samples = render(cue(level), FS_HZ, FULL_SCALE_DBA, sounds.unit("a", FS_HZ))
    assert samples.size == 2 * FS_HZ
    assert FULL_SCALE_DBA + lmax_db(samples, FS_HZ) == pytest.approx(level, abs=0.1)
    assert not samples[round(1.51 * FS_HZ) :].any()


def test_a_file_fades_at_its_ends_and_is_cut_with_its_cue() -> None:
    unit = library(np.full(2 * FS_HZ, 0.5) * np.sign(sine(1000.0, 2.0) + 1e-9)).unit("a", FS_HZ)
    samples = np.abs(render(cue(duration_s=1.0, fade_s=0.4), FS_HZ, FULL_SCALE_DBA, unit))
    assert samples.size == FS_HZ
    assert samples[:80].max() < 0.1 * samples.max()
    assert samples[-80:].max() < 0.1 * samples.max()


@given(st.floats(0.0, 200.0), st.floats(20.0, 130.0))
@settings(max_examples=40)
def test_no_level_and_no_calibration_passes_the_amplitude_cap(level: float, full_scale_dba: float) -> None:
    unit = library(noise(0.5)).unit("a", FS_HZ)
    assert np.abs(render(cue(level), FS_HZ, full_scale_dba, unit)).max() <= AMPLITUDE_CAP


def test_the_mixer_holds_a_file_and_a_tone_together_under_the_cap() -> None:
    mixer = SoundMixer(FS_HZ, 80.0, 40.0, library(sine(1000.0, 2.0)))
    mixer.play(cue(60.0), 0.0)
    mixer.play(Cue(Modality.SOUND, 40.0, 2.0, 0.05, (1000.0,)), 0.0)
    mixed = mixer.frames(2 * FS_HZ).samples
    assert 80.0 + lmax_db(mixed, FS_HZ) == pytest.approx(40.0, abs=0.2)


def test_a_file_that_is_not_on_board_is_a_fault_of_the_output() -> None:
    with pytest.raises(DeviceError, match="not on board") as caught:
        SoundMixer(FS_HZ, 80.0, 40.0).play(cue(), 0.0)
    assert caught.value.cause is Cause.NOT_FOUND


def test_a_cue_of_a_file_cannot_be_rendered_without_it() -> None:
    with pytest.raises(ValueError, match="without its samples"):
        render(cue(), FS_HZ, FULL_SCALE_DBA)


def test_the_cue_track_holds_the_file(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav", sounds=SoundLibrary({"a": SoundFile(16000, sine(fs_hz=16000))}))
    track.open_window("w1", 0.0)
    track.play(cue(36.0), 1.0)
    track.close_window(4.0)
    track.close()
    heard = decode_wav((tmp_path / "pod.wav").read_bytes())
    assert FULL_SCALE_DBA + lmax_db(heard.samples, heard.fs_hz) == pytest.approx(36.0, abs=0.2)
    assert not heard.samples[: heard.fs_hz].any()


def test_a_library_is_bounded() -> None:
    file = SoundFile(8000, np.zeros(15 * 8000))
    many = {str(number): file for number in range(round(MAX_LIBRARY_S / 15))}
    SoundLibrary(many)
    with pytest.raises(InputError, match="at most 300 s"):
        SoundLibrary({**many, "one more": file})


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"PCM|bytes"):
        decode_wav(content)


@given(st.integers(0, 60), st.binary(min_size=1, max_size=8))
def test_no_damaged_header_breaks_the_reader(at: int, damage: bytes) -> None:
    content = bytearray(wav_bytes(sine()))
    content[at : at + len(damage)] = damage
    with suppress(ValueError):
        assert decode_wav(bytes(content)).samples.size
