"""Standard output and standard error that cannot spoil the work: closed, full or unread, a command goes on.

What is printed is a courtesy beside the files that a command writes. So a write that fails is remembered and
not raised; the exit code tells of it once the work is done.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Forgiving(io.RawIOBase):
    """Writes to a file descriptor until that fails once; from then on everything is taken and thrown away."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer, /) -> int:
        view = memoryview(data).cast("B")
        if self.error is None:
            try:
                return os.write(self._descriptor, view)
            except BlockingIOError:
                return self._wait_and_write(view)
            except OSError as error:
                self.error = error
        return len(view)

    def _wait_and_write(self, view: memoryview) -> int:
        """Wait for room in a pipe that somebody else set to non-blocking."""
        import select

        select.select([], [self._descriptor], [])
        return self.write(view)


class Output:
    """What became of standard output.

    Attributes
    ----------
    error
        Why it could not be written to; None where it could, or where there was none from the start.
    """

    def __init__(self) -> None:
        self._raw: _Forgiving | None = None

    @property
    def error(self) -> OSError | None:
        """The first error of a write."""
        return self._raw.error if self._raw is not None else None

    def watch(self, raw: _Forgiving) -> None:
        """Tell of this one."""
        self._raw = raw


@contextmanager
def forgiving_streams() -> Iterator[Output]:
    """Put streams that raise nothing in the place of this process's own, while the block runs.

    Descriptors 0, 1 and 2 that are closed are opened to nowhere first: the next file to be opened would get
    their number, and be written into by whoever prints. Streams that are not the process's own, as in tests,
    stay.
    """
    output = Output()
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _forgiving(sys.stdout, 1, output)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _forgiving(sys.stderr, 2)
    try:
        yield output
    finally:
        ours = sys.stdout, sys.stderr
        for stream in ours:
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.flush()
        if before[0] is not None:
            sys.stdout = before[0]
        if before[1] is not None:
            sys.stderr = before[1]


def _open_what_is_closed() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def _forgiving(stream: TextIO | None, descriptor: int, output: Output | None = None) -> TextIO:
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.flush()
    raw = _Forgiving(descriptor)
    if output is not None:
        output.watch(raw)
    terminal = raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors=getattr(stream, "errors", None) or "backslashreplace",
        line_buffering=terminal or descriptor == 2,
    )


def say(text: str) -> None:
    """Write one message to stderr, as it is, under the program's name."""
    print(f"sanctuary: {text}", file=sys.stderr)  # noqa: T201 - plain on purpose: no wrapping, no rich import
