"""From bytes to rows of counts, through noise: resynchronises byte by byte and counts what was lost.

On trouble the search moves on by ONE byte; skipping a whole packet's length would lose good packets and can
accept wrong rows. A packet counts only once its neighbours agree (see `framing`), so the last two packets
received, 8 ms of signal, always wait.

What no decoder can see: a hole of exactly 33 bytes, or a multiple, from inside one packet to the same place
in a later one. The two halves then make up one whole packet of neighbouring samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.codecs.cyton.commands import ReplyFinder
from sanctuary.firmware_bridge.codecs.cyton.framing import (
    COUNTERS,
    SUSTAINED_BYTES,
    WINDOW_BYTES,
    ByteArray,
    best_start,
    confirmed_run,
)
from sanctuary.firmware_bridge.codecs.cyton.packet import (
    AUX_AT,
    AUX_BYTES,
    FS_HZ,
    KIND_MASK,
    N_CHANNELS,
    PACKET_BYTES,
    START,
    AuxKind,
)

CountArray = NDArray[np.int32]
MotionArray = NDArray[np.int16]

MAX_REPLIES = 16
"""Replies kept for who may ask for them; a board says nothing while it streams, so there are hardly any."""

OVERRUN_BYTES = 60_000
"""A backlog of this size, 7 s, has filled the system's buffers: what is missing came after it, not before."""
OVERRUN_TAIL_BYTES = 8192
"""Part of such a backlog, at its end, that may have come when there was room again. It is told by a jump of
the counter; after a loss of exactly 256 packets, or a multiple, there is none, and it is placed too early."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Packets in a row.

    Attributes
    ----------
    lost
        Packets missing just before the run.
    counts
        Shape ``(n_channels, n_packets)``, the channels asked for.
    motion
        Shape ``(3, n_packets)``: counts of the accelerometer, all zero in packets without a new reading.
    first
        Counter of the first packet.
    """

    lost: int
    counts: CountArray
    motion: MotionArray
    first: int


@dataclass(frozen=True, slots=True)
class _Silence:
    """A pause too long for the counter alone: bytes from `at_byte` on came `missing` packets late.

    So did bytes from `maybe_from_byte` on, if the counter jumps there.
    """

    maybe_from_byte: int
    at_byte: int
    missing: float


