"""Notifications of a classic Muse, 20 bytes each, big-endian.

::

    EEG            seq uint16 | 12 x uint12, most significant bits first
    accelerometer  seq uint16 | 3 x (x, y, z) int16
    telemetry      seq uint16 | battery /512 % | fuel gauge 2.2 mV | ADC mV | temperature C | zeros

The first number of each is in step over the EEG characteristics and begins again after 65535. Facts: muse-js
(`muse-parse`), muse-lsl and BrainFlow, which agree.

What Muse headbands tell beside the EEG: answers, battery, acceleration.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.headband import MAX_NOTICES, Battery, Notice, Said
from sanctuary.firmware_bridge.headbands.muse.control import ReplyReader
from sanctuary.signal.samples import FloatArray

NOTIFICATION_BYTES = 20
SAMPLES = 12
"""Samples of one channel in one notification."""
SEQUENCES = 65_536
FS_HZ = 256.0
ZERO, UV_PER_COUNT = 2048, 125 / 256
"""Middle of the 12 bits, and the step: -1000 to +999.5 uV."""
G_PER_COUNT = 1 / 16_384
READINGS = 3
"""Readings of the accelerometer in one notification, at 52 Hz."""


def unpack_eeg(payloads: Sequence[bytes]) -> FloatArray:
    """Microvolts of some channels' payloads of 18 bytes, shape ``(n, 12)``."""
    raw = np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), -1, 3).astype(np.int32)
    counts = np.empty((len(payloads), SAMPLES))
    counts[:, 0::2] = raw[:, :, 0] << 4 | raw[:, :, 1] >> 4
    counts[:, 1::2] = (raw[:, :, 1] & 0x0F) << 8 | raw[:, :, 2]
    return (counts - ZERO) * UV_PER_COUNT


def unpack_motion(data: bytes) -> FloatArray:
    """Acceleration in g of one notification, shape ``(3 axes, 3 readings)``.

    Raises
    ------
    ProtocolError
        Wrong length.
    """
    _check(data)
    return np.frombuffer(data, dtype=">i2", offset=2).reshape(READINGS, 3).T * G_PER_COUNT


@dataclass(frozen=True, slots=True)
class Telemetry:
    """State of the headband's supply.

    Attributes
    ----------
    battery_percent
        0 to 100 where the headband is sound.
    """

    sequence: int
    battery_percent: float
    fuel_gauge_mv: float
    adc_mv: int
    temperature_c: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Telemetry:
        """Read one notification.

        Raises
        ------
        ProtocolError
            Wrong length.
        """
        _check(data)
        sequence, battery, gauge, adc, temperature = struct.unpack_from(">HHHHH", data)
        return cls(sequence, battery / 512, gauge * 2.2, adc, temperature)


def _check(data: bytes) -> None:
    if len(data) != NOTIFICATION_BYTES:
        raise ProtocolError(f"{len(data)} bytes where a Muse sends {NOTIFICATION_BYTES}: {data[:40].hex()}")


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
