"""What happens in a rough night of a headband, and whether every sample of it came out right.

The virtual headband has a crystal of its own that is off; its bytes are late as on a real link, some are
lost, bursts of garbage come in between, and the link breaks again and again. Every sample tells its own
number, so that each one that survives can be checked against the moment at which it was truly taken.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import SampleBlock

CODES = 800
"""A sample's value is its number modulo this, less half of it, in microvolts."""
UNPLUGGED = "unplugged"


class VirtualClock:
    """Monotonic seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class VirtualEnd:
    """Stands for the pump's stop: waiting lets time pass, and at the end it is set."""

    def __init__(self, clock: VirtualClock, end_s: float) -> None:
        self._clock, self._end_s = clock, end_s

    def is_set(self) -> bool:
        return self._clock.now_s >= self._end_s

    def wait(self, timeout: float | None = None, /) -> bool:
        self._clock.now_s = self._end_s if timeout is None else self._clock.now_s + timeout
        return self.is_set()

    def set(self) -> None:
        self._end_s = self._clock.now_s


class NumberSource:
    """Renders numbers, and remembers when each was taken.

    Parameters
    ----------
    each
        How many samples of the device tell one number.
    """

    def __init__(self, each: int = 1) -> None:
        self.each = each
        self.rendered = 0

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(2, n_samples)``, uV."""
        numbers = np.arange(self.rendered, self.rendered + n_samples) // self.each
        self.rendered += n_samples
        uv = (numbers % CODES - CODES // 2).astype(np.float64)
        return np.stack([uv, uv])


@dataclass
class Night:
    """What shall happen, and what came of it.

    Attributes
    ----------
    hours, ppm, seed
        Length of the night; how far the crystal is off; chooses everything at random.
    outages
        Times and lengths of disconnections, seconds since the beginning.
    loss
        Share of packets lost.
    garbage_every_s
        Mean time between bursts of garbage: one at a drawn moment of each such stretch of the night.
    """

    hours: float
    ppm: float
    seed: int
    outages: Sequence[tuple[float, float]]
    loss: float = 0.01
    garbage_every_s: float = 300.0
    blocks: list[SampleBlock] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    taken_s: list[tuple[int, int, float]] = field(default_factory=list)
    bursts: int = 0
    connections: int = 0

    def __post_init__(self) -> None:
        # Drawn apart from everything else: how many come depends on no wait, read or kind of headband.
        n = math.ceil(self.hours * 3600.0 / self.garbage_every_s)
        moments = np.arange(n) + np.random.default_rng((self.seed, 1)).random(n)
        self._garbage_s = deque((moments * self.garbage_every_s).tolist())

    def garbage_due(self, at_s: float) -> bool:
        """Whether a burst of garbage comes at `at_s`, seconds since the beginning; once for each burst."""
        if not self._garbage_s or at_s < self._garbage_s[0]:
            return False
        self._garbage_s.popleft()
        self.bursts += 1
        return True


def spread_outages(n: int, hours: float, seed: int) -> list[tuple[float, float]]:
    """Disconnections at random, most short, a few of minutes."""
    rng = np.random.default_rng(seed)
    step_s = hours * 3600.0 / n
    lengths = np.where(rng.random(n) < 0.03, rng.uniform(30.0, 90.0, n), rng.uniform(0.3, 6.0, n))
    starts = (np.arange(n) + rng.uniform(0.25, 0.6, n)) * step_s
    return [
        (float(start), float(min(length, 0.3 * step_s)))
        for start, length in zip(starts, lengths, strict=True)
    ]


@dataclass(frozen=True)
class Verdict:
    """How a night came out.

    Attributes
    ----------
    survived, marked, rendered
        Samples that came through, that are marked as lost, and that the headband took.
    wrong
        Samples whose value is none that was sent, or that came twice or out of order.
    error_ms
        Percentiles 50, 99 and 100 of the error in time of those that survived.
    """

    survived: int
    marked: int
    rendered: int
    wrong: int
    error_ms: tuple[float, float, float]


def judge(night: Night, fs_hz: float, each: int = 1) -> Verdict:
    """Check every sample of a night against the truth."""
    taken_s = _taken(night, fs_hz * each, each)
    survived = marked = wrong = 0
    last = -1
    errors: list[NDArray[np.float64]] = []
    expected = night.blocks[0].start
    for block in night.blocks:
        assert block.start == expected, "samples are missing without a mark"
        assert block.end_s is not None
        expected = block.end
        there = np.flatnonzero(~np.isnan(block.uv[0]))
        marked += block.n_samples - there.size
        survived += there.size
        if not there.size:
            continue
        at_s = block.end_s - (block.n_samples - 1 - there) / fs_hz
        code = block.uv[0, there] + CODES // 2
        near = np.searchsorted(taken_s, at_s)
        number = near + (np.rint(code) - near + CODES // 2) % CODES - CODES // 2
        number = number.astype(np.int64)
        bad = (np.abs(code - np.rint(code)) > 0.49) | (number < 0) | (number >= taken_s.size)
        bad |= np.diff(number, prepend=last) <= 0
        wrong += int(bad.sum())
        last = int(number[-1])
        errors.append(np.abs(taken_s[np.clip(number, 0, taken_s.size - 1)] - at_s)[~bad])
    error = np.concatenate(errors) * 1000.0
    spread = tuple(float(value) for value in np.percentile(error, [50, 99, 100]))
    return Verdict(survived, marked, taken_s.size, wrong, (spread[0], spread[1], spread[2]))


def _taken(night: Night, rate_hz: float, each: int) -> NDArray[np.float64]:
    """When each number was taken (the last of the samples that tell it)."""
    true_hz = rate_hz * (1.0 + night.ppm * 1e-6)
    pieces = [began_s + np.arange(n) / true_hz for _, n, began_s in night.taken_s]
    all_s = np.concatenate(pieces)
    return all_s[each - 1 :: each]
