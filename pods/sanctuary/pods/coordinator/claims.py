"""What other gateways claim, which of them are present, and which should lead: the input of leadership.

All times are seconds on this gateway's own clock (`Now.boottime_s`), unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil, inf

from sanctuary.config.site_settings import LeadershipSettings
from sanctuary.pods.protocol.messages import GatewayClaim, GatewayStatus

SOLE_RENEW_S = 3.0
SOLE_AUTHORITY_S = 7.5
"""Where a site has one gateway none waits to take over: claims are renewed seldom, which spares the broker,
and the gateway, started anew, waits longer for what its former self may have commanded."""
MOST_REMEMBERED = 64
"""Other starts of gateways remembered; those whose commands have run out longest ago are dropped first."""


@dataclass(frozen=True, slots=True)
class LeadershipTimes:
    """The times that leadership runs on, seconds.

    Attributes
    ----------
    renew_s
        Between two claims.
    authority_s
        Age of the newest own claim that came back, counted from its sending, at which authority ends.
    silence_s
        Without a claim, after which a circle is taken for nobody's.
    fence_s
        How long after it was sent a claim of another bars us; see `leadership_state`.
    margin_s
        What clocks may differ.
    settle_s
        For how long a gateway must be present before circles move to it.
    patience_s
        How much longer each gateway waits than the one that is preferred to it.
    """

    renew_s: float
    authority_s: float
    silence_s: float
    fence_s: float
    margin_s: float
    settle_s: float
    patience_s: float = 1.0

    @classmethod
    def of(cls, settings: LeadershipSettings, valid_for_s: float, gateways: int) -> LeadershipTimes:
        """Derive them.

        Parameters
        ----------
        valid_for_s
            Life of a command that keeps a window open, seconds.
        gateways
            How many a site has.
        """
        sole = gateways == 1
        renew_s = SOLE_RENEW_S if sole else settings.renew_s
        authority_s = SOLE_AUTHORITY_S if sole else settings.authority_s
        return cls(
            renew_s,
            authority_s,
            settings.silence_s,
            authority_s + max(authority_s, valid_for_s),
            settings.margin_s,
            settings.settle_s,
        )

    @property
    def most_unconfirmed(self) -> int:
        """How many claims are worth waiting for; older ones bring no authority when they come back."""
        return ceil(self.authority_s / self.renew_s) + 2


@dataclass
class ObservedClaim:
    """The newest claim of one start of another gateway.

    Attributes
    ----------
    at_s
        When it was received.
    clear_s
        From when on none of its commands can be in force any more.
    """

    claim: GatewayClaim
    at_s: float
    clear_s: float


class ClaimMonitor:
    """The claims of others to one circle, and how long they bar this gateway from commanding.

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
        self._claims: dict[tuple[str, str], ObservedClaim] = {}
        self.listening_since_s = inf
        """Since when every claim has been received; `inf` while there is no link."""
        self.top_term = 0
        """Highest term in any claim ever received."""
        self.last_window_end_s: float | None = None
        """As claims tell, UTC seconds."""

    def begin(self, now_s: float) -> None:
        # What was received before may have been the last before a gap, and still counts.
        self.listening_since_s = now_s

    def stop(self) -> None:
        self.listening_since_s = inf

    def push(self, claim: GatewayClaim, now_s: float) -> bool:
        """Keep another's claim; False if it is not newer than the last of the same start."""
        key = (claim.gateway, claim.boot)
        before = self._claims.get(key)
        if before is not None and claim.seq <= before.claim.seq:
            return False
        lasts_s = claim.good_for_s if claim.released else max(claim.good_for_s, self._fence_s)
        self._claims[key] = ObservedClaim(claim, now_s, now_s + lasts_s + self._margin_s)
        self._note(claim)
        if len(self._claims) > MOST_REMEMBERED:
            del self._claims[min(self._claims, key=lambda one: self._claims[one].clear_s)]
        return True

    def clear_s(self) -> float:
        """Say from when on nobody else's commands can be in force, if nobody else claims any more."""
        others_s = max((observed.clear_s for observed in self._claims.values()), default=-inf)
        return max(others_s, self.listening_since_s + self._fence_s + self._margin_s)

    def quiet_since_s(self, silence_s: float) -> float:
        """Say since when nobody leads the circle, as far as can be told.

        A claim that is not renewed is taken for dead after `silence_s`, one that is given up at once.
        """
        ends_s = [one.at_s + (0.0 if one.claim.released else silence_s) for one in self._claims.values()]
        newest = max(self._claims.values(), key=lambda one: one.at_s, default=None)
        given_up = newest is not None and newest.claim.released and newest.at_s >= self.listening_since_s
        return max([*ends_s, self.listening_since_s + (0.0 if given_up else silence_s)])

    def _note(self, claim: GatewayClaim) -> None:
        self.top_term = max(self.top_term, claim.term)
        end_s = claim.last_window_end_s
        if end_s is not None and (self.last_window_end_s is None or end_s > self.last_window_end_s):
            self.last_window_end_s = end_s


