"""XDF files: the EEG stream in its time, pauses in their place, texts as annotations."""

from __future__ import annotations

import gzip
import tracemalloc
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laboratory_files import (
    write_xdf,
    xdf_chunk,
    xdf_header,
    xdf_length,
    xdf_offsets,
    xdf_samples,
    xdf_texts,
)
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats import xdf
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source
from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
from whole_recordings import refused, samples

FS_HZ = 256
LABELS = ("AF7", "AF8")


def noise(seconds: float, seed: int = 0, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 20.0, (round(seconds * FS_HZ), channels)).astype("<f4")


def stamps(n: int, fs_hz: float = FS_HZ, begin_s: float = 5000.0) -> np.ndarray:
    return begin_s + np.arange(n) / fs_hz


def eeg(path: Path, values: np.ndarray, when: np.ndarray, **options: Any) -> Path:
    header = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ, **options)
    return write_xdf(path, header, xdf_samples(1, when, values))


def test_the_eeg_stream_is_read_exactly(tmp_path: Path) -> None:
    values = noise(30)
    header = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ)
    other = xdf_header(7, "Acc", "ACC", ("x", "y", "z"), 50, unit="g")
    path = write_xdf(
        tmp_path / "a.xdf", other, header, xdf_samples(7, stamps(500, 50), noise(2, channels=3)[:500]),
        xdf_samples(1, stamps(len(values)), values), datetime="2024-05-01T23:10:05+0200",
    )  # fmt: skip
    recording = open_recording(path)
    np.testing.assert_array_equal(samples(recording), values.T)
    np.testing.assert_array_equal(samples(recording), values.T)
    assert recording.info.start == datetime.fromisoformat("2024-05-01T23:10:05")
    assert (recording.info.fs_hz, recording.info.format, recording.warnings) == (256.0, "XDF", ())


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("<i2", "int16"), ("<i4", "int32"), ("<f4", "float32"), ("<f8", "double64"), ("<i8", "int64")],
)
def test_every_number_format_is_read(tmp_path: Path, dtype: str, name: str) -> None:
    values = noise(5).astype(dtype)
    path = eeg(tmp_path / "a.xdf", values, stamps(len(values)), channel_format=name)
    np.testing.assert_array_equal(samples(open_recording(path)), values.T.astype(float))


@pytest.mark.parametrize(
    ("unit", "scale"), [("microvolts", 1.0), ("uV", 1.0), ("millivolts", 1e3), ("V", 1e6)]
)
def test_units_are_those_that_the_stream_names(tmp_path: Path, unit: str, scale: float) -> None:
    values = noise(5)
    path = eeg(tmp_path / "a.xdf", values / np.float32(scale), stamps(len(values)), unit=unit)
    np.testing.assert_allclose(samples(open_recording(path)), values.T, rtol=1e-5)


@pytest.mark.parametrize("unit", [None, "", "counts"])
def test_a_missing_or_unknown_unit_is_refused_and_never_guessed(tmp_path: Path, unit: str | None) -> None:
    values = noise(5)
    with pytest.raises(RecordingError, match="unit"):
        open_recording(eeg(tmp_path / "a.xdf", values, stamps(len(values)), unit=unit))


@pytest.mark.parametrize("pause_s", [1.2, 1.7, 5.0, 3600.0])
@pytest.mark.parametrize("per_chunk", [1, 37, 64, 5000])
def test_a_pause_stays_in_its_place(tmp_path: Path, pause_s: float, per_chunk: int) -> None:
    values = noise(60)
    half = len(values) // 2 + 11
    when = stamps(len(values))
    when[half:] += pause_s
    header = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ)
    path = write_xdf(tmp_path / "a.xdf", header, xdf_samples(1, when, values, per_chunk))
    found = samples(open_recording(path))
    gap = round(pause_s * FS_HZ)
    np.testing.assert_array_equal(found[:, :half], values[:half].T)
    assert np.isnan(found[:, half : half + gap]).all()
    np.testing.assert_array_equal(found[:, half + gap :], values[half:].T)


