"""The file a night is written to while it lasts: append-only, private, never left with a torn record.

It carries the ending ``.part`` and a lock, so that another process can tell a night in progress from one
whose recorder died. The lock goes with its process; no clean-up is needed after a crash.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.writing import record_count_field

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
