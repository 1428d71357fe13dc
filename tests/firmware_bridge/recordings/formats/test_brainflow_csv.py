"""Files of BrainFlow: which board wrote them, units, counters, and BrainFlow's own files."""

from __future__ import annotations

import importlib.util
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recording_files as files
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.brainflow_csv import BOARDS
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import assert_samples, read_back

FS_HZ = 250
N = FS_HZ * 24
SIX_DECIMALS = 5.1e-7


def rows_of(columns: int, stamp: int, n: int = 600, fs_hz: float = 250.0) -> np.ndarray:
    table = np.random.default_rng(1).normal(0.0, 20.0, (columns, n))
    table[0] = np.arange(n) % 256
    table[stamp] = files.ticks(n, fs_hz)
    table[columns - 1] = table[columns - 1] if stamp == columns - 1 else 0.0
    return table


@pytest.mark.parametrize("marker", [False, True])
def test_a_cyton_is_known_by_its_columns(tmp_path: Path, marker: bool) -> None:
    uv = files.eeg(8, N, offset_uv=-20_000.0)
    rows = files.kept(N, [(700, 1), (1500, 256 * 2), (3000, 300)])
    stamps = files.in_bunches(files.ticks(N, FS_HZ), 20)
    read = read_back(tmp_path / "a", files.brainflow_cyton(uv, stamps, rows, marker=marker))
    assert read.source.format == "BrainFlow CSV"
    assert [channel.label for channel in read.source.channels] == [f"EXG Channel {i}" for i in range(8)]
    assert_samples(read, uv, rows, within_uv=SIX_DECIMALS)
    assert read.source.start is None
    assert "begins at 2026-03-01 22:30:05 UTC" in read.said
    assert "--start-time" in read.said


@pytest.mark.parametrize(
    ("columns", "stamp", "labels"),
    [
        (24, 22, 8), (23, 22, 8), (15, 13, 4), (14, 13, 4), (8, 6, ["TP9", "AF7", "AF8", "TP10"]),
        (7, 6, ["TP9", "AF7", "AF8", "TP10"]), (7, 5, ["TP9", "AF7", "AF8", "TP10"]),
        (6, 5, ["TP9", "AF7", "AF8", "TP10"]), (11, 9, ["TP9", "AF7", "AF8", "TP10"]),
        (10, 9, ["TP9", "AF7", "AF8", "TP10"]),
    ],
)  # fmt: skip
def test_columns_and_the_place_of_the_stamp_name_one_board(
    tmp_path: Path, columns: int, stamp: int, labels: Any
) -> None:
    table = rows_of(columns, stamp)
    read = read_back(tmp_path / "a", files.brainflow(table))
    expected = labels if isinstance(labels, list) else [f"EXG Channel {i}" for i in range(labels)]
    assert [channel.label for channel in read.source.channels] == expected
    np.testing.assert_allclose(read.values, table[1 : 1 + len(expected)], atol=SIX_DECIMALS)


@pytest.mark.parametrize(
    ("columns", "stamp", "names"),
    [
        (32, 30, "cyton-daisy or synthetic"),
        (31, 30, "cyton-daisy or synthetic"),
        (12, 10, "brainbit or crown"),
    ],
)
def test_where_several_boards_fit_they_are_named(
    tmp_path: Path, columns: int, stamp: int, names: str
) -> None:
    data = files.brainflow(rows_of(columns, stamp, fs_hz=125.0 if columns > 12 else 250.0))
    with pytest.raises(RecordingError, match=rf"{columns} columns it may be {names}; name it with --board"):
        read_back(tmp_path / "a", data)
    read = read_back(tmp_path / "a", data, ReadingOptions(board=names.split(" or ", maxsplit=1)[0]))
    assert len(read.source.channels) in (16, 4)


@pytest.mark.parametrize("name", ["Muse 2", "muse_2_board", "MUSE-2", "38"])
def test_boards_are_named_as_people_write_them(tmp_path: Path, name: str) -> None:
    read = read_back(tmp_path / "a", files.brainflow(rows_of(8, 6)), ReadingOptions(board=name))
    assert read.source.channels[1].label == "AF7"


def test_a_board_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    data = files.brainflow(rows_of(24, 22))
    with pytest.raises(
        RecordingError, match=r"has 24 columns .* --board muse-2 writes 8 .*; cyton would fit"
    ):
        read_back(tmp_path / "a", data, ReadingOptions(board="muse-2"))
    with pytest.raises(RecordingError, match=r"--board nothing: no such board; there are cyton, "):
        read_back(tmp_path / "a", data, ReadingOptions(board="nothing"))


@pytest.mark.parametrize(
    ("columns", "stamp", "what"),
    [(9, 7, "motion of a Muse"), (6, 4, "light sensors"), (20, 18, "light sensors"), (17, 15, "17 columns")],
)
def test_streams_without_eeg_and_unknown_boards_are_named(
    tmp_path: Path, columns: int, stamp: int, what: str
) -> None:
    with pytest.raises(RecordingError, match=what):
        read_back(tmp_path / "a", files.brainflow(rows_of(columns, stamp)))


