"""Headers as recorders really write them: padding, decimal commas, odd labels, pauses that are not told."""

from __future__ import annotations

import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from night_files import ROOM, eeg_like, make_discontinuous, patch, set_field, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source
from whole_recordings import refused

FS_HZ = 128
STEP_UV = 1600 / (2**16 - 1)


def read(path: Path) -> np.ndarray:
    return np.concatenate([block.uv for block in open_recording(path).blocks()], axis=1)


def swapped(path: Path) -> Path:
    """Put the annotation signal, the last of three, before the others, in header and records."""
    raw = path.read_bytes()
    widths = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
    header, at = bytearray(raw[:256]), 256
    for width in widths:
        fields = [raw[at + i * width : at + (i + 1) * width] for i in range(3)]
        header += fields[2] + fields[0] + fields[1]
        at += 3 * width
    room = 2 * int(raw[256 + 216 * 3 + 16 : 256 + 216 * 3 + 24])
    record = 2 * 2 * FS_HZ + room
    body = raw[1024:]
    records = [body[i : i + record] for i in range(0, len(body), record)]
    path.write_bytes(bytes(header) + b"".join(each[-room:] + each[:-room] for each in records))
    return path


@pytest.mark.parametrize(
    "label",
    [
        b"EDF Annotations",
        b" EDF Annotations",
        b"EDF Annotations\0",
        b"EDF annotations",
        b"EDF  Annotations",
        b"\0EDF Annotations",
        b"BDF Annotations",
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_a_signal_of_annotations_is_known_however_it_is_padded_and_wherever_it_is(
    tmp_path: Path, label: bytes, first: bool
) -> None:
    uv = eeg_like(10, FS_HZ)
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, annotations=[(3.0, None, "cue")], record_s=1)
    set_field(path, "label", 2, label)
    recording = open_recording(swapped(path) if first else path)
    assert recording.info.channels == ("AF7", "AF8")
    assert [mark.text for mark in recording.annotations] == ["cue"]
    np.testing.assert_allclose(read(path), uv, atol=STEP_UV)


def test_padding_with_nul_reads_as_padding_with_blanks(tmp_path: Path) -> None:
    uv = eeg_like(10, FS_HZ)
    start = datetime.fromisoformat("2026-03-01T22:30:05")
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, start=start, annotations=ROOM, record_s=1)
    raw = path.read_bytes()
    header = int(raw[184:192])
    fields = [
        (0, 8),
        (8, 80),
        (88, 80),
        (168, 8),
        (176, 8),
        (184, 8),
        (192, 44),
        (236, 8),
        (244, 8),
        (252, 4),
    ]
    at = 256
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8, 32):
        fields += [(at + i * width, width) for i in range(3)]
        at += 3 * width
    assert at == header
    for place, width in fields:
        patch(path, place, raw[place : place + width].rstrip(b" ").ljust(width, b"\0"))
    recording = open_recording(path)
    assert (recording.info.start, recording.info.labels) == (start, ("EEG AF7", "EEG AF8"))
    assert recording.warnings == ()
    np.testing.assert_allclose(read(path), uv, atol=STEP_UV)


def test_decimal_commas_read_as_decimal_points(tmp_path: Path) -> None:
    uv = eeg_like(10, FS_HZ)
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, record_s=1, limit=800.5)
    for signal in (0, 1):
        set_field(path, "physical_min", signal, b"-800,5")
        set_field(path, "physical_max", signal, b"800,50")
        set_field(path, "digital_max", signal, b"32767,0")
        set_field(path, "samples", signal, b"128,0")
    patch(path, 244, b"1,0     ")
    np.testing.assert_allclose(read(path), uv, atol=STEP_UV)
    assert open_recording(path).info.rail_uv == (800.5, 800.5)


@pytest.mark.parametrize("limit", ["1.976,0", "", "a", "nan", "1e999"])
def test_a_limit_that_is_no_number_is_refused_by_name(tmp_path: Path, limit: str) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ)
    set_field(path, "physical_max", 0, limit.encode())
    with pytest.raises(RecordingError, match="'EEG AF7' has no usable calibration"):
        open_recording(path)