def test_jitter_and_late_chunks_are_no_pauses(tmp_path: Path) -> None:
    values = noise(120)
    rng = np.random.default_rng(1)
    when = stamps(len(values)) + rng.normal(0, 0.02, len(values))
    when[40 * FS_HZ : 40 * FS_HZ + 50] += 0.6
    recording = open_recording(eeg(tmp_path / "a.xdf", values, when))
    np.testing.assert_array_equal(samples(recording), values.T)


def test_a_stall_of_the_computer_that_lost_nothing_is_no_pause(tmp_path: Path) -> None:
    values = noise(240)
    when = stamps(len(values))
    at = 100 * FS_HZ
    when[at : at + 2 * FS_HZ] = when[at + 2 * FS_HZ]  # two seconds arrive at once, late
    recording = open_recording(eeg(tmp_path / "a.xdf", values, when))
    np.testing.assert_array_equal(samples(recording), values.T)


@pytest.mark.parametrize("fs_hz", [256.01, 255.9])
def test_a_crystal_that_is_off_keeps_times_right(tmp_path: Path, fs_hz: float) -> None:
    values = noise(1200)
    header = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ)
    texts = xdf_header(2, "Marks", "Markers", ("m",), 0, channel_format="string")
    when = stamps(len(values), fs_hz)
    path = write_xdf(
        tmp_path / "a.xdf",
        header,
        texts,
        xdf_samples(1, when, values),
        xdf_texts(2, [(when[300_000], "end")]),
    )
    recording = open_recording(path)
    assert recording.info.fs_hz == pytest.approx(fs_hz, abs=1e-4)
    assert recording.annotations[0].onset_s * recording.info.fs_hz == pytest.approx(300_000, abs=0.5)
    assert recording.warnings == ()


def test_a_rate_far_from_the_nominal_one_is_said(tmp_path: Path) -> None:
    values = noise(60)
    recording = open_recording(eeg(tmp_path / "a.xdf", values, stamps(len(values), 240.0)))
    assert any(
        "come at 240.00 Hz by their time stamps, not at its header's 256 Hz" in w for w in recording.warnings
    )


def test_clock_offsets_bring_markers_of_another_computer_into_place(tmp_path: Path) -> None:
    values = noise(60)
    header = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ)
    texts = xdf_header(2, "Marks", "Markers", ("m",), 0, channel_format="string")
    path = write_xdf(
        tmp_path / "a.xdf", header, texts,
        xdf_offsets(1, np.arange(5000.0, 5060.0, 5.0), 100.0),
        xdf_offsets(2, np.arange(0.0, 60.0, 5.0), 5100.0),
        xdf_samples(1, stamps(len(values)), values), xdf_texts(2, [(10.0, "cue"), (20.5, "Schlüssel")]),
    )  # fmt: skip
    marks = open_recording(path).annotations
    assert [mark.text for mark in marks] == ["cue", "Schlüssel"]
    assert [mark.onset_s for mark in marks] == pytest.approx([10.0, 20.5], abs=1e-3)


def two(tmp_path: Path, names: tuple[str, str], types: tuple[str, str] = ("EEG", "EEG")) -> Path:
    values = noise(20)
    parts = []
    for stream, (name, kind) in enumerate(zip(names, types, strict=True), 1):
        parts += [
            xdf_header(stream, name, kind, LABELS, FS_HZ),
            *xdf_samples(stream, stamps(len(values)), values * np.float32(stream)),
        ]
    return write_xdf(tmp_path / "two.xdf", *parts)


def test_several_eeg_streams_are_named_and_one_is_taken_by_name(tmp_path: Path) -> None:
    path = two(tmp_path, ("Muse A", "Muse B"))
    with pytest.raises(RecordingError, match=r"several streams of EEG, 'Muse A' \(5120 samples\), 'Muse B'"):
        open_recording(path)
    second = open_recording(path, options=ReadingOptions(stream="muse b"))
    np.testing.assert_array_equal(samples(second), noise(20).T * 2)


