"""A Ganglion's notifications, 20 bytes each (OpenBCI Ganglion library, firmware 2 and 3).

::

    id            firmware 2                      firmware 3
    0             one sample, 4 x int24, letters  part of the next
    18 bits       1 to 100                        0 to 99
    19 bits       101 to 200                      100 to 199
    201 to 205    impedance of channel 1 to 4 and the reference: ASCII digits, ``Z``, newline
    206, 207      text, and its last part

Two samples follow each other, channel by channel, most significant bits first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_CHANNELS = 4
STEP_UV = 1.2e6 / (8_388_607 * 1.5 * 51)
LARGEST, SMALLEST = 0x7FFFFF, -0x800000
IMPEDANCE, TEXT_PART, TEXT_END = 201, 206, 207
NOTIFICATION_BYTES = 20
LETTERS = b"ABCDEFG"
"""What follows a plain sample in its notification."""


def plain(counts: Sequence[int]) -> bytes:
    """One sample whole, as the first of firmware 2's cycle."""
    return b"\0" + b"".join(count.to_bytes(3, "big", signed=True) for count in counts) + LETTERS


def differences(last: Sequence[int], first: Sequence[int], second: Sequence[int], n_bits: int) -> bytes:
    """Two samples as firmware 2 sends them: old less new, its low bits, the lowest being the sign."""
    values = [old - new for old, new in zip(last, first, strict=True)]
    values += [old - new for old, new in zip(first, second, strict=True)]
    return _packed([(value & ~1 | (value < 0)) & (1 << n_bits) - 1 for value in values], n_bits)


def upper_bits(first: Sequence[int], second: Sequence[int], n_bits: int) -> bytes:
    """Two samples as firmware 3 sends them: their upper bits, the lowest of these being the sign."""
    values = [value >> 24 - n_bits for value in (*first, *second)]
    return _packed([(value & ~1 | (value < 0)) & (1 << n_bits) - 1 for value in values], n_bits)


def impedances(ohm: Sequence[int]) -> list[bytes]:
    """Impedances of all electrodes, the reference's last."""
    return [_padded(IMPEDANCE + k, b"%dZ\n" % each) for k, each in enumerate(ohm)]


def texts(text: str) -> list[bytes]:
    """Cut a text up."""
    data, size = text.encode("ascii"), NOTIFICATION_BYTES - 1
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [_padded(TEXT_PART, part) for part in parts[:-1]] + [_padded(TEXT_END, parts[-1])]


def counts_of(uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round to the nearest counts (halves to the even one) of all inputs, shape ``(n, 4)``.

    They stick at the rails; an electrode that hangs in the air, NaN, reads the upper one.
    """
    counts = np.zeros((uv.shape[1], N_CHANNELS), dtype=np.int64)
    for channel, row in enumerate(uv[:N_CHANNELS]):
        counts[:, channel] = np.clip(np.rint(np.nan_to_num(row, nan=1e9) / STEP_UV), SMALLEST, LARGEST)
    return counts


def _packed(values: Sequence[int], n_bits: int) -> bytes:
    packed = 0
    for value in values:
        packed = packed << n_bits | value
    return packed.to_bytes(n_bits, "big")


def _padded(number: int, data: bytes) -> bytes:
    return (bytes((number,)) + data).ljust(NOTIFICATION_BYTES, b"\0")
