"""A pseudo-terminal with a board behind it, from plugging it in to unplugging it."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import Callable

from sanctuary.simulator.devices.board import SerialBoard
from sanctuary.simulator.devices.board_line import FREE_S, JOIN_S, MAX_WAITING_BYTES, BoardLine, Pacing
from sanctuary.simulator.devices.faults import Manipulator

__all__ = ["FREE_S", "JOIN_S", "MAX_WAITING_BYTES", "Pacing", "PtyLine"]


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
        fault: Callable[[], Manipulator],
        due_s: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(board, pacing, fault, due_s, clock)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._serve(self.path)

    def _turn(self) -> bool:
        return self._exchange(self._master)

    def _hang_up(self) -> None:
        os.close(self._master)
        os.close(self._slave)