@dataclass(frozen=True, slots=True)
class _Seen:
    boot: str
    since_s: float


class PresentGateways:
    """The other gateways that are online as their last status says, and who of them is preferred where."""

    # One that died while the broker was down may be taken for present: it costs whoever is preferred next a
    # second of waiting, nothing else.

    def __init__(self, me: str, gateways: tuple[str, ...]) -> None:
        self._me = me
        self._gateways = gateways
        self._seen: dict[str, _Seen] = {}
        self._declined: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """Drop all of them, as the link is lost; the broker tells again when it is back."""
        self._seen.clear()

    def push(self, status: GatewayStatus, now_s: float) -> None:
        """Keep the status of another gateway."""
        before = self._seen.get(status.gateway)
        if status.online and (before is None or before.boot != status.boot):
            self._seen[status.gateway] = _Seen(status.boot, now_s)
        elif not status.online and before is not None and before.boot == status.boot:
            del self._seen[status.gateway]

    def rank(self, group: str) -> int:
        """Say how many gateways that are present are preferred to this one for a group of circles."""
        return self._order(group).index(self._me)

    def successor(self, group: str, now_s: float, settle_s: float) -> tuple[str, str] | None:
        """Name the gateway, and its start, that should lead a group instead of this one; None if none."""
        first = self._order(group)[0]
        seen = self._seen.get(first)
        if first == self._me or seen is None or now_s - seen.since_s < settle_s:
            return None
        successor = (first, seen.boot)
        return None if successor in self._declined else successor

    def settled(self, now_s: float, settle_s: float) -> list[str]:
        """Name the other gateways that have been present for `settle_s`, in the order of the settings."""
        return [
            gateway
            for gateway in self._gateways
            if gateway in self._seen and now_s - self._seen[gateway].since_s >= settle_s
        ]

    def decline(self, successor: tuple[str, str]) -> None:
        """Note that a gateway was given a circle and did not claim it; it is given none any more."""
        self._declined.add(successor)

    def _order(self, group: str) -> list[str]:
        present = [gateway for gateway in self._gateways if gateway == self._me or gateway in self._seen]
        return preference(group, present)


def preference(group: str, gateways: Collection[str]) -> list[str]:
    """Order gateways by how much they are preferred for a group of circles, the first most.

    Rendezvous hashing: the same order everywhere without an exchange, and a gateway that comes or goes moves
    only the circles that are its own. Circles that share pods are one group, so that one coordinator sees to
    their turns.
    """
    return sorted(gateways, key=lambda gateway: (_weight(group, gateway), gateway), reverse=True)


def _weight(group: str, gateway: str) -> bytes:
    return blake2b(f"{group}/{gateway}".encode(), digest_size=16).digest()


def next_term(above: int, gateways: tuple[str, ...], gateway: str) -> int:
    """Give the lowest term above `above` that is this gateway's: no two gateways ever use the same."""
    count, index = len(gateways), gateways.index(gateway)
    return ((above - index) // count + 1) * count + index
