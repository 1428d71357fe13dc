"""A virtual board on a pseudo-terminal: a serial port that can be unplugged and plugged in again."""

from __future__ import annotations

import os
import pty
import tempfile
import time
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sanctuary.simulator.devices.board_port import BoardLine, BoardPort, Pacing, SerialBoard
from sanctuary.simulator.devices.link_faults import ByteManipulator


class PtyLine(BoardLine):
    """The terminal, and the thread that serves it; parameters as for `BoardLine`.

    Attributes
    ----------
    path
        The terminal's device file.
    """

    def __init__(
        self,
        board: SerialBoard,
        pacing: Pacing,
        fault: Callable[[], ByteManipulator],
        due_s: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(board, pacing, fault, due_s, clock)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._serve(self.path)

    def _step(self) -> bool:
        return self._exchange(self._master)

    def _hang_up(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class PtyPort(BoardPort):
    """One board and its serial port; parameters as for `BoardPort`.

    Parameters
    ----------
    link
        Where the host shall find the port: a symbolic link, which stays the same when the board is unplugged
        and plugged in again. None for one in a temporary folder of its own.

    Attributes
    ----------
    path
        Where the host finds the port.
    """

    def __init__(
        self,
        board: SerialBoard,
        pacing: Pacing = "free",
        link: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(board, pacing, clock)
        self._folder = Path(tempfile.mkdtemp(prefix="sanctuary-port-")) if link is None else None
        self._link = link if link is not None else Path(self._folder or "") / "headband"
        self.path = str(self._link)
        self.replug()

    def unplug(self) -> None:
        if self._line is not None:
            self._link.unlink(missing_ok=True)
        super().unplug()

    def _open_line(self) -> PtyLine:
        line = PtyLine(self._board, self._pacing, lambda: self.fault, self._due_s, self._clock)
        try:
            self._link.symlink_to(line.path)
        except OSError:
            line.close()
            raise
        return line

    def close(self) -> None:
        self.unplug()
        if self._folder is not None:
            with suppress(FileNotFoundError):
                self._folder.rmdir()
