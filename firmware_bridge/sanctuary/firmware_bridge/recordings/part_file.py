"""The file a night is written to while it lasts: append-only, private, never left with a torn record.

It carries the ending ``.part`` and a lock, so that another process can tell a night in progress from one
whose recorder died. The lock goes with its process; no clean-up is needed after a crash. A queue between
recorder and disk keeps records while the disk takes none, and the marks that go with them.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_annotations import SAMPLE_LOSS
from sanctuary.firmware_bridge.recordings.edf_writing import NightFormat, record_count_field
from sanctuary.firmware_bridge.recordings.recording_source import Annotation

PART = ".part"


class Spool:
    """An unfinished night on disk; made by `create_spool` or `adopt_spool`.

    Attributes
    ----------
    path
        Name that the finished night will have; another number is added if that file exists by then.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self._file = file
        self._length = file.seek(0, os.SEEK_END)

    @property
    def part(self) -> Path:
        """The file itself."""
        return part_of(self.path)

    def append(self, frame: bytes) -> None:
        """Write `frame` wholly or not at all.

        Raises
        ------
        OSError
            Not written: the disk is full or gone. May be tried again.
        """
        view = memoryview(frame)
        self._file.seek(self._length)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError:
            self.cut(self._length)
            raise
        self._length += len(frame)

    def cut(self, length: int) -> None:
        """Leave off everything after `length` bytes."""
        self._file.truncate(length)
        self._length = self._file.seek(length)

    def sync(self) -> None:
        """Force what was written onto the disk.

        Raises
        ------
        OSError
            The disk does not take it.
        """
        os.fsync(self._file.fileno())

    def finish(self, n_records: int) -> Path:
        """Fill in the number of data records, close, and give the file its final name in one step.

        Raises
        ------
        OSError
            The disk does not take it; the spool stays as it is.
        """
        self.cut(self._length)
        place, count = record_count_field(n_records)
        os.pwrite(self._file.fileno(), count, place)
        self.sync()
        final = _free(self.path, own=self.part)
        self.part.replace(final)
        self.release()
        _sync_folder(final.parent)
        return final

    def discard(self) -> None:
        """Remove a spool that holds no data."""
        self.part.unlink()
        self.release()

    def release(self) -> None:
        """Close the file and give up its lock; finished or not, it stays as it is."""
        self._file.close()


def part_of(path: Path) -> Path:
    """Spool of the night that is to be `path`."""
    return path.with_name(path.name + PART)


