"""Notifications of a classic Muse, 20 bytes each, big-endian, as muse-js, muse-lsl and BrainFlow read them.

::

    EEG            seq uint16 | 12 x uint12, most significant bits first
    PPG            seq uint16 | 6 x uint24
    motion         seq uint16 | 3 x (x, y, z) int16
    telemetry      seq uint16 | battery /512 % | fuel gauge 2.2 mV | ADC mV | temperature C | zeros
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

PER_PACKET = 12
"""Samples of a channel in one notification."""
READINGS = 3
"""Readings of a motion sensor in one notification."""
PPG_PER_PACKET = 6
STEP_UV = 125 / 256
MIDDLE, LARGEST = 2048, 4095
AT_REST_COUNTS = (500, -350, 16_300)
"""Accelerometer of somebody who lies still, 16384 counts a g."""
GYRO_COUNTS = (12, -7, 3)
LIGHT_COUNTS = (50_000, 100_000, 150_000)
"""Light sensors: ambient, infrared, red."""

MOTION_PAYLOAD = struct.pack(">9h", *(AT_REST_COUNTS * READINGS))
GYRO_PAYLOAD = struct.pack(">9h", *(GYRO_COUNTS * READINGS))
PPG_PAYLOADS = tuple(level.to_bytes(3, "big") * PPG_PER_PACKET for level in LIGHT_COUNTS)


def channels_of(uv: NDArray[np.float64], n_channels: int) -> NDArray[np.float64]:
    """Give TP9, AF7, AF8, TP10 and the auxiliary inputs from what a source renders.

    Parameters
    ----------
    uv
        Two rows are AF7 and AF8, of which the electrodes behind the ears see half on their side. Any other
        number of rows is taken in the order of the channels. Nothing is plugged into what is left: 0.
    """
    rows = np.zeros((n_channels, uv.shape[1]))
    if len(uv) == 2:
        rows[:4] = uv[0] / 2.0, uv[0], uv[1], uv[1] / 2.0
    else:
        rows[: len(uv)] = uv[:n_channels]
    return rows


def counts_of(uv: NDArray[np.float64], step_uv: float, middle: int, largest: int) -> NDArray[np.int64]:
    """Round to the nearest step (halves to the even one); stuck at the rails beyond, NaN at the upper one."""
    scaled = np.nan_to_num(uv / step_uv, nan=float(largest))
    return np.asarray(np.clip(np.rint(scaled) + middle, 0, largest), dtype=np.int64)


def eeg_payloads(uv: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pack rows of whole notifications' samples; shape ``(channels, notifications, 18)``."""
    pairs = counts_of(uv, STEP_UV, MIDDLE, LARGEST).reshape(len(uv), -1, PER_PACKET // 2, 2)
    packed = np.empty((*pairs.shape[:3], 3), dtype=np.uint8)
    packed[..., 0] = pairs[..., 0] >> 4
    packed[..., 1] = (pairs[..., 0] & 0x0F) << 4 | pairs[..., 1] >> 8
    packed[..., 2] = pairs[..., 1] & 0xFF
    return packed.reshape(len(uv), -1, 18)


def telemetry_payload(battery_percent: float) -> bytes:
    """State of the supply."""
    return struct.pack(">4H10x", round(battery_percent * 512), 1856, 3967, 27)
