"""A virtual FreeEEG32, bytes only: 32 channels, always streaming, no commands.

Written from the format as BrainFlow reads it (src/board_controller/freeeeg): start A0, counter of 8 bits,
32 x int24 big-endian, then bytes that BrainFlow skips, stop C0; the rate is BrainFlow's too. Here six bytes
are skipped, the words X, Y and Z of an accelerometer at rest, which makes 105 bytes. No capture of a real
board was seen: that number is plausible, not confirmed.
"""

from __future__ import annotations

import numpy as np

from sanctuary.simulator.devices.signal_source import SignalSource

FS_HZ = 512
N_CHANNELS = 32
AUX_BYTES = 6
PACKET_BYTES = 2 + 3 * N_CHANNELS + AUX_BYTES + 1
LARGEST, SMALLEST = 0x7FFFFF, -0x800000
UV_PER_COUNT = 2.5 / LARGEST / 8 * 1e6
"""2.5 V reference, gain 8."""
AT_REST = (0, 0, 16_384)


class VirtualFreeEeg:
    """One board.

    Parameters
    ----------
    source
        Signal of inputs 1 and 2, or of more; nothing is plugged into the others, which are grounded and
        read 0.
    fs_hz
        Packets a second, for a source at another rate; the packets do not state it.
    """

    def __init__(self, source: SignalSource, fs_hz: int = FS_HZ) -> None:
        self.fs_hz = fs_hz
        self.streaming = True
        self._source = source
        self._counter = 0

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:  # noqa: ARG002  it has no commands
        return b""

    def packets(self, n: int) -> bytes:
        uv = self._source.render(n)[:N_CHANNELS]
        scaled = np.rint(np.nan_to_num(uv / UV_PER_COUNT, nan=float(LARGEST)))
        counts = np.ascontiguousarray(np.clip(scaled, SMALLEST, LARGEST).T.astype(">i4"))
        k = counts.shape[1]
        rows = np.zeros((n, PACKET_BYTES), dtype=np.uint8)
        rows[:, 0] = 0xA0
        rows[:, 1] = (self._counter + np.arange(n)) & 0xFF
        rows[:, 2 : 2 + 3 * k] = counts.view(np.uint8).reshape(n, k, 4)[:, :, 1:].reshape(n, 3 * k)
        rows[:, -1 - AUX_BYTES : -1] = np.array(AT_REST, dtype=">i2").view(np.uint8)
        rows[:, -1] = 0xC0
        self._counter += n
        return rows.tobytes()
