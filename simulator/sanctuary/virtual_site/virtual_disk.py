"""A disk in memory with the faults of a real one: room that runs out, and what a power failure takes.

A file that is replaced is durable at once, as `FileDisk` makes it. What is appended lies in the operating
system's memory until it is synced: it outlives the program, and is lost or torn when the power fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import inf
from pathlib import Path
from random import Random

from sanctuary.config.errors import InputError
from sanctuary.gateway.site.disk import AppendFile, MemoryDisk

OnDurable = Callable[[Path, bytes], None]
"""Called with what has become durable at the end of an appended file."""


class VirtualDisk(MemoryDisk):
    """One computer's disk.

    Parameters
    ----------
    on_durable
        As `OnDurable`.

    Attributes
    ----------
    free_bytes
        Room that is left; infinite while nobody fills the disk.
    refused
        Writes that found no room.
    """

    def __init__(self, on_durable: OnDurable = lambda _path, _raw: None) -> None:
        super().__init__()
        self.free_bytes = inf
        self.refused = 0
        self.on_durable = on_durable
        self._synced: dict[Path, int] = {}

    def fill(self) -> None:
        """Leave no room: another program has taken all of it."""
        self.free_bytes = 0.0

    def empty(self) -> None:
        """Make room again."""
        self.free_bytes = inf

    def fail_power(self, rng: Random) -> None:
        """Lose what was appended and not synced, or a part of it, in the middle of a line."""
        for path, synced in self._synced.items():
            content = self.files.get(path, b"")
            if len(content) > synced:
                self._resize(path, content[: rng.randint(synced, len(content))])
                self._synced[path] = len(self.files[path])

    def replace(self, path: Path, content: bytes, what: str) -> None:
        """Replace a file; the old one's room is free only once the new one is there."""
        if len(content) > self.free_bytes:
            self.refused += 1
            reason = os.strerror(28)
            raise InputError(
                f"{path}: cannot write {what} here ({reason}); free space, or choose another place"
            )
        self._resize(path, content)

    def create(self, path: Path, content: bytes) -> bytes:
        if path not in self.files and len(content) > self.free_bytes:
            self.refused += 1
            raise OSError(28, os.strerror(28))
        return super().create(path, content)

    def remove(self, path: Path) -> bool:
        self.free_bytes += len(self.files.get(path, b""))
        return super().remove(path)

    def append_to(self, path: Path) -> AppendFile:
        content = self.files.setdefault(path, b"")
        self._synced.setdefault(path, len(content))
        return _VirtualAppendFile(self, path)

    def append(self, path: Path, raw: bytes) -> int:
        """Append what there is room for; gives how much; raises `OSError` where it is nothing."""
        taken = raw if len(raw) <= self.free_bytes else raw[: int(self.free_bytes)]
        if raw and not taken:
            self.refused += 1
            raise OSError(28, os.strerror(28))
        self.free_bytes -= len(taken)
        self.files[path] += taken
        return len(taken)

    def sync(self, path: Path) -> None:
        """Make what was appended durable."""
        content, synced = self.files[path], self._synced[path]
        if len(content) > synced:
            self._synced[path] = len(content)
            self.on_durable(path, content[synced:])

    def _resize(self, path: Path, content: bytes) -> None:
        self.free_bytes -= len(content) - len(self.files.get(path, b""))
        self.files[path] = content


class _VirtualAppendFile:
    def __init__(self, disk: VirtualDisk, path: Path) -> None:
        self._disk, self._path = disk, path
        content = disk.files[path]
        self.is_torn = bool(content) and not content.endswith(b"\n")

    def write(self, raw: bytes) -> int:
        return self._disk.append(self._path, raw)

    def sync(self) -> None:
        self._disk.sync(self._path)

    def close(self) -> None:
        """Do nothing: nothing is held."""