def test_a_stream_recorded_twice_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    path = two(tmp_path, ("Muse", "Muse"))
    with pytest.raises(RecordingError, match="holds the stream 'Muse' 2 times"):
        open_recording(path)
    with pytest.raises(
        RecordingError, match=r"no stream of signals is named 'x'; its streams are 'Muse' \(EEG\)"
    ):
        open_recording(path, options=ReadingOptions(stream="x"))


def test_an_empty_stream_of_the_same_type_is_passed_over(tmp_path: Path) -> None:
    values = noise(20)
    path = write_xdf(
        tmp_path / "a.xdf", xdf_header(1, "Old", "EEG", LABELS, FS_HZ),
        xdf_header(2, "Muse", "EEG", LABELS, FS_HZ), xdf_samples(2, stamps(len(values)), values),
    )  # fmt: skip
    assert open_recording(path).info.n_samples == len(values)


def test_a_file_without_eeg_names_its_streams_and_any_can_be_chosen(tmp_path: Path) -> None:
    path = two(tmp_path, ("Amp", "Eyes"), ("Signal", "Gaze"))
    with pytest.raises(RecordingError, match=r"no stream has the type EEG; name one with --stream .*'Amp'"):
        open_recording(path)
    assert open_recording(path, options=ReadingOptions(stream="Amp")).info.n_samples == 5120


@pytest.mark.parametrize("cut", [1, 100, 1000, 5000])
def test_a_file_that_is_cut_off_is_used_up_to_there(tmp_path: Path, cut: int) -> None:
    values = noise(30)
    path = eeg(tmp_path / "a.xdf", values, stamps(len(values)))
    path.write_bytes(path.read_bytes()[:-cut])
    recording = open_recording(path)
    found = samples(recording)
    assert 0 < found.shape[1] < len(values)
    np.testing.assert_array_equal(found, values[: found.shape[1]].T)
    assert recording.warnings == ("the file is cut off or damaged at its end; what lies before is used",)


def test_a_gzipped_xdf_is_read(tmp_path: Path) -> None:
    values = noise(10)
    raw = eeg(tmp_path / "a.xdf", values, stamps(len(values))).read_bytes()
    packed = tmp_path / "a.xdfz"
    packed.write_bytes(gzip.compress(raw))
    np.testing.assert_array_equal(samples(open_recording(packed)), values.T)


def test_a_start_that_is_told_replaces_that_of_the_file(tmp_path: Path) -> None:
    values = noise(5)
    path = eeg(tmp_path / "a.xdf", values, stamps(len(values)))
    assert open_recording(path).info.start is None
    told = datetime.fromisoformat("2026-01-02T03:04:05")
    assert open_recording(path, options=ReadingOptions(start=told)).info.start == told


def test_channels_without_names_are_counted(tmp_path: Path) -> None:
    values = noise(5)
    xml = (
        "<info><name>Amp</name><type>EEG</type><channel_count>2</channel_count><nominal_srate>256</nominal_srate>"
        "<channel_format>float32</channel_format><desc/></info>"
    )
    header = xdf_chunk(2, b"\x01\x00\x00\x00" + xml.encode())
    source = open_source(write_xdf(tmp_path / "a.xdf", header, xdf_samples(1, stamps(len(values)), values)))
    assert [channel.label for channel in source.channels] == ["channel 1", "channel 2"]
    assert "names no channels" in source.warnings[0]


@pytest.mark.parametrize("channel_format", ["string", "float32"])
def test_a_chunk_that_claims_more_than_it_holds_takes_no_memory(tmp_path: Path, channel_format: str) -> None:
    values = noise(10)
    good = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ)
    bad = xdf_header(2, "Marks", "Markers", ("m",) * 100, 0 if channel_format == "string" else 100,
                     channel_format=channel_format)  # fmt: skip
    claim = xdf_chunk(3, b"\x02\x00\x00\x00" + xdf_length(2**31) + bytes(10))
    path = write_xdf(
        tmp_path / "a.xdf", good, bad, xdf_samples(1, stamps(len(values)), values), claim, b"more"
    )
    open_recording(path)
    tracemalloc.start()
    try:
        recording = open_recording(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert recording.info.n_samples == len(values)
    assert "cut off or damaged" in recording.warnings[0]


def test_entities_in_a_header_are_not_expanded(tmp_path: Path) -> None:
    xml = '<!DOCTYPE a [<!ENTITY b "bbbb">]><info><name>&b;</name></info>'
    path = write_xdf(tmp_path / "a.xdf", xdf_chunk(2, b"\x01\x00\x00\x00" + xml.encode()))
    with pytest.raises(RecordingError, match="no stream has the type EEG"):
        open_recording(path)


def test_memory_does_not_grow_with_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xdf, "_PIECE_SAMPLES", 1024)
    peaks = []
    for seconds in (60, 240):
        values = noise(seconds, channels=2)
        path = eeg(tmp_path / "a.xdf", values, stamps(len(values)))
        del values
        open_recording(path)
        tracemalloc.start()
        try:
            for _ in open_recording(path).blocks():
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1e5


