"""Counts the files of the product that one piece of work walks through, at run time.

`entered` are files of which at least one function ran, `entries` the calls that cross from one file into
another, `back` those of them that lead into a file that had been left before. What Python generates (the
methods of dataclasses, pydantic's validators) belongs to no file and is not counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from house import NAMESPACE, rooms


@dataclass(frozen=True, slots=True)
class Walk:
    """The way of one piece of work.

    Attributes
    ----------
    files
        Paths below the namespace, in the order in which they were first entered.
    entries, back
        See the module.
    """

    files: tuple[str, ...]
    entries: int
    back: int

    def __str__(self) -> str:
        head = f"{len(self.files)} files / {self.entries} entries / {self.back} back"
        return "\n  ".join([head, *self.files])


def walk(work: Callable[[], object]) -> Walk:
    """Do some work on this thread and tell its way."""
    roots = tuple(str(room / NAMESPACE) + "/" for room in rooms())
    crossings: list[str] = []
    stack: list[str | None] = []

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            path = frame.f_code.co_filename
            here = path if path.startswith(roots) else None
            caller = next((file for file in reversed(stack) if file is not None), None)
            if here is not None and here != caller:
                crossings.append(here)
            stack.append(here)
        elif event == "return" and stack:
            stack.pop()

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    names = [_below(path, roots) for path in crossings]
    files = tuple(dict.fromkeys(names))
    return Walk(files, len(names), len(names) - len(files))


def _below(path: str, roots: tuple[str, ...]) -> str:
    root = next(root for root in roots if path.startswith(root))
    return str(Path(path).relative_to(root))
