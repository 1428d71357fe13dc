"""The length of a list's epochs is checked against the recording, and asked for where it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

import hypnogram_files as files
from hypnogram_files import FakeNight
from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import HypnogramOptions, hypnogram_options
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.signal.samples import Stage

LENGTH_S = 12_000.0
NIGHT = FakeNight(duration_s=LENGTH_S)


def put(tmp_path: Path, epoch_s: float, kind: str) -> Path:
    labels = ["N2" if i * epoch_s < LENGTH_S / 2 else "R" for i in range(round(LENGTH_S / epoch_s))]
    raw = {
        "list": files.lines(labels),
        "epochs": files.lines(["Epoch,Stage", *(f"{i},{each}" for i, each in enumerate(labels))]),
        "profusion": files.profusion([2 if each == "N2" else 5 for each in labels]).encode(),
        "elan": files.lines(
            ["time_base 30", "epoch_list", *("2" if each == "N2" else "5" for each in labels)]
        ),
    }[kind]
    path = tmp_path / "night.txt"
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("kind", ["list", "epochs", "profusion", "elan"])
@pytest.mark.parametrize("epoch_s", [20.0, 10.0, 5.0, 1.0])
def test_epochs_that_do_not_fit_are_asked_for_and_taken_from_the_user(
    tmp_path: Path, kind: str, epoch_s: float
) -> None:
    path = put(tmp_path, epoch_s, kind)
    count = round(LENGTH_S / epoch_s)
    message = (
        rf"{count} epochs of 30 s, .* are {count * 30} s, but the recording has 12000 s, about {count} x "
    )
    with pytest.raises(RecordingError, match=message + rf".*--epoch-s {epoch_s:g}"):
        read_hypnogram(path, NIGHT)
    epochs = read_hypnogram(path, NIGHT, HypnogramOptions(epoch_s=epoch_s)).epochs(400)
    assert epochs.tolist() == [Stage.N2] * 200 + [Stage.R] * 200


@pytest.mark.parametrize("kind", ["list", "epochs", "profusion", "elan"])
@pytest.mark.parametrize("epoch_s", [30.0, LENGTH_S / 399, LENGTH_S / 401])
def test_one_epoch_more_or_less_fits(tmp_path: Path, kind: str, epoch_s: float) -> None:
    assert read_hypnogram(put(tmp_path, epoch_s, kind), NIGHT).warnings == ()


@pytest.mark.parametrize(("count", "kind"), [(370, "shorter"), (470, "longer")])
def test_a_length_that_nothing_explains_is_said(tmp_path: Path, count: int, kind: str) -> None:
    path = tmp_path / "night.txt"
    path.write_bytes(files.lines(["W"] * count))
    said = read_hypnogram(path, NIGHT).warnings
    assert len(said) == 1
    assert f"is {kind} than the night" in said[0]


def test_the_offset_counts_for_the_length(tmp_path: Path) -> None:
    path = put(tmp_path, 20.0, "list")
    night = FakeNight(duration_s=LENGTH_S * 1.5 + 6000.0)
    assert read_hypnogram(path, night, HypnogramOptions(offset_s=6000.0)).warnings == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch_s": 0.0}, "--epoch-s 0: give seconds"),
        ({"epoch_s": float("nan")}, "--epoch-s nan"),
        ({"epoch_s": 601.0}, "--epoch-s 601"),
        ({"offset_s": float("inf")}, "--hypnogram-offset inf"),
        ({"offset_s": -1e9}, "--hypnogram-offset -1e"),
        ({"stages": "nonsense"}, "--stages nonsense"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        hypnogram_options(**options)  # type: ignore[arg-type]
