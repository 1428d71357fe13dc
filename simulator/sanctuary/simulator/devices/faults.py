"""What can go wrong between a board and its host, as manipulators of the bytes on the wire.

A manipulator takes what the board writes, a reply or some whole packets, and gives what arrives. Packets are
told from replies by the byte they begin with; what single packets suffer, replies are spared.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sanctuary.simulator.devices import unit_faults
from sanctuary.simulator.devices.cyton.board import FS_HZ
from sanctuary.simulator.devices.cyton.packets import PACKET_BYTES
from sanctuary.simulator.devices.unit_faults import Clock, UnitFault, check_share

Manipulator = Callable[[bytes], bytes]

START = b"\xa0"
"""First byte of the packets of a Cyton; empty for a link that carries nothing but packets."""
PIECE_BYTES = 16
"""What a stall or a silence takes in one piece; some 64 kB are held back at most."""


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
    check_share(share)
    rng = np.random.default_rng(seed)

    def drop(data: bytes) -> bytes:
        raw = np.frombuffer(data, dtype=np.uint8)
        return raw[rng.random(raw.size) >= share].tobytes()

    return drop


def drop_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> Manipulator:
    """Lose whole packets at random, as a weak radio does; replies get through.

    Parameters
    ----------
    share
        Probability of each packet to be lost, 0 to 1.
    seed
        Chooses them.
    packet_bytes, start
        Length of a packet, and the bytes that it begins with; so for all that follow.
    """
    return of_packets(unit_faults.drop(share, seed), packet_bytes, start)


def duplicate_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> Manipulator:
    """Deliver packets twice at random."""
    return of_packets(unit_faults.duplicate(share, seed), packet_bytes, start)


def reorder_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> Manipulator:
    """Deliver packets at random after the one that follows them."""
    return of_packets(unit_faults.reorder(share, seed), packet_bytes, start)


def corrupt_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> Manipulator:
    """Change one byte of packets chosen at random."""
    return of_packets(unit_faults.corrupt(share, seed, unit_faults.spoil_bytes), packet_bytes, start)


def silence(
    duration_s: float,
    *,
    packet_bytes: int = PACKET_BYTES,
    start: bytes = START,
    packets_per_s: float = FS_HZ,
) -> Manipulator:
    """Lose all packets of the next `duration_s` of signal, as when somebody walks off with the radio."""
    left = round(duration_s * packets_per_s) * packet_bytes

    def lose(data: bytes) -> bytes:
        nonlocal left
        if not data.startswith(start):
            return data
        lost = min(left, len(data))
        left -= lost
        return data[lost:]

    return lose


def stall(duration_s: float, from_s: float, clock: Clock) -> Manipulator:
    """Hold everything back for a while, replies too, then let it arrive with what comes next.

    Parameters
    ----------
    duration_s, from_s
        How long, and when it begins, in seconds after the first bytes.
    clock
        Monotonic seconds.
    """
    return of_packets(unit_faults.stall(duration_s, from_s, clock), PIECE_BYTES, b"")


def silence_by_clock(duration_s: float, from_s: float, clock: Clock) -> Manipulator:
    """Lose everything for a while, replies too; parameters as for `stall`, infinite for good."""
    return of_packets(unit_faults.silence(duration_s, from_s, clock), PIECE_BYTES, b"")


def in_turn(*manipulators: Manipulator) -> Manipulator:
    """Let the bytes pass through several manipulators, the first one first."""

    def pass_through(data: bytes) -> bytes:
        for manipulator in manipulators:
            data = manipulator(data)
        return data

    return pass_through


def of_packets(fault: UnitFault[bytes], packet_bytes: int, start: bytes) -> Manipulator:
    """Let a fault act on packets; what does not begin like one passes.

    Raises
    ------
    ValueError
        No length of a packet.
    """
    if packet_bytes < 1:
        raise ValueError(f"packets of {packet_bytes} bytes: must have 1 or more")

    def act(data: bytes) -> bytes:
        if not data or not data.startswith(start):
            return data
        return b"".join(fault([data[at : at + packet_bytes] for at in range(0, len(data), packet_bytes)]))

    return act
