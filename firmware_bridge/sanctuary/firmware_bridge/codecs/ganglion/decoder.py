"""From a Ganglion's notifications to rows of samples, for firmware 2 and 3.

A notification has 20 bytes, the first of which says what it is:

============ ==================== ====================
first byte   firmware 2           firmware 3
============ ==================== ====================
0            one plain sample     part of the 18 bits
18 bits      1 to 100             0 to 99
19 bits      101 to 200           100 to 199
201 to 205   impedance of channel 1 to 4 and of the reference, ASCII digits, ``Z``
206, 207     text, and its last part
============ ==================== ====================

Firmware 2 sends differences: after a loss all is NaN until the next plain sample, a second away at most. Its
cycle has 201 samples. Firmware 3 needs no past, and its cycle has 200: reading the firmware, one of 201
samples of the converter is never sent, so that some 199 a second arrive; the clock that runs above the
codecs takes this for a slow crystal, which does no harm. Whole cycles that are lost the numbers cannot tell.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanctuary.firmware_bridge.codecs.base import (
    BYTE_STREAM,
    MAX_NOTICES,
    Contact,
    Notice,
    Run,
    Said,
)
from sanctuary.firmware_bridge.codecs.ganglion.packing import (
    N_CHANNELS,
    NARROW_BITS,
    PER_PACKET,
    UV_PER_COUNT,
    WIDE_BITS,
    SignRule,
    differences,
    raw_sample,
    upper_bits,
)
from sanctuary.signal.samples import FloatArray

NOTIFICATION_BYTES = 20
IMPEDANCE, TEXT_PART, TEXT_END = 201, 206, 207
GOOD_KOHM = 750.0
"""Impedance up to which an electrode counts as touching; the Ganglion's inputs take dry electrodes."""
MAX_TEXT_BYTES = 1024
LATE = 8
"""A packet this little behind the last one is a late or repeated one, not one of almost a whole cycle on."""
FAR = 8
"""A packet further ahead than this is believed only if the next one follows it."""
G_PER_COUNT = 0.016
"""As BrainFlow has it; OpenBCI's documentation says twice that."""

_OHM = re.compile(rb"(\d{1,9})Z")


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What one firmware's numbers mean."""

    narrow_from: int
    wide_from: int
    ids: int
    """Packets in a cycle."""


_DIALECTS = {2: _Dialect(1, 101, 101), 3: _Dialect(0, 100, 100)}


