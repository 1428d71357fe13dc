"""How a Ganglion's firmware packs its samples (OpenBCI Ganglion library, firmware 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence

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


def _packed(values: Sequence[int], n_bits: int) -> bytes:
    packed = 0
    for value in values:
        packed = packed << n_bits | value
    return packed.to_bytes(n_bits, "big")
