"""The cue track: windows one after another in a WAV file, with an index of what lies where."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.cue_track import STOP_FADE_S, CueTrack
from sanctuary.firmware_bridge.outputs.sound_rendering import AMPLITUDE_CAP, render

FS_HZ = 8000
TONE = Cue(Modality.SOUND, 40.0, 3.0, 0.5, (440.0, 660.0))
GLOW = Cue(Modality.LIGHT, 0.3, 4.0, 1.0)


def heard(track: CueTrack) -> np.ndarray:
    with wave.open(str(track.path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, FS_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32767


def at(seconds: float) -> int:
    return round(seconds * FS_HZ)


def test_a_cue_sounds_at_its_place_in_its_window(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("harbour/1", 5000.0)
    assert track.play(TONE, 5002.0) == 2.0
    track.close_window(5010.0)
    track.close()
    sound = heard(track)
    assert sound.size == at(10.0)
    np.testing.assert_allclose(sound[at(2) : at(5)], render(TONE, FS_HZ, 70.0), atol=1 / 32767)
    assert not sound[: at(2)].any()
    assert not sound[at(5) :].any()


def test_windows_follow_one_another_without_the_hours_between(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("harbour/1", 100.0)
    track.close_window(103.0)
    track.open_window("harbour/2", 20_000.0)
    assert track.play(TONE, 20_001.5) == 4.5
    track.close_window(20_006.0)
    track.close()
    assert heard(track).size == at(9.0)
    assert [(w.wav_start_s, w.wav_end_s) for w in track.windows] == [(0.0, 3.0), (3.0, 9.0)]


def test_the_index_says_where_windows_and_cues_lie(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("harbour/1", 100.0)
    track.play(TONE, 101.0)
    assert track.play(GLOW, 102.0) == 2.0
    track.silence(103.0)
    track.close_window(110.0)
    track.close()
    index = json.loads((tmp_path / "pod.json").read_text(encoding="utf-8"))
    assert (index["wav"], index["fs_hz"], index["full_scale_dba"]) == ("pod.wav", 8000, 70.0)
    (window,) = index["windows"]
    cues = window.pop("cues")
    assert window == {
        "window_id": "harbour/1", "start_s": 100.0, "wav_start_s": 0.0, "end_s": 110.0, "wav_end_s": 10.0,
    }  # fmt: skip
    assert [(c["at_s"], c["wav_s"], c["audible"], c["silenced_at_s"]) for c in cues] == [
        (101.0, 1.0, True, 103.0),
        (102.0, 2.0, False, 103.0),
    ]
    assert cues[0]["cue"]["tones_hz"] == [440.0, 660.0]
    assert cues[1]["cue"]["modality"] == "light"


@pytest.mark.parametrize("modality", [Modality.LIGHT, Modality.HAPTIC])
def test_light_and_touch_make_no_sound(tmp_path: Path, modality: Modality) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("w", 0.0)
    track.play(Cue(modality, 1.0, 2.0, 0.1, (440.0,)), 1.0)
    track.close_window(4.0)
    track.close()
    assert not heard(track).any()


def test_silence_fades_what_sounds_and_is_over_within_half_a_second(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("w", 0.0)
    track.play(TONE, 0.0)
    track.silence(1.5)
    track.close_window(6.0)
    track.close()
    sound, whole = heard(track), render(TONE, FS_HZ, 70.0)
    assert STOP_FADE_S <= 0.5
    np.testing.assert_allclose(sound[: at(1.5)], whole[: at(1.5)], atol=1 / 32767)
    assert sound[at(1.5) : at(1.5 + STOP_FADE_S)].any()
    assert not sound[at(1.5 + STOP_FADE_S) :].any()
    assert np.abs(np.diff(sound)).max() <= np.abs(np.diff(whole)).max() + 2 / 32767


def test_silence_marks_only_the_cues_that_still_ran(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.silence(0.0)
    track.open_window("w", 0.0)
    track.play(TONE, 0.0)
    track.play(TONE, 4.0)
    track.silence(5.0)
    track.silence(6.0)
    track.close_window(7.0)
    track.close()
    assert [cue.silenced_at_s for cue in track.windows[0].cues] == [None, 5.0]


def test_a_window_that_ends_during_a_cue_ends_it_softly(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("w", 0.0)
    track.play(TONE, 0.0)
    track.close_window(1.0)
    track.close()
    sound = heard(track)
    assert sound.size == at(1.0 + STOP_FADE_S)
    assert np.abs(sound[-3:]).max() <= 2 / 32767
    assert track.windows[0].cues[0].silenced_at_s == 1.0


def test_cues_that_overlap_are_mixed_and_never_pass_the_cap(tmp_path: Path) -> None:
    loud = Cue(Modality.SOUND, 58.0, 2.0, 0.0, (440.0,))
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("w", 0.0)
    for _ in range(4):
        track.play(loud, 0.0)
    track.play(TONE, 1.0)
    track.close_window(5.0)
    track.close()
    sound = heard(track)
    assert np.abs(sound).max() == pytest.approx(AMPLITUDE_CAP, abs=1 / 32767)
    np.testing.assert_allclose(sound[at(2) : at(4)], render(TONE, FS_HZ, 70.0)[at(1) :], atol=1 / 32767)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["play", "silence", "window"]), st.floats(0.0, 3.0), st.floats(0.0, 400.0)),
        max_size=12,
    )
)
def test_whatever_is_played_the_file_is_valid_and_below_the_cap(
    tmp_path: Path, steps: list[tuple[str, float, float]]
) -> None:
    contents = []
    for name in ("a.wav", "b.wav"):
        track, now_s = CueTrack(tmp_path / name), 10.0
        track.open_window("w", now_s)
        for kind, wait_s, level in steps:
            now_s += wait_s
            if kind == "play":
                track.play(Cue(Modality.SOUND, level, 1.0, 0.1, (330.0,)), now_s)
            elif kind == "silence":
                track.silence(now_s)
            else:
                track.close_window(now_s)
                track.open_window("w", now_s)
        track.close()
        sound = heard(track)
        assert (np.abs(sound) <= AMPLITUDE_CAP + 0.5 / 32767).all()
        assert sound.size / FS_HZ == pytest.approx(track.windows[-1].wav_end_s)
        contents.append(track.path.read_bytes())
    assert contents[0] == contents[1]


def test_an_empty_track_and_one_still_open_are_valid_files(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pods" / "pod.wav")
    assert heard(track).size == 0
    track.open_window("w", 50.0)
    track.play(TONE, 51.0)
    track.silence(52.0)
    assert heard(track).size == at(2.0)
    track.close()
    track.close()
    assert track.windows[0].end_s == 52.0
    assert json.loads(track.index_path.read_text(encoding="utf-8"))["windows"][0]["end_s"] == 52.0


def test_what_cannot_be_in_a_track_is_refused(tmp_path: Path) -> None:
    track = CueTrack(tmp_path / "pod.wav")
    with pytest.raises(ValueError, match="no window is open"):
        track.play(TONE, 1.0)
    track.open_window("w", 10.0)
    with pytest.raises(ValueError, match="within another window"):
        track.open_window("v", 11.0)
    track.play(TONE, 12.0)
    with pytest.raises(ValueError, match="before what was already written"):
        track.play(TONE, 11.0)
    track.close()
    with pytest.raises(ValueError, match="closed"):
        track.open_window("v", 20.0)


def test_a_file_that_cannot_be_written_is_a_device_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match="the cue track cannot be written"):
        CueTrack(tmp_path)
    track = CueTrack(tmp_path / "pod.wav")
    track.open_window("w", 0.0)

    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(track._wav, "writeframes", full)
        with pytest.raises(DeviceError, match=r"pod\.wav: .* \(No space left on device\); free some space"):
            track.play(TONE, 1.0)
    (tmp_path / "pod.json").mkdir()
    with pytest.raises(DeviceError, match=r"pod\.json"):
        track.close()
    (tmp_path / "pod.json").rmdir()
    track.close()
