"""Package counters of boards: what one counts, learnt from its own values, and how many samples are missing.

Counters differ: 0 to 255 (Cyton), every second number of those (Daisy), 0 to 100, 0 to 200, or 0 and then
101 to 200 twice each (Ganglion, by firmware), one number for the twelve samples of a packet (Muse). So
nothing but what they do in the file is trusted: the numbers that occur, and how often each is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sanctuary.firmware_bridge.recordings.recording_source import IntArray
from sanctuary.signal.samples import BoolArray

LARGEST = 1 << 16
"""Counters have at most 16 bits."""
FEWEST_TURNS = 4
"""After so many turns of a counter the numbers that it never showed are taken not to be in it."""
FEWEST_SIGHTINGS = 10
"""A number is repeated as the others are, unless it was seen so often to be repeated otherwise."""
REGULAR_SHARE = 0.5
"""Of the steps from one number to the next at least this share is alike, or it is no counter."""
TURNING_SHARE = 0.1
"""No counter begins anew more often than after ten numbers."""
RARE = 0.3
"""A number that occurs less often than this, compared with the others, is a damaged one."""


@dataclass(frozen=True, slots=True, eq=False)
class CounterCycle:
    """One turn of a counter.

    Attributes
    ----------
    places
        Of each number: how many samples of the turn come before its first; -1 where it is not in the turn.
    repeats
        How many samples bear each number.
    length
        Samples in one turn.
    """

    places: IntArray
    repeats: IntArray
    length: int


def learn_cycle(numbers: IntArray) -> CounterCycle | None:
    """Learn what a counter does from the numbers of some thousand samples, or None if they do not count.

    Parameters
    ----------
    numbers
        Whole numbers of at least 0, in the file's order.
    """
    numbers = numbers[numbers < LARGEST]
    if len(numbers) < 2:
        return None
    begins = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1))
    seen = numbers[begins]
    steps = np.diff(seen)
    rising = steps[steps > 0]
    if not rising.size:
        return None
    step = int(np.bincount(rising).argmax())
    turns = int((steps < 0).sum())
    if (rising == step).sum() < REGULAR_SHARE * len(rising) or turns > 1 + TURNING_SHARE * len(steps):
        return None
    lengths = np.diff(np.append(begins, len(numbers)))
    members = _members(seen, step, turns)
    usual = int(np.bincount(lengths).argmax())
    repeats = np.full(LARGEST, usual, dtype=np.int64)
    if turns >= FEWEST_TURNS and usual > 1:
        repeats[members] = [_usual(lengths[seen == number], usual) for number in members.tolist()]
    places = np.full(LARGEST, -1, dtype=np.int64)
    ends = np.cumsum(repeats[members])
    places[members] = ends - repeats[members]
    return CounterCycle(places, repeats, int(ends[-1]))


def _usual(lengths: IntArray, otherwise: int) -> int:
    return int(np.bincount(lengths).argmax()) if len(lengths) >= FEWEST_SIGHTINGS else otherwise


def _members(seen: IntArray, step: int, turns: int) -> IntArray:
    """Numbers of one turn."""
    values, counts = np.unique(seen, return_counts=True)
    if turns >= FEWEST_TURNS:
        values = values[counts >= RARE * np.median(counts)]
        even = np.arange(values[0], values[-1] + 1, step)
        return even if len(values) >= 0.9 * len(even) else values
    first = int(values[0]) % step
    largest = int(values[-1])
    if turns == 0:
        largest = max(largest, 255 if largest < 256 else LARGEST - 1)
    return np.arange(first, largest + 1, step)


class CounterUnwrapper:
    """Counts samples on from one part of a file to the next; pure.

    Parameters
    ----------
    cycle
        What the counter does.
    """

    def __init__(self, cycle: CounterCycle) -> None:
        self.cycle = cycle
        self._number, self._repeat, self._place = -1, 0, -1

    def missing(self, numbers: IntArray) -> IntArray:
        """Count the samples missing before each of the given ones, at most a turn of the counter.

        Returns
        -------
        -1 where a sample bears the number that was complete already: it is there twice, or a whole turn
        is missing. 0 for the first sample of all, and beside numbers that are not in the turn.
        """
        cycle = self.cycle
        known = (numbers >= 0) & (numbers < LARGEST)
        inside = np.where(known, numbers, 0)
        places = np.where(known, cycle.places[inside], -1)
        before = np.concatenate(([self._number], numbers[:-1]))
        fresh: BoolArray = numbers != before
        at = np.arange(len(numbers))
        last = np.maximum.accumulate(np.where(fresh, at, -1))
        repeat = np.where(last >= 0, at - last, self._repeat + 1 + at)
        found = np.where(places >= 0, places + np.minimum(repeat, cycle.repeats[inside] - 1), -1)
        previous = np.concatenate(([self._place], found[:-1]))
        missing = np.where((found >= 0) & (previous >= 0), (found - previous) % cycle.length - 1, 0)
        if len(numbers):
            self._number, self._repeat = int(numbers[-1]), int(repeat[-1])
            self._place = int(found[-1])
        return missing.astype(np.int64)
