"""What a virtual headband on a serial port or socket is to its line: bytes in, bytes out, no clock."""

from __future__ import annotations

from typing import Protocol


class SerialBoard(Protocol):
    """A board that sends packets at a steady rate while it streams.

    Attributes
    ----------
    fs_hz
        Packets a second.
    streaming
        Whether it streams now.
    """

    fs_hz: int
    streaming: bool

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:
        """Take bytes from the host at `now_s`; returns the reply. No bytes at all let time pass."""

    def packets(self, n: int) -> bytes:
        """Give the next `n` packets."""
