"""A device's sample clock on the host's clock: a running straight line under jittery arrivals; pure.

Whatever lies between a device and its host (radio turns, buffers, a busy machine) can only delay. So the
arrivals that tell the time are the earliest ones: of every few seconds the least delayed is kept, and a line
through those is the device's clock. Its slope is how far the device's crystal is off, which a prior holds
near zero until there is evidence.

The constant part of the delay, from the sample to its earliest possible arrival, cannot be seen from here;
times are those of the earliest arrival.

Each connection has a line of its own, for samples are numbered through and a number given after an outage is
right only to a sample. All lines have one slope: it is the same crystal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import FloatArray

IntArray = NDArray[np.int64]

BUCKET_S = 1.0
"""Of each stretch of this length the least delayed arrival is kept."""
BUCKETS = 600
"""How many are remembered, 10 min: long against jitter, short against a crystal that warms up."""
RATE_PRIOR = 0.003
"""Standard deviation of a device's rate error before anything is known; cheap oscillators reach 0.5 %."""
NOISE_S = 0.003
"""Standard deviation of the least delay of a bucket."""
OUTLIER_S = 0.02
"""A bucket further than this from the line was delayed all along, as by a stalled radio."""
STEP_BUCKETS = 10
"""As many late buckets on end are no stall: the line itself has moved. One that is early
tells it at once, for nothing arrives before it was sent."""
ROUNDS = 3
"""Fits, each without the outliers of the one before."""


@dataclass(frozen=True, slots=True)
class DelayLine:
    """Delay of arrival against device time: ``at_s + slope * (device_s - from_s)``."""

    from_s: float
    at_s: float
    slope: float

    def at(self, device_s: float) -> float:
        return self.at_s + self.slope * (device_s - self.from_s)


class RateFit:
    """Learns one device's clock, over all its connections.

    Parameters
    ----------
    fs_hz
        Nominal sampling rate.
    """

    def __init__(self, fs_hz: float) -> None:
        self._fs_hz = fs_hz
        self._kept: deque[tuple[float, float, int]] = deque(maxlen=BUCKETS)
        self._connection = 0
        self._least: tuple[float, float] | None = None
        self._bucket_ends_s = float("-inf")
        self._line: DelayLine | None = None
        self._fresh = True
        self._late = 0

    @property
    def known(self) -> bool:
        return self._line is not None

    @property
    def rate_hz(self) -> float:
        """The device's rate on the host's clock."""
        return self._fs_hz / (1.0 + (self._line.slope if self._line else 0.0))

    def connected(self) -> None:
        """Begin a connection; until something arrives over it, the last one's line holds."""
        self._connection += 1
        self._least, self._bucket_ends_s = None, float("-inf")
        self._fresh, self._late = True, 0

    def observe(self, index: int, at_s: float) -> None:
        """Learn that all samples before number `index` had arrived at `at_s`."""
        device_s = index / self._fs_hz
        delay_s = at_s - device_s
        if device_s >= self._bucket_ends_s:
            self._keep()
            self._bucket_ends_s = device_s + BUCKET_S
        if self._least is None or delay_s < self._least[1]:
            self._least = (device_s, delay_s)
            if self._fresh:
                self._line = DelayLine(device_s, delay_s, self._line.slope if self._line else 0.0)

    def time_of(self, index: float) -> float:
        """When sample number `index` was taken, on the host's clock.

        Raises
        ------
        ValueError
            Nothing has arrived yet.
        """
        device_s = index / self._fs_hz
        return device_s + self._known_line().at(device_s)

    def index_at(self, t_s: float) -> float:
        """Give the number of the sample taken at `t_s`; the inverse of `time_of`."""
        line = self._known_line()
        device_s = (t_s - line.at_s + line.slope * line.from_s) / (1.0 + line.slope)
        return device_s * self._fs_hz

    def lateness_s(self, index: int, at_s: float) -> float:
        """How much later than expected the samples before number `index` arrived at `at_s`."""
        return at_s - self.time_of(index)

    def _known_line(self) -> DelayLine:
        if self._line is None:
            raise ValueError("nothing has arrived yet")
        return self._line

    def _keep(self) -> None:
        """Take the stretch that has ended into account."""
        if self._least is None:
            return
        (device_s, delay_s), self._least = self._least, None
        line = self._known_line()
        away_s = 0.0 if self._fresh else delay_s - line.at(device_s)
        self._late = self._late + 1 if away_s > OUTLIER_S else 0
        if away_s < -OUTLIER_S or self._late >= STEP_BUCKETS:
            self._connection += 1
            self._late = 0
        self._fresh = False
        self._kept.append((device_s, delay_s, self._connection))
        points = np.array([kept[:2] for kept in self._kept])
        groups = np.array([kept[2] for kept in self._kept])
        self._line = fit_line(points, groups - groups[0], line.slope)


def fit_line(points: FloatArray, groups: IntArray, slope: float) -> DelayLine:
    """Fit the last connection's line through the least delays, leaving out those that are far off.

    Parameters
    ----------
    points
        Shape ``(n, 2)``, n >= 1: device time and delay, seconds.
    groups
        Shape ``(n,)``: connection of each, from 0 on and never falling.
    slope
        Where to begin.
    """
    from_s = float(points[-1, 0])
    x, y = points[:, 0] - from_s, points[:, 1]
    last = groups == groups[-1]
    at_s = float(np.median((y - slope * x)[last]))
    centred = np.ones(len(x), dtype=np.bool_)
    for _ in range(ROUNDS):
        away = y - slope * x
        away -= _of_each(away, groups, centred)
        centred = np.abs(away) < OUTLIER_S
        spread = x - _of_each(x, groups, centred)
        rise = y - _of_each(y, groups, centred)
        slope = float((spread * rise)[centred].sum()) / (
            float((spread**2)[centred].sum()) + (NOISE_S / RATE_PRIOR) ** 2
        )
        near = last & centred
        if near.any():
            at_s = float((y - slope * x)[near].mean())
    return DelayLine(from_s, at_s, slope)


def _of_each(values: FloatArray, groups: IntArray, used: NDArray[np.bool_]) -> FloatArray:
    """Mean of each value's group over those `used`; of all of them in groups without any."""
    weights = used.astype(np.float64)
    empty = np.bincount(groups, weights) == 0.0
    weights[empty[groups]] = 1.0
    return np.asarray((np.bincount(groups, weights * values) / np.bincount(groups, weights))[groups])
