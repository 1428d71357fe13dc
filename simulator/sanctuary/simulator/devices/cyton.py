"""A virtual OpenBCI Cyton, bytes only: commands in, replies and packets out.

Written from the data format, not from our decoder: start A0, counter, 8 x int24 big-endian, accelerometer
in one of ten packets (25 Hz), stop C0. It answers like firmware 3.1 and keeps silent while it streams.
"""

from __future__ import annotations

import re

import numpy as np

from sanctuary.simulator.devices.source import SignalSource

FS_HZ = 250
BANNER = (
    b"OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\n"
    b"LIS3DH Device ID: 0x33\r\nFirmware: v3.1.2\r\n$$$"
)
GAINS = (1, 2, 4, 6, 8, 12, 24)
LARGEST, SMALLEST = 0x7FFFFF, -0x800000
ACCEL_EVERY = 10
AT_REST = (0, 0, 8000)
"""Accelerometer counts of somebody lying still: 1 g along Z at 8000 counts per g."""
_CHANNEL_SETTINGS = re.compile(rb"x([1-8])([01])([0-6])([0-7])[01][01][01]X")
_PLAIN_REPLIES = {
    b"V": b"v3.1.5$$$",
    b"d": b"updating channel settings to default$$$",
    b"D": b"060110$$$",
    b"c": b"daisy removed$$$",
    b"~": b"Success: Sample rate is 250Hz$$$",
}


class VirtualCyton:
    """One board.

    Parameters
    ----------
    source
        Signal of channels 1 and 2; the others are grounded and read 0.
    """

    def __init__(self, source: SignalSource) -> None:
        self._source = source
        self._gains = [24] * 8
        self._counter = 0
        self._pending = b""
        self.streaming = False

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the host; returns the reply."""
        self._pending += data
        replies = b""
        while self._pending:
            taken, reply = self._command()
            if not taken:
                break
            self._pending = self._pending[taken:]
            replies += reply
        return replies

    def packets(self, n: int) -> bytes:
        """Give the next `n` packets."""
        uv = np.zeros((8, n))
        uv[:2] = self._source.render(n)
        scale = np.array([4.5e6 / gain / LARGEST for gain in self._gains])[:, np.newaxis]
        counts = np.clip(np.rint(uv / scale), SMALLEST, LARGEST).astype(">i4")
        rows = np.zeros((n, 33), dtype=np.uint8)
        counters = self._counter + np.arange(n)
        rows[:, 0] = 0xA0
        rows[:, 1] = counters & 0xFF
        rows[:, 2:26] = (
            np.ascontiguousarray(counts.T).view(np.uint8).reshape(n, 8, 4)[:, :, 1:].reshape(n, 24)
        )
        rows[counters % ACCEL_EVERY == 0, 26:32] = np.array(AT_REST, dtype=">i2").view(np.uint8)
        rows[:, 32] = 0xC0
        self._counter = int(counters[-1] + 1) if n else self._counter
        return rows.tobytes()

    def _command(self) -> tuple[int, bytes]:
        """Obey the first command; returns its length (0: unfinished) and the reply."""
        first = self._pending[:1]
        if first == b"x":
            return self._channel_settings()
        if first == b"~":
            return (0, b"") if len(self._pending) < 2 else (2, self._unless_streaming(_PLAIN_REPLIES[b"~"]))
        if first == b"v":
            self.streaming, self._gains = False, [24] * 8
            return 1, BANNER
        if first in (b"b", b"s"):
            self.streaming = first == b"b"
            return 1, b""
        if first == b"d":
            self._gains = [24] * 8
        return 1, self._unless_streaming(_PLAIN_REPLIES.get(first, b""))

    def _channel_settings(self) -> tuple[int, bytes]:
        if len(self._pending) < 9:
            return 0, b""
        match = _CHANNEL_SETTINGS.match(self._pending)
        if match is None:
            return 1, self._unless_streaming(b"Failure: Err: 9th char not X$$$")
        channel = int(match[1])
        self._gains[channel - 1] = GAINS[int(match[3])]
        return 9, self._unless_streaming(b"Success: Channel set for %d$$$" % channel)

    def _unless_streaming(self, reply: bytes) -> bytes:
        return b"" if self.streaming else reply
