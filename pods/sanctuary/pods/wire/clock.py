"""How far a pod's clock is off, measured over MQTT.

A pod asks at `t1` (its clock), the gateway receives at `t2` and answers at `t3` (the sanctuary clock), the
answer arrives at `t4`. With offset = sanctuary clock - pod clock, and whatever the two delays were:

    t3 - t4 <= offset <= t2 - t1

so that the middle, the offset of NTP (RFC 5905, section 8), is wrong by half the round trip at most. Clocks
drift; the bound widens by the highest relative drift times the time since `t1`. The exchange with the
tightest bound counts: mostly the one with the shortest round trip, until it has aged.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.wire.messages import Message, MessageId, Seconds, read

MAX_DRIFT = 200e-6
"""Two crystals of 100 ppm each, the worst to be met in computers, apart in opposite directions."""
KEPT = 16
"""Exchanges kept; the best of 16 was within 0.9 ms of the truth on a saturated broker."""
_MOST_OPEN = 8
"""Requests that may be unanswered; older ones are given up."""


class TimeRequest(Message):
    """A pod asks for the sanctuary clock."""

    schema_: Literal["time.request.v1"] = Field("time.request.v1", alias="schema")
    id: MessageId
    t1_s: Seconds


class TimeResponse(Message):
    """The gateway's answer."""

    schema_: Literal["time.response.v1"] = Field("time.response.v1", alias="schema")
    id: MessageId
    t1_s: Seconds
    t2_s: Seconds
    t3_s: Seconds


@dataclass(frozen=True, slots=True)
class Offset:
    """What to add to the pod's clock to get the sanctuary clock.

    Attributes
    ----------
    offset_s
        Best estimate.
    uncertainty_s
        The true offset is no farther away than this.
    rtt_s
        Round trip of the exchange behind it, without the gateway's own time.
    """

    offset_s: float
    uncertainty_s: float
    rtt_s: float


@dataclass(frozen=True, slots=True)
class _Exchange:
    asked_s: float
    offset_s: float
    rtt_s: float
    grain_s: float
    """What rounding can have done."""


def respond(payload: bytes, received_s: float, sent_s: float) -> bytes:
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
    return TimeResponse(id=request.id, t1_s=request.t1_s, t2_s=received_s, t3_s=sent_s).to_bytes()


class OffsetEstimator:
    """Keeps the last exchanges of one pod and says what is known of the offset.

    Parameters
    ----------
    boot
        Tells this start of the pod from others, so that no old answer fits.
    kept
        Exchanges kept.
    max_drift
        Highest relative drift between the clocks (seconds per second).
    """

    def __init__(self, boot: str, kept: int = KEPT, max_drift: float = MAX_DRIFT) -> None:
        self._boot = boot
        self._max_drift = max_drift
        self._exchanges: deque[_Exchange] = deque(maxlen=kept)
        self._open: dict[str, float] = {}
        self._asked = 0

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
        offset_s = ((answer.t2_s - asked_s) + (answer.t3_s - now_s)) / 2
        self._exchanges.append(_Exchange(asked_s, offset_s, max(0.0, rtt_s), grain_s))

    def offset(self, now_s: float) -> Offset | None:
        """Say what is known at `now_s` on the pod's clock; None before the first answer."""
        if not self._exchanges:
            return None
        best = min(self._exchanges, key=lambda exchange: self._bound_s(exchange, now_s))
        return Offset(best.offset_s, self._bound_s(best, now_s), best.rtt_s)

    def forget(self) -> None:
        """Start afresh, as after a sleep of the machine or a step of either clock."""
        self._exchanges.clear()
        self._open.clear()

    def _bound_s(self, exchange: _Exchange, now_s: float) -> float:
        age_s = max(0.0, now_s - exchange.asked_s)
        return exchange.rtt_s / 2 + self._max_drift * age_s + exchange.grain_s
