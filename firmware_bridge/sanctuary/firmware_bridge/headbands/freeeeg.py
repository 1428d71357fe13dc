"""FreeEEG32: thirty-two channels over a serial port.

A frame (BrainFlow's driver for it; no other description was found)::

    A0 | counter | 32 x int24, two's complement, big-endian | more bytes, unknown in number | C0
     0      1       2 ...................................97   98 ...

It ends where C0 is followed by the A0 of the next one, once it is long enough to hold all channels. How long
this board's frames are is learned from three boundaries in a row at the same distance whose counters follow
one another. From then on a frame counts if it begins and ends as it must, the next one begins right behind
it, and its counter is close to the last one's or is followed by the next. On trouble the search moves on to
the next A0. What was learned is forgotten when nothing fits any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.headband import (
    BYTE_STREAM,
    Codec,
    Driver,
    HeadbandSession,
    LinkKind,
    SampleRun,
)
from sanctuary.signal.samples import FloatArray

ByteArray = NDArray[np.uint8]

START = 0xA0
STOP = 0xC0
N_CHANNELS = 32
CHANNELS_AT = 2
FS_HZ = 512.0
COUNTERS = 256
UV_PER_COUNT = 2.5 / (2**23 - 1) / 8 * 1e6
"""2.5 V reference, gain 8: 0.03725 uV."""
MIN_FRAME_BYTES = CHANNELS_AT + 3 * N_CHANNELS + 1
MAX_FRAME_BYTES = 256
"""Room for 157 bytes beside the channels; the board is known to add a few words of motion."""
CLOSE = 64
"""Frames that may be lost and the counter still be believed at once, 125 ms."""
LEARN_BYTES = 2 * MAX_FRAME_BYTES + 2
"""Three boundaries at the largest distance, and the counter behind the last."""
FORGET_BYTES = 4 * MAX_FRAME_BYTES
"""Bytes without a frame after which the length is learned anew."""


class FreeEegCodec(Codec):
    """Thirty-two channels at 512 Hz.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 32, in the order of the rows wanted.
    """

    def __init__(self, inputs: Sequence[int]) -> None:
        super().__init__()
        for number in inputs:
            if not 1 <= number <= N_CHANNELS:
                raise ValueError(f"input {number}: a FreeEEG32 has 1 to {N_CHANNELS}")
        self._columns = [CHANNELS_AT + 3 * (number - 1) for number in inputs]
        self._buffer = b""
        self._length: int | None = None
        self._last: int | None = None
        self._without = 0

    @property
    def held(self) -> float:
        return 0 if self._length is None else len(self._buffer) // self._length

    def push(
        self, chunk: bytes, _source: int = BYTE_STREAM, _now_s: float | None = None, /
    ) -> list[SampleRun]:
        self._buffer += chunk
        runs: list[SampleRun] = []
        at = 0
        while (step := self._step(at, runs)) > 0:
            at += step
        self._buffer = self._buffer[at:]
        return runs

    def _step(self, at: int, runs: list[SampleRun]) -> int:
        """Decode or throw away what stands at `at`; the number of bytes, 0 to wait for more."""
        left = len(self._buffer) - at
        if left <= 0:
            return 0
        if self._buffer[at] != START:
            return self._throw(at)
        if self._length is None:
            if left < LEARN_BYTES:
                return 0
            self._length = _learn(self._buffer[at : at + LEARN_BYTES])
            return self._throw(at) if self._length is None else self._step(at, runs)
        if left < self._length + 2:
            return 0
        n = self._frames(at)
        if n == 0:
            return self._throw(at)
        runs.append(self._run(at, n, self._length))
        return n * self._length

    def _frames(self, at: int) -> int:
        """Count the frames in a row at `at`, the first of which has a counter to be believed."""
        length = self._length or MIN_FRAME_BYTES
        raw = np.frombuffer(self._buffer, dtype=np.uint8, offset=at)
        n = (len(raw) - 2) // length
        starts, counters = raw[::length][: n + 1] == START, raw[1::length][: n + 1]
        whole = starts[:-1] & starts[1:] & (raw[length - 1 :: length][:n] == STOP)
        follows = np.diff(counters) == 1  # unsigned: 0 - 255 is 1
        if not whole[0] or not (follows[0] or self._is_close(int(counters[0]))):
            return 0
        good = whole.copy()
        good[1:] &= follows[:-1]
        return n if good.all() else int(good.argmin())

    def _is_close(self, counter: int) -> bool:
        return self._last is not None and (counter - self._last - 1) % COUNTERS <= CLOSE

    def _run(self, at: int, n: int, length: int) -> SampleRun:
        raw = np.frombuffer(self._buffer, dtype=np.uint8, offset=at, count=n * length)
        lost = 0 if self._last is None else (int(raw[1]) - self._last - 1) % COUNTERS
        self._last = int(raw[(n - 1) * length + 1])
        self._without = 0
        self.lost += lost
        uv: FloatArray = np.empty((len(self._columns), n))
        for row, column in zip(uv, self._columns, strict=True):
            # an int24 and the byte after it, read as one int32, hold the count in the upper 24 bits
            wide: NDArray[np.int32] = np.ndarray((n,), ">i4", raw.data, column, (length,))
            np.multiply(wide >> 8, UV_PER_COUNT, out=row)
        return SampleRun(lost, uv)

    def _throw(self, at: int) -> int:
        """Move on to the next byte that may begin a frame."""
        following = self._buffer.find(START, at + 1)
        n = (following if following >= 0 else len(self._buffer)) - at
        self.garbage += n
        self._without += n
        if self._without > FORGET_BYTES:
            self._length, self._without = None, 0
        return n


def _learn(window: bytes) -> int | None:
    """Length of the frames that begin here, told by two more boundaries; None if none do."""
    for length in range(MIN_FRAME_BYTES, MAX_FRAME_BYTES + 1):
        again = 2 * length
        if (
            window[length - 1] == STOP
            and window[length] == START
            and window[again - 1] == STOP
            and window[again] == START
            and window[length + 1] == (window[1] + 1) % COUNTERS
            and window[again + 1] == (window[1] + 2) % COUNTERS
        ):
            return length
    return None


class FreeEegSession(HeadbandSession):
    """It streams unasked."""

    def codec(self) -> Codec:
        return FreeEegCodec(self.inputs)


FREEEEG32 = Driver(
    "freeeeg32",
    "FreeEEG32",
    LinkKind.SERIAL,
    FS_HZ,
    tuple(str(number) for number in range(1, N_CHANNELS + 1)),
    {"AF7": 1, "AF8": 2},
    lambda _options: 2.5 / 8 * 1e6,
    FreeEegSession,
    baud=921_600,
    usb=((0x0483, 0x5740),),
    counter_span=COUNTERS,
    address="/dev/ttyACM0",
    note="electrodes go where you plug them",
)
