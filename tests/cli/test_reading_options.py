"""What a person tells of a recording that does not say it itself."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import recording_files as files
from sanctuary.cli.main import run
from sanctuary.cli.options import reading_options
from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.recordings.recording_source import NO_READING_OPTIONS
from sanctuary.simulator.devices.signal_source import RecordedSource


def test_nothing_told_is_nothing() -> None:
    assert reading_options() == NO_READING_OPTIONS


@pytest.mark.parametrize("text", ["2026-03-01T22:30:00", "2026-03-01 22:30", " 2026-03-01T22:30:00.000 "])
def test_a_start_is_a_local_time(text: str) -> None:
    told = reading_options(text, "cyton", 12.0, "EEG")
    assert told.start == datetime.fromisoformat("2026-03-01T22:30:00")
    assert (told.board, told.gain, told.stream) == ("cyton", 12.0, "EEG")


@pytest.mark.parametrize(
    "text", ["22:30", "yesterday", "2026-03-01", "2026-03-01T22:30:00+01:00", "2026-13-01T22:30", ""]
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--start-time"):
        reading_options(text)


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gain_is_a_number_above_0(gain: float) -> None:
    with pytest.raises(InputError, match="--gain"):
        reading_options(gain=gain)


@pytest.fixture(name="card")
def _card(tmp_path: Path) -> Path:
    counts = np.rint(files.eeg(8, 250 * 70) / files.CYTON_STEP_UV).astype(np.int64)
    path = tmp_path / "OBCI_01.TXT"
    path.write_text(files.hex_counts(counts, range(counts.shape[1])))
    return path


def test_replay_takes_a_card_with_its_gain_and_start(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = card.with_name("out.json")
    options = ["--channels", "EXG Channel 0,EXG Channel 1", "--json", str(out)]
    assert run(["replay", str(card), *options, "--gain", "24", "--start-time", "2026-03-01T22:30:00"]) == 0
    said = capsys.readouterr().err
    assert "--gain" not in said
    assert "--start-time" not in said
    assert json.loads(out.read_text())["duration_s"] == 70.0
    assert run(["replay", str(card), *options]) == 0
    assert "24 is assumed" in capsys.readouterr().err


def test_replay_refuses_a_board_that_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "night.csv"
    path.write_text(files.brainflow_cyton(files.eeg(16, 1000), files.ticks(1000, 125), range(1000)))
    assert run(["replay", str(path)]) == 2
    assert "cyton-daisy or synthetic; name it with --board cyton-daisy" in capsys.readouterr().err


def test_a_virtual_headband_plays_a_card_with_its_gain(card: Path) -> None:
    told = reading_options(gain=12.0)
    doubled = RecordedSource(card, 250.0, ["EXG Channel 0"], told)
    single = RecordedSource(card, 250.0, ["EXG Channel 0"])
    np.testing.assert_allclose(doubled.render(500), 2.0 * single.render(500))
