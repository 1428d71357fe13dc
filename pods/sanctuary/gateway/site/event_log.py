"""The night's log: one JSON object a line, written before anything sounds.

A full disk must not end a night: lines wait in memory, the trouble is told once, and once more when it is
over.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from sanctuary.pods.protocol.records import LogRecord

_LOG = logging.getLogger(__name__)

MAX_WAITING = 200_000
"""Lines kept for a disk that takes none; a busy night of four pods writes a quarter of this."""


class Log(Protocol):
    """Where a night's records go."""

    def write(self, record: LogRecord) -> None:
        """Take a record."""

    def flush(self, *, durable: bool = False) -> bool:
        """Bring what waits to where it is kept; tells whether nothing waits any more."""


class Journal:
    """Appends records to a file and keeps them for the report.

    Parameters
    ----------
    path
        The file; appended to if it is there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.records: list[Mapping[str, Any]] = []
        self.lost = 0
        """Lines given up because the disk took none for too long."""
        self._waiting: list[str] = []
        self._troubled = False
        self.trouble = ""
        """Why the disk took nothing when it last refused."""
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        if _is_torn(self._file):
            self._waiting.append("\n")

    def write(self, record: LogRecord) -> None:
        """Take a record; it reaches the file with the next `flush`."""
        line = record.to_dict()
        self.records.append(line)
        self._waiting.append(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[0]
            self.lost += 1

    def flush(self, *, durable: bool = False) -> bool:
        """Bring what waits to the file; `durable` also through the operating system's buffers.

        Returns
        -------
        True if nothing waits any more.
        """
        try:
            while self._waiting:
                text = "".join(self._waiting[:1000])
                raw = text.encode()
                written = os.write(self._file, raw)
                if written < len(raw):
                    self._keep_rest(raw, written)
                    raise OSError(28, os.strerror(28))
                del self._waiting[:1000]
            if durable:
                os.fsync(self._file)
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
        """Bring everything to the file and close it."""
        self.flush(durable=True)
        os.close(self._file)

    def _keep_rest(self, raw: bytes, written: int) -> None:
        """Keep what a short write left over; half a line is finished first."""
        rest = raw[written:].decode("utf-8", errors="surrogateescape")
        self._waiting[:1000] = [rest]


def _is_torn(file: int) -> bool:
    """Tell whether a power cut has left half a line at the end, which must not swallow the next one."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"
