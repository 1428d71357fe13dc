"""The output that only remembers."""

import json
from pathlib import Path

import pytest

from recording_output import RecordingOutput
from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import Cue, Modality, Onset
from virtual_boards import HandClock

CUE = Cue(Modality.HAPTIC, 0.2, 2.0, 0.5)


def test_it_remembers_when_cues_began_and_were_cut(tmp_path: Path) -> None:
    clock, onsets, path = HandClock(), [], tmp_path / "cues.jsonl"
    output = RecordingOutput(path, onsets.append, clock=clock)
    clock.now_s = 1.02
    output.play(CUE, 1.0)
    assert output.busy
    output.tick(1.5)
    output.stop(2.0)
    clock.now_s = 5.0
    output.play(CUE, 5.0)
    clock.now_s = 9.0
    output.close()
    assert not output.busy
    assert onsets == [Onset(CUE, 1.0, 1.02), Onset(CUE, 5.0, 5.0)]
    assert [(each.happened_s, each.stopped_s) for each in output.rendered] == [(1.02, 2.0), (5.0, None)]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("happened_s", line.get("stopped_s")) for line in lines] == [1.02, 2.0, 5.0]


def test_a_place_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be written"):
        RecordingOutput(tmp_path / "none" / "cues.jsonl").play(CUE, 0.0)


def test_a_stop_never_fails(tmp_path: Path) -> None:
    path = tmp_path / "cues.jsonl"
    output = RecordingOutput(path, clock=lambda: 0.5)
    output.play(CUE, 0.5)
    path.unlink()
    path.mkdir()
    output.stop(1.0)
    output.close()
    assert output.rendered[0].stopped_s == 1.0
