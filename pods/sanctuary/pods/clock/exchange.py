"""How far a pod's clock is off, measured over MQTT.

A pod asks at `t1` (its clock), the gateway receives at `t2` and answers at `t3` (the sanctuary clock), the
answer arrives at `t4`. With offset = sanctuary clock - pod clock, and whatever the two delays were:

    t3 - t4 <= offset <= t2 - t1

so that the middle, the offset of NTP (RFC 5905, section 8), is wrong by half the round trip at most. Between
exchanges the offset is carried on by `clock_fit`, and its bound with it.

A `ClockFollower` decides when to ask, and from when on the answers are to be trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from math import inf

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.clock.clock_fit import DRIFT_FLOOR, MAX_DRIFT, Exchange, OffsetFit
from sanctuary.pods.protocol.messages import TimeRequest, TimeResponse, read

_MOST_OPEN = 16
"""Requests that may be unanswered; older ones are given up."""
ZERO_TOLERANCE_S = 1.0
"""A clock whose second 0 lies farther from the old one's than this is another clock, not its continuation."""


@dataclass(frozen=True, slots=True)
class TimeSource:
    """Whose clock it is.

    Attributes
    ----------
    gateway, boot
        Who answers, and which of its starts.
    utc_s_at_zero
        UTC seconds at second 0, as known now.
    began_utc_s
        As first known: names the clock.
    synchronised
        Whether a time service keeps that UTC.
    """

    gateway: str
    boot: str
    utc_s_at_zero: float
    began_utc_s: float = 0.0
    synchronised: bool = True

    def is_start_of(self, other: TimeSource) -> bool:
        """Tell whether the other is the same start of the same gateway, whatever UTC it tells."""
        return (self.gateway, self.boot) == (other.gateway, other.boot)


@dataclass(frozen=True, slots=True)
class Offset:
    """What to add to the pod's clock to get the sanctuary clock.

    Attributes
    ----------
    offset_s
        Best estimate.
    uncertainty_s
        The true offset is no farther away than this.
    growth
        So fast the uncertainty grows until the next exchange (seconds per second).
    rate
        So fast the offset itself goes meanwhile, by best estimate.
    """

    offset_s: float
    uncertainty_s: float
    growth: float
    rate: float


def respond(payload: bytes, received_s: float, sent_s: float, source: TimeSource) -> bytes:
    """Answer a `TimeRequest`.

    Parameters
    ----------
    payload
        The request as received.
    received_s, sent_s
        When it came, as early as that was known, and now; sanctuary clock.

    Raises
    ------
    ProtocolError
        Not a request.
    """
    request = read(TimeRequest, payload)
    return TimeResponse(
        id=request.id,
        t1_s=request.t1_s,
        t2_s=received_s,
        t3_s=sent_s,
        gateway=source.gateway,
        boot=source.boot,
        utc_s_at_zero=source.utc_s_at_zero,
        began_utc_s=source.began_utc_s,
        synchronised=source.synchronised,
    ).to_bytes()


