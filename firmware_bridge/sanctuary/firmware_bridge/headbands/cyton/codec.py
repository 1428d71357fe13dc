"""From a Cyton's bytes to sample runs, through noise, with and without a Daisy.

A packet carries no checksum, and sample bytes may look like its start and stop. Its neighbours are the check:

* *framed*: it begins with A0 and ends with C0..CF, and another A0 follows at once;
* *confirmed*: the next counter follows too;
* *sustained*: the packet that follows is framed, and its counter by the next, where a few may be missing;
* *plausible*: its counter fits the bytes thrown away since the last packet;
* *doubtful*: it holds A0 and the next counter inside, so it may be a packet that lost bytes, made whole by
  the beginning of the next.

On trouble the search moves on by ONE byte; skipping a whole packet's length would lose good packets and can
accept wrong rows. A packet counts only once its neighbours agree, so the last two packets received, 8 ms of
signal, always wait.

What no decoder can see: a hole of exactly 33 bytes, or a multiple, from inside one packet to the same place
in a later one. The two halves then make up one whole packet of neighbouring samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.cyton.wire import (
    ACCEL_G_PER_COUNT,
    ACCEL_KIND,
    AUX_AT,
    AUX_BYTES,
    COUNTERS,
    DEFAULT_GAIN,
    FS_HZ,
    KIND_MASK,
    N_CHANNELS,
    PACKET_BYTES,
    START,
    STOP,
    STOP_MASK,
    ReplyFinder,
    uv_per_count,
)
from sanctuary.firmware_bridge.headbands.headband import BYTE_STREAM, Codec, DeviceText, SampleRun
from sanctuary.signal.samples import FloatArray

ByteArray = NDArray[np.uint8]

CONFIRMED_BYTES = PACKET_BYTES + 2
"""A packet, and the start and counter that confirm it."""
SUSTAINED_BYTES = PACKET_BYTES + CONFIRMED_BYTES
WINDOW_BYTES = SUSTAINED_BYTES + PACKET_BYTES - 1
"""All that decides between the candidates of one search, which overlap one another."""
SLACK_PACKETS = 4
"""Packets that may have been lost whole beside those whose pieces were thrown away, in one search."""
OVERRUN_BYTES = 60_000
"""A backlog of this size, 7 s, has filled the system's buffers: what is missing came after it, not before."""
OVERRUN_TAIL_BYTES = 8192
"""Part of such a backlog, at its end, that may have come when there was room again. It is told by a jump of
the counter; after a loss of exactly 256 packets, or a multiple, there is none, and it is placed too early."""
DAISY_INPUTS = 16
MOTION_ROWS = 3


@dataclass(frozen=True, slots=True)
class _Silence:
    """A pause too long for the counter alone: bytes from `at_byte` on came `missing` packets late.

    So did bytes from `maybe_from_byte` on, if the counter jumps there.
    """

    maybe_from_byte: int
    at_byte: int
    missing: float


