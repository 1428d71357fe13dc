"""The sample clock of a file, rebuilt from its package counter and its time stamps; pure, in bounded memory.

A time stamp tells when a sample arrived at a computer, never before it was taken, often later: packets wait
for one another, and a computer that was busy gives many samples one stamp. So the number of samples comes
from the counter, and stamps tell only what the counter cannot: whether whole turns of it are missing, when
the first sample was taken, and how fast the board's own clock runs. The delay of a row is its stamp less its
place on the sample clock; of every few seconds the least delayed row counts. Where the least delay has risen
and stays risen, samples are missing; where it comes back, the rows were only late.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import median_filter, minimum_filter1d

from sanctuary.firmware_bridge.recordings.recording_source import LONGEST_GAP_S, IntArray
from sanctuary.signal.samples import BoolArray, FloatArray

PACKET = 12
"""Samples that a Muse sends, and loses, together."""
LOOK_S, BEFORE_S, LEAST_AFTER_S = 15.0, 5.0, 3.0
"""How far rows after a jump of the stamps, and before it, are looked at to tell a hole from a delay."""
AGREE_S = 0.1
"""A hole that the stamps put this close to what the counter allows is what the counter says..."""
AGREE_SHARE = 0.005
"""...and this much of the time that it spans beyond that, as the board's rate is not known exactly."""
CLOCK_SET_S = 1.0
"""A jump of the stamps that no hole explains: the computer's clock was set."""
BUCKET_S = 10.0
"""Of each stretch of this length the least delayed row tells how fast the board's clock runs."""
FEWEST_BUCKETS = 6
ROUNDS = 3
_AROUND = 2
"""Rows on each side by which a stamp is judged to be out of order."""
LARGEST_DEVIATION = 0.025
"""The clock of an ADS1299 is up to 2.5 % off."""


@dataclass(frozen=True, slots=True, eq=False)
class RowTimeline:
    """Where the rows of a file lie on its sample clock.

    Attributes
    ----------
    rows, samples
        Number of the first row of each run without loss, and its sample.
    n_rows, n_samples
        Rows, and length of the sample clock.
    fs_hz
        Sampling rate by the stamps, or the nominal one where they do not tell it better.
    first_s
        Stamp of sample 0.
    steps
        How often the clock that made the stamps was set.
    """

    rows: IntArray
    samples: IntArray
    n_rows: int
    n_samples: int
    fs_hz: float
    first_s: float
    steps: int

    @property
    def lost(self) -> int:
        """Samples that are not in the file."""
        return self.n_samples - self.n_rows

    def places(self, row: int, count: int) -> IntArray:
        """Sample of each of `count` rows from `row` on."""
        numbers = np.arange(row, row + count)
        run = np.searchsorted(self.rows, numbers, side="right") - 1
        return np.asarray(self.samples[run] + numbers - self.rows[run])


