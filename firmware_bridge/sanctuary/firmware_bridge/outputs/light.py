"""Light through MQTT: publishes what a lamp wants at the times at which it wants it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.outputs.base import OnOnset, Onset
from sanctuary.firmware_bridge.outputs.cue import Cue, Modality
from sanctuary.firmware_bridge.outputs.lamps import Lamp

_LOG = logging.getLogger(__name__)

Publish = Callable[[str, bytes, int], None]
"""Sends a payload to a topic at a QoS. Dark is told at least once, also after the link was away; light at
most once, for late it would be out of place."""


class LightOutput:
    """One lamp; a new cue takes the place of one that goes on.

    Parameters
    ----------
    lamp
        What kind, and where.
    publish
        Sends a message, never waiting.
    on_onset
        Hears of each cue when its first message has been sent.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        lamp: Lamp,
        publish: Publish,
        on_onset: OnOnset = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lamp, self._publish, self._on_onset, self._clock = lamp, publish, on_onset, clock
        self._due: deque[tuple[float, str, bytes]] = deque()
        self._online: bool | None = None
        self._told = True

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics whose messages `heard` wants."""
        return (self._lamp.availability,)

    @property
    def busy(self) -> bool:
        """Whether messages are still to be sent."""
        return bool(self._due)

    def heard(self, topic: str, payload: bytes) -> None:
        """Hear from the lamp whether it is there; a lamp that never says so is taken to be.

        A lamp that comes back is made dark: many light up when they get power. One that says again that it is
        there (WLED does at every change) is left alone, for a person may have switched it on to read.
        """
        if topic != self._lamp.availability:
            return
        online, before = payload.strip() != b"offline", self._online
        if online == before:
            return
        self._online, self._told = online, online
        if online and (before is False or not self.busy):
            self.stop(self._clock())

    def linked(self) -> None:
        """Hear that the link to the broker is there (again): what was sent meanwhile may be lost."""
        if not self.busy:
            self.stop(self._clock())

    def play(self, cue: Cue, at_s: float) -> None:
        """Begin a cue."""
        if cue.modality is not Modality.LIGHT:
            raise ValueError(f"a lamp cannot render {cue.modality}")
        if self._online is False:
            self._told = True
            raise self._gone()
        now_s = self._clock()
        self._due = deque(
            (now_s + each.offset_s, each.topic, each.payload) for each in self._lamp.messages(cue)
        )
        self._send(now_s)
        self._on_onset(Onset(cue, at_s, now_s))

    def tick(self, now_s: float) -> None:
        """Send what is due."""
        self._send(now_s)
        if not self._told:
            self._told = True
            self._due.clear()
            raise self._gone()

    def stop(self, _now_s: float) -> None:
        """Go dark at once, and forget the rest."""
        self._due.clear()
        off = self._lamp.off()
        try:
            self._publish(off.topic, off.payload, 1)
        except Exception:
            _LOG.exception("%s: the lamp could not be told to be dark", off.topic)

    def close(self) -> None:
        """Go dark."""
        self.stop(self._clock())

    def _send(self, now_s: float) -> None:
        latest: tuple[float, str, bytes] | None = None
        while self._due and self._due[0][0] <= now_s:
            latest = self._due.popleft()
        if latest is not None:  # what was due before it would only make the lamp flicker
            self._publish(latest[1], latest[2], 0)

    def _gone(self) -> DeviceError:
        return DeviceError(
            f"{self._lamp.availability}: the lamp says that it is offline; check its power and its Wi-Fi",
            Cause.DROPPED,
        )
