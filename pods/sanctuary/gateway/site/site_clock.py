"""The sanctuary clock at a gateway: one clock for the whole site, told to whoever asks.

The gateway that answers counts seconds from second 0 by a clock that nobody sets. A gateway that does not
answer follows the one that does, and goes on from there when its turn comes. Second 0 is kept on disk until
the night ends in order, so that a gateway that crashes comes back to the same clock.

UTC is set now and then, and the seconds are not: what moves is UTC at second 0, which is told with the time.

A pod that goes by its computer's clock, which chrony keeps: trusted as far as chrony trusts it.

Second 0 is the gateway's and comes over MQTT, as does the proof: exchanges with the gateway must agree with
the two computers' clocks, or the pod stays out of windows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from math import inf

from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.config.site_settings import ClockSettings
from sanctuary.gateway.site.clocks import AskedTime, cadence_of
from sanctuary.gateway.site.machine_clock import (
    SYSTEM_CLOCK,
    HostClock,
    SteadySeconds,
    Tracking,
    read_tracking,
)
from sanctuary.gateway.site.own_utc import STEP_S, OwnUtc
from sanctuary.gateway.site.storage import KeptClock, SiteStore
from sanctuary.pods.clock.exchange import Cadence, ClockFollower, TimeSource, respond
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod.events import ClockMeasured

_LOG = logging.getLogger(__name__)

LONGEST_NIGHT_S = 16 * 3600.0
"""A clock kept on disk for longer than this is none of tonight's."""