@pytest.mark.parametrize(
    "limits",
    [
        {"digital_min": b"5", "digital_max": b"5"},
        {"digital_min": b"5", "digital_max": b"-5"},
        {"physical_min": b"3", "physical_max": b"3"},
        {"physical_min": b"-1e308", "physical_max": b"1e308"},
        {"physical_max": b"1e308", "digital_min": b"0", "digital_max": b"1"},
        {"physical_min": b"0", "physical_max": b"1e-320"},
        {"physical_max": "٣٣".encode()},
        {"digital_max": b"1.5"},
        {"digital_max": b"\xff\xfe"},
    ],
)
@pytest.mark.parametrize("bdf", [False, True])
def test_limits_that_scale_nothing_are_refused_where_chosen_and_no_hindrance_otherwise(
    tmp_path: Path, limits: dict[str, bytes], bdf: bool
) -> None:
    uv = eeg_like(5, FS_HZ)
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, record_s=1, bdf=bdf)
    for name, raw in limits.items():
        set_field(path, name, 0, raw)
    with pytest.raises(RecordingError, match="'EEG AF7' has no usable calibration"):
        open_recording(path)
    recording = open_recording(path, ["AF8"])
    np.testing.assert_allclose(
        np.concatenate([block.uv for block in recording.blocks()], axis=1), uv[1:], atol=STEP_UV
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_source(path)
        assert source.scale(0) is None
        assert all(np.isfinite(values).all() for _, values in source.pieces((0, 1)))


@pytest.mark.parametrize(
    ("place", "raw"),
    [
        (8, b"\xff" * 160),
        (168, b"99.99.99"),
        (176, b"\xfe\xfe.\xfe\xfe\xfe"),
        (184, b"\xff\xff\xff\xff"),
        (192, b"\xff" * 44),
        (252, b"2\0\xff\xff"),
        (252, b"2 \0\xff"),
        (252, "٢ ".encode() + b" "),
        (244, b"1\0\0\xff\xff"),
        (236, b"5\0\xff"),
    ],
)
def test_bytes_that_are_no_ascii_in_fixed_fields_are_survived_or_refused(
    tmp_path: Path, place: int, raw: bytes
) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ, record_s=1)
    said = refused(patch(path, place, raw))
    if said is None:
        np.testing.assert_allclose(read(path), eeg_like(5, FS_HZ), atol=STEP_UV)
    else:
        assert place in (236, 244, 252)
        assert "its header is damaged" in said


@pytest.mark.parametrize("seconds", [b"1e-320", b"1e-7", b"1e308", b"1e9", b"inf", b"1_0", b"-0.5"])
def test_a_record_of_an_absurd_length_is_refused(tmp_path: Path, seconds: bytes) -> None:
    path = patch(write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ), 244, seconds.ljust(8))
    with pytest.raises(RecordingError, match="a data record lasts"):
        open_recording(path)


def test_more_samples_a_second_than_any_device_takes_are_refused(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ, record_s=1)
    with pytest.raises(RecordingError, match="more than 1e\\+07 samples a second"):
        open_recording(patch(path, 244, b"0.00001 "))


def test_a_channel_without_samples_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    uv = eeg_like(5, FS_HZ, channels=3)
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, ("EEG AF7", "EMG", "EEG AF8"), record_s=1)
    set_field(path, "samples", 0, str(2 * FS_HZ).encode())
    set_field(path, "samples", 1, b"0")
    source = open_source(path)
    assert [(channel.label, channel.fs_hz) for channel in source.channels] == [
        ("EEG AF7", 2.0 * FS_HZ),
        ("EEG AF8", FS_HZ),
    ]
    assert source.warnings == ("channel 'EMG' holds no samples and is left out",)
    values = np.concatenate([piece for _, piece in source.pieces((1,))], axis=1)
    np.testing.assert_allclose(values, uv[2:], atol=STEP_UV)


