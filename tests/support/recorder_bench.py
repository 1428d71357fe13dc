"""A night recorder that tells what it reported, and its nights read back."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.signal.samples import SampleBlock

FS_HZ = 256.0
CHANNELS = ("AF7", "AF8")
START = datetime(2026, 3, 1, 22, 30, 5, 250_000, tzinfo=UTC)


class Night:
    """A recorder, what it reported, and a shorthand for pushing."""

    begun: ClassVar[list[Night]] = []

    def __init__(self, folder: Path, fs_hz: float = FS_HZ, **options: Any) -> None:
        self.reports: list[str] = []
        self.fs_hz = fs_hz
        self.recorder = NightRecorder(
            folder, "harbour-1", fs_hz, CHANNELS, START, report=self.reports.append, **options
        )

        self.begun.append(self)

    def push(self, uv: np.ndarray, start: int) -> None:
        self.recorder.push(SampleBlock(start, self.fs_hz, CHANNELS, uv))


def read_back(path: Path) -> np.ndarray:
    return np.concatenate([block.uv for block in open_recording(path).blocks(7.0)], axis=1)


def padded(uv: np.ndarray, record: int = 256) -> np.ndarray:
    return np.pad(uv, ((0, 0), (0, -uv.shape[1] % record)), constant_values=np.nan)


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the operating system refuses, after writing what still fits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
