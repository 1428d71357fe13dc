"""Where the offset between two clocks can be, from exchanges that each bound it.

Model: the offset changes by at most `MAX_DRIFT` seconds a second, and over the few minutes kept its rate
stays within `DRIFT_FLOOR` of some constant, which the exchanges themselves narrow down: two of them bound how
fast the offset went between them. The rate carries every bound on to now; the tightest of them count.
Exchanges that no such offset could have made mean that a clock was set, or that one of them left the model:
all but the newest are forgotten.

Pure: seconds of the pod's own clock are an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_DRIFT = 200e-6
"""Two crystals of 100 ppm each, the worst to be met in computers, apart in opposite directions."""
DRIFT_FLOOR = 5e-6
"""What the rate may stray over the minutes kept: a quartz warmed by ten degrees does less."""
SLOT_S = 8.0
"""One exchange is kept of so many seconds, the one that bounds best: of a burst, the shortest round trip."""
KEPT_S = 240.0
"""Exchanges older than this, seen from the newest, are forgotten; `DRIFT_FLOOR` holds for no longer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one exchange proves.

    Attributes
    ----------
    asked_s, came_s
        When the request left and the answer came, pod's clock.
    low_s, high_s
        The offset was not below `low_s` at `came_s`, and not above `high_s` at `asked_s`.
    """

    asked_s: float
    came_s: float
    low_s: float
    high_s: float

    @property
    def width_s(self) -> float:
        """How much it leaves open."""
        return self.high_s - self.low_s

    def highest_s(self, at_s: float, slowest: float, fastest: float) -> float:
        """Bound the offset from above at any time, with the least and the greatest rate it can have."""
        ahead_s = at_s - self.asked_s
        return self.high_s + (fastest if ahead_s >= 0.0 else slowest) * ahead_s

    def lowest_s(self, at_s: float, slowest: float, fastest: float) -> float:
        """Bound it from below."""
        ahead_s = at_s - self.came_s
        return self.low_s + (slowest if ahead_s >= 0.0 else fastest) * ahead_s


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the offset is at one moment.

    Attributes
    ----------
    low_s, high_s
        It lies between these.
    slowest, fastest
        So fast it can change (seconds per second).
    """

    low_s: float
    high_s: float
    slowest: float
    fastest: float


class OffsetFit:
    """Keeps the exchanges of a few minutes.

    Parameters
    ----------
    max_drift, floor
        The model's two limits (seconds per second).
    """

    def __init__(self, max_drift: float = MAX_DRIFT, floor: float = DRIFT_FLOOR) -> None:
        self._max_drift, self._floor = max_drift, floor
        self._kept: list[Exchange] = []
        self._slowest, self._fastest = -max_drift, max_drift

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._slowest, self._fastest = -self._max_drift, self._max_drift

    def add(self, exchange: Exchange) -> bool:
        """Take an exchange; tells whether it fits those before. If not, they are forgotten."""
        fits = self._fits(exchange)
        if not fits:
            self.clear()
        self._keep(exchange)
        if not self._narrow():
            fits = False
            self.clear()
            self._kept.append(exchange)
        return fits

    def bounds(self, at_s: float) -> Bounds | None:
        """Say where the offset is; None before the first exchange."""
        if not self._kept:
            return None
        rates = self._slowest, self._fastest
        low_s = max(exchange.lowest_s(at_s, *rates) for exchange in self._kept)
        high_s = min(exchange.highest_s(at_s, *rates) for exchange in self._kept)
        return Bounds(low_s, high_s, *rates)

    def _fits(self, exchange: Exchange) -> bool:
        before = self.bounds(exchange.came_s)
        if before is None:
            return True
        high_s = exchange.highest_s(exchange.came_s, before.slowest, before.fastest)
        return before.low_s <= high_s and exchange.low_s <= before.high_s

    def _keep(self, exchange: Exchange) -> None:
        oldest_s = exchange.asked_s - KEPT_S
        self._kept = [kept for kept in self._kept if kept.asked_s >= oldest_s]
        if self._kept and self._kept[-1].asked_s // SLOT_S == exchange.asked_s // SLOT_S:
            last = self._kept[-1]
            aged_s = last.width_s + 2.0 * self._max_drift * max(0.0, exchange.asked_s - last.asked_s)
            if exchange.width_s > aged_s:
                return
            self._kept.pop()
        self._kept.append(exchange)

    def _narrow(self) -> bool:
        """Work out the rates that all exchanges together allow; tells whether there is one."""
        least, most = -self._max_drift, self._max_drift
        for at, later in enumerate(self._kept):
            for earlier in self._kept[:at]:
                span_s = later.came_s - earlier.asked_s
                if span_s > 0.0:
                    least = max(least, (later.low_s - earlier.high_s) / span_s - self._floor)
                span_s = later.asked_s - earlier.came_s
                if span_s > 0.0:
                    most = min(most, (later.high_s - earlier.low_s) / span_s + self._floor)
        if least > most:
            return False
        self._slowest = max(-self._max_drift, least - self._floor)
        self._fastest = min(self._max_drift, most + self._floor)
        return True
