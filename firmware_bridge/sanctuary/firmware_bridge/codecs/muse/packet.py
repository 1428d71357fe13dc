"""Notifications of a classic Muse, 20 bytes each, big-endian.

::

    EEG            seq uint16 | 12 x uint12, most significant bits first
    accelerometer  seq uint16 | 3 x (x, y, z) int16
    telemetry      seq uint16 | battery /512 % | fuel gauge 2.2 mV | ADC mV | temperature C | zeros

The first number of each is in step over the EEG characteristics and begins again after 65535. Facts: muse-js
(`muse-parse`), muse-lsl and BrainFlow, which agree.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanctuary.config.errors import ProtocolError
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
