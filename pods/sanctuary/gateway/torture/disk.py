"""A disk in memory: what is durable outlives a crash, the rest does not; it may be full for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Record = Mapping[str, Any]


class Disk:
    """One machine's disk.

    Attributes
    ----------
    full
        Whether it takes nothing more.
    files
        What was written whole and durably, by name.
    """

    def __init__(self) -> None:
        self.full = False
        self.files: dict[str, Any] = {}

    def keep(self, name: str, content: Any) -> None:
        """Replace a file in one step.

        Raises
        ------
        OSError
            The disk is full; the file is as it was.
        """
        if self.full:
            raise OSError(28, "No space left on device")
        self.files[name] = content


class DiskJournal:
    """Has the face of a `Journal`; tells what is written at once, and what has become durable when it has.

    Parameters
    ----------
    written, kept
        Hear of each record when it is taken, and when it can be lost no more.
    """

    def __init__(self, disk: Disk, written: Callable[[Record], None], kept: Callable[[Record], None]) -> None:
        self._disk, self._written, self._kept = disk, written, kept
        self._waiting: list[Record] = []

    def write(self, record: Record) -> None:
        """Take a record."""
        self._written(record)
        if record["kind"] == "cue":
            self._waiting.append(record)

    def flush(self, *, durable: bool = False) -> bool:
        """Bring what waits to the disk."""
        if self._disk.full:
            return False
        if durable:
            for record in self._waiting:
                self._kept(record)
            self._waiting.clear()
        return True