class SanctuaryClock:
    """Seconds of the sanctuary at this gateway.

    Parameters
    ----------
    gateway, boot
        Of this gateway, and of this start of it.
    utc_s_at_zero
        UTC seconds at second 0.
    system
        Whether it goes by the computer's UTC, which chrony keeps, rather than by its monotonic clock.
    began_utc_s
        As of `TimeSource`; as `utc_s_at_zero` for a clock that begins.
    clock
        The computer's clocks.
    utc
        Its UTC seconds, where something better is known of them than what `clock` says.
    is_synchronised
        Whether a time service keeps `utc`.
    keep
        Hears of `utc_s_at_zero`, `began_utc_s` and `now` when they are to be kept: UTC at second 0 has moved.
    """

    def __init__(
        self,
        gateway: str,
        boot: str,
        utc_s_at_zero: float,
        *,
        system: bool = False,
        cadence: Cadence | None = None,
        began_utc_s: float | None = None,
        clock: HostClock = SYSTEM_CLOCK,
        utc: Callable[[], float] | None = None,
        is_synchronised: Callable[[], bool] = lambda: True,
        keep: Callable[[float, float, float], None] = lambda _zero_s, _began_s, _now_s: None,
    ) -> None:
        self._gateway, self._boot, self._system = gateway, boot, system
        self._monotonic, self._utc = clock.monotonic_s, utc or clock.utc_s
        self._is_synchronised, self._keep = is_synchronised, keep
        self._steady = SteadySeconds(clock)
        self._utc_s_at_zero = utc_s_at_zero
        self._began_utc_s = utc_s_at_zero if began_utc_s is None else began_utc_s
        steady_s = self._steady(self._monotonic())
        self._line = (0.0, self._utc() - utc_s_at_zero - steady_s, 0.0)
        self._apart_s = self._utc() - steady_s
        self._told: TimeSource | None = None
        self._leads = True
        self._follower = ClockFollower(boot, cadence)
        self.uncertainty_s = 0.0
        """How far it may be off the clock of the gateway that answers; 0 where that is this one."""

    @property
    def source(self) -> TimeSource:
        """What this gateway says of itself."""
        zero_s = self.utc_s_at_zero
        synchronised = self._is_synchronised() if self._told is None else self._told.synchronised
        return TimeSource(self._gateway, self._boot, zero_s, self._began_utc_s, synchronised)

    @property
    def began_utc_s(self) -> float:
        """As of `TimeSource`."""
        return self._began_utc_s

    @property
    def utc_s_at_zero(self) -> float:
        """UTC seconds at second 0, as known now."""
        self._hear_utc()
        return self._utc_s_at_zero

    def now(self) -> float:
        """Give the sanctuary clock; from any thread."""
        return self.at(self._monotonic())

    def at(self, monotonic_s: float) -> float:
        """Give what it was at a moment of the monotonic clock."""
        steady_s = self._steady(monotonic_s)
        if self._system:
            self._hear_utc()
            return self._utc() - (self._steady(self._monotonic()) - steady_s) - self._utc_s_at_zero
        since_s, offset_s, rate = self._line
        return steady_s + offset_s + rate * (steady_s - since_s)

    def answer(self, message: MqttMessage) -> bytes:
        """Answer a time request, as the one gateway of the site that does.

        Raises
        ------
        ProtocolError
            Not a request.
        """
        source, now_s = self.source, self.now()
        arrived_s = now_s if message.arrived_s is None else self.at(message.arrived_s)
        return respond(message.payload, min(arrived_s, now_s), self.now(), source)

    def ask(self) -> bytes | None:
        """Write a request to the gateway that answers, if one is due."""
        return self._follower.ask(self._steady(self._monotonic()))

    def follow(self, message: MqttMessage) -> None:
        """Take its answer, and go by its clock from now on.

        Raises
        ------
        ProtocolError
            Not an answer to a request of this gateway, or its own.
        """
        arrived_s = self._monotonic() if message.arrived_s is None else message.arrived_s
        self._follower.take(message.payload, self._steady(arrived_s))
        source, steady_s = self._follower.source, self._steady(self._monotonic())
        offset = self._follower.offset(steady_s)
        if source is None or offset is None or source.boot == self._boot:
            raise ProtocolError(f"{self._gateway}: a time response that tells nothing")
        self._told, self._leads = source, False
        self._utc_s_at_zero, self._began_utc_s = source.utc_s_at_zero, source.began_utc_s
        self._line = (steady_s, offset.offset_s, offset.rate)
        self.uncertainty_s = offset.uncertainty_s

    def lead(self) -> None:
        """Answer from now on: go on from where the followed clock stands, at this computer's own rate."""
        monotonic_s = self._monotonic()
        steady_s = self._steady(monotonic_s)
        self._line = (steady_s, self.at(monotonic_s) - steady_s, 0.0)
        self._follower.hurry()
        self.uncertainty_s = 0.0
        self._leads = True
        self._keep(self._utc_s_at_zero, self._began_utc_s, self.now())

    @property
    def is_followed(self) -> bool:
        """Whether another gateway's clock is known well enough to go by it."""
        return self._follower.source is not None and self.uncertainty_s < inf

    def _hear_utc(self) -> None:
        """Let UTC at second 0 follow this computer's UTC, unless another gateway's is told and is better."""
        utc_s, steady_s = self._utc(), self._steady(self._monotonic())
        by_s, self._apart_s = utc_s - steady_s - self._apart_s, utc_s - steady_s
        if self._told is not None and not (self._leads and self._is_synchronised()):
            return
        if self._system:
            zero_s = self._utc_s_at_zero + (by_s if abs(by_s) > STEP_S else 0.0)
        else:
            since_s, offset_s, rate = self._line
            zero_s = utc_s - (steady_s + offset_s + rate * (steady_s - since_s))
        self._told = None
        if abs(zero_s - self._utc_s_at_zero) > STEP_S:
            self._utc_s_at_zero = zero_s
            self._keep(zero_s, self._began_utc_s, self.now())


def open_clock(
    store: SiteStore,
    gateway: str,
    boot: str,
    *,
    system: bool,
    cadence: Cadence,
    own: OwnUtc | None = None,
    clock: HostClock = SYSTEM_CLOCK,
) -> SanctuaryClock:
    """Go on with the clock of a night that did not end in order, or begin one; it is kept from now on.

    Parameters
    ----------
    own
        What is known of UTC; without it, that is looked up here.
    clock
        The computer's clocks.
    """
    if own is None:
        own = OwnUtc(gateway, store, clock=clock)
        own.look()
    best_utc = clock.utc_s if system else own.utc_s

    def keep(zero_s: float, began_s: float, now_s: float) -> None:
        try:
            store.keep_clock(KeptClock(zero_s, began_s, clock.boot_id, clock.boottime_s() - now_s))
        except SanctuaryError as error:
            _LOG.debug("%s", error)

    kept, now_utc_s = store.clock(), best_utc()
    since_s = None if kept is None else _since_zero(kept, now_utc_s, clock.boottime_s(), clock.boot_id)
    zero_s = began_s = now_utc_s - (since_s or 0.0)
    if kept is not None and since_s is not None:
        began_s = kept.began_utc_s
    store.keep_clock(KeptClock(zero_s, began_s, clock.boot_id, clock.boottime_s() - (since_s or 0.0)))
    return SanctuaryClock(
        gateway,
        boot,
        zero_s,
        system=system,
        cadence=cadence,
        began_utc_s=began_s,
        clock=clock,
        utc=best_utc,
        is_synchronised=lambda: own.is_synchronised,
        keep=keep,
    )


