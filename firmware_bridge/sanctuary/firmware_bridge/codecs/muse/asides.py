"""What Muse headbands tell beside the EEG: answers, battery, acceleration."""

from __future__ import annotations

import json
from collections import deque

import numpy as np

from sanctuary.firmware_bridge.codecs.base import MAX_NOTICES, Battery, Notice, Said
from sanctuary.firmware_bridge.codecs.muse.control import ReplyReader
from sanctuary.signal.samples import FloatArray

MAX_READINGS = 12
"""Readings of the accelerometer that may wait for samples, a quarter of a second; the oldest go first."""
MAX_SAID = 1000
MOST_PERCENT = 110.0
"""Fuel gauges go a little beyond 100; more is no charge but nonsense."""


class Asides:
    """Collects them for one connection."""

    def __init__(self) -> None:
        self._motion: deque[FloatArray] = deque(maxlen=MAX_READINGS)
        self._replies = ReplyReader()
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)

    def control(self, notification: bytes) -> None:
        """Take a piece of an answer; answers to a question for the status tell the battery, too."""
        for reply in self._replies.feed(notification):
            self._notices.append(Said(json.dumps(reply, separators=(",", ":"))[:MAX_SAID]))
            percent = reply.get("bp")
            if isinstance(percent, int | float):
                self.battery(percent)

    def battery(self, percent: float) -> None:
        """Take the charge, unless it can be none."""
        if 0.0 <= percent <= MOST_PERCENT:
            self._notices.append(Battery(min(100.0, float(percent))))

    def motion(self, readings_g: FloatArray) -> None:
        """Take readings of the accelerometer, shape ``(3, n)``."""
        self._motion.extend(readings_g.T)

    def take_motion(self, n: int) -> FloatArray:
        """Spread the readings that wait over `n` samples that came with them; shape ``(3, n)``, else NaN."""
        motion = np.full((3, n), np.nan)
        waiting = min(len(self._motion), n)
        for reading in range(waiting):
            motion[:, (2 * reading + 1) * n // (2 * waiting)] = self._motion.popleft()
        return motion

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        taken = list(self._notices)
        self._notices.clear()
        return taken
