"""What shells ask of a disk: whole files that replace each other, and files that grow at their end.

What has been replaced or synced outlives a power failure; what was only appended may be lost or torn. Two
things implement `Disk`: `FileDisk` here, and `sanctuary.virtual_site.virtual_disk.VirtualDisk` in memory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from sanctuary.gateway.files import write_together


class AppendFile(Protocol):
    """A file that grows at its end."""

    def write(self, raw: bytes, /) -> int:
        """Append; gives how many bytes were taken, fewer than all where the disk is full.

        Raises
        ------
        OSError
            None were taken.
        """

    def sync(self) -> None:
        """Make what was appended durable; raises `OSError` where it is not."""

    def close(self) -> None:
        """Close it, without syncing."""

    @property
    def is_torn(self) -> bool:
        """Whether it ended in half a line when it was opened, as a power failure leaves it."""


class Disk(Protocol):
    """Where a shell keeps files."""

    def make_folder(self, folder: Path, /) -> None:
        """Make a folder and those above it, for its owner alone; raises `OSError`."""

    def read(self, path: Path, /) -> bytes:
        """Read a whole file; raises `OSError`, `FileNotFoundError` where there is none."""

    def exists(self, path: Path, /) -> bool:
        """Tell whether there is such a file."""

    def files_in(self, folder: Path, /) -> list[Path]:
        """Name the files in a folder, sorted; none where it does not exist. Raises `OSError`."""

    def replace(self, path: Path, content: bytes, what: str, /) -> None:
        """Replace or make a file in one step, durably, for its owner alone; it is as it was until then.

        Parameters
        ----------
        what
            What the content is, for the error message: "the term of the coordinator".

        Raises
        ------
        InputError
            It cannot be written.
        """

    def create(self, path: Path, content: bytes, /) -> bytes:
        """Make a file durably unless it exists; gives what it holds now. Raises `OSError`."""

    def remove(self, path: Path, /) -> bool:
        """Remove a file; false where there is none, or it cannot be."""

    def append_to(self, path: Path, /) -> AppendFile:
        """Open a file to append to, made if there is none; raises `OSError`."""


class FileDisk:
    """The files of this computer."""

    def make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def exists(self, path: Path) -> bool:
        return path.exists()

    def files_in(self, folder: Path) -> list[Path]:
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []

    def replace(self, path: Path, content: bytes, what: str) -> None:
        write_together([(path, [content], what)])

    def create(self, path: Path, content: bytes) -> bytes:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return content

    def remove(self, path: Path) -> bool:
        try:
            path.unlink()
        except OSError:
            return False
        return True

    def append_to(self, path: Path) -> AppendFile:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _RealAppendFile(path)


class _RealAppendFile:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        size = os.fstat(self._file).st_size
        self.is_torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def write(self, raw: bytes) -> int:
        return os.write(self._file, raw)

    def sync(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


FILES: Disk = FileDisk()


class MemoryDisk:
    """Files in memory, for a site that leaves nothing behind.

    Attributes
    ----------
    files
        Contents by path.
    """

    def __init__(self) -> None:
        self.files: dict[Path, bytes] = {}

    def make_folder(self, folder: Path) -> None:
        """Do nothing: a file needs no folder here."""

    def read(self, path: Path) -> bytes:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(2, os.strerror(2), str(path)) from None

    def exists(self, path: Path) -> bool:
        return path in self.files

    def files_in(self, folder: Path) -> list[Path]:
        return sorted(path for path in self.files if path.parent == folder)

    def replace(self, path: Path, content: bytes, what: str) -> None:  # noqa: ARG002  there is always room
        self.files[path] = content

    def create(self, path: Path, content: bytes) -> bytes:
        return self.files.setdefault(path, content)

    def remove(self, path: Path) -> bool:
        return self.files.pop(path, None) is not None

    def append_to(self, path: Path) -> AppendFile:
        return _MemoryAppendFile(self.files, path)


class _MemoryAppendFile:
    def __init__(self, files: dict[Path, bytes], path: Path) -> None:
        self._files, self._path = files, path
        content = files.setdefault(path, b"")
        self.is_torn = bool(content) and not content.endswith(b"\n")

    def write(self, raw: bytes) -> int:
        self._files[self._path] += raw
        return len(raw)

    def sync(self) -> None:
        """Do nothing: nothing here outlives the program."""

    def close(self) -> None:
        """Do nothing."""
