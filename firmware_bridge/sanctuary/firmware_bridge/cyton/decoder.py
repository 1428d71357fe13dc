"""From bytes to rows of counts, through noise: resynchronises byte by byte and counts what was lost.

A packet carries no checksum, so a start and a stop byte 33 bytes apart prove little: sample bytes may look
like them. A packet counts only if what follows agrees: the next start byte and the next counter, or, where
packets were lost in between, a whole next packet. On failure the search moves on by ONE byte; skipping 33
would lose a good packet and can accept wrong rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.cyton.packet import FS_HZ, N_CHANNELS, PACKET_BYTES, START, STOP, STOP_MASK

CountArray = NDArray[np.int32]
ByteArray = NDArray[np.uint8]

NEEDED = 2
"""Bytes of the next packet that must be there: start and counter."""
WRAP = 256
FIRST_DOUBT_S = 1.024
"""256 packets: a silence longer than this may hide whole turns of the counter."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Packets in a row.

    Attributes
    ----------
    lost
        Packets missing just before the run.
    counts
        Shape ``(n, n_channels)``, the channels asked for.
    """

    lost: int
    counts: CountArray


class CytonDecoder:
    """Carries the bytes of an unfinished packet, the last counter and the time of the last bytes.

    Parameters
    ----------
    channels
        Board inputs to decode, 1 to 8.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        for channel in channels:
            if not 1 <= channel <= N_CHANNELS:
                raise ValueError(f"channel {channel}: the Cyton has 1 to {N_CHANNELS}")
        self._columns = [2 + 3 * (channel - 1) for channel in channels]
        self._buffer = b""
        self._last: int | None = None
        self._last_s: float | None = None
        self.garbage = 0
        """Bytes thrown away so far."""
        self.lost = 0
        """Packets lost so far."""

    def feed(self, chunk: bytes, now_s: float | None = None) -> list[Run]:
        """Take the next bytes.

        Parameters
        ----------
        now_s
            When they arrived, monotonic seconds; tells losses of more than 255 packets apart. None where
            bytes do not arrive in real time.

        Returns
        -------
        Runs of packets, in order.
        """
        self._buffer += chunk
        raw = np.frombuffer(self._buffer, dtype=np.uint8)
        runs: list[Run] = []
        at, received = 0, 0
        while len(raw) - at >= PACKET_BYTES + NEEDED:
            good = self._good_rows(raw[at:])
            if good:
                run = self._take(
                    raw[at : at + good * PACKET_BYTES], self._hidden(received, len(raw) - at, now_s)
                )
                runs.append(run)
                received += good
                at += good * PACKET_BYTES
            else:
                skip = self._search(raw[at:])
                if skip == 0:
                    break
                self.garbage += skip
                at += skip
        self._buffer = self._buffer[at:]
        if runs and now_s is not None:
            self._last_s = now_s
        return runs

    def _good_rows(self, raw: ByteArray) -> int:
        """Count the packets at the front that their successors confirm."""
        n = (len(raw) - NEEDED) // PACKET_BYTES
        rows = raw[: n * PACKET_BYTES].reshape(n, PACKET_BYTES)
        next_start = raw[PACKET_BYTES : (n + 1) * PACKET_BYTES : PACKET_BYTES]
        next_counter = raw[PACKET_BYTES + 1 :: PACKET_BYTES][:n]
        framed = (rows[:, 0] == START) & ((rows[:, -1] & STOP_MASK) == STOP) & (next_start == START)
        good = framed & (next_counter == rows[:, 1] + np.uint8(1))
        bad = np.flatnonzero(~good)
        first = int(bad[0]) if bad.size else n
        return first + 1 if first < n and framed[first] and self._whole_next(raw, first) else first

    def _whole_next(self, raw: ByteArray, row: int) -> bool:
        """Whether a whole packet follows `row`, though its counter jumps, and is confirmed itself."""
        at = (row + 1) * PACKET_BYTES
        if len(raw) < at + PACKET_BYTES + NEEDED:
            return False
        after = at + PACKET_BYTES
        stop = bool(raw[after - 1] & STOP_MASK == STOP)
        return stop and bool(raw[after] == START) and int(raw[after + 1]) == (int(raw[at + 1]) + 1) % WRAP

    def _search(self, raw: ByteArray) -> int:
        """Bytes to skip to the next place that may begin a packet; 0 to wait for more bytes."""
        jumped = bool(
            raw[0] == START and raw[PACKET_BYTES - 1] & STOP_MASK == STOP and raw[PACKET_BYTES] == START
        )
        if jumped and len(raw) < 2 * PACKET_BYTES + NEEDED:
            return 0
        starts = np.flatnonzero(raw[1:] == START)
        return int(starts[0]) + 1 if starts.size else len(raw)

    def _hidden(self, received: int, waiting: int, now_s: float | None) -> int:
        """Estimate packets that the clock expects beyond those here, for whole turns of the counter."""
        if now_s is None or self._last_s is None or now_s - self._last_s < FIRST_DOUBT_S or received:
            return 0
        return round((now_s - self._last_s) * FS_HZ) - waiting // PACKET_BYTES

    def _take(self, raw: ByteArray, expected: int) -> Run:
        rows = raw.reshape(-1, PACKET_BYTES)
        gap = 0 if self._last is None else (int(rows[0, 1]) - self._last - 1) % WRAP
        turns = max(0, round((expected - gap) / WRAP)) if expected > WRAP // 2 else 0
        lost = gap + WRAP * turns
        self._last = int(rows[-1, 1])
        self.lost += lost
        counts = np.empty((len(rows), len(self._columns)), dtype=np.int32)
        for index, column in enumerate(self._columns):
            high, middle, low = (rows[:, column + k].astype(np.int32) for k in range(3))
            counts[:, index] = ((high << 24) | (middle << 16) | (low << 8)) >> 8
        return Run(lost, counts)