class RowClock:
    """Places rows that come in order.

    Parameters
    ----------
    fs_hz
        Nominal sampling rate.
    turn
        Samples in one turn of the counter, or None where there is no counter.
    """

    def __init__(self, fs_hz: float, turn: int | None) -> None:
        self._fs_hz, self._turn = fs_hz, turn
        self._waiting: tuple[IntArray, FloatArray] = (np.empty(0, np.int64), np.empty(0))
        self._before_s: FloatArray = np.empty(0)
        self._n_rows = 0
        self._next = 0
        """Sample after the last row so far."""
        self._shift_s = 0.0
        """What clocks that were set have added to the stamps."""
        self._steps = 0
        self._places: IntArray = np.empty(0, np.int64)
        self._missing: IntArray = np.empty(0, np.int64)
        self._delay_s: FloatArray = np.empty(0)
        self._done = 0
        """Rows at the beginning of the three arrays that are placed for good."""
        self._rows: list[IntArray] = []
        self._samples: list[IntArray] = []
        self._buckets: list[FloatArray] = []
        self._bucket = max(1, round(BUCKET_S * fs_hz))
        self._rate_hz = fs_hz
        """Sampling rate as far as it is known."""
        self._shortest_s = 0.5 * (turn or PACKET) / fs_hz
        self._near = 1.0
        """Samples by which a hole may differ from whole packets to be taken for them."""

    def push(self, missing: IntArray, stamps_s: FloatArray) -> None:
        """Add rows.

        Parameters
        ----------
        missing
            Samples that are known to be missing before each row; for the first row of all they are ignored.
        stamps_s
            Time stamp of each row in seconds.
        """
        self._take(missing, stamps_s, last=False)

    def _take(self, missing: IntArray, stamps_s: FloatArray, *, last: bool) -> None:
        """Add rows, but for the two that wait for those after them, unless they are the `last`."""
        missing = np.concatenate((self._waiting[0], missing))
        stamps_s = np.concatenate((self._waiting[1], stamps_s))
        end = len(missing) if last else len(missing) - _AROUND
        if end <= 0:
            self._waiting = (missing, stamps_s)
            return
        ordered_s = self._ordered(stamps_s)[:end]
        self._before_s = np.concatenate((self._before_s, ordered_s))[-_AROUND:]
        self._waiting = (missing[end:], stamps_s[end:])
        self._add(missing[:end], ordered_s)

    def _ordered(self, stamps_s: FloatArray) -> FloatArray:
        """Stamps without single ones that are out of all order."""
        context = np.concatenate((self._before_s, stamps_s))
        if np.abs(np.diff(context)).max(initial=0.0) <= CLOCK_SET_S:
            return stamps_s
        size = 2 * _AROUND + 1
        return np.asarray(median_filter(context, size, mode="mirror")[len(self._before_s) :])

    def _add(self, missing: IntArray, stamps_s: FloatArray) -> None:
        if not self._n_rows:
            missing = np.concatenate(([0], missing[1:]))
        places = self._next + np.cumsum(missing + 1) - 1
        delay_s = stamps_s - self._shift_s - places / self._fs_hz
        self._places = np.concatenate((self._places, places))
        self._missing = np.concatenate((self._missing, missing))
        self._delay_s = np.concatenate((self._delay_s, delay_s))
        self._n_rows += len(missing)
        self._next = int(self._places[-1]) + 1
        ready = len(self._places) - round(LOOK_S * self._fs_hz)
        if ready > self._done:
            self._place(ready)

    def finish(self) -> RowTimeline:
        """Place what is left; at least one row must have come."""
        self._take(np.empty(0, np.int64), np.empty(0), last=True)
        self._place(len(self._places))
        fs_hz, first_s = _line(np.concatenate(self._buckets, axis=1), self._fs_hz)
        return RowTimeline(
            np.concatenate(([0], *self._rows)),
            np.concatenate(([0], *self._samples)),
            self._n_rows,
            self._next,
            fs_hz,
            first_s,
            self._steps,
        )

    def _place(self, ready: int) -> None:
        """Place the rows up to `ready` for good."""
        if not self._buckets and self._turn is None:
            unrest_s = _unrest_s(self._delay_s, round(self._fs_hz))
            self._shortest_s = max(self._shortest_s, 4.0 * unrest_s)
            self._near = min(max(self._near, 3.0 * unrest_s * self._fs_hz), PACKET / 3)
        jumps = self._jumps(ready).tolist()
        if jumps and self._buckets:
            self._rate_hz, _ = _line(np.concatenate(self._buckets, axis=1), self._fs_hz)
        for at in jumps:
            self._judge(at)
        begin = self._done
        first_row = self._n_rows - len(self._places)
        runs = begin + np.flatnonzero(self._missing[begin:ready])
        self._rows.append(first_row + runs)
        self._samples.append(self._places[runs])
        if ready > begin:
            self._buckets.append(
                _least_delayed(self._places[begin:ready], self._delay_s[begin:ready], self._bucket)
            )
        kept = max(0, ready - round(BEFORE_S * self._fs_hz))
        self._places, self._missing = self._places[kept:], self._missing[kept:]
        self._delay_s = self._delay_s[kept:]
        self._done = ready - kept

    def _jumps(self, ready: int) -> IntArray:
        """Rows before which samples may be missing, or too many are counted."""
        jump_s = np.diff(self._delay_s[:ready], prepend=self._delay_s[:1])
        doubtful: BoolArray = (jump_s > self._shortest_s) | (jump_s < -max(self._shortest_s / 2, 0.25))
        doubtful[: self._done] = False
        found = np.flatnonzero(doubtful)
        if len(found) > 1 and self._turn is None:
            after, before = self._least(round(LEAST_AFTER_S * self._fs_hz))
            rise_s = after[found] - before[found]
            found = found[(rise_s > 0.7 * self._shortest_s) | (jump_s[found] < -0.25)]
        return found

    def _least(self, size: int) -> tuple[FloatArray, FloatArray]:
        """Least delay of the `size` rows from each on, and of those before it."""
        padded = np.pad(self._delay_s, size, constant_values=np.inf)
        whole = minimum_filter1d(padded, size, mode="constant", cval=np.inf)
        half, n = size // 2, len(self._delay_s)
        return whole[size + half : size + half + n], whole[half : half + n]

    def _judge(self, at: int) -> None:
        """Tell a hole from a delay at one row, and move all rows from there on."""
        jump_s = float(self._delay_s[at] - self._delay_s[at - 1])
        after_s = min(max(1.2 * abs(jump_s) + 1.0, LEAST_AFTER_S), LOOK_S)
        before = self._delay_s[max(0, at - round(BEFORE_S * self._fs_hz)) : at].min()
        after = self._delay_s[at : at + round(after_s * self._fs_hz)].min()
        rise_s = float(after - before)
        more = self._hole(rise_s, int(self._missing[at]))
        left_s = rise_s - more / self._rate_hz
        if abs(left_s) > CLOCK_SET_S:
            self._steps += 1
            self._shift_s += left_s
            self._delay_s[at:] -= left_s
        if more:
            self._missing[at] += more
            self._places[at:] += more
            self._delay_s[at:] -= more / self._fs_hz
            self._next += more

    def _hole(self, rise_s: float, known: int) -> int:
        """Count the samples that are missing besides the `known` ones."""
        rise = rise_s * self._rate_hz
        if rise_s > LONGEST_GAP_S:
            return 0
        if self._turn is None:
            if rise_s < self._shortest_s:
                return 0
            packets = round(rise / PACKET) * PACKET
            return packets if abs(rise - packets) <= self._near else round(rise)
        turns = round(rise / self._turn) * self._turn
        spread_s = AGREE_S + AGREE_SHARE * (max(rise_s, 0.0) + LOOK_S)
        if turns + known >= 0 and abs(rise - turns) <= min(spread_s * self._fs_hz, 0.4 * self._turn):
            return turns
        return max(round(rise), -known)


