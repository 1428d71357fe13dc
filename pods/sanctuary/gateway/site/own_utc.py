"""The computer's UTC, watched: whether a time service keeps it, whether it was set, what it said before.

The latest UTC that a synchronised clock has said is kept in ``clock.json``, and goes on by a clock that
nobody sets: no UTC below it can be true. A computer without a battery for its clock starts below it.

What one pod hears of UTC: from the gateway, from its own computer, and whether that suffices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sanctuary.config.errors import SanctuaryError
from sanctuary.config.site_settings import ClockSettings
from sanctuary.gateway.site.machine_clock import (
    SLEPT_S,
    SYSTEM_CLOCK,
    ClockSources,
    ClockState,
    HostClock,
    Tracking,
    kernel_state,
    slept_s,
    with_chrony,
)
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.clock.exchange import TimeSource
from sanctuary.pods.pod.events import UtcHeard
from sanctuary.pods.pod.evidence import UtcMark
from sanctuary.pods.protocol.gateway_records import ClockRecord

_LOG = logging.getLogger(__name__)

STEP_S = 0.5
"""A clock that moved by more than this against one that nobody sets was set."""
BEHIND_S = 2.0
"""So far below what was kept a clock may be without a word: it drifts, and is corrected."""
KEEP_EVERY_S = 600.0

HOW_TO_KEEP_IT = (
    "see `timedatectl` or `chronyc tracking`, or set clock.allow_unsynchronised = true where somebody has "
    "set the clock by hand"
)

Event = Literal["synchronised", "unsynchronised", "stepped", "behind", "slept"]


@dataclass(frozen=True, slots=True)
class ClockNews:
    """What became of the clock, told once."""

    event: Event
    by_s: float
    text: str


class OwnUtc:
    """What this computer's clock says, and how far it is to be trusted.

    Parameters
    ----------
    name
        The gateway, or the pod where only a pod runs here; for records.
    store
        Where the latest UTC is kept.
    settings
        How often and how patiently chrony is asked.
    unkept_means
        What it means that nobody keeps the clock; empty where that concerns nobody, and is worth no warning.
    clock
        The computer's clocks.
    sources
        Who says whether the clock is kept.
    """

    def __init__(
        self,
        name: str,
        store: SiteStore,
        settings: ClockSettings | None = None,
        unkept_means: str = "",
        *,
        clock: HostClock = SYSTEM_CLOCK,
        sources: ClockSources | None = None,
    ) -> None:
        self._name, self._store, self._settings = name, store, settings or ClockSettings()
        self._unkept_means = unkept_means
        self._clock = clock
        self._sources = sources or ClockSources()
        self._tracking: Tracking | SanctuaryError = SanctuaryError("chrony was not asked")
        self._state: ClockState | None = None
        self._apart_s, self._slept_s = clock.utc_s() - clock.boottime_s(), slept_s(clock)
        floor_s = store.floor()
        self._floor_apart_s = None if floor_s is None else floor_s - clock.boottime_s()
        self._keep_due_s = clock.boottime_s()
        self._is_behind = False
        self._unwritten: list[ClockNews] = []

    @property
    def is_synchronised(self) -> bool:
        """Whether a time service keeps the clock, as of the last look."""
        return self._state is not None and self._state.synchronised

    @property
    def floor_s(self) -> float | None:
        """The latest UTC that a synchronised clock has said here, carried on; None where there is none."""
        return None if self._floor_apart_s is None else self._floor_apart_s + self._clock.boottime_s()

    def utc_s(self) -> float:
        """Give UTC seconds; where nobody keeps the clock, never less than `floor_s`."""
        utc_s, floor_s = self._clock.utc_s(), self.floor_s
        return utc_s if floor_s is None or self.is_synchronised else max(utc_s, floor_s)

    async def ask_chrony(self) -> None:
        """Ask chrony where the kernel does not say that the clock is kept."""
        if self._by_kernel().synchronised:
            return
        try:
            self._tracking = await self._sources.chrony(self._settings.system_timeout_s)
        except SanctuaryError as error:
            self._tracking = error

    async def watch(self) -> None:
        """Ask chrony again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.system_every_s)
            await self.ask_chrony()

    def look(self) -> list[ClockNews]:
        """Look at the clock; gives what became of it since the last look."""
        news = [*self._slept(), *self._stepped(), *self._judged()]
        news += self._compared()
        self._raise_floor()
        for one in news:
            concerns = self._unkept_means or one.event not in ("unsynchronised", "synchronised")
            _LOG.log(logging.WARNING if concerns else logging.INFO, "%s", one.text)
        self._unwritten += news
        return news

    def records(self, now_s: float) -> list[ClockRecord]:
        """Look, and describe all news that were not described yet; `now_s` on the sanctuary clock."""
        self.look()
        news, self._unwritten = self._unwritten, []
        return [
            ClockRecord(
                t_s=now_s,
                gateway=self._name,
                event=one.event,
                by_s=round(one.by_s, 3),
                detail=one.text,
            )
            for one in news
        ]

    def close(self) -> None:
        """Keep the latest UTC, as a last look finds it: the program ends."""
        self.look()
        self._raise_floor(at_once=True)

    def _by_kernel(self) -> ClockState:
        kernel = self._sources.kernel()
        return kernel_state(kernel, None if kernel is not None else self._sources.timesyncd_age_s())

    def _slept(self) -> Iterable[ClockNews]:
        now_slept_s = slept_s(self._clock)
        by_s, self._slept_s = now_slept_s - self._slept_s, now_slept_s
        if by_s > SLEPT_S:
            text = f"this computer slept for {by_s:.0f} s; the sanctuary clock has gone on"
            yield ClockNews("slept", by_s, text)

    def _stepped(self) -> Iterable[ClockNews]:
        apart_s = self._clock.utc_s() - self._clock.boottime_s()
        by_s, self._apart_s = apart_s - self._apart_s, apart_s
        if abs(by_s) > STEP_S:
            self._tracking = SanctuaryError("chrony was not asked since the clock was set")
            way = "forward" if by_s > 0.0 else "back"
            text = (
                f"this computer's clock was set {way} by {abs(by_s):.1f} s; grants are judged by the stricter"
            )
            yield ClockNews("stepped", by_s, text)

    def _judged(self) -> Iterable[ClockNews]:
        before, state = self._state, with_chrony(self._by_kernel(), self._tracking)
        self._state = state
        if not state.synchronised and (before is None or before.synchronised):
            text = f"no time service keeps this computer's clock ({state.why})"
            yield ClockNews("unsynchronised", 0.0, "; ".join(filter(None, (text, self._unkept_means))))
        elif state.synchronised and before is not None and not before.synchronised:
            yield ClockNews("synchronised", 0.0, f"this computer's clock is synchronised now ({state.why})")

    def _compared(self) -> Iterable[ClockNews]:
        """Compare with what was kept."""
        utc_s, floor_s = self._clock.utc_s(), self.floor_s
        was, self._is_behind = self._is_behind, floor_s is not None and utc_s < floor_s - BEHIND_S
        if floor_s is None or not self._is_behind or was:
            return
        way = "both judge grants" if self.is_synchronised else "the later one is used"
        text = (
            f"this computer's clock says {_written(utc_s)}, but a synchronised one has said "
            f"{_written(floor_s)} here; {way}. If the later one is wrong, end this program, remove "
            f"{self._store.clock_path} and start again"
        )
        yield ClockNews("behind", floor_s - utc_s, text)

    def _raise_floor(self, *, at_once: bool = False) -> None:
        """Go by the highest; what is carried on while the clock says less is not written down."""
        if not self.is_synchronised or self._is_behind:
            return
        utc_s, now_s = self._clock.utc_s(), self._clock.boottime_s()
        highest_s = utc_s - now_s if self._floor_apart_s is None else self._floor_apart_s
        self._floor_apart_s = max(utc_s - now_s, highest_s)
        if now_s < self._keep_due_s and not at_once:
            return
        self._keep_due_s = now_s + KEEP_EVERY_S
        try:
            self._store.keep_floor(utc_s)
        except SanctuaryError as error:
            _LOG.debug("%s", error)


def _written(utc_s: float) -> str:
    """Write UTC seconds for people; what no calendar has, as a number."""
    try:
        return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{utc_s:.0f} s"


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
