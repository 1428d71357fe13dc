"""When to ask for the time, and from when on the answers are to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from sanctuary.pods.wire.clock import Offset, OffsetEstimator, TimeSource


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

    def ask(self, now_s: float) -> bytes | None:
        """Write a request if one is due."""
        if now_s < self.due_s:
            return None
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
