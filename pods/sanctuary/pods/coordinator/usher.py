"""Commands that let pods into a window, keep them there and send them out, and what is noted with them."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.closing import ClosingReason
from sanctuary.pods.coordinator.commander import Commander
from sanctuary.pods.coordinator.holding import Holding, Standing
from sanctuary.pods.coordinator.parts import make_offer
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import Effect, IdSource


class Usher:
    """Speaks to the pods of windows, for circles that are held.

    Parameters
    ----------
    holdings, standings
        Of the coordinator, by circle; the former are only read.
    """

    def __init__(
        self,
        ids: IdSource,
        settings: CoordinatorSettings,
        holdings: Mapping[str, Holding],
        standings: Mapping[str, Standing],
    ) -> None:
        self._ids, self._settings = ids, settings
        self._holdings, self._standings = holdings, standings

    def offer(self, run: WindowRun, pod: str, now_s: float, out: list[Effect]) -> None:
        """Offer a place."""
        offer, until_s = make_offer(run, pod, self._ids, now_s), now_s + self._settings.offer_expiry_s
        run.offers[pod], run.offered_until_s[pod] = offer, until_s
        out.append(self._commander(run).offer(pod, offer, now_s, until_s))

    def open(self, run: WindowRun, pod: str, now_s: float, out: list[Effect]) -> None:
        """Send `open`; a joiner's place in the design is that of the others."""
        start_at_s = now_s + self._settings.lead_s
        valid_until_s = min(now_s + self._settings.valid_for_s, run.end_s)
        run.opened_s[pod] = now_s
        self._keep_until(run, valid_until_s)
        command = self._commander(run).open(
            pod,
            run.offers[pod],
            now_s,
            start_at_s=start_at_s,
            zero_s=run.zero_s,
            valid_until_s=valid_until_s,
        )
        out.append(command)

    def extend(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Keep those that play in the window."""
        valid_until_s = min(now_s + self._settings.valid_for_s, run.end_s)
        self._keep_until(run, valid_until_s)
        run.extend_due_s = now_s + self._settings.extend_every_s
        commander = self._commander(run)
        out += [
            commander.extend(pod, run.id, run.circle.id, now_s, valid_until_s) for pod in run.playing(now_s)
        ]

    def close(self, run: WindowRun, reason: ClosingReason, now_s: float, out: list[Effect]) -> None:
        """Tell all who were ever asked in that the window is over."""
        until_s, commander = now_s + self._settings.valid_for_s, self._commander(run)
        out += [
            commander.close(pod, run.id, run.circle.id, now_s, until_s, reason) for pod in sorted(run.offers)
        ]

    def _keep_until(self, run: WindowRun, valid_until_s: float) -> None:
        """Note how long pods may stay on the strength of what is being sent."""
        run.valid_until_s = max(run.valid_until_s or -inf, valid_until_s)
        standing = self._standings[run.circle.id]
        standing.in_force_until_s = max(standing.in_force_until_s, valid_until_s)

    def _commander(self, run: WindowRun) -> Commander:
        return self._holdings[run.circle.id].commander
