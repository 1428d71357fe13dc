"""What a gateway has heard about one circle, and how long that keeps it from commanding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from sanctuary.pods.protocol.messages import GatewayClaim

MOST_REMEMBERED = 64
"""Other starts of gateways remembered; those whose commands have run out longest ago go first."""


@dataclass
class Heard:
    """The newest claim of one start of another gateway; times on our own clock.

    Attributes
    ----------
    clear_s
        From when on none of its commands can be in force any more.
    """

    claim: GatewayClaim
    at_s: float
    clear_s: float


class Hearing:
    """Claims of others to one circle.

    Parameters
    ----------
    fence_s
        How long after it was sent a claim may have commands in force, by our own settings; what the claim
        itself says counts if it is longer.
    margin_s
        What clocks may differ.
    """

    def __init__(self, fence_s: float, margin_s: float) -> None:
        self._fence_s, self._margin_s = fence_s, margin_s
        self._heard: dict[tuple[str, str], Heard] = {}
        self.listening_since_s = inf
        """Since when every claim has been heard; `inf` while there is no link."""
        self.top_term = 0
        """Highest term in any claim ever heard."""
        self.last_window_end_s: float | None = None
        """As of the claims, UTC seconds."""

    def begin(self, now_s: float) -> None:
        """Listen from now on; what was heard before may have been the last before a gap, and still counts."""
        self.listening_since_s = now_s

    def stop(self) -> None:
        """Hear nothing any more."""
        self.listening_since_s = inf

    def take(self, claim: GatewayClaim, now_s: float) -> bool:
        """Take another's claim; False if it is none that is newer than the last of the same start."""
        key = (claim.gateway, claim.boot)
        before = self._heard.get(key)
        if before is not None and claim.seq <= before.claim.seq:
            return False
        lasts_s = claim.good_for_s if claim.released else max(claim.good_for_s, self._fence_s)
        self._heard[key] = Heard(claim, now_s, now_s + lasts_s + self._margin_s)
        self._note(claim)
        if len(self._heard) > MOST_REMEMBERED:
            del self._heard[min(self._heard, key=lambda one: self._heard[one].clear_s)]
        return True

    def clear_s(self) -> float:
        """Say from when on nobody else's commands can be in force, if nobody else claims any more."""
        others_s = max((heard.clear_s for heard in self._heard.values()), default=-inf)
        return max(others_s, self.listening_since_s + self._fence_s + self._margin_s)

    def quiet_since_s(self, silence_s: float) -> float:
        """Say since when nobody holds the circle, as far as can be told.

        A claim that is not renewed is taken for dead after `silence_s`, one that is given up at once.
        """
        ends_s = [heard.at_s + (0.0 if heard.claim.released else silence_s) for heard in self._heard.values()]
        newest = max(self._heard.values(), key=lambda heard: heard.at_s, default=None)
        given_up = newest is not None and newest.claim.released and newest.at_s >= self.listening_since_s
        return max([*ends_s, self.listening_since_s + (0.0 if given_up else silence_s)])

    def find(self, fits: Callable[[Heard], bool]) -> bool:
        """Tell whether the newest claim of some other start fits."""
        return any(fits(heard) for heard in self._heard.values())

    def _note(self, claim: GatewayClaim) -> None:
        self.top_term = max(self.top_term, claim.term)
        end_s = claim.last_window_end_s
        if end_s is not None and (self.last_window_end_s is None or end_s > self.last_window_end_s):
            self.last_window_end_s = end_s