class CytonCodec(Codec):
    """Eight channels at 250 Hz.

    `bad` stays 0: packets have no checksum, so what cannot be read is garbage.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 8, in the order of the rows wanted.
    gain
        Gain of these inputs.
    """

    def __init__(self, inputs: Sequence[int], gain: int = DEFAULT_GAIN) -> None:
        super().__init__()
        for number in inputs:
            if not 1 <= number <= N_CHANNELS:
                raise ValueError(f"channel {number}: the Cyton has 1 to {N_CHANNELS}")
        self._columns = [2 + 3 * (number - 1) for number in inputs]
        self._scale_uv = uv_per_count(gain)
        self._buffer = b""
        self._consumed = 0
        self._skipped = 0
        """Bytes thrown away since the last packet."""
        self._last: int | None = None
        self._last_s: float | None = None
        self._silence: _Silence | None = None
        self._replies = ReplyFinder()

    @property
    def held(self) -> float:
        return len(self._buffer) // PACKET_BYTES

    def push(
        self, chunk: bytes, _source: int = BYTE_STREAM, now_s: float | None = None, /
    ) -> list[SampleRun]:
        """Decode what arrived at `now_s`, when nothing else was waiting.

        That time tells losses of more than 255 packets apart, if it is right to some 0.5 s.
        """
        if now_s is not None and chunk:
            self._note_arrival(len(chunk), now_s)
        self._buffer += chunk
        raw = np.frombuffer(self._buffer, dtype=np.uint8)
        runs: list[SampleRun] = []
        at = 0
        while at < len(raw) and (step := self._step(raw, at, runs)):
            at += step
        self._buffer = self._buffer[at:]
        self._consumed += at
        return runs

    def _step(self, raw: ByteArray, at: int, runs: list[SampleRun]) -> int:
        """Decode or throw away what stands at `at`; the number of bytes, 0 to wait for more."""
        rest = raw[at:]
        if rest[0] != START:
            starts = np.flatnonzero(rest == START)
            return self._skip(rest[: starts[0] if starts.size else len(rest)])
        if len(rest) < SUSTAINED_BYTES:
            return 0
        if self._last is None or (not self._skipped and rest[1] == (self._last + 1) % COUNTERS):
            sustained = confirmed_run(rest) - 1
            if sustained > 0:
                return self._accept(raw, at, sustained, runs)
        if len(rest) < WINDOW_BYTES:
            return 0
        offset = best_start(rest[:WINDOW_BYTES], self._last, self._skipped)
        if offset is None:
            return self._skip(rest[:PACKET_BYTES])
        if offset:
            self._skip(rest[:offset])
        return offset + self._accept(raw, at + offset, 1, runs)

    def _skip(self, raw: ByteArray) -> int:
        self.garbage += len(raw)
        self._skipped += len(raw)
        self.events.extend(map(DeviceText, self._replies.push(raw.tobytes())))
        return len(raw)

    def _accept(self, raw: ByteArray, at: int, n: int, runs: list[SampleRun]) -> int:
        """Decode `n` packets; where a long silence lies among them they make two runs."""
        before, missing = n, 0.0
        if self._silence is not None:
            jumps = self._last is not None and raw[at + 1] != (self._last + 1) % COUNTERS
            here = jumps and self._consumed + at >= self._silence.maybe_from_byte
            late_bytes = self._silence.at_byte - self._consumed - at
            before = 0 if here else max(0, -(-late_bytes // PACKET_BYTES))
            if before < n:
                missing, self._silence = self._silence.missing, None
        if before:
            runs += self._decode(raw, at, min(before, n), 0.0)
        if before < n:
            runs += self._decode(raw, at + before * PACKET_BYTES, n - before, missing)
        return n * PACKET_BYTES

    def _decode(self, raw: ByteArray, at: int, n: int, missing: float) -> list[SampleRun]:
        first = int(raw[at + 1])
        lost = 0 if self._last is None else _lost(self._last, first, missing)
        self._last = int(raw[at + (n - 1) * PACKET_BYTES + 1])
        self._skipped = 0
        uv: FloatArray = np.empty((len(self._columns), n))
        for row, column in zip(uv, self._columns, strict=True):
            # an int24 and the byte after it, read as one int32, hold the count in the upper 24 bits
            wide: NDArray[np.int32] = np.ndarray((n,), ">i4", raw.data, at + column, (PACKET_BYTES,))
            np.multiply(wide >> 8, self._scale_uv, out=row)
        return self._runs(lost, first, uv, _motion_g(raw, at, n))

    def _runs(self, lost: int, _first: int, uv: FloatArray, motion_g: FloatArray) -> list[SampleRun]:
        """Make sample runs of packets in a row, `lost` packets behind the ones before."""
        self.lost += lost
        return [SampleRun(lost, uv, motion_g)]

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


class DaisyCodec(CytonCodec):
    """Sixteen channels at 125 Hz: two packets a sample (OpenBCI documentation, Cyton data format).

    Packets with an even counter carry channels 9 to 16, the Daisy's, those with an odd one channels 1 to 8;
    the even packet n and the odd packet n + 1 make one row. Where one of the two is lost, its half of the row
    is NaN and the other stays. The first packet after the start is invalid and left out, and with it, if the
    odd one, nothing else; if the even one, its row.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 16, in the order of the rows wanted.
    gain
        Gain of these inputs.
    """

    def __init__(self, inputs: Sequence[int], gain: int = DEFAULT_GAIN) -> None:
        for number in inputs:
            if not 1 <= number <= DAISY_INPUTS:
                raise ValueError(f"input {number}: a Cyton with a Daisy has 1 to {DAISY_INPUTS}")
        places = [(number - 1) % N_CHANNELS + 1 for number in inputs]
        slots = sorted(set(places))
        super().__init__(slots, gain)
        self._slot = np.array([slots.index(place) for place in places], dtype=np.int64)
        self._on_board = np.array([number <= N_CHANNELS for number in inputs])
        self._next_packet: int | None = None
        self._next_row: int | None = None
        self._half: tuple[int, FloatArray] | None = None
        """A row that lacks its odd packet, and its number."""

    @property
    def held(self) -> float:
        return (super().held + (self._half is not None)) / 2

    def _runs(self, lost: int, first: int, uv: FloatArray, motion_g: FloatArray) -> list[SampleRun]:
        values = np.concatenate((uv, motion_g))
        if self._next_packet is None:
            number, values = first + 1, values[:, 1:]
        else:
            number = self._next_packet + lost
        self._next_packet = number + values.shape[1]
        if not values.shape[1]:
            return []
        row, table = number // 2, self._table(number, values)
        runs = self._finish_half(row, table)
        if self._next_packet % 2:  # it ends with an even packet: the other half of its row is still to come
            self._half = (row + table.shape[1] - 1, table[:, -1:])
            table = table[:, :-1]
        return runs + self._rows(row, table)

    def _table(self, first: int, values: FloatArray) -> FloatArray:
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

    def _finish_half(self, row: int, table: FloatArray) -> list[SampleRun]:
        """Join the half row that waited, or hand it out alone if its other half was lost."""
        half, self._half = self._half, None
        if half is None:
            return []
        if half[0] == row:
            table[:, :1] = np.where(np.isnan(table[:, :1]), half[1], table[:, :1])
            return []
        return self._rows(*half)

    def _rows(self, row: int, table: FloatArray) -> list[SampleRun]:
        inputs = len(self._slot)
        if self._next_row is None and table.shape[1] and np.isnan(table[:inputs, 0]).any():
            row, table = row + 1, table[:, 1:]
        if not table.shape[1]:
            return []
        lost = 0 if self._next_row is None else row - self._next_row
        self._next_row = row + table.shape[1]
        self.lost += lost
        return [SampleRun(lost, table[:inputs], table[inputs:])]


def confirmed_run(raw: ByteArray) -> int:
    """Count the confirmed packets that stand in a row at the front of `raw`."""
    n = (len(raw) - 2) // PACKET_BYTES
    if n <= 0:
        return 0
    starts = raw[::PACKET_BYTES][: n + 1] == START
    counters = raw[1::PACKET_BYTES][: n + 1]
    good = starts[1:] & (np.diff(counters) == 1)
    good &= starts[:-1]
    good &= (raw[PACKET_BYTES - 1 :: PACKET_BYTES][:n] & STOP_MASK) == STOP
    return n if good.all() else int(good.argmin())


def best_start(window: ByteArray, last_counter: int | None, skipped: int) -> int | None:
    """Find the packet that begins within the first 33 bytes; there can be only one.

    A packet counts if any two hold of confirmed, sustained and plausible, and it is framed; a doubtful one
    must be sustained. Where several overlapping candidates count, plausible beats sustained, and both
    beat one.

    Parameters
    ----------
    window
        `WINDOW_BYTES` bytes.
    last_counter
        Counter of the last packet accepted; None before the first: then nothing is plausible.
    skipped
        Bytes thrown away since.

    Returns
    -------
    Offset of the packet, or None: no packet begins in these 33 bytes.
    """
    start = window == START
    stop = (window & STOP_MASK) == STOP
    both = 2 * PACKET_BYTES  # the candidates, and what would follow each of them
    framed = start[:both] & stop[PACKET_BYTES - 1 :][:both] & start[PACKET_BYTES:][:both]
    counter = window[1 : both + 1]
    missing = window[PACKET_BYTES + 1 :][:both] - counter - np.uint8(1)
    confirmed = (missing == 0)[:PACKET_BYTES]
    sustained = (framed & (missing <= SLACK_PACKETS))[PACKET_BYTES:]
    plausible = _plausible(counter[:PACKET_BYTES], last_counter, skipped)
    agree = confirmed.astype(np.int8) + sustained + plausible >= 2
    agree &= sustained | ~_doubtful(window)
    strength = np.where(framed[:PACKET_BYTES] & agree, 2 * plausible + sustained, 0)
    best = int(strength.argmax())
    return best if strength[best] else None


def _doubtful(window: ByteArray) -> NDArray[np.bool_]:
    candidates = np.lib.stride_tricks.sliding_window_view(window[: 2 * PACKET_BYTES - 1], PACKET_BYTES)
    following = candidates[:, 1:2] + np.uint8(1)
    return np.asarray(((candidates[:, 2:-1] == START) & (candidates[:, 3:] == following)).any(axis=1))


def _plausible(counters: ByteArray, last_counter: int | None, skipped: int) -> NDArray[np.bool_]:
    if last_counter is None:
        return np.zeros(len(counters), dtype=np.bool_)
    lost = (counters.astype(np.int64) - last_counter - 1) % COUNTERS
    least = -(-(skipped + np.arange(len(counters))) // PACKET_BYTES)
    return np.asarray((lost >= least) & (lost <= least + SLACK_PACKETS))


def _motion_g(raw: ByteArray, at: int, n: int) -> FloatArray:
    """Acceleration in g, shape ``(3, n)``; NaN between the sensor's readings, where the board sends zeros."""
    counts = np.empty((MOTION_ROWS, n), dtype=np.int16)
    for row, column in zip(counts, range(AUX_AT, AUX_AT + AUX_BYTES, 2), strict=True):
        words: NDArray[np.int16] = np.ndarray((n,), ">i2", raw.data, at + column, (PACKET_BYTES,))
        row[:] = words
    kind = raw[at + PACKET_BYTES - 1 : at + n * PACKET_BYTES : PACKET_BYTES] & KIND_MASK
    fresh = counts.any(axis=0) & (kind == ACCEL_KIND)
    return np.where(fresh, counts * ACCEL_G_PER_COUNT, np.nan)


def _lost(last: int, counter: int, missing: float) -> int:
    """Packets lost between two counters, which tell it but for whole turns; the clock tells the turns."""
    gap = (counter - last - 1) % COUNTERS
    return gap + COUNTERS * max(0, round((missing - gap) / COUNTERS))