@pytest.mark.parametrize("onset", ["9" * 400, "1" + "0" * 12])
def test_a_mark_at_a_time_that_cannot_be_is_passed_over(tmp_path: Path, onset: str) -> None:
    room = [(0.0, None, "x" * 500)]
    path = write_edf(tmp_path / "night.edf", eeg_like(5, FS_HZ), FS_HZ, annotations=room, record_s=1)
    raw = path.read_bytes()
    mark = f"+{onset}\x151\x14sample loss\x14\0+1\x14cue\x14\0".encode()
    at = raw.index(b"x" * 500)
    path.write_bytes(raw[: at - 3] + mark + raw[at - 3 + len(mark) :])
    recording = open_recording(path)
    assert [mark.text for mark in recording.annotations if "x" not in mark.text] == ["cue"]
    np.testing.assert_allclose(read(path), eeg_like(5, FS_HZ), atol=STEP_UV)


def mislabelled(path: Path, onsets_s: list[float]) -> Path:
    """A file that calls itself continuous and whose records say otherwise."""
    write_edf(path, eeg_like(len(onsets_s), FS_HZ), FS_HZ, annotations=ROOM, record_s=1)
    return patch(make_discontinuous(path, onsets_s), 192, b"EDF+C")


def test_a_pause_in_the_time_stamps_of_a_continuous_file_is_a_gap(tmp_path: Path) -> None:
    path = mislabelled(tmp_path / "night.edf", [0, 1, 2, 12, 13, 20])
    recording = open_recording(path)
    (said,) = recording.warnings
    assert said.startswith("its header says that it has no pauses, but by its time stamps 2 of together 15 s")
    assert recording.info.duration_s == 21.0
    expected = np.full((2, 21 * FS_HZ), np.nan)
    uv = eeg_like(6, FS_HZ)
    for second, at in enumerate((0, 1, 2, 12, 13, 20)):
        expected[:, at * FS_HZ : (at + 1) * FS_HZ] = uv[:, second * FS_HZ : (second + 1) * FS_HZ]
    np.testing.assert_allclose(read(path), expected, atol=STEP_UV)


@pytest.mark.parametrize("onsets_s", [[0, 0, 0, 0], [5, 4, 3, 2], [0, 1, 1.2, 3], [0, 1, 2, 200_000]])
def test_time_stamps_of_a_continuous_file_that_cannot_be_are_left_out_and_that_is_said(
    tmp_path: Path, onsets_s: list[float]
) -> None:
    path = mislabelled(tmp_path / "night.edf", onsets_s)
    recording = open_recording(path)
    assert recording.info.n_samples == 4 * FS_HZ
    assert "its time stamps are not" in recording.warnings[0]
    np.testing.assert_allclose(read(path), eeg_like(4, FS_HZ), atol=STEP_UV)


@pytest.mark.parametrize(
    ("eog", "why"),
    [
        ("ROC-LOC", "right minus left"),
        ("E2-M1", "of the right eye"),
        ("EOG(R)", "of the right eye"),
        ("Right Eye", "of the right eye"),
    ],
)
def test_an_eog_that_rises_as_the_eyes_go_right_is_turned_over_and_that_is_said(
    tmp_path: Path, eog: str, why: str
) -> None:
    uv = eeg_like(10, FS_HZ)
    path = write_edf(tmp_path / "night.edf", uv, FS_HZ, ("F4-A1", eog), record_s=1)
    recording = open_recording(path, [eog, "F4-A1"])
    assert recording.info.channels == ("F4", eog)
    assert recording.warnings == (
        f"channel {eog!r} is {why} and is turned over, to rise as the eyes go left",
    )
    blocks = list(recording.blocks(3.0))
    read_uv = np.concatenate([block.uv for block in blocks], axis=1)
    np.testing.assert_allclose(read_uv, uv * [[1.0], [-1.0]], atol=STEP_UV)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(place=st.integers(0, 1023), raw=st.binary(min_size=1, max_size=40))
def test_any_damage_to_a_header_is_survived_or_refused_in_a_sentence(
    tmp_path: Path, place: int, raw: bytes
) -> None:
    path = write_edf(tmp_path / "night.edf", eeg_like(3, FS_HZ), FS_HZ, annotations=ROOM, record_s=1)
    patch(path, place, raw)
    try:
        for _ in open_recording(path).blocks(1.0):
            pass
    except RecordingError as error:
        said = str(error)
    else:
        return
    assert str(path) in said