def _since_zero(kept: KeptClock, utc_s: float, boottime_s: float, boot_id: str) -> float | None:
    """Say how long ago second 0 of a kept clock was; None where that was no part of this night.

    Within one start of the computer that is known by a clock that nobody sets; else by UTC.
    """
    same_start = bool(boot_id) and kept.boot_id == boot_id
    since_s = boottime_s - kept.alive_s_at_zero if same_start else utc_s - kept.utc_s_at_zero
    return since_s if 0.0 <= since_s < LONGEST_NIGHT_S else None


class SystemTime(AskedTime):
    """The sanctuary clock as UTC minus its second 0.

    Parameters
    ----------
    name, boot
        Of the pod.
    limit_s
        Uncertainty from which a pod stays out; for what is told to people.
    """

    def __init__(self, name: str, boot: str, settings: ClockSettings, limit_s: float) -> None:
        super().__init__(boot, cadence_of(settings))
        self._name, self._settings, self._limit_s = name, settings, limit_s
        self._tracking: Tracking | None = None
        self._reason = ""
        self._looked = False
        self._fresh = False
        self._told = False

    @property
    def source(self) -> TimeSource | None:
        """Whose second 0 it is; None before it is known."""
        return self._follower.source

    @property
    def is_known(self) -> bool:
        """Whether second 0 is known."""
        return self.source is not None

    def now(self) -> float:
        """Give the sanctuary clock; raises `LookupError` before its second 0 is known."""
        return time.time() - self._zero_s()

    def at(self, monotonic_s: float) -> float:
        """As of `LiveTime`."""
        return self.now() - (time.monotonic() - monotonic_s)

    def ask(self, _now_s: float = 0.0) -> bytes | None:
        return self._follower.ask(time.time())

    def ask_in_s(self, _now_s: float = 0.0) -> float:
        return self._follower.ask_in_s(time.time())

    def on_answer(self, message: MqttMessage, _now_s: float = 0.0) -> None:
        ago_s = 0.0 if message.arrived_s is None else time.monotonic() - message.arrived_s
        self._follower.take(message.payload, time.time() - ago_s)
        self._fresh = True

    def news(self, _now_s: float = 0.0) -> ClockMeasured | None:
        """Give what chrony says, unless the gateway's answers contradict it."""
        if not self._fresh or not self._looked or self._follower.source is None:
            return None
        self._fresh = False
        measured = self._judge()
        reason = self._reason if measured.uncertainty_s > self._limit_s else ""
        if reason and not self._told:
            _LOG.warning("%s: %s; it stays out of windows", self._name, reason)
        elif self._told and not reason:
            _LOG.warning("%s: the clock is sure again", self._name)
        self._told = bool(reason)
        return measured

    async def watch(self) -> None:
        """Ask chrony again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._settings.system_every_s)

    async def look(self) -> None:
        """Ask chrony once."""
        try:
            self._tracking = await read_tracking(self._settings.system_timeout_s)
        except SanctuaryError as error:
            self._tracking, self._reason = None, str(error)
        self._looked = self._fresh = True

    def _judge(self) -> ClockMeasured:
        tracking, offset = self._tracking, self._follower.offset(time.time())
        zero_s = -self._zero_s()
        if tracking is None or offset is None:
            return ClockMeasured(zero_s, inf)
        if offset.uncertainty_s == inf:
            self._reason = "too little was heard of the gateway's clock to compare chrony's with"
            return ClockMeasured(zero_s, inf)
        apart_s = abs(offset.offset_s - zero_s)
        if apart_s > offset.uncertainty_s + tracking.uncertainty_s + self._limit_s:
            self._reason = f"chrony and the gateway's clock are {apart_s:.3f} s apart"
            return ClockMeasured(zero_s, inf)
        self._reason = f"chrony is sure of the clock to {tracking.uncertainty_s:.4f} s only"
        return ClockMeasured(zero_s, tracking.uncertainty_s, tracking.growth)

    def _zero_s(self) -> float:
        if self._follower.source is None:
            raise LookupError("the sanctuary clock is not known yet")
        return self._follower.source.utc_s_at_zero
