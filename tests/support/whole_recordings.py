"""Recordings read whole, for comparison with what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.opening import open_recording
from sanctuary.firmware_bridge.recordings.recording import Recording


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
