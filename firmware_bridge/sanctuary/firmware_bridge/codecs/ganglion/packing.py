"""How a Ganglion packs two samples of four channels into 18 or 19 bytes (OpenBCI Ganglion library).

Values lie most significant bit first, sample 1 channel 1 to 4, then sample 2; each has 18 bits where the
packet also carries a byte of acceleration, else 19. The sign of a value is written over its lowest bit.

Firmware 2 sends differences, old minus new, and firmware 3 the upper bits of the values themselves. Where the
sign is read from, sources disagree: see `SignRule`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

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