class GanglionCodec:
    """Four channels at 200 Hz.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 4, in the order of the rows wanted.
    firmware
        2 or 3.
    """

    held = 0.0
    """What arrives needs no confirmation."""

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4), *, firmware: int) -> None:
        for number in inputs:
            if not 1 <= number <= N_CHANNELS:
                raise ValueError(f"input {number}: the Ganglion has 1 to {N_CHANNELS}")
        if firmware not in _DIALECTS:
            raise ValueError(f"firmware {firmware}: 2 and 3 are known")
        self._inputs = [number - 1 for number in inputs]
        self._differs = firmware == 2
        self._dialect = _DIALECTS[firmware]
        self._last: int | None = None
        self._suspect: tuple[int, bytes] | None = None
        self._base: list[int] | None = None
        self._motion: list[float] = [np.nan, np.nan, np.nan]
        self._text = b""
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self.lost = 0
        self.bad = 0
        self.garbage = 0

    def feed(self, chunk: bytes, _source: int = BYTE_STREAM, _now_s: float | None = None) -> list[Run]:
        """Take a notification; returns its samples."""
        if len(chunk) != NOTIFICATION_BYTES:
            return self._refuse(chunk)
        if chunk[0] >= IMPEDANCE:
            self._tell(chunk)
            return []
        number = self._number(chunk[0])
        if number is None:
            return self._refuse(chunk)
        cycle = self._dialect.ids
        ahead = 1 if self._last is None else (number - self._last) % cycle
        if ahead == 0 or ahead >= cycle - LATE:
            self.bad += 1
            return []
        suspect, self._suspect = self._suspect, None
        if ahead > FAR and not (suspect and (number - suspect[0]) % cycle == 1):
            self.bad += suspect is not None
            self._suspect = (number, chunk)
            return []
        if ahead > FAR and suspect:
            return [*self._take(suspect[0], suspect[1]), *self._take(number, chunk)]
        self.bad += suspect is not None
        return self._take(number, chunk)

    def _take(self, number: int, chunk: bytes) -> list[Run]:
        ahead = 1 if self._last is None else (number - self._last) % self._dialect.ids
        lost = self._samples_between(number, ahead)
        self._last = number
        self.lost += lost
        counts = self._decode(chunk, gap=lost > 0)
        uv = np.array(counts, dtype=np.float64).T[self._inputs] * UV_PER_COUNT
        return [Run(lost, uv, self._motion_of(chunk, uv.shape[1]))]

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        taken = list(self._notices)
        self._notices.clear()
        return taken

    def _number(self, first: int) -> int | None:
        """Place in the cycle, from 0; None for a byte that this firmware does not send."""
        dialect = self._dialect
        if self._differs and first == 0:
            return 0
        if first >= dialect.wide_from:
            first -= dialect.wide_from - dialect.narrow_from
        return first if dialect.narrow_from <= first < dialect.ids else None

    def _samples_between(self, number: int, ahead: int) -> int:
        """Count the samples of the packets that are missing before `number`."""
        missing = ahead - 1
        if not self._differs:
            return PER_PACKET * missing
        plain = missing > 0 and (number - 1) % self._dialect.ids < missing  # number 0 is among them
        return PER_PACKET * missing - int(plain)

    def _decode(self, chunk: bytes, *, gap: bool) -> list[list[float]] | list[list[int]]:
        wide = chunk[0] >= self._dialect.wide_from
        data = chunk[1:] if wide else chunk[1:-1]
        n_bits = WIDE_BITS if wide else NARROW_BITS
        if not self._differs:
            return upper_bits(data, n_bits)
        if chunk[0] == 0:
            self._base = raw_sample(chunk[1:])
            return [self._base]
        if gap or self._base is None:
            self._base = None
            return [[np.nan] * N_CHANNELS] * PER_PACKET
        samples = differences(self._base, data, n_bits, SignRule.LOW_BIT)
        self._base = samples[-1]
        return samples

    def _motion_of(self, chunk: bytes, n: int) -> FloatArray:
        """Acceleration: X, Y, Z come one by one where the number ends in 1, 2, 3; whole once Z is there.

        Axes and places are those of the firmware's text; BrainFlow has them otherwise.
        """
        motion = np.full((3, n), np.nan)
        narrow = self._dialect.narrow_from <= chunk[0] < self._dialect.wide_from
        axis = chunk[0] % 10 - 1
        if narrow and 0 <= axis < 3:
            self._motion[axis] = int.from_bytes(chunk[-1:], "big", signed=True) * G_PER_COUNT
            if axis == 2:
                motion[:, -1] = self._motion
                self._motion = [np.nan, np.nan, np.nan]
        return motion

    def _tell(self, chunk: bytes) -> None:
        first = chunk[0]
        if first in (TEXT_PART, TEXT_END):
            self._text = (self._text + chunk[1:])[-MAX_TEXT_BYTES:]
            if first == TEXT_END:
                text, self._text = self._text.decode("ascii", "replace").strip("\0 \r\n"), b""
                if text:
                    self._notices.append(Said(text))
            return
        match = _OHM.search(chunk[1:]) if first < TEXT_PART else None
        if match is None:
            self._refuse(chunk)
        elif first - IMPEDANCE in self._inputs:
            kohm = int(match[1]) / 1000.0
            self._notices.append(Contact(self._inputs.index(first - IMPEDANCE), kohm <= GOOD_KOHM, kohm))

    def _refuse(self, chunk: bytes) -> list[Run]:
        self.bad += 1
        self.garbage += len(chunk)
        return []
