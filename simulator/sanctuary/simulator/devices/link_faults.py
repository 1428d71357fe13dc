"""Faults on the way from a headband to its host: packets of a byte stream, single bytes, notifications.

A *unit* is a whole packet or a whole notification. A unit fault takes the units sent and gives those that
arrive, in order; it holds back one unit at most, or during a stall `MAX_HELD_UNITS`. A manipulator of bytes
takes what a board writes, a reply or some whole packets; packets are distinguished from replies by the byte
they begin with; faults of single packets spare replies. Bluetooth LE delivers whole notifications or none; a
headband, or the host's own stack, loses and damages them as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from sanctuary.simulator.devices.cyton_packets import PACKET_BYTES
from sanctuary.simulator.devices.gatt import Notification
from sanctuary.simulator.devices.virtual_cyton import FS_HZ

Unit = TypeVar("Unit")
SentT = TypeVar("SentT")
UnitFault = Callable[[Sequence[Unit]], list[Unit]]
ByteManipulator = Callable[[bytes], bytes]
NotificationManipulator = Callable[[list[Notification]], list[Notification]]
Clock = Callable[[], float]
"""Monotonic seconds."""
Spoiler = Callable[[Unit, np.random.Generator], Unit]
"""Gives a damaged copy of a unit."""

MAX_HELD_UNITS = 4096
"""What a stall holds back at most; what comes when this is full is lost, as when a buffer is."""
START = b"\xa0"
"""First byte of the packets of a Cyton; empty for a link that carries nothing but packets."""
PIECE_BYTES = 16
"""What a stall or a silence takes in one piece; some 64 kB are held back at most."""


def untouched(sent: SentT) -> SentT:
    """Change nothing."""
    return sent


def dead(_data: bytes) -> bytes:
    """Lose everything, for good."""
    return b""


def in_turn(*manipulators: Callable[[SentT], SentT]) -> Callable[[SentT], SentT]:
    """Apply several manipulators to bytes or notifications, the first one first."""

    def pass_through(sent: SentT) -> SentT:
        for manipulator in manipulators:
            sent = manipulator(sent)
        return sent

    return pass_through


# --- units ---


def drop(share: float, seed: int) -> UnitFault[Unit]:
    """Lose units at random, each with probability `share`, as a weak radio does."""
    chosen = _dice(share, seed)
    return lambda units: [unit for unit in units if not chosen()]


def duplicate(share: float, seed: int) -> UnitFault[Unit]:
    """Deliver units twice at random, as a radio does that missed an acknowledgement."""
    chosen = _dice(share, seed)
    return lambda units: [copy for unit in units for copy in (unit,) * (2 if chosen() else 1)]


def reorder(share: float, seed: int) -> UnitFault[Unit]:
    """Deliver units at random after the one that follows them, which may come with the next call."""
    chosen = _dice(share, seed)
    late: list[Unit] = []

    def swap(units: Sequence[Unit]) -> list[Unit]:
        out: list[Unit] = []
        for unit in units:
            if late:
                out += [unit, late.pop()]
            elif chosen():
                late.append(unit)
            else:
                out.append(unit)
        return out

    return swap


def corrupt(share: float, seed: int, spoil: Spoiler[Unit]) -> UnitFault[Unit]:
    """Damage units at random."""
    chosen, rng = _dice(share, seed), np.random.default_rng((seed, 1))
    return lambda units: [spoil(unit, rng) if chosen() else unit for unit in units]


def stall(duration_s: float, from_s: float, clock: Clock) -> UnitFault[Unit]:
    """Hold everything back for a while, then deliver it in a burst with what comes next.

    Parameters
    ----------
    duration_s, from_s
        How long, and when it begins, in seconds after the first call.
    clock
        Monotonic seconds.
    """
    within = _window(from_s, from_s + duration_s, clock)
    held: list[Unit] = []

    def hold(units: Sequence[Unit]) -> list[Unit]:
        if within():
            held.extend(units[: MAX_HELD_UNITS - len(held)])
            return []
        burst = [*held, *units]
        held.clear()
        return burst

    return hold


def silence(duration_s: float, from_s: float, clock: Clock) -> UnitFault[Unit]:
    """Lose everything for a while; `math.inf` for good. Parameters as for `stall`."""
    within = _window(from_s, from_s + duration_s, clock)
    return lambda units: [] if within() else list(units)


def spoil_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Change one byte, to any other value."""
    if not data:
        return data
    at = int(rng.integers(len(data)))
    other = (data[at] + int(rng.integers(1, 256))) % 256
    return data[:at] + bytes((other,)) + data[at + 1 :]


