"""NeuroSky ThinkGear headsets and BrainLink: one dry channel on the forehead, over a serial port.

A frame has at most 173 bytes (sources: BarkleyUS/mindwave-python, other open clients and NeuroSky's
description of the stream)::

    AA AA | length | rows ... | checksum        length 0 to 169; checksum = inverted low byte of the rows' sum

    row:  [55 ...] code value                   code below 80: one byte of value
          [55 ...] code length value ...        code from 80 on

Each 55 raises the row's *level* by one; what we know of codes is level 0.

Frames are accepted by their checksum and by rows that fill them. On trouble the search moves on by one byte,
so that nothing behind a false start is lost. A frame as long as that of a raw sample, but with a wrong
checksum or content, stands for one sample and counts as lost in its place; before the first sample it counts
for nothing. No counter tells of frames that are missing altogether: that is left to whoever knows the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.headband import (
    BYTE_STREAM,
    Codec,
    Contact,
    DeviceText,
    Driver,
    HeadbandSession,
    LinkKind,
    SampleRun,
)

SYNC = 0xAA
HEAD = b"\xaa\xaa"
MAX_PAYLOAD_BYTES = 169
"""A length of 170 is one more sync byte, a greater one an error."""
OVERHEAD_BYTES = 4
"""Two sync bytes, length and checksum."""
MAX_FRAME_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES
FS_HZ = 512.0

EXTENDED = 0x55
POOR_SIGNAL = 0x02
RAW = 0x80
LONG = 0x80
"""Codes from here on are followed by a length."""
DONGLE = {
    0xD0: "headset connected",
    0xD1: "headset not found",
    0xD2: "headset disconnected",
    0xD3: "request denied",
    0xD4: "waiting for a headset",
}
"""What the dongle says, as open clients name it."""

RAW_HEAD = bytes((SYNC, SYNC, 4, RAW, 2))
RAW_BYTES = 8
"""A frame that holds one sample and nothing else: its head, the sample, the checksum."""
DEFAULT_UV_PER_COUNT = 1.8 / 4096 / 2000 * 1e6
"""0.2197 uV: 1.8 V in 4096 counts behind a gain of 2000, as is widely published; it depends on the product
and was not verified here."""


def checksum(payload: bytes) -> int:
    return ~sum(payload) & 0xFF


@dataclass(frozen=True, slots=True)
class ThinkGearRow:
    """One value in a frame.

    Attributes
    ----------
    code
        What it is: 0 to 255 but for 55 and AA.
    value
        One byte for codes below 80, else up to 255.
    level
        Number of 55 before the code.

    Raises
    ------
    ValueError
        No row can be so.
    """

    code: int
    value: bytes
    level: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.code <= 0xFF or self.code in (EXTENDED, SYNC) or self.level < 0:
            raise ValueError(f"{self}: a code is 0 to 255 but for 55 and AA")
        if len(self.value) > 0xFF or (self.code < LONG and len(self.value) != 1):
            raise ValueError(f"{self}: codes below 80 have one byte of value, others up to 255")

    def to_bytes(self) -> bytes:
        length = bytes((len(self.value),)) if self.code >= LONG else b""
        return bytes((EXTENDED,)) * self.level + bytes((self.code,)) + length + self.value


def rows_of(payload: bytes) -> list[ThinkGearRow] | None:
    """Read the rows of a payload; None where they do not fill it, or a raw sample has not two bytes."""
    rows: list[ThinkGearRow] = []
    at, level = 0, 0
    while at < len(payload):
        code = payload[at]
        at += 1
        if code == EXTENDED:
            level += 1
            continue
        length = 1
        if code >= LONG:
            if at == len(payload):
                return None
            length, at = payload[at], at + 1
        if code == SYNC or at + length > len(payload) or (code == RAW and not level and length != 2):
            return None
        rows.append(ThinkGearRow(code, payload[at : at + length], level))
        at, level = at + length, 0
    return None if level else rows


GOOD_SIGNAL = 50
"""Greatest "poor signal" that counts as contact. 0 is the best and 200 is off the head; small values come and
go with blinks and movements. The limit is ours."""
MAX_RUN_FRAMES = 1024
"""Raw frames looked at together, 2 s; once a second another frame stands among them."""

ByteArray = NDArray[np.uint8]

_RAW_HEAD = np.frombuffer(RAW_HEAD, dtype=np.uint8)


class ThinkGearCodec(Codec):
    """One channel at 512 Hz.

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

    def __init__(self, inputs: Sequence[int] = (1,), uv_per_count: float = DEFAULT_UV_PER_COUNT) -> None:
        super().__init__()
        for number in inputs:
            if number != 1:
                raise ValueError(f"input {number}: a ThinkGear headset has 1 only")
        if not 0.0 < uv_per_count < np.inf:
            raise ValueError(f"uv_per_count {uv_per_count:g}: must be positive")
        self._n_rows = len(inputs)
        self._uv_per_count = uv_per_count
        self._buffer = b""
        self._pieces: list[NDArray[np.int16]] = []
        self._runs: list[SampleRun] = []
        self._missing = 0
        self._begun = False

    def push(
        self, chunk: bytes, _source: int = BYTE_STREAM, _now_s: float | None = None, /
    ) -> list[SampleRun]:
        data = self._buffer + chunk
        raw = np.frombuffer(data, dtype=np.uint8)
        at = 0
        while step := self._step(data, raw, at):
            at += step
        self._buffer = data[at:]
        self._end_run()
        runs, self._runs = self._runs, []
        return runs

    def _step(self, data: bytes, raw: ByteArray, at: int) -> int:
        """Decode or throw away what stands at `at`; the number of bytes, 0 to wait for more."""
        frames = _raw_frames(raw[at : at + MAX_RUN_FRAMES * RAW_BYTES])
        if len(frames):
            self._keep(np.ascontiguousarray(frames[:, 5:7]).view(">i2")[:, 0].astype(np.int16))
            return frames.size
        if not data.startswith(HEAD, at):
            return self._skip_to_head(data, at)
        if len(data) - at < 3:
            return 0
        length = data[at + 2]
        if length > MAX_PAYLOAD_BYTES:
            self._bad += length != SYNC
            return self._skip(1)
        if len(data) - at < OVERHEAD_BYTES + length:
            return 0
        payload = data[at + 3 : at + 3 + length]
        rows = rows_of(payload) if data[at + 3 + length] == checksum(payload) else None
        if rows is None:
            return self._refuse(length)
        for row in rows:
            self._on_row(row)
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
        self._bad += 1
        if length + OVERHEAD_BYTES == RAW_BYTES and self._begun:
            self._end_run()
            self._missing += 1
        return self._skip(1)

    def _on_row(self, row: ThinkGearRow) -> None:
        if row.level:
            return
        if row.code == RAW:
            self._keep(np.array([int.from_bytes(row.value, "big", signed=True)], dtype=np.int16))
        elif row.code == POOR_SIGNAL:
            good = row.value[0] <= GOOD_SIGNAL
            self.events.extend(Contact(channel, good) for channel in range(self._n_rows))
        elif row.code in DONGLE:
            self.events.append(DeviceText(f"dongle: {DONGLE[row.code]} {row.value.hex()}".rstrip()))

    def _keep(self, counts: NDArray[np.int16]) -> None:
        self._begun = True
        self._pieces.append(counts)

    def _end_run(self) -> None:
        """Make a run of the samples gathered."""
        if not self._pieces:
            return
        uv = np.concatenate(self._pieces) * self._uv_per_count
        self._runs.append(SampleRun(self._missing, np.tile(uv, (self._n_rows, 1))))
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


class ThinkGearSession(HeadbandSession):
    """It streams unasked."""

    def codec(self) -> Codec:
        return ThinkGearCodec(self.inputs)

    def silence_hint(self, last_text: str) -> str:
        return last_text or "check that it is switched on, and its rate (57600 or 115200 baud)"


THINKGEAR = Driver(
    "thinkgear",
    "NeuroSky or BrainLink (ThinkGear)",
    LinkKind.SERIAL,
    FS_HZ,
    ("Fp1",),
    {"Fp1": 1},
    lambda _options: 2048 * DEFAULT_UV_PER_COUNT,
    ThinkGearSession,
    baud=57_600,
    counter_span=1,
    address="/dev/rfcomm0",
    note="one channel: sees no eye movements",
)
