"""A pod that goes by its computer's clock, which chrony keeps: trusted as far as chrony trusts it.

Second 0 is the gateway's and comes over MQTT, as does the proof: exchanges with the gateway must agree with
the two computers' clocks, or the pod stays out of windows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from math import inf

from sanctuary.config.clock import ClockSettings
from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.chrony import Tracking, read_tracking
from sanctuary.gateway.night.clocks import cadence_of
from sanctuary.pods.pod.events import ClockMeasured
from sanctuary.pods.wire.clock import TimeSource
from sanctuary.pods.wire.clock_follower import ClockFollower
from sanctuary.pods.wire.packets import Message

_LOG = logging.getLogger(__name__)


class SystemTime:
    """The sanctuary clock as UTC minus its second 0.

    Parameters
    ----------
    name, boot
        Of the pod.
    limit_s
        Uncertainty from which a pod stays out; for what is told to people.
    """

    def __init__(self, name: str, boot: str, settings: ClockSettings, limit_s: float) -> None:
        self._name, self._settings, self._limit_s = name, settings, limit_s
        self._follower = ClockFollower(boot, cadence_of(settings))
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
        """As of `PodTime`."""
        return self._follower.ask(time.time())

    def take(self, message: Message, _now_s: float = 0.0) -> None:
        """As of `PodTime`."""
        ago_s = 0.0 if message.arrived_s is None else time.monotonic() - message.arrived_s
        self._follower.take(message.payload, time.time() - ago_s)
        self._fresh = True

    def news(self, _now_s: float = 0.0) -> ClockMeasured | None:
        """As of `PodTime`: what chrony says, unless the gateway's answers contradict it."""
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

    def hurry(self) -> None:
        """As of `PodTime`."""
        self._follower.hurry()

    def doubt(self) -> None:
        """As of `PodTime`."""
        self._follower.doubt()

    @property
    def in_burst(self) -> bool:
        """As of `PodTime`."""
        return self._follower.in_burst

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
