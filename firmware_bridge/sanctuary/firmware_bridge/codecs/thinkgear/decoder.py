"""From bytes of a ThinkGear stream to microvolts, through noise.

Frames are taken by their checksum and by rows that fill them. On trouble the search moves on by one byte, so
that nothing behind a false start is lost. A frame as long as that of a raw sample, but with a wrong checksum
or content, stands for one sample and counts as lost in its place; before the first sample it counts for
nothing. No counter tells of frames that are missing altogether: that is left to whoever knows the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.codecs.base import BYTE_STREAM, MAX_NOTICES, Contact, Notice, Run, Said
from sanctuary.firmware_bridge.codecs.thinkgear.packet import (
    DEFAULT_UV_PER_COUNT,
    DONGLE,
    HEAD,
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    POOR_SIGNAL,
    RAW,
    RAW_BYTES,
    RAW_HEAD,
    SYNC,
    Row,
    checksum,
    rows_of,
)

GOOD_SIGNAL = 50
"""Greatest "poor signal" that counts as contact. 0 is the best and 200 is off the head; small values come and
go with blinks and movements. The limit is ours."""
MAX_RUN_FRAMES = 1024
"""Raw frames looked at together, 2 s; once a second another frame stands among them."""

ByteArray = NDArray[np.uint8]

_RAW_HEAD = np.frombuffer(RAW_HEAD, dtype=np.uint8)


class ThinkGearCodec:
    """Carries the bytes of an unfinished frame; see `Codec`.

    Parameters
    ----------
    inputs
        Rows of the samples; there is only input 1.
    uv_per_count
        Scale of the raw samples, which depends on the product.

    Raises
    ------
    ValueError
        No such input, or a scale that is none.
    """

    held = 0.0
    """What arrives needs no confirmation."""

    def __init__(self, inputs: Sequence[int] = (1,), uv_per_count: float = DEFAULT_UV_PER_COUNT) -> None:
        for number in inputs:
            if number != 1:
                raise ValueError(f"input {number}: a ThinkGear headset has 1 only")
        if not 0.0 < uv_per_count < np.inf:
            raise ValueError(f"uv_per_count {uv_per_count:g}: must be positive")
        self._n_rows = len(inputs)
        self._uv_per_count = uv_per_count
        self._buffer = b""
        self._pieces: list[NDArray[np.int16]] = []
        self._runs: list[Run] = []
        self._missing = 0
        self._begun = False
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self.lost = 0
        self.bad = 0
        self.garbage = 0

    def feed(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None) -> list[Run]:  # noqa: ARG002
        """Take what arrived; returns runs of samples, in order. The way it is cut makes no difference."""
        data = self._buffer + chunk
        raw = np.frombuffer(data, dtype=np.uint8)
        at = 0
        while step := self._step(data, raw, at):
            at += step
        self._buffer = data[at:]
        self._end_run()
        runs, self._runs = self._runs, []
        return runs

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        taken = list(self._notices)
        self._notices.clear()
        return taken

    def _step(self, data: bytes, raw: ByteArray, at: int) -> int:
        """Take or throw away what stands at `at`; returns the number of bytes, 0 to wait for more."""
        frames = _raw_frames(raw[at : at + MAX_RUN_FRAMES * RAW_BYTES])
        if len(frames):
            self._take(np.ascontiguousarray(frames[:, 5:7]).view(">i2")[:, 0].astype(np.int16))
            return frames.size
        if not data.startswith(HEAD, at):
            return self._skip_to_head(data, at)
        if len(data) - at < 3:
            return 0
        length = data[at + 2]
        if length > MAX_PAYLOAD_BYTES:
            self.bad += length != SYNC
            return self._skip(1)
        if len(data) - at < OVERHEAD_BYTES + length:
            return 0
        payload = data[at + 3 : at + 3 + length]
        rows = rows_of(payload) if data[at + 3 + length] == checksum(payload) else None
        if rows is None:
            return self._refuse(length)
        for row in rows:
            self._take_row(row)
        return OVERHEAD_BYTES + length

    def _skip_to_head(self, data: bytes, at: int) -> int:
        """Throw away what cannot begin a frame; a last byte that may begin one is kept."""
        head = data.find(HEAD, at)
        if head < 0:
            head = len(data) - data.endswith(HEAD[:1])
        return self._skip(max(0, head - at))

    def _skip(self, n: int) -> int:
        self.garbage += n
        return n

    def _refuse(self, length: int) -> int:
        self.bad += 1
        if length + OVERHEAD_BYTES == RAW_BYTES and self._begun:
            self._end_run()
            self._missing += 1
        return self._skip(1)

    def _take_row(self, row: Row) -> None:
        if row.level:
            return
        if row.code == RAW:
            self._take(np.array([int.from_bytes(row.value, "big", signed=True)], dtype=np.int16))
        elif row.code == POOR_SIGNAL:
            good = row.value[0] <= GOOD_SIGNAL
            self._notices.extend(Contact(channel, good) for channel in range(self._n_rows))
        elif row.code in DONGLE:
            self._notices.append(Said(f"dongle: {DONGLE[row.code]} {row.value.hex()}".rstrip()))

    def _take(self, counts: NDArray[np.int16]) -> None:
        self._begun = True
        self._pieces.append(counts)

    def _end_run(self) -> None:
        """Make a run of the samples gathered."""
        if not self._pieces:
            return
        uv = np.concatenate(self._pieces) * self._uv_per_count
        self._runs.append(Run(self._missing, np.tile(uv, (self._n_rows, 1))))
        self._pieces.clear()
        self.lost += self._missing
        self._missing = 0


def _raw_frames(raw: ByteArray) -> ByteArray:
    """Rows of the whole raw frames that stand in a row at the front, shape ``(n, 8)``."""
    n = len(raw) // RAW_BYTES
    rows = raw[: n * RAW_BYTES].reshape(n, RAW_BYTES)
    good = (rows[:, :5] == _RAW_HEAD).all(axis=1)
    good &= rows[:, 3:].sum(axis=1, dtype=np.uint8) == 0xFF  # what is added to its inverse
    return rows if good.all() else rows[: int(good.argmin())]
