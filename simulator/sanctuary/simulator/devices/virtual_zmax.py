"""A virtual Hypnodyne ZMax behind its vendor's server, text lines only: commands in, a line a sample out.

Written from the format as dreamento's ZmaxSocket.py and ZmaxHeadband.py read it: ``D.`` and 40 bytes in hex
with dashes between them, ended CRLF. It sends nothing until it receives ``HELLO``, does not answer that, and
streams from then on; a stimulation is carried out without an answer and remembered.

Not imitated: ``DEBUG`` lines, disconnections of the dongle, and readings of the light and the pulse sensors,
which are 0.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.signal_source import SignalSource

FS_HZ = 256
PACKET_BYTES = 40
PACKET_TYPE = 8
UV_PER_COUNT = 3952.0 / 65536
MIDDLE, LARGEST = 32_768, 65_535
AT_REST = (0x0800, 0x0800, 0x0C00)
"""Accelerometer counts of 0, 0 and 1 g at 4 g in 4096 counts, from -2 g."""
BODY_TEMPERATURE = 500
"""25 C."""
EEG_RIGHT_AT, EEG_LEFT_AT, ACCEL_AT, BATTERY_AT, TEMPERATURE_AT = 1, 3, 5, 23, 36
MAX_COMMAND_BYTES = 256
"""Longest command accepted; stimulations have some 70 bytes."""

_STIMULATION = re.compile(rb"LIVEMODE_SENDBYTES \d+ \d+ \d+ ((?:[0-9A-Fa-f]{2}-){13}[0-9A-Fa-f]{2})")
_HEX = np.frombuffer("".join(f"{byte:02X}" for byte in range(256)).encode(), dtype=np.uint8).reshape(256, 2)
_PREFIX = np.frombuffer(b"D.", dtype=np.uint8)
_END = np.frombuffer(b"\r\n", dtype=np.uint8)


class VirtualZmax:
    """One headband, and the server that it is reached through.

    Parameters
    ----------
    source
        Signal of EEG L and EEG R.
    battery_v
        Voltage of its battery, 0 to 6.5.
    fs_hz
        Lines a second, for a source at another rate; the lines do not state it.

    Attributes
    ----------
    last_stimulation
        The bytes of the last stimulation command; None before the first.
    """

    def __init__(self, source: SignalSource, battery_v: float = 4.0, fs_hz: int = FS_HZ) -> None:
        self.fs_hz = fs_hz
        self.streaming = False
        self.last_stimulation: bytes | None = None
        self._source = source
        self._battery = round(battery_v / 6.6 * 1024)
        self._pending = b""

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:  # noqa: ARG002  it keeps no time
        *lines, rest = (self._pending + data).split(b"\n")
        self._pending = rest[-MAX_COMMAND_BYTES:]
        for line in lines:
            self._handle(line.rstrip(b"\r"))
        return b""

    def packets(self, n: int) -> bytes:
        words = np.zeros((n, PACKET_BYTES), dtype=np.uint8)
        words[:, 0] = PACKET_TYPE
        left, right = _counts(self._source.render(n)[:2])
        _write(words, EEG_RIGHT_AT, right)
        _write(words, EEG_LEFT_AT, left)
        for axis, count in enumerate(AT_REST):
            _write(words, ACCEL_AT + 2 * axis, count)
        _write(words, BATTERY_AT, self._battery)
        _write(words, TEMPERATURE_AT, BODY_TEMPERATURE)
        text = np.full((n, PACKET_BYTES, 3), ord("-"), dtype=np.uint8)
        text[:, :, :2] = _HEX[words]
        body = text.reshape(n, 3 * PACKET_BYTES)[:, :-1]
        return np.hstack((np.tile(_PREFIX, (n, 1)), body, np.tile(_END, (n, 1)))).tobytes()

    def _handle(self, line: bytes) -> None:
        stimulation = _STIMULATION.fullmatch(line)
        if stimulation is not None:
            self.last_stimulation = bytes.fromhex(stimulation[1].decode().replace("-", ""))
        elif line == b"HELLO":
            self.streaming = True


def _counts(uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert as the headband does: stuck at a rail beyond full scale, as is an electrode in the air."""
    scaled = np.rint(np.nan_to_num(uv / UV_PER_COUNT, nan=float(LARGEST))) + MIDDLE
    return np.asarray(np.clip(scaled, 0, LARGEST), dtype=np.int64)


def _write(rows: NDArray[np.uint8], at: int, word: NDArray[np.int64] | int) -> None:
    """Write a word of every row, high byte first."""
    rows[:, at] = np.right_shift(word, 8)
    rows[:, at + 1] = np.bitwise_and(word, 0xFF)
