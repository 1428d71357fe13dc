"""What damaged text files cost, and what each reader takes for its own."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recording_files as files
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats import text_rows
from sanctuary.firmware_bridge.recordings.readers import READERS, open_source
from whole_recordings import assert_samples, read_back

N = 400
ROWS = range(N)


def sd() -> str:
    return files.hex_counts(np.rint(files.eeg(8, N) / files.CYTON_STEP_UV).astype(np.int64), ROWS)


GOOD: dict[str, Callable[[], str]] = {
    "OpenBCI GUI text": lambda: files.gui_5(files.eeg(8, N), files.ticks(N, 250), ROWS),
    "OpenBCI GUI text of version 2": lambda: files.gui_4(files.eeg(8, N), files.ticks(N, 250), ROWS),
    "OpenBCI SD card text": sd,
    "BrainFlow CSV": lambda: files.brainflow_cyton(files.eeg(8, N), files.ticks(N, 250), ROWS),
    "Mind Monitor CSV": lambda: files.mind_monitor(files.eeg(4, N), files.ticks(N, 256), ROWS),
    "muse-lsl CSV": lambda: files.muse_lsl(files.eeg(4, N), files.ticks(N, 256), ROWS),
}
BY_STAMPS = ("Mind Monitor CSV", "muse-lsl CSV")
NO_RECORDING = {
    "hypnogram": "onset_s,duration_s,stage\n0,30,W\n30,30,N1\n",
    "hypnogram with tabs": "onset\tduration\ttrial_type\n0\t30\tWake\n30\t30\tN2\n",
    "one stage a line": "0\n0\n1\n2\n2\n5\n",
    "a table of numbers": "1,2,3\n4,5,6\n",
    "numbers with tabs": "\n".join("\t".join(str(i * j) for j in range(8)) for i in range(50)),
    "dates and values": "TimeStamp,HR,SpO2\n2026-03-01 22:00:00.000,60,97\n",
    "words": "OpenBCI, a board with 8 channels\n%\n",
    "Luna annotations": "class\tinstance\tchannel\tstart\tstop\tmeta\nN1\t.\t.\t0\t30\t.\n",
    "hexadecimal": "00,11,22\n01,12,23\n",
    "an XML file": '<?xml version="1.0"?>\n<PSGAnnotation></PSGAnnotation>\n',
}


@pytest.mark.parametrize("name", GOOD)
def test_each_file_is_taken_by_one_reader_alone(name: str) -> None:
    head = GOOD[name]().encode()
    taking = [reader.name for reader in READERS if reader.recognises(head)]
    assert taking == [name.removesuffix(" of version 2")]
    taking = [
        reader.name for reader in READERS if reader.recognises(b"\xef\xbb\xbf" + head.replace(b"\n", b"\r\n"))
    ]
    assert taking == [name.removesuffix(" of version 2")]


@pytest.mark.parametrize("name", NO_RECORDING)
def test_other_tables_are_taken_by_none(tmp_path: Path, name: str) -> None:
    assert not [reader.name for reader in READERS if reader.recognises(NO_RECORDING[name].encode())]
    (tmp_path / "a.csv").write_text(NO_RECORDING[name])
    with pytest.raises(RecordingError):
        open_source(tmp_path / "a.csv")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_cut_last_row_is_left_out(tmp_path: Path, name: str, cut: int) -> None:
    whole = read_back(tmp_path / "whole", GOOD[name]())
    read = read_back(tmp_path / "cut", GOOD[name]()[:-cut])
    n = read.values.shape[1]
    assert N - 1 <= n <= N
    np.testing.assert_allclose(read.values[:, : N - 1], whole.values[:, : N - 1], atol=1.0)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("damage", ["missing fields", "too many fields", "no numbers", "NUL", "junk", "huge"])
def test_a_damaged_row_costs_itself(tmp_path: Path, name: str, damage: str) -> None:
    lines = GOOD[name]().encode().splitlines()
    at = len(lines) - 150
    separator = b"\t" if b"\t" in lines[at] else b","
    lines[at] = {
        "missing fields": lines[at][: len(lines[at]) // 2],
        "too many fields": lines[at] + separator + lines[at],
        "no numbers": separator.join([b"?"] * len(lines[at].split(separator))),
        "NUL": b"\0" * 5000,
        "junk": bytes(random.Random(1).choices([*range(1, 10), *range(14, 36), *range(38, 256)], k=300)),
        "huge": b"9" * 3_000_000,
    }[damage]
    read = read_back(tmp_path / "a", b"\n".join(lines) + b"\n")
    lost = N - 150
    if damage in ("NUL", "huge") and name in BY_STAMPS:
        assert N - 1 <= read.values.shape[1] <= N, (
            "nothing counts, and one sample is too short a hole for the stamps"
        )
        return
    assert read.values.shape[1] == N
    assert np.flatnonzero(np.isnan(read.values[0])).tolist() == [lost]
    assert "1 samples of 400 are missing" in read.said


def test_parts_of_any_size_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = files.eeg(8, 3000)
    rows = files.kept(3000, [(100, 1), (1500, 300)])
    data = files.gui_5(uv, files.ticks(3000, 250), rows)
    for size in (4096, 10_000, 65_536):
        monkeypatch.setattr(text_rows, "PART_BYTES", size)
        assert_samples(read_back(tmp_path / "a", data), uv, rows, within_uv=0.0)


@pytest.mark.parametrize("name", GOOD)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, name: str) -> None:
    data = GOOD[name]()
    (tmp_path / "a").write_text(data)
    source = open_source(tmp_path / "a")
    (tmp_path / "a").write_text(data[: len(data) // 2])
    with pytest.raises(RecordingError, match="changed while it was read"):
        list(source.pieces([0]))


def test_a_file_of_headers_alone_is_refused(tmp_path: Path) -> None:
    for name in ("OpenBCI GUI text", "OpenBCI GUI text of version 2", "Mind Monitor CSV", "muse-lsl CSV"):
        lines = GOOD[name]().splitlines()
        head = [line for line in lines if not line[0].isdigit()]
        with pytest.raises(RecordingError):
            read_back(tmp_path / "a", "\n".join(head) + "\n")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(GOOD)), data=st.data())
def test_any_damage_ends_in_samples_or_in_words(tmp_path: Path, name: str, data: st.DataObject) -> None:
    damaged = bytearray(GOOD[name]().encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged)))
        end = at + data.draw(st.sampled_from([0, 1, 7, 200, 5000]))
        damaged[at:end] = data.draw(
            st.one_of(st.binary(max_size=20), st.just(b"\0" * 600), st.just(damaged[at:end] * 2))
        )
    (tmp_path / "a_0.x").write_bytes(damaged)
    try:
        source = open_source(tmp_path / "a_0.x")
    except RecordingError:
        return
    assert all(np.diff([0, *(start + values.shape[1] for start, values in source.pieces([0]))]) > 0)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from(
        [b"", b"%OpenBCI Raw EXG Data\n", b"timestamps,TP9,AF7,AF8\n", b"TimeStamp,RAW_TP9\n", b"00,"]
    ),
    rest=st.binary(max_size=3000),
)
def test_any_bytes_end_in_samples_or_in_words(tmp_path: Path, head: bytes, rest: bytes) -> None:
    (tmp_path / "a").write_bytes(head + rest)
    with contextlib.suppress(RecordingError):
        assert list(open_source(tmp_path / "a").pieces([0]))
