"""Recordings of laboratories' and loggers' formats, written byte by byte for tests."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed546738 3cbe4".replace(" ", ""))


def zmax_edf(
    path: Path,
    label: str,
    values: NDArray[np.float64],
    fs_hz: int = 256,
    *,
    limit: float = 1976.0,
    comma: bool = True,
    time: str = "22.00.00",
    unit: str = "uV",
) -> Path:
    """Write one channel as HDRecorder does: plain EDF, decimal commas, digital -32767 to 32767."""

    def field(value: object, width: int) -> bytes:
        return str(value).encode("ascii").ljust(width)

    records = len(values) // fs_hz
    low, high = (f"{x:.1f}".replace(".", "," if comma else ".") for x in (-limit, limit))
    head = field("0", 8) + field("X X X X", 80) + field("Startdate 01-FEB-2024 X X X", 80)
    head += field("01.02.24", 8) + field(time, 8) + field(512, 8) + field("", 44) + field(records, 8)
    head += field("1", 8) + field(1, 4) + field(label, 16) + field("", 80) + field(unit, 8)
    head += field(low, 8) + field(high, 8) + field(-32767, 8) + field(32767, 8) + field("", 80)
    head += field(fs_hz, 8) + field("", 32)
    counts = np.rint(np.clip(values[: records * fs_hz], -limit, limit) / limit * 32767)
    path.write_bytes(head + counts.astype("<i2").tobytes())
    return path


def xdf_length(count: int) -> bytes:
    """Write a number of variable length."""
    if count < 256:
        return b"\x01" + bytes([count])
    return b"\x04" + struct.pack("<I", count)


def xdf_chunk(tag: int, content: bytes) -> bytes:
    """Write one chunk."""
    body = struct.pack("<H", tag) + content
    return xdf_length(len(body)) + body


def xdf_header(
    stream: int,
    name: str,
    kind: str,
    labels: Sequence[str],
    fs_hz: float,
    *,
    unit: str | None = "microvolts",
    channel_format: str = "float32",
) -> bytes:
    """Write the header of a stream."""
    units = "" if unit is None else f"<unit>{unit}</unit>"
    channels = "".join(f"<channel><label>{label}</label>{units}</channel>" for label in labels)
    xml = (
        f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type>"
        f"<channel_count>{len(labels)}</channel_count><nominal_srate>{fs_hz:g}</nominal_srate>"
        f"<channel_format>{channel_format}</channel_format>"
        f"<desc><channels>{channels}</channels></desc></info>"
    )
    return xdf_chunk(2, struct.pack("<I", stream) + xml.encode())


def xdf_samples(
    stream: int, stamps_s: NDArray[np.float64], values: NDArray[Any], per_chunk: int = 64
) -> Iterable[bytes]:
    """Write ``(n, channels)`` samples, each with its time stamp."""
    size = values.shape[1] * values.itemsize
    for at in range(0, len(values), per_chunk):
        rows = values[at : at + per_chunk]
        raw = np.empty((len(rows), 9 + size), np.uint8)
        raw[:, 0] = 8
        raw[:, 1:9] = stamps_s[at : at + per_chunk].astype("<f8").view(np.uint8).reshape(-1, 8)
        raw[:, 9:] = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), size)
        yield xdf_chunk(3, struct.pack("<I", stream) + xdf_length(len(rows)) + raw.tobytes())


def xdf_texts(stream: int, marks: Iterable[tuple[float, str]]) -> Iterable[bytes]:
    """Write one text a sample."""
    for stamp_s, text in marks:
        raw = text.encode()
        sample = b"\x08" + struct.pack("<d", stamp_s) + xdf_length(len(raw)) + raw
        yield xdf_chunk(3, struct.pack("<I", stream) + xdf_length(1) + sample)


def xdf_offsets(stream: int, times_s: Iterable[float], offset_s: float) -> Iterable[bytes]:
    """Write measurements of a clock's offset."""
    for time_s in times_s:
        yield xdf_chunk(4, struct.pack("<Idd", stream, time_s, offset_s))


def write_xdf(path: Path, *parts: bytes | Iterable[bytes], datetime: str | None = None) -> Path:
    """Write a file of chunks."""
    when = f"<datetime>{datetime}</datetime>" if datetime else ""
    head = xdf_chunk(1, f"<?xml version='1.0'?><info><version>1.0</version>{when}</info>".encode())
    with path.open("wb") as file:
        file.write(b"XDF:" + head)
        for part in parts:
            file.writelines([part] if isinstance(part, bytes) else part)
    return path