def test_the_packets_of_a_muse_are_counted_in_twelves(tmp_path: Path) -> None:
    uv = files.eeg(4, N)
    rows = files.kept(N, [(120, 12), (1200, 36), (2400, 600)])
    stamps = files.in_bunches(files.ticks(N, 256), 12)
    read = read_back(tmp_path / "a", files.brainflow_muse(uv, stamps, rows))
    assert_samples(read, uv, rows, within_uv=SIX_DECIMALS)
    assert "648 samples" in read.said


def test_a_muse_without_contact_is_said_and_lost(tmp_path: Path) -> None:
    uv = files.eeg(4, N)
    uv[0] = -1000.0
    read = read_back(tmp_path / "a", files.brainflow_muse(uv, files.ticks(N, 256), range(N)))
    assert np.isnan(read.values[0]).all()
    assert "'TP9' is at the end of its range in about 100 %" in read.said
    assert read.source.rail(1) == pytest.approx(999.5)


def test_the_start_is_as_told(tmp_path: Path) -> None:
    told = datetime.fromisoformat("2026-03-01T23:30:05")
    read = read_back(tmp_path / "a", files.brainflow(rows_of(24, 22)), ReadingOptions(start=told))
    assert read.source.start == told
    assert "--start-time" not in read.said


def test_decimal_commas_between_tabs_are_read(tmp_path: Path) -> None:
    table = rows_of(24, 22)
    read = read_back(tmp_path / "a", files.brainflow(table).replace(".", ","))
    np.testing.assert_allclose(read.values, table[1:9], atol=SIX_DECIMALS)


def test_the_files_of_one_session_are_joined(tmp_path: Path) -> None:
    uv, stamps = files.eeg(8, N), files.ticks(N, FS_HZ)
    for number, (a, b) in enumerate([(0, 2500), (2500, N)]):
        text = files.brainflow_cyton(uv, stamps, range(a, b))
        (tmp_path / f"BrainFlow-RAW_night_{number}.csv").write_text(text)
    read = read_back(tmp_path / "BrainFlow-RAW_night_0.csv")
    assert_samples(read, uv, np.arange(N), within_uv=SIX_DECIMALS)
    assert "in 1 more file, up to BrainFlow-RAW_night_1.csv" in read.said


def test_a_session_goes_on_only_with_its_own_kind(tmp_path: Path) -> None:
    (tmp_path / "a_0.csv").write_text(files.brainflow(rows_of(24, 22)))
    (tmp_path / "a_1.csv").write_text(files.brainflow(rows_of(8, 6)))
    assert read_back(tmp_path / "a_0.csv").values.shape[1] == 600


needs_brainflow = pytest.mark.skipif(
    importlib.util.find_spec("brainflow") is None, reason="BrainFlow's library is not installed"
)


@pytest.fixture(name="streamed", scope="module")
def _streamed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """BrainFlow's synthetic board: what its streamer wrote, what `write_file` wrote, and the data."""
    from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
    from brainflow.data_filter import DataFilter

    folder = tmp_path_factory.mktemp("brainflow")
    BoardShim.disable_board_logger()
    board = BoardShim(BoardIds.SYNTHETIC_BOARD.value, BrainFlowInputParams())
    board.prepare_session()
    try:
        board.add_streamer(f"file://{folder / 'streamed.csv'}:w")
        board.start_stream()
        while board.get_board_data_count() < 500:
            time.sleep(0.05)
        board.stop_stream()
        data = np.asarray(board.get_board_data())
    finally:
        board.release_session()
    DataFilter.write_file(data, str(folder / "written.csv"), "w")
    return folder / "streamed.csv", folder / "written.csv", data


@needs_brainflow
@pytest.mark.parametrize("which", [0, 1])
def test_what_brainflow_itself_writes_is_read(streamed: tuple[Path, Path, np.ndarray], which: int) -> None:
    path, data = streamed[which], streamed[2]
    with pytest.raises(RecordingError, match="cyton-daisy or synthetic"):
        read_back(path)
    read = read_back(path, options=ReadingOptions(board="synthetic"))
    assert read.source.channels[0].fs_hz == 250.0
    there = np.flatnonzero(np.isfinite(read.values[0]))
    numbers = data[0].astype(int)
    lost = np.cumsum(np.diff(numbers, prepend=numbers[0] - 1) % 256 - 1)
    assert there.tolist() == (np.arange(len(numbers)) + lost).tolist()
    np.testing.assert_allclose(read.values[:, there], data[1:17], atol=SIX_DECIMALS)


@needs_brainflow
def test_the_table_of_boards_is_brainflows() -> None:
    from brainflow.board_shim import BoardShim
    from brainflow.exit_codes import BrainFlowError

    compared = 0
    for board in BOARDS:
        for number in board.ids:
            try:
                described = BoardShim.get_board_descr(number)
            except BrainFlowError:
                continue  # a board that this version does not have
            compared += 1
            assert described["num_rows"] == board.columns
            assert described["timestamp_channel"] == board.stamp
            assert described["sampling_rate"] == board.fs_hz
            assert described["eeg_channels"] == list(range(1, 1 + len(board.labels)))
            if not board.labels[0].startswith("EXG"):
                assert described["eeg_names"] == ",".join(board.labels)
    assert compared >= len(BOARDS)
