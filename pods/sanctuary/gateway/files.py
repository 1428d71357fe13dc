"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sanctuary.config.errors import InputError


def write_whole(path: Path, text: str, what: str) -> None:
    """Put `text` at `path` in one step, readable by its owner alone; what was there before stays until then.

    Parameters
    ----------
    what
        What the text is, for the error message: "the report".

    Raises
    ------
    InputError
        The file cannot be written there.
    """
    write_together([(path, [text.encode("utf-8", errors="replace")], what)])


def write_together(files: Sequence[tuple[Path, Iterable[bytes], str]]) -> None:
    """Write several files that belong together: none takes its place before all are complete on the disk.

    Parameters
    ----------
    files
        Path, contents in pieces, and what it is, of each.

    Raises
    ------
    InputError
        A file cannot be written there.
    """
    with ExitStack() as stack:
        parts = [(_part(*file, stack), *file) for file in files]
        for part, path, _, what in parts:
            with _written(path, what):
                part.replace(path)
                _settle(path.parent)


def _part(path: Path, pieces: Iterable[bytes], what: str, stack: ExitStack) -> Path:
    """Write a file beside its place; the stack removes it unless it has moved there."""
    with _written(path, what):
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            part = Path(file.name)
            stack.callback(part.unlink, missing_ok=True)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
    return part


def _settle(folder: Path) -> None:
    """Bring the new name of a file through the operating system's buffers; Windows does so by itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _written(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(_cannot(path, what, error)) from error


def write_json(path: Path, body: Any, what: str) -> None:
    """Write `body` as JSON with `write_whole`; not-a-number is refused by the encoder, never written."""
    write_whole(path, json.dumps(body, indent=1, allow_nan=False) + "\n", what)


def check_places(places: Iterable[tuple[Path | None, str]]) -> None:
    """Check each place that is not None, as `check_place` does."""
    for path, what in places:
        if path is not None:
            check_place(path, what)


def check_apart(places: Iterable[tuple[str, Path | None]], kept: Iterable[Path | None]) -> None:
    """Check that what will be written takes the place of nothing that is read, and not of each other.

    Parameters
    ----------
    places
        What asked for the file, as it was typed (``--json out.json``), and where it will be; None is skipped.
    kept
        Files that must stay as they are; None is left out.

    Raises
    ------
    InputError
        A file would be overwritten.
    """
    taken = {path.resolve(): path for path in kept if path is not None}
    for asked, path in places:
        if path is None:
            continue
        if (other := taken.get(path.resolve())) is not None:
            raise InputError(f"{asked}: would overwrite {other}; name another file")
        taken[path.resolve()] = path


def check_place(path: Path, what: str) -> None:
    """Find out before the work begins whether `path` can be written after it.

    Raises
    ------
    InputError
        It is a directory or a device, or its directory cannot be made or written.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a file for {what}")
    if path.exists() and not path.is_file():
        # a whole file takes its place, and /dev/stdout would be gone for every program
        raise InputError(f"{path}: is a device or a pipe, no ordinary file; name another place for {what}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise InputError(_cannot(path, what, error)) from error


def _cannot(path: Path, what: str, error: OSError) -> str:
    return f"{path}: cannot write {what} here ({error.strerror}); free space, or choose another place"
