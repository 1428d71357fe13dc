"""Opening files that a person named: every failure becomes one sentence that says what to do."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sanctuary.config.errors import RecordingError


@contextmanager
def reading(path: Path, what: str) -> Iterator[BinaryIO]:
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
