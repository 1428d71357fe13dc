"""A Cyton with a Daisy: two packets a sample of sixteen channels (OpenBCI documentation, Cyton data format).

Packets with an even counter carry channels 9 to 16, the Daisy's, those with an odd one channels 1 to 8; the
even packet n and the odd packet n + 1 make one row, 125 a second. Where one of the two is lost, its half of
the row is NaN and the other stays. The first packet after the start is invalid and left out, and with it, if
the odd one, nothing else; if the even one, its row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.cyton.codec import CytonDecoder, motion_g
from sanctuary.firmware_bridge.headbands.cyton.codec import CytonRun as PacketRun
from sanctuary.firmware_bridge.headbands.cyton.wire import DEFAULT_GAIN, N_CHANNELS, uv_per_count
from sanctuary.firmware_bridge.headbands.headband import BYTE_STREAM, Notice, Run, Said
from sanctuary.signal.samples import FloatArray

N_INPUTS = 16
MOTION_ROWS = 3
IntArray = NDArray[np.int64]


class DaisyCodec:
    """Sixteen channels at 125 Hz.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 16, in the order of the rows wanted.
    gain
        Gain of these inputs.
    """

    def __init__(self, inputs: Sequence[int], gain: int = DEFAULT_GAIN) -> None:
        for number in inputs:
            if not 1 <= number <= N_INPUTS:
                raise ValueError(f"input {number}: a Cyton with a Daisy has 1 to {N_INPUTS}")
        slots = sorted({(number - 1) % N_CHANNELS + 1 for number in inputs})
        self._slot = np.array(
            [slots.index((number - 1) % N_CHANNELS + 1) for number in inputs], dtype=np.int64
        )
        self._on_board = np.array([number <= N_CHANNELS for number in inputs])
        self._scale_uv = uv_per_count(gain)
        self._decoder = CytonDecoder(slots)
        self._packet: int | None = None
        self._row: int | None = None
        self._half: tuple[int, FloatArray] | None = None
        self.lost = 0
        self.bad = 0
        """Packets have no checksum: what cannot be read is garbage."""

    @property
    def garbage(self) -> int:
        """Bytes thrown away so far."""
        return self._decoder.garbage

    @property
    def held(self) -> float:
        """Samples that wait to be confirmed, or for their other half."""
        return (self._decoder.held + (self._half is not None)) / 2

    def feed(self, chunk: bytes, _source: int = BYTE_STREAM, now_s: float | None = None) -> list[Run]:
        """Take the next bytes; see `CytonDecoder.feed`."""
        runs: list[Run] = []
        for packets in self._decoder.feed(chunk, now_s):
            runs += self._take(packets)
        return runs

    def notices(self) -> list[Notice]:
        """Take the texts that came between packets."""
        said, self._decoder.replies = self._decoder.replies, []
        return [Said(text) for text in said]

    def _take(self, packets: PacketRun) -> list[Run]:
        uv = np.multiply(packets.counts, self._scale_uv, dtype=np.float64)
        values = np.concatenate((uv, motion_g(packets.motion)))
        if self._packet is None:
            first, values = packets.first + 1, values[:, 1:]
        else:
            first = self._packet + packets.lost
        self._packet = first + values.shape[1]
        if not values.shape[1]:
            return []
        row, table = first // 2, self._rows(first, values)
        runs = self._finish_half(row, table)
        if self._packet % 2:  # it ends with an even packet: the other half of its row is still to come
            self._half = (row + table.shape[1] - 1, table[:, -1:])
            table = table[:, :-1]
        return runs + self._emit(row, table)

    def _rows(self, first: int, values: FloatArray) -> FloatArray:
        """Put packets into their halves of rows, shape ``(n_inputs + 3, n_rows)``, NaN for missing ones."""
        n = values.shape[1]
        number = np.arange(first, first + n)
        table = np.full((len(self._slot) + MOTION_ROWS, (first + n - 1) // 2 - first // 2 + 1), np.nan)
        for odd in (0, 1):
            mine = np.flatnonzero(number % 2 == odd)
            rows = number[mine] // 2 - first // 2
            inputs = np.flatnonzero(self._on_board == bool(odd))
            table[np.ix_(inputs, rows)] = values[np.ix_(self._slot[inputs], mine)]
            motion = values[-MOTION_ROWS:, mine]
            moved = ~np.isnan(motion[0])
            table[-MOTION_ROWS:, rows[moved]] = motion[:, moved]
        return table

    def _finish_half(self, row: int, table: FloatArray) -> list[Run]:
        """Join the half row that waited, or give it out alone if its other half was lost."""
        half, self._half = self._half, None
        if half is None:
            return []
        if half[0] == row:
            table[:, :1] = np.where(np.isnan(table[:, :1]), half[1], table[:, :1])
            return []
        return self._emit(*half)

    def _emit(self, row: int, table: FloatArray) -> list[Run]:
        inputs = len(self._slot)
        if self._row is None and table.shape[1] and np.isnan(table[:inputs, 0]).any():
            row, table = row + 1, table[:, 1:]
        if not table.shape[1]:
            return []
        lost = 0 if self._row is None else row - self._row
        self._row = row + table.shape[1]
        self.lost += lost
        return [Run(lost, table[:inputs], table[inputs:])]
