"""From bytes of a streaming Cyton to samples on its sample clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from sanctuary.firmware_bridge.codecs.cyton.decoder import CytonDecoder, MotionArray
from sanctuary.firmware_bridge.codecs.cyton.packet import ACCEL_G_PER_COUNT, DEFAULT_GAIN, FS_HZ, uv_per_count
from sanctuary.signal.samples import FloatArray, SampleBlock


class CytonStream:
    """Decodes and scales the channels asked for, and holds the samples until they are taken.

    Lost samples are NaN at their place, so that sample numbers keep time. Acceleration is NaN between the
    sensor's readings, which are fewer.

    Parameters
    ----------
    channels
        Electrode site -> board input, 1 to 8.
    gain
        Gain of these inputs.
    """

    def __init__(self, channels: Mapping[str, int], gain: int = DEFAULT_GAIN) -> None:
        self._names = tuple(channels)
        self._scale_uv = uv_per_count(gain)
        self._decoder = CytonDecoder(tuple(channels.values()))
        self._pieces: deque[FloatArray] = deque()
        self._position = 0
        self.waiting = 0
        """Samples ready to be taken."""

    @property
    def lost(self) -> int:
        """Samples lost so far."""
        return self._decoder.lost

    @property
    def garbage(self) -> int:
        """Bytes thrown away so far."""
        return self._decoder.garbage

    @property
    def replies(self) -> list[str]:
        """The latest texts that came between packets."""
        return self._decoder.replies

    def feed(self, chunk: bytes, now_s: float | None = None) -> None:
        """Take the next bytes; see `CytonDecoder.feed`."""
        for run in self._decoder.feed(chunk, now_s):
            if run.lost:
                self._pieces.append(np.full((len(self._names) + 3, run.lost), np.nan))
            uv = np.multiply(run.counts, self._scale_uv, dtype=np.float64)
            self._pieces.append(np.concatenate((uv, _motion_g(run.motion))))
            self.waiting += run.lost + run.counts.shape[1]

    def take(self, n: int) -> SampleBlock:
        """Take the next `n` samples.

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
        count = len(self._names)
        rows = np.concatenate(taken, axis=1) if taken else np.empty((count + 3, 0))
        block = SampleBlock(self._position, FS_HZ, self._names, rows[:count], rows[count:])
        self._position += n
        self.waiting -= n
        return block


def _motion_g(counts: MotionArray) -> FloatArray:
    """Acceleration in g, NaN where the sensor had no new reading."""
    return np.where(counts.any(axis=0), counts * ACCEL_G_PER_COUNT, np.nan)
