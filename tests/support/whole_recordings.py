"""Recordings written for a test, opened, and all samples read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.readers import open_recording, open_source
from sanctuary.firmware_bridge.recordings.recording import Recording
from sanctuary.firmware_bridge.recordings.recording_source import (
    NO_READING_OPTIONS,
    ReadingOptions,
    RecordingSource,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ReadBack:
    """An opened file and its samples, ``(channels, samples)``, NaN where there are none."""

    source: RecordingSource
    values: Floats

    @property
    def said(self) -> str:
        """All warnings in one text."""
        return "\n".join(self.source.warnings)


def read_back(
    path: Path, data: str | bytes | None = None, options: ReadingOptions = NO_READING_OPTIONS
) -> ReadBack:
    """Write `data` to `path`, unless it is there, and read all of it."""
    if data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    source = open_source(path, options)
    values = np.full((len(source.channels), source.channels[0].n_samples), np.nan)
    end = 0
    for start, piece in source.pieces(range(len(source.channels))):
        assert start >= end, "pieces overlap"
        end = start + piece.shape[1]
        values[:, start:end] = piece
    return ReadBack(source, values)


def assert_samples(read: ReadBack, uv: Floats, rows: NDArray[np.int64], *, within_uv: float) -> None:
    """Every kept sample at its place in time and within half a step, nothing anywhere else."""
    expected = np.full((len(uv), int(rows[-1]) + 1), np.nan)
    expected[:, rows] = uv[:, rows]
    expected = expected[:, int(rows[0]) :]
    found = read.values[: len(uv)]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert float(np.nanmax(np.abs(found - expected))) <= within_uv


def samples(recording: Recording, block_s: float = 7.0) -> NDArray[np.float64]:
    """All samples of a recording, uV."""
    return np.concatenate([block.uv for block in recording.blocks(block_s)], axis=1)


def refused(path: Path) -> str | None:
    """Message with which a file is refused, or None if it can be read to its end."""
    try:
        for _ in open_recording(path).blocks():
            pass
    except RecordingError as error:
        return str(error)
    return None
