"""Holds decoded samples, each at its number, until they are taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from sanctuary.firmware_bridge.codecs.base import Run
from sanctuary.signal.samples import FloatArray, SampleBlock

MOTION_ROWS = 3


class SampleQueue:
    """Samples of one connection, numbered from 0; lost ones are NaN in their place.

    Parameters
    ----------
    fs_hz, channels
        Nominal rate and channel names of the blocks.
    """

    def __init__(self, fs_hz: float, channels: Sequence[str]) -> None:
        self._fs_hz, self._channels = fs_hz, tuple(channels)
        self._pieces: deque[FloatArray] = deque()
        self._moves = False
        self._position = 0
        self.waiting = 0
        """Samples ready to be taken."""

    def add(self, runs: Sequence[Run]) -> None:
        """Append what a codec gave."""
        rows = len(self._channels)
        for run in runs:
            self._moves = self._moves or run.motion_g is not None
            if run.lost:
                self._pieces.append(np.full((rows + MOTION_ROWS, run.lost), np.nan))
            motion = run.motion_g
            if motion is None:
                motion = np.full((MOTION_ROWS, run.uv.shape[1]), np.nan)
            self._pieces.append(np.concatenate((run.uv, motion)))
            self.waiting += run.lost + run.uv.shape[1]

    def take(self, n: int, end_s: float | None = None) -> SampleBlock:
        """Take the next `n` samples, the last of which arrived at `end_s`.

        Raises
        ------
        ValueError
            Fewer are waiting.
        """
        if not 0 <= n <= self.waiting:
            raise ValueError(f"{n} samples asked for, {self.waiting} waiting")
        taken: list[FloatArray] = []
        need = n
        while need:
            piece = self._pieces.popleft()
            if piece.shape[1] > need:
                self._pieces.appendleft(piece[:, need:])
                piece = piece[:, :need]
            taken.append(piece)
            need -= piece.shape[1]
        rows = len(self._channels)
        all_rows = np.concatenate(taken, axis=1) if taken else np.empty((rows + MOTION_ROWS, 0))
        motion = all_rows[rows:] if self._moves else None
        block = SampleBlock(self._position, self._fs_hz, self._channels, all_rows[:rows], motion, end_s)
        self._position += n
        self.waiting -= n
        return block
