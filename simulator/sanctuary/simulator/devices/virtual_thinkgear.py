"""A virtual NeuroSky headset with its dongle, bytes only: raw frames, a status frame a second, few commands.

Written from the stream's description: ``AA AA``, length, payload, inverted sum. It streams from the
beginning. The dongle accepts C1 (disconnect: the stream ends), C2 (connect to any headset) and C0 with two
bytes (connect to that one), and answers with a D row: D0 connected, D1 not found, D2 disconnected. Band
powers, attention and meditation are constant.

Not imitated: the dongle's D4 rows while it waits, and blinks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.signal_source import SignalSource

FS_HZ = 512
UV_PER_COUNT = 1.8 / 4096 / 2000 * 1e6
SMALLEST, LARGEST = -2048, 2047
"""12 bits, though a frame has room for 16."""
RAW_BYTES = 8
HEADSET_ID = b"\xc3\xa2"
ON_HEAD, OFF_HEAD = 0, 200
ATTENTION, MEDITATION = 53, 61
BAND_POWER = 0x012345
CONNECT, DISCONNECT, AUTO_CONNECT = 0xC0, 0xC1, 0xC2
CONNECTED, NOT_FOUND, DISCONNECTED = 0xD0, 0xD1, 0xD2
POOR_SIGNAL_CODE, ATTENTION_CODE, MEDITATION_CODE, RAW_CODE, POWERS_CODE = 0x02, 0x04, 0x05, 0x80, 0x83


class VirtualThinkGear:
    """One headset with one electrode.

    Parameters
    ----------
    source
        Its first signal is the electrode's; others lead nowhere. NaN is an electrode in the air:
        the signal is stuck at a rail, and the next status frame says so.
    fs_hz
        Samples a second, and samples between two status frames.
    """

    def __init__(self, source: SignalSource, fs_hz: int = FS_HZ) -> None:
        self.fs_hz = fs_hz
        self.streaming = True
        self._source = source
        self._until_status = fs_hz
        self._off_head = False
        self._pending = b""

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:  # noqa: ARG002  it keeps no time
        self._pending += data
        answers = b""
        while self._pending:
            length = 3 if self._pending[0] == CONNECT else 1
            if len(self._pending) < length:
                break
            command, self._pending = self._pending[:length], self._pending[length:]
            answers += self._answer(command)
        return answers

    def packets(self, n: int) -> bytes:
        """Give the next `n` raw frames, and the status frames that fall among them."""
        uv = self._source.render(n)[0]
        raw = _raw_frames(uv)
        pieces: list[bytes] = []
        at = 0
        while at < n:
            step = min(n - at, self._until_status)
            pieces.append(raw[at * RAW_BYTES : (at + step) * RAW_BYTES])
            self._off_head |= bool(np.isnan(uv[at : at + step]).any())
            self._until_status -= step
            if not self._until_status:
                pieces.append(self._status())
            at += step
        return b"".join(pieces)

    def _status(self) -> bytes:
        """Give the frame of once a second, and begin the next second."""
        poor = OFF_HEAD if self._off_head else ON_HEAD
        self._until_status, self._off_head = self.fs_hz, False
        powers = BAND_POWER.to_bytes(3, "big") * 8
        return _frame(
            bytes((POOR_SIGNAL_CODE, poor, POWERS_CODE, len(powers)))
            + powers
            + bytes((ATTENTION_CODE, ATTENTION, MEDITATION_CODE, MEDITATION))
        )

    def _answer(self, command: bytes) -> bytes:
        code, headset = command[0], command[1:]
        if code == DISCONNECT:
            self.streaming = False
            return _frame(bytes((DISCONNECTED, 2)) + HEADSET_ID)
        if code == CONNECT and headset != HEADSET_ID:
            return _frame(bytes((NOT_FOUND, 2)) + headset)
        if code in (CONNECT, AUTO_CONNECT):
            self.streaming = True
            return _frame(bytes((CONNECTED, 2)) + HEADSET_ID)
        return b""


def _frame(payload: bytes) -> bytes:
    return bytes((0xAA, 0xAA, len(payload))) + payload + bytes((~sum(payload) & 0xFF,))


def _raw_frames(uv: NDArray[np.float64]) -> bytes:
    scaled = np.rint(np.nan_to_num(uv / UV_PER_COUNT, nan=float(LARGEST)))
    words = np.clip(scaled, SMALLEST, LARGEST).astype(">i2")
    rows = np.empty((len(uv), RAW_BYTES), dtype=np.uint8)
    rows[:, :5] = (0xAA, 0xAA, 4, RAW_CODE, 2)
    rows[:, 5:7] = words.view(np.uint8).reshape(-1, 2)
    rows[:, 7] = ~rows[:, 3:7].sum(axis=1, dtype=np.uint8)
    return rows.tobytes()