class OffsetEstimator:
    """Takes the exchanges of one pod and says what is known of the offset.

    Parameters
    ----------
    boot
        Tells this start of the pod from others, so that no old answer fits.
    max_drift, floor
        As for `OffsetFit`.
    """

    def __init__(self, boot: str, max_drift: float = MAX_DRIFT, floor: float = DRIFT_FLOOR) -> None:
        self._boot = boot
        self._max_drift = max_drift
        self._fit = OffsetFit(max_drift, floor)
        self._open: dict[str, float] = {}
        self._asked = 0
        self.source: TimeSource | None = None
        """Whose clock is measured; None before the first answer."""
        self.taken = 0
        """Exchanges since the last start afresh."""
        self.steps = 0
        """Times that exchanges did not fit those before: a clock was set, or left its rate."""

    def request(self, now_s: float) -> bytes:
        """Write the next request; `now_s` on the pod's clock, when it leaves."""
        self._asked += 1
        asked = f"{self._boot}-{self._asked}"
        self._open[asked] = now_s
        while len(self._open) > _MOST_OPEN:
            del self._open[next(iter(self._open))]
        return TimeRequest(id=asked, t1_s=now_s).to_bytes()

    def take(self, payload: bytes, now_s: float) -> None:
        """Take an answer; `now_s` on the pod's clock, when it came. Each request takes one answer.

        An answer from another gateway, or another start of the same one, forgets what was measured before.

        Raises
        ------
        ProtocolError
            Not an answer, not to an open request of ours, or with impossible times.
        """
        answer = read(TimeResponse, payload)
        asked_s = self._open.get(answer.id)
        if asked_s is None or asked_s != answer.t1_s:
            raise ProtocolError(f"time response {answer.id}: answers no open request")
        del self._open[answer.id]
        grain_s = 4 * math.ulp(max(abs(t_s) for t_s in (asked_s, answer.t2_s, answer.t3_s, now_s)))
        rtt_s = (now_s - asked_s) - (answer.t3_s - answer.t2_s)
        slack_s = grain_s + self._max_drift * abs(now_s - asked_s)
        if answer.t3_s < answer.t2_s or now_s < asked_s or rtt_s < -slack_s:
            raise ProtocolError(f"time response {answer.id}: a clock was set meanwhile, or runs wild")
        source = TimeSource(
            answer.gateway, answer.boot, answer.utc_s_at_zero, answer.began_utc_s, answer.synchronised
        )
        if self.source is not None and not source.is_start_of(self.source):
            self.forget()
        self.source = source
        low_s, high_s = answer.t3_s - now_s - grain_s, answer.t2_s - asked_s + grain_s
        if not self._fit.add(Exchange(asked_s, now_s, low_s, high_s)):
            self.steps += 1
            self.taken = 0
        self.taken += 1

    def offset(self, now_s: float) -> Offset | None:
        """Say what is known at `now_s` on the pod's clock; None before the first answer."""
        bounds = self._fit.bounds(now_s)
        if bounds is None:
            return None
        offset_s = (bounds.low_s + bounds.high_s) / 2.0
        rounding_s = 4 * math.ulp(max(abs(offset_s), abs(now_s)))
        uncertainty_s = max(0.0, bounds.high_s - bounds.low_s) / 2.0 + rounding_s
        growth, rate = (bounds.fastest - bounds.slowest) / 2.0, (bounds.fastest + bounds.slowest) / 2.0
        return Offset(offset_s, uncertainty_s, growth, rate)

    def forget(self) -> None:
        """Start afresh, as after a sleep of the machine or a step of either clock."""
        self._fit.clear()
        self._open.clear()
        self.taken = 0


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often to ask.

    Attributes
    ----------
    burst, gap_s
        Requests at the start, after the link came back and whenever the clock became another, and the time
        between them.
    every_s
        Time between requests after that.
    enough
        Exchanges before what is known counts.
    """

    burst: int = 8
    gap_s: float = 0.1
    every_s: float = 4.0
    enough: int = 4


SPARSE = Cadence(1, 60.0, 60.0, 1)
"""For virtual time, in which one exchange tells everything."""


class ClockFollower:
    """Follows the sanctuary clock from a clock of its own; all times are on the latter.

    Parameters
    ----------
    boot
        As for `OffsetEstimator`.
    """

    def __init__(self, boot: str, cadence: Cadence | None = None) -> None:
        self._cadence = cadence or Cadence()
        self._estimator = OffsetEstimator(boot)
        self._left = self._cadence.burst
        self.due_s = -inf
        """When to ask next."""
        self._asked_s = -inf

    @property
    def source(self) -> TimeSource | None:
        """Whose clock it is; None before the first answer."""
        return self._estimator.source

    @property
    def steps(self) -> int:
        """As of `OffsetEstimator`."""
        return self._estimator.steps

    @property
    def in_burst(self) -> bool:
        """Whether `ask` is wanted every `gap_s`."""
        return self._left > 0

    def hurry(self) -> None:
        """Ask in a burst from now on: the link is back."""
        self._left = self._cadence.burst
        self.due_s = -inf

    def doubt(self) -> None:
        """Trust nothing that was measured, and ask in a burst."""
        self._estimator.forget()
        self.hurry()

    def ask_in_s(self, now_s: float) -> float:
        """Say in how many seconds `ask` has a request to write; not above 0 where it has one now."""
        return 0.0 if now_s < self._asked_s else self.due_s - now_s

    def ask(self, now_s: float) -> bytes | None:
        """Write a request if one is due."""
        if now_s < self._asked_s:  # the own clock was set back, and what was measured by it is worth nothing
            self.doubt()
        if now_s < self.due_s:
            return None
        self._asked_s = now_s
        self._left = max(0, self._left - 1)
        self.due_s = now_s + (self._cadence.gap_s if self._left else self._cadence.every_s)
        return self._estimator.request(now_s)

    def take(self, payload: bytes, now_s: float) -> None:
        """Take an answer; raises `ProtocolError` as `OffsetEstimator.take`."""
        before, steps = self._estimator.source, self._estimator.steps
        self._estimator.take(payload, now_s)
        source = self._estimator.source
        if before is None or source is None:
            return
        if steps != self._estimator.steps or not source.is_start_of(before):
            self.hurry()

    def offset(self, now_s: float) -> Offset | None:
        """Say what is known; its uncertainty is infinite until enough exchanges were made."""
        offset = self._estimator.offset(now_s)
        if offset is None or self._estimator.taken >= self._cadence.enough:
            return offset
        return replace(offset, uncertainty_s=inf)
