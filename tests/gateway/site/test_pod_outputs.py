"""The devices of a pod in a night: cues reach them, faults cost only theirs, stop and end silence them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recording_output import RecordingOutput
from sanctuary.config.errors import DeviceError, InputError
from sanctuary.config.pod_settings import DeviceSettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.lamps import Wled
from sanctuary.firmware_bridge.outputs.level_calibration import LevelCalibration, LevelCalibrations
from sanctuary.gateway.site.pod_outputs import PodOutputs, build_outputs

TONE = Cue(Modality.SOUND, 40.0, 2.0, 0.1, (440.0,))
GLOW = Cue(Modality.LIGHT, 0.1, 2.0, 0.5)


class Fragile(RecordingOutput):
    """Breaks when told to."""

    broken = False

    def play(self, cue: Cue, at_s: float) -> None:
        if self.broken:
            raise DeviceError("pillow: the sound device went away")
        super().play(cue, at_s)


def test_cues_go_to_the_device_of_their_kind() -> None:
    sound, light = RecordingOutput(clock=lambda: 5.0), RecordingOutput(clock=lambda: 5.0)
    outputs = PodOutputs("pod-1", {Modality.SOUND: sound, Modality.LIGHT: light})
    outputs.play(TONE, 5.0)
    outputs.play(Cue(Modality.HAPTIC, 0.1, 1.0, 0.1), 5.0)
    assert [each.cue for each in sound.rendered] == [TONE]
    assert light.rendered == []
    assert outputs.busy
    outputs.stop(5.5)
    assert sound.rendered[0].stopped_s == 5.5


def test_a_fault_is_told_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    sound = Fragile(clock=lambda: 0.0)
    outputs = PodOutputs("pod-1", {Modality.SOUND: sound})
    for broken in (False, True, True, True, False, False):
        sound.broken = broken
        outputs.play(TONE, 0.0)
        outputs.tick(0.0)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "pod-1: pillow: the sound device went away; cues of this kind are not rendered meanwhile",
        "pod-1: sound works again",
    ]


def test_a_lamp_from_the_settings_is_lit_and_told_of(tmp_path: Path) -> None:
    sent, onsets = [], []
    settings = DeviceSettings.model_validate({"light": {"kind": "wled", "topic": "wled/bed1"}})
    outputs = build_outputs(
        "pod-1",
        settings,
        tmp_path,
        lambda topic, payload, _: sent.append((topic, payload)),
        onsets.append,
        lambda: 3.0,
    )
    assert outputs.subscriptions == ("wled/bed1/status",)
    outputs.play(GLOW, 3.0)
    assert sent[0][0] == "wled/bed1/api"
    assert onsets[0].happened_s == 3.0
    assert outputs.heard("wled/bed1/status", b"online")
    assert not outputs.heard("harbour/v1/other", b"x")
    outputs.close()
    assert sent[-1] == ("wled/bed1/api", Wled("wled/bed1", 0.2).off().payload)


def test_esphome_too(tmp_path: Path) -> None:
    settings = DeviceSettings.model_validate(
        {"light": {"kind": "esphome", "prefix": "bed1", "object_id": "glow"}}
    )
    sent: list[str] = []
    outputs = build_outputs(
        "p", settings, tmp_path, lambda t, *_: sent.append(t), lambda _: None, lambda: 0.0
    )
    outputs.play(GLOW, 0.0)
    assert sent == ["bed1/light/glow/command"]


def test_a_loudspeaker_without_calibration_is_refused(tmp_path: Path) -> None:
    settings = DeviceSettings.model_validate({"sound": {"device": "pillow"}})
    build = lambda: build_outputs(  # noqa: E731
        "p", settings, tmp_path, lambda *_: None, lambda _: None, lambda: 0.0
    )
    with pytest.raises(InputError, match="has not been calibrated"):
        build()
    LevelCalibrations(tmp_path / "sound").save(
        LevelCalibration("pillow", 80.0, "2026-01-01T00:00:00+00:00", "alder")
    )
    build().close()
