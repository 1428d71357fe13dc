"""The times that tenure runs on."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from sanctuary.config.site_settings import TenureSettings

SOLE_RENEW_S = 3.0
SOLE_AUTHORITY_S = 7.5
"""Where a site has one gateway nobody waits to take over: claims are renewed seldom, which spares the broker,
and the one that is started anew waits longer for what its former self may have commanded."""


@dataclass(frozen=True, slots=True)
class TenureTimes:
    """All in seconds on the gateway's own clock.

    Attributes
    ----------
    renew_s
        Between two claims.
    authority_s
        Age of the newest own claim that came back, counted from its sending, at which authority ends.
    silence_s
        Without a claim, after which a circle is taken for nobody's.
    fence_s
        How long after it was sent a claim of another bars us; see `tenure`.
    margin_s
        What clocks may differ.
    patience_s
        How much longer each gateway waits than the one that is wanted more.
    settle_s
        For how long a gateway must be there before circles move to it.
    """

    renew_s: float
    authority_s: float
    silence_s: float
    fence_s: float
    margin_s: float
    settle_s: float
    patience_s: float = 1.0

    @classmethod
    def of(cls, settings: TenureSettings, valid_for_s: float, gateways: int) -> TenureTimes:
        """Derive them; `valid_for_s` is the life of a command that keeps a window open."""
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
    def most_out(self) -> int:
        """Claims worth waiting for; older ones bring no authority when they come back."""
        return ceil(self.authority_s / self.renew_s) + 2