def write_brainvision(
    path: Path,
    values: NDArray[np.float64],
    fs_hz: float,
    labels: Sequence[str],
    *,
    unit: str = "µV",
    resolution: float = 0.1,
    markers: Sequence[str] = (),
) -> Path:
    """Write ``(channels, samples)`` as .vhdr, .vmrk and .eeg (16 bits); `path` is the header."""
    stem = path.with_suffix("")
    channels = [f"Ch{i}={label},,{resolution:g},{unit}" for i, label in enumerate(labels, 1)]
    path.write_text(
        "\n".join(
            [
                "Brain Vision Data Exchange Header File Version 1.0", "", "[Common Infos]", "Codepage=UTF-8",
                f"DataFile={stem.name}.eeg", f"MarkerFile={stem.name}.vmrk", "DataFormat=BINARY",
                "DataOrientation=MULTIPLEXED", f"NumberOfChannels={len(labels)}",
                f"SamplingInterval={1e6 / fs_hz:.10g}", "", "[Binary Infos]", "BinaryFormat=INT_16", "",
                "[Channel Infos]", *channels, "",
            ]
        ),
        encoding="utf-8",
    )  # fmt: skip
    marks = [f"Mk{i}={text}" for i, text in enumerate(markers, 1)]
    stem.with_suffix(".vmrk").write_text(
        "\n".join(
            [
                "Brain Vision Data Exchange Marker File, Version 1.0", "", "[Common Infos]", "Codepage=UTF-8",
                f"DataFile={stem.name}.eeg", "", "[Marker Infos]", *marks, "",
            ]
        ),
        encoding="utf-8",
    )  # fmt: skip
    stem.with_suffix(".eeg").write_bytes(np.rint(values / resolution).astype("<i2").T.tobytes())
    return path


def write_gdf2(path: Path, values: NDArray[np.float64], fs_hz: int, labels: Sequence[str], code: int) -> Path:
    """Write ``(channels, samples)`` of float32 as GDF 2.20 with one physical dimension code for all."""
    n = len(labels)
    records = values.shape[1] // fs_hz
    head = bytearray(256 * (n + 1))
    head[:8] = b"GDF 2.20"
    head[184:186] = struct.pack("<H", n + 1)
    head[168:176] = struct.pack("<Q", int((738_000 + 22.5 / 24) * 2**32))
    head[236:244] = struct.pack("<q", records)
    head[244:252] = struct.pack("<II", 1, 1)
    head[252:254] = struct.pack("<H", n)

    def put(place: int, size: int, i: int, raw: bytes) -> None:
        at = 256 + place * n + i * size
        head[at : at + len(raw)] = raw

    for i, label in enumerate(labels):
        put(0, 16, i, label.encode())
        put(102, 2, i, struct.pack("<H", code))
        for place, value in ((104, -1000.0), (112, 1000.0), (120, -1000.0), (128, 1000.0)):
            put(place, 8, i, struct.pack("<d", value))
        put(216, 4, i, struct.pack("<I", fs_hz))
        put(220, 4, i, struct.pack("<I", 16))
    blocks = [
        values[i, k * fs_hz : (k + 1) * fs_hz].astype("<f4").tobytes()
        for k in range(records)
        for i in range(n)
    ]
    path.write_bytes(bytes(head) + b"".join(blocks))
    return path


def good_xdf() -> bytes:
    """A small XDF file with a pause, texts and clock offsets, for fuzzing."""
    values = np.random.default_rng(0).normal(0.0, 20.0, (1500, 2)).astype("<f4")
    stamps_s = 5000.0 + np.arange(len(values)) / 256
    stamps_s[900:] += 3.0
    with TemporaryDirectory() as folder:
        path = write_xdf(
            Path(folder) / "good.xdf",
            xdf_header(1, "Muse", "EEG", ("AF7", "AF8"), 256),
            xdf_header(2, "Marks", "Markers", ("mark",), 0, channel_format="string"),
            xdf_offsets(1, [5000.0, 5003.0, 5006.0], 1.0),
            xdf_texts(2, [(5001.0, "cue")]),
            xdf_samples(1, stamps_s, values, 100),
            datetime="2024-05-01T23:10:05+0200",
        )
        return path.read_bytes()


def good_edf() -> bytes:
    """A small ZMax file, for fuzzing."""
    with TemporaryDirectory() as folder:
        return zmax_edf(Path(folder) / "EEG L.edf", "EEG L", np.arange(512.0) % 50).read_bytes()


def good_gzip() -> bytes:
    """A small ZMax file in gzip, for fuzzing."""
    return gzip.compress(good_edf())


def good_zip() -> bytes:
    """Both files of a ZMax in a zip archive, one of them in gzip, for fuzzing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("night/EEG L.edf", good_edf())
        archive.writestr("night/EEG R.edf.gz", gzip.compress(good_edf().replace(b"EEG L", b"EEG R")))
        archive.writestr("night/notes.txt", b"slept well")
    return packed.getvalue()
