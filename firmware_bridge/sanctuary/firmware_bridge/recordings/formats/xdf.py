"""XDF files of LabRecorder, read with pyxdf: the EEG stream as channels, text streams as annotations.

pyxdf loads whole streams. Its hook for each chunk is used to write the samples to a temporary file instead,
and to leave it only a few time stamps, so that memory does not grow with the night: the first one of each
unbroken run and about one a second. pyxdf puts these on the clock of the recording computer; each run is
then a straight line through its stamps, and what lies between two runs is a pause.
"""

from __future__ import annotations

import logging
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyxdf

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.xdf_layout import (
    MAGIC,
    StampAnchors,
    StreamInfo,
    StreamTimeline,
    XdfSurvey,
    survey_chunks,
    timeline,
)
from sanctuary.firmware_bridge.recordings.recording_source import (
    LONGEST_GAP_S,
    NO_READING_OPTIONS,
    Annotation,
    ReadingOptions,
    RecordingSource,
    SourceChannel,
    Stretch,
    open_for_reading,
)
from sanctuary.signal.samples import FloatArray

_WHAT = "an XDF file"
_PIECE_SAMPLES = 1 << 14
_MOST_MARKS = 1_000_000


def is_xdf(head: bytes) -> bool:
    """Whether a file that begins with these bytes is XDF."""
    return head.startswith(MAGIC) and head[4:5] in (b"\x01", b"\x04", b"\x08")


