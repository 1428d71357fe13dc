"""What every reader makes of a file: its channels, its clock, and its samples in stretches.

A reader neither chooses channels nor converts units; `sanctuary.firmware_bridge.recordings.recording` does
both for all of them. Units are the file's own, and are never guessed from the values.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.signal.samples import FloatArray

Stretch = tuple[int, FloatArray]
"""A stretch without a pause: index of its first sample on the sample clock, and values ``(channels, n)``.

Single samples that a file marks as lost are NaN. Pieces come in order and do not overlap; what lies between
two of them is a pause."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What a file does not say of itself, as told by a person.

    Attributes
    ----------
    start
        Wall clock of the first sample, without a time zone.
    board
        Name of the board that wrote a file without a header, such as ``cyton``.
    gain
        Gain of the amplifier where the file holds plain counts.
    stream
        Name of the stream, in files that hold several.
    """

    start: datetime | None = None
    board: str | None = None
    gain: float | None = None
    stream: str | None = None


NO_READING_OPTIONS = ReadingOptions()


@dataclass(frozen=True, slots=True)
class SourceChannel:
    """One channel of a file.

    Attributes
    ----------
    label, unit
        As the file writes them.
    fs_hz
        Sampling rate.
    n_samples
        Length on the channel's sample clock, pauses included.
    """

    label: str
    unit: str
    fs_hz: float
    n_samples: int


class RecordingSource(ABC):
    """An opened file of one format.

    Attributes
    ----------
    path
        The file, for messages; of several files the first.
    format
        What it is, in words: ``"EDF"``, ``"Mind Monitor CSV"``.
    channels
        Every channel of signal, in the file's order.
    start
        Wall clock of the first sample (no time zone), or None where the file has none.
    annotations
        What is marked, onsets in seconds since the first sample.
    warnings
        One sentence each: what is missing, doubtful or was assumed.
    """

    path: Path
    format: str
    channels: tuple[SourceChannel, ...]
    start: datetime | None
    annotations: tuple[Annotation, ...]
    warnings: tuple[str, ...]

    @abstractmethod
    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        """Stretches of the chosen channels, which have one rate, in their units; may be called again.

        Raises
        ------
        RecordingError
            The file can no longer be read.
        """

    def rail(self, index: int) -> float:
        """Magnitude, in the channel's unit, at which it rails; infinity where that is not known.

        Raises
        ------
        RecordingError
            The file's calibration of this channel cannot be used.
        """
        del index
        return np.inf

    def scale(self, index: int) -> tuple[float, float, int, int] | None:
        """How the file stores a channel as whole numbers, or None where it does not.

        Physical minimum and maximum in the channel's unit, and the digital values that stand for them.
        """
        del index
        return None

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
        """Give up to `most` seconds spread over the recording, shape ``(channels, n, samples a second)``.

        Of the channels' own samples and units; readers with random access need not read the whole file.
        """
        channel = self.channels[chosen[0]]
        size = max(1, int(channel.fs_hz))
        every = max(1, channel.n_samples // (most * size))
        found: list[FloatArray] = []
        for start, values in self.pieces(chosen):
            first = -(-start // size)
            for second in range(first + (-first) % every, (start + values.shape[1]) // size, every):
                at = second * size - start
                found.append(values[:, at : at + size].copy())
        return np.stack(found, axis=1) if found else np.empty((len(chosen), 0, size))


def dense(pieces: Iterator[Stretch], rows: int, n_samples: int, size: int) -> Iterator[FloatArray]:
    """Arrays ``(rows, size)`` one after another (the last may be shorter), NaN where no piece is.

    Parameters
    ----------
    pieces
        As `Source.pieces` gives them.
    rows, n_samples
        Channels, and the length of the sample clock.
    size
        Samples in each array.
    """
    start, values = 0, np.full((rows, size), np.nan)
    for first, piece in pieces:
        at, rest = first, piece
        while rest.shape[1]:
            while at >= start + size:
                yield values
                start, values = start + size, np.full((rows, size), np.nan)
            n = min(start + size - at, rest.shape[1])
            values[:, at - start : at - start + n] = rest[:, :n]
            at, rest = at + n, rest[:, n:]
    while start < n_samples:
        yield values[:, : n_samples - start]
        start, values = start + size, np.full((rows, size), np.nan)


@contextmanager
def open_for_reading(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open `path` for reading bytes; operating-system errors inside become `RecordingError`.

    Parameters
    ----------
    path
        The file.
    what
        What the file should be, for the message: ``"an EDF or BDF file"``.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise RecordingError(f"{path}: this is a folder; name {what} in it")
        if not stat.S_ISREG(mode):
            raise RecordingError(f"{path}: this is not an ordinary file; name {what}")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: there is no such file; check the path") from error
    except PermissionError as error:
        raise RecordingError(f"{path}: reading is not allowed; change the file's permissions") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(f"{path}: cannot be read ({reason}); copy it to a sound disk") from error


LONGEST_GAP_S = 24 * 3600.0
"""A longer pause within a night is a damaged time stamp."""
IntArray = NDArray[np.int64]


def unused_options(form: str, options: ReadingOptions, *used: str) -> list[str]:
    """Say which options a format has no use for."""
    named = {"board": options.board, "gain": options.gain, "stream": options.stream}
    return [
        f"--{name} {value} is not used: {form} files do not need it"
        for name, value in named.items()
        if value is not None and name not in used
    ]


FARTHEST_S = 1e12
"""No time or length in a recording comes near this; what goes beyond is damaged."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something marked in a recording.

    Attributes
    ----------
    onset_s
        Seconds since the first sample (in a file: since the start time in its header).
    duration_s
        Length, or None where the file gives none.
    text
        What happened.
    """

    onset_s: float
    duration_s: float | None
    text: str

    @property
    def believable(self) -> bool:
        """Whether onset and length are numbers and times that a recording can have."""
        length_s = 0.0 if self.duration_s is None else self.duration_s
        return abs(self.onset_s) < FARTHEST_S and 0.0 <= length_s < FARTHEST_S
