"""Whatever bytes a file holds: a hypnogram comes out, or one sentence that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import hypnogram_files as files
from hypnogram_files import FakeNight
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import hypnogram_options
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
OPTIONS = [hypnogram_options(), hypnogram_options(20.0, 30.0, "rk")]


def holds(path: Path, raw: bytes) -> None:
    """Read with and without a night; what is found must be in order and on the night's seconds."""
    path.write_bytes(raw)
    for night in (None, FakeNight(), FakeNight(start=None)):
        for options in OPTIONS:
            try:
                hypnogram = read_hypnogram(path, night, options)
            except RecordingError as error:
                assert str(error).startswith(str(path))  # noqa: PT017
                continue
            ends = [0.0]
            for each in hypnogram.scored:
                assert each.onset_s >= ends[-1] - 0.0011
                assert each.duration_s > 0.0
                ends.append(each.end_s)
            assert len(hypnogram.epochs(50)) == 50
            assert len(hypnogram.warnings) < 30


@FEW
@given(raw=st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    holds(tmp_path / "night.any", raw)


CELLS = st.sampled_from(
    ["0", "1", "30", "60", "-30", "1,5", "1e9", "nan", "", "n/a", "W", "N2", "REM", "?", "N9", "foo",
     "Sleep stage 4", "onset", "duration", "stage", "epoch", "time", "0:00:30", "22:00:00",
     "2024-02-01 22:00:00", "e:1", "...", "+30"]
)  # fmt: skip


@FEW
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=12), parted=st.sampled_from(",;\t |"))
@example(rows=[["onset", "stage"], ["nan", "W"]], parted=",")
def test_any_cells(tmp_path: Path, rows: list[list[str]], parted: str) -> None:
    holds(tmp_path / "night.any", "\n".join(parted.join(row) for row in rows).encode())


@pytest.mark.parametrize("name", files.SEEDS)
@FEW
@given(data=st.data())
def test_damage_to_a_good_file(tmp_path: Path, name: str, data: st.DataObject) -> None:
    raw = bytearray(files.SEEDS[name]())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 40))
        raw[at : at + cut] = data.draw(st.binary(max_size=8))
    holds(tmp_path / "night.any", bytes(raw))
