"""The night's log: one JSON object a line, written before anything sounds.

A full disk must not end a night: lines wait in memory, the trouble is told once, and once more when it is
over.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from sanctuary.gateway.site.disk import FILES, Disk
from sanctuary.pods.protocol.records import LogRecord

_LOG = logging.getLogger(__name__)

MAX_WAITING = 200_000
"""Lines kept for a disk that takes none; a busy night of four pods writes a quarter of this."""


class EventSink(Protocol):
    """Where a night's records go."""

    def write(self, record: LogRecord) -> None:
        """Take a record."""

    def flush(self, *, durable: bool = False) -> bool:
        """Bring what waits to where it is kept; tells whether nothing waits any more."""


class EventLog:
    """Appends records to a file and keeps them for the report.

    Parameters
    ----------
    path
        The file; appended to if it is there. None for a log in memory alone.
    disk
        Where that is.
    on_line
        Called with each record as it is written, as it will stand in the file.

    Raises
    ------
    OSError
        The file cannot be opened.
    """

    def __init__(
        self,
        path: Path | None = None,
        disk: Disk = FILES,
        on_line: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.path = path
        self.records: list[Mapping[str, Any]] = []
        self.lost = 0
        """Lines given up because the disk took none for too long."""
        self._on_line = on_line
        self._waiting: list[str] = []
        self._troubled = False
        self.trouble = ""
        """Why the disk took nothing when it last refused."""
        self._file = disk.append_to(path) if path is not None else None
        if self._file is not None and self._file.is_torn:
            self._waiting.append("\n")  # half a line that a power failure left must not swallow the next one

    def write(self, record: LogRecord) -> None:
        """Add a record; it reaches the file with the next `flush`."""
        line = record.to_dict()
        self.records.append(line)
        if self._on_line is not None:
            self._on_line(line)
        if self._file is None:
            return
        self._waiting.append(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[0]
            self.lost += 1

    def flush(self, *, durable: bool = False) -> bool:
        """Write what waits to the file; `durable` waits until it would outlive a power failure.

        Returns
        -------
        True if nothing waits any more.
        """
        if self._file is None:
            return True
        try:
            while self._waiting:
                raw = "".join(self._waiting[:1000]).encode()
                written = self._file.write(raw)
                if written < len(raw):
                    self._waiting[:1000] = [raw[written:].decode()]
                    raise OSError(28, os.strerror(28))
                del self._waiting[:1000]
            if durable:
                self._file.sync()
        except OSError as error:
            self.trouble = error.strerror or str(error)
            if not self._troubled:
                self._troubled = True
                _LOG.warning("%s: cannot be written (%s); the log waits in memory", self.path, error.strerror)
            return False
        if self._troubled:
            self._troubled = False
            _LOG.warning("%s: can be written again; %d lines were lost", self.path, self.lost)
        return True

    def close(self) -> None:
        """Write what waits, durably, and close the file."""
        self.flush(durable=True)
        if self._file is not None:
            self._file.close()