def _least_delayed(places: IntArray, delay_s: FloatArray, size: int) -> FloatArray:
    """Places of the least delayed rows, one in each `size` samples, and their delays, shape ``(2, n)``."""
    bucket = places // size
    edges = [0, *(np.flatnonzero(np.diff(bucket)) + 1).tolist(), len(places)]
    least = [a + int(delay_s[a:b].argmin()) for a, b in pairwise(edges)]
    return np.stack((places[least].astype(np.float64), delay_s[least]))


def _unrest_s(delay_s: FloatArray, size: int) -> float:
    """How much the least delay of a second differs from that of the next, typically."""
    count = len(delay_s) // size
    if count < 4:
        return 0.0
    least = delay_s[: count * size].reshape(count, size).min(axis=1)
    return float(np.median(np.abs(np.diff(least))))


def _line(buckets: FloatArray, fs_hz: float) -> tuple[float, float]:
    """Rate and stamp of sample 0, by the least delays ``(2, n)`` over the samples that they are of.

    The rate stays the nominal one unless the stamps contradict it by more than their own unrest explains.
    """
    places, delay_s = buckets
    if len(places) >= FEWEST_BUCKETS:
        used = np.ones(len(places), dtype=np.bool_)
        for _ in range(ROUNDS):
            slope, begin_s = np.polyfit(places[used], delay_s[used], 1)
            off_s = delay_s - (begin_s + slope * places)
            unrest_s = 1.4826 * float(np.median(np.abs(off_s[used] - np.median(off_s[used]))))
            used = np.abs(off_s) <= 3.0 * unrest_s + 1e-6
            if used.sum() < FEWEST_BUCKETS:
                used[:] = True
        span = float(places[used][-1] - places[used][0])
        drift_s = abs(slope) * span
        doubt_s = 4.0 * unrest_s * np.sqrt(12.0 / used.sum())
        if drift_s > max(doubt_s, 2.0 / fs_hz) and abs(slope * fs_hz) <= LARGEST_DEVIATION:
            return float(1.0 / (1.0 / fs_hz + slope)), float(begin_s)
        return fs_hz, float(np.median(delay_s[used]))
    return fs_hz, float(delay_s.min())