def check_share(share: float) -> None:
    """Refuse what is no probability.

    Raises
    ------
    ValueError
        Not from 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of {share:g}: must be 0 to 1")


def _dice(share: float, seed: int) -> Callable[[], bool]:
    """Make a function that is true with probability `share`."""
    check_share(share)
    rng = np.random.default_rng(seed)
    return lambda: bool(rng.random() < share)


def _window(from_s: float, to_s: float, clock: Clock) -> Callable[[], bool]:
    """Make a function that says whether now is between two times, counted from its first call."""
    begun_s = math.nan

    def within() -> bool:
        nonlocal begun_s
        now_s = clock()
        if math.isnan(begun_s):
            begun_s = now_s
        return from_s <= now_s - begun_s < to_s

    return within


# --- bytes ---


def drop_bytes(share: float, seed: int) -> ByteManipulator:
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
    return lambda data: _thinned(data, share, rng)


def drop_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> ByteManipulator:
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
    return of_packets(drop(share, seed), packet_bytes, start)


def duplicate_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> ByteManipulator:
    """Deliver packets twice at random."""
    return of_packets(duplicate(share, seed), packet_bytes, start)


def reorder_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> ByteManipulator:
    """Deliver packets at random after the one that follows them."""
    return of_packets(reorder(share, seed), packet_bytes, start)


def corrupt_packets(
    share: float, seed: int, *, packet_bytes: int = PACKET_BYTES, start: bytes = START
) -> ByteManipulator:
    """Change one byte of packets chosen at random."""
    return of_packets(corrupt(share, seed, spoil_bytes), packet_bytes, start)


def silence_packets(
    duration_s: float,
    *,
    packet_bytes: int = PACKET_BYTES,
    start: bytes = START,
    packets_per_s: float = FS_HZ,
) -> ByteManipulator:
    """Lose all packets of the next `duration_s` of signal, as when the board goes out of reach."""
    left = round(duration_s * packets_per_s) * packet_bytes

    def lose(data: bytes) -> bytes:
        nonlocal left
        if not data.startswith(start):
            return data
        lost = min(left, len(data))
        left -= lost
        return data[lost:]

    return lose


def stall_bytes(duration_s: float, from_s: float, clock: Clock) -> ByteManipulator:
    """Hold everything back for a while, replies too, then deliver it with what comes next.

    Parameters
    ----------
    duration_s, from_s
        How long, and when it begins, in seconds after the first bytes.
    clock
        Monotonic seconds.
    """
    return of_packets(stall(duration_s, from_s, clock), PIECE_BYTES, b"")


def silence_bytes(duration_s: float, from_s: float, clock: Clock) -> ByteManipulator:
    """Lose everything for a while, replies too; parameters as for `stall_bytes`, infinite for good."""
    return of_packets(silence(duration_s, from_s, clock), PIECE_BYTES, b"")


def of_packets(fault: UnitFault[bytes], packet_bytes: int, start: bytes) -> ByteManipulator:
    """Apply a fault to packets; what does not begin like one passes.

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


def _thinned(data: bytes, share: float, rng: np.random.Generator) -> bytes:
    raw = np.frombuffer(data, dtype=np.uint8)
    return raw[rng.random(raw.size) >= share].tobytes()


# --- notifications ---


def corrupt_notifications(share: float, seed: int) -> UnitFault[Notification]:
    """Change one byte of notifications chosen at random, each with probability `share`."""
    return corrupt(share, seed, lambda each, rng: replace(each, data=spoil_bytes(each.data, rng)))


def shorten_notifications(share: float, seed: int) -> UnitFault[Notification]:
    """Lose single bytes at random, each with probability `share`, so that notifications come too short."""
    check_share(share)
    rng = np.random.default_rng(seed)
    return lambda sent: [replace(each, data=_thinned(each.data, share, rng)) for each in sent]
