"""Consoles for people: colour only on a terminal and never with ``NO_COLOR``, no surprises in pipes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_COLUMNS = 120
"""Width of tables that go to a file or pipe, unless ``COLUMNS`` says another."""
LINE_EVERY_S = 20.0
"""How often a long task says how far it is, where there is no terminal for a bar."""


def stdout_console() -> Console:
    """Make a console for results: what a person may pipe on."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Make a console for progress and messages: what a pipe must not swallow."""
    return _console(stderr=True)


@contextmanager
def progress_bar(name: str, total: float) -> Iterator[Callable[[float], None]]:
    """Show on a terminal how far a long task is; yields what takes how much of `total` is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    console = stderr_console()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def progress(
    name: str, total: float, line: Callable[[float], str], clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[float], None]]:
    """Show how far a long task is: a bar on a terminal, a line now and then elsewhere.

    Yields
    ------
    Callable
        Takes how much of `total` is done; to be called often.
    """
    on_terminal, due_s = stderr_console().is_terminal, clock() + LINE_EVERY_S

    def step(done: float) -> None:
        nonlocal due_s
        bar(done)
        if not on_terminal and clock() >= due_s:
            due_s = clock() + LINE_EVERY_S
            say(line(done))

    with progress_bar(name, total) as bar:
        yield step


def _console(*, stderr: bool) -> Console:
    """Make a console that takes brackets in data for brackets, not for markup."""
    from rich.console import Console

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if is_terminal or "COLUMNS" in os.environ else _PIPE_COLUMNS
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)
