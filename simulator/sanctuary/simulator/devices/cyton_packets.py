"""The 33 bytes of a Cyton's packets (OpenBCI documentation, Cyton data format).

Written from the format, independently of our decoder: start A0, counter, 8 x int24 big-endian, 6 aux bytes,
stop Cx.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.cyton_amplifier import N_CHANNELS

PACKET_BYTES = 33
START, STOP = 0xA0, 0xC0
ACCEL_EVERY = 10
"""The accelerometer is read 25 times a second; the packets between carry zeros."""
AT_REST = (160, -80, 8000)
"""Accelerometer counts of a person lying still: 1 g along Z at 8000 counts per g, and a little tilted, for
BrainFlow takes X = 0 as "nothing new"."""
AXIS_AT = (7, 8, 9)
"""With time stamps there is room for one axis only: X, Y and Z go where the counter ends in these digits. It
wraps at 256, which breaks the rhythm (firmware, `sendTimeWithAccelSerial`)."""

CountArray = NDArray[np.int32]
ByteArray = NDArray[np.uint8]


class PacketKind(IntEnum):
    """Low half of the stop byte: what the aux bytes mean."""

    ACCEL = 0
    RAW = 1
    TIME_SET_ACCEL = 3
    """The first packet after time stamps were asked for."""
    TIME_ACCEL = 4
    TIME_SET_RAW = 5
    TIME_RAW = 6


SETTLED = {PacketKind.TIME_SET_ACCEL: PacketKind.TIME_ACCEL, PacketKind.TIME_SET_RAW: PacketKind.TIME_RAW}
"""Kind of the packets that follow the first one."""


@dataclass(frozen=True, slots=True, eq=False)
class Aux:
    """What the aux bytes of some packets say.

    Attributes
    ----------
    kind
        Of the first packet; those after it are of the kind in `SETTLED`.
    words
        Three unsigned words of the raw kinds.
    marker
        Put into the first word of the first packet; None for none.
    first_ms
        The board's clock at the first packet.
    """

    kind: PacketKind
    words: tuple[int, int, int] = (0, 0, 0)
    marker: int | None = None
    first_ms: float = 0.0


def packets(counts: CountArray, first: int, aux: Aux, fs_hz: float) -> bytes:
    """Write packets in a row.

    Parameters
    ----------
    counts
        Shape ``(n, 8)``.
    first
        Number of the first packet since the start; the counter is its lowest byte.
    """
    n = len(counts)
    numbers = first + np.arange(n)
    rows = np.zeros((n, PACKET_BYTES), dtype=np.uint8)
    rows[:, 0] = START
    rows[:, 1] = numbers & 0xFF
    wide = counts.astype(">i4").view(np.uint8).reshape(n, N_CHANNELS, 4)
    rows[:, 2:26] = wide[:, :, 1:].reshape(n, 3 * N_CHANNELS)
    if n:
        _write_aux(rows, numbers, aux, fs_hz)
    return rows.tobytes()


def _write_aux(rows: ByteArray, numbers: NDArray[np.int64], aux: Aux, fs_hz: float) -> None:
    later = SETTLED.get(aux.kind, aux.kind)
    rows[:, 32] = STOP | later
    rows[0, 32] = STOP | aux.kind
    if later == PacketKind.ACCEL:
        rows[numbers % ACCEL_EVERY == 0, 26:32] = _big_endian(AT_REST)
    elif later == PacketKind.TIME_ACCEL:
        for axis, digit in zip(AT_REST, AXIS_AT, strict=True):
            rows[(numbers & 0xFF) % 10 == digit, 26:28] = _big_endian((axis,))
    else:
        rows[:, 26:32] = _big_endian(aux.words)
        if aux.marker is not None:
            rows[0, 26:28] = _big_endian((aux.marker,))
    if later in SETTLED.values():
        ms = np.floor(aux.first_ms + np.arange(len(rows)) * (1000.0 / fs_hz)).astype(np.int64) & 0xFFFFFFFF
        rows[:, 28:32] = ms.astype(">u4").view(np.uint8).reshape(-1, 4)


def _big_endian(words: tuple[int, ...]) -> ByteArray:
    return np.array([word & 0xFFFF for word in words], dtype=">u2").view(np.uint8)


def interleaved(
    board: CountArray, daisy: CountArray, before: tuple[CountArray, CountArray], first: int
) -> CountArray:
    """Make 16 channels fit into packets of 8: odd ones carry channels 1 to 8, even ones 9 to 16.

    Each value is the mean of a sample and the one before it, cut towards zero as C divides.

    Parameters
    ----------
    board, daisy
        Shape ``(n, 8)`` each.
    before
        The sample before these of both, shape ``(8,)`` each. At a start it is a stale one, so the first
        packet is invalid.
    first
        Number of the first packet since the start.
    """
    board_mean, daisy_mean = _mean(board, before[0]), _mean(daisy, before[1])
    odd = (first + np.arange(len(board))) % 2 == 1
    return np.where(odd[:, np.newaxis], board_mean, daisy_mean)


def _mean(counts: CountArray, before: CountArray) -> CountArray:
    total = counts + np.concatenate((before[np.newaxis], counts[:-1]))
    return (total + (total < 0)) >> 1