def test_a_full_disk_while_samples_are_kept_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = noise(5)
    path = eeg(tmp_path / "a.xdf", values, stamps(len(values)))

    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(xdf, "_temporary", Full)
    with pytest.raises(RecordingError, match="free space, or set TMPDIR"):
        open_recording(path)


@pytest.mark.parametrize("stamp_s", [np.inf, -np.inf, np.nan, 1e308, -1e308, 1e15])
@pytest.mark.parametrize("places", [[0], [700], [-1], [0, 700], range(700, 760)])
def test_stamps_that_are_no_times_are_refused(tmp_path: Path, stamp_s: float, places: list[int]) -> None:
    values = noise(20)
    when = stamps(len(values))
    when[list(places)] = stamp_s
    path = eeg(tmp_path / "a.xdf", values, when)
    with pytest.raises(RecordingError, match="time stamps of 'Muse' are damaged"):
        open_recording(path)


def test_stamps_that_nearly_stand_still_are_refused(tmp_path: Path) -> None:
    values = noise(20)
    with pytest.raises(RecordingError, match="time stamps of 'Muse' are damaged"):
        open_recording(eeg(tmp_path / "a.xdf", values, 5000.0 + np.arange(len(values)) * 1e-12))


@pytest.mark.parametrize("fs_hz", [1e-320, 1e-5, 1e9, np.inf, np.nan, -256.0])
def test_a_stream_of_an_absurd_rate_is_not_believed(tmp_path: Path, fs_hz: float) -> None:
    values = noise(5)
    header = xdf_header(1, "Muse", "EEG", LABELS, fs_hz)
    path = write_xdf(tmp_path / "a.xdf", header, xdf_samples(1, stamps(len(values)), values))
    assert "no stream has the type EEG" in str(refused(path))


@pytest.mark.parametrize("stamp_s", [np.inf, np.nan, 1e308, -1e15])
def test_a_text_at_a_time_that_cannot_be_is_left_out(tmp_path: Path, stamp_s: float) -> None:
    values = noise(5)
    path = write_xdf(
        tmp_path / "a.xdf", xdf_header(1, "Muse", "EEG", LABELS, FS_HZ),
        xdf_header(2, "Marks", "Markers", ("m",), 0, channel_format="string"),
        xdf_samples(1, stamps(len(values)), values), xdf_texts(2, [(5001.0, "cue"), (stamp_s, "nowhere")]),
    )  # fmt: skip
    assert [mark.text for mark in open_recording(path).annotations] == ["cue"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_a_damaged_file_never_gives_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    values = noise(3)
    header = xdf_header(1, "Muse", "EEG", LABELS, FS_HZ)
    texts = xdf_header(2, "Marks", "Markers", ("m",), 0, channel_format="string")
    path = write_xdf(
        tmp_path / "a.xdf", header, texts, xdf_offsets(1, [5000.0, 5005.0, 5010.0], 1.0),
        xdf_texts(2, [(5001.0, "x")]), xdf_samples(1, stamps(len(values)), values, 200),
    )  # fmt: skip
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(4, len(raw) - 1) | st.integers(4, 1000))
        raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(4, len(raw)))] if data.draw(st.booleans()) else raw)
    refusal = refused(path)
    assert refusal is None or str(path) in refusal