def create_spool(path: Path) -> Spool:
    """Start the spool of a new night, readable by its owner only.

    Raises
    ------
    RecordingError
        The folder or file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path = _free(path)
        file = FileIO(part_of(path), "x+", opener=_private)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RecordingError(
            f"{path}: cannot be recorded to ({error.strerror}); free some space, or choose another folder"
        ) from error
    return Spool(path, file)


def adopt_spool(part: Path) -> Spool | None:
    """Take over the spool of a recorder that died; None while a living one holds it.

    Raises
    ------
    OSError
        It cannot be opened for writing.
    """
    file = FileIO(part, "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if isinstance(error, BlockingIOError):
            return None
        raise
    return Spool(part.with_name(part.name.removesuffix(PART)), file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free(path: Path, own: Path | None = None) -> Path:
    """Add the first number to `path` that no finished night and no other spool has: nights stay."""
    candidate, number = path, 1
    while candidate.exists() or (part_of(candidate) != own and part_of(candidate).exists()):
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, on file systems that can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


Report = Callable[[str], None]

MOST_NOTES = 10_000
"""Marks that may wait; a night has some hundreds."""
_OVERFLOW = "further annotations were lost"
_NOTES_TRIED = 16
"""More annotations than this never fit into one data record."""


class RecordQueue:
    """Writes data records in order; keeps them, within bounds, while the disk refuses.

    Parameters
    ----------
    night, spool
        How records are encoded, and where they go.
    sync_s, waiting_bytes
        See `sanctuary.firmware_bridge.recordings.recorder.NightRecorder`.
    report
        Told once when the disk refuses, and once when it takes data again.
    """

    def __init__(
        self, night: NightFormat, spool: Spool, sync_s: float, waiting_bytes: int, report: Report
    ) -> None:
        self._night, self._spool, self._report = night, spool, report
        self._sync_every = max(1, round(sync_s / night.record_s))
        self._most_waiting = max(1, waiting_bytes // (4 * night.samples * night.n_channels))
        self._waiting: deque[NDArray[np.int32] | None] = deque()
        self._given_up = 0
        self._notes: deque[Annotation] = deque()
        self._written = 0
        self._header_written = False
        self._trouble = False
        self._lost_s = 0.0

    def note(self, note: Annotation) -> None:
        """Let a mark wait for the next record with room; adjoining losses become one."""
        last = self._notes[-1] if self._notes else None
        if last is not None and _adjoin(last, note):
            self._notes[-1] = replace(last, duration_s=note.onset_s + (note.duration_s or 0.0) - last.onset_s)
        elif len(self._notes) < MOST_NOTES:
            self._notes.append(note)
        elif last is not None and last.text != _OVERFLOW:
            self._notes[-1] = replace(note, duration_s=None, text=_OVERFLOW)

    def put(self, counts: NDArray[np.int32]) -> None:
        """Add one full data record, shape ``(n_channels, samples)``, and write what can be written."""
        self._waiting.append(counts)
        self.drain()
        if len(self._waiting) - self._given_up > self._most_waiting:
            self._give_up_oldest()

    def drain(self) -> None:
        """Write as many waiting records as the disk takes."""
        try:
            self._write_waiting()
        except OSError as error:
            if not self._trouble:
                self._report(
                    f"{self._spool.path.name}: the disk takes no data ({error.strerror}); free some space, "
                    "the night is kept in memory meanwhile"
                )
            self._trouble = True
            return
        if self._trouble:
            self._report(
                f"{self._spool.path.name}: the disk takes data again; {self._lost_s:g} s of signal were lost"
            )
        self._trouble, self._lost_s = False, 0.0

    def crowded(self) -> bool:
        """Whether marks are left over although every record is written: they need another record."""
        return bool(self._notes) and not self._waiting

    def finish(self) -> Path:
        """Finish the file; `RecordingError` if the disk refuses, and then it may be tried again."""
        try:
            self._write_waiting()
            return self._spool.finish(self._written)
        except OSError as error:
            raise RecordingError(
                f"{self._spool.part}: the night cannot be finished ({error.strerror}); free some space and "
                "stop the recording again, or recover this file later"
            ) from error

    def _write_waiting(self) -> None:
        if not self._header_written:
            self._spool.append(self._night.header)
            self._header_written = True
        while self._waiting:
            self._write(self._waiting[0])
            if self._waiting.popleft() is None:
                self._given_up -= 1
            if self._written % self._sync_every == 0:
                self._spool.sync()

    def _write(self, counts: NDArray[np.int32] | None) -> None:
        if counts is None:
            counts = np.zeros((self._night.n_channels, self._night.samples), dtype=np.int32)
        notes = list(islice(self._notes, _NOTES_TRIED))
        frame, fitted = self._night.record(self._written, counts, notes)
        self._spool.append(frame)
        self._written += 1
        for _ in range(fitted):
            self._notes.popleft()

    def _give_up_oldest(self) -> None:
        """Forget the samples of the oldest record that still has any, and mark them as lost."""
        self._waiting[self._given_up] = None
        record_s = float(self._night.record_s)
        self.note(Annotation((self._written + self._given_up) * record_s, record_s, SAMPLE_LOSS))
        self._given_up += 1
        self._lost_s += record_s


def _adjoin(last: Annotation, note: Annotation) -> bool:
    both_losses = last.text == note.text and note.text.startswith(SAMPLE_LOSS)
    end_s = last.onset_s + (last.duration_s or 0.0)
    return both_losses and abs(end_s - note.onset_s) < 1e-6
