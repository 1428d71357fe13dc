"""What one pod hears of UTC: from the gateway, from its own computer, and whether that suffices."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sanctuary.config.clock import ClockSettings
from sanctuary.gateway.night.own_utc import BEHIND_S, HOW_TO_KEEP_IT, STEP_S, OwnUtc
from sanctuary.pods.pod.events import UtcHeard
from sanctuary.pods.pod.utc import UtcMark
from sanctuary.pods.wire.clock import TimeSource

_LOG = logging.getLogger(__name__)


class PodUtc:
    """Tells a pod what is known of UTC, whenever that changes.

    With ``clock.source = "mqtt"`` one clock that a time service keeps is enough, the gateway's or the own.
    ``"system"`` it must be the gateway's: chrony at a pod that follows its gateway calls the clock
    synchronised, whether or not the gateway knows UTC.

    Parameters
    ----------
    pod
        For what is told to people.
    told
        What the gateway tells; None before it has.
    needed
        Whether a person is cued by it.
    tell
        Takes what is to be told to people, once each; by default nothing, where `own` tells it already.
    """

    def __init__(
        self,
        pod: str,
        own: OwnUtc,
        told: Callable[[], TimeSource | None],
        settings: ClockSettings,
        *,
        needed: bool = True,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._pod, self._own, self._told, self._tell = pod, own, told, tell
        self._needed = needed and not settings.allow_unsynchronised
        self._by_gateway = settings.source == "system"
        self._last: UtcHeard | None = None
        self._apart = False

    def news(self, now_s: float) -> UtcHeard | None:
        """Give what is known now, if it is news; `now_s` on the sanctuary clock."""
        source = self._told()
        if source is None:
            return None
        told = UtcMark(source.utc_s_at_zero, source.synchronised)
        own = UtcMark(self._own.utc_s() - now_s, self._own.is_synchronised)
        floor_s = self._own.floor_s
        kept = told.synchronised or (own.synchronised and not self._by_gateway)
        heard = UtcHeard(
            told, own, kept or not self._needed, floor_s - now_s if floor_s is not None else None
        )
        last, self._last = self._last, heard if self._is_news(heard) else self._last
        if self._last is last:
            return None
        self._tell_people(last, heard)
        return heard

    def _is_news(self, heard: UtcHeard) -> bool:
        last = self._last
        if last is None or _flags(last) != _flags(heard):
            return True
        return any(
            (before is None) != (now is None)
            or (before is not None and now is not None and abs(now - before) > STEP_S)
            for before, now in zip(_zeros(last), _zeros(heard), strict=True)
        )

    def _tell_people(self, last: UtcHeard | None, heard: UtcHeard) -> None:
        if not heard.suffices and (last is None or last.suffices):
            self._tell(
                f"{self._pod}: {self._unkept()}; its sleeper is given no cue until one does: {HOW_TO_KEEP_IT}"
            )
        elif heard.suffices and last is not None and not last.suffices:
            self._tell(f"{self._pod}: a time service keeps the clock now")
        apart_s = heard.told.at_zero_s - (heard.own or heard.told).at_zero_s
        was, self._apart = self._apart, abs(apart_s) > BEHIND_S
        if self._apart and not was:
            way = "after" if apart_s > 0.0 else "before"
            self._tell(
                f"{self._pod}: the gateway's UTC is {abs(apart_s):.0f} s {way} this computer's; grants are "
                "judged by the stricter"
            )

    def _unkept(self) -> str:
        others = "" if self._by_gateway else " or this computer's"
        return f"no time service keeps the gateway's clock{others}"


def _flags(heard: UtcHeard) -> tuple[bool, bool, bool]:
    return heard.told.synchronised, heard.own is not None and heard.own.synchronised, heard.suffices


def _zeros(heard: UtcHeard) -> tuple[float | None, float | None, float | None]:
    own = heard.own.at_zero_s if heard.own is not None else None
    return heard.told.at_zero_s, own, heard.floor_at_zero_s
