"""OpenBCI Ganglion, firmware 2 and 3: four channels over Bluetooth LE (OpenBCI Ganglion library).

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

Two samples of four channels are packed into 18 or 19 bytes: values lie most significant bit first, sample 1
channel 1 to 4, then sample 2; each has 18 bits where the packet also carries a byte of acceleration, else 19.
The sign of a value is written over its lowest bit; where it is read from, sources disagree: see `SignRule`.

Firmware 2 sends differences, old minus new: after a loss all is NaN until the next plain sample, a second
away at most. Its cycle has 201 samples. Firmware 3 sends the upper bits of the values themselves and needs no
past, and its cycle has 200: reading the firmware, one of 201 samples of the converter is never sent, so that
some 199 a second arrive; the clock that runs above the codecs takes this for a slow crystal, which does no
harm. Whole cycles that are lost the numbers cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from sanctuary.firmware_bridge.headbands.headband import (
    BYTE_STREAM,
    Codec,
    Contact,
    Conversation,
    DeviceText,
    Driver,
    HeadbandOptions,
    HeadbandSession,
    LinkKind,
    SampleRun,
)
from sanctuary.firmware_bridge.links.link import BASE_UUID, Gatt
from sanctuary.signal.samples import FloatArray

N_CHANNELS = 4
PER_PACKET = 2
NARROW_BITS, WIDE_BITS = 18, 19
FULL_BITS = 24
UV_PER_COUNT = 1.2e6 / (8_388_607 * 1.5 * 51)
"""1.2 V reference, gain 51 before a factor of 1.5: 0.00187 uV (BrainFlow; the documentation differs by
2e-5)."""


class SignRule(Enum):
    """Where a packed value's sign is, and what becomes of the bit that carries it."""

    LOW_BIT = "low"
    """The lowest bit is the sign and no part of the value: what firmware 2 writes, so the default for it."""
    PEER = "peer"
    """The lowest bit is the sign and stays in the value (OpenBCI's JavaScript and Python libraries)."""
    TOP_BIT = "top"
    """The highest bit is the sign, and the forced lowest one is taken off again (BrainFlow). For firmware 3,
    whose values are upper bits, it is the same as the low bit but for that one."""


def unpack(data: bytes, n_bits: int) -> list[int]:
    """Read eight packed values, unsigned, from 18 or 19 bytes."""
    mask = (1 << n_bits) - 1
    packed = int.from_bytes(data, "big") >> (8 * len(data) - 8 * n_bits)
    return [packed >> (n_bits * (7 - k)) & mask for k in range(8)]


def signed(value: int, n_bits: int, rule: SignRule) -> int:
    """Give a packed value its sign."""
    if rule is SignRule.LOW_BIT:
        return (value & ~1) - (1 << n_bits) if value & 1 else value
    if rule is SignRule.PEER:
        return value - (1 << n_bits) if value & 1 else value
    return value - (1 << n_bits) - 1 if value >> (n_bits - 1) else value


def raw_sample(data: bytes) -> list[int]:
    """Read four plain 24-bit values."""
    return [int.from_bytes(data[at : at + 3], "big", signed=True) for at in range(0, 12, 3)]


def differences(last: Sequence[int], data: bytes, n_bits: int, rule: SignRule) -> list[list[int]]:
    """Two samples of firmware 2 after `last`: each value is the one before it less the difference sent."""
    sent = [signed(value, n_bits, rule) for value in unpack(data, n_bits)]
    first = [old - delta for old, delta in zip(last, sent[:N_CHANNELS], strict=True)]
    return [first, [old - delta for old, delta in zip(first, sent[N_CHANNELS:], strict=True)]]


def upper_bits(data: bytes, n_bits: int) -> list[list[int]]:
    """Two samples of firmware 3, each cut off below its upper 18 or 19 bits."""
    values = [
        signed(value, n_bits, SignRule.TOP_BIT) << (FULL_BITS - n_bits) for value in unpack(data, n_bits)
    ]
    return [values[:N_CHANNELS], values[N_CHANNELS:]]


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