class CytonDecoder:
    """Carries the bytes of unfinished packets, the last counter and the time of the last bytes.

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
        self._consumed = 0
        self._skipped = 0
        self._last: int | None = None
        self._last_s: float | None = None
        self._silence: _Silence | None = None
        self._finder = ReplyFinder()
        self.garbage = 0
        """Bytes thrown away so far."""
        self.lost = 0
        """Packets lost so far."""
        self.replies: list[str] = []
        """Texts that came between packets, the latest `MAX_REPLIES`."""

    @property
    def held(self) -> int:
        """Packets that have arrived and wait for those that confirm them."""
        return len(self._buffer) // PACKET_BYTES

    def feed(self, chunk: bytes, now_s: float | None = None) -> list[Run]:
        """Take the next bytes. The outcome does not depend on how they are cut into chunks.

        Parameters
        ----------
        now_s
            When they arrived, monotonic seconds, and nothing else was waiting; tells losses of more than 255
            packets apart (to some 0.5 s). None where bytes do not arrive in real time.

        Returns
        -------
        Runs of packets, in order.
        """
        if now_s is not None and chunk:
            self._note_arrival(len(chunk), now_s)
        self._buffer += chunk
        raw = np.frombuffer(self._buffer, dtype=np.uint8)
        runs: list[Run] = []
        at = 0
        while len(raw) - at >= 1:
            step = self._step(raw, at, runs)
            if step == 0:
                break
            at += step
        self._buffer = self._buffer[at:]
        self._consumed += at
        return runs

    def _step(self, raw: ByteArray, at: int, runs: list[Run]) -> int:
        """Take or throw away what stands at `at`; returns the number of bytes, 0 to wait for more."""
        rest = raw[at:]
        if rest[0] != START:
            starts = np.flatnonzero(rest == START)
            return self._skip(rest[: starts[0] if starts.size else len(rest)])
        if len(rest) < SUSTAINED_BYTES:
            return 0
        if self._last is None or (not self._skipped and rest[1] == (self._last + 1) % COUNTERS):
            sustained = confirmed_run(rest) - 1
            if sustained > 0:
                return self._take(raw, at, sustained, runs)
        if len(rest) < WINDOW_BYTES:
            return 0
        offset = best_start(rest[:WINDOW_BYTES], self._last, self._skipped)
        if offset is None:
            return self._skip(rest[:PACKET_BYTES])
        if offset:
            self._skip(rest[:offset])
        return offset + self._take(raw, at + offset, 1, runs)

    def _skip(self, raw: ByteArray) -> int:
        self.garbage += len(raw)
        self._skipped += len(raw)
        self.replies = (self.replies + self._finder.feed(raw.tobytes()))[-MAX_REPLIES:]
        return len(raw)

    def _take(self, raw: ByteArray, at: int, n: int, runs: list[Run]) -> int:
        """Decode `n` packets; where a long silence lies among them they make two runs."""
        old, missing = n, 0.0
        if self._silence is not None:
            jumps = self._last is not None and raw[at + 1] != (self._last + 1) % COUNTERS
            here = jumps and self._consumed + at >= self._silence.maybe_from_byte
            old = 0 if here else max(0, -(-(self._silence.at_byte - self._consumed - at) // PACKET_BYTES))
        if old < n and self._silence is not None:
            missing, self._silence = self._silence.missing, None
        if old:
            runs.append(self._run(raw, at, min(old, n), 0.0))
        if old < n:
            runs.append(self._run(raw, at + old * PACKET_BYTES, n - old, missing))
        return n * PACKET_BYTES

    def _run(self, raw: ByteArray, at: int, n: int, missing: float) -> Run:
        lost = 0 if self._last is None else _lost(self._last, int(raw[at + 1]), missing)
        self._last = int(raw[at + (n - 1) * PACKET_BYTES + 1])
        self._skipped = 0
        self.lost += lost
        counts = np.empty((len(self._columns), n), dtype=np.int32)
        for row, column in zip(counts, self._columns, strict=True):
            # an int24 and the byte after it, read as one int32, hold the count in the upper 24 bits
            wide: NDArray[np.int32] = np.ndarray((n,), ">i4", raw.data, at + column, (PACKET_BYTES,))
            np.right_shift(wide, 8, out=row)
        return Run(lost, counts, _motion(raw, at, n), int(raw[at + 1]))

    def _note_arrival(self, n_bytes: int, now_s: float) -> None:
        if self._last_s is not None:
            missing = (now_s - self._last_s) * FS_HZ - n_bytes / PACKET_BYTES
            if missing > COUNTERS / 2:
                earlier = self._silence.missing if self._silence is not None else 0.0
                begin = self._consumed + len(self._buffer)
                end = begin + n_bytes
                tail = max(begin, end - OVERRUN_TAIL_BYTES)
                place = (tail, end) if n_bytes >= OVERRUN_BYTES else (begin, begin)
                self._silence = _Silence(*place, earlier + missing)
        self._last_s = now_s


def _motion(raw: ByteArray, at: int, n: int) -> MotionArray:
    """Accelerometer counts ``(3, n)``; zeros, as the board sends between readings, where aux is not that."""
    motion = np.empty((3, n), dtype=np.int16)
    for row, column in zip(motion, range(AUX_AT, AUX_AT + AUX_BYTES, 2), strict=True):
        words: NDArray[np.int16] = np.ndarray((n,), ">i2", raw.data, at + column, (PACKET_BYTES,))
        row[:] = words
    kind = raw[at + PACKET_BYTES - 1 : at + n * PACKET_BYTES : PACKET_BYTES] & KIND_MASK
    motion[:, kind != AuxKind.ACCEL] = 0
    return motion


def _lost(last: int, counter: int, missing: float) -> int:
    """Packets lost between two counters, which tell it but for whole turns; the clock tells the turns."""
    gap = (counter - last - 1) % COUNTERS
    return gap + COUNTERS * max(0, round((missing - gap) / COUNTERS))
