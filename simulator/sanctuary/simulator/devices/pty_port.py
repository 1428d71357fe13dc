"""A virtual board on a serial port that can be unplugged and plugged in again.

Paced freely the board makes packets as fast as the port takes them: the terminal's buffer is full after a
few seconds of signal and holds the board back, so the reader sets the pace and nothing is lost. Paced in real
time it makes packets at the board's rate by the monotonic clock, and what nobody reads for long is lost.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from sanctuary.simulator.devices.board import SerialBoard
from sanctuary.simulator.devices.faults import Manipulator, untouched
from sanctuary.simulator.devices.pty_line import Pacing, PtyLine

__all__ = ["Pacing", "PtyPort"]


class PtyPort:
    """One board and its port; a context manager.

    Parameters
    ----------
    board, pacing
        The board, and how fast it streams.
    link
        Where the host shall find the port: a symbolic link, which stays the same when the board is unplugged
        and plugged in again. None for one in a temporary folder of its own.
    clock
        Monotonic seconds; sets the pace in real time.

    Attributes
    ----------
    path
        Where the host finds the port.
    fault
        What happens to bytes on their way to the host; may be changed at any time.
    """

    def __init__(
        self,
        board: SerialBoard,
        pacing: Pacing = "free",
        link: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._pacing = pacing
        self._clock = clock
        self.fault: Manipulator = untouched
        self._folder = Path(tempfile.mkdtemp(prefix="sanctuary-port-")) if link is None else None
        self._link = link if link is not None else Path(self._folder or "") / "headband"
        self.path = str(self._link)
        self._due_s = clock()
        self._line: PtyLine | None = None
        self.replug()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def streaming(self) -> bool:
        """Whether the board streams."""
        return self._board.streaming

    def unplug(self) -> None:
        """Take the dongle out: the host's next read fails, and the port is gone. The board goes on."""
        line, self._line = self._line, None
        if line is not None:
            self._link.unlink(missing_ok=True)
            line.close()
            self._due_s = line.due_s

    def replug(self) -> None:
        """Put the dongle in again: a new terminal at the same path."""
        if self._line is None:
            line = PtyLine(self._board, self._pacing, lambda: self.fault, self._due_s, self._clock)
            try:
                self._link.symlink_to(line.path)
            except OSError:
                line.close()
                raise
            self._line = line

    def close(self) -> None:
        """Unplug for good, within a second, and leave nothing behind."""
        self.unplug()
        if self._folder is not None:
            with suppress(FileNotFoundError):
                self._folder.rmdir()