class GanglionCodec(Codec):
    """Four channels at 200 Hz.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 4, in the order of the rows wanted.
    firmware
        2 or 3.
    """

    def __init__(self, inputs: Sequence[int] = (1, 2, 3, 4), *, firmware: int) -> None:
        super().__init__()
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

    def push(
        self, chunk: bytes, _source: int = BYTE_STREAM, _now_s: float | None = None, /
    ) -> list[SampleRun]:
        if len(chunk) != NOTIFICATION_BYTES:
            return self._refuse(chunk)
        if chunk[0] >= IMPEDANCE:
            self._on_message(chunk)
            return []
        number = self._number(chunk[0])
        if number is None:
            return self._refuse(chunk)
        cycle = self._dialect.ids
        ahead = 1 if self._last is None else (number - self._last) % cycle
        if ahead == 0 or ahead >= cycle - LATE:
            self._bad += 1
            return []
        suspect, self._suspect = self._suspect, None
        if ahead > FAR and not (suspect and (number - suspect[0]) % cycle == 1):
            self._bad += suspect is not None
            self._suspect = (number, chunk)
            return []
        if ahead > FAR and suspect:
            return [*self._decode_packet(suspect[0], suspect[1]), *self._decode_packet(number, chunk)]
        self._bad += suspect is not None
        return self._decode_packet(number, chunk)

    def _decode_packet(self, number: int, chunk: bytes) -> list[SampleRun]:
        ahead = 1 if self._last is None else (number - self._last) % self._dialect.ids
        lost = self._samples_between(number, ahead)
        self._last = number
        self.lost += lost
        counts = self._decode(chunk, gap=lost > 0)
        uv = np.array(counts, dtype=np.float64).T[self._inputs] * UV_PER_COUNT
        return [SampleRun(lost, uv, self._motion_of(chunk, uv.shape[1]))]

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

    def _on_message(self, chunk: bytes) -> None:
        first = chunk[0]
        if first in (TEXT_PART, TEXT_END):
            self._text = (self._text + chunk[1:])[-MAX_TEXT_BYTES:]
            if first == TEXT_END:
                text, self._text = self._text.decode("ascii", "replace").strip("\0 \r\n"), b""
                if text:
                    self.events.append(DeviceText(text))
            return
        match = _OHM.search(chunk[1:]) if first < TEXT_PART else None
        if match is None:
            self._refuse(chunk)
        elif first - IMPEDANCE in self._inputs:
            kohm = int(match[1]) / 1000.0
            self.events.append(Contact(self._inputs.index(first - IMPEDANCE), kohm <= GOOD_KOHM, kohm))

    def _refuse(self, chunk: bytes) -> list[SampleRun]:
        self._bad += 1
        self.garbage += len(chunk)
        return []


NOTIFY = "2d30c082-f39f-4ce6-923f-3484ea480596"
WRITE = "2d30c083-f39f-4ce6-923f-3484ea480596"
SOFTWARE_REVISION = BASE_UUID.format(0x2A28)
DATA = 0x82
SETTLE_S = 0.3
"""The board resets when it is connected; what it still had in its buffers comes in this time."""
CYCLE = 200
"""Samples in which the packets' ids go round once."""


class GanglionSession(HeadbandSession):
    """Four channels at 200 Hz, firmware 2 or 3."""

    def __init__(self, inputs: tuple[int, ...], options: HeadbandOptions) -> None:
        super().__init__(inputs, options)
        self.firmware = options.firmware

    def prepare(self, line: Conversation) -> None:
        """Ask for the firmware, and stop the board."""
        if self.firmware is None:
            self.firmware = 3 if line.link.value_of(SOFTWARE_REVISION)[:1] == b"3" else 2
        line.send(b"s")
        line.pause(SETTLE_S)

    def codec(self) -> Codec:
        return GanglionCodec(self.inputs, firmware=self.firmware or 2)

    def start(self, line: Conversation) -> None:
        line.send(b"b")

    def stop(self, line: Conversation) -> None:
        line.send(b"s")


GANGLION = Driver(
    "ganglion",
    "OpenBCI Ganglion",
    LinkKind.BLE,
    200.0,
    ("1", "2", "3", "4"),
    {"AF7": 1, "AF8": 2},
    lambda _options: 15_686.0,
    GanglionSession,
    gatt=Gatt(BASE_UUID.format(0xFE84), {NOTIFY: DATA}, WRITE),
    prefixes=("Ganglion", "Simblee"),
    counter_span=CYCLE,
    address="Ganglion-1A2B",
    note="firmware 2 and 3; electrodes go where you plug them",
)
