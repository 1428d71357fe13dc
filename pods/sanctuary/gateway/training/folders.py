"""The files below a folder: bounded, in one order on every machine, links followed once."""

from __future__ import annotations

import os
from pathlib import Path

from sanctuary.config.errors import InputError

DEEPEST = 12
"""Folders below the one named; public sets need five."""
MOST_FILES = 200_000


def files_below(folder: Path) -> tuple[list[str], list[str]]:
    """Paths of the files in a folder and those below it, and a sentence for each place not looked into.

    Hidden files and folders are passed over, and so is ``__MACOSX``. A folder that several links lead to is
    entered once.

    Raises
    ------
    InputError
        There are more than `MOST_FILES`, or the folder itself cannot be read.
    """
    found: list[str] = []
    said: list[str] = []
    entered: set[tuple[int, int]] = set()
    waiting = [(str(folder), 0)]
    while waiting:
        here, depth = waiting.pop()
        try:
            files, folders = _entries(here, entered)
        except OSError as error:
            text = f"{here}: the folder cannot be read ({error.strerror or error})"
            if depth == 0:
                raise InputError(f"{text}; change its permissions") from error
            said.append(text)
            continue
        found += files
        if len(found) > MOST_FILES:
            raise InputError(
                f"{folder}: more than {MOST_FILES} files below it; name the folders of the nights"
            )
        if depth < DEEPEST:
            waiting += [(each, depth + 1) for each in reversed(folders)]
        elif folders:
            said.append(f"{here}: folders below it are not looked into, {DEEPEST} deep; name them")
    return found, said


def _entries(here: str, entered: set[tuple[int, int]]) -> tuple[list[str], list[str]]:
    """Sorted files and folders of one folder; nothing where it has been entered before."""
    status = Path(here).stat()
    if (status.st_dev, status.st_ino) in entered:
        return [], []
    entered.add((status.st_dev, status.st_ino))
    with os.scandir(here) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    seen = [e for e in entries if not e.name.startswith(".") and e.name != "__MACOSX"]
    folders = [e.path for e in seen if e.is_dir()]
    # a link that leads nowhere is kept: opening it will say so
    return [e.path for e in seen if not e.is_dir() and (e.is_symlink() or e.is_file())], folders
