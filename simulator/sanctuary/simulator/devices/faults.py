"""What can go wrong between a board and its host, as manipulators of the bytes on the wire."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Manipulator = Callable[[bytes], bytes]


def untouched(data: bytes) -> bytes:
    """Change nothing."""
    return data


def drop_bytes(share: float, seed: int) -> Manipulator:
    """Lose single bytes at random, as a bad cable does."""
    rng = np.random.default_rng(seed)

    def drop(data: bytes) -> bytes:
        raw = np.frombuffer(data, dtype=np.uint8)
        return raw[rng.random(raw.size) >= share].tobytes()

    return drop


def drop_packets(share: float, seed: int, packet_bytes: int = 33) -> Manipulator:
    """Lose whole packets at random, as a weak radio does; data must come in whole packets."""
    rng = np.random.default_rng(seed)

    def drop(data: bytes) -> bytes:
        if len(data) % packet_bytes:
            return data
        rows = np.frombuffer(data, dtype=np.uint8).reshape(-1, packet_bytes)
        return rows[rng.random(len(rows)) >= share].tobytes()

    return drop


def silence(_data: bytes) -> bytes:
    """Lose everything."""
    return b""
