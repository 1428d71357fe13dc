"""Cyton packets built byte by byte, for tests of both ends of the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.cyton.wire import uv_per_count
from sanctuary.firmware_bridge.headbands.headband import SampleRun

PACKET = 33
Counts = NDArray[np.int64]


def packet(counter: int, counts: Sequence[int], aux: bytes = bytes(6), stop: int = 0xC0) -> bytes:
    """One packet, from the format's description: A0, counter, 8 int24, 6 aux bytes, stop."""
    body = b"".join((count % 2**24).to_bytes(3, "big") for count in counts)
    return b"\xa0" + bytes([counter % 256]) + body + aux + bytes([stop])


def random_counts(n: int, seed: int) -> Counts:
    """Counts over the whole range, shape ``(n, 8)``."""
    return np.random.default_rng(seed).integers(-(2**23), 2**23, size=(n, 8))


def adversarial_counts(n: int, seed: int) -> Counts:
    """Counts whose bytes are A0 and C0 only, like starts and stops; shape ``(n, 8)``."""
    raw = np.random.default_rng(seed).choice(np.array([0xA0, 0xC0]), size=(n, 8, 3))
    value = raw[..., 0] << 16 | raw[..., 1] << 8 | raw[..., 2]
    return np.asarray(value - (value >> 23 << 24))


def packets(counts: Counts, first: int = 0, aux: bytes = bytes(6)) -> list[bytes]:
    """Packets in a row, the first with counter `first`."""
    return [packet(first + number, row, aux) for number, row in enumerate(counts.tolist())]


def counts_of(run: SampleRun) -> Counts:
    """Counts of a run of the default gain, shape ``(n_channels, n)``; they must be whole."""
    counts = np.rint(run.uv / uv_per_count()).astype(np.int64)
    np.testing.assert_array_equal(counts * uv_per_count(), run.uv)
    return counts


def placed(runs: Iterable[SampleRun], first: int = 0) -> dict[int, tuple[int, ...]]:
    """Rows by their number on the sample clock, when the first row has number `first`."""
    rows: dict[int, tuple[int, ...]] = {}
    number = first
    for run in runs:
        number += run.lost
        for row in counts_of(run).T.tolist():
            rows[number] = tuple(row)
            number += 1
    return rows
