"""What can go wrong between a board and its host, as manipulators of the bytes on the wire.

A manipulator takes what the board writes, a reply or some whole packets, and gives what arrives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sanctuary.simulator.devices.cyton import FS_HZ, PACKET_BYTES

Manipulator = Callable[[bytes], bytes]


def untouched(data: bytes) -> bytes:
    """Change nothing."""
    return data


def dead(_data: bytes) -> bytes:
    """Lose everything, for good."""
    return b""


def drop_bytes(share: float, seed: int) -> Manipulator:
    """Lose single bytes at random, as a bad cable does.

    Parameters
    ----------
    share
        Probability of each byte to be lost, 0 to 1.
    seed
        Chooses them.
    """
    _check_share(share)
    rng = np.random.default_rng(seed)

    def drop(data: bytes) -> bytes:
        raw = np.frombuffer(data, dtype=np.uint8)
        return raw[rng.random(raw.size) >= share].tobytes()

    return drop


def drop_packets(share: float, seed: int) -> Manipulator:
    """Lose whole packets at random, as a weak radio does; replies get through.

    Parameters
    ----------
    share
        Probability of each packet to be lost, 0 to 1.
    seed
        Chooses them.
    """
    _check_share(share)
    rng = np.random.default_rng(seed)

    def drop(data: bytes) -> bytes:
        if not _is_packets(data):
            return data
        rows = np.frombuffer(data, dtype=np.uint8).reshape(-1, PACKET_BYTES)
        return rows[rng.random(len(rows)) >= share].tobytes()

    return drop


def silence(duration_s: float) -> Manipulator:
    """Lose all packets of the next `duration_s` of signal, as when somebody walks off with the radio."""
    left = round(duration_s * FS_HZ) * PACKET_BYTES

    def lose(data: bytes) -> bytes:
        nonlocal left
        if not _is_packets(data):
            return data
        lost = min(left, len(data))
        left -= lost
        return data[lost:]

    return lose


def in_turn(*manipulators: Manipulator) -> Manipulator:
    """Let the bytes pass through several manipulators, the first one first."""

    def pass_through(data: bytes) -> bytes:
        for manipulator in manipulators:
            data = manipulator(data)
        return data

    return pass_through


def _is_packets(data: bytes) -> bool:
    return len(data) % PACKET_BYTES == 0 and data[:1] == b"\xa0"


def _check_share(share: float) -> None:
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of {share:g}: must be 0 to 1")
