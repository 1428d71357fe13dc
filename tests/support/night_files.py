"""Recordings and hypnograms written for tests, with edfio and with the flaws that real files have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from edfio import Bdf, BdfSignal, Edf, EdfAnnotation, EdfSignal, Recording
from numpy.typing import NDArray

FIXED = 256
ROOM = ((0.0, None, "room for longer time stamps"),)
RECORDS_FIELD = slice(236, 244)


def eeg_like(seconds: float, fs_hz: float, *, seed: int = 0, channels: int = 2) -> NDArray[np.float64]:
    """Noise of about 20 uV, shape ``(channels, samples)``."""
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 20.0, (channels, round(seconds * fs_hz)))


def write_edf(
    path: Path,
    values: NDArray[np.float64],
    fs_hz: float,
    labels: Sequence[str] = ("EEG AF7", "EEG AF8"),
    *,
    unit: str = "uV",
    limit: float = 800.0,
    start: datetime | None = None,
    annotations: Iterable[tuple[float, float | None, str]] | None = None,
    record_s: float | None = None,
    bdf: bool = False,
) -> Path:
    """Write ``(channels, samples)`` in `unit`, physical range plus and minus `limit`; returns `path`."""
    signal_class, file_class = (BdfSignal, Bdf) if bdf else (EdfSignal, Edf)
    signals: list[Any] = [
        signal_class(row, fs_hz, label=label, physical_dimension=unit, physical_range=(-limit, limit))
        for row, label in zip(np.clip(values, -limit, limit), labels, strict=True)
    ]
    file_class(
        signals,
        recording=Recording(startdate=start.date()) if start else None,
        starttime=start.time() if start else None,
        data_record_duration=record_s,
        annotations=None if annotations is None else [EdfAnnotation(*mark) for mark in annotations],
    ).write(path)
    return path


def write_hypnogram_csv(path: Path, stages: Sequence[str], epoch_s: float = 30.0) -> Path:
    """Write one row per stage."""
    rows = [f"{i * epoch_s:g},{epoch_s:g},{stage}" for i, stage in enumerate(stages)]
    path.write_text("\n".join(["onset_s,duration_s,stage", *rows]) + "\n", encoding="utf-8")
    return path


def write_hypnogram_edf(path: Path, scored: Iterable[tuple[float, float | None, str]]) -> Path:
    """Write a file of annotations only, as Sleep-EDF does."""
    Edf([], annotations=[EdfAnnotation(*mark) for mark in scored]).write(path)
    return path


def patch(path: Path, place: int, raw: bytes) -> Path:
    """Overwrite bytes of a file."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(raw)
    return path


def set_record_count(path: Path, count: int) -> Path:
    """Make the header claim `count` data records."""
    return patch(path, RECORDS_FIELD.start, str(count).encode().ljust(8))


def set_field(path: Path, name: str, signal: int, raw: bytes) -> Path:
    """Overwrite a per-signal header field; bytes, because real headers are not always ASCII."""
    widths = {
        "label": 16, "transducer": 80, "unit": 8, "physical_min": 8, "physical_max": 8,
        "digital_min": 8, "digital_max": 8, "prefilter": 80, "samples": 8,
    }  # fmt: skip
    n_signals = int(path.read_bytes()[252:256])
    before = list(widths)[: list(widths).index(name)]
    place = FIXED + n_signals * sum(widths[field] for field in before) + signal * widths[name]
    return patch(path, place, raw.ljust(widths[name]))


def cut_last_bytes(path: Path, count: int) -> Path:
    """Truncate a file, as a full disk or a broken copy does."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - count)
    return path


def make_discontinuous(path: Path, onsets_s: Sequence[float]) -> Path:
    """Turn an EDF+C or BDF+C file into +D: data record i starts at ``onsets_s[i]``.

    The annotation signal must be the last one, written with the annotations `ROOM`, which go.
    """
    raw = bytearray(path.read_bytes())
    kind = raw[192:195].decode()
    n_signals = int(raw[252:256])
    place = FIXED + n_signals * 216
    samples = [int(raw[place + 8 * i : place + 8 * (i + 1)]) for i in range(n_signals)]
    width = 3 if kind == "BDF" else 2
    record, room = width * sum(samples), width * samples[-1]
    header = FIXED * (n_signals + 1)
    if (len(raw) - header) // record != len(onsets_s):
        raise ValueError(f"{len(onsets_s)} onsets for {(len(raw) - header) // record} records")
    for i, onset_s in enumerate(onsets_s):
        end = header + (i + 1) * record
        keeping = f"+{onset_s:g}\x14\x14\x00".encode()
        if len(keeping) > room:
            raise ValueError(f"no room for {keeping!r}")
        raw[end - room : end] = keeping.ljust(room, b"\x00")
    raw[192:197] = f"{kind}+D".encode()
    path.write_bytes(raw)
    return path