class XdfSource(RecordingSource):
    """The EEG stream of one XDF file.

    Parameters
    ----------
    path
        The file.
    options
        `ReadingOptions.stream` names the stream where there are several of EEG, or one of another type;
        `ReadingOptions.start` replaces what the file's header says.

    Raises
    ------
    RecordingError
        The file is damaged beyond use, or it is not clear which stream is meant.
    """

    def __init__(self, path: Path, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        self.path, self.format = path, "XDF"
        with open_for_reading(path, _WHAT) as file:
            found = survey_chunks(file)
            stream = _chosen(path, found, options.stream)
            loaded = _load(path, file, found, stream)
        self._samples, self._dtype, self._n_channels = loaded.samples, loaded.dtype, stream.n_channels
        weakref.finalize(self, loaded.samples.close)
        self._line = line = _line(path, stream, loaded)
        self.channels = tuple(
            SourceChannel(label, unit, line.fs_hz, line.n_samples)
            for label, unit in zip(_labels(stream), stream.units, strict=True)
        )
        self.start = options.start or _start(found.datetime)
        self.annotations = tuple(sorted(_annotations(loaded.others, line.origin_s), key=lambda m: m.onset_s))
        warnings = (
            [] if found.complete else ["the file is cut off or damaged at its end; what lies before is used"]
        )
        self.warnings = (*warnings, *loaded.warnings, *line.warnings, *_doubts(stream))

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        size = self._n_channels * self._dtype.itemsize
        for row, first, count in self._line.runs:
            for at in range(0, count, _PIECE_SAMPLES):
                n = min(_PIECE_SAMPLES, count - at)
                raw = os.pread(self._samples.fileno(), n * size, (row + at) * size)
                if len(raw) < n * size:
                    raise RecordingError(
                        f"{self.path}: its unpacked samples can no longer be read; try again"
                    )
                values = np.frombuffer(raw, self._dtype).reshape(n, self._n_channels)
                with np.errstate(invalid="ignore"):
                    taken = values[:, list(chosen)].T.astype(np.float64)
                taken[~np.isfinite(taken)] = np.nan
                yield first + at, taken


@dataclass(slots=True)
class _Loaded:
    """What pyxdf gave: samples in a temporary file, stamps of some of them, and the streams of text."""

    samples: BinaryIO
    dtype: np.dtype[Any]
    n_samples: int
    anchors: StampAnchors
    stamps_s: FloatArray
    others: list[dict[str, Any]]
    warnings: list[str]


class _Prefix(RawIOBase):
    """The part of an opened file that can be believed."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        super().__init__()
        self._file, self._end = file, end
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raw = self._file.read(max(0, min(len(buffer), self._end - self._file.tell())))
        buffer[: len(raw)] = raw
        return len(raw)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _chosen(path: Path, found: XdfSurvey, name: str | None) -> StreamInfo:
    usable = [each for each in found.streams if each.format != "string" and each.nominal_hz > 0.0]
    listed = ", ".join(f"{each.name!r} ({each.type or 'no type'})" for each in found.streams) or "none"
    if name is not None:
        fitting = [each for each in usable if each.name.casefold() == name.casefold()]
        if not fitting:
            raise RecordingError(f"{path}: no stream of signals is named {name!r}; its streams are {listed}")
    else:
        fitting = [each for each in usable if each.type.casefold() == "eeg"]
        if not fitting:
            raise RecordingError(
                f"{path}: no stream has the type EEG; name one with --stream (its streams are {listed})"
            )
    filled = [each for each in fitting if found.samples.get(each.id)]
    if not filled:
        raise RecordingError(
            f"{path}: its stream {fitting[0].name!r} holds no samples; use another recording"
        )
    if len(filled) > 1:
        names = {each.name for each in filled}
        several = ", ".join(f"{each.name!r} ({found.samples[each.id]} samples)" for each in filled)
        if len(names) == 1:
            raise RecordingError(
                f"{path}: holds the stream {filled[0].name!r} {len(filled)} times; export the one you mean"
            )
        raise RecordingError(f"{path}: holds several streams of EEG, {several}; name one with --stream")
    return filled[0]


def _load(path: Path, file: BinaryIO, found: XdfSurvey, stream: StreamInfo) -> _Loaded:
    """Let pyxdf read the chosen stream, its samples into a temporary file, and all streams of text."""
    samples: BinaryIO = _temporary()
    anchors = StampAnchors(stream.nominal_hz)
    trouble: list[OSError] = []
    dtypes: set[np.dtype[Any]] = set()
    nothing = np.empty((0, stream.n_channels))

    def take(values: Any, stamps: FloatArray, info: Any, number: int) -> tuple[Any, FloatArray, Any]:
        if number != stream.id:
            return values, stamps, info
        dtypes.add(values.dtype)
        try:
            samples.write(values.tobytes())
        except OSError as error:
            trouble.append(error)
        return nothing, anchors.take(stamps), info

    texts = [each for each in found.streams if each.format == "string"]
    wanted = [stream.id, *(each.id for each in texts if found.samples.get(each.id, 0) <= _MOST_MARKS)]
    warnings = [
        f"the stream {each.name!r} has {found.samples[each.id]} texts and is left out"
        for each in texts
        if each.id not in wanted
    ]
    try:
        with _quiet() as complaints:
            whole = BufferedReader(_Prefix(file, found.end))
            streams, _ = pyxdf.load_xdf(whole, wanted, on_chunk=take, dejitter_timestamps=False)
            samples.flush()
        own = next(each for each in streams if each["info"]["stream_id"] == stream.id)
        stamps_s = np.asarray(own["time_stamps"], dtype=np.float64)
    except Exception as error:
        samples.close()
        raise RecordingError(f"{path}: pyxdf cannot read it ({error}); use an undamaged copy") from error
    except BaseException:
        samples.close()
        raise
    if trouble:
        samples.close()
        raise RecordingError(
            f"{tempfile.gettempdir()}: cannot keep the samples of {path.name} here ({trouble[0].strerror}); "
            "free space, or set TMPDIR to a folder with room"
        ) from trouble[0]
    lost = sum("corruption" in text for text in complaints)
    warnings += [f"{lost} of its chunks are damaged and left out"] if lost else []
    others = [each for each in streams if each["info"]["stream_id"] != stream.id]
    dtype = next(iter(dtypes), np.dtype(np.float64))
    return _Loaded(samples, dtype, anchors.n_samples, anchors, stamps_s, others, warnings)


def _temporary() -> BinaryIO:
    try:
        return tempfile.TemporaryFile(prefix="sanctuary-")
    except OSError as error:
        raise RecordingError(
            f"{tempfile.gettempdir()}: no temporary file can be made here ({error.strerror}); set TMPDIR to "
            "a folder with room"
        ) from error


class _Keeping(logging.Handler):
    """Keeps what is logged as texts."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep pyxdf's log to ourselves; gives its complaints."""
    complaints: list[str] = []
    handler = _Keeping(complaints)
    logger = logging.getLogger("pyxdf.pyxdf")
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with np.errstate(all="ignore"):
            yield complaints
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _line(path: Path, stream: StreamInfo, loaded: _Loaded) -> StreamTimeline:
    line = timeline(loaded.anchors, loaded.stamps_s, stream.nominal_hz) if loaded.n_samples else None
    if line is None:
        raise RecordingError(f"{path}: the time stamps of {stream.name!r} are damaged; use an undamaged copy")
    if line.longest_pause_s > LONGEST_GAP_S:
        raise RecordingError(
            f"{path}: the time stamps of {stream.name!r} are damaged (they jump by more than a day); use an "
            "undamaged copy"
        )
    return line


def _labels(stream: StreamInfo) -> list[str]:
    return [label or f"channel {i + 1}" for i, label in enumerate(stream.labels)]


def _doubts(stream: StreamInfo) -> list[str]:
    if all(stream.labels):
        return []
    return [f"the stream {stream.name!r} names no channels; they are called 'channel 1' and so on"]


def _start(text: str) -> datetime | None:
    """Wall clock at which the recorder started; the zone is dropped, as EDF has none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _annotations(streams: Sequence[dict[str, Any]], origin_s: float) -> Iterator[Annotation]:
    for stream in streams:
        for stamp_s, values in zip(stream["time_stamps"], stream["time_series"], strict=False):
            text = " ".join(value for value in values if value)
            mark = Annotation(round(float(stamp_s) - origin_s, 6), None, text)
            if text and mark.believable:
                yield mark
