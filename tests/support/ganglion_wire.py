"""What a Ganglion's firmware writes, by small code of its own: both firmwares, both widths."""

from __future__ import annotations

from collections.abc import Sequence


def pack(values: Sequence[int], n_bits: int) -> bytes:
    """Eight values, most significant bits first, each with its sign over its lowest bit."""
    bits = ""
    for value in values:
        low = format(value & (1 << n_bits) - 1, f"0{n_bits}b")
        bits += low[:-1] + ("1" if value < 0 else "0")
    return int(bits, 2).to_bytes(n_bits, "big")


def firmware_3(number: int, first: Sequence[int], second: Sequence[int], accel: int | None = None) -> bytes:
    """One notification: the upper bits of both samples."""
    n_bits = 19 if accel is None else 18
    packed = pack([value >> (24 - n_bits) for value in (*first, *second)], n_bits)
    head = bytes((number + (100 if accel is None else 0),))
    return head + packed + (b"" if accel is None else accel.to_bytes(1, "big", signed=True))


def firmware_2(
    number: int, last: Sequence[int], first: Sequence[int], second: Sequence[int], accel: int | None = None
) -> bytes:
    """One notification of differences, old minus new."""
    n_bits = 19 if accel is None else 18
    deltas = [old - new for old, new in zip(last, first, strict=True)]
    deltas += [old - new for old, new in zip(first, second, strict=True)]
    head = bytes((number + (100 if accel is None else 0),))
    return head + pack(deltas, n_bits) + (b"" if accel is None else accel.to_bytes(1, "big", signed=True))


def plain(sample: Sequence[int]) -> bytes:
    """The notification of firmware 2 that needs no past."""
    return b"\0" + b"".join(value.to_bytes(3, "big", signed=True) for value in sample) + b"ABCDEFG"
