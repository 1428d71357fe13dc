"""What can go wrong with whole units on their way, packets of a byte stream or notifications alike.

A unit fault takes the units that are sent and gives those that arrive. It keeps little: one unit at most, or
what a stall holds back, which is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Unit = TypeVar("Unit")
UnitFault = Callable[[Sequence[Unit]], list[Unit]]
Clock = Callable[[], float]
Spoiler = Callable[[Unit, np.random.Generator], Unit]
"""Gives a damaged copy of a unit."""

MAX_HELD_UNITS = 4096
"""What a stall holds back at most; what comes when this is full is lost, as when a buffer is."""


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
    """Make dice that say yes with probability `share`."""
    check_share(share)
    rng = np.random.default_rng(seed)
    return lambda: bool(rng.random() < share)


def _window(from_s: float, to_s: float, clock: Clock) -> Callable[[], bool]:
    """Make a watch that says whether it is between two times after the first look at it."""
    begun_s = math.nan

    def within() -> bool:
        nonlocal begun_s
        now_s = clock()
        if math.isnan(begun_s):
            begun_s = now_s
        return from_s <= now_s - begun_s < to_s

    return within
